/** Commands that give a value to another key, of the same database or another one. Its deadline goes with it. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE, STORED } from "../engine/Engine.ts"
import { isWord } from "./Arguments.ts"
import { databaseOf, NO_DATABASE } from "./Databases.ts"
import type { Entry, Execute } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { LARGE_VALUE, LargeValue, LargeValues, readerSource } from "./LargeValue.ts"
import { noSuchKey, ok, one, outOfMemory, syntaxError, zero } from "./Replies.ts"

const same = new FixedReply((sink) => sink.error(ERR, "source and destination objects are the same"))

/** Whether two keys of a batch have the same bytes. */
const areEqual = (commands: CommandBatch, key: number, other: number): boolean => {
  const { bytes } = commands
  const start = commands.keyStart(key)
  const otherStart = commands.keyStart(other)
  const end = start + commands.keyLength(key)
  return bytes.compare(bytes, otherStart, otherStart + commands.keyLength(other), start, end) === 0
}

/** The entry of a key of a batch in any database, or `NOT_THERE`. */
const findIn = ({ engine, now }: Execution, commands: CommandBatch, key: number, database: number): number =>
  engine.find(commands.view, commands.keyStart(key), commands.keyLength(key), commands.hash(key), database, now)

/** Gives an entry another key, or another database. That there is no room is answered, and the result is false. */
const rename = (
  { engine, now, sink }: Execution,
  commands: CommandBatch,
  entry: number,
  key: number,
  database: number
): boolean => {
  const start = commands.keyStart(key)
  const length = commands.keyLength(key)
  if (engine.rename(entry, commands.view, start, length, commands.hash(key), database, now) === STORED) return true
  sink.fixed(outOfMemory)
  return false
}

const executeRename =
  (done: FixedReply, notDone: FixedReply, replaces: boolean): Execute =>
  (execution, commands, command) => {
    const { database, sink } = execution
    const from = commands.firstKey(command)
    const to = from + 1
    const entry = findKey(execution, commands, from)
    if (entry === NOT_THERE) return sink.fixed(noSuchKey)
    if (areEqual(commands, from, to)) return sink.fixed(notDone)
    if (!replaces && findKey(execution, commands, to) !== NOT_THERE) return sink.fixed(notDone)
    if (!rename(execution, commands, entry, to, database)) return
    execution.changed(commands, from)
    execution.changed(commands, to)
    sink.fixed(done)
  }

const renameAny: Entry = {
  name: "RENAME",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 1 },
  flags: ["write"],
  usage: "RENAME key newkey",
  summary: "Give a value another key, in place of what is there",
  details: [],
  execute: executeRename(ok, ok, true)
}

const renameNx: Entry = {
  name: "RENAMENX",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 1 },
  flags: ["write", "fast"],
  usage: "RENAMENX key newkey",
  summary: "Give a value another key, unless that is there",
  details: [],
  execute: executeRename(one, zero, false)
}

const move: Entry = {
  name: "MOVE",
  group: "generic",
  since: "1.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  flags: ["write", "fast"],
  usage: "MOVE key db",
  summary: "Move a key to another database, unless it is there",
  details: [],
  execute: (execution, commands, command) => {
    const { sink } = execution
    const key = commands.firstKey(command)
    const database = databaseOf(execution, commands, command, 1)
    if (database === NO_DATABASE) return
    if (database === execution.database) return sink.fixed(same)
    const entry = findKey(execution, commands, key)
    if (entry === NOT_THERE) return sink.fixed(zero)
    if (findIn(execution, commands, key, database) !== NOT_THERE) return sink.fixed(zero)
    if (!rename(execution, commands, entry, key, database)) return
    execution.changed(commands, key)
    execution.changed(commands, key, database)
    sink.fixed(one)
  }
}

/** COPY, of the value of an entry. `value` is a copy of it if that was written in slices. */
const copyValue = (
  execution: Execution,
  commands: CommandBatch,
  entry: number,
  to: number,
  database: number,
  replaces: boolean,
  value?: LargeValue
): void => {
  const { engine, now, sink } = execution
  if (!replaces && findIn(execution, commands, to, database) !== NOT_THERE) return sink.fixed(zero)
  const start = commands.keyStart(to)
  const length = commands.keyLength(to)
  const outcome =
    value === undefined
      ? engine.copy(entry, commands.view, start, length, commands.hash(to), database, now)
      : value.set(execution, commands, to, database, engine.deadline(entry))
  if (outcome !== STORED) return sink.fixed(outOfMemory)
  execution.changed(commands, to, database)
  sink.fixed(one)
}

const copy: Entry = {
  name: "COPY",
  group: "generic",
  since: "6.2.0",
  protocols: ["resp"],
  arity: { min: 2, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 1 },
  flags: ["write", "denyoom"],
  usage: "COPY source destination [DB destination-db] [REPLACE]",
  summary: "Store a value under another key, too, unless that is there",
  complexity: "O(N) with N being the length of the value",
  details: [],
  execute: (execution, commands, command) => {
    const { engine, sink } = execution
    const argc = commands.argc(command)
    let { database } = execution
    let replaces = false
    for (let argument = 2; argument < argc; argument++) {
      if (isWord(commands, command, argument, "REPLACE")) replaces = true
      else if (isWord(commands, command, argument, "DB") && argument + 1 < argc) {
        database = databaseOf(execution, commands, command, ++argument)
        if (database === NO_DATABASE) return
      } else return sink.fixed(syntaxError)
    }
    const from = commands.firstKey(command)
    const to = from + 1
    if (database === execution.database && areEqual(commands, from, to)) return sink.fixed(same)
    const entry = findKey(execution, commands, from)
    if (entry === NOT_THERE) return sink.fixed(zero)
    const valueLength = engine.valueLength(entry)
    if (engine.isInline(entry) || valueLength < LARGE_VALUE) {
      return copyValue(execution, commands, entry, to, database, replaces)
    }
    if (!replaces && findIn(execution, commands, to, database) !== NOT_THERE) return sink.fixed(zero)
    // So that it is not what has to go to make room.
    engine.touch(entry)
    if (!engine.hasRoomFor(2 * valueLength)) return sink.fixed(outOfMemory)
    const reader = engine.openReader(entry)
    const value = new LargeValue([readerSource(reader)])
    return new LargeValues([value], (later) => {
      const present = findKey(later, commands, from)
      if (present === NOT_THERE) return later.sink.fixed(zero)
      // What another client has written meanwhile is to be copied, too.
      const isSame = later.engine.isRead(present, reader, valueLength)
      copyValue(later, commands, present, to, database, replaces, isSame ? value : undefined)
    })
  }
}

/** In the order in which they are shown. */
export const moves: ReadonlyArray<Entry> = [renameAny, renameNx, copy, move]
