/** Commands that give a value to another key, and those of whole databases, against replies of Redis 7.2. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"

const OK = "+OK\r\n"
const NULL = "$-1\r\n"
const ZERO = ":0\r\n"
const ONE = ":1\r\n"
const SYNTAX = "-ERR syntax error\r\n"
const NO_KEY = "-ERR no such key\r\n"
const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n"
const NOT_AN_INT = "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"
const NO_DATABASE = "-ERR DB index is out of range\r\n"
const SAME = "-ERR source and destination objects are the same\r\n"
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

const check = (redis: Redis.Redis, steps: ReadonlyArray<readonly [command: string, reply: string]>): void => {
  for (const [command, reply] of steps) assert.strictEqual(redis.line(command), reply, command)
}

/** A value that the engine keeps in its entry, and one that it keeps apart. */
const VALUES = ["v", "v".repeat(100_000)]

describe("moves", () => {
  for (const value of VALUES) {
    it(`RENAME takes value and deadline along (${value.length} bytes)`, () => {
      const redis = Redis.make()
      redis.ask("SET", "a", value, "PX", 500)
      redis.ask("SET", "b", "other")
      redis.changed()
      check(redis, [
        ["RENAME a b", OK],
        ["GET b", bulk(value)],
        ["PTTL b", ":500\r\n"],
        ["EXISTS a", ZERO],
        ["RENAME b b", OK],
        ["RENAME a b", NO_KEY],
        ["RENAME a a", NO_KEY]
      ])
      assert.deepStrictEqual(redis.changed(), ["0:a", "0:b"])
      redis.now = 500
      check(redis, [["EXISTS b", ZERO]])
    })

    it(`RENAMENX replaces nothing (${value.length} bytes)`, () => {
      const redis = Redis.make()
      redis.ask("SET", "a", value)
      redis.ask("SET", "b", "other", "PX", 5)
      redis.changed()
      check(redis, [
        ["RENAMENX a b", ZERO],
        ["RENAMENX a a", ZERO],
        ["RENAMENX c a", NO_KEY],
        ["RENAMENX a c", ONE],
        ["GET c", bulk(value)]
      ])
      assert.deepStrictEqual(redis.changed(), ["0:a", "0:c"])
      redis.now = 5
      check(redis, [
        ["RENAMENX c b", ONE],
        ["PTTL b", ":-1\r\n"]
      ])
    })

    it(`COPY leaves what it copies (${value.length} bytes)`, () => {
      const redis = Redis.make()
      redis.ask("SET", "a", value, "PX", 500)
      redis.changed()
      check(redis, [
        ["COPY a b", ONE],
        ["COPY a b", ZERO],
        ["COPY none b REPLACE", ZERO],
        ["PTTL b", ":500\r\n"],
        ["SET b !", OK],
        ["GET a", bulk(value)],
        ["COPY a b replace", ONE],
        ["GET b", bulk(value)],
        ["COPY a a DB 3", ONE],
        ["COPY a a DB 3", ZERO],
        ["COPY a a DB 3 REPLACE", ONE],
        ["COPY a a", SAME],
        ["COPY none none DB 0", SAME]
      ])
      assert.deepStrictEqual(redis.changed(), ["0:b", "0:b", "0:b", "3:a", "3:a"])
      redis.database = 3
      check(redis, [
        ["GET a", bulk(value)],
        ["PTTL a", ":500\r\n"]
      ])
    })

    it(`MOVE takes a key to another database (${value.length} bytes)`, () => {
      const redis = Redis.make()
      redis.ask("SET", "a", value, "PX", 500)
      redis.changed()
      check(redis, [
        ["MOVE a 1", ONE],
        ["MOVE a 1", ZERO],
        ["EXISTS a", ZERO],
        ["SET a here", OK],
        ["MOVE a 1", ZERO],
        ["MOVE a 0", SAME],
        ["MOVE none 0", SAME],
        ["GET a", bulk("here")]
      ])
      assert.deepStrictEqual(redis.changed(), ["0:a", "1:a", "0:a"])
      redis.database = 1
      check(redis, [
        ["GET a", bulk(value)],
        ["PTTL a", ":500\r\n"]
      ])
    })
  }

  it("refuses databases that there are not, and what is no option", () => {
    const redis = Redis.make()
    check(redis, [
      ["MOVE a x", NOT_AN_INTEGER],
      ["MOVE a 16", NO_DATABASE],
      ["MOVE a -1", NO_DATABASE],
      ["MOVE a 2147483648", NOT_AN_INT],
      ["COPY a b DB x", NOT_AN_INTEGER],
      ["COPY a b DB 16", NO_DATABASE],
      ["COPY a b DB -2147483649", NOT_AN_INT],
      ["COPY a b DB", SYNTAX],
      ["COPY a b FOO", SYNTAX],
      ["COPY a b DB 1 FOO", SYNTAX],
      ["SWAPDB x y", "-ERR invalid first DB index\r\n"],
      ["SWAPDB 2147483648 0", "-ERR invalid first DB index\r\n"],
      ["SWAPDB 0 y", "-ERR invalid second DB index\r\n"],
      ["SWAPDB 0 16", NO_DATABASE],
      ["SWAPDB -1 0", NO_DATABASE]
    ])
  })

  it("says that there is no room for a copy, and changes nothing", () => {
    const redis = Redis.make({ maxMemory: 150_000 })
    redis.ask("SET", "a", "v".repeat(100_000))
    redis.changed()
    assert.match(redis.line("COPY a b"), /^-OOM /)
    check(redis, [["RENAME a c", OK]])
    assert.deepStrictEqual(redis.changed(), ["0:a", "0:c"])
  })
})

