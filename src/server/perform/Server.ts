/** The commands that concern the whole server or its clock, and the one that ends a connection. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { clock, isAction } from "../../commands/Clock.ts"
import { typed } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { quit, stats } from "../../commands/Server.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import * as Reply from "../../domain/Reply.ts"
import type { Outcome, Perform } from "../Session.ts"
import type { VirtualClockService } from "../VirtualClock.ts"

const NO_ACTION = `wrong arguments: CLOCK takes ${(clock.subcommands ?? []).map(({ args, name }) => [name, ...args].join(" ")).join(", ")}`

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
      if (context.clock !== undefined) return moveClock(context.clock, commands, command, replies)
      replies.error(Reply.ERR, "CLOCK is for servers with virtual time only: start one with serve --clock virtual")
      return "answered"
    }
  ]
]

/** The text protocol's decoder has checked the arguments, and Redis's has not. */
const moveClock = (
  clock: VirtualClockService,
  commands: CommandBatch,
  command: number,
  replies: Reply.ReplySink
): Outcome => {
  const request = isAction(commands.text(command, 0), commands.argc(command) - 1)
    ? typed(commands, command)
    : Result.fail(NO_ACTION)
  if (Result.isFailure(request)) {
    replies.error(Reply.ERR, request.failure)
    return "answered"
  }
  return request.success._tag === "Clock"
    ? Effect.map(clock.perform(request.success.action), (reply) => (sink) => Reply.write(reply, sink))
    : Effect.die(request.success)
}
