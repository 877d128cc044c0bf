/** Commands that read, write and lengthen parts of values. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { NEVER } from "../engine/Wheel.ts"
import { integer, isGreater } from "./Arguments.ts"
import type { Entry, Execute, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { argumentSource, bytesSource, LARGE_VALUE, largeArgument, LargeValues, zeroSource } from "./LargeValue.ts"
import {
  addValue,
  growInSlices,
  isKept,
  isLongGrowth,
  isLongOverwrite,
  type Last,
  lengthOf,
  overwriteInSlices
} from "./LongWrite.ts"
import { notAnInteger, zero } from "./Replies.ts"
import { inlinePart, isOther, overwrite, read, store } from "./StringValue.ts"

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

const executeAppend: Execute = (execution, commands, command) => {
  const key = commands.firstKey(command)
  const entry = findKey(execution, commands, key)
  if (isOther(execution, entry)) return undefined
  const end = lengthOf(execution, entry)
  const length = commands.argLength(command, 1)
  if (length < LARGE_VALUE || end + length > execution.maxValueBytes) {
    writeArgument(execution, commands, command, 1, entry, end)
    return undefined
  }
  const value = largeArgument(execution, commands, command, 1)
  if (!isKept(execution, entry, end + length)) return undefined
  return new LargeValues([value], (later) => {
    const present = findKey(later, commands, key)
    if (isOther(later, present)) return
    // Another client may have written to it meanwhile.
    const after = lengthOf(later, present) + length
    if (after > later.maxValueBytes) return later.sink.fixed(tooLong)
    if (addValue(later, commands, key, present, value)) later.sink.integer(after)
  })
}

/** SETRANGE, of at least one byte. */
const writeRange = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  entry: number,
  offset: number
): Slices | undefined => {
  const key = commands.firstKey(command)
  const before = lengthOf(execution, entry)
  const length = commands.argLength(command, 2)
  const end = offset + length
  const covered = Math.min(length, before - offset)
  const finish =
    (overlap: number): Last =>
    (later, isDone) => {
      const present = findKey(later, commands, key)
      if (!isDone)
        return isOther(later, present) ? undefined : writeArgument(later, commands, command, 2, present, offset)
      const start = commands.argStart(command, 2)
      if (overlap > 0 && !overwrite(later, commands, key, present, offset, commands.view, start, overlap)) return
      later.sink.integer(Math.max(before, end))
    }
  if (end <= execution.maxValueBytes) {
    if (isLongOverwrite(execution, entry, covered)) {
      const source = argumentSource(commands, command, 2)
      return overwriteInSlices(execution, commands, key, entry, offset, source, finish(0))
    }
    if (isLongGrowth(execution, entry, end)) {
      const overlap = Math.max(0, covered)
      const rest = bytesSource(commands.bytes, commands.argStart(command, 2) + overlap, length - overlap)
      const gap = zeroSource(Math.max(0, offset - before))
      return growInSlices(execution, commands, key, entry, [gap, rest], finish(overlap))
    }
  }
  writeArgument(execution, commands, command, 2, entry, offset)
  return undefined
}

const append: Entry = {
  name: "APPEND",
  group: "string",
  since: "2.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  values: { first: 1, last: 1 },
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
    if (commands.argLength(command, 2) > 0) return writeRange(execution, commands, command, entry, offset)
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
    const count = to - from + 1
    return sink.bulk(inlinePart(engine, entry, from, count), 0, count)
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
