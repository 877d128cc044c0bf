/** Commands that concern all keys, the whole server, or the connection. */
import { FixedReply } from "../domain/Reply.ts"
import type { Entry } from "./Entry.ts"

const flushed = new FixedReply((sink) => sink.simple("flushed"))

export const stats: Entry = {
  name: "STATS",
  group: "server",
  protocols: ["text", "resp"],
  arity: { min: 0, max: 0 },
  flags: ["read", "fast"],
  usage: "STATS",
  summary: "Show what the server is and holds",
  details: ["One line: version, uptime in seconds, keys, their bytes, hits and misses of GETs, and more."],
  toInput: () => ({ _tag: "Stats" })
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
