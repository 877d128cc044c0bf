/** Commands that take a value for a row of bits. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"
import * as Steps from "./Steps.ts"

const LONG = 300_000
const text = (length: number): string =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => at % 251)).toString("latin1")

const bulk = (value: string): string => `$${value.length}\r\n${value}\r\n`

const cases: Readonly<Record<string, Steps.Steps>> = {
  "SETBIT and GETBIT": [
    ["GETBIT k 0", ":0\r\n"],
    ["SETBIT k 7 1", ":0\r\n"],
    ["SETBIT k 7 1", ":1\r\n"],
    ["GETBIT k 7", ":1\r\n"],
    ["GETBIT k 8", ":0\r\n"],
    ["GETBIT k 4294967295", ":0\r\n"],
    ["SETBIT k 7 0", ":1\r\n"],
    ["GET k", "$1\r\n\x00\r\n"],
    ["SETBIT k 17 0", ":0\r\n"],
    ["GET k", "$3\r\n\x00\x00\x00\r\n"],
    ["SETBIT k 4294967296 1", "-ERR bit offset is not an integer or out of range\r\n"],
    ["SETBIT k -1 1", "-ERR bit offset is not an integer or out of range\r\n"],
    ["GETBIT k x", "-ERR bit offset is not an integer or out of range\r\n"],
    ["SETBIT k 0 2", "-ERR bit is not an integer or out of range\r\n"],
    ["SETBIT k 0 x", "-ERR bit is not an integer or out of range\r\n"],
    ["SETBIT k #1 1", "-ERR bit offset is not an integer or out of range\r\n"]
  ],
  BITCOUNT: [
    ["BITCOUNT k", ":0\r\n"],
    ["BITCOUNT k a", ":0\r\n"],
    ["SET k foobar", "+OK\r\n"],
    ["BITCOUNT k", ":26\r\n"],
    ["BITCOUNT k 0 0", ":4\r\n"],
    ["BITCOUNT k 1 1 BYTE", ":6\r\n"],
    ["BITCOUNT k 5 30 BIT", ":17\r\n"],
    ["BITCOUNT k -5 -1 bit", ":2\r\n"],
    ["BITCOUNT k 0 -100", ":4\r\n"],
    ["BITCOUNT k -1 -5 x", ":0\r\n"],
    ["BITCOUNT k 0 1 x", "-ERR syntax error\r\n"],
    ["BITCOUNT k 0", "-ERR syntax error\r\n"],
    ["BITCOUNT k 0 1 BIT 2", "-ERR syntax error\r\n"],
    ["BITCOUNT k a 1", "-ERR value is not an integer or out of range\r\n"],
    ["BITCOUNT k 3 100", ":10\r\n"],
    ["BITCOUNT k 7 7 BIT", ":0\r\n"],
    ["BITCOUNT k 10 100", ":0\r\n"]
  ],
  BITPOS: [
    ["BITPOS k 0", ":0\r\n"],
    ["BITPOS k 1", ":-1\r\n"],
    ["BITPOS k 2", "-ERR The bit argument must be 1 or 0.\r\n"],
    ["BITPOS k x", "-ERR value is not an integer or out of range\r\n"],
    ["SET k \xff\xf0\0", "+OK\r\n"],
    ["BITPOS k 0", ":12\r\n"],
    ["BITPOS k 1", ":0\r\n"],
    ["BITPOS k 1 2", ":-1\r\n"],
    ["BITPOS k 0 0 0", ":-1\r\n"],
    ["BITPOS k 0 -1", ":16\r\n"],
    ["BITPOS k 1 -3 -1 BYTE", ":0\r\n"],
    ["BITPOS k 0 3 9 BIT", ":-1\r\n"],
    ["BITPOS k 1 12 -1 BIT", ":-1\r\n"],
    ["BITPOS k 0 -20 -10 BIT", ":12\r\n"],
    ["SET k \xff", "+OK\r\n"],
    ["BITPOS k 0", ":8\r\n"],
    ["BITPOS k 0 0", ":8\r\n"],
    ["BITPOS k 0 0 -1", ":-1\r\n"],
    ["BITPOS k 0 1", ":-1\r\n"],
    ["BITPOS k 1 0 -1 x", "-ERR syntax error\r\n"],
    ["BITPOS k 1 a", "-ERR value is not an integer or out of range\r\n"],
    ["BITPOS k 1 0 a", "-ERR value is not an integer or out of range\r\n"],
    ["BITPOS k 1 0 a x", "-ERR syntax error\r\n"],
    ["BITPOS k 1 0 1 BIT 1", "-ERR syntax error\r\n"],
    ["SET k ", "+OK\r\n"],
    ["BITPOS k 0", ":-1\r\n"],
    ["BITPOS k 1 0", ":-1\r\n"]
  ],
  BITOP: [
    ["SET a abcdef", "+OK\r\n"],
    ["SET b ABC", "+OK\r\n"],
    ["BITOP AND d a b", ":6\r\n"],
    ["GET d", "$6\r\nABC\x00\x00\x00\r\n"],
    ["BITOP or d a b", ":6\r\n"],
    ["GET d", "$6\r\nabcdef\r\n"],
    ["BITOP XOR d a b none", ":6\r\n"],
    ["GET d", "$6\r\n   def\r\n"],
    ["BITOP NOT d b", ":3\r\n"],
    ["GET d", "$3\r\n\xbe\xbd\xbc\r\n"],
    ["BITOP NOT d a b", "-ERR BITOP NOT must be called with a single source key.\r\n"],
    ["BITOP NAND d a", "-ERR syntax error\r\n"],
    ["BITOP AND d none", ":0\r\n"],
    ["GET d", "$-1\r\n"],
    ["BITOP AND d none none", ":0\r\n"],
    ["BITOP XOR a a b", ":6\r\n"],
    ["GET a", "$6\r\n   def\r\n"]
  ]
}

/** The bits of a text. */
const bitsOf = (value: string): string =>
  Array.from(value, (character) => character.charCodeAt(0).toString(2).padStart(8, "0")).join("")

