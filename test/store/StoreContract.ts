/**
 * What a store in this process must do, whatever engine holds its keys, besides what every store does: a suite that takes a
 * store's layer. It looks at bounds, counters and single milliseconds. Time is the Clock's, so each test moves it by hand.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as Command from "../../src/domain/Command.ts"
import { BATCH_COMMANDS } from "../../src/domain/CommandBatch.ts"
import * as Reply from "../../src/domain/Reply.ts"
import type { Limits } from "../../src/engine/Limits.ts"
import type { Executor } from "../../src/store/Executor.ts"
import type { MemoryEngine } from "../../src/store/MemoryEngine.ts"
import { Store, type StoreService } from "../../src/store/Store.ts"
import type { StoreError } from "../../src/store/StoreError.ts"
import { batchOf, KeptReplies } from "../domain/Batches.ts"
import { type Backing, backing, caller } from "./Backing.ts"
import { seededRandom } from "../engine/SeededRandom.ts"

const KEY_MESSAGE = "key must be 1 to 256 printable ASCII characters without whitespace"
const VALUE_MESSAGE = "value must be 1 to 256 printable ASCII characters without whitespace"
const TTL_MESSAGE = "ttl must be a whole number of seconds from 0 to 2147483647"

const put = (key: string, value: string, ttl = 0): Command.StoreCommand => ({
  _tag: "Put",
  key: Command.Key.make(key),
  value: Command.Value.make(value),
  ttl: Command.Ttl.make(ttl)
})
const get = (key: string): Command.StoreCommand => ({ _tag: "Get", key: Command.Key.make(key) })
const del = (key: string): Command.StoreCommand => ({ _tag: "Delete", key: Command.Key.make(key) })
const exists = (key: string): Command.StoreCommand => ({ _tag: "Exists", key: Command.Key.make(key) })
const found = (value: string): Reply.Reply => Reply.found(Command.Value.make(value))

const ROOMY: Limits = { maxKeys: 1_000_000 }

/** A Clock whose wall time can be set, even backwards, while its monotonic time only advances. */
const makeSteppingClock = () => {
  let wall = 1_700_000_000_000
  let monotonic = 0n
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => wall,
    currentTimeMillis: Effect.sync(() => wall),
    currentTimeNanosUnsafe: () => BigInt(wall) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(wall) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => monotonic,
    monotonicTimeNanos: Effect.sync(() => monotonic),
    sleep: () => Effect.die("nothing sleeps here")
  }
  return {
    clock,
    stepWall: (ms: number): void => void (wall += ms),
    pass: (nanos: bigint): void => {
      wall += Number(nanos / 1_000_000n)
      monotonic += nanos
    }
  }
}

const MILLI = 1_000_000n

