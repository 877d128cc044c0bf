/** Commands that concern a whole database, or all of them. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { DATABASES } from "../engine/Limits.ts"
import { integer, isWord } from "./Arguments.ts"
import type { Entry } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findBytes } from "./Find.ts"
import { notAnInteger, ok, syntaxError } from "./Replies.ts"

const MIN_INT = -(2 ** 31)
const MAX_INT = 2 ** 31 - 1

const wrongDatabase = new FixedReply((sink) => sink.error(ERR, "DB index is out of range"))
const notAnInt = new FixedReply((sink) =>
  sink.error(ERR, `value is out of range, value must between ${MIN_INT} and ${MAX_INT}`)
)

/** Instead of a database: the argument is none, which is answered. */
export const NO_DATABASE = -1

/** The number of the database that an argument names, or `NO_DATABASE`. */
export const databaseOf = (
  { sink }: Pick<Execution, "sink">,
  commands: CommandBatch,
  command: number,
  argument: number
): number => {
  const database = integer(commands, command, argument)
  if (Number.isNaN(database)) sink.fixed(notAnInteger)
  else if (database < MIN_INT || database > MAX_INT) sink.fixed(notAnInt)
  else if (database < 0 || database >= DATABASES) sink.fixed(wrongDatabase)
  else return database
  return NO_DATABASE
}

const dbSize: Entry = {
  name: "DBSIZE",
  group: "server",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: 0 },
  flags: ["read", "fast"],
  usage: "DBSIZE",
  summary: "Tell how many keys the database has",
  details: ["A key that has just expired may still count."],
  execute: ({ database, engine, sink }) => sink.integer(engine.keysIn(database))
}

/** Whether the only argument is a word of FLUSHALL, if there is one; that it is not is answered. */
const isFlush = ({ sink }: Execution, commands: CommandBatch, command: number): boolean => {
  const argc = commands.argc(command)
  const isWordOfIts = argc === 1 && (isWord(commands, command, 0, "SYNC") || isWord(commands, command, 0, "ASYNC"))
  if (argc === 0 || isWordOfIts) return true
  sink.fixed(syntaxError)
  return false
}

const flushing = (name: string, summary: string, flush: (execution: Execution) => void): Entry => ({
  name,
  group: "server",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 0, max: Number.POSITIVE_INFINITY },
  flags: ["write"],
  usage: `${name} [ASYNC | SYNC]`,
  summary,
  details: ["The keys are gone at once, and their memory is given back in slices: SYNC and ASYNC are the same."],
  counter: "flushes",
  execute: (execution, commands, command) => {
    if (!isFlush(execution, commands, command)) return
    flush(execution)
    execution.sink.fixed(ok)
  }
})

const flushDb = flushing("FLUSHDB", "Remove all keys of the database", ({ caller, changes, database, engine, now }) => {
  engine.clearDatabase(database, now)
  changes.flushed(database, caller)
})

const flushAll = flushing("FLUSHALL", "Remove all keys of all databases", ({ caller, changes, engine, now }) => {
  engine.clear(now)
  changes.flushed(undefined, caller)
})

const invalidFirst = new FixedReply((sink) => sink.error(ERR, "invalid first DB index"))
const invalidSecond = new FixedReply((sink) => sink.error(ERR, "invalid second DB index"))

const isInt = (number: number): boolean => number >= MIN_INT && number <= MAX_INT

const isDatabase = (number: number): boolean => number >= 0 && number < DATABASES

const swapDb: Entry = {
  name: "SWAPDB",
  group: "server",
  since: "4.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  flags: ["write", "fast"],
  usage: "SWAPDB index1 index2",
  summary: "Exchange the keys of two databases",
  details: [],
  execute: (execution, commands, command) => {
    const { caller, changes, engine, sink } = execution
    const one = integer(commands, command, 0)
    const other = integer(commands, command, 1)
    if (!isInt(one)) return sink.fixed(invalidFirst)
    if (!isInt(other)) return sink.fixed(invalidSecond)
    if (!isDatabase(one) || !isDatabase(other)) return sink.fixed(wrongDatabase)
    if (one !== other) {
      engine.swapDatabases(one, other)
      // Each key of the two may have another value, or none.
      changes.flushed(one, caller)
      changes.flushed(other, caller)
      changes.swapped(
        one,
        other,
        (database, key) => findBytes(execution, Buffer.from(key, "latin1"), database) !== NOT_THERE
      )
    }
    sink.fixed(ok)
  }
}

const notATimeout = new FixedReply((sink) => sink.error(ERR, "timeout is not an integer or out of range"))
const negativeTimeout = new FixedReply((sink) => sink.error(ERR, "timeout is negative"))

const wait: Entry = {
  name: "WAIT",
  group: "generic",
  since: "3.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  flags: [],
  usage: "WAIT numreplicas timeout",
  summary: "Tell how many replicas have what was written",
  details: ["There are none, so the answer is 0, at once."],
  execute: ({ sink }, commands, command) => {
    const timeout = integer(commands, command, 1)
    if (Number.isNaN(integer(commands, command, 0))) return sink.fixed(notAnInteger)
    if (Number.isNaN(timeout)) return sink.fixed(notATimeout)
    if (timeout < 0) return sink.fixed(negativeTimeout)
    sink.integer(0)
  }
}

/** In the order in which they are shown. */
export const databases: ReadonlyArray<Entry> = [dbSize, flushDb, flushAll, swapDb, wait]
