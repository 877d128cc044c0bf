import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/testing/TestClock"
import * as Command from "../../src/domain/Command.ts"
import { Expirer } from "../../src/store/Expirer.ts"
import { Store, type StoreService } from "../../src/store/Store.ts"

const storeLayer = Store.layerMemory({ maxKeys: 1_000_000 })
const expirerLayer = Expirer.layer({ interval: "100 millis" })
const layer = Layer.provideMerge(expirerLayer, storeLayer)

const value = Command.Value.make("v")

/** Puts many keys at once, as one connection's batch would. */
const putMany = (store: StoreService, count: number, ttl: number): void => {
  const seconds = Command.Ttl.make(ttl)
  const now = store.unsafe.now()
  for (let i = 0; i < count; i++) {
    store.unsafe.execute({ _tag: "Put", key: Command.Key.make(`k${ttl}-${i}`), value, ttl: seconds }, now)
  }
}

interface Logged {
  readonly level: LogLevel.LogLevel
  readonly cause: string
}

const capturingLogger = () => {
  const logged: Array<Logged> = []
  const logger = Logger.make(({ cause, logLevel }) => {
    logged.push({ level: logLevel, cause: Cause.pretty(cause) })
  })
  return { logged, layer: Logger.layer([logger]) }
}

/** The real store, but for some calls of `sweep`, counted from 1, that throw. */
const failingStore = (failing: ReadonlySet<number>) => {
  const calls = { count: 0 }
  const wrapped = Layer.effect(
    Store,
    Effect.map(Store, (store) =>
      Store.of({
        ...store,
        unsafe: {
          ...store.unsafe,
          sweep: (now, budget) => {
            calls.count++
            if (failing.has(calls.count)) throw new Error(`sweep ${calls.count} is broken`)
            return store.unsafe.sweep(now, budget)
          }
        }
      })
    )
  )
  return { calls, layer: Layer.provide(wrapped, storeLayer) }
}

describe("Expirer", () => {
  it.effect("frees keys that have expired and that nobody asks for", () =>
    Effect.gen(function* () {
      const store = yield* Store
      putMany(store, 1000, 1)
      putMany(store, 10, 5)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual((yield* store.stats).keys, 1010)
      yield* TestClock.adjust("101 millis")
      const stats = yield* store.stats
      assert.strictEqual(stats.keys, 10)
      assert.strictEqual(stats.expired, 1000)
      assert.strictEqual(stats.gets + stats.deletes + stats.existences, 0)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* store.stats).keys, 0)
      assert.strictEqual((yield* store.stats).bytes, 0)
    }).pipe(Effect.provide(layer))
  )

  it.effect("sweeps at its interval, no sooner", () =>
    Effect.gen(function* () {
      const store = yield* Store
      putMany(store, 10, 1)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* store.size, 10)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* store.size, 0)
    }).pipe(Effect.provide(Layer.provideMerge(Expirer.layer({ interval: "10 seconds" }), storeLayer)))
  )

  it.effect("sweeps on demand, all of it", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const expirer = yield* Expirer
      putMany(store, 5000, 1)
      yield* expirer.sweep
      assert.strictEqual(yield* store.size, 5000)
      yield* TestClock.adjust("1 second")
      yield* expirer.sweep
      assert.strictEqual(yield* store.size, 0)
    }).pipe(Effect.provide(Layer.provideMerge(Expirer.layer({ interval: "1 hour" }), storeLayer)))
  )

  it.effect("leaves keys without a ttl alone in 1,000 sweeps", () => {
    const counting = failingStore(new Set())
    return Effect.gen(function* () {
      const store = yield* Store
      putMany(store, 10, 0)
      yield* store.put("cleared", "v", 1)
      yield* store.put("cleared", "v")
      for (let i = 0; i < 1000; i++) {
        yield* store.put("brief", "v", 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* store.size, 11)
      }
      assert.isAtLeast(counting.calls.count, 1000)
      assert.strictEqual((yield* store.stats).expired, 1000)
      assert.isTrue(yield* store.exists("cleared"))
    }).pipe(Effect.provide(Layer.provideMerge(expirerLayer, counting.layer)))
  })

  it.effect("sleeps while nothing is due, for years if need be, and wakes for a key that is due earlier", () => {
    const counting = failingStore(new Set())
    return Effect.gen(function* () {
      const store = yield* Store
      yield* TestClock.adjust("3650 days")
      assert.strictEqual(counting.calls.count, 0)
      yield* store.put("late", "v", 1_000_000)
      yield* store.put("early", "v", 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* store.size, 1)
      yield* TestClock.adjust("1000000 seconds")
      assert.strictEqual(yield* store.size, 0)
      // The wheel is looked into when a wide bucket begins: at most once a level for each key.
      assert.isAtMost(counting.calls.count, 14)
    }).pipe(Effect.provide(Layer.provideMerge(expirerLayer, counting.layer)))
  })

  it.effect("logs a sweep that fails, and goes on with the next one", () => {
    const failing = failingStore(new Set([1, 2]))
    const logs = capturingLogger()
    return Effect.gen(function* () {
      const store = yield* Store
      yield* store.put("a", "v", 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(failing.calls.count, 1)
      assert.strictEqual(logs.logged.length, 1)
      assert.strictEqual(logs.logged[0]?.level, "Error")
      assert.include(logs.logged[0]?.cause, "sweep 1 is broken")
      // The next one comes after the interval, and not before.
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(failing.calls.count, 2)
      assert.include(logs.logged[1]?.cause, "sweep 2 is broken")
      assert.strictEqual(yield* store.size, 1)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* store.size, 0)
      assert.strictEqual(logs.logged.length, 2)
    }).pipe(Effect.provide(Layer.provideMerge(Layer.provideMerge(expirerLayer, failing.layer), logs.layer)))
  })

  it.effect("ends with its scope", () => {
    const counting = failingStore(new Set())
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const store = yield* Store
        yield* store.put("a", "v", 1)
        yield* store.put("b", "v", 5)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* store.size, 1)
      }).pipe(Effect.provide(Layer.provideMerge(expirerLayer, counting.layer)))
      const { count } = counting.calls
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(counting.calls.count, count)
    })
  })

  it.effect("lets other fibers run between its slices when 300,000 keys expire at once", () =>
    Effect.gen(function* () {
      const store = yield* Store
      putMany(store, 300_000, 1)
      // The clock is moved by another fiber, so that this one is any client that wants its turn.
      yield* Effect.forkChild(TestClock.adjust("1100 millis"))
      const sizes = [300_000]
      for (let turn = 0; turn < 100_000 && sizes.at(-1) !== 0; turn++) {
        yield* Effect.yieldNow
        const size = (yield* store.stats).keys
        if (size !== sizes.at(-1)) sizes.push(size)
      }
      assert.strictEqual(sizes.at(-1), 0)
      const largestSlice = Math.max(...sizes.slice(1).map((size, i) => (sizes[i] ?? 0) - size))
      assert.isAtMost(largestSlice, 2000, "keys freed between two turns of another fiber")
      assert.strictEqual((yield* store.stats).expired, 300_000)
    }).pipe(Effect.provide(layer))
  )
})
