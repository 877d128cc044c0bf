import { assert, describe, it } from "@effect/vitest"
import { BigKeys } from "../../src/insight/BigKeys.ts"
import { entryBytes } from "../../src/engine/Engine.ts"
import * as Redis from "../commands/Redis.ts"
import { seededRandom } from "../engine/SeededRandom.ts"

/** As many as are kept. */
const KEPT = 64

const EVERYTHING = 1_000_000

const value = (length: number): string => "v".repeat(length)

describe("big keys", () => {
  it("are those that take most memory, the biggest first, whatever the order of the walk", () => {
    const random = seededRandom(67)
    const redis = Redis.make()
    const lengths = new Map<string, number>()
    for (let key = 0; key < 3000; key++) lengths.set(`key${key}`, 1 + random.below(20_000))
    for (const [key, length] of lengths) redis.ask("SET", key, value(length))
    const big = new BigKeys(redis.engine)
    assert.deepStrictEqual(big.top(10, 0), [])
    for (let walked = 0; walked < 6000; walked += 100) big.walk(100)
    const exact = [...lengths]
      .map(([key, length]) => ({ key, database: 0, bytes: entryBytes(key.length, length, false) }))
      .toSorted((one, other) => other.bytes - one.bytes)
    const found = big.top(KEPT, 0)
    assert.deepStrictEqual(
      found.map(({ bytes }) => bytes),
      exact.slice(0, KEPT).map(({ bytes }) => bytes)
    )
    // Those with the same size may be in any order.
    for (const { bytes, database, key } of found) {
      assert.deepStrictEqual([database, bytes], [0, entryBytes(key.length, lengths.get(key) ?? 0, false)])
    }
  })

  it("are as they are now: deleted ones and expired ones are not shown, and others with what they take", () => {
    const redis = Redis.make()
    redis.ask("SET", "deleted", value(5000))
    redis.ask("SET", "expiring", value(4000), "PX", 100)
    redis.ask("SET", "shrunk", value(3000))
    redis.ask("SET", "small", value(100))
    const big = new BigKeys(redis.engine)
    big.walk(EVERYTHING)
    assert.deepStrictEqual(
      big.top(10, 0).map(({ key }) => key),
      ["deleted", "expiring", "shrunk", "small"]
    )
    redis.ask("DEL", "deleted")
    redis.ask("SET", "shrunk", value(10))
    redis.now = 100
    assert.deepStrictEqual(big.top(10, 100), [
      { key: "small", database: 0, bytes: entryBytes(5, 100, false) },
      { key: "shrunk", database: 0, bytes: entryBytes(6, 10, false) }
    ])
  })

  it("are found anew by each walk, so that what has grown is found, and what has shrunk gives way", () => {
    const redis = Redis.make()
    for (let key = 0; key < 2 * KEPT; key++) redis.ask("SET", `big${key}`, value(1000 + key))
    redis.ask("SET", "grown", value(1))
    const big = new BigKeys(redis.engine)
    big.walk(EVERYTHING)
    assert.notInclude(
      big.top(KEPT, 0).map(({ key }) => key),
      "grown"
    )
    redis.ask("SET", "grown", value(9000))
    for (let key = 0; key < 2 * KEPT; key++) redis.ask("SET", `big${key}`, value(10))
    redis.ask("SET", "other", value(500))
    // What the last walk has found is looked at until a whole one has passed.
    for (let walk = 0; walk < 3; walk++) big.walk(EVERYTHING)
    assert.deepStrictEqual(
      big.top(2, 0).map(({ key }) => key),
      ["grown", "other"]
    )
  })

  it("are told apart by their database, and have any bytes", () => {
    const redis = Redis.make()
    const key = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("latin1")
    redis.ask("SET", key, value(500))
    redis.database = 7
    redis.ask("SET", key, value(900))
    const big = new BigKeys(redis.engine)
    big.walk(EVERYTHING)
    assert.deepStrictEqual(big.top(10, 0), [
      { key, database: 7, bytes: entryBytes(256, 900, false) },
      { key, database: 0, bytes: entryBytes(256, 500, false) }
    ])
  })
})
