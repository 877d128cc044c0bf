/**
 * Executes commands: the port between whoever reads commands (a server's turn, a `Store`) and what keeps the keys.
 *
 * An executor answers at once, or with an Effect that is waited for. The memory of this process answers at once.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { commands as table, DELETE, EXISTS, GET, PUT } from "../commands/Commands.ts"
import type { Counter } from "../commands/Entry.ts"
import { type Caller, Execution } from "../commands/Execution.ts"
import { executeDelete, executeExists } from "../commands/Keys.ts"
import { executeGet, executePut } from "../commands/Strings.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { ReplySink } from "../domain/Reply.ts"
import { DELETED, EVICTED, EXPIRED, type Removal, REPLACED } from "../engine/Limits.ts"
import type { MemoryEngineService } from "./MemoryEngine.ts"

/** What is stored and was done since the start. Counts only ever grow; `keys` and `bytes` are levels. */
export interface StoreStats extends Readonly<Record<Removal | Counter, number>> {
  /** Keys held, those that have expired and were not yet removed included. */
  readonly keys: number
  /** What the entries take, in bytes: their slots, their long values, and their share of the index. */
  readonly bytes: number
  /** Bytes of memory that are held for entries, used and unused. */
  readonly held: number
  /** GETs that found a value, and GETs that did not. */
  readonly hits: number
  readonly misses: number
}

export interface ExecutorService {
  /** Gets ready to execute a batch, most of whose keys are in database 0. */
  readonly prepare: (commands: CommandBatch) => void
  /**
   * Executes the commands from `from` to `to` (exclusive) of a batch that is prepared, in order and at one instant: `now`,
   * in ms, an integer that never decreases. They are `caller`'s. Each puts one reply into `sink`, which is told when it
   * begins; an error is a reply, too.
   *
   * Returns nothing if that is done, or else an Effect that does it. The batch and what it points to must then stay as
   * they are, and `sink` be left to the executor, until the Effect has ended.
   */
  readonly execute: (
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    caller: Caller,
    sink: ReplySink
  ) => Effect.Effect<void> | undefined
  /** Removes every key, at `now`; that is counted as nothing. As with `execute`, it may have to be waited for. */
  readonly clear: (now: number) => Effect.Effect<void> | undefined
  readonly stats: () => StoreStats
}

export class Executor extends Context.Service<Executor, ExecutorService>()("effect-kv-cache/store/Executor") {}

/** Executes at once, in the memory of this process. */
export class MemoryExecutor implements ExecutorService {
  private readonly execution: Execution
  // Executions of each command, by its id.
  private givenUp = 0
  private readonly executed = new Float64Array(table.length)

  constructor({ alarm, engine }: MemoryEngineService) {
    this.execution = new Execution(engine, alarm)
  }

  prepare(commands: CommandBatch): void {
    this.execution.engine.prepare(commands, 0)
  }

  execute(commands: CommandBatch, from: number, to: number, now: number, caller: Caller, sink: ReplySink): undefined {
    const { executed, execution } = this
    execution.now = now
    execution.database = caller.database
    execution.sink = sink
    for (let command = from; command < to; command++) {
      const id = commands.id(command)
      executed[id]!++
      sink.begin()
      // What nearly all commands are is called by its name, so that it is compiled into this loop. FIGURE
      if (id === GET) executeGet(execution, commands, command)
      else if (id === PUT) executePut(execution, commands, command)
      else if (id === EXISTS) executeExists(execution, commands, command)
      else if (id === DELETE) executeDelete(execution, commands, command)
      else table[id]?.execute?.(execution, commands, command)
    }
    this.wakeForMemory(now)
  }

  clear(now: number): undefined {
    this.execution.engine.clear(now)
    this.wakeForMemory(now)
  }

  stats(): StoreStats {
    const { engine, hits, misses } = this.execution
    return {
      keys: engine.size,
      bytes: engine.usedBytes,
      held: engine.heldBytes,
      puts: this.count("puts"),
      gets: this.count("gets"),
      deletes: this.count("deletes"),
      existences: this.count("existences"),
      flushes: this.count("flushes"),
      hits,
      misses,
      deleted: engine.removed(DELETED),
      expired: engine.removed(EXPIRED),
      evicted: engine.removed(EVICTED),
      replaced: engine.removed(REPLACED)
    }
  }

  /** Whoever sweeps gives memory back, too. */
  private wakeForMemory(now: number): void {
    const { alarm, engine } = this.execution
    alarm.due(engine.givenUpBytes === this.givenUp ? engine.nextMaintenance : now)
    this.givenUp = engine.givenUpBytes
  }

  private count(counter: Counter): number {
    return table.reduce((sum, entry, id) => sum + (entry.counter === counter ? this.executed[id]! : 0), 0)
  }
}
