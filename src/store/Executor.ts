/**
 * Executes commands: the port between the source of commands (a server's turn, a `Store`) and the keeper of the keys.
 * It does not say what a command does: see `commands/`.
 *
 * An executor completes at once, or returns an Effect to wait for. The memory of this process completes at once, but for
 * what would hold up others.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { commands as table, DELETE, EXISTS, GET, PUT } from "../commands/Commands.ts"
import type { Changes } from "../commands/Changes.ts"
import type { Counter, Slices } from "../commands/Entry.ts"
import { type Caller, Execution } from "../commands/Execution.ts"
import { executeDelete, executeExists } from "../commands/Keys.ts"
import { executeGet, executePut } from "../commands/Strings.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { ReplySink } from "../domain/Reply.ts"
import { DATABASES, DELETED, EVICTED, EXPIRED, type Removal, REPLACED } from "../engine/Limits.ts"
import type { MemoryInsight } from "../insight/MemoryInsight.ts"
import type { Insight } from "../insight/Insight.ts"
import { CommandStatistics } from "./CommandStatistics.ts"
import type { EngineNode } from "./EngineNode.ts"
import type { Keyspace } from "./Keyspace.ts"
import type { MemoryEngineService } from "./MemoryEngine.ts"
import type { NearStats } from "./near/NearCache.ts"

/** The state of the store and its counts since the start. Counts only grow. `keys`, `bytes` and `held` are levels. */
export interface StoreStats extends Readonly<Record<Removal | Counter, number>> {
  /** The number of keys, including expired ones that are not yet removed. */
  readonly keys: number
  /** The memory of all entries, in bytes: their slots, their long values, and their shares of the index. */
  readonly bytes: number
  /** The memory held for entries, in bytes, whether used or free. */
  readonly held: number
  /** The number of GETs that found a value and of GETs that did not. */
  readonly hits: number
  readonly misses: number
}

/** The state of the store, by database, and its bound. */
export interface StoreLevels {
  readonly databases: Keyspace
  /** The most `StoreStats.bytes` that there have been. */
  readonly peak: number
  /** The bound of `StoreStats.bytes`, if there is one. */
  readonly maxMemory: number | undefined
}

/** What keeps the keys, as far as commands that concern the whole server depend on it. */
export interface EngineDescription {
  readonly name: "memory" | "redis" | "redis-cluster"
  /** How many databases there are, counted from 0. */
  readonly databases: number
  /** Whether `changes` tells of all changes: those that others make, too. */
  readonly tellsChanges: boolean
  /** The servers that have the keys; none if they are in the memory of this process. */
  readonly nodes: () => ReadonlyArray<EngineNode>
  /** What is kept of them in this process, if anything is. */
  readonly near: () => NearStats | undefined
  /** Whether a read would be answered, with an error at least not for all keys. */
  readonly isReady: () => boolean
  /** The keys that its servers have, by database; absent where `levels` tells of them. Of those that can be reached. */
  readonly keyspace: Effect.Effect<Keyspace> | undefined
  /** The story of a key, in one line of words, as EXPLAIN answers it. `now` in ms. */
  readonly explain: (database: number, key: Buffer, now: number) => Effect.Effect<string>
}

/** Keys that an engine watches for a client. */
export interface EngineWatch {
  /** Forgets them. */
  readonly end: () => void
}

/** Transactions of an engine that executes them whole. */
export interface EngineTransactions {
  /**
   * Watches keys for a client, besides those of `before`, which is what its last WATCH came to. Returns what its next
   * transaction is to be executed with, and what waits until the keys are watched: it yields the line of an error, if
   * they are not.
   */
  readonly watch: (
    before: EngineWatch | undefined,
    database: number,
    keys: ReadonlyArray<Buffer>
  ) => { readonly watch: EngineWatch; readonly done: Effect.Effect<string | undefined> }
  /** Why a command cannot be a part of a transaction, if it cannot. */
  readonly refuses: (id: number) => string | undefined
  /**
   * Executes the commands of a transaction at once, in order, with what is watched. It answers as EXEC does, and ends the
   * watch. The batches must stay unchanged until it ends.
   */
  readonly execute: (
    batches: ReadonlyArray<CommandBatch>,
    watch: EngineWatch | undefined,
    caller: Caller,
    sink: ReplySink
  ) => Effect.Effect<void>
}

