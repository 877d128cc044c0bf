/** Commands that say what the server is and how it does. */
import type { Entry, Execute } from "./Entry.ts"

const MILLIS = 1000

const executeTime: Execute = ({ now, sink, unixTime }) => {
  const millis = unixTime(now)
  sink.array(2)
  sink.text(String(Math.floor(millis / MILLIS)))
  sink.text(String((millis % MILLIS) * MILLIS))
}

export const info: Entry = {
  name: "INFO",
  group: "server",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: Number.POSITIVE_INFINITY },
  flags: ["loading", "stale"],
  isDangerous: true,
  usage: "INFO [section [section ...]]",
  summary: "Show what the server is and how it does",
  details: []
}

const time: Entry = {
  name: "TIME",
  group: "server",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 0, max: 0 },
  flags: ["loading", "stale", "fast"],
  usage: "TIME",
  summary: "Show the time: seconds since 1970, and microseconds of the second",
  details: [],
  execute: executeTime
}

export const lastSave: Entry = {
  name: "LASTSAVE",
  group: "server",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: 0 },
  flags: ["loading", "stale", "fast"],
  usage: "LASTSAVE",
  summary: "Show when the keys were last saved; for a cache, when it started",
  details: []
}

const role: Entry = {
  name: "ROLE",
  group: "server",
  since: "2.8.12",
  protocols: ["resp"],
  arity: { min: 0, max: 0 },
  flags: ["noscript", "loading", "stale", "fast"],
  usage: "ROLE",
  summary: "Show what the server is to others: a master without replicas",
  details: [],
  execute: ({ sink }) => {
    sink.array(3)
    sink.text("master")
    sink.integer(0)
    sink.array(0)
  }
}

export const infoCommands: ReadonlyArray<Entry> = [info, time, lastSave, role]
