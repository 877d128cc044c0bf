/** Commands that make several others one: nothing of other clients is executed in between. */
import { NOT_THERE } from "../engine/Engine.ts"
import type { Arity, Entry } from "./Entry.ts"

const NONE: Arity = { min: 0, max: 0 }

export const multi: Entry = {
  name: "MULTI",
  group: "transactions",
  since: "1.2.0",
  protocols: ["resp"],
  arity: NONE,
  flags: ["noscript", "loading", "stale", "fast"],
  usage: "MULTI",
  summary: "Begin a transaction: queue the commands that follow",
  details: []
}

export const exec: Entry = {
  name: "EXEC",
  group: "transactions",
  since: "1.2.0",
  protocols: ["resp"],
  arity: NONE,
  flags: ["noscript", "loading", "stale", "skip_slowlog"],
  usage: "EXEC",
  summary: "Execute what was queued, unless a watched key has changed",
  details: []
}

export const discard: Entry = {
  name: "DISCARD",
  group: "transactions",
  since: "2.0.0",
  protocols: ["resp"],
  arity: NONE,
  flags: ["noscript", "loading", "stale", "fast"],
  usage: "DISCARD",
  summary: "Forget what was queued, and what is watched",
  details: []
}

export const watch: Entry = {
  name: "WATCH",
  group: "transactions",
  since: "2.2.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: -1 },
  flags: ["noscript", "loading", "stale", "fast"],
  usage: "WATCH key [key ...]",
  summary: "Execute the next transaction only if these keys have not changed",
  details: []
}

export const unwatch: Entry = {
  name: "UNWATCH",
  group: "transactions",
  since: "2.2.0",
  protocols: ["resp"],
  arity: NONE,
  flags: ["noscript", "loading", "stale", "fast"],
  usage: "UNWATCH",
  summary: "Forget what is watched",
  details: []
}

/** Answers which of the given keys exist, in an array of 1 and 0. It counts as no use of them. Clients cannot send it. */
export const look: Entry = {
  name: "(look)",
  group: "transactions",
  protocols: [],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: -1 },
  flags: ["fast"],
  usage: "(look)",
  summary: "Tell which keys exist",
  details: [],
  execute: ({ database, engine, now, sink }, commands, command) => {
    const first = commands.firstKey(command)
    const end = first + commands.keysOf(command)
    sink.array(end - first)
    for (let key = first; key < end; key++) {
      const start = commands.keyStart(key)
      const length = commands.keyLength(key)
      const entry = engine.find(commands.view, start, length, commands.hash(key), database, now)
      sink.integer(entry === NOT_THERE ? 0 : 1)
    }
  }
}

/** Used by EXEC before it executes anything: writes its arguments, each of which a command of the transaction stores. */
export const ahead: Entry = {
  name: "(ahead)",
  group: "transactions",
  protocols: [],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: ["fast"],
  usage: "(ahead)",
  summary: "Write long values of a transaction",
  details: [],
  execute: (execution, commands, command) => execution.caller?.ahead?.write(execution, commands, command)
}
