/**
 * Writes values that are too large to be copied at once, in slices: others are served meanwhile, and see the old value until
 * the last one. It does not know when a slice is due: see `store/Executor.ts`.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { ValueReader } from "../domain/ValueReader.ts"
import { type Engine, OUT_OF_MEMORY, STORED } from "../engine/Engine.ts"
import type { Execute, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"

/** Values of so many bytes are stored in slices. Copying less takes about 0.3 ms. */
export const LARGE_VALUE = 1024 * 1024

/** The most bytes of a slice. */
export const VALUE_SLICE = 256 * 1024

/**
 * A slice ends early once it has evicted so many entries, which takes longer than copying all of its bytes. It looks after
 * each piece, in bytes; room for one is made of 1,000 small entries or so.
 */
const MOST_EVICTED = 256
export const PIECE = 64 * 1024

const NONE = 0

const ZEROS = Buffer.alloc(PIECE)
const copied = Buffer.allocUnsafeSlow(PIECE)

/** What a large value, or a part of it, is written from: in order, in pieces. */
export interface Source {
  readonly length: number
  /** As `Engine.writeLarge`, of the next `count` bytes. */
  readonly write: (engine: Engine, large: number, count: number, now: number) => number
  readonly close: () => void
}

/** Bytes that stay as they are: `length` from `start` on. */
export const bytesSource = (bytes: Buffer, start: number, length: number): Source => {
  let at = start
  return {
    length,
    write: (engine, large, count, now) => {
      const from = at
      at += count
      return engine.writeLarge(large, bytes, from, count, now)
    },
    close: doNothing
  }
}

/** An argument of a command. */
export const argumentSource = (commands: CommandBatch, command: number, argument: number): Source =>
  bytesSource(commands.bytes, commands.argStart(command, argument), commands.argLength(command, argument))

export const zeroSource = (length: number): Source => ({
  length,
  write: (engine, large, count, now) => engine.writeLarge(large, ZEROS, 0, count, now),
  close: doNothing
})

/** What a reader has not read yet. */
export const readerSource = (reader: ValueReader): Source => ({
  length: reader.remaining,
  write: (engine, large, count, now) => {
    reader.read(copied, 0, count)
    return engine.writeLarge(large, copied, 0, count, now)
  },
  close: () => reader.close()
})

/** Executes a command. If its value is large, that has been written already. */
export type ExecuteWithValue = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  value?: LargeValue
) => void

/** An argument as a large value, which may have been written ahead. */
export const largeArgument = (
  { caller }: Execution,
  commands: CommandBatch,
  command: number,
  argument: number
): LargeValue =>
  caller?.ahead?.take(commands.bytes, commands.argStart(command, argument)) ??
  new LargeValue([argumentSource(commands, command, argument)])

/** Executes a command that stores an argument: as ever, or as soon as the engine has all of a large one. */
export const inSlices =
  (argument: number, execute: ExecuteWithValue): Execute =>
  (execution, commands, command) => {
    if (commands.argLength(command, argument) < LARGE_VALUE) return execute(execution, commands, command)
    const value = largeArgument(execution, commands, command, argument)
    return new LargeValues([value], (later) => execute(later, commands, command, value))
  }

/** A value that the engine is given in pieces, before it has a key. */
export class LargeValue {
  readonly length: number
  private readonly sources: ReadonlyArray<Source>
  // What the engine calls the value while it is written, and where it is kept.
  private large = NONE
  private engine: Engine | undefined
  // The source that is read, and the bytes of it that were.
  private source = 0
  private done = 0
  private written = 0
  private hasRoom = true

  constructor(sources: ReadonlyArray<Source>) {
    this.sources = sources
    this.length = sources.reduce((sum, { length }) => sum + length, 0)
  }

  /** Whether all of it is written. */
  get isWhole(): boolean {
    return this.large !== NONE && this.hasRoom && this.written === this.length
  }

  /** Whether nothing more can be written: all was, or there is no room. */
  get isOver(): boolean {
    return !this.hasRoom || this.written === this.length
  }

  /** Writes the next piece, of at most `most` bytes, and returns how many it had. */
  write({ engine, now }: Execution, most: number): number {
    if (this.large === NONE) {
      this.engine = engine
      this.large = engine.beginLarge(this.length, now)
      this.hasRoom = this.large !== OUT_OF_MEMORY
      if (!this.hasRoom) return 0
    }
    let source = this.sources[this.source]
    while (source !== undefined && this.done === source.length) {
      source = this.sources[++this.source]
      this.done = 0
    }
    if (source === undefined) return 0
    const count = Math.min(PIECE, most, source.length - this.done)
    this.hasRoom = source.write(engine, this.large, count, now) === STORED
    this.done += count
    this.written += count
    return count
  }

