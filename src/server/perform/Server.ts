/** The commands that concern the whole server or its clock, and the one that ends a connection. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { clock } from "../../commands/Clock.ts"
import { typed } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { quit, stats } from "../../commands/Server.ts"
import { wrongCount } from "../../commands/Usage.ts"
import type { ClockAction, StatsTopic } from "../../domain/Command.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import * as Reply from "../../domain/Reply.ts"
import { type Curve, missRatioAt } from "../../insight/Insight.ts"
import type { Perform, SessionContext } from "../Session.ts"
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
    ({ context }, commands, command, now, replies) => {
      const topic = statsTopic(commands, command)
      if (Result.isFailure(topic)) replies.error(Reply.ERR, topic.failure)
      else
        Reply.write(topic.success === undefined ? context.statistics(now) : about(topic.success, context, now), replies)
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

/** What a STATS command asks for, or what is wrong with it. */
const statsTopic = (commands: CommandBatch, command: number): Result.Result<StatsTopic | undefined, string> =>
  Result.flatMap(typed(commands, command), (request) =>
    request._tag === "Stats" ? Result.succeed(request.topic) : Result.fail(`${request._tag} is no STATS`)
  )

/** What STATS says about a topic. */
const about = (topic: StatsTopic, { executor: { insight } }: SessionContext, now: number): Reply.Reply => {
  switch (topic) {
    case "curve": {
      const curve = insight?.curve(now)
      return curve === undefined ? NO_CURVE : Reply.statistics(curveFields(curve))
    }
    case "hot":
      return ranked(
        "hot",
        insight?.hotKeys(SHOWN_KEYS).map(({ count, database, key }) => ({ key, database, figure: count }))
      )
    case "big":
      return ranked(
        "big",
        insight?.bigKeys(SHOWN_KEYS).map(({ bytes, database, key }) => ({ key, database, figure: bytes }))
      )
  }
}

/** How many keys a line shows, and how many characters of each. */
const SHOWN_KEYS = 10
const SHOWN_CHARACTERS = 100

const NO_CURVE = Reply.failed("there is no curve: too little was read so far, or sampling is off (--sampling)")

/** Of the present memory. */
const FACTORS = [0.125, 0.25, 0.5, 1, 2, 4, 8]

/** The hit rates, in %, at some sizes: `hits_x0_5` at half of the present memory. */
const curveFields = ({ here, points, samples }: Curve): Readonly<Record<string, string>> => ({
  memory: String(Math.round(here.bytes)),
  samples: String(samples),
  ...Object.fromEntries(
    FACTORS.map((factor) => [
      `hits_x${String(factor).replace(".", "_")}`,
      (100 * (1 - missRatioAt(points, here.bytes * factor))).toFixed(1)
    ])
  )
})

/** Keys by their rank, each with a figure behind it. What is no word of printable ASCII is written as in a URL. */
const ranked = (
  name: string,
  keys: ReadonlyArray<{ readonly key: string; readonly database: number; readonly figure: number }> = []
): Reply.Reply => {
  const fields = keys.map(({ database, figure, key }, at) => {
    const word = key.replaceAll(/[^\x21-\x7e]|%/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, "0")}`)
    const shown = word.length > SHOWN_CHARACTERS ? `${word.slice(0, SHOWN_CHARACTERS)}...` : word
    return [`${name}${at + 1}`, `${database === 0 ? "" : `db${database}:`}${shown}:${figure}`]
  })
  return Reply.statistics({ keys: String(keys.length), ...Object.fromEntries(fields) })
}

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
