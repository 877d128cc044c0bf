/** Executors that behave badly, or slowly, in a part of what they do, and as the memory of this process in all others. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Executor, type ExecutorService } from "../../src/store/Executor.ts"
import { Store } from "../../src/store/Store.ts"

/** An executor over memory, of which `make` replaces some parts. */
export const over = (
  make: (executor: ExecutorService) => Effect.Effect<Partial<ExecutorService>>
): Layer.Layer<Executor> =>
  Layer.effect(
    Executor,
    Effect.gen(function* () {
      const executor = yield* Executor
      return Executor.of({
        engine: executor.engine,
        transactions: executor.transactions,
        changes: executor.changes,
        prepare: (commands) => executor.prepare(commands),
        execute: (commands, from, to, now, caller, sink) => executor.execute(commands, from, to, now, caller, sink),
        clear: (now) => executor.clear(now),
        stats: () => executor.stats(),
        levels: () => executor.levels(),
        setMaxMemory: (bytes, now) => executor.setMaxMemory(bytes, now),
        statistics: executor.statistics,
        insight: executor.insight,
        ...(yield* make(executor))
      })
    })
  ).pipe(Layer.provide(Store.layerMemory({ maxKeys: 100_000 })))

/** An executor that answers after so many ms of the clock; at once where that is nothing. */
export const slow = (time: () => number | undefined): Layer.Layer<Executor> =>
  over((executor) =>
    Effect.clockWith((clock) => {
      const execute: ExecutorService["execute"] = (commands, from, to, now, caller, sink) => {
        const millis = time()
        if (millis === undefined) return executor.execute(commands, from, to, now, caller, sink)
        const done = Effect.suspend(() => executor.execute(commands, from, to, now, caller, sink) ?? Effect.void)
        return Effect.andThen(clock.sleep(Duration.millis(millis)), done)
      }
      return Effect.succeed({ execute })
    })
  )