export interface ExecutorService {
  readonly engine: EngineDescription
  /** Absent where what is executed at one instant is a transaction anyway. */
  readonly transactions: EngineTransactions | undefined
  /** Tells which keys change. */
  readonly changes: Changes
  /** Prepares a batch for execution. It expects most keys in database 0. */
  readonly prepare: (commands: CommandBatch) => void
  /**
   * Executes the commands from `from` to `to` (exclusive) of a prepared batch for `caller`, in order and at one
   * instant. `now` is in ms, an integer that never decreases. Each command puts one reply into `sink`, which is told
   * when the command begins. An error is a reply, too.
   *
   * Returns `undefined` if everything is done, or else an Effect that completes it. Until that Effect ends, the batch
   * and its bytes must stay unchanged, and only the executor may use `sink`.
   */
  readonly execute: (
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    caller: Caller,
    sink: ReplySink
  ) => Effect.Effect<void> | undefined
  /** Removes every key at `now`. Nothing is counted as removed. Like `execute`, it may return an Effect to wait for. */
  readonly clear: (now: number) => Effect.Effect<void> | undefined
  readonly stats: () => StoreStats
  readonly levels: () => StoreLevels
  /**
   * Sets the bound of `StoreStats.bytes`; nothing for as much as can be addressed. What is over a lower one is evicted
   * little by little, beginning at `now`.
   */
  readonly setMaxMemory: (maxMemory: number | undefined, now: number) => void
  /** What is known of commands. Whoever does commands that no executor does counts them here, too. */
  readonly statistics: CommandStatistics
  /** What is known of keys that are missing, hot or big, and of other sizes; nothing if nobody keeps that. */
  readonly insight: Insight | undefined
}

export class Executor extends Context.Service<Executor, ExecutorService>()("effect-kv-cache/store/Executor") {}

/**
 * The commands whose time depends on how much there is, by id: each is measured. Those of one string are not among them,
 * although a long one takes longer.
 */
const isLong = Uint8Array.from(table, ({ flags, group, keys, protocols }) =>
  protocols.length === 0 || flags.includes("fast") || (group === "string" && keys?.first === keys?.last) ? 0 : 1
)

/**
 * Executes at once, in the memory of this process. What would hold up others is executed in slices, one in a turn of the
 * event loop for all that have any.
 */
export class MemoryExecutor implements ExecutorService {
  readonly engine: EngineDescription = {
    name: "memory",
    databases: DATABASES,
    tellsChanges: true,
    nodes: () => [],
    near: () => undefined,
    isReady: () => true,
    keyspace: undefined,
    explain: (database, key, now) => Effect.sync(() => this.insight.explain(database, key, now))
  }
  readonly transactions: undefined
  readonly changes: Changes
  private readonly execution: Execution
  private readonly now: () => number
  private readonly turns = Semaphore.makeUnsafe(1)
  // The engine's `givenUpBytes` when it was last read.
  private givenUp = 0
  readonly statistics = new CommandStatistics()
  readonly insight: MemoryInsight
  private readonly micros: () => number
  private peak = 0

  constructor({ alarm, changes, engine, insight, micros, now, unixTime }: Omit<MemoryEngineService, "defects">) {
    this.changes = changes
    this.micros = micros
    this.insight = insight
    this.execution = new Execution(engine, alarm, changes, unixTime, insight)
    insight.counts = this.execution
    this.now = now
  }

  prepare(commands: CommandBatch): void {
    this.execution.engine.prepare(commands, 0)
  }

  execute(
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    caller: Caller,
    sink: ReplySink
  ): Effect.Effect<void> | undefined {
    const { execution, statistics } = this
    const { calls } = statistics
    this.enter(now, caller, sink)
    if ((this.insight.untilUse -= to - from) < 0) this.lookAtUses(commands, to, now)
    if (--statistics.untilMeasured < 0) return this.executeMeasured(commands, from, to, caller, sink)
    for (let command = from; command < to; command++) {
      const id = commands.id(command)
      let slices: Slices | void = undefined
      statistics.current = id
      calls[id]!++
      sink.begin()
      // What nearly all commands are is called by its name, so that it is compiled into this loop: by the table alone, a
      // command takes 157 ns in place of 148, from its bytes to those of its reply (medians of alternating rounds, Node 24).
      if (id === GET) executeGet(execution, commands, command)
      else if (id === PUT) slices = executePut(execution, commands, command)
      else if (id === EXISTS) executeExists(execution, commands, command)
      else if (id === DELETE) executeDelete(execution, commands, command)
      else if (isLong[id] === 1) slices = this.measure(commands, command)
      else slices = table[id]?.execute?.(execution, commands, command)
      if (slices !== undefined) return this.executeLater(slices, commands, command, to, caller, sink)
    }
    this.wakeForMemory(now)
    return undefined
  }

  /** Looks at some of the keys that the commands before `to` use, and chooses which to look at next. */
  private lookAtUses(commands: CommandBatch, to: number, now: number): void {
    const { insight } = this
    const { database } = this.execution
    let command = to + insight.untilUse
    while (command < to) {
      const next = insight.nextUse()
      const keys = commands.keysOf(command)
      if (keys > 0) {
        const key = commands.firstKey(command) + (next % keys)
        const start = commands.keyStart(key)
        insight.looked(commands.hash(key), database, commands.bytes, start, commands.keyLength(key), now)
      }
      command += next
    }
    insight.untilUse = command - to
  }

