/** The parts under a `Store`, for tests that execute many commands or choose the time. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Caller } from "../../src/commands/Execution.ts"
import type { StoreCommand } from "../../src/domain/Command.ts"
import { CommandBatch } from "../../src/domain/CommandBatch.ts"
import type { Reply } from "../../src/domain/Reply.ts"
import { Executor, type ExecutorService } from "../../src/store/Executor.ts"
import { MemoryEngine, type MemoryEngineService } from "../../src/store/MemoryEngine.ts"
import { batchOf, KeptReplies } from "../domain/Batches.ts"

export interface Backing {
  readonly executor: ExecutorService
  readonly engine: MemoryEngineService
  /** Executes one command at `now`, in ms. */
  readonly execute: (command: StoreCommand, now: number) => Reply
  /** Executes commands as one batch and gives a reply for each. */
  readonly executeAll: (commands: ReadonlyArray<StoreCommand>, now: number) => ReadonlyArray<Reply>
}

/** The caller of all commands. */
export const caller: Caller = { database: 0 }

export const backing: Effect.Effect<Backing, never, Executor | MemoryEngine> = Effect.gen(function* () {
  const executor = yield* Executor
  const engine = yield* MemoryEngine
  const batch = new CommandBatch()
  const executeAll: Backing["executeAll"] = (commands, now) => {
    batchOf(commands, batch)
    const sink = new KeptReplies()
    executor.prepare(batch)
    assert.isUndefined(executor.execute(batch, 0, batch.count, now, caller, sink))
    return sink.replies
  }
  const execute: Backing["execute"] = (command, now) =>
    executeAll([command], now)[0] ?? assert.fail("there is no reply")
  return { executor, engine, execute, executeAll }
})