describe("Bitmaps", () => {
  Steps.each(cases)

  it("long values", () => {
    const redis = Redis.make()
    const value = text(LONG)
    const bits = bitsOf(value)
    const count = (from: number, to: number): number => bits.slice(from, to + 1).replaceAll("0", "").length
    redis.ask("SET", "k", value)
    assert.strictEqual(redis.line("BITCOUNT k"), `:${count(0, bits.length - 1)}\r\n`)
    for (const [first, last] of [
      [3, 3],
      [7, 8],
      [524_000, 525_003],
      [100_001, 2_399_998]
    ] as const) {
      assert.strictEqual(redis.line(`BITCOUNT k ${first} ${last} BIT`), `:${count(first, last)}\r\n`)
    }
    assert.strictEqual(redis.line("GETBIT k 1900013"), `:${bits.charAt(1_900_013)}\r\n`)
    assert.strictEqual(redis.line("SETBIT k 1900013 1"), `:${bits.charAt(1_900_013)}\r\n`)
    assert.strictEqual(redis.line("GETBIT k 1900013"), ":1\r\n")
    redis.ask("SET", "zeros", "\0".repeat(LONG))
    redis.line("SETBIT zeros 2000001 1")
    assert.strictEqual(redis.line("BITPOS zeros 1"), ":2000001\r\n")
    assert.strictEqual(redis.line("BITPOS zeros 1 2000002 -1 BIT"), ":-1\r\n")
    redis.ask("SET", "ones", "\xff".repeat(LONG))
    assert.strictEqual(redis.line("BITPOS ones 0"), `:${LONG * 8}\r\n`)
    assert.strictEqual(redis.line("BITPOS ones 0 0 -1"), ":-1\r\n")
    assert.strictEqual(redis.engine.detachedBytes, 0)
  })

  it("long values are combined, into one of them too", () => {
    const redis = Redis.make()
    const value = text(LONG)
    const turned = Array.from(value, (character) => String.fromCharCode(character.charCodeAt(0) ^ 0xff)).join("")
    redis.ask("MSET", "k", value, "short", "\xff".repeat(100))
    assert.strictEqual(redis.line("BITOP NOT turned k"), `:${LONG}\r\n`)
    assert.strictEqual(redis.line("GET turned"), bulk(turned))
    assert.strictEqual(redis.line("BITOP XOR k k short turned"), `:${LONG}\r\n`)
    assert.strictEqual(redis.line("GET k"), bulk(`${"\0".repeat(100)}${"\xff".repeat(LONG - 100)}`))
    assert.strictEqual(redis.line("BITOP AND k short k"), `:${LONG}\r\n`)
    assert.strictEqual(redis.line("BITCOUNT k"), ":0\r\n")
    assert.strictEqual(redis.engine.detachedBytes, 0)
  })

  it("what there is no room for is not stored, and nothing is left of it", () => {
    const redis = Redis.make({ maxMemory: 500_000 })
    const refusal = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    redis.ask("SET", "k", text(LONG))
    assert.strictEqual(redis.line("BITOP NOT other k"), refusal)
    assert.strictEqual(redis.line("SETBIT other 8000000 1"), refusal)
    assert.strictEqual(redis.line("BITFIELD other SET u8 8000000 1"), refusal)
    assert.strictEqual(redis.engine.detachedBytes, 0)
    assert.strictEqual(redis.line("STRLEN other"), ":0\r\n")
  })

  it("tells of the keys that changed, and of no others", () => {
    const redis = Redis.make()
    const changedBy = (command: string): ReadonlyArray<string> => {
      redis.line(command)
      return redis.changed()
    }
    assert.deepStrictEqual(changedBy("SETBIT k 7 1"), ["0:k"])
    assert.deepStrictEqual(changedBy("SETBIT k 7 1"), [])
    assert.deepStrictEqual(changedBy("SETBIT k 8 0"), ["0:k"])
    assert.deepStrictEqual(changedBy("BITOP NOT n k"), ["0:n"])
    assert.deepStrictEqual(changedBy("BITOP NOT n none"), ["0:n"])
    assert.deepStrictEqual(changedBy("BITOP NOT n none"), [])
    assert.deepStrictEqual(changedBy("BITFIELD k GET u8 0"), [])
    assert.deepStrictEqual(changedBy("BITFIELD k SET u8 0 1"), [])
    assert.deepStrictEqual(changedBy("BITFIELD k SET u8 0 2"), ["0:k"])
    assert.deepStrictEqual(changedBy("GETBIT k 1"), [])
  })
})
