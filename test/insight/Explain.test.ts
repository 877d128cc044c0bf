import { assert, describe, it } from "@effect/vitest"
import * as Redis from "../commands/Redis.ts"

describe("EXPLAIN", () => {
  it("tells how much more memory would have kept a key", () => {
    const redis = Redis.make({ maxKeys: 100 })
    for (let key = 0; key < 150; key++) redis.ask("SET", `key${key + 100}`, "value")
    // Of all keys, 51 to 150 are there: key 40 (from 1) would have been kept with 11 more.
    assert.match(redis.ask("EXPLAIN", "key139"), /^\+miss: evicted .*; 11 % more memory would have kept it\r\n$/)
    // One that has come back is there already.
    redis.ask("SET", "key149", "value")
    assert.match(redis.ask("EXPLAIN", "key139"), /; 11 % more memory would have kept it\r\n$/)
  })

  it("knows a flush, and counts misses by their reasons, but is none itself", () => {
    const redis = Redis.make({ maxKeys: 2 })
    redis.line("SET deleted v")
    redis.line("DEL deleted")
    redis.line("SET expired v PX 10")
    redis.now = 20
    for (const key of ["evicted", "a", "b"]) redis.line(`SET ${key} v`)
    redis.line("EXPLAIN nothing")
    for (const key of ["cold", "deleted", "expired", "evicted", "a"]) redis.line(`GET ${key}`)
    redis.line("MGET cold evicted")
    assert.deepStrictEqual(redis.executor.insight.misses(), { cold: 2, deleted: 1, expired: 1, evicted: 2 })
    redis.line("FLUSH")
    redis.now = 3020
    assert.strictEqual(redis.line("EXPLAIN evicted"), "+miss: flushed 3 s ago, or never put\r\n")
    redis.line("SET a v")
    redis.line("DEL a")
    assert.strictEqual(redis.line("EXPLAIN a"), "+miss: deleted 0 s ago\r\n")
  })

  it("counts from the flush of a database, however long nothing was used before it", () => {
    const redis = Redis.make({ maxKeys: 2 })
    redis.line("SET a v")
    redis.now = 60_000
    redis.line("FLUSHDB")
    redis.now = 63_000
    assert.strictEqual(redis.line("EXPLAIN a"), "+miss: flushed 3 s ago, or never put\r\n")
  })

  it("counts each of hundreds of misses at one moment by its reason, and of thousands so many that the sum is theirs", () => {
    const redis = Redis.make({ maxKeys: 2000 })
    for (let key = 0; key < 300; key++) redis.line(`SET key${key} v PX 10`)
    redis.now = 20
    for (let key = 0; key < 500; key++) redis.line(`GET key${key}`)
    const counted = { cold: 200, deleted: 0, expired: 300, evicted: 0 }
    assert.deepStrictEqual(redis.executor.insight.misses(), counted)
    for (let key = 0; key < 5000; key++) redis.line(`GET ${key % 2 === 0 ? "nothing" : "key7"}`)
    const { cold, expired } = redis.executor.insight.misses()
    assert.strictEqual(cold + expired, 5500)
    assert.approximately(cold, 2700, 500)
  })
})
