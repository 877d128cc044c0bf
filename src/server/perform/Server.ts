/** The commands that concern the whole server or its clock, and the one that ends a connection. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { clock } from "../../commands/Clock.ts"
import { typed } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { quit, stats } from "../../commands/Server.ts"
import { wrongCount } from "../../commands/Usage.ts"
import type { ClockAction } from "../../domain/Command.ts"
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
      if (context.clock === undefined) {
        replies.error(Reply.ERR, "CLOCK is for servers with virtual time only: start one with serve --clock virtual")
        return "answered"
      }
      const action = clockAction(commands, command)
      if (Result.isSuccess(action)) return moveClock(context.clock, action.success)
      replies.error(Reply.ERR, action.failure)
      return "answered"
    }
  ]
]

/** What a CLOCK command is to do, or what is wrong with it. */
const clockAction = (commands: CommandBatch, command: number): Result.Result<ClockAction, string> => {
  const wrong = wrongCount(clock, commands.argc(command), commands.text(command, 0))
  if (wrong !== undefined) return Result.fail(wrong)
  return Result.flatMap(typed(commands, command), (request) =>
    request._tag === "Clock" ? Result.succeed(request.action) : Result.fail(`${request._tag} is no CLOCK`)
  )
}

const moveClock = (clock: VirtualClockService, action: ClockAction): Effect.Effect<(sink: Reply.ReplySink) => void> =>
  Effect.map(clock.perform(action), (reply) => (sink) => Reply.write(reply, sink))
