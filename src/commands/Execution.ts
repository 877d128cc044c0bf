/**
 * The context in which commands are executed: the engine, the caller, the instant, and the receiver of the replies. It
 * executes nothing itself.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { nowhere, type ReplySink } from "../domain/Reply.ts"
import type { Engine } from "../engine/Engine.ts"
import { MAX_VALUE_LENGTH } from "../engine/Limits.ts"
import type { MemoryInsight } from "../insight/MemoryInsight.ts"
import type { Alarm } from "./Alarm.ts"
import type { Changes } from "./Changes.ts"
import type { ValuesAhead } from "./LargeValue.ts"

/** The properties of a caller that commands depend on. */
export interface Caller {
  /** The database of the caller's keys, counted from 0. */
  readonly database: number
  /** Where it is connected from, and what it calls itself; absent for callers within this process. */
  readonly address?: string | undefined
  readonly name?: string | undefined
  /** Its reads are no uses of keys. */
  readonly isUntouching?: boolean | undefined
  /** The longest value that it may make, in bytes; what the engine can hold, if absent. */
  readonly maxValueBytes?: number | undefined
  /** Nothing of others may be executed before what it asks for is complete, however long that takes. */
  readonly isAtomic?: boolean | undefined
  /** Large values that it has had written ahead, if it has. */
  readonly ahead?: ValuesAhead | undefined
}

export class Execution {
  readonly engine: Engine
  /** Told of every deadline that is set. */
  readonly alarm: Alarm
  /** Told of every key that a command changed: see `changed`. */
  readonly changes: Changes
  /** Unix time in ms at an instant, which is in ms, too. */
  readonly unixTime: (now: number) => number
  /** Is told of the keys that are missing, and knows why; nothing for keys that are only copies of others. */
  readonly insight: MemoryInsight | undefined
  caller: Caller | undefined = undefined
  /** Whether reads are uses of keys. */
  touches = true
  /** The caller's database. */
  database = 0
  /** In ms, an integer that never decreases. All commands executed together have the same instant. */
  now = 0
  sink: ReplySink = nowhere
  /** The numbers of reads that found a value and of reads that did not. */
  hits = 0
  misses = 0
  // Counts the random numbers that were asked for.
  private readonly drawn = new DataView(new ArrayBuffer(8))

  constructor(
    engine: Engine,
    alarm: Alarm,
    changes: Changes,
    unixTime: (now: number) => number,
    insight?: MemoryInsight
  ) {
    this.engine = engine
    this.alarm = alarm
    this.changes = changes
    this.insight = insight
    this.unixTime = unixTime
  }

  /** The longest value that the caller may make, in bytes. */
  get maxValueBytes(): number {
    return this.caller?.maxValueBytes ?? MAX_VALUE_LENGTH
  }

  /**
   * To be called by a command that has changed a key of a batch: its value or its deadline, or that it is there. The
   * database is the caller's unless another one is named.
   */
  changed(commands: CommandBatch, key: number, database: number = this.database): void {
    if (!this.changes.isHeard) return
    const start = commands.keyStart(key)
    const text = commands.bytes.toString("latin1", start, start + commands.keyLength(key))
    this.changes.changed(database, text, this.caller)
  }

  /** 32 random bits, a signed integer. They follow from the secret of the engine's hash, and from nothing else. */
  random(): number {
    this.drawn.setFloat64(0, this.drawn.getFloat64(0) + 1)
    return this.engine.hashOf(this.drawn, 0, 8)
  }
}
