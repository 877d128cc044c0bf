import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/testing/TestClock"
import * as Command from "../../src/domain/Command.ts"
import { BATCH_COMMANDS } from "../../src/domain/CommandBatch.ts"
import * as EventLoop from "../../src/EventLoop.ts"
import { Expirer } from "../../src/store/Expirer.ts"
import { CurrentCollector } from "../../src/store/Garbage.ts"
import { MemoryEngine } from "../../src/store/MemoryEngine.ts"
import { Store, type StoreService } from "../../src/store/Store.ts"
import type { StoreError } from "../../src/store/StoreError.ts"
import { backing, type Backing } from "./Backing.ts"

const storeLayer = Store.layerMemory({ maxKeys: 1_000_000 })
const expirerLayer = Expirer.layer({ interval: "100 millis" })
const layer = Layer.provideMerge(expirerLayer, storeLayer)

const value = Command.Value.make("v")

const executeMany = (
  { engine, executeAll }: Backing,
  from: number,
  to: number,
  command: (i: number) => Command.StoreCommand
): void => {
  for (let i = from; i < to; i += BATCH_COMMANDS) {
    const count = Math.min(BATCH_COMMANDS, to - i)
    executeAll(
      Array.from({ length: count }, (_, at) => command(i + at)),
      engine.now()
    )
  }
}

/** Puts many keys in batches, as connections do. */
const putMany = Effect.fnUntraced(function* (count: number, ttl: number) {
  const below = yield* backing
  const seconds = Command.Ttl.make(ttl)
  executeMany(below, 0, count, (i) => ({ _tag: "Put", key: Command.Key.make(`k${ttl}-${i}`), value, ttl: seconds }))
})

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

/** The real store, except that the given sweeps, counted from 1, throw. */
const failingStore = (failing: ReadonlySet<number>) => {
  const calls = { count: 0 }
  const broken = Layer.effectDiscard(
    Effect.map(MemoryEngine, ({ engine }) => {
      const sweep = engine.sweep.bind(engine)
      engine.sweep = (now, budget) => {
        calls.count++
        if (failing.has(calls.count)) throw new Error(`sweep ${calls.count} is broken`)
        return sweep(now, budget)
      }
    })
  )
  return { calls, layer: Layer.provideMerge(broken, storeLayer) }
}

describe("Expirer", () => {
  it.effect("frees expired keys that nobody asks for", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* putMany(1000, 1)
      yield* putMany(10, 5)
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

  it.effect("sweeps at its interval and not sooner", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* putMany(10, 1)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* store.size, 10)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* store.size, 0)
    }).pipe(Effect.provide(Layer.provideMerge(Expirer.layer({ interval: "10 seconds" }), storeLayer)))
  )

  it.effect("sweeps everything on demand", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const expirer = yield* Expirer
      yield* putMany(5000, 1)
      yield* expirer.sweep
      assert.strictEqual(yield* store.size, 5000)
      yield* TestClock.adjust("1 second")
      yield* expirer.sweep
      assert.strictEqual(yield* store.size, 0)
    }).pipe(Effect.provide(Layer.provideMerge(Expirer.layer({ interval: "1 hour" }), storeLayer)))
  )

  it.effect("never removes keys without a ttl, in 100 sweeps", () => {
    const counting = failingStore(new Set())
    return Effect.gen(function* () {
      const store = yield* Store
      yield* putMany(10, 0)
      yield* store.put("cleared", "v", 1)
      yield* store.put("cleared", "v")
      for (let i = 0; i < 100; i++) {
        yield* store.put("brief", "v", 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* store.size, 11)
      }
      assert.isAtLeast(counting.calls.count, 100)
      assert.strictEqual((yield* store.stats).expired, 100)
      assert.isTrue(yield* store.exists("cleared"))
    }).pipe(Effect.provide(Layer.provideMerge(expirerLayer, counting.layer)))
  })

  it.effect("sleeps while nothing is due, even for years, and wakes for a key that is due earlier", () => {
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
      // The wheel is examined when a wide bucket begins, at most once for each level and key.
      assert.isAtMost(counting.calls.count, 14)
    }).pipe(Effect.provide(Layer.provideMerge(expirerLayer, counting.layer)))
  })

  it.effect("logs a failed sweep and continues with the next one", () => {
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
      // The next sweep comes after the interval and not before.
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(failing.calls.count, 2)
      assert.include(logs.logged[1]?.cause, "sweep 2 is broken")
      assert.strictEqual(yield* store.size, 1)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* store.size, 0)
      assert.strictEqual(logs.logged.length, 2)
      assert.strictEqual((yield* MemoryEngine).defects.failedSweeps, 2)
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

  it.effect("lets other fibers run between its slices when 60,000 keys expire at once", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* putMany(60_000, 1)
      // Another fiber moves the clock, so that this one can stand for any client that waits for its turn.
      yield* Effect.forkChild(TestClock.adjust("1100 millis"))
      const sizes = [60_000]
      while (sizes.at(-1) !== 0) {
        yield* Effect.yieldNow
        const size = (yield* store.stats).keys
        if (size !== sizes.at(-1)) sizes.push(size)
      }
      const largestSlice = Math.max(...sizes.slice(1).map((size, i) => (sizes[i] ?? 0) - size))
      assert.isAtMost(largestSlice, 2000, "keys freed between two turns of another fiber")
      assert.strictEqual((yield* store.stats).expired, 60_000)
    }).pipe(Effect.provide(layer))
  )
})

