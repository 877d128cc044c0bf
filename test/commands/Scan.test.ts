/** KEYS and SCAN, against replies of Redis 7.2 and the guarantee that its SCAN gives. */
import { assert, describe, it } from "@effect/vitest"
import { seededRandom } from "../../src/domain/SeededRandom.ts"
import * as Redis from "./Redis.ts"

const SYNTAX = "-ERR syntax error\r\n"
const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n"
const NO_CURSOR = "-ERR invalid cursor\r\n"
const NOTHING = "*2\r\n$1\r\n0\r\n*0\r\n"

/** The bulk strings of a reply, without those before `from`. */
const bulks = (reply: string, from = 0): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let at = reply.indexOf("$"); at !== -1 && at < reply.length;) {
    const newline = reply.indexOf("\r\n", at)
    const length = Number(reply.slice(at + 1, newline))
    found.push(reply.slice(newline + 2, newline + 2 + length))
    at = newline + 2 + length + 2
    // The keys of a SCAN begin behind the line that counts them.
    if (reply[at] === "*") at = reply.indexOf("\r\n", at) + 2
  }
  return found.slice(from)
}

interface Page {
  readonly cursor: string
  readonly keys: ReadonlyArray<string>
}

const scan = (redis: Redis.Redis, cursor: string, ...options: ReadonlyArray<string | number>): Page => {
  const reply = redis.ask("SCAN", cursor, ...options)
  const [next = "", ...keys] = bulks(reply)
  assert.strictEqual(reply.slice(0, 4), "*2\r\n", reply.slice(0, 50))
  assert.include(reply, `\r\n*${keys.length}\r\n`)
  return { cursor: next, keys }
}

/** Scans from the beginning to the end. */
const scanAll = (redis: Redis.Redis, ...options: ReadonlyArray<string | number>): ReadonlyArray<string> => {
  const found: Array<string> = []
  let cursor = "0"
  do {
    const page = scan(redis, cursor, ...options)
    found.push(...page.keys)
    cursor = page.cursor
  } while (cursor !== "0")
  return found
}

const sorted = (keys: Iterable<string>): ReadonlyArray<string> => [...keys].toSorted()

const fill = (redis: Redis.Redis, keys: ReadonlyArray<string>): void => {
  for (const key of keys) redis.ask("SET", key, "v")
}

const PATTERNS: ReadonlyArray<readonly [pattern: string, matching: ReadonlyArray<string>]> = [
  ["*", ["", "a", "ab", "abc", "a*c", "b", "\xff", "a\r\n"]],
  ["a*", ["a", "ab", "abc", "a*c", "a\r\n"]],
  ["a?", ["ab"]],
  ["?", ["a", "b", "\xff"]],
  ["a\\*c", ["a*c"]],
  ["a[*]c", ["a*c"]],
  ["[^a]*", ["b", "\xff"]],
  ["[\x80-\xff]", ["\xff"]],
  ["*c", ["abc", "a*c"]],
  ["*b*", ["ab", "abc", "b"]],
  ["a", ["a"]],
  ["none", []],
  ["", [""]],
  ["\\", []],
  ["[b-a]", ["a", "b"]],
  ["[ab", ["a", "b"]],
  ["A", []],
  ["k".repeat(70_000), []]
]

