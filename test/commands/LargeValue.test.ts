/** Commands with values that are written in slices: whole, at once for whoever looks, and on top of what others write. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { LARGE_VALUE } from "../../src/commands/LargeValue.ts"
import * as Redis from "./Redis.ts"

const LONG = 2 * LARGE_VALUE + 12_345

const text = (length: number, first = 0): string =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at + first) % 251)).toString("latin1")

const bulk = (value: string): string => `$${value.length}\r\n${value}\r\n`
const zeros = (length: number): string => "\0".repeat(length)

const assertValue = (redis: Redis.Redis, key: string, value: string): void => {
  const reply = redis.ask("GET", key)
  assert.strictEqual(reply.length, bulk(value).length, key)
  assert.isTrue(reply === bulk(value), key)
  assert.strictEqual(redis.engine.detachedBytes, 0)
}

/** Begins a command, does something between two of its slices, and returns its reply. */
const between = Effect.fnUntraced(function* (
  redis: Redis.Redis,
  words: ReadonlyArray<string | number>,
  then: () => void
) {
  const reply = yield* Effect.forkChild(redis.later(...words))
  while (redis.engine.detachedBytes === 0 && reply.pollUnsafe() === undefined) yield* Effect.yieldNow
  assert.isUndefined(reply.pollUnsafe(), "not in slices")
  then()
  return yield* Fiber.join(reply)
})

