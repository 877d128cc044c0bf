/**
 * Requests as typed data, for callers without speed requirements. What a person types or pipes in is read by the
 * server's own decoder and given as the Schema defines it. The server's hot path does not use this module.
 */
import * as Result from "effect/Result"
import { HTTP, HTTP_REQUEST, REFUSE, REFUSE_AND_CLOSE, typed } from "../commands/Commands.ts"
import type { Command } from "../domain/Command.ts"
import { BATCH_COMMANDS, CommandBatch } from "../domain/CommandBatch.ts"
import type { RequestDecoder } from "./Protocol.ts"

/** A request that is not a command. */
export interface Malformed {
  readonly _tag: "Malformed"
  /** What was wrong, naming the part: one line of printable ASCII, which is sent as the reply. */
  readonly message: string
  /**
   * - `syntax`: the connection continues. All other reasons end it.
   * - `too-long`: the message exceeds its limit without an end, so what follows cannot be understood.
   * - `http`: a browser is speaking, so nothing after it may be executed.
   * - `http-request`: the same, from the first line on, so that it can be answered in HTTP.
   */
  readonly reason: "syntax" | "too-long" | "http" | "http-request"
}

/** One decoded message of a client. */
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

  /** `room` is the number of requests that are decoded at a time. */
  constructor(decoder: RequestDecoder, room: number = BATCH_COMMANDS) {
    this.decoder = decoder
    this.room = room
  }

  /** The number of kept bytes of an unfinished request. */
  get pending(): number {
    return this.unfinished.length
  }

  /** The requests that are complete with these bytes. */
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
