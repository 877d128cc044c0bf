/**
 * Writes to a part of a string that take long: it becomes much longer, or much of it is written over, or it has to be copied
 * because somebody reads it. In slices, the bytes are put together beside the string, and take their place in the last one.
 *
 * Another client may have written to the string meanwhile. Then the whole write is done in the last slice, whatever that
 * takes. Within a transaction nothing is done in slices.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { NOT_THERE, STORED } from "../engine/Engine.ts"
import { NEVER } from "../engine/Wheel.ts"
import type { Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { LARGE_VALUE, LargeValue, LargeValues, readerSource, type Source } from "./LargeValue.ts"
import { outOfMemory } from "./Replies.ts"
import { isOther, noteStored } from "./StringValue.ts"

/**
 * So many bytes of a string, at least, are written over in slices. That takes room for all of the string once more, and a
 * copy of it. To write over so many takes about 5 ms.
 */
const LONG_OVERWRITE = 16 * 1024 * 1024

/** What follows the last slice: `isDone` says whether the bytes are in their place. */
export type Last = (execution: Execution, isDone: boolean) => void

/** The length of the string of an entry that may not be there. */
export const lengthOf = ({ engine }: Execution, entry: number): number =>
  entry === NOT_THERE ? 0 : engine.valueLength(entry)

/** Whether a string becomes so much longer, if it is to have `end` bytes, that this is to be done in slices. */
export const isLongGrowth = (execution: Execution, entry: number, end: number): boolean =>
  execution.caller?.isAtomic !== true && end - lengthOf(execution, entry) >= LARGE_VALUE

/**
 * Makes the string of an entry, or of none, longer by all that `sources` have. That there is no room, or another type under
 * the key at the end, is answered.
 */
export const growInSlices = (
  execution: Execution,
  commands: CommandBatch,
  key: number,
  entry: number,
  sources: ReadonlyArray<Source>,
  last: Last
): Slices | undefined => {
  const before = lengthOf(execution, entry)
  const value = new LargeValue(sources)
  if (!isKept(execution, entry, before + value.length)) return undefined
  return new LargeValues([value], (later) => {
    const present = findKey(later, commands, key)
    if (isOther(later, present)) return
    if (lengthOf(later, present) !== before) return last(later, false)
    if (addValue(later, commands, key, present, value)) last(later, true)
  })
}

/** Adds a value that was written in slices to the string of an entry, or of none. That there is no room is answered. */
export const addValue = (
  execution: Execution,
  commands: CommandBatch,
  key: number,
  entry: number,
  value: LargeValue
): boolean => {
  const outcome =
    entry === NOT_THERE
      ? value.set(execution, commands, key, execution.database, NEVER)
      : value.append(execution, entry)
  return noteStored(execution, commands, key, outcome, NEVER)
}

/**
 * The string is used, so that it is not what has to go to make room. Says whether there can be room for as many bytes as it
 * is to have; that there cannot is answered.
 */
export const isKept = ({ engine, sink }: Execution, entry: number, bytes: number): boolean => {
  if (entry !== NOT_THERE) engine.touch(entry)
  if (engine.hasRoomFor(bytes)) return true
  sink.fixed(outOfMemory)
  return false
}

/** Whether to write over `count` bytes of the string of an entry takes so long that it is to be done in slices. */
export const isLongOverwrite = ({ caller, engine }: Execution, entry: number, count: number): boolean => {
  if (count <= 0 || entry === NOT_THERE || caller?.isAtomic === true) return false
  const length = engine.valueLength(entry)
  if (length < LARGE_VALUE || (count < LONG_OVERWRITE && !engine.isBeingRead(entry))) return false
  return engine.hasRoomFor(2 * length)
}

/**
 * Writes all that `source` has over the string of an entry, from its byte `offset` on. It may end behind the string. If it
 * has nothing, the string is only copied, so that nobody reads what is to be written to.
 */
export const overwriteInSlices = (
  { engine }: Execution,
  commands: CommandBatch,
  key: number,
  entry: number,
  offset: number,
  source: Source,
  last: Last
): Slices => {
  const length = engine.valueLength(entry)
  const end = Math.min(length, offset + source.length)
  const head = engine.openReader(entry)
  head.limit(0, offset)
  const tail = engine.openReader(entry)
  tail.limit(end, length - end)
  const value = new LargeValue([readerSource(head), source, readerSource(tail)])
  engine.touch(entry)
  return new LargeValues([value], (later) => {
    const present = findKey(later, commands, key)
    const isSame = present !== NOT_THERE && later.engine.isRead(present, head, length)
    const isDone = isSame && value.exchange(later, present) === STORED
    if (isDone && source.length > 0) later.changed(commands, key)
    last(later, isDone)
  })
}