describe("databases", () => {
  it("are counted, cleared and exchanged", () => {
    const redis = Redis.make()
    redis.ask("MSET", "a", 1, "b", 2)
    redis.database = 1
    redis.ask("SET", "c", 3)
    redis.changed()
    check(redis, [
      ["DBSIZE", ONE],
      ["SWAPDB 0 1", OK],
      ["DBSIZE", ":2\r\n"],
      ["GET a", bulk("1")],
      ["SWAPDB 1 1", OK],
      ["FLUSHDB", OK],
      ["DBSIZE", ZERO]
    ])
    assert.deepStrictEqual(redis.changed(), ["0:*", "1:*", "1:*"])
    redis.database = 0
    check(redis, [
      ["GET c", bulk("3")],
      ["FLUSHALL", OK],
      ["DBSIZE", ZERO]
    ])
    assert.deepStrictEqual(redis.changed(), ["undefined:*"])
  })

  it("are cleared in one way, whatever the word", () => {
    for (const name of ["FLUSHDB", "FLUSHALL"]) {
      for (const option of ["SYNC", "async"]) {
        const redis = Redis.make()
        redis.ask("SET", "a", 1)
        check(redis, [
          [`${name} NOW`, SYNTAX],
          [`${name} ${option} ${option}`, SYNTAX],
          ["EXISTS a", ONE],
          [`${name} ${option}`, OK],
          ["EXISTS a", ZERO]
        ])
      }
    }
  })

  it("RANDOMKEY shows each of the keys, and none of those that have expired or are elsewhere", () => {
    const redis = Redis.make()
    check(redis, [["RANDOMKEY", NULL]])
    redis.ask("SET", "gone", 1, "PX", 5)
    for (const key of ["a", "b", "c"]) redis.ask("SET", key, 1)
    redis.database = 1
    redis.ask("SET", "d", 1)
    redis.database = 0
    redis.now = 5
    const shown = new Set(Array.from({ length: 200 }, () => redis.line("RANDOMKEY")))
    assert.deepStrictEqual([...shown].toSorted(), [bulk("a"), bulk("b"), bulk("c")])
  })

  it("have no replicas to wait for", () => {
    check(Redis.make(), [
      ["WAIT 0 0", ZERO],
      ["WAIT 3 100", ZERO],
      ["WAIT x y", NOT_AN_INTEGER],
      ["WAIT 0 y", "-ERR timeout is not an integer or out of range\r\n"],
      ["WAIT 0 -1", "-ERR timeout is negative\r\n"]
    ])
  })
})
