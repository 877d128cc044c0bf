/** Commands that store and read whole values, against replies of Redis 7.2. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"
import * as Steps from "./Steps.ts"

const OK = "+OK\r\n"
const NULL = "$-1\r\n"
const SYNTAX = "-ERR syntax error\r\n"
const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n"
const invalidExpire = (name: string): string => `-ERR invalid expire time in '${name}' command\r\n`
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

const cases: Readonly<Record<string, Steps.Steps>> = {
  "SET replaces a value and its deadline": [
    ["SET k 1 EX 10", OK],
    ["SET k 2", OK],
    ["GET k", bulk("2")],
    ["GETEX k PERSIST", bulk("2")]
  ],
  "SET with NX and XX": [
    ["SET k 1 XX", NULL],
    ["SET k 1 NX", OK],
    ["SET k 2 NX", NULL],
    ["SET k 3 xx", OK],
    ["GET k", bulk("3")],
    ["SET k 1 NX XX", SYNTAX],
    ["SET k 1 XX NX", SYNTAX],
    ["SET k 1 NX NX", NULL]
  ],
  "SET with GET answers with the value before, whether it stores or not": [
    ["SET k 1 GET", NULL],
    ["SET k 2 GET", bulk("1")],
    ["SET k 3 NX GET", bulk("2")],
    ["GET k", bulk("2")],
    ["SET other 3 XX GET", NULL],
    ["SET other 3 NX GET", NULL],
    ["MGET k other", `*2\r\n${bulk("2")}${bulk("3")}`]
  ],
  "SET takes one time, in one unit": [
    ["SET k v EX 1 PX 1", SYNTAX],
    ["SET k v EX 1 KEEPTTL", SYNTAX],
    ["SET k v KEEPTTL PXAT 1", SYNTAX],
    ["SET k v EX 1 EX 2", OK],
    ["SET k v EX", SYNTAX],
    ["SET k v PERSIST", SYNTAX],
    ["SET k v EXX 1", SYNTAX],
    ["SET k v 1", SYNTAX]
  ],
  "SET refuses times that are none": [
    ["SET k v EX 0", invalidExpire("set")],
    ["SET k v PX -1", invalidExpire("set")],
    ["SET k v EXAT 0", invalidExpire("set")],
    ["SET k v EX 1.5", NOT_AN_INTEGER],
    ["SET k v EX 01", NOT_AN_INTEGER],
    ["SET k v EX 9223372036854775808", NOT_AN_INTEGER],
    ["SET k v EX 9223372036854775", invalidExpire("set")],
    ["SET k v EXAT 9223372036854775", OK],
    ["SET k v EXAT 9223372036854776", invalidExpire("set")],
    ["SET k v PX 9223372036854775807", invalidExpire("set")],
    ["SET k v PXAT 9223372036854775807", OK],
    ["GET k", bulk("v")]
  ],
  "SET with a Unix time in the past removes the key": [
    ["SET k v", OK],
    ["SET k v PXAT 1", OK],
    ["GET k", NULL],
    ["SET k v NX EXAT 1", OK],
    ["GET k", NULL]
  ],
  "SETEX and PSETEX": [
    ["SETEX k 10 v", OK],
    ["PSETEX k 10 w", OK],
    ["GET k", bulk("w")],
    ["SETEX k 0 v", invalidExpire("setex")],
    ["PSETEX k -1 v", invalidExpire("psetex")],
    ["SETEX k v 10", NOT_AN_INTEGER]
  ],
  "SETNX, GETSET and GETDEL": [
    ["SETNX k 1", ":1\r\n"],
    ["SETNX k 2", ":0\r\n"],
    ["GETSET k 2", bulk("1")],
    ["GETSET other 1", NULL],
    ["GETDEL k", bulk("2")],
    ["GETDEL k", NULL],
    ["GETDEL other", bulk("1")]
  ],
  "GETEX looks for the key before it reads the time": [
    ["GETEX k EX abc", NULL],
    ["GETEX k XX", SYNTAX],
    ["GETEX k KEEPTTL", SYNTAX],
    ["SET k v", OK],
    ["GETEX k EX abc", NOT_AN_INTEGER],
    ["GETEX k PX 0", invalidExpire("getex")],
    ["GETEX k EX 1 PERSIST", SYNTAX],
    ["GETEX k PERSIST EX 1", SYNTAX],
    ["GETEX k", bulk("v")],
    ["GETEX k PXAT 1", bulk("v")],
    ["GETEX k", NULL]
  ],
  "MSET and MSETNX": [
    ["MSET a 1 b 2 a 3", OK],
    ["MGET a b c", `*3\r\n${bulk("3")}${bulk("2")}${NULL}`],
    ["MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n"],
    ["MSETNX c 1 a 2", ":0\r\n"],
    ["GET c", NULL],
    ["MSETNX c 1 d 2", ":1\r\n"],
    ["MSETNX c", "-ERR wrong number of arguments for 'msetnx' command\r\n"],
    ["MSETNX e 1 f", "-ERR wrong number of arguments for 'msetnx' command\r\n"],
    ["MGET c d", `*2\r\n${bulk("1")}${bulk("2")}`]
  ],
  "STRLEN counts bytes": [
    ["STRLEN k", ":0\r\n"],
    ["SET k h\xe4", OK],
    ["STRLEN k", ":2\r\n"]
  ]
}

describe("Strings", () => {
  Steps.each(cases)

  it("a value is any bytes, and long ones are answered as they were before a change", () => {
    const redis = Redis.make()
    const long = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, at) => at % 256)).toString("latin1")
    redis.ask("SET", "\0\r\n", "\xff\0")
    assert.strictEqual(redis.ask("GETSET", "\0\r\n", long), bulk("\xff\0"))
    assert.strictEqual(redis.ask("SET", "\0\r\n", "short", "GET"), bulk(long))
    redis.ask("SET", "\0\r\n", long)
    assert.strictEqual(redis.ask("GETDEL", "\0\r\n"), bulk(long))
    assert.strictEqual(redis.engine.detachedBytes, 0)
  })

  it("a deadline is in the engine's time, wakes who sweeps, and is kept where that is asked", () => {
    const redis = Redis.make({ epoch: 1_000_000 })
    let woken = 0
    redis.alarm.wakeBefore(Number.POSITIVE_INFINITY, () => woken++)
    redis.now = 500
    redis.line("SET k v PXAT 1001500")
    assert.strictEqual(redis.engine.nextDue <= 1500, true)
    assert.strictEqual(woken, 1)
    redis.line("SET k w KEEPTTL")
    redis.line("INCRBY n 5")
    redis.line("GETEX n PX 2000")
    redis.line("INCR n")
    redis.now = 1499
    assert.strictEqual(redis.line("GET k"), bulk("w"))
    redis.now = 1500
    assert.strictEqual(redis.line("GET k"), NULL)
    redis.now = 2499
    assert.strictEqual(redis.line("GET n"), bulk("6"))
    redis.now = 2500
    assert.strictEqual(redis.line("GET n"), NULL)
  })

  it("tells of the keys that changed, and of no others", () => {
    const redis = Redis.make()
    const changedBy = (command: string): ReadonlyArray<string> => {
      redis.line(command)
      return redis.changed()
    }
    assert.deepStrictEqual(changedBy("MSET a 1 b 2"), ["0:a", "0:b"])
    redis.database = 3
    assert.deepStrictEqual(changedBy("SET a 1"), ["3:a"])
    assert.deepStrictEqual(changedBy("SET a 1 NX"), [])
    assert.deepStrictEqual(changedBy("SET b 1 XX GET"), [])
    assert.deepStrictEqual(changedBy("GETEX a"), [])
    assert.deepStrictEqual(changedBy("GETEX a PERSIST"), [])
    assert.deepStrictEqual(changedBy("GETEX a EX 10"), ["3:a"])
    assert.deepStrictEqual(changedBy("GETEX a PERSIST"), ["3:a"])
    assert.deepStrictEqual(changedBy("SETNX a 1"), [])
    assert.deepStrictEqual(changedBy("INCR a"), ["3:a"])
    assert.deepStrictEqual(changedBy("SET a 1 PXAT 1"), ["3:a"])
    assert.deepStrictEqual(changedBy("SET a 1 PXAT 1"), [])
    assert.deepStrictEqual(changedBy("GETDEL a"), [])
  })

  it("counts what reads find, and not what writes do", () => {
    const redis = Redis.make()
    redis.line("SET a 1")
    redis.line("INCR a")
    redis.line("SETNX a 1")
    assert.deepInclude(redis.executor.stats(), { hits: 0, misses: 0 })
    for (const read of ["GET a", "STRLEN a", "GETEX a", "GETSET a 2", "SET a 1 GET", "MGET a a", "GETDEL a"])
      redis.line(read)
    assert.deepInclude(redis.executor.stats(), { hits: 8, misses: 0 })
    for (const read of ["GET a", "STRLEN a", "GETEX a", "GETDEL a", "MGET a a"]) redis.line(read)
    assert.deepInclude(redis.executor.stats(), { hits: 8, misses: 6 })
  })

  it("stores nothing of an MSET that has a value without room", () => {
    const redis = Redis.make({ maxMemory: 100_000 })
    const refusal = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    redis.line("SET old 1")
    assert.strictEqual(redis.ask("MSET", "a", 1, "old", 2, "b", "x".repeat(200_000), "c", 3), refusal)
    assert.strictEqual(redis.line("MGET a old b c"), `*4\r\n${NULL.repeat(4)}`)
    assert.strictEqual(redis.ask("SET", "a", "x".repeat(200_000), "GET"), refusal)
  })
})
