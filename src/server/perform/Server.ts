/** The commands that concern the whole server or its clock, and the one that ends a connection. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { clock } from "../../commands/Clock.ts"
import { typed } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { quit, stats } from "../../commands/Server.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import * as Reply from "../../domain/Reply.ts"
import type { Perform } from "../Session.ts"
import type { VirtualClockService } from "../VirtualClock.ts"

export const server: ReadonlyArray<readonly [Entry, Perform]> = [
  [
    quit,
    ({ context }) => {
      context.counters.quits++
      return "ended"
    }
  ],
  [
    stats,
    ({ context }, _commands, _command, now, replies) => {
      Reply.write(context.statistics(now), replies)
      return "answered"
    }
  ],
  [
    clock,
    ({ context }, commands, command, _now, replies) => {
      if (context.clock !== undefined) return moveClock(context.clock, commands, command)
      replies.error(Reply.ERR, "CLOCK is for servers with virtual time only: start one with serve --clock virtual")
      return "answered"
    }
  ]
]

const moveClock = (
  clock: VirtualClockService,
  commands: CommandBatch,
  command: number
): Effect.Effect<(sink: Reply.ReplySink) => void> => {
  const request = Result.getOrThrow(typed(commands, command))
  return request._tag === "Clock"
    ? Effect.map(clock.perform(request.action), (reply) => (sink) => Reply.write(reply, sink))
    : Effect.die(request)
}
