/** LCS: what two values have in common. */
import { assert, describe, it } from "@effect/vitest"
import * as Redis from "./Redis.ts"
import * as Steps from "./Steps.ts"

const cases: Readonly<Record<string, Steps.Steps>> = {
  LCS: [
    ["SET a ohmytext", "+OK\r\n"],
    ["SET b mynewtext", "+OK\r\n"],
    ["LCS a b", "$6\r\nmytext\r\n"],
    ["LCS a b LEN", ":6\r\n"],
    [
      "LCS a b IDX",
      "*4\r\n$7\r\nmatches\r\n*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n"
    ],
    [
      "LCS a b IDX MINMATCHLEN 4",
      "*4\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n$3\r\nlen\r\n:6\r\n"
    ],
    [
      "LCS a b idx minmatchlen 4 withmatchlen",
      "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n"
    ],
    ["LCS a b MINMATCHLEN -5", "$6\r\nmytext\r\n"],
    ["LCS a b LEN WITHMATCHLEN", ":6\r\n"]
  ],
  "without anything in common": [
    ["SET a abc", "+OK\r\n"],
    ["LCS a none", "$0\r\n\r\n"],
    ["LCS a none LEN", ":0\r\n"],
    ["LCS none none IDX", "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n"],
    ["SET b xyz", "+OK\r\n"],
    ["LCS a b IDX", "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n"],
    ["LCS a b", "$0\r\n\r\n"]
  ],
  errors: [
    ["LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX.\r\n"],
    ["LCS a b FOO", "-ERR syntax error\r\n"],
    ["LCS a b MINMATCHLEN", "-ERR syntax error\r\n"],
    ["LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range\r\n"]
  ]
}

describe("LCS", () => {
  Steps.each(cases)

  it("is a map in RESP3", () => {
    const redis = Redis.make({ version: 3 })
    redis.line("MSET a xab b yab")
    assert.strictEqual(
      redis.line("LCS a b IDX"),
      "%2\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:1\r\n:2\r\n*2\r\n:1\r\n:2\r\n$3\r\nlen\r\n:2\r\n"
    )
  })

  it("refuses values that would take too long, as Redis does", () => {
    const redis = Redis.make()
    redis.ask("MSET", "a", "x".repeat(20_000), "b", "y".repeat(20_000))
    assert.strictEqual(
      redis.line("LCS a b"),
      "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n"
    )
  })
})