/** The suite that every layer of a `Store` in memory runs. */
export const storeContract = (
  name: string,
  layer: (limits: Limits) => Layer.Layer<Store | Executor | MemoryEngine>
): void => {
  /** Runs a test with its own store. */
  const withStore = <E>(limits: Limits, test: (store: StoreService, below: Backing) => Effect.Effect<void, E>) =>
    Effect.gen(function* () {
      yield* test(yield* Store, yield* backing)
    }).pipe(Effect.provide(layer(limits)))

  const keysHeld = Effect.fnUntraced(function* (store: StoreService, keys: ReadonlyArray<string>) {
    const held: Array<string> = []
    for (const key of keys) if (yield* store.exists(key)) held.push(key)
    return held.join("")
  })

  describe(`${name} as a Store`, () => {
    it.effect("is empty at first", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          assert.strictEqual(yield* store.size, 0)
          assert.isUndefined(yield* store.get("a"))
          assert.isFalse(yield* store.exists("a"))
          assert.isFalse(yield* store.delete("a"))
        })
      )
    )

    it.effect("starts its stats at zero", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          const { held, ...stats } = yield* store.stats
          assert.isAbove(held, 0)
          assert.deepStrictEqual(stats, {
            keys: 0,
            bytes: 0,
            puts: 0,
            gets: 0,
            deletes: 0,
            existences: 0,
            flushes: 0,
            hits: 0,
            misses: 0,
            deleted: 0,
            expired: 0,
            evicted: 0,
            replaced: 0
          })
        })
      )
    )

    it.effect("puts, gets, checks for and deletes a key", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          assert.isUndefined(yield* store.put("a", "1"))
          assert.strictEqual(yield* store.get("a"), "1")
          assert.isTrue(yield* store.exists("a"))
          assert.strictEqual(yield* store.size, 1)
          yield* store.put("a", "2")
          assert.strictEqual(yield* store.get("a"), "2")
          assert.strictEqual(yield* store.size, 1)
          assert.isTrue(yield* store.delete("a"))
          assert.isFalse(yield* store.delete("a"))
          assert.isUndefined(yield* store.get("a"))
          assert.isFalse(yield* store.exists("a"))
          assert.strictEqual(yield* store.size, 0)
        })
      )
    )

    it.effect("separates keys that an object would confuse with each other or with its properties", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          const keys = ["__proto__", "constructor", "toString", "hasOwnProperty", "1", "01", "a", "A"]
          for (const key of keys) assert.isUndefined(yield* store.get(key), key)
          for (const key of keys) yield* store.put(key, `of-${key}`)
          for (const key of keys) assert.strictEqual(yield* store.get(key), `of-${key}`)
          assert.strictEqual(yield* store.size, keys.length)
        })
      )
    )

    it.effect("executes a batch in order, one reply for each command", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (_store, { executeAll }) {
          const execute = (commands: ReadonlyArray<Command.StoreCommand>) => executeAll(commands, 0)
          const replies = execute([
            get("a"),
            put("a", "1"),
            get("a"),
            exists("a"),
            put("a", "2", 60),
            get("a"),
            del("a"),
            del("a"),
            exists("a")
          ])
          assert.deepStrictEqual(replies, [
            Reply.notFound,
            Reply.stored,
            found("1"),
            Reply.present,
            Reply.stored,
            found("2"),
            Reply.deleted,
            Reply.notFound,
            Reply.absent
          ])
          assert.deepStrictEqual(yield* Effect.sync(() => execute([])), [])
        })
      )
    )

    it.effect("executes the same commands at the given time", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store, { engine, execute, executor }) {
          assert.strictEqual(engine.now(), 0)
          yield* TestClock.adjust("1234 millis")
          assert.strictEqual(engine.now(), 1234)
          const now = engine.now()
          assert.deepStrictEqual(execute(put("a", "1", 1), now), Reply.stored)
          assert.deepStrictEqual(execute(get("a"), now + 999), found("1"))
          assert.deepStrictEqual(execute(exists("a"), now + 1000), Reply.absent)
          assert.deepStrictEqual(execute(del("a"), now + 1000), Reply.notFound)
          assert.deepStrictEqual(executor.stats(), yield* store.stats)
          assert.strictEqual(executor.stats().expired, 1)
        })
      )
    )

    it.effect("has the right millisecond even after decades", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store, { engine }) {
          // As a double, the clock's nanoseconds would then be in the previous millisecond.
          const late = 576_482_034_953
          const step = 2 ** 32
          for (let time = step; time <= late; time += step) yield* TestClock.adjust(step)
          yield* TestClock.adjust(late % step)
          assert.strictEqual(engine.now(), late)
          yield* store.put("a", "1", 1)
          yield* TestClock.adjust("1 second")
          assert.isFalse(yield* store.exists("a"))
        })
      )
    )

    it.effect.each([
      { what: "few keys", keys: 300, limits: { maxKeys: 200 }, commands: 30_000, pace: 500 },
      { what: "many keys", keys: 120_000, limits: { maxKeys: 60_000 }, commands: 400_000, pace: 50 },
      { what: "bounded bytes", keys: 2000, limits: { maxKeys: 2000, maxMemory: 100_000 }, commands: 50_000, pace: 50 }
    ])("executes batches with the same results as single commands, with $what", ({ commands, keys, limits, pace }) =>
      withStore(limits, (_one, one) =>
        withStore(
          limits,
          Effect.fnUntraced(function* (_other, { executor: other }) {
            const random = seededRandom(keys)
            const anyCommand = (): Command.StoreCommand => {
              const number = random.below(keys)
              const key = `${"k".repeat(1 + (number % 11))}${number}`
              if (random.chance(0.5)) {
                const value = `${number}${"v".repeat(1 + random.below(random.pick([4, 70, 240])))}`
                return put(key, value, random.pick([0, 0, 1, 60, 3600]))
              }
              return random.pick([get, get, get, exists, del])(key)
            }
            let now = one.engine.now()
            for (let executed = 0; executed < commands;) {
              const count = 1 + random.below(random.pick([1, 5, 20, BATCH_COMMANDS]))
              const batch = Array.from({ length: count }, anyCommand)
              // Some keys occur twice in a batch, so the second command must see what the first one did.
              if (random.chance(0.3)) batch.push(...batch.splice(0, count >> 1), ...batch.slice(0, count >> 1))
              const sink = new KeptReplies()
              const bytes = batchOf(batch.slice(0, BATCH_COMMANDS))
              other.prepare(bytes)
              // In parts, as connections execute them.
              for (let from = 0; from < bytes.count;) {
                const to = Math.min(bytes.count, from + 1 + random.below(random.pick([1, 20, BATCH_COMMANDS])))
                other.execute(bytes, from, to, now, caller, sink)
                from = to
              }
              const singly = new KeptReplies()
              one.executor.prepare(bytes)
              for (let at = 0; at < bytes.count; at++) one.executor.execute(bytes, at, at + 1, now, caller, singly)
              assert.deepStrictEqual(sink.replies, singly.replies)
              executed += count
              now += random.below(random.pick([1, 3, pace]))
            }
            assert.deepStrictEqual(other.stats(), one.executor.stats())
            const stats = yield* Effect.sync(() => other.stats())
            for (const kind of ["deleted", "expired", "evicted", "replaced", "hits", "misses"] as const) {
              assert.isAbove(stats[kind], 50, kind)
            }
          })
        )
      )
    )

    it.effect("wakes a waiting fiber when a batch puts a key that is due earlier", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (_store, { engine, executeAll }) {
          const now = yield* Effect.sync(engine.now)
          let woken = 0
          engine.alarm.wakeBefore(now + 5000, () => woken++)
          executeAll([put("a", "1"), put("b", "2", 5), put("c", "3", 60)], now)
          assert.strictEqual(woken, 0)
          executeAll([get("a"), put("d", "4", 4), put("e", "5", 3)], now)
          assert.strictEqual(woken, 1)
        })
      )
    )

    it.effect.each([
      { what: "a blank in a key", use: (store: StoreService) => store.put("a b", "v"), message: KEY_MESSAGE },
      { what: "an empty value", use: (store: StoreService) => store.put("k", ""), message: VALUE_MESSAGE },
      { what: "a long value", use: (store: StoreService) => store.put("k", "v".repeat(257)), message: VALUE_MESSAGE },
      { what: "a negative ttl", use: (store: StoreService) => store.put("k", "v", -1), message: TTL_MESSAGE },
      { what: "a fraction of a second", use: (store: StoreService) => store.put("k", "v", 0.5), message: TTL_MESSAGE },
      {
        what: "a ttl that is NaN",
        use: (store: StoreService) => store.put("k", "v", Number.NaN),
        message: TTL_MESSAGE
      },
      { what: "a ttl of 2^31", use: (store: StoreService) => store.put("k", "v", 2 ** 31), message: TTL_MESSAGE },
      { what: "an empty key to get", use: (store: StoreService) => store.get(""), message: KEY_MESSAGE },
      {
        what: "a long key to delete",
        use: (store: StoreService) => store.delete("k".repeat(257)),
        message: KEY_MESSAGE
      },
      { what: "a high byte in a key", use: (store: StoreService) => store.exists("caf\u00e9"), message: KEY_MESSAGE }
    ])("refuses $what, and executes nothing", ({ message, use }) =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          const error = yield* Effect.flip(
            Effect.asVoid<unknown, Command.InvalidCommand | StoreError, never>(use(store))
          )
          assert.strictEqual(error._tag, "InvalidCommand")
          assert.strictEqual(error.message, message)
          const stats = yield* store.stats
          assert.strictEqual(stats.keys + stats.puts + stats.gets + stats.deletes + stats.existences, 0)
        })
      )
    )

    it.effect("accepts keys and values of the greatest length", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          yield* store.put("k".repeat(256), "v".repeat(256), 2 ** 31 - 1)
          assert.strictEqual(yield* store.get("k".repeat(256)), "v".repeat(256))
        })
      )
    )

    it.effect.each([1, 2, 60, 86_400, 2 ** 31 - 1])("lets a key of %d s expire at its deadline and not before", (ttl) =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          yield* TestClock.adjust("777 millis")
          for (const key of ["a", "b", "c"]) yield* store.put(key, "v", ttl)
          yield* TestClock.adjust(ttl * 1000 - 1)
          assert.strictEqual(yield* store.get("a"), "v")
          assert.isTrue(yield* store.exists("b"))
          assert.strictEqual((yield* store.stats).expired, 0)
          yield* TestClock.adjust(1)
          assert.isUndefined(yield* store.get("a"))
          assert.isFalse(yield* store.exists("b"))
          assert.isFalse(yield* store.delete("c"))
          const stats = yield* store.stats
          assert.strictEqual(stats.expired, 3)
          assert.strictEqual(stats.deleted, 0)
          assert.strictEqual(stats.keys, 0)
        })
      )
    )

    it.effect("keeps a key whose ttl is absent or 0", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store, { engine }) {
          yield* store.put("a", "v")
          yield* store.put("b", "v", 0)
          yield* TestClock.adjust("36500 days")
          assert.strictEqual(yield* keysHeld(store, ["a", "b"]), "ab")
          assert.isFalse(engine.engine.sweep(engine.now(), 100))
          assert.strictEqual(yield* store.size, 2)
        })
      )
    )

    it.effect("gives a key the ttl of each PUT, or none if the PUT has none", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          for (const key of ["reset", "cleared", "shortened", "left"]) yield* store.put(key, "v", 10)
          yield* TestClock.adjust("9 seconds")
          yield* store.put("reset", "v", 10)
          yield* store.put("cleared", "v")
          yield* store.put("shortened", "v", 1)
          yield* TestClock.adjust("999 millis")
          assert.isTrue(yield* store.exists("shortened"))
          assert.isTrue(yield* store.exists("left"))
          yield* TestClock.adjust("1 millis")
          assert.isFalse(yield* store.exists("shortened"))
          assert.isFalse(yield* store.exists("left"))
          yield* TestClock.adjust("8999 millis")
          assert.isTrue(yield* store.exists("reset"))
          yield* TestClock.adjust("1 millis")
          assert.isFalse(yield* store.exists("reset"))
          yield* TestClock.adjust("1000 days")
          assert.isTrue(yield* store.exists("cleared"))
        })
      )
    )

    it.effect("does not move a deadline for a GET or an EXISTS", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          yield* store.put("a", "v", 10)
          yield* TestClock.adjust("9 seconds")
          yield* store.get("a")
          yield* store.exists("a")
          yield* TestClock.adjust("1 second")
          assert.isUndefined(yield* store.get("a"))
        })
      )
    )

    it.effect("does not keep the ttl of a key that was deleted", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store, { engine }) {
          yield* store.put("a", "v", 10)
          yield* store.delete("a")
          yield* store.put("a", "w")
          yield* TestClock.adjust("1 hour")
          assert.isFalse(engine.engine.sweep(engine.now(), 100))
          assert.strictEqual(yield* store.get("a"), "w")
        })
      )
    )

    it.effect("treats a PUT over an expired key as a new key", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store) {
          yield* store.put("a", "old", 1)
          yield* TestClock.adjust("1 second")
          yield* store.put("a", "new")
          assert.strictEqual(yield* store.get("a"), "new")
          const stats = yield* store.stats
          assert.strictEqual(stats.expired, 1)
          assert.strictEqual(stats.replaced, 0)
        })
      )
    )

    it.effect("executes a whole batch at one instant", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (_store, { engine, executeAll }) {
          const replies = executeAll([put("a", "1", 1), get("a"), put("b", "1", 1)], engine.now())
          assert.deepStrictEqual(replies, [Reply.stored, found("1"), Reply.stored])
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(executeAll([get("a"), exists("b")], engine.now()), [Reply.notFound, Reply.absent])
        })
      )
    )

    it.effect("evicts the least recently used key when it is full", () =>
      withStore(
        { maxKeys: 3 },
        Effect.fnUntraced(function* (store) {
          for (const key of ["a", "b", "c"]) yield* store.put(key, "v")
          yield* store.put("d", "v")
          assert.strictEqual(yield* keysHeld(store, ["a", "b", "c", "d"]), "bcd")
          yield* store.put("e", "v")
          assert.strictEqual(yield* keysHeld(store, ["b", "c", "d", "e"]), "cde")
          assert.strictEqual(yield* store.size, 3)
          assert.strictEqual((yield* store.stats).evicted, 2)
        })
      )
    )

    it.effect("counts GET as a use", () =>
      withStore(
        { maxKeys: 3 },
        Effect.fnUntraced(function* (store) {
          for (const key of ["a", "b", "c"]) yield* store.put(key, "v")
          yield* store.get("a")
          yield* store.put("d", "v")
          assert.strictEqual(yield* keysHeld(store, ["a", "b", "c", "d"]), "acd")
        })
      )
    )

    it.effect("counts PUT as a use", () =>
      withStore(
        { maxKeys: 3 },
        Effect.fnUntraced(function* (store) {
          for (const key of ["a", "b", "c"]) yield* store.put(key, "v")
          yield* store.put("a", "w")
          yield* store.put("d", "v")
          assert.strictEqual(yield* keysHeld(store, ["a", "b", "c", "d"]), "acd")
          assert.strictEqual((yield* store.stats).replaced, 1)
        })
      )
    )

    it.effect("does not count EXISTS as a use", () =>
      withStore(
        { maxKeys: 3 },
        Effect.fnUntraced(function* (store) {
          for (const key of ["a", "b", "c"]) yield* store.put(key, "v")
          assert.isTrue(yield* store.exists("a"))
          yield* store.put("d", "v")
          assert.strictEqual(yield* keysHeld(store, ["a", "b", "c", "d"]), "bcd")
        })
      )
    )

    it.effect("replaces a key of a full store without evicting another", () =>
      withStore(
        { maxKeys: 2 },
        Effect.fnUntraced(function* (store) {
          yield* store.put("a", "v")
          yield* store.put("b", "v")
          yield* store.put("b", "w")
          assert.strictEqual(yield* keysHeld(store, ["a", "b"]), "ab")
          assert.strictEqual((yield* store.stats).evicted, 0)
        })
      )
    )

    it.effect("holds one key if the limit is one", () =>
      withStore(
        { maxKeys: 1 },
        Effect.fnUntraced(function* (store) {
          for (const key of ["a", "b", "c"]) {
            yield* store.put(key, key)
            assert.strictEqual(yield* store.get(key), key)
            assert.strictEqual(yield* store.size, 1)
          }
        })
      )
    )

    it.effect("removes an expired key before the least recently used one", () =>
      withStore(
        { maxKeys: 3 },
        Effect.fnUntraced(function* (store) {
          yield* store.put("a", "v")
          yield* store.put("b", "v", 3600)
          yield* store.put("c", "v", 1)
          yield* TestClock.adjust("999 millis")
          yield* store.get("c")
          yield* TestClock.adjust("1 millis")
          yield* store.put("d", "v")
          assert.strictEqual(yield* keysHeld(store, ["a", "b", "c", "d"]), "abd")
          const stats = yield* store.stats
          assert.strictEqual(stats.expired, 1)
          assert.strictEqual(stats.evicted, 0)
          yield* store.put("e", "v")
          assert.strictEqual(yield* keysHeld(store, ["a", "b", "d", "e"]), "bde")
          assert.strictEqual((yield* store.stats).evicted, 1)
        })
      )
    )

    it.effect("keeps within its bytes, and evicts the least recently used key first", () =>
      Effect.gen(function* () {
        let costOfOne = 0
        yield* withStore(
          ROOMY,
          Effect.fnUntraced(function* (store) {
            yield* store.put("a", "v".repeat(10))
            costOfOne = (yield* store.stats).bytes
            assert.isAbove(costOfOne, 11, "more than key and value")
            // A multiple of 8, because engines may round.
            yield* store.put("a", "v".repeat(34))
            assert.strictEqual((yield* store.stats).bytes, costOfOne + 24)
            yield* store.delete("a")
            assert.strictEqual((yield* store.stats).bytes, 0)
          })
        )
        yield* withStore(
          { maxKeys: 1000, maxMemory: costOfOne * 3 },
          Effect.fnUntraced(function* (store) {
            for (const key of ["a", "b", "c"]) yield* store.put(key, "v".repeat(10))
            assert.strictEqual(yield* keysHeld(store, ["a", "b", "c"]), "abc")
            yield* store.put("d", "v")
            assert.strictEqual(yield* keysHeld(store, ["a", "b", "c", "d"]), "bcd")
            yield* store.put("b", "v".repeat(30))
            assert.strictEqual(yield* keysHeld(store, ["b", "c", "d"]), "bd")
            assert.isAtMost((yield* store.stats).bytes, costOfOne * 3)
            assert.strictEqual((yield* store.stats).evicted, 2)
          })
        )
      })
    )

    it.effect("removes an expired key first when bytes are short, too", () =>
      Effect.gen(function* () {
        let costOfOne = 0
        yield* withStore(
          ROOMY,
          Effect.fnUntraced(function* (store) {
            // With a TTL, it may cost more.
            yield* store.put("a", "v", 1)
            costOfOne = (yield* store.stats).bytes
          })
        )
        yield* withStore(
          { maxKeys: 1000, maxMemory: costOfOne * 2 },
          Effect.fnUntraced(function* (store) {
            yield* store.put("a", "v")
            yield* store.put("b", "v", 1)
            yield* TestClock.adjust("1 second")
            yield* store.put("c", "v")
            assert.strictEqual(yield* keysHeld(store, ["a", "b", "c"]), "ac")
            assert.strictEqual((yield* store.stats).evicted, 0)
          })
        )
      })
    )

    it.effect("removes every key with FLUSH, in order with other commands, and counts none as deleted", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store, { engine, executeAll }) {
          const replies = executeAll(
            [put("a", "1"), put("b", "2", 5), { _tag: "Flush" }, get("a"), put("b", "3")],
            engine.now()
          )
          assert.deepStrictEqual(replies, [Reply.stored, Reply.stored, Reply.flushed, Reply.notFound, Reply.stored])
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual(yield* store.get("b"), "3")
          assert.deepInclude(yield* store.stats, { keys: 1, flushes: 1, deleted: 0, expired: 0 })
        })
      )
    )

    it.effect("counts commands by kind, and removals by reason", () =>
      withStore(
        { maxKeys: 3 },
        Effect.fnUntraced(function* (store, { engine, executeAll }) {
          executeAll([put("a", "1"), put("b", "1", 1), put("c", "1"), put("c", "2")], engine.now())
          executeAll([get("a"), get("a"), get("no"), exists("a"), exists("no"), exists("c")], engine.now())
          executeAll([del("c"), del("no")], engine.now())
          yield* TestClock.adjust("1 second")
          yield* store.get("b")
          executeAll([put("d", "1"), put("e", "1"), put("f", "1")], engine.now())
          const { bytes, held, ...stats } = yield* store.stats
          assert.isAbove(bytes, 0)
          assert.isAtLeast(held, bytes)
          assert.deepStrictEqual(stats, {
            keys: 3,
            puts: 7,
            gets: 4,
            deletes: 2,
            existences: 3,
            flushes: 0,
            hits: 2,
            misses: 2,
            deleted: 1,
            expired: 1,
            evicted: 1,
            replaced: 1
          })
        })
      )
    )

    it.effect("removes every key when it is cleared, and keeps its counts", () =>
      withStore(
        { maxKeys: 3 },
        Effect.fnUntraced(function* (store) {
          yield* store.put("a", "v", 1)
          yield* store.put("b", "v")
          yield* store.clear
          assert.strictEqual(yield* store.size, 0)
          assert.isUndefined(yield* store.get("a"))
          assert.isUndefined(yield* store.get("b"))
          const stats = yield* store.stats
          assert.strictEqual(stats.bytes, 0)
          assert.strictEqual(stats.puts, 2)
          yield* store.put("a", "w")
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* store.get("a"), "w")
          for (const key of ["b", "c", "d"]) yield* store.put(key, "v")
          assert.strictEqual(yield* keysHeld(store, ["a", "b", "c", "d"]), "bcd")
        })
      )
    )

    it.effect("frees expired keys in slices within their budget", () =>
      withStore(
        ROOMY,
        Effect.fnUntraced(function* (store, { engine, execute }) {
          const { engine: keyspace, now } = engine
          for (let i = 0; i < 25; i++) execute(put(`k${i}`, "v", 1), 0)
          yield* store.put("stays", "v", 2)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* store.size, 26, "those that expired are held until they are swept")
          assert.isTrue(keyspace.sweep(now(), 10))
          assert.isAtLeast(yield* store.size, 16)
          let slices = 1
          while (keyspace.sweep(now(), 10)) assert.isBelow(slices++, 100)
          assert.strictEqual(yield* store.size, 1)
          assert.strictEqual((yield* store.stats).expired, 25)
          assert.isTrue(yield* store.exists("stays"))
        })
      )
    )

    it.effect("counts deadlines in monotonic time, whatever the wall clock does", () => {
      const time = makeSteppingClock()
      return withStore(
        ROOMY,
        Effect.fnUntraced(function* (store, { engine }) {
          time.pass(5000n * MILLI)
          yield* store.put("a", "v", 10)
          time.stepWall(1e12)
          assert.strictEqual(yield* store.get("a"), "v", "a step forwards kills no key")
          assert.isFalse(engine.engine.sweep(engine.now(), 100))
          time.stepWall(-1.5e12)
          time.pass(9999n * MILLI)
          assert.strictEqual(yield* store.get("a"), "v")
          time.pass(999_999n)
          assert.strictEqual(yield* store.get("a"), "v", "a nanosecond is missing")
          time.pass(1n)
          assert.isUndefined(yield* store.get("a"), "a step backwards makes no key immortal")
        })
      ).pipe(Effect.provideService(Clock.Clock, time.clock))
    })

    it.effect("gives each build of its layer its own keys", () =>
      Effect.gen(function* () {
        yield* withStore(
          ROOMY,
          Effect.fnUntraced(function* (store) {
            yield* store.put("a", "v")
            assert.strictEqual(yield* store.size, 1)
          })
        )
        yield* withStore(
          ROOMY,
          Effect.fnUntraced(function* (store) {
            assert.strictEqual(yield* store.size, 0)
          })
        )
      })
    )
  })
}
