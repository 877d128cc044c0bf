/**
 * Stores a value that is too large to be copied at once, in slices: others are served meanwhile, and see the old value until
 * the last one. It does not know when a slice is due: see `store/Executor.ts`.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { OUT_OF_MEMORY, STORED } from "../engine/Engine.ts"
import type { Execute, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"

/** Values of so many bytes are stored in slices. Copying less takes about 0.3 ms. */
const LARGE_VALUE = 1024 * 1024

/** The most bytes of a slice. */
export const VALUE_SLICE = 256 * 1024

/**
 * A slice ends early once it has evicted so many entries, which takes longer than copying all of its bytes. It looks after
 * each piece, in bytes; room for one is made of 1,000 small entries or so.
 */
const MOST_EVICTED = 256
const PIECE = 64 * 1024

const NONE = 0

/** Executes a command. If its value is large, that has been written already. */
export type ExecuteWithValue = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  value?: LargeValue
) => void

/** Executes a command that stores an argument: as ever, or as soon as the engine has all of a large one. */
export const inSlices =
  (argument: number, execute: ExecuteWithValue): Execute =>
  (execution, commands, command) =>
    commands.argLength(command, argument) < LARGE_VALUE
      ? execute(execution, commands, command)
      : new LargeValue(commands, command, argument, execute)

/** A value is an argument of a command. */
export class LargeValue implements Slices {
  private readonly commands: CommandBatch
  private readonly command: number
  private readonly argument: number
  private readonly execute: ExecuteWithValue
  // What the engine calls the value while it is written, and where it is kept.
  private large = NONE
  private engine: Execution["engine"] | undefined
  private written = 0
  private hasRoom = true

  constructor(commands: CommandBatch, command: number, argument: number, execute: ExecuteWithValue) {
    this.commands = commands
    this.command = command
    this.argument = argument
    this.execute = execute
  }

  next(execution: Execution): boolean {
    const { argument, command, commands } = this
    const { engine } = execution
    const length = commands.argLength(command, argument)
    const end = Math.min(length, this.written + VALUE_SLICE)
    const most = engine.size - MOST_EVICTED
    do this.hasRoom = this.write(execution, Math.min(PIECE, end - this.written))
    while (this.hasRoom && this.written < end && engine.size > most)
    if (this.hasRoom && this.written < length) return true
    this.execute(execution, this.commands, this.command, this)
    this.abandon()
    return false
  }

  /** As `Engine.set`, under the command's first key. */
  set({ database, engine, now }: Execution, deadline: number): number {
    if (!this.hasRoom) return OUT_OF_MEMORY
    const { commands, large } = this
    const key = commands.firstKey(this.command)
    const start = commands.keyStart(key)
    const length = commands.keyLength(key)
    const outcome = engine.setLarge(commands.view, start, length, commands.hash(key), database, large, deadline, now)
    if (outcome === STORED) this.large = NONE
    return outcome
  }

  abandon(): void {
    if (this.large !== NONE) this.engine?.abandonLarge(this.large)
    this.large = NONE
  }

  /** Writes the next bytes. Returns whether there was room for them. */
  private write({ engine, now }: Execution, count: number): boolean {
    const { argument, command, commands } = this
    if (this.large === NONE) {
      this.engine = engine
      this.large = engine.beginLarge(commands.argLength(command, argument), now)
      if (this.large === OUT_OF_MEMORY) return false
    }
    const start = commands.argStart(command, argument) + this.written
    this.written += count
    return engine.writeLarge(this.large, commands.bytes, start, count, now) === STORED
  }
}
