/**
 * Requests as typed data, for those who are in no hurry: what a person types or pipes in is read by the server's own
 * decoder, and given as the Schema has it.
 */
import * as Result from "effect/Result"
import { HTTP, HTTP_REQUEST, REFUSE, REFUSE_AND_CLOSE, typed } from "../commands/Commands.ts"
import type { Command } from "../domain/Command.ts"
import { BATCH_COMMANDS, CommandBatch } from "../domain/CommandBatch.ts"
import type { RequestDecoder } from "./Protocol.ts"

/** What a peer sent that is no command. */
export interface Malformed {
  readonly _tag: "Malformed"
  /** What was wrong, naming the part: one line of printable ASCII, to be sent as the reply. */
  readonly message: string
  /**
   * `syntax`: the connection goes on. `too-long`: the message has no end within its limit, so what follows cannot be
   * understood. `http`: a browser speaks, so nothing after it may be executed. `http-request`: the same, and it did so from
   * the first line on, so that it can be answered in HTTP. All but the first end the connection.
   */
  readonly reason: "syntax" | "too-long" | "http" | "http-request"
}

/** One message of a client, as decoded. */
export type Request = Command | Malformed

const reasons: ReadonlyMap<number, Malformed["reason"]> = new Map([
  [REFUSE, "syntax"],
  [REFUSE_AND_CLOSE, "too-long"],
  [HTTP, "http"],
  [HTTP_REQUEST, "http-request"]
])

/** A command of a batch as typed data. */
export const requestOf = (commands: CommandBatch, command: number): Request => {
  const reason = reasons.get(commands.id(command))
  if (reason !== undefined) return { _tag: "Malformed", message: commands.message(command), reason }
  return Result.match(typed(commands, command), {
    onSuccess: (request): Request => request,
    onFailure: (message): Request => ({ _tag: "Malformed", message, reason: "syntax" })
  })
}

export class RequestReader {
  private readonly decoder: RequestDecoder
  private readonly room: number
  private readonly commands = new CommandBatch()
  private unfinished = Buffer.alloc(0)

  /** `room`: how many requests are decoded at a time. */
  constructor(decoder: RequestDecoder, room: number = BATCH_COMMANDS) {
    this.decoder = decoder
    this.room = room
  }

  /** Bytes of an unfinished request that are being held. */
  get pending(): number {
    return this.unfinished.length
  }

  /** The requests that are whole with these bytes. */
  read(chunk: Uint8Array): ReadonlyArray<Request> {
    const { commands } = this
    const bytes = Buffer.concat([this.unfinished, chunk])
    const requests: Array<Request> = []
    let offset = 0
    do {
      commands.begin(bytes, this.room)
      offset = this.decoder.decode(commands, offset, bytes.length)
      for (let command = 0; command < commands.count; command++) requests.push(requestOf(commands, command))
    } while (commands.count > 0)
    this.unfinished = bytes.subarray(offset)
    return requests
  }
}