  /** Executes a command in slices, and then the rest up to `to` (exclusive). */
  private executeLater(
    slices: Slices,
    commands: CommandBatch,
    command: number,
    to: number,
    caller: Caller,
    sink: ReplySink
  ): Effect.Effect<void> | undefined {
    const rest = (): Effect.Effect<void> | undefined =>
      this.execute(commands, command + 1, to, this.now(), caller, sink)
    if (caller.isAtomic !== true) {
      return Effect.andThen(
        this.inSlices(slices, commands.id(command), caller, sink),
        Effect.suspend(() => rest() ?? Effect.void)
      )
    }
    const done = Result.try(() => {
      while (slices.next(this.execution));
    })
    slices.abandon()
    if (Result.isFailure(done)) throw done.failure
    return rest()
  }

  /** Others are executed between two slices, so each begins as an execution does. */
  private inSlices(slices: Slices, id: number, caller: Caller, sink: ReplySink): Effect.Effect<void> {
    const slice = Effect.sync(() => {
      this.enter(this.now(), caller, sink)
      this.statistics.current = id
      return slices.next(this.execution)
    })
    return Effect.tap(slice, () => Effect.yieldNow).pipe(
      this.turns.withPermits(1),
      Effect.repeat({ while: (more) => more }),
      Effect.ensuring(Effect.sync(() => slices.abandon())),
      Effect.asVoid
    )
  }

  private enter(now: number, caller: Caller, sink: ReplySink): void {
    const { execution } = this
    // Whoever comes until the process has ended is not to see, or to be told, what is wrong.
    if (execution.engine.isBroken) throw new Error("the store was left half-changed")
    execution.now = now
    execution.caller = caller
    execution.touches = caller.isUntouching !== true
    execution.database = caller.database
    execution.sink = sink
  }

  /** As `execute`, with a look at the clock before and after each command. */
  private executeMeasured(
    commands: CommandBatch,
    from: number,
    to: number,
    caller: Caller,
    sink: ReplySink
  ): Effect.Effect<void> | undefined {
    const { execution, statistics } = this
    statistics.restartCount()
    for (let command = from; command < to; command++) {
      statistics.begin(commands.id(command))
      sink.begin()
      const slices = this.measure(commands, command)
      if (slices !== undefined) return this.executeLater(slices, commands, command, to, caller, sink)
    }
    this.wakeForMemory(execution.now)
    return undefined
  }

  private measure(commands: CommandBatch, command: number): Slices | undefined {
    const { execution, micros, statistics } = this
    const { caller, now } = execution
    const before = micros()
    const slices = table[commands.id(command)]?.execute?.(execution, commands, command)
    const after = micros()
    if (caller !== undefined) statistics.measured(commands, command, caller, now, after - before)
    return slices ?? undefined
  }

  clear(now: number): undefined {
    this.execution.engine.clear(now)
    this.changes.flushed(undefined, undefined)
    this.wakeForMemory(now)
  }

  stats(): StoreStats {
    const { engine, hits, misses } = this.execution
    return {
      keys: engine.size,
      // The engine counts an average for an entry's share of the index, which may be a little more than the index takes.
      bytes: Math.min(engine.usedBytes, engine.heldBytes),
      held: engine.heldBytes,
      ...this.statistics.counts,
      hits,
      misses,
      deleted: engine.removed(DELETED),
      expired: engine.removed(EXPIRED),
      evicted: engine.removed(EVICTED),
      replaced: engine.removed(REPLACED)
    }
  }

  setMaxMemory(maxMemory: number | undefined, now: number): void {
    this.execution.engine.setMaxMemory(maxMemory)
    this.wakeForMemory(now)
  }

  levels(): StoreLevels {
    const { engine } = this.execution
    const sizes = Array.from({ length: DATABASES }, (_, database) => engine.keysIn(database))
    return {
      databases: sizes.map((keys) => ({ keys, timed: keys === engine.size ? engine.timedKeys : 0 })),
      peak: Math.max(this.peak, engine.usedBytes),
      maxMemory: engine.maxMemory
    }
  }

  /** Wakes the expirer, which also gives memory back. */
  private wakeForMemory(now: number): void {
    const { alarm, engine } = this.execution
    if (engine.usedBytes > this.peak) this.peak = engine.usedBytes
    alarm.due(engine.givenUpBytes === this.givenUp ? engine.nextMaintenance : now)
    this.givenUp = engine.givenUpBytes
  }
}