describe("memory", () => {
  const MB = 1024 * 1024
  const COUNT = 60_000
  const long = Command.Value.make("v".repeat(250))
  const keyOf = (i: number): Command.Key => Command.Key.make(`long${i}`)

  const putLong = (below: Backing, ttl: number): void => {
    const seconds = Command.Ttl.make(ttl)
    executeMany(below, 0, COUNT, (i) => ({ _tag: "Put", key: keyOf(i), value: long, ttl: seconds }))
  }

  const remove = (below: Backing, from: number, to: number): void =>
    executeMany(below, from, to, (i) => ({ _tag: "Delete", key: keyOf(i) }))

  /** Waits for a condition. The slices may take longer than the clock's step. */
  const until = (isDone: () => boolean): Effect.Effect<void> =>
    Effect.repeat(Effect.yieldNow, { until: () => isDone() })

  /** Runs a test with a collector that records how many MB the store held at each collection. */
  const withCollector = (
    test: (store: StoreService, below: Backing, collections: ReadonlyArray<number>) => Effect.Effect<void, StoreError>
  ) =>
    Effect.gen(function* () {
      const collections: Array<number> = []
      const context = yield* Layer.build(storeLayer)
      const store = Context.get(context, Store)
      const below = yield* Effect.provideContext(backing, context)
      const { engine } = below.engine
      const collect = (): void => void collections.push(engine.heldBytes / MB)
      yield* Layer.build(
        expirerLayer.pipe(
          Layer.provide(Layer.succeedContext(context)),
          Layer.provide(Layer.succeed(CurrentCollector, collect))
        )
      )
      yield* test(store, below, collections)
    })

  it.effect("is collected when keys have expired", () =>
    withCollector(
      Effect.fnUntraced(function* (store, below, collections) {
        putLong(below, 5)
        assert.isAbove(below.engine.engine.heldBytes, 18 * MB)
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual(collections, [])
        yield* TestClock.adjust("1 second")
        yield* until(() => below.engine.engine.size === 0)
        assert.strictEqual(yield* store.size, 0)
        yield* TestClock.adjust("20 seconds")
        assert.isBelow(collections.at(-1) ?? Number.NaN, 4)
        // There is one collection each time half of the memory is gone, not one for each slice.
        assert.isAtMost(collections.length, 3)
      })
    )
  )

  it.effect("is collected when keys without a TTL are deleted, although there is nothing to sweep", () =>
    withCollector(
      Effect.fnUntraced(function* (_store, below, collections) {
        putLong(below, 0)
        remove(below, 0, COUNT / 4)
        yield* TestClock.adjust("20 seconds")
        // A quarter is not enough.
        assert.deepStrictEqual(collections, [])
        remove(below, COUNT / 4, COUNT)
        yield* TestClock.adjust("20 seconds")
        assert.isBelow(collections.at(-1) ?? Number.NaN, 4)
        assert.isAtMost(collections.length, 3)
      })
    )
  )

  it.effect("is collected when all keys are removed at once", () =>
    withCollector(
      Effect.fnUntraced(function* (store, below, collections) {
        putLong(below, 0)
        yield* store.clear
        yield* EventLoop.polled
        assert.strictEqual(collections.length, 1)
      })
    )
  )

  it.effect("is collected at most once a second, however fast a cache grows and shrinks", () =>
    withCollector(
      Effect.fnUntraced(function* (store, below, collections) {
        for (let round = 0; round < 20; round++) {
          executeMany(below, 0, COUNT / 15, (i) => ({ _tag: "Put", key: keyOf(i), value: long, ttl: Command.NO_TTL }))
          yield* store.clear
          yield* TestClock.adjust("100 millis")
          // The first one collects, and one for each second that has passed.
          assert.isAtMost(collections.length, 1 + Math.floor((round + 1) / 10))
        }
        assert.isAtLeast(collections.length, 2)
      })
    )
  )

  it.effect("is not collected for a small store, however often it is emptied", () =>
    withCollector(
      Effect.fnUntraced(function* (store, _below, collections) {
        for (let round = 0; round < 20; round++) {
          for (let i = 0; i < 2000; i++) yield* Effect.orDie(store.put(`k${i}`, "v"))
          for (let i = 0; i < 2000; i++) yield* Effect.orDie(store.delete(`k${i}`))
          yield* EventLoop.polled
        }
        assert.deepStrictEqual(collections, [])
      })
    )
  )
})
