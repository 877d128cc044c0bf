/** Commands that concern deadlines, against replies of Redis 7.2, in a time that stands still unless it is moved. */
import { assert, describe, it } from "@effect/vitest"
import { MAX_DEADLINE } from "../../src/engine/Wheel.ts"
import * as Redis from "./Redis.ts"

const EPOCH = 1_700_000_000_123
const MAX = "9223372036854775807"
const MIN = "-9223372036854775808"

const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n"
const NO_PAIR = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"
const NO_RANGE = "-ERR GT and LT options at the same time are not compatible\r\n"
const invalid = (name: string): string => `-ERR invalid expire time in '${name}' command\r\n`

const make = (): Redis.Redis => {
  const redis = Redis.make({ epoch: EPOCH })
  redis.ask("SET", "k", "v")
  redis.changed()
  return redis
}

const check = (redis: Redis.Redis, steps: ReadonlyArray<readonly [command: string, reply: string]>): void => {
  for (const [command, reply] of steps) assert.strictEqual(redis.line(command), reply, command)
}

describe("expiry", () => {
  it("a deadline is set in four ways and told in four ways", () => {
    const redis = make()
    redis.now = 1000
    check(redis, [
      ["TTL k", ":-1\r\n"],
      ["PTTL k", ":-1\r\n"],
      ["EXPIRETIME k", ":-1\r\n"],
      ["PEXPIRETIME k", ":-1\r\n"],
      ["TTL none", ":-2\r\n"],
      ["PTTL none", ":-2\r\n"],
      ["EXPIRETIME none", ":-2\r\n"],
      ["PEXPIRETIME none", ":-2\r\n"],
      ["EXPIRE k 10", ":1\r\n"],
      ["TTL k", ":10\r\n"],
      ["PTTL k", ":10000\r\n"],
      ["PEXPIRETIME k", `:${EPOCH + 11_000}\r\n`],
      ["EXPIRETIME k", `:${Math.round((EPOCH + 11_000) / 1000)}\r\n`],
      ["PEXPIRE k 1499", ":1\r\n"],
      ["TTL k", ":1\r\n"],
      ["PEXPIRE k 1500", ":1\r\n"],
      ["TTL k", ":2\r\n"],
      ["EXPIREAT k 1900000000", ":1\r\n"],
      ["EXPIRETIME k", ":1900000000\r\n"],
      ["PEXPIRETIME k", ":1900000000000\r\n"],
      ["PEXPIREAT k 1900000000501", ":1\r\n"],
      ["PEXPIRETIME k", ":1900000000501\r\n"],
      ["EXPIRETIME k", ":1900000001\r\n"],
      ["EXPIRE none 10", ":0\r\n"]
    ])
    assert.deepStrictEqual(redis.changed(), ["0:k", "0:k", "0:k", "0:k", "0:k"])
  })

  it("a key is gone at its deadline", () => {
    const redis = make()
    redis.line("PEXPIRE k 5")
    redis.now = 4
    check(redis, [
      ["PTTL k", ":1\r\n"],
      ["TTL k", ":0\r\n"]
    ])
    redis.now = 5
    check(redis, [
      ["PTTL k", ":-2\r\n"],
      ["EXPIRE k 10", ":0\r\n"],
      ["EXISTS k", ":0\r\n"]
    ])
  })

  it("a deadline that has passed removes the key, and counts", () => {
    for (const command of [
      "EXPIRE k 0",
      "EXPIRE k -1",
      "PEXPIRE k 0",
      `PEXPIREAT k ${EPOCH + 50}`,
      "EXPIREAT k 1",
      `PEXPIRE k ${MIN}`
    ]) {
      const redis = make()
      redis.now = 50
      check(redis, [
        [command, ":1\r\n"],
        ["EXISTS k", ":0\r\n"],
        [command, ":0\r\n"]
      ])
      assert.deepStrictEqual(redis.changed(), ["0:k"])
      assert.strictEqual(redis.executor.stats().deleted, 1)
    }
  })

  it("the alarm goes off for a deadline that is nearer than it was to go off", () => {
    const redis = make()
    let woken = 0
    redis.alarm.wakeBefore(100, () => woken++)
    redis.line("PEXPIRE k 200")
    assert.strictEqual(woken, 0)
    redis.line("PEXPIRE k 50")
    assert.strictEqual(woken, 1)
  })

  it("conditions compare with the deadline that is there; none is the latest", () => {
    const redis = make()
    check(redis, [
      ["EXPIRE k 10 XX", ":0\r\n"],
      ["EXPIRE k 10 GT", ":0\r\n"],
      ["TTL k", ":-1\r\n"],
      ["EXPIRE k 10 NX", ":1\r\n"],
      ["EXPIRE k 20 NX", ":0\r\n"],
      ["EXPIRE k 20 XX", ":1\r\n"],
      ["TTL k", ":20\r\n"],
      ["EXPIRE k 20 GT", ":0\r\n"],
      ["EXPIRE k 20 lt", ":0\r\n"],
      ["EXPIRE k 21 gt", ":1\r\n"],
      ["EXPIRE k 10 LT", ":1\r\n"],
      ["EXPIRE k 11 LT XX", ":0\r\n"],
      ["EXPIRE k 11 GT XX GT", ":1\r\n"],
      ["TTL k", ":11\r\n"],
      ["PERSIST k", ":1\r\n"],
      ["EXPIRE k 10 LT XX", ":0\r\n"],
      ["EXPIRE k -1 NX", ":1\r\n"],
      ["EXPIRE k 10 NX", ":0\r\n"]
    ])
  })

  it("conditions that do not go together, or are none, are refused before the rest is looked at", () => {
    check(make(), [
      ["EXPIRE k 10 NX XX", NO_PAIR],
      ["EXPIRE k 10 GT NX", NO_PAIR],
      ["EXPIRE k 10 NX LT GT", NO_PAIR],
      ["EXPIRE k 10 GT LT", NO_RANGE],
      ["EXPIRE k 10 XX LT GT", NO_RANGE],
      ["EXPIRE none x GT LT", NO_RANGE],
      ["EXPIRE k 10 no", "-ERR Unsupported option no\r\n"],
      ["EXPIRE k 10 NX 1", "-ERR Unsupported option 1\r\n"],
      ["EXPIRE k 10 a\r\nb\r\n", "-ERR Unsupported option a  b\r\n"],
      ["EXPIRE k 10 a\0b", "-ERR Unsupported option a\r\n"],
      ["EXPIRE none 1.5", NOT_AN_INTEGER],
      ["EXPIRE none 9223372036854775808", NOT_AN_INTEGER],
      ["EXPIRE none", "-ERR wrong number of arguments for 'expire' command\r\n"]
    ])
  })

  it("times are bounded by 64 bits of ms, and are kept exactly up to 2^53", () => {
    const redis = make()
    redis.now = 1000
    check(redis, [
      ["EXPIRE k 9223372036854776", invalid("expire")],
      ["EXPIRE k -9223372036854776", invalid("expire")],
      ["EXPIRE k 9223372036854775", invalid("expire")],
      ["EXPIREAT k 9223372036854776", invalid("expireat")],
      ["EXPIREAT none 9223372036854776", invalid("expireat")],
      [`PEXPIRE k ${MAX}`, invalid("pexpire")],
      [`PEXPIRE k ${BigInt(MAX) - BigInt(EPOCH + 999)}`, invalid("pexpire")],
      [`PEXPIRE k ${BigInt(MAX) - BigInt(EPOCH + 1000)}`, ":1\r\n"],
      [`PEXPIREAT k ${EPOCH + MAX_DEADLINE - 1}`, ":1\r\n"],
      ["EXPIREAT k 8000000000000", ":1\r\n"],
      ["EXPIRETIME k", ":8000000000000\r\n"],
      ["PEXPIREAT k 9007199254740991", ":1\r\n"],
      ["PEXPIRETIME k", ":9007199254740991\r\n"],
      ["PEXPIREAT k 9007199254740990", ":1\r\n"],
      ["PEXPIRETIME k", ":9007199254740990\r\n"],
      [`PEXPIREAT k ${MAX}`, ":1\r\n"],
      ["PTTL k", `:${MAX_DEADLINE - 1000}\r\n`],
      ["EXPIRE k 9223370000000000", ":1\r\n"],
      [`EXPIREAT k -9223372036854775`, ":1\r\n"],
      ["EXISTS k", ":0\r\n"]
    ])
  })

  it("PERSIST removes a deadline", () => {
    const redis = make()
    check(redis, [
      ["PERSIST k", ":0\r\n"],
      ["PERSIST none", ":0\r\n"],
      ["EXPIRE k 1", ":1\r\n"],
      ["PERSIST k", ":1\r\n"],
      ["PERSIST k", ":0\r\n"]
    ])
    assert.deepStrictEqual(redis.changed(), ["0:k", "0:k"])
    redis.now = 2000
    check(redis, [["EXISTS k", ":1\r\n"]])
  })

  it("a deadline for which there is no room is refused", () => {
    const redis = Redis.make({ maxMemory: 8192 })
    // The entry fills all that there is, and its deadline takes a larger slot.
    let length = 8192
    while (redis.ask("SET", "k", "v".repeat(length)) !== "+OK\r\n") length -= 8
    const before = redis.engine.usedBytes
    redis.changed()
    const reply = redis.line("EXPIRE k 10")
    assert.strictEqual(reply, "-OOM command not allowed when used memory > 'maxmemory'.\r\n")
    assert.strictEqual(redis.engine.usedBytes, before)
    assert.deepStrictEqual(redis.changed(), [])
  })
})
