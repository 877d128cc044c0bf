/** SLOWLOG, LATENCY and MONITOR: what commands do to a server. */
import { integer } from "../../commands/Arguments.ts"
import { commands as table } from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { ok } from "../../commands/Replies.ts"
import {
  latencyDoctor,
  latencyGraph,
  latencyHistogram,
  latencyHistory,
  latencyLatest,
  latencyReset,
  monitor,
  slowLogGet,
  slowLogLen,
  slowLogReset
} from "../../commands/Slowness.ts"
import { ERR } from "../../domain/Reply.ts"
import type { ReplyWriter } from "../../protocol/Protocol.ts"
import type { Spikes } from "../LatencyLog.ts"
import type { Perform } from "../Session.ts"
import { atOnce, bulkLatin1, texts } from "./Perform.ts"

const SHOWN = 10

const performSlowLogGet: Perform = atOnce(({ context }, commands, command, _now, replies) => {
  const { slowLog } = context.observation
  const count = commands.argc(command) === 0 ? SHOWN : integer(commands, command, 0)
  if (!(count >= -1)) return replies.error(ERR, "count should be greater than or equal to -1")
  const shown = slowLog.newest(count === -1 ? slowLog.length : count)
  replies.array(shown.length)
  for (const { address, at, id, micros, name, words } of shown) {
    replies.array(6)
    replies.integer(id)
    replies.integer(at)
    replies.integer(micros)
    replies.array(words.length)
    for (const word of words) bulkLatin1(replies, word)
    replies.text(address)
    replies.text(name)
  }
})

const writeSpikes = (replies: ReplyWriter, spikes: Spikes | undefined): void => {
  replies.array(spikes?.spikes.length ?? 0)
  for (const { at, millis } of spikes?.spikes ?? []) {
    replies.array(2)
    replies.integer(at)
    replies.integer(millis)
  }
}

const ROWS = 4

/** Columns of as many marks as a spike is high, the newest on the right. */
const graph = (event: string, { highest, spikes }: Spikes): string => {
  const heights = spikes.slice(-80).map(({ millis }) => millis)
  const high = Math.max(...heights)
  const row = (number: number): string =>
    heights.map((millis) => (millis * ROWS > high * (ROWS - number) ? "#" : number === ROWS ? "_" : " ")).join("")
  return [
    `${event} - high ${high} ms, low ${Math.min(...heights)} ms (all time high ${highest} ms)`,
    "-".repeat(80),
    ...Array.from({ length: ROWS }, (_, number) => row(number + 1)),
    ""
  ].join("\n")
}

const DISABLED =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use " +
  '"CONFIG SET latency-monitor-threshold <milliseconds>." in order to enable it.\n'

const NO_SPIKES =
  "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I " +
  "honestly think you ought to sit down calmly, take a stress pill, and think things over.\n"

/** How often a command was seen to take less than powers of two of µs. */
const performHistogram: Perform = atOnce(({ context }, commands, command, _now, replies) => {
  const names = texts(commands, command).map((name) => name.toUpperCase())
  const found = table.flatMap(({ name, protocols }, id) => {
    const isAsked = names.length === 0 || names.includes(name) || names.some((asked) => name.startsWith(`${asked}|`))
    const times = isAsked && protocols.length > 0 ? context.executor.statistics.timesOf(id) : undefined
    return times === undefined ? [] : [{ name, times }]
  })
  replies.map(found.length)
  for (const { name, times } of found) {
    const counts = times.belowPowersOfTwo
    replies.text(name.toLowerCase())
    replies.map(2)
    replies.text("calls")
    replies.integer(times.count)
    replies.text("histogram_usec")
    replies.map(counts.length)
    for (const [micros, count] of counts) {
      replies.integer(micros)
      replies.integer(count)
    }
  }
})

export const slowness: ReadonlyArray<readonly [Entry, Perform]> = [
  [slowLogGet, performSlowLogGet],
  [
    slowLogLen,
    atOnce(({ context }, _commands, _command, _now, replies) => replies.integer(context.observation.slowLog.length))
  ],
  [
    slowLogReset,
    atOnce(({ context }, _commands, _command, _now, replies) => {
      context.observation.slowLog.reset()
      replies.fixed(ok)
    })
  ],
  [
    latencyLatest,
    atOnce(({ context }, _commands, _command, _now, replies) => {
      const all = [...context.observation.latency.all]
      replies.array(all.length)
      for (const [event, { highest, spikes }] of all) {
        const last = spikes.at(-1)
        replies.array(4)
        replies.text(event)
        replies.integer(last?.at ?? 0)
        replies.integer(last?.millis ?? 0)
        replies.integer(highest)
      }
    })
  ],
  [
    latencyHistory,
    atOnce(({ context }, commands, command, _now, replies) =>
      writeSpikes(replies, context.observation.latency.get(commands.text(command, 0)))
    )
  ],
  [
    latencyReset,
    atOnce(({ context }, commands, command, _now, replies) =>
      replies.integer(context.observation.latency.reset(texts(commands, command)))
    )
  ],
  [
    latencyGraph,
    atOnce(({ context }, commands, command, _now, replies) => {
      const event = commands.text(command, 0)
      const spikes = context.observation.latency.get(event)
      if (spikes === undefined) replies.error(ERR, `No samples available for event '${event}'`)
      else replies.verbatim(graph(event, spikes))
    })
  ],
  [
    latencyDoctor,
    atOnce(({ context }, _commands, _command, _now, replies) => {
      const { latency } = context.observation
      const events = Array.from(
        latency.all,
        ([event, { highest, spikes }]) =>
          `${event}: ${spikes.length} latency spikes, the last one of ${spikes.at(-1)?.millis} ms, worst ever ${highest} ms.\n`
      )
      if (latency.threshold === 0 && events.length === 0) replies.verbatim(DISABLED)
      else replies.verbatim(events.length === 0 ? NO_SPIKES : events.join(""))
    })
  ],
  [latencyHistogram, performHistogram],
  [
    monitor,
    atOnce((session, _commands, _command, _now, replies) => {
      session.context.observation.watch(session)
      replies.fixed(ok)
    })
  ]
]
