/** MEMORY, DEBUG and LOLWUT: for whoever looks into a server. */
import * as Effect from "effect/Effect"
import { debugSleep, lolwut, memoryDoctor, memoryMallocStats, memoryStats } from "../../commands/Diagnostics.ts"
import type { Entry } from "../../commands/Entry.ts"
import { notADouble, ok } from "../../commands/Replies.ts"
import { REDIS_VERSION } from "../RedisVersion.ts"
import type { Perform } from "../Session.ts"
import { atOnce } from "./Perform.ts"

/** In seconds; longer sleeps would outlive every client. */
const LONGEST_SLEEP = 86_400

const performMemoryStats: Perform = atOnce(({ context }, _commands, _command, _now, replies) => {
  const { bytes, held, keys } = context.executor.stats()
  const { databases, peak } = context.executor.levels()
  const { heapUsed, rss } = process.memoryUsage()
  let ofClients = 0
  for (const { link } of context.clients) ofClients += link.heldBytes
  const filled = [...databases.keys()].filter((database) => (databases[database]?.keys ?? 0) > 0)
  const numbers: ReadonlyArray<readonly [string, number]> = [
    ["peak.allocated", peak],
    ["total.allocated", bytes],
    ["startup.allocated", 0],
    ["replication.backlog", 0],
    ["clients.slaves", 0],
    ["clients.normal", ofClients],
    ["cluster.links", 0],
    ["aof.buffer", 0],
    ["lua.caches", 0],
    ["functions.caches", 0],
    ["overhead.total", heapUsed],
    ["keys.count", keys],
    ["keys.bytes-per-key", keys === 0 ? 0 : Math.floor(bytes / keys)],
    ["dataset.bytes", bytes],
    ["allocator.allocated", bytes],
    ["allocator.active", held],
    ["allocator.resident", held],
    ["allocator-fragmentation.bytes", held - bytes],
    ["fragmentation.bytes", rss - bytes]
  ]
  const ratios: ReadonlyArray<readonly [string, number]> = [
    ["dataset.percentage", bytes === 0 ? 0 : 100],
    ["peak.percentage", peak === 0 ? 0 : (100 * bytes) / peak],
    ["allocator-fragmentation.ratio", bytes === 0 ? 1 : held / bytes],
    ["fragmentation", bytes === 0 ? 1 : rss / bytes]
  ]
  replies.map(numbers.length + ratios.length + filled.length)
  for (const [name, value] of numbers) {
    replies.text(name)
    replies.integer(value)
  }
  for (const [name, value] of ratios) {
    replies.text(name)
    replies.double(value)
  }
  for (const database of filled) {
    replies.text(`db.${database}`)
    replies.map(2)
    replies.text("overhead.hashtable.main")
    replies.integer(0)
    replies.text("overhead.hashtable.expires")
    replies.integer(0)
  }
})

const performSleep: Perform = (_session, commands, command, _now, replies) => {
  const text = commands.text(command, 0)
  const seconds = /^[0-9]+(?:\.[0-9]*)?$|^\.[0-9]+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(seconds)) {
    replies.fixed(notADouble)
    return "answered"
  }
  return Effect.as(Effect.sleep(Math.min(seconds, LONGEST_SLEEP) * 1000), (sink) => sink.fixed(ok))
}

export const diagnostics: ReadonlyArray<readonly [Entry, Perform]> = [
  [memoryStats, performMemoryStats],
  [
    memoryDoctor,
    atOnce((_session, _commands, _command, _now, replies) =>
      replies.verbatim(
        "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
      )
    )
  ],
  [
    memoryMallocStats,
    atOnce(({ context }, _commands, _command, _now, replies) => {
      const { bytes, held } = context.executor.stats()
      const { arrayBuffers, external, heapTotal, heapUsed, rss } = process.memoryUsage()
      replies.verbatim(
        `entries: ${bytes} bytes used of ${held} held\n` +
          `process: rss ${rss}, heap ${heapUsed} of ${heapTotal}, external ${external}, buffers ${arrayBuffers}\n`
      )
    })
  ],
  [debugSleep, performSleep],
  [lolwut, atOnce((_session, _commands, _command, _now, replies) => replies.verbatim(`Redis ver. ${REDIS_VERSION}\n`))]
]
