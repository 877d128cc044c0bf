/** Commands that concern a key, whatever type of value it has. */
import { FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import type { Arity, Entry, Execute } from "./Entry.ts"
import { find, findKey } from "./Find.ts"
import { remove } from "./StringValue.ts"

const deleted = new FixedReply((sink) => sink.simple("deleted"))

export const executeDelete: Execute = (execution, commands, command) => {
  const key = commands.firstKey(command)
  const entry = findKey(execution, commands, key)
  if (entry === NOT_THERE) return execution.sink.null()
  remove(execution, commands, key, entry)
  execution.sink.fixed(deleted)
}

/** The text protocol's DEL. */
export const deleteOne: Entry = {
  name: "DELETE",
  group: "generic",
  protocols: ["text", "resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["write", "fast"],
  usage: "DELETE <key>",
  summary: "Remove a key",
  details: ["Example: DELETE greeting"],
  counter: "deletes",
  toInput: ([key]) => ({ _tag: "Delete", key }),
  execute: executeDelete
}

export const executeExists: Execute = (execution, commands, command) => {
  execution.sink.integer(find(execution, commands, command) === NOT_THERE ? 0 : 1)
}

/** The text protocol's EXISTS, which has one key. */
export const existsOne: Entry = {
  name: "EXISTS",
  group: "generic",
  protocols: ["text"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read", "fast"],
  usage: "EXISTS <key>",
  summary: "1 if a key is there, 0 if not",
  details: ["Example: EXISTS greeting"],
  counter: "existences",
  toInput: ([key]) => ({ _tag: "Exists", key }),
  execute: executeExists
}

const ALL_KEYS = { first: 0, last: -1 } as const
const MANY: Arity = { min: 1, max: Number.POSITIVE_INFINITY }

const executeDel: Execute = (execution, commands, command) => {
  const first = commands.firstKey(command)
  const end = first + commands.argc(command)
  let removed = 0
  for (let key = first; key < end; key++) {
    const entry = findKey(execution, commands, key)
    if (entry === NOT_THERE) continue
    remove(execution, commands, key, entry)
    removed++
  }
  execution.sink.integer(removed)
}

const del: Entry = {
  name: "DEL",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: MANY,
  keys: ALL_KEYS,
  flags: ["write"],
  usage: "DEL key [key ...]",
  summary: "Remove keys, and tell how many were there",
  details: [],
  counter: "deletes",
  execute: executeDel
}

/** The memory of a value is given back in much less than a millisecond, so nothing is put off. */
const unlink: Entry = {
  name: "UNLINK",
  group: "generic",
  since: "4.0.0",
  protocols: ["resp"],
  arity: MANY,
  keys: ALL_KEYS,
  flags: ["write", "fast"],
  usage: "UNLINK key [key ...]",
  summary: "Remove keys, as DEL does",
  details: [],
  counter: "deletes",
  execute: executeDel
}

const exists: Entry = {
  name: "EXISTS",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: MANY,
  keys: ALL_KEYS,
  flags: ["read", "fast"],
  usage: "EXISTS key [key ...]",
  summary: "Tell how many of the keys are there; one that is named twice counts twice",
  details: [],
  counter: "existences",
  execute: (execution, commands, command) => {
    const first = commands.firstKey(command)
    const end = first + commands.argc(command)
    let there = 0
    for (let key = first; key < end; key++) if (findKey(execution, commands, key) !== NOT_THERE) there++
    execution.sink.integer(there)
  }
}

const touch: Entry = {
  name: "TOUCH",
  group: "generic",
  since: "3.2.1",
  protocols: ["resp"],
  arity: MANY,
  keys: ALL_KEYS,
  flags: ["read", "fast"],
  usage: "TOUCH key [key ...]",
  summary: "Use keys without reading them, and tell how many were there",
  details: [],
  execute: (execution, commands, command) => {
    const first = commands.firstKey(command)
    const end = first + commands.argc(command)
    let there = 0
    for (let key = first; key < end; key++) {
      const entry = findKey(execution, commands, key)
      if (entry === NOT_THERE) continue
      execution.engine.touch(entry)
      there++
    }
    execution.sink.integer(there)
  }
}

const none = new FixedReply((sink) => sink.simple("none"))
const string = new FixedReply((sink) => sink.simple("string"))

const type: Entry = {
  name: "TYPE",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read", "fast"],
  usage: "TYPE key",
  summary: "Tell the type of the value under a key",
  details: [],
  execute: (execution, commands, command) => {
    // All values are strings today.
    execution.sink.fixed(find(execution, commands, command) === NOT_THERE ? none : string)
  }
}

/** In the order in which they are shown. */
export const keys: ReadonlyArray<Entry> = [del, unlink, exists, touch, type]
