/** Commands that read, write and lengthen parts of values. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"
import * as Steps from "./Steps.ts"

const LONG = 300_000
const text = (length: number): string =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => at % 251)).toString("latin1")

const bulk = (value: string): string => `$${value.length}\r\n${value}\r\n`

const cases: Readonly<Record<string, Steps.Steps>> = {
  APPEND: [
    ["APPEND k foo", ":3\r\n"],
    ["APPEND k bar", ":6\r\n"],
    ["APPEND k ", ":6\r\n"],
    ["GET k", "$6\r\nfoobar\r\n"],
    ["APPEND n ", ":0\r\n"],
    ["STRLEN n", ":0\r\n"]
  ],
  "GETRANGE and SUBSTR": [
    ["GETRANGE k 0 -1", "$0\r\n\r\n"],
    ["SET k Hello", "+OK\r\n"],
    ["GETRANGE k 0 -1", "$5\r\nHello\r\n"],
    ["GETRANGE k 1 3", "$3\r\nell\r\n"],
    ["GETRANGE k -3 -1", "$3\r\nllo\r\n"],
    ["GETRANGE k -100 100", "$5\r\nHello\r\n"],
    ["GETRANGE k 3 1", "$0\r\n\r\n"],
    ["GETRANGE k -1 -3", "$0\r\n\r\n"],
    ["GETRANGE k 5 10", "$0\r\n\r\n"],
    ["GETRANGE k 0 -100", "$1\r\nH\r\n"],
    ["GETRANGE k -9223372036854775807 -9223372036854775808", "$0\r\n\r\n"],
    ["GETRANGE k 0 9223372036854775807", "$5\r\nHello\r\n"],
    ["SUBSTR k 0 0", "$1\r\nH\r\n"],
    ["GETRANGE k a 1", "-ERR value is not an integer or out of range\r\n"],
    ["GETRANGE k 0 1.5", "-ERR value is not an integer or out of range\r\n"]
  ],
  SETRANGE: [
    ["SETRANGE k 5 ", ":0\r\n"],
    ["GET k", "$-1\r\n"],
    ["SETRANGE k 2 ab", ":4\r\n"],
    ["GET k", "$4\r\n\x00\x00ab\r\n"],
    ["SETRANGE k 0 xyz", ":4\r\n"],
    ["SETRANGE k 1 ", ":4\r\n"],
    ["SETRANGE k 6 q", ":7\r\n"],
    ["GET k", "$7\r\nxyzb\x00\x00q\r\n"],
    ["SETRANGE k -1 a", "-ERR offset is out of range\r\n"],
    ["SETRANGE k x a", "-ERR value is not an integer or out of range\r\n"],
    ["SETRANGE k 536870912 a", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"],
    ["SETRANGE k 536870911 ab", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"],
    ["SETRANGE none 536870912 a", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"],
    ["GET none", "$-1\r\n"]
  ]
}

describe("Ranges", () => {
  Steps.each(cases)

  it("a part of a long value is read and written where it is", () => {
    const redis = Redis.make()
    const value = text(LONG)
    redis.ask("SET", "k", value)
    for (const [first, last] of [
      [0, 0],
      [65_000, 66_000],
      [65_503, 65_504],
      [131_007, 262_020],
      [LONG - 1, LONG - 1],
      [0, LONG - 1],
      [200_000, LONG - 1]
    ] as const) {
      assert.strictEqual(redis.ask("GETRANGE", "k", first, last), bulk(value.slice(first, last + 1)), `${first}`)
    }
    assert.strictEqual(redis.ask("SETRANGE", "k", 65_500, "x".repeat(200)), `:${LONG}\r\n`)
    assert.strictEqual(redis.ask("APPEND", "k", "end"), `:${LONG + 3}\r\n`)
    const after = `${value.slice(0, 65_500)}${"x".repeat(200)}${value.slice(65_700)}end`
    assert.strictEqual(redis.ask("GET", "k"), bulk(after))
    assert.strictEqual(redis.engine.detachedBytes, 0)
  })

  it("a deadline stays, and whoever listens is told of what changed", () => {
    const redis = Redis.make()
    redis.line("SET k v PX 100")
    redis.changed()
    redis.line("APPEND k w")
    redis.line("SETRANGE k 9000 x")
    redis.line("SETRANGE k 0 ")
    redis.line("SETRANGE none 0 ")
    redis.line("GETRANGE k 0 1")
    assert.deepStrictEqual(redis.changed(), ["0:k", "0:k"])
    redis.now = 100
    assert.strictEqual(redis.line("GETRANGE k 0 -1"), bulk(""))
    assert.deepInclude(redis.executor.stats(), { hits: 1, misses: 1 })
  })

  it("what there is no room for leaves no key behind", () => {
    const redis = Redis.make({ maxMemory: 100_000 })
    const refusal = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    redis.line("SET small v")
    assert.strictEqual(redis.ask("SETRANGE", "k", 200_000, "x"), refusal)
    assert.strictEqual(redis.ask("SETRANGE", "small", 200_000, "x"), refusal)
    assert.strictEqual(redis.ask("APPEND", "k", "x".repeat(200_000)), refusal)
    assert.strictEqual(redis.line("STRLEN k"), ":0\r\n")
  })
})