describe("KEYS", () => {
  for (const [pattern, matching] of PATTERNS) {
    it(`finds what matches ${JSON.stringify(pattern.slice(0, 20))}, and so does SCAN`, () => {
      const redis = Redis.make()
      fill(redis, ["", "a", "ab", "abc", "a*c", "b", "\xff", "a\r\n"])
      const reply = redis.ask("KEYS", pattern)
      assert.deepStrictEqual(sorted(bulks(reply)), sorted(matching))
      assert.strictEqual(reply.startsWith(`*${matching.length}\r\n`), true)
      assert.deepStrictEqual(sorted(scanAll(redis, "MATCH", pattern)), sorted(matching))
    })
  }

  it("finds what is there, in one database", () => {
    const redis = Redis.make()
    fill(redis, ["a", "gone"])
    redis.line("PEXPIRE gone 10")
    redis.line("PEXPIRE a 11")
    redis.database = 1
    fill(redis, ["b", "a"])
    redis.database = 0
    redis.now = 10
    assert.strictEqual(redis.ask("KEYS", "*"), "*1\r\n$1\r\na\r\n")
    assert.strictEqual(redis.ask("KEYS", "gone"), "*0\r\n")
    assert.strictEqual(redis.ask("KEYS", "b"), "*0\r\n")
    redis.database = 2
    assert.strictEqual(redis.ask("KEYS", "*"), "*0\r\n")
  })

  it("walks through an index of many segments", () => {
    const redis = Redis.make({ maxKeys: 50_000 })
    const keys = Array.from({ length: 20_000 }, (_, number) => `key:${number}`)
    fill(redis, keys)
    assert.deepStrictEqual(sorted(bulks(redis.ask("KEYS", "*"))), sorted(keys))
    assert.strictEqual(bulks(redis.ask("KEYS", "key:*500")).length, 20)
  })
})

