/** Commands that concern a key, whatever type of value it has. */
import { FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { DELETED } from "../engine/Limits.ts"
import type { Entry, Execute } from "./Entry.ts"
import { find } from "./Find.ts"

const deleted = new FixedReply((sink) => sink.simple("deleted"))

export const executeDelete: Execute = (execution, commands, command) => {
  const entry = find(execution, commands, command)
  if (entry === NOT_THERE) return execution.sink.null()
  execution.engine.remove(entry, DELETED)
  execution.changed(commands, commands.firstKey(command))
  execution.sink.fixed(deleted)
}

export const del: Entry = {
  name: "DELETE",
  group: "generic",
  protocols: ["text"],
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

export const exists: Entry = {
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
