/**
 * What every store must do, wherever its keys are: a suite that takes a store's layer, which has none yet. Servers' own time
 * passes, too, so that nothing here depends on less than seconds.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { BATCH_COMMANDS } from "../../src/domain/CommandBatch.ts"
import type { CommandWords } from "../../src/store/CommandWords.ts"
import { Store } from "../../src/store/Store.ts"

interface Failed {
  readonly _tag: string
  readonly message: string
}

/** What a store and a client have in common. */
export interface Words {
  readonly put: (key: string, value: string, ttl?: number) => Effect.Effect<void, Failed>
  readonly get: (key: string) => Effect.Effect<string | undefined, Failed>
  readonly delete: (key: string) => Effect.Effect<boolean, Failed>
  readonly exists: (key: string) => Effect.Effect<boolean, Failed>
}

/** What a store and a client must do with words. */
export const wordsContract = <E>(
  name: string,
  withWords: (test: (words: Words) => Effect.Effect<void, Failed>) => Effect.Effect<void, E | Failed, Scope.Scope>
): void => {
  describe(`words in ${name}`, () => {
    it.effect("are put, got, checked for and deleted", () =>
      withWords(
        Effect.fnUntraced(function* (words) {
          assert.isUndefined(yield* words.get("a"))
          assert.isFalse(yield* words.exists("a"))
          assert.isFalse(yield* words.delete("a"))
          assert.isUndefined(yield* words.put("a", "1"))
          assert.strictEqual(yield* words.get("a"), "1")
          assert.isTrue(yield* words.exists("a"))
          yield* words.put("a", "2")
          assert.strictEqual(yield* words.get("a"), "2")
          assert.isTrue(yield* words.delete("a"))
          assert.isFalse(yield* words.delete("a"))
          assert.isUndefined(yield* words.get("a"))
          yield* words.put("k".repeat(256), "v".repeat(256), 2 ** 31 - 1)
          assert.strictEqual(yield* words.get("k".repeat(256)), "v".repeat(256))
        })
      )
    )

    it.effect("are gone after their ttl, which a new value replaces", () =>
      withWords(
        Effect.fnUntraced(function* (words) {
          yield* words.put("short", "v", 3600)
          yield* words.put("long", "v", 3600)
          yield* words.put("long", "w")
          yield* words.put("none", "v", 0)
          yield* TestClock.adjust("59 minutes")
          assert.strictEqual(yield* words.get("short"), "v")
          yield* TestClock.adjust("1 minute")
          assert.isUndefined(yield* words.get("short"))
          assert.isFalse(yield* words.exists("short"))
          assert.strictEqual(yield* words.get("long"), "w")
          assert.strictEqual(yield* words.get("none"), "v")
        })
      )
    )

    it.effect.each([
      ["a blank in a key", (words: Words) => words.put("a b", "v"), "key must be 1 to 256 printable ASCII"],
      ["an empty key", (words: Words) => words.delete(""), "key must be 1 to 256 printable ASCII"],
      ["a long value", (words: Words) => words.put("k", "v".repeat(257)), "value must be 1 to 256 printable ASCII"],
      ["half a second", (words: Words) => words.put("k", "v", 0.5), "ttl must be a whole number of seconds"]
    ] as const)("cannot be %s", ([, use, message]) =>
      withWords(
        Effect.fnUntraced(function* (words) {
          const asked: Effect.Effect<unknown, Failed> = use(words)
          const error = yield* Effect.orDie(Effect.flip(asked))
          assert.strictEqual(error._tag, "InvalidCommand")
          assert.include(error.message, message)
          assert.isFalse(yield* words.exists("k"))
        })
      )
    )
  })
}

export const everyStoreContract = (name: string, layer: Layer.Layer<Store>): void => {
  wordsContract(name, (test) => Effect.provide(Effect.flatMap(Store, test), layer))

  describe(`${name}, as every store,`, () => {
    it.effect("executes commands of Redis, with any bytes", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        assert.deepStrictEqual(yield* store.run("set", bytes, bytes, "PX", "60000"), { _tag: "Simple", text: "OK" })
        assert.deepStrictEqual(yield* store.run("GET", bytes), { _tag: "Bulk", bytes: Buffer.from(bytes) })
        yield* store.run("SET", "größe", "10 m²")
        assert.strictEqual((yield* Effect.flip(store.get("größe")))._tag, "InvalidCommand")
        yield* store.run("SET", "size", "10 m²")
        assert.strictEqual(yield* store.get("size"), "10 m²")
        assert.deepStrictEqual(yield* store.run("MGET", "size", "none", "größe"), {
          _tag: "Parts",
          kind: "array",
          parts: [
            { _tag: "Bulk", bytes: Buffer.from("10 m²") },
            { _tag: "Null" },
            { _tag: "Bulk", bytes: Buffer.from("10 m²") }
          ]
        })
      }).pipe(Effect.provide(layer))
    )

    it.effect("executes many commands in order, each of which has its reply", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const commands = Array.from({ length: 3 * BATCH_COMMANDS }, (): CommandWords => ["INCR", "n"])
        const replies = yield* store.runAll(commands)
        assert.strictEqual(replies.length, commands.length)
        for (const [index, reply] of replies.entries()) {
          assert.isTrue(reply._tag === "Integer" && Number(reply.value) === index + 1)
        }
        assert.deepStrictEqual(yield* store.runAll([]), [])
        const mixed = yield* store.runAll([
          ["SET", "text", "no number"],
          ["INCR", "text"],
          ["GET", "text"]
        ])
        assert.deepStrictEqual(
          mixed.map(({ _tag }) => _tag),
          ["Simple", "Error", "Bulk"]
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("fails with what a command fails with, and says what is no command", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* store.run("SET", "text", "no number")
        const error = yield* Effect.flip(store.run("INCR", "text"))
        assert.strictEqual(error._tag, "StoreError")
        assert.strictEqual(error.code, "ERR")
        assert.strictEqual(error.message, "value is not an integer or out of range")
        const unknown = yield* Effect.flip(store.run("NOPE"))
        assert.strictEqual(unknown.message, "unknown command 'NOPE'")
      }).pipe(Effect.provide(layer))
    )

    it.effect("counts its keys, and removes all of them", () =>
      Effect.gen(function* () {
        const store = yield* Store
        assert.strictEqual(yield* store.size, 0)
        const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
        for (const key of keys) yield* store.put(key, "v")
        // Not only those that were read, and so may be near.
        yield* store.get("k7")
        assert.strictEqual(yield* store.size, 100)
        yield* store.delete("k7")
        assert.strictEqual(yield* store.size, 99)
        assert.isUndefined(yield* store.clear)
        assert.strictEqual(yield* store.size, 0)
        for (const key of keys) assert.isUndefined(yield* store.get(key))
      }).pipe(Effect.provide(layer))
    )

    it.effect("serves many fibers at once, each with its own replies", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const one = Effect.fnUntraced(function* (n: number) {
          yield* store.put(`k${n}`, `v${n}`)
          return yield* store.get(`k${n}`)
        })
        const numbers = Array.from({ length: 200 }, (_, n) => n)
        const values = yield* Effect.forEach(numbers, one, { concurrency: "unbounded" })
        assert.deepStrictEqual(
          values,
          numbers.map((n) => `v${n}`)
        )
      }).pipe(Effect.provide(layer))
    )
  })
}
