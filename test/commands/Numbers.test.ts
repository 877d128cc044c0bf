/** Commands that count, against replies of Redis 7.2. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"

const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n"
const OVERFLOW = "-ERR increment or decrement would overflow\r\n"

/** A value or nothing, a command, its reply, and the value after it. */
const cases: ReadonlyArray<readonly [string | undefined, string, string, string | undefined]> = [
  [undefined, "INCR k", ":1\r\n", "1"],
  [undefined, "DECR k", ":-1\r\n", "-1"],
  [undefined, "INCRBY k 0", ":0\r\n", "0"],
  [undefined, "DECRBY k 0", ":0\r\n", "0"],
  [undefined, "INCRBY k 9223372036854775807", ":9223372036854775807\r\n", "9223372036854775807"],
  [undefined, "INCRBY k -9223372036854775808", ":-9223372036854775808\r\n", "-9223372036854775808"],
  ["-1", "INCR k", ":0\r\n", "0"],
  ["99", "INCR k", ":100\r\n", "100"],
  ["-99", "DECR k", ":-100\r\n", "-100"],
  ["9007199254740990", "INCR k", ":9007199254740991\r\n", "9007199254740991"],
  ["9007199254740991", "INCR k", ":9007199254740992\r\n", "9007199254740992"],
  ["9007199254740993", "INCR k", ":9007199254740994\r\n", "9007199254740994"],
  ["9007199254740993", "DECRBY k 9007199254740993", ":0\r\n", "0"],
  ["9223372036854775806", "INCR k", ":9223372036854775807\r\n", "9223372036854775807"],
  ["9223372036854775807", "INCR k", OVERFLOW, "9223372036854775807"],
  ["-9223372036854775808", "DECR k", OVERFLOW, "-9223372036854775808"],
  ["-9223372036854775808", "INCRBY k 9223372036854775807", ":-1\r\n", "-1"],
  ["1", "DECRBY k -9223372036854775808", "-ERR decrement would overflow\r\n", "1"],
  ["1", "DECRBY k -9223372036854775807", OVERFLOW, "1"],
  ["9223372036854775808", "INCR k", NOT_AN_INTEGER, "9223372036854775808"],
  ["", "INCR k", NOT_AN_INTEGER, ""],
  ["01", "INCR k", NOT_AN_INTEGER, "01"],
  ["-0", "INCR k", NOT_AN_INTEGER, "-0"],
  ["-", "INCR k", NOT_AN_INTEGER, "-"],
  ["+1", "INCR k", NOT_AN_INTEGER, "+1"],
  ["1a", "INCR k", NOT_AN_INTEGER, "1a"],
  ["000000000000000000000000000001", "INCR k", NOT_AN_INTEGER, "000000000000000000000000000001"],
  ["1", "INCRBY k x", NOT_AN_INTEGER, "1"],
  ["1", "DECRBY k 1.0", NOT_AN_INTEGER, "1"]
]

describe("Numbers", () => {
  for (const [before, command, reply, after] of cases) {
    it(`${command} with ${before ?? "nothing"} there`, () => {
      const redis = Redis.make()
      if (before !== undefined) redis.ask("SET", "k", before)
      assert.strictEqual(redis.line(command), reply)
      assert.strictEqual(redis.line("GET k"), after === undefined ? "$-1\r\n" : `$${after.length}\r\n${after}\r\n`)
    })
  }
})