  /** As `Engine.set`, under a key of a batch's. */
  set({ engine, now }: Execution, commands: CommandBatch, key: number, database: number, deadline: number): number {
    if (!this.hasRoom) return OUT_OF_MEMORY
    const { large } = this
    const start = commands.keyStart(key)
    const length = commands.keyLength(key)
    return this.given(engine.setLarge(commands.view, start, length, commands.hash(key), database, large, deadline, now))
  }

  /** Puts it in the place of an entry's value, which must not be inline: see `Engine.exchangeLarge`. */
  exchange({ engine, now }: Execution, entry: number): number {
    if (!this.hasRoom) return OUT_OF_MEMORY
    engine.exchangeLarge(entry, this.large, now)
    return this.given(STORED)
  }

  /** Appends it to the value of an entry. */
  append({ engine, now }: Execution, entry: number): number {
    return this.hasRoom ? this.given(engine.appendLarge(entry, this.large, now)) : OUT_OF_MEMORY
  }

  /** Gives it up, unless it was stored. */
  abandon(): void {
    for (const source of this.sources) source.close()
    if (this.large !== NONE) this.engine?.abandonLarge(this.large)
    this.large = NONE
  }

  private given(outcome: number): number {
    if (outcome === STORED) this.large = NONE
    return outcome
  }
}

/** Writes the next slice of several values, one after the other. Says whether that was the last one. */
const writeSlice = (values: ReadonlyArray<LargeValue>, execution: Execution): boolean => {
  const { engine } = execution
  const least = engine.size - MOST_EVICTED
  let left = VALUE_SLICE
  for (const value of values) {
    while (!value.isOver) {
      if (left === 0 || engine.size <= least) return false
      left -= value.write(execution, left)
    }
  }
  return true
}

const abandon = (values: Iterable<LargeValue>): void => {
  for (const value of values) value.abandon()
}

/** Writes values in slices, and then executes a command with them. */
export class LargeValues implements Slices {
  private readonly values: ReadonlyArray<LargeValue>
  private readonly execute: (execution: Execution) => void

  constructor(values: ReadonlyArray<LargeValue>, execute: (execution: Execution) => void) {
    this.values = values
    this.execute = execute
  }

  next(execution: Execution): boolean {
    if (!writeSlice(this.values, execution)) return true
    this.execute(execution)
    this.abandon()
    return false
  }

  abandon(): void {
    abandon(this.values)
  }
}

/**
 * Large values that are written before the commands are executed that store them, because these are executed at one instant.
 * Whoever makes it abandons it when they have been.
 */
export class ValuesAhead {
  // By the bytes that they are written from, and where in them they begin.
  private readonly values = new Map<Buffer, Map<number, LargeValue>>()
  private bytes = 0

  /** Writes as many of a command's arguments as have room, beside as many bytes again, and then answers. */
  write({ engine }: Execution, commands: CommandBatch, command: number): Slices {
    const begun: Array<LargeValue> = []
    const known = this.values.get(commands.bytes) ?? new Map<number, LargeValue>()
    this.values.set(commands.bytes, known)
    for (let argument = 0; argument < commands.argc(command); argument++) {
      this.bytes += commands.argLength(command, argument)
      if (!engine.hasRoomFor(2 * this.bytes)) break
      const value = new LargeValue([argumentSource(commands, command, argument)])
      begun.push(value)
      known.set(commands.argStart(command, argument), value)
    }
    return {
      next: (execution) => {
        if (!writeSlice(begun, execution)) return true
        execution.sink.integer(begun.length)
        return false
      },
      abandon: doNothing
    }
  }

  /** The value that was written from what begins at `start` of `bytes`, for whoever stores it; if there is one. */
  take(bytes: Buffer, start: number): LargeValue | undefined {
    const known = this.values.get(bytes)
    const value = known?.get(start)
    if (value?.isWhole !== true) return undefined
    known?.delete(start)
    return value
  }

  /** Gives up all that nobody has taken. */
  abandon(): void {
    for (const known of this.values.values()) abandon(known.values())
    this.values.clear()
  }
}

const doNothing = (): void => {}