describe("large values", () => {
  it.effect("MSET and MSETNX store all at once, of which others see nothing before", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      redis.line("SET a old")
      const stored = yield* between(redis, ["MSET", "a", text(LONG), "b", "short", "c", text(70_000, 5)], () => {
        assert.strictEqual(redis.line("MGET a b c"), "*3\r\n$3\r\nold\r\n$-1\r\n$-1\r\n")
        redis.changed()
      })
      assert.strictEqual(stored, "+OK\r\n")
      assert.deepStrictEqual(redis.changed(), ["0:a", "0:b", "0:c"])
      assertValue(redis, "a", text(LONG))
      assertValue(redis, "b", "short")
      assertValue(redis, "c", text(70_000, 5))
      const refused = yield* between(redis, ["MSETNX", "d", text(LONG), "e", "short"], () => redis.line("SET e first"))
      assert.strictEqual(refused, ":0\r\n")
      assert.strictEqual(redis.line("EXISTS d"), ":0\r\n")
      assert.strictEqual(yield* redis.later("MSETNX", "d", text(LONG), "f", "short"), ":1\r\n")
      assertValue(redis, "d", text(LONG))
    })
  )

  it.effect("MSET of many values that are long together", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      const pairs = Array.from({ length: 40 }, (_, n) => [`k${n}`, text(65_000 + 40 * n, n)])
      assert.strictEqual(yield* redis.later("MSET", ...pairs.flat()), "+OK\r\n")
      for (const [n] of pairs.entries()) assertValue(redis, `k${n}`, text(65_000 + 40 * n, n))
    })
  )

  it.effect("APPEND appends to what is there at its end, whatever that is", () =>
    Effect.gen(function* () {
      for (const before of ["", "short", text(7000, 3), text(9000, 3), text(LONG, 9)]) {
        const redis = Redis.make()
        yield* redis.later("SET", "k", before, "PX", 1000)
        const reply = yield* between(redis, ["APPEND", "k", text(LONG)], () => redis.line("APPEND k meanwhile"))
        const after = `${before}meanwhile${text(LONG)}`
        assert.strictEqual(reply, `:${after.length}\r\n`)
        assertValue(redis, "k", after)
        assert.strictEqual(redis.line("PTTL k"), ":1000\r\n")
        // It can be read and written like any other.
        assert.strictEqual(redis.line("APPEND k end"), `:${after.length + 3}\r\n`)
        assert.strictEqual(redis.line(`SETRANGE k ${before.length} MEANWHILE`), `:${after.length + 3}\r\n`)
        assertValue(redis, "k", `${before}MEANWHILE${text(LONG)}end`)
        assert.strictEqual(
          redis.line(`GETRANGE k ${after.length - 70_000} ${after.length - 69_000}`),
          bulk(after.slice(-70_000, -68_999))
        )
      }
      const redis = Redis.make()
      assert.strictEqual(yield* redis.later("APPEND", "none", text(LONG)), `:${LONG}\r\n`)
      assertValue(redis, "none", text(LONG))
      const other = yield* between(redis, ["APPEND", "gone", text(LONG)], () => redis.line("SET gone v"))
      assert.strictEqual(other, `:${LONG + 1}\r\n`)
      assertValue(redis, "gone", `v${text(LONG)}`)
    })
  )

  it.effect("APPEND goes on where somebody reads what is there", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      yield* redis.later("SET", "k", text(LONG))
      const key = new DataView(Uint8Array.of(0x6b).buffer)
      const { engine } = redis
      const reader = engine.openReader(engine.find(key, 0, 1, engine.hashOf(key, 0, 1), 0, 0))
      assert.strictEqual(yield* redis.later("APPEND", "k", text(LONG, 7)), `:${2 * LONG}\r\n`)
      const seen = Buffer.alloc(LONG + 1)
      assert.strictEqual(reader.read(seen, 0, LONG + 1), LONG)
      reader.close()
      assert.isTrue(seen.toString("latin1", 0, LONG) === text(LONG))
      assertValue(redis, "k", text(LONG) + text(LONG, 7))
    })
  )

  it.effect("SETRANGE beyond the end, also where another client writes meanwhile", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      assert.strictEqual(yield* redis.later("SETRANGE", "none", LONG, "end"), `:${LONG + 3}\r\n`)
      assertValue(redis, "none", `${zeros(LONG)}end`)
      redis.line("SET k begin")
      assert.strictEqual(yield* redis.later("SETRANGE", "k", 10, text(LONG)), `:${LONG + 10}\r\n`)
      assertValue(redis, "k", `begin${zeros(5)}${text(LONG)}`)
      redis.line("SET k begin")
      const reply = yield* between(redis, ["SETRANGE", "k", 10, text(LONG)], () => redis.line("APPEND k 2nd345678"))
      assert.strictEqual(reply, `:${LONG + 10}\r\n`)
      assertValue(redis, "k", `begin2nd34${text(LONG)}`)
    })
  )

  it.effect("COPY copies what is there at its end, with its deadline", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      yield* redis.later("SET", "k", text(LONG), "PX", 1000)
      assert.strictEqual(yield* between(redis, ["COPY", "k", "same"], () => redis.line("SET other v")), ":1\r\n")
      assertValue(redis, "same", text(LONG))
      assert.strictEqual(redis.line("PTTL same"), ":1000\r\n")
      const overwritten = yield* between(redis, ["COPY", "k", "to"], () => redis.line("SETRANGE k 0 xyz"))
      assert.strictEqual(overwritten, ":1\r\n")
      assertValue(redis, "to", `xyz${text(LONG).slice(3)}`)
      const longer = yield* between(redis, ["COPY", "k", "to", "REPLACE"], () => redis.line("APPEND k end"))
      assert.strictEqual(longer, ":1\r\n")
      assertValue(redis, "to", `xyz${text(LONG).slice(3)}end`)
      assert.strictEqual(yield* between(redis, ["COPY", "k", "taken"], () => redis.line("SET taken v")), ":0\r\n")
      assertValue(redis, "taken", "v")
      assert.strictEqual(yield* between(redis, ["COPY", "k", "late"], () => redis.line("DEL k")), ":0\r\n")
      assert.strictEqual(redis.line("EXISTS late"), ":0\r\n")
      assert.strictEqual(redis.engine.detachedBytes, 0)
    })
  )

  it.effect("for which there is no room change nothing", () =>
    Effect.gen(function* () {
      const redis = Redis.make({ maxMemory: 5 * LARGE_VALUE })
      yield* redis.later("SET", "k", text(LONG))
      const refusal = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
      for (const words of [
        ["APPEND", "k", text(3 * LARGE_VALUE)],
        ["SETRANGE", "k", 6 * LARGE_VALUE, "end"],
        ["MSET", "k", text(6 * LARGE_VALUE)]
      ]) {
        assert.strictEqual(yield* redis.later(...words), refusal, words[0]?.toString())
      }
      assert.strictEqual(redis.line("STRLEN k"), `:${LONG}\r\n`)
      assert.strictEqual(yield* redis.later("COPY", "k", "to"), ":1\r\n")
      yield* redis.later("APPEND", "to", text(LARGE_VALUE))
      assert.strictEqual(yield* redis.later("COPY", "to", "k", "REPLACE"), refusal)
      assert.strictEqual(redis.line("STRLEN to"), `:${LONG + LARGE_VALUE}\r\n`)
    })
  )
})
