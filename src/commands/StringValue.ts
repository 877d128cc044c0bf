/**
 * The string under a key, as commands read and write it: the use of a key is counted and noted, whoever listens is told
 * of what changed, and a refusal of the engine is answered. What the bytes mean is the commands' business.
 *
 * A function that may answer in a command's place says so with what it returns.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { ChainReader } from "../engine/Chains.ts"
import { type Engine, NOT_THERE, STORED } from "../engine/Engine.ts"
import { STRING } from "../engine/Entry.ts"
import { DELETED } from "../engine/Limits.ts"
import { NEVER } from "../engine/Wheel.ts"
import type { Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { outOfMemory, wrongType } from "./Replies.ts"

/** So many bytes of a string are read in slices, of so many bytes each. To count the bits of a MB takes about 0.5 ms. */
export const LONG_READ = 4 * 1024 * 1024
const READ_SLICE = 1024 * 1024

/** What is read at a time, in bytes. */
const PIECE_BYTES = 64 * 1024

const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)

const NOTHING = new DataView(new ArrayBuffer(0))

/** Whether an entry is there and holds something else than a string, which is answered. */
export const isOther = ({ engine, sink }: Execution, entry: number): boolean => {
  if (entry === NOT_THERE || engine.type(entry) === STRING) return false
  sink.fixed(wrongType)
  return true
}

/** Finds the entry that a command is about to read. Counts a hit, which is a use of the key, or a miss. */
export const read = (execution: Execution, commands: CommandBatch, key: number): number => {
  const entry = findKey(execution, commands, key)
  const { database, engine, insight, now, touches } = execution
  if (entry === NOT_THERE) {
    execution.misses++
    insight?.miss(engine.hashIn(commands.hash(key), database), database, now)
    return NOT_THERE
  }
  execution.hits++
  engine.hit(entry, touches)
  return entry
}

/** Answers with the value of an entry, or with null if there is none. */
export const answer = ({ engine, sink }: Execution, entry: number): void => {
  if (entry === NOT_THERE) return sink.null()
  if (engine.isInline(entry)) {
    return sink.bulkWords(engine.valueWords(entry), engine.valueWord(entry), engine.valueLength(entry))
  }
  sink.bulkReader(engine.openReader(entry))
}

/**
 * Stores `length` bytes from `start` on under a key, with a deadline in ms or `NEVER`, in place of what is there. If
 * there is no room, that is answered, and the result is false.
 */
export const store = (
  execution: Execution,
  commands: CommandBatch,
  key: number,
  view: DataView,
  start: number,
  length: number,
  deadline: number
): boolean => {
  const { database, engine, now } = execution
  const outcome = engine.set(
    commands.view,
    commands.keyStart(key),
    commands.keyLength(key),
    commands.hash(key),
    database,
    view,
    start,
    length,
    deadline,
    now
  )
  return noteStored(execution, commands, key, outcome, deadline)
}

/** What follows when the engine was given a value for a key. Answers and returns like `store`. */
export const noteStored = (
  execution: Execution,
  commands: CommandBatch,
  key: number,
  outcome: number,
  deadline: number
): boolean => {
  if (outcome !== STORED) {
    execution.sink.fixed(outOfMemory)
    return false
  }
  execution.alarm.due(deadline)
  execution.changed(commands, key)
  return true
}

/** Stores bytes as the value of a key's entry, which keeps its deadline. Answers and returns like `store`. */
export const replace = (
  execution: Execution,
  commands: CommandBatch,
  key: number,
  entry: number,
  view: DataView,
  start: number,
  length: number
): boolean =>
  // A deadline that stays is known already.
  noteStored(execution, commands, key, execution.engine.setValue(entry, view, start, length, execution.now), NEVER)

/**
 * Writes bytes over a part of a string, beginning with its byte `offset`: it grows as needed, with zero bytes up to there.
 * `entry` is the key's, or `NOT_THERE` if it has none. A deadline stays. Answers and returns like `store`.
 */
export const overwrite = (
  execution: Execution,
  commands: CommandBatch,
  key: number,
  entry: number,
  offset: number,
  view: DataView,
  start: number,
  length: number
): boolean => {
  const { engine, now, sink } = execution
  const isNew = entry === NOT_THERE
  if (isNew && !store(execution, commands, key, NOTHING, 0, 0, NEVER)) return false
  const present = isNew ? findKey(execution, commands, key) : entry
  if (engine.writeValue(present, offset, view, start, length, now) !== STORED) {
    sink.fixed(outOfMemory)
    const empty = isNew ? findKey(execution, commands, key) : NOT_THERE
    if (empty !== NOT_THERE) engine.remove(empty, DELETED)
    return false
  }
  if (!isNew) execution.changed(commands, key)
  return true
}

/** Copies a part of a string that is inline. It is valid until the next one is copied or shown. */
export const inlinePart = (engine: Engine, entry: number, from: number, length: number): Buffer => {
  engine.copyValue(entry, from, length, piece, 0)
  return piece
}

/** Is shown the first `count` bytes of `bytes`, which it may change. Returns whether it needs to see more. */
export type See = (bytes: Buffer, count: number) => boolean

/**
 * Shows a part of a string, which it must have, to `see`, in order, as far as that needs it, and then does `last`. Much of a
 * long string is shown in slices. What others write meanwhile is not seen.
 */
export const throughValue = (
  execution: Execution,
  entry: number,
  from: number,
  length: number,
  see: See,
  last: (later: Execution) => void
): Slices | undefined => {
  const { engine } = execution
  if (engine.isInline(entry)) {
    see(inlinePart(engine, entry, from, length), length)
    last(execution)
    return undefined
  }
  const reader = engine.openReader(entry)
  reader.limit(from, length)
  const slices = new ValueSlices(reader, see, last)
  if (length >= LONG_READ) return slices
  while (slices.next(execution));
  return undefined
}

class ValueSlices implements Slices {
  private readonly reader: ChainReader
  private readonly see: See
  private readonly last: (later: Execution) => void

  constructor(reader: ChainReader, see: See, last: (later: Execution) => void) {
    this.reader = reader
    this.see = see
    this.last = last
  }

  next(execution: Execution): boolean {
    const { reader } = this
    let isEnough = false
    for (let left = READ_SLICE; left > 0 && !isEnough && reader.remaining > 0; left -= PIECE_BYTES) {
      isEnough = !this.see(piece, reader.read(piece, 0, PIECE_BYTES))
    }
    if (!isEnough && reader.remaining > 0) return true
    reader.close()
    this.last(execution)
    return false
  }

  abandon(): void {
    this.reader.close()
  }
}

/** Removes a key's entry. */
export const remove = (execution: Execution, commands: CommandBatch, key: number, entry: number): void => {
  execution.engine.remove(entry, DELETED)
  execution.changed(commands, key)
}
