/** Commands that concern a key, whatever is stored under it. */
import { FixedReply } from "../domain/Reply.ts"
import type { Entry, Execute } from "./Entry.ts"

const deleted = new FixedReply((sink) => sink.simple("deleted"))

export const executeDelete: Execute = ({ keyspace, now, sink }, commands, command) => {
  if (keyspace.deleteAt(commands, commands.firstKey(command), now)) sink.fixed(deleted)
  else sink.null()
}

export const del: Entry = {
  name: "DELETE",
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

export const executeExists: Execute = ({ keyspace, now, sink }, commands, command) => {
  sink.integer(keyspace.hasAt(commands, commands.firstKey(command), now) ? 1 : 0)
}

export const exists: Entry = {
  name: "EXISTS",
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
