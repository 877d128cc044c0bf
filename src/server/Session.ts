/**
 * What a client is to the server: the protocol that it speaks, and what commands of its own have made of it. It does the
 * commands that no executor does, and knows nothing of sockets.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { CLOCK, HTTP, HTTP_REQUEST, QUIT, REFUSE_AND_CLOSE, STATS, typed } from "../commands/Commands.ts"
import type { Caller } from "../commands/Execution.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import * as Reply from "../domain/Reply.ts"
import type { ProtocolService, ReplyWriter, RequestDecoder } from "../protocol/Protocol.ts"
import type { ServerCounters } from "./ServerCounters.ts"
import type { SharedWriter } from "./SharedWriter.ts"
import type { VirtualClockService } from "./VirtualClock.ts"

/** What all sessions of a server share. */
export interface SessionContext {
  readonly protocol: ProtocolService
  readonly writer: SharedWriter
  readonly counters: ServerCounters
  /** What STATS says at `now`, in ms. */
  readonly statistics: (now: number) => Reply.Reply
  /** In tests: what the CLOCK command moves. */
  readonly clock: VirtualClockService | undefined
  /** Called when a browser speaks to the server. */
  readonly onHttp: () => void
}

/** What a command that no executor does comes to. */
export type Outcome =
  /** It is answered. */
  | "answered"
  /** It is answered, and nothing after it is executed. */
  | "answered last"
  /** It has no answer, and nothing after it is executed. */
  | "ended"
  /** It has to be waited for. */
  | Effect.Effect<Reply.Reply>

export class Session implements Caller {
  readonly database = 0
  readonly writer: SharedWriter
  private readonly context: SessionContext
  private readonly decoder: RequestDecoder

  constructor(context: SessionContext) {
    this.context = context
    this.writer = context.writer
    this.decoder = context.protocol.makeRequestDecoder()
  }

  /** As `RequestDecoder.decode`. */
  decode(commands: CommandBatch, offset: number, end: number): number {
    const before = commands.messageCount
    const next = this.decoder.decode(commands, offset, end)
    this.context.counters.protocolErrors += commands.messageCount - before
    return next
  }

  get needed(): number {
    return this.decoder.needed
  }

  /** Does a command at `now`, and puts its answer into `replies`. */
  perform(commands: CommandBatch, command: number, now: number, replies: ReplyWriter): Outcome {
    const { clock, counters, onHttp, statistics } = this.context
    const id = commands.id(command)
    replies.begin()
    switch (id) {
      case QUIT:
        counters.quits++
        return "ended"
      case STATS:
        Reply.write(statistics(now), replies)
        return "answered"
      case CLOCK:
        if (clock !== undefined) return moveClock(clock, commands, command)
        replies.error(Reply.ERR, "CLOCK is for servers with virtual time only: start one with serve --clock virtual")
        return "answered"
      case HTTP_REQUEST:
        onHttp()
        replies.refuseHttp(commands.message(command))
        return "answered last"
      case HTTP:
        onHttp()
        replies.error(Reply.ERR, commands.message(command))
        return "answered last"
      case REFUSE_AND_CLOSE:
        replies.error(Reply.ERR, commands.message(command))
        return "answered last"
      default:
        throw new Error(`no one does the command ${id}`)
    }
  }
}

const moveClock = (clock: VirtualClockService, commands: CommandBatch, command: number): Effect.Effect<Reply.Reply> => {
  const request = Result.getOrThrow(typed(commands, command))
  return request._tag === "Clock" ? clock.perform(request.action) : Effect.die(request)
}