describe("SCAN", () => {
  it("refuses what Redis refuses, in its order", () => {
    const redis = Redis.make()
    for (const [command, reply] of [
      ["SCAN x", NO_CURSOR],
      ["SCAN 1x", NO_CURSOR],
      ["SCAN 18446744073709551616", NO_CURSOR],
      ["SCAN x COUNT 0", NO_CURSOR],
      ["SCAN 0 COUNT", SYNTAX],
      ["SCAN 0 COUNT 0", SYNTAX],
      ["SCAN 0 COUNT -1", SYNTAX],
      ["SCAN 0 COUNT x", NOT_AN_INTEGER],
      ["SCAN 0 COUNT 1.5", NOT_AN_INTEGER],
      ["SCAN 0 MATCH", SYNTAX],
      ["SCAN 0 TYPE", SYNTAX],
      ["SCAN 0 FOO 1", SYNTAX],
      ["SCAN 0 COUNT 5 COUNT x", NOT_AN_INTEGER],
      ["SCAN", "-ERR wrong number of arguments for 'scan' command\r\n"]
    ] as const) {
      assert.strictEqual(redis.line(command), reply, command)
    }
  })

  it("takes any number of 64 bits for a cursor, as Redis does", () => {
    const redis = Redis.make()
    for (const cursor of ["", "0", "-0", "+0", "00", "18446744073709551615", "-18446744073709551615", "5"]) {
      assert.strictEqual(redis.ask("SCAN", cursor), NOTHING, cursor)
    }
  })

  it("finds keys of a type", () => {
    const redis = Redis.make()
    fill(redis, ["a", "b"])
    assert.deepStrictEqual(sorted(scanAll(redis, "TYPE", "String")), ["a", "b"])
    assert.deepStrictEqual(scanAll(redis, "TYPE", "hash"), [])
    assert.deepStrictEqual(scanAll(redis, "TYPE", "nonsense"), [])
  })

  it("leaves out what has expired", () => {
    const redis = Redis.make()
    fill(redis, ["a", "b"])
    redis.line("PEXPIRE a 10")
    redis.now = 10
    assert.deepStrictEqual(scanAll(redis), ["b"])
  })

  it("answers with about as many keys as COUNT says", () => {
    const redis = Redis.make({ maxKeys: 50_000 })
    const keys = Array.from({ length: 20_000 }, (_, number) => `key:${number}`)
    fill(redis, keys)
    for (const count of [1, 10, 100, 1000]) {
      let cursor = "0"
      for (let page = 0; page < 50; page++) {
        const { cursor: next, keys } = scan(redis, cursor, "COUNT", count)
        assert.isAtMost(keys.length, 4 * count + 10)
        cursor = next
      }
    }
    assert.deepStrictEqual(sorted(scanAll(redis, "COUNT", "9223372036854775807")), sorted(keys))
    assert.strictEqual(new Set(scanAll(redis)).size, keys.length)
  })

  it("comes to an end at once in an empty database, and soon in a small one, however large the others are", () => {
    const redis = Redis.make({ maxKeys: 50_000 })
    fill(
      redis,
      Array.from({ length: 20_000 }, (_, number) => `key:${number}`)
    )
    redis.database = 1
    assert.strictEqual(redis.ask("SCAN", "0"), NOTHING)
    fill(redis, ["a", "b"])
    let calls = 0
    let cursor = "0"
    const found: Array<string> = []
    do {
      const page = scan(redis, cursor)
      found.push(...page.keys)
      cursor = page.cursor
      calls++
    } while (cursor !== "0")
    assert.deepStrictEqual(sorted(found), ["a", "b"])
    assert.isBelow(calls, 20_000 / 50)
  })

  for (const seed of [1, 2]) {
    it(`returns what is there from the beginning to the end, whatever comes and goes (${seed})`, () => {
      const random = seededRandom(seed)
      const below = (bound: number): number => Math.floor(random() * bound)
      const redis = Redis.make({ maxKeys: 100_000 })
      const databases = [0, 3, 15]
      /** The keys of each database, each with its life, which is another one when it was gone in between. */
      const present = new Map(databases.map((database) => [database, new Map<string, { end: number }>()]))
      const keysOf = (database: number) => present.get(database) ?? new Map<string, { end: number }>()
      /** Those that come and go, with their database. */
      const passing: Array<readonly [database: number, key: string]> = []
      const isThere = (database: number, key: string): boolean => (keysOf(database).get(key)?.end ?? -1) > redis.now

      const insert = (): void => {
        const database = (redis.database = databases[below(3)] ?? 0)
        const keys = keysOf(database)
        const number = below(100_000)
        const key = `${database}:${number}`
        const stays = number % 40 === 7
        redis.ask("SET", key, "v")
        const life = (isThere(database, key) ? keys.get(key) : undefined) ?? { end: 0 }
        life.end = Number.POSITIVE_INFINITY
        keys.set(key, life)
        if (stays) return
        passing.push([database, key])
        if (below(10) > 0) return
        const millis = 1 + below(1000)
        redis.ask("PEXPIRE", key, millis)
        life.end = redis.now + millis
      }
      const remove = (): void => {
        const at = below(passing.length)
        const [database, key] = passing[at] ?? [0, ""]
        passing[at] = passing.at(-1) ?? [0, ""]
        passing.pop()
        redis.database = database
        const reply = isThere(database, key) ? ":1\r\n" : ":0\r\n"
        assert.strictEqual(redis.ask("DEL", key), reply)
        keysOf(database).delete(key)
      }

      let smallest = Number.POSITIVE_INFINITY
      let largest = 0
      for (let i = 0; i < 5000; i++) insert()
      for (let walk = 0; walk < 3; walk++) {
        const database = databases[walk] ?? 0
        const keys = keysOf(database)
        const atFirst = [...keys].filter(([key]) => isThere(database, key))
        const found = new Set<string>()
        let cursor = "0"
        let calls = 0
        do {
          redis.database = database
          const page = scan(redis, cursor, "COUNT", 100)
          const gone = page.keys.filter((key) => !isThere(database, key))
          assert.deepStrictEqual(gone, [], "what is not there is returned")
          for (const key of page.keys) found.add(key)
          cursor = page.cursor
          redis.now += below(20)
          // A walk begins among keys that become many times as many, and ends among those that become few again.
          const isGrowing = calls++ < 25
          for (let i = 0; i < 600; i++) {
            if (isGrowing || below(10) === 0) insert()
            else remove()
          }
          smallest = Math.min(smallest, redis.engine.size)
          largest = Math.max(largest, redis.engine.size)
        } while (cursor !== "0")
        const lost = atFirst.filter(([key, life]) => keys.get(key) === life && life.end > redis.now && !found.has(key))
        assert.deepStrictEqual(lost, [], `walk ${walk} of ${calls} calls`)
        assert.isAbove([...keys.keys()].filter((key) => found.has(key)).length, 50)
      }
      // The index has split and merged segments, which have up to 6,144 entries.
      assert.isAbove(largest, 15_000)
      assert.isBelow(smallest, 6000)
    })
  }
})
