/** Commands that concern all keys, the whole server, or the connection. */
import { FixedReply } from "../domain/Reply.ts"
import type { Entry } from "./Entry.ts"

const flushed = new FixedReply((sink) => sink.simple("flushed"))

export const stats: Entry = {
  name: "STATS",
  group: "server",
  protocols: ["text", "resp"],
  arity: { min: 0, max: 1 },
  flags: ["read", "fast"],
  usage: "STATS [CURVE|HOT|BIG]",
  summary: "Show what the server is and holds",
  details: [
    "One line: version, uptime in seconds, keys, their bytes, hits and misses of GETs, and more.",
    "STATS CURVE shows the hit rate, in %, that other sizes of memory would have.",
    "STATS HOT shows the keys that are used most, with their uses in the last minute, estimated.",
    "STATS BIG shows the keys that take most memory, in bytes, as far as they were found."
  ],
  toInput: ([topic]) => (topic === undefined ? { _tag: "Stats" } : { _tag: "Stats", topic: topic.toLowerCase() })
}

export const explain: Entry = {
  name: "EXPLAIN",
  group: "server",
  protocols: ["text", "resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read"],
  usage: "EXPLAIN <key>",
  summary: "Tell why a key is there or not",
  details: ["It is no use of the key, and no miss.", "Example: EXPLAIN greeting"],
  toInput: ([key]) => ({ _tag: "Explain", key }),
  execute: ({ database, insight, now, sink }, commands, command) => {
    const key = commands.firstKey(command)
    const start = commands.keyStart(key)
    const bytes = commands.bytes.subarray(start, start + commands.keyLength(key))
    sink.simple(insight?.explain(database, bytes, now) ?? "what becomes of keys is not kept")
  }
}

export const flush: Entry = {
  name: "FLUSH",
  group: "server",
  protocols: ["text", "resp"],
  arity: { min: 0, max: 0 },
  flags: ["write"],
  usage: "FLUSH",
  summary: "Remove every key",
  details: ["There is no way back."],
  counter: "flushes",
  toInput: () => ({ _tag: "Flush" }),
  execute: ({ caller, changes, engine, now, sink }) => {
    engine.clear(now)
    changes.flushed(undefined, caller)
    sink.fixed(flushed)
  }
}

export const quit: Entry = {
  name: "QUIT",
  group: "connection",
  protocols: ["text"],
  arity: { min: 0, max: 0 },
  flags: ["fast"],
  usage: "QUIT",
  summary: "Close the connection and leave",
  details: ["Ctrl-D and 'exit' do the same."],
  toInput: () => ({ _tag: "Quit" })
}
