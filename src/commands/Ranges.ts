/** Commands that read, write and lengthen parts of values. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { NEVER } from "../engine/Wheel.ts"
import { integer, isGreater } from "./Arguments.ts"
import type { Entry, Execute, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { argumentSource, LARGE_VALUE, LargeValue, LargeValues, zeroSource } from "./LargeValue.ts"
import { notAnInteger, outOfMemory, zero } from "./Replies.ts"
import { inSlices, isOther, noteStored, overwrite, read, store } from "./StringValue.ts"

const tooLong = new FixedReply((sink) => sink.error(ERR, "string exceeds maximum allowed size (proto-max-bulk-len)"))
const offsetOutOfRange = new FixedReply((sink) => sink.error(ERR, "offset is out of range"))

const NO_BYTES = Buffer.alloc(0)

/** Writes an argument into the string under a key, from `offset` on, and answers with the length of the string. */
const writeArgument = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  argument: number,
  entry: number,
  offset: number
): void => {
  const { engine, sink } = execution
  const key = commands.firstKey(command)
  const length = commands.argLength(command, argument)
  if (offset + length > execution.maxValueBytes) return sink.fixed(tooLong)
  const before = entry === NOT_THERE ? 0 : engine.valueLength(entry)
  const start = commands.argStart(command, argument)
  const isDone =
    entry === NOT_THERE && offset === 0
      ? store(execution, commands, key, commands.view, start, length, NEVER)
      : overwrite(execution, commands, key, entry, offset, commands.view, start, length)
  if (isDone) sink.integer(Math.max(before, offset + length))
}

/** Appends a value, which was written in slices, to the string under a key, as `writeArgument` does. */
const appendWritten = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  entry: number,
  value: LargeValue
): void => {
  const { database, engine, sink } = execution
  const key = commands.firstKey(command)
  const before = entry === NOT_THERE ? 0 : engine.valueLength(entry)
  if (before + value.length > execution.maxValueBytes) return sink.fixed(tooLong)
  const outcome =
    entry === NOT_THERE ? value.set(execution, commands, key, database, NEVER) : value.append(execution, entry)
  if (noteStored(execution, commands, key, outcome, NEVER)) sink.integer(before + value.length)
}

/**
 * Lengthens a string by a value that is written in slices, and then does `last`. The string is used now, so that it is not
 * what has to go to make room, and refused if there cannot be room for both.
 */
const lengthenLater = (
  { engine, sink }: Execution,
  entry: number,
  value: LargeValue,
  last: (execution: Execution) => void
): Slices | undefined => {
  if (entry !== NOT_THERE) {
    engine.touch(entry)
    if (!engine.hasRoomFor(engine.valueLength(entry) + value.length)) {
      sink.fixed(outOfMemory)
      return undefined
    }
  }
  return new LargeValues([value], last)
}

const executeAppend: Execute = (execution, commands, command) => {
  const key = commands.firstKey(command)
  const entry = findKey(execution, commands, key)
  if (isOther(execution, entry)) return undefined
  const end = entry === NOT_THERE ? 0 : execution.engine.valueLength(entry)
  const length = commands.argLength(command, 1)
  if (length < LARGE_VALUE || end + length > execution.maxValueBytes) {
    writeArgument(execution, commands, command, 1, entry, end)
    return undefined
  }
  const value = new LargeValue([argumentSource(commands, command, 1)])
  return lengthenLater(execution, entry, value, (later) => {
    const present = findKey(later, commands, key)
    if (!isOther(later, present)) appendWritten(later, commands, command, present, value)
  })
}

/** Whether SETRANGE only makes a string longer, and much longer. */
const isLongWrite = (
  { engine, maxValueBytes }: Execution,
  commands: CommandBatch,
  command: number,
  entry: number,
  offset: number
): boolean => {
  const before = entry === NOT_THERE ? 0 : engine.valueLength(entry)
  const end = offset + commands.argLength(command, 2)
  return offset >= before && end - before >= LARGE_VALUE && end <= maxValueBytes
}

