/** What every store must do for those who compute what it has not: a suite that takes a store's layer. */
import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { Store } from "../../src/store/Store.ts"
import { seededRandom } from "../engine/SeededRandom.ts"

class Broken extends Data.TaggedError("Broken")<{ readonly what: string }> {}

const HOUR = { ttl: "1 hour" } as const

export const computationsContract = (name: string, layer: Layer.Layer<Store>): void => {
  describe(`getOrCompute of ${name}`, () => {
    it.effect("computes what is missing, once, and keeps it for its ttl", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const calls = yield* Ref.make(0)
        const compute = Effect.map(
          Ref.updateAndGet(calls, (n) => n + 1),
          (n) => `value ${n}, für alle`
        )
        assert.strictEqual(yield* store.getOrCompute("a", compute, HOUR), "value 1, für alle")
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(yield* store.getOrCompute("a", compute, HOUR), "value 1, für alle")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* store.getOrCompute("a", compute, HOUR), "value 2, für alle")
        yield* store.getOrCompute("b", compute, { ttl: Infinity })
        yield* TestClock.adjust("1000 days")
        assert.strictEqual(yield* store.getOrCompute("b", compute, HOUR), "value 3, für alle")
      }).pipe(Effect.provide(layer))
    )

    it.effect("lets one of a hundred fibers compute, and gives all of them what it comes to", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const gate = yield* Deferred.make<string>()
        const calls = yield* Ref.make(0)
        const compute = Effect.andThen(
          Ref.update(calls, (n) => n + 1),
          Deferred.await(gate)
        )
        const all = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 100 }, () => store.getOrCompute("a", compute, HOUR)),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1 minute")
        yield* Deferred.succeed(gate, "it")
        assert.deepStrictEqual(new Set(yield* Fiber.join(all)), new Set(["it"]))
        assert.strictEqual(yield* Ref.get(calls), 1)
      }).pipe(Effect.provide(layer))
    )

    it.effect("fails all who wait with what the computation fails with, and keeps nothing", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const gate = yield* Deferred.make<string, Broken>()
        const asking = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 3 }, () => Effect.flip(store.getOrCompute("a", Deferred.await(gate), HOUR))),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1 second")
        yield* Deferred.fail(gate, new Broken({ what: "the database" }))
        const errors = yield* Fiber.join(asking)
        assert.deepStrictEqual(
          errors.map((error) => error._tag),
          ["Broken", "Broken", "Broken"]
        )
        assert.strictEqual(
          yield* store.getOrCompute("a", Effect.succeed("now"), HOUR),
          "now",
          "nothing waits for a lease"
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("goes on when one who waits leaves, and is interrupted when the last one does", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
        const began = yield* Deferred.make<void>()
        const compute = Effect.andThen(Deferred.succeed(began, undefined), Effect.never).pipe(
          Effect.onExit((exit) => Deferred.succeed(ended, exit)),
          Effect.as("never")
        )
        const first = yield* Effect.forkChild(store.getOrCompute("a", compute, HOUR))
        yield* Deferred.await(began)
        const second = yield* Effect.forkChild(store.getOrCompute("a", Effect.succeed("not asked"), HOUR))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(first)
        assert.isFalse(yield* Deferred.isDone(ended))
        yield* Fiber.interrupt(second)
        assert.isTrue(Exit.hasInterrupts(yield* Deferred.await(ended)))
        assert.strictEqual(yield* store.getOrCompute("a", Effect.succeed("next"), HOUR), "next")
      }).pipe(Effect.provide(layer))
    )

    it.effect("gives a stale value at once, while one fiber computes a new one", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const options = { ttl: "1 minute", staleFor: "10 minutes" } as const
        const gate = yield* Deferred.make<string>()
        const calls = yield* Ref.make(0)
        const slow = Effect.andThen(
          Ref.update(calls, (n) => n + 1),
          Deferred.await(gate)
        )
        yield* store.getOrCompute("a", Effect.succeed("old"), options)
        yield* TestClock.adjust("61 seconds")
        for (let i = 0; i < 5; i++) assert.strictEqual(yield* store.getOrCompute("a", slow, options), "old")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Ref.get(calls), 1)
        yield* Deferred.succeed(gate, "new")
        // The one that computes has what it waited for, and stores it before it asks the clock for anything.
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* store.getOrCompute("a", Effect.succeed("not asked"), options), "new")
        yield* TestClock.adjust("11 minutes")
        assert.strictEqual(yield* store.getOrCompute("a", Effect.succeed("newest"), options), "newest")
      }).pipe(Effect.provide(layer))
    )

    it.effect("waits for another process that holds the lease, and takes it over if that one has died", () =>
      Effect.gen(function* () {
        const store = yield* Store
        // What another process writes.
        yield* store.run("SET", "kv-cache:lease:a", "another", "PX", "60000")
        const first = yield* Effect.forkChild(store.getOrCompute("a", Effect.succeed("mine"), HOUR))
        yield* TestClock.adjust("5 seconds")
        assert.isUndefined(first.pollUnsafe())
        yield* store.run("SET", "a", "theirs", "PX", "3600000")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(first), "theirs")
        yield* store.run("DEL", "a")
        yield* store.run("SET", "kv-cache:lease:a", "another", "PX", "60000")
        const second = yield* Effect.forkChild(store.getOrCompute("a", Effect.succeed("mine"), HOUR))
        yield* TestClock.adjust("40 seconds")
        assert.isUndefined(second.pollUnsafe())
        yield* TestClock.adjust("21 seconds")
        assert.strictEqual(yield* Fiber.join(second), "mine")
        assert.deepStrictEqual(yield* store.run("EXISTS", "kv-cache:lease:a"), { _tag: "Integer", value: 0 })
      }).pipe(Effect.provide(layer))
    )

    it.effect("keeps its lease for as long as it computes", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const asking = yield* Effect.forkChild(
          store.getOrCompute("a", Effect.as(Effect.sleep("10 minutes"), "late"), {
            ttl: "1 hour",
            leaseFor: "30 seconds"
          })
        )
        for (let step = 1; step < 60; step++) {
          yield* TestClock.adjust("10 seconds")
          const reply = yield* store.run("EXISTS", "kv-cache:lease:a")
          assert.deepStrictEqual(reply, { _tag: "Integer", value: 1 }, `after ${step} steps`)
        }
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(asking), "late")
      }).pipe(Effect.provide(layer))
    )

    it.effect("has values with a Schema, and computes again what does not fit it", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const users = store.typed(Schema.Struct({ name: Schema.String, since: Schema.Date }), { prefix: "user:" })
        const ada = { name: "Ada", since: new Date("1815-12-10T00:00:00Z") }
        assert.isUndefined(yield* users.get("1"))
        assert.deepStrictEqual(yield* users.getOrCompute("1", Effect.succeed(ada), HOUR), ada)
        assert.deepStrictEqual(yield* users.get("1"), ada)
        assert.deepStrictEqual(yield* users.getOrCompute("1", Effect.die("kept"), HOUR), ada)
        yield* store.run("SET", "user:1", '{"name":"Ada"}')
        assert.strictEqual((yield* Effect.flip(users.get("1")))._tag, "SchemaError")
        assert.deepStrictEqual(yield* users.getOrCompute("1", Effect.succeed(ada), HOUR), ada)
        yield* users.set("2", ada, { ttl: "1 second" })
        assert.isTrue(yield* users.delete("1"))
        assert.isFalse(yield* users.delete("1"))
        yield* TestClock.adjust("1 second")
        assert.isUndefined(yield* users.get("2"))
      }).pipe(Effect.provide(layer))
    )

    it.effect("says what is wrong with the engine, and not that a value is missing", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const error = yield* Effect.flip(store.getOrCompute("k".repeat(70_000), Effect.succeed("v"), HOUR))
        assert.strictEqual(error.message, "key is too long: it has 70000 bytes, the most is 65535")
        assert.strictEqual((yield* Effect.flip(store.run("NOPE"))).message, "unknown command 'NOPE'")
        assert.strictEqual(
          (yield* Effect.flip(store.run("MULTI"))).message,
          "'MULTI' concerns a connection, and a store has none"
        )
        assert.strictEqual(
          (yield* Effect.flip(store.run("GET"))).message,
          "wrong number of arguments for 'GET': it is used as GET <key>"
        )
        yield* store.run("SET", "text", "no number")
        assert.strictEqual((yield* Effect.flip(store.run("INCR", "text"))).code, "ERR")
      }).pipe(Effect.provide(layer))
    )

    // Fibers that come, wait, fail and leave as a seed says: one at a time computes, and everybody has an answer.
    for (const seed of [1, 2, 3, 4, 5]) {
      it.effect(`never computes twice at once, and forgets nobody: schedule ${seed}`, () =>
        Effect.gen(function* () {
          const store = yield* Store
          const { below } = seededRandom(seed)
          const running = new Map<string, number>()
          let atOnce = 0
          const compute = (key: string, time: number, fails: boolean) =>
            Effect.suspend(() => {
              running.set(key, (running.get(key) ?? 0) + 1)
              atOnce = Math.max(atOnce, running.get(key) ?? 0)
              return Effect.sleep(time)
            }).pipe(
              Effect.andThen(fails ? Effect.fail(new Broken({ what: key })) : Effect.succeed(`of ${key}`)),
              Effect.ensuring(Effect.sync(() => running.set(key, (running.get(key) ?? 0) - 1)))
            )
          const asking: Array<readonly [string, Fiber.Fiber<string, unknown>]> = []
          for (let step = 0; step < 300; step++) {
            const action = below(10)
            const key = `k${below(3)}`
            if (action < 6) {
              const options = { ttl: 1 + below(200), staleFor: 100, leaseFor: 50 }
              const ask = store.getOrCompute(key, compute(key, below(120), below(4) === 0), options)
              asking.push([key, yield* Effect.forkChild(ask)])
            } else if (action < 7 && asking.length > 0) {
              const [, leaving] = asking[below(asking.length)] ?? assert.fail("there is one")
              yield* Fiber.interrupt(leaving)
            } else yield* TestClock.adjust(below(60))
          }
          yield* TestClock.adjust("1 minute")
          for (const [key, fiber] of asking) {
            const exit = fiber.pollUnsafe() ?? assert.fail(`a fiber that asked for ${key} was forgotten`)
            if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, `of ${key}`)
          }
          assert.strictEqual(atOnce, 1)
          const left = yield* store.run("KEYS", "kv-cache:lease:*")
          assert.deepStrictEqual(left, { _tag: "Parts", kind: "array", parts: [] })
        }).pipe(Effect.provide(layer))
      )
    }
  })
}
