/** Commands with values that are written in slices: whole, at once for whoever looks, and on top of what others write. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { LARGE_VALUE } from "../../src/commands/LargeValue.ts"
import { LONG_READ } from "../../src/commands/StringValue.ts"
import type { ValueReader } from "../../src/domain/ValueReader.ts"
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

const entryOf = ({ database, engine, now }: Redis.Redis, key: string): number => {
  const view = new DataView(Uint8Array.from(Buffer.from(key, "latin1")).buffer)
  return engine.find(view, 0, key.length, engine.hashOf(view, 0, key.length), database, now)
}

/** Whether somebody reads the value of a key. */
const isRead = (redis: Redis.Redis, key: string): boolean => redis.engine.isBeingRead(entryOf(redis, key))

/**
 * Begins a command, does something between two of its slices, and returns its reply. It has begun when it writes, or reads a
 * key that is named.
 */
const between = Effect.fnUntraced(function* (
  redis: Redis.Redis,
  words: ReadonlyArray<string | number>,
  then: () => void,
  key?: string
) {
  const isBegun = (): boolean => (key === undefined ? redis.engine.detachedBytes > 0 : isRead(redis, key))
  const reply = yield* Effect.forkChild(redis.later(...words))
  while (!isBegun() && reply.pollUnsafe() === undefined) yield* Effect.yieldNow
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
      const reader = redis.engine.openReader(entryOf(redis, "k"))
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

  it.effect("SETRANGE over the end", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      redis.line("SET k begin")
      const reply = yield* between(redis, ["SETRANGE", "k", 2, text(LONG)], () => redis.line("SETRANGE k 0 BEGIN"))
      assert.strictEqual(reply, `:${LONG + 2}\r\n`)
      assertValue(redis, "k", `BE${text(LONG)}`)
      const again = yield* between(redis, ["SETRANGE", "k", LONG, text(LONG)], () => redis.line("GET none"))
      assert.strictEqual(again, `:${2 * LONG}\r\n`)
      assertValue(redis, "k", `BE${text(LONG - 2)}${text(LONG)}`)
      // One that somebody begins to read meanwhile.
      let reader: ValueReader | undefined
      const last = yield* between(redis, ["SETRANGE", "k", 2 * LONG - 3, text(LONG)], () => {
        reader = redis.engine.openReader(entryOf(redis, "k"))
      })
      assert.strictEqual(last, `:${3 * LONG - 3}\r\n`)
      reader?.close()
      assertValue(redis, "k", `BE${text(LONG - 2)}${text(LONG - 3)}${text(LONG)}`)
    })
  )

  it.effect("SETRANGE over tens of MB within a value, which keeps its deadline and what others append", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      const [before, other] = ["a", "b"].map((character) => character.repeat(18 * LARGE_VALUE))
      if (before === undefined || other === undefined) return assert.fail("no values")
      yield* redis.later("SET", "k", before, "PX", 1000)
      redis.changed()
      const part = other.slice(0, 17 * LARGE_VALUE)
      const reply = yield* between(redis, ["SETRANGE", "k", 100, part], () => assert.isTrue(isRead(redis, "k")), "k")
      assert.strictEqual(reply, `:${before.length}\r\n`)
      assert.deepStrictEqual(redis.changed(), ["0:k"])
      const written = before.slice(0, 100) + part + before.slice(100 + part.length)
      assertValue(redis, "k", written)
      assert.strictEqual(redis.line("PTTL k"), ":1000\r\n")
      assert.strictEqual(redis.executor.stats().replaced, 0)
      const longer = yield* between(redis, ["SETRANGE", "k", 0, part], () => redis.line("APPEND k end"), "k")
      assert.strictEqual(longer, `:${before.length + 3}\r\n`)
      for (const [range, shown] of [
        ["0 2", "bbb"],
        [`${part.length - 3} ${part.length + 99}`, "b".repeat(103)],
        [`${part.length + 97} ${part.length + 102}`, "bbbaaa"],
        ["-5 -1", "aaend"]
      ]) {
        assert.strictEqual(redis.line(`GETRANGE k ${range}`), bulk(shown ?? ""))
      }
    })
  )

  it.effect("SETBIT and BITFIELD far beyond the end, also where another client writes meanwhile", () =>
    Effect.gen(function* () {
      for (const [words, reply] of [
        [["SETBIT", "k", 8 * LONG + 7, 1], ":0\r\n"],
        [["BITFIELD", "k", "SET", "u8", `#${LONG}`, 1, "GET", "u8", 0], "*2\r\n:0\r\n"]
      ] as const) {
        const redis = Redis.make()
        const none = yield* between(redis, words, () => assert.strictEqual(redis.line("EXISTS k"), ":0\r\n"))
        assert.isTrue(none.startsWith(reply))
        assertValue(redis, "k", `${zeros(LONG)}\x01`)
        yield* redis.later("SET", "k", "begin", "PX", 1000)
        assert.isTrue((yield* redis.later(...words)).startsWith(reply))
        assertValue(redis, "k", `begin${zeros(LONG - 5)}\x01`)
        assert.strictEqual(redis.line("PTTL k"), ":1000\r\n")
        redis.line("SET k begin")
        assert.isTrue((yield* between(redis, words, () => redis.line("APPEND k 2nd"))).startsWith(reply))
        assertValue(redis, "k", `begin2nd${zeros(LONG - 8)}\x01`)
      }
    })
  )

  it.effect("parts of values that somebody reads are written to copies of these", () =>
    Effect.gen(function* () {
      for (const [words, reply] of [
        [["SETBIT", "k", 8 * 1000 + 7, 1], ":0\r\n"],
        [["SETRANGE", "k", 1000, "\x01"], `:${LONG}\r\n`],
        [["BITFIELD", "k", "SET", "u8", "#1000", 1], "*1\r\n:0\r\n"]
      ] as const) {
        const redis = Redis.make()
        yield* redis.later("SET", "k", zeros(LONG), "PX", 1000)
        redis.changed()
        const reader = redis.engine.openReader(entryOf(redis, "k"))
        const written = yield* between(redis, words, () => assert.strictEqual(redis.line("BITPOS k 1"), ":-1\r\n"))
        assert.strictEqual(written, reply)
        assert.deepStrictEqual(redis.changed(), ["0:k"])
        assert.strictEqual(redis.line("PTTL k"), ":1000\r\n")
        assert.isFalse(isRead(redis, "k"))
        const seen = Buffer.alloc(LONG)
        reader.read(seen, 0, LONG)
        assert.isTrue(seen.equals(Buffer.alloc(LONG)))
        reader.close()
        assertValue(redis, "k", `${zeros(1000)}\x01${zeros(LONG - 1001)}`)
      }
    })
  )

  it.effect("BITCOUNT and BITPOS see what was there when they began", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      yield* redis.later("SET", "k", "\x01".repeat(LONG_READ + 3))
      for (const [words, reply] of [
        [["BITCOUNT", "k"], LONG_READ + 3],
        [["BITCOUNT", "k", 1, -8, "BIT"], LONG_READ + 2],
        [["BITPOS", "k", 1, 8 * (LONG_READ + 2), -1, "BIT"], 8 * (LONG_READ + 3) - 1]
      ] as const) {
        assert.strictEqual(yield* redis.later(...words), `:${reply}\r\n`, words.join(" "))
      }
      yield* redis.later("SET", "zeros", zeros(LONG_READ), "PX", 1)
      redis.line("SETRANGE zeros " + (LONG_READ - 1) + " a")
      const first = yield* between(redis, ["BITPOS", "zeros", 1], () => redis.line("DEL zeros"), "zeros")
      assert.strictEqual(first, `:${8 * LONG_READ - 7}\r\n`)
      const count = yield* between(redis, ["BITCOUNT", "k"], () => redis.line("DEL k"), "k")
      assert.strictEqual(count, `:${LONG_READ + 3}\r\n`)
      assert.strictEqual(redis.engine.detachedBytes, 0)
    })
  )

  it.effect("BITOP combines what is there at its end", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      yield* redis.later("SET", "k", "a".repeat(LONG))
      redis.line("SET short b")
      const reply = yield* between(redis, ["BITOP", "XOR", "to", "k", "short", "none"], () => redis.line("SET to v"))
      assert.strictEqual(reply, `:${LONG}\r\n`)
      assertValue(redis, "to", `\x03${"a".repeat(LONG - 1)}`)
      for (const [line, before, after] of [
        ["APPEND k a", "\x03", "a"],
        ["SET short c", "\x02", "a"],
        ["SET none d", "\x66", "a"]
      ] as const) {
        const length = redis.line("STRLEN k")
        const changed = yield* between(redis, ["BITOP", "XOR", "to", "k", "short", "none"], () => redis.line(line))
        assert.strictEqual(changed, redis.line("STRLEN k"), length)
        assertValue(redis, "to", before + after.repeat(LONG))
      }
      assert.strictEqual(yield* redis.later("BITOP", "AND", "k", "k", "none"), `:${LONG + 1}\r\n`)
      assertValue(redis, "k", `\x60${zeros(LONG)}`)
    })
  )

  it.effect("COPY copies what is there at its end, with its deadline", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      yield* redis.later("SET", "k", text(LONG), "PX", 1000)
      assert.strictEqual(yield* between(redis, ["COPY", "k", "same"], () => redis.line("SET other v")), ":1\r\n")
      assertValue(redis, "same", text(LONG))
      assert.strictEqual(redis.line("PTTL same"), ":1000\r\n")
      const overwritten = yield* between(redis, ["COPY", "k", "to"], () => redis.line("SET k xyz"))
      assert.strictEqual(overwritten, ":1\r\n")
      assertValue(redis, "to", "xyz")
      yield* redis.later("SET", "k", `xyz${text(LONG).slice(3)}`)
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