/** Executes such a SETRANGE in slices. */
const lengthenInSlices = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  entry: number,
  offset: number
): Slices | undefined => {
  const before = entry === NOT_THERE ? 0 : execution.engine.valueLength(entry)
  const value = new LargeValue([zeroSource(offset - before), argumentSource(commands, command, 2)])
  return lengthenLater(execution, entry, value, (later) => {
    const present = findKey(later, commands, commands.firstKey(command))
    if (isOther(later, present)) return
    const length = present === NOT_THERE ? 0 : later.engine.valueLength(present)
    if (length === before) appendWritten(later, commands, command, present, value)
    // Another client has written to it meanwhile.
    else writeArgument(later, commands, command, 2, present, offset)
  })
}

const append: Entry = {
  name: "APPEND",
  group: "string",
  since: "2.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom", "fast"],
  usage: "APPEND key value",
  summary: "Add to the end of a value",
  details: [],
  execute: executeAppend
}

const setrange: Entry = {
  name: "SETRANGE",
  group: "string",
  since: "2.2.0",
  protocols: ["resp"],
  arity: { min: 3, max: 3 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom"],
  usage: "SETRANGE key offset value",
  summary: "Write over a part of a value",
  details: ["What lies between the end of the value and the offset becomes zero bytes."],
  execute: (execution, commands, command) => {
    const { engine, sink } = execution
    const offset = integer(commands, command, 1)
    if (Number.isNaN(offset)) return sink.fixed(notAnInteger)
    if (offset < 0) return sink.fixed(offsetOutOfRange)
    const entry = findKey(execution, commands, commands.firstKey(command))
    if (isOther(execution, entry)) return
    if (commands.argLength(command, 2) > 0) {
      if (isLongWrite(execution, commands, command, entry, offset)) {
        return lengthenInSlices(execution, commands, command, entry, offset)
      }
      return writeArgument(execution, commands, command, 2, entry, offset)
    }
    if (entry === NOT_THERE) sink.fixed(zero)
    else sink.integer(engine.valueLength(entry))
  }
}

const executeGetrange: Execute = (execution, commands, command) => {
  const { engine, sink } = execution
  const first = integer(commands, command, 1)
  const last = integer(commands, command, 2)
  if (Number.isNaN(first) || Number.isNaN(last)) return sink.fixed(notAnInteger)
  const entry = read(execution, commands, commands.firstKey(command))
  if (isOther(execution, entry)) return
  const length = entry === NOT_THERE ? 0 : engine.valueLength(entry)
  const from = first < 0 ? Math.max(length + first, 0) : first
  const to = last < 0 ? Math.max(length + last, 0) : Math.min(last, length - 1)
  const isEmpty = first < 0 && last < 0 && isGreater(commands, command, 1, 2)
  if (length === 0 || from > to || isEmpty) return sink.bulk(NO_BYTES, 0, 0)
  if (engine.isInline(entry)) {
    return inSlices(engine, entry, from, to - from + 1, (bytes, count) => {
      sink.bulk(bytes, 0, count)
      return false
    })
  }
  const reader = engine.openReader(entry)
  reader.limit(from, to - from + 1)
  sink.bulkReader(reader)
}

const getrange: Entry = {
  name: "GETRANGE",
  group: "string",
  since: "2.4.0",
  protocols: ["resp"],
  arity: { min: 3, max: 3 },
  keys: { first: 0, last: 0 },
  flags: ["read"],
  usage: "GETRANGE key start end",
  summary: "Show a part of a value",
  details: ["Bytes are counted from 0, or from -1 at the end backwards. The one at the end is part of it."],
  execute: executeGetrange
}

const substr: Entry = {
  ...getrange,
  name: "SUBSTR",
  since: "1.0.0",
  usage: "SUBSTR key start end",
  summary: "The former name of GETRANGE"
}

export const ranges: ReadonlyArray<Entry> = [append, setrange, getrange, substr]
