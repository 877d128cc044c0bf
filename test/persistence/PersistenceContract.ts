/** What Effect's ports must do over any store: a suite that takes a store's layer. Nothing else may be in the store. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistable from "effect/persistence/Persistable"
import * as PersistedCache from "effect/persistence/PersistedCache"
import * as Persistence from "effect/persistence/Persistence"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { layerKeyValueStore } from "../../src/persistence/StoreKeyValueStore.ts"
import { layerBackingPersistence, layerPersistence } from "../../src/persistence/StorePersistence.ts"
import { Store } from "../../src/store/Store.ts"

class GetUser extends Persistable.Class<{ payload: { id: number } }>()("GetUser", {
  primaryKey: ({ id }) => `user ${id}`,
  success: Schema.Struct({ name: Schema.String }),
  error: Schema.String
}) {}

export const persistenceContract = (name: string, layer: Layer.Layer<Store>): void => {
  describe(`KeyValueStore over ${name}`, () => {
    const run = <A, E>(test: Effect.Effect<A, E, KeyValueStore.KeyValueStore | Store>) =>
      Effect.provide(test, Layer.provideMerge(layerKeyValueStore, layer))

    it.effect("keeps text and bytes", () =>
      run(
        Effect.gen(function* () {
          const values = yield* KeyValueStore.KeyValueStore
          assert.isUndefined(yield* values.get("a"))
          assert.isTrue(yield* values.isEmpty)
          yield* values.set("a", "größer\r\nthan a word")
          assert.strictEqual(yield* values.get("a"), "größer\r\nthan a word")
          assert.deepStrictEqual(yield* values.getUint8Array("a"), new TextEncoder().encode("größer\r\nthan a word"))
          const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
          yield* values.set("all bytes", bytes)
          assert.deepStrictEqual(yield* values.getUint8Array("all bytes"), bytes)
          assert.strictEqual(yield* values.get("all bytes"), Buffer.from(bytes).toString("base64"))
          yield* values.set("", "")
          assert.strictEqual(yield* values.get(""), "")
          assert.strictEqual(yield* values.size, 3)
          assert.deepStrictEqual([...(yield* values.keys)].toSorted(), ["", "a", "all bytes"])
          assert.strictEqual(yield* values.modify("a", (value) => value.slice(0, 6)), "größer")
          assert.isUndefined(yield* values.modify("none", String))
          assert.isTrue(yield* values.has("a"))
          yield* values.remove("a")
          yield* values.remove("a")
          assert.isFalse(yield* values.has("a"))
          yield* values.clear
          assert.strictEqual(yield* values.size, 0)
        })
      )
    )

    it.effect("has views with a prefix, whose clearing leaves the others", () =>
      run(
        Effect.gen(function* () {
          const values = yield* KeyValueStore.KeyValueStore
          const view = KeyValueStore.prefix(values, "[a*]?\\:")
          const keys = Array.from({ length: 2500 }, (_, i) => `k${i}`)
          yield* Effect.forEach(keys, (key) => view.set(key, "v"), { concurrency: "unbounded", discard: true })
          yield* values.set("a:k1", "other")
          yield* values.set("[a*]!", "other")
          assert.strictEqual((yield* view.keys).length, 2500)
          yield* view.clear
          assert.deepStrictEqual([...(yield* values.keys)].toSorted(), ["[a*]!", "a:k1"])
        })
      )
    )

    it.effect("fails with its own error, which keeps the cause", () =>
      run(
        Effect.gen(function* () {
          const values = yield* KeyValueStore.KeyValueStore
          const error = yield* Effect.flip(values.set("k".repeat(65_536), "v"))
          assert.strictEqual(error._tag, "KeyValueStoreError")
          assert.strictEqual(error.message, "set failed: key is too long: it has 65536 bytes, the most is 65535")
          assert.strictEqual(error.method, "set")
        })
      )
    )
  })

  describe(`Persistence over ${name}`, () => {
    const backing = Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make("sessions"))

    it.effect("keeps objects for their ttl, one by one and many at once", () =>
      Effect.gen(function* () {
        const store = yield* backing
        assert.isUndefined(yield* store.get("a"))
        yield* store.set("a", { n: 1 }, undefined)
        yield* store.setMany([
          ["b", { n: 2 }, Duration.hours(1)],
          ["c", [3], undefined]
        ])
        assert.deepStrictEqual(yield* store.getMany(["a", "none", "b", "c"]), [{ n: 1 }, undefined, { n: 2 }, [3]])
        yield* TestClock.adjust("59 minutes")
        assert.deepStrictEqual(yield* store.get("b"), { n: 2 })
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(yield* store.get("b"))
        yield* store.remove("a")
        assert.isUndefined(yield* store.get("a"))
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(layerBackingPersistence, layer)))
    )

    it.effect("clears one store, and no other", () =>
      Effect.gen(function* () {
        const { make } = yield* Persistence.BackingPersistence
        const ids = ["a", "a:", "a%3A", "a*"]
        const stores = yield* Effect.forEach(ids, make)
        for (const [index, store] of stores.entries()) yield* store.set("k", { index }, undefined)
        yield* (yield* make("a")).clear
        const left = yield* Effect.forEach(stores, (store) => store.get("k"))
        assert.deepStrictEqual(left, [undefined, { index: 1 }, { index: 2 }, { index: 3 }])
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(layerBackingPersistence, layer)))
    )

    it.effect("says what is wrong with a value that is no object of JSON", () =>
      Effect.gen(function* () {
        const store = yield* backing
        yield* (yield* Store).run("SET", "sessions:bad", "{")
        assert.include((yield* Effect.flip(store.get("bad"))).message, "reading bad: ")
        yield* store.set("good", {}, undefined)
        assert.deepStrictEqual(yield* store.getMany(["bad", "good"]), [undefined, {}])
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(layerBackingPersistence, layer)))
    )

    it.effect("serves a PersistedCache, whose values outlive it, and whose failures do, too", () =>
      Effect.gen(function* () {
        const calls = yield* Ref.make(0)
        const cacheOf = PersistedCache.make(
          ({ id }: GetUser) =>
            Effect.flatMap(
              Ref.updateAndGet(calls, (n) => n + 1),
              (n) => (id < 0 ? Effect.fail(`no user ${id}`) : Effect.succeed({ name: `user ${id}, asked ${n}` }))
            ),
          { storeId: "users", timeToLive: (exit) => (Exit.isSuccess(exit) ? "1 hour" : "1 minute") }
        )
        const context = yield* Layer.build(layerPersistence)
        const ask = (id: number) =>
          cacheOf.pipe(
            Effect.flatMap((cache) => cache.get(new GetUser({ id }))),
            Effect.scoped,
            Effect.provideService(Persistence.Persistence, Context.get(context, Persistence.Persistence))
          )
        assert.deepStrictEqual(yield* ask(1), { name: "user 1, asked 1" })
        assert.deepStrictEqual(yield* ask(1), { name: "user 1, asked 1" })
        assert.strictEqual(yield* Effect.flip(ask(-1)), "no user -1")
        assert.strictEqual(yield* Effect.flip(ask(-1)), "no user -1")
        assert.strictEqual(yield* Ref.get(calls), 2)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* Effect.flip(ask(-1)), "no user -1")
        assert.strictEqual(yield* Ref.get(calls), 3)
        yield* TestClock.adjust("59 minutes")
        assert.deepStrictEqual(yield* ask(1), { name: "user 1, asked 4" })
      }).pipe(Effect.scoped, Effect.provide(layer))
    )
  })
}
