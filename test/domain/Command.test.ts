import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "../../src/domain/Command.ts"

const KEY_MESSAGE = "key must be 1 to 256 printable ASCII characters without whitespace"
const VALUE_MESSAGE = "value must be 1 to 256 printable ASCII characters without whitespace"
const MILLIS_MESSAGE = "ms must be a whole number of milliseconds from 0 to 2199023255552"
const FACTOR_MESSAGE = "factor must be a number from 0.000001 to 1000000"
const TTL_MESSAGE = "ttl must be a whole number of seconds from 0 to 2147483647"

describe("Command.decode", () => {
  it.each([
    { _tag: "Put", key: "k", value: "v", ttl: 0 },
    { _tag: "Put", key: "k".repeat(256), value: "v".repeat(256), ttl: 2_147_483_647 },
    { _tag: "Get", key: "!~" },
    { _tag: "Delete", key: "__proto__" },
    { _tag: "Exists", key: "1" },
    { _tag: "Quit" },
    { _tag: "Clock", action: { _tag: "Now" } },
    { _tag: "Clock", action: { _tag: "Advance", millis: 0 } },
    { _tag: "Clock", action: { _tag: "Set", millis: 2 ** 41 } },
    { _tag: "Clock", action: { _tag: "Run", factor: 0.001 } },
    { _tag: "Clock", action: { _tag: "Run", factor: 1_000_000 } },
    { _tag: "Clock", action: { _tag: "Freeze" } }
  ])("takes %o as it is", (input) => {
    assert.deepStrictEqual<unknown>(Command.decode(input), Result.succeed(input))
  })

  it.each([
    [{ _tag: "Put", key: "", value: "v", ttl: 0 }, KEY_MESSAGE],
    [{ _tag: "Put", key: "k".repeat(257), value: "v", ttl: 0 }, KEY_MESSAGE],
    [{ _tag: "Put", key: "k", value: "", ttl: 0 }, VALUE_MESSAGE],
    [{ _tag: "Put", key: "k", value: "v".repeat(257), ttl: 0 }, VALUE_MESSAGE],
    [{ _tag: "Put", key: "k", value: "v", ttl: -1 }, TTL_MESSAGE],
    [{ _tag: "Put", key: "k", value: "v", ttl: 1.5 }, TTL_MESSAGE],
    [{ _tag: "Put", key: "k", value: "v", ttl: 2_147_483_648 }, TTL_MESSAGE],
    [{ _tag: "Put", key: "k", value: "v", ttl: Number.NaN }, TTL_MESSAGE],
    [{ _tag: "Put", key: "k", value: "v", ttl: Number.POSITIVE_INFINITY }, TTL_MESSAGE],
    [{ _tag: "Get", key: "a b" }, KEY_MESSAGE],
    [{ _tag: "Get", key: "a\n" }, KEY_MESSAGE],
    [{ _tag: "Get", key: "a\n\n" }, KEY_MESSAGE],
    [{ _tag: "Get", key: "\x7f" }, KEY_MESSAGE],
    [{ _tag: "Delete", key: "é" }, KEY_MESSAGE],
    [{ _tag: "Exists", key: "\u{1f600}" }, KEY_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Advance", millis: -1 } }, MILLIS_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Advance", millis: 0.5 } }, MILLIS_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Advance", millis: Number.NaN } }, MILLIS_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Set", millis: 2 ** 41 + 1 } }, MILLIS_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Set", millis: Number.POSITIVE_INFINITY } }, MILLIS_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Run", factor: 0 } }, FACTOR_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Run", factor: 1e-7 } }, FACTOR_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Run", factor: -1 } }, FACTOR_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Run", factor: Number.NaN } }, FACTOR_MESSAGE],
    [{ _tag: "Clock", action: { _tag: "Run", factor: 1_000_001 } }, FACTOR_MESSAGE]
  ])("refuses %o with the message of its check", (input, message) => {
    assert.deepStrictEqual(Command.decode(input), Result.fail(message))
  })

  it.each([
    [undefined],
    [null],
    ["GET a"],
    [{}],
    [{ _tag: "get", key: "a" }],
    [{ _tag: "Get" }],
    [{ _tag: "Get", key: 1 }],
    [{ _tag: "Clock" }],
    [{ _tag: "Clock", action: { _tag: "Stop" } }],
    [{ _tag: "Clock", action: { _tag: "Set" } }]
  ])("refuses %o, which is not a command", (input) => {
    const result = Command.decode(input)
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) assert.match(result.failure, /./)
  })

  it("names the key before the value, and the value before the ttl", () => {
    assert.deepStrictEqual(Command.decode({ _tag: "Put", key: "", value: "", ttl: -1 }), Result.fail(KEY_MESSAGE))
    assert.deepStrictEqual(Command.decode({ _tag: "Put", key: "k", value: "", ttl: -1 }), Result.fail(VALUE_MESSAGE))
  })
})

describe("Command's typed constructors", () => {
  it.effect("make checked commands from plain values", () =>
    Effect.gen(function* () {
      const put = yield* Command.put("k", "v", 5)
      const get = yield* Command.get("k")
      const del = yield* Command.del("k")
      const exists = yield* Command.exists("k")
      assert.deepStrictEqual<unknown>(put, { _tag: "Put", key: "k", value: "v", ttl: 5 })
      assert.deepStrictEqual<unknown>(get, { _tag: "Get", key: "k" })
      assert.deepStrictEqual<unknown>(del, { _tag: "Delete", key: "k" })
      assert.deepStrictEqual<unknown>(exists, { _tag: "Exists", key: "k" })
    })
  )

  it.effect("treat an absent ttl as no expiry", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Command.put("k", "v")).ttl, Command.NO_TTL)
      assert.strictEqual((yield* Command.put("k", "v", undefined)).ttl, Command.NO_TTL)
    })
  )

  it.effect.each([
    { name: "put: key", effect: Effect.asVoid(Command.put("a b", "v")), message: KEY_MESSAGE },
    { name: "put: value", effect: Effect.asVoid(Command.put("k", "v\n")), message: VALUE_MESSAGE },
    { name: "put: ttl", effect: Effect.asVoid(Command.put("k", "v", 0.5)), message: TTL_MESSAGE },
    { name: "get", effect: Effect.asVoid(Command.get("")), message: KEY_MESSAGE },
    { name: "del", effect: Effect.asVoid(Command.del("k".repeat(257))), message: KEY_MESSAGE },
    { name: "exists", effect: Effect.asVoid(Command.exists("\t")), message: KEY_MESSAGE }
  ])("fail with an InvalidCommand: $name", ({ effect, message }) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(effect)
      assert.strictEqual(error._tag, "InvalidCommand")
      assert.strictEqual(error.message, message)
    })
  )
})
