import { assert, describe, it } from "@effect/vitest"
import { seededRandom } from "../../src/domain/SeededRandom.ts"
import { entryBytes } from "../../src/engine/Engine.ts"
import * as Redis from "../commands/Redis.ts"

/** What should be said of a key, as an exact model knows it. Times are in ms. */
type Fate =
  | { readonly is: "there"; readonly deadline: number }
  | { readonly is: "deleted" | "expired"; readonly at: number }
  | { readonly is: "evicted"; readonly at: number; readonly usedAt: number }
  | { readonly is: "never put" }

const KEYS = 400
const MAX_KEYS = 100

/** The seconds in `evicted 12.3 s ago`. */
const seconds = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)

const near = (actual: number, millis: number, story: string): void =>
  assert.approximately(actual, millis / 1000, 0.11 + millis / 500_000, story)

describe("EXPLAIN", () => {
  it("is right in 1,000 random cases", () => {
    const next = seededRandom(14)
    const below = (bound: number): number => Math.floor(next() * bound)
    const redis = Redis.make({ maxKeys: MAX_KEYS })
    // In the order of use, the oldest first.
    const there = new Map<number, { deadline: number; usedAt: number }>()
    const fates = new Map<number, Fate>()
    const expire = (): void => {
      for (const [key, { deadline }] of there) {
        if (deadline > redis.now) continue
        there.delete(key)
        fates.set(key, { is: "expired", at: deadline })
      }
    }
    const seen = new Map<string, number>()
    let cases = 0
    while (cases < 1000) {
      redis.now += 10 * below(30)
      // As its server does, after each deadline.
      redis.engine.sweep(redis.now, 1_000_000)
      expire()
      const key = below(KEYS)
      const entry = there.get(key)
      const name = `key${key}`
      const action = below(10)
      if (action < 4) {
        const ttl = below(3) === 0 ? 10 * (1 + below(500)) : 0
        redis.ask("SET", name, "value", ...(ttl === 0 ? [] : ["PX", ttl]))
        there.delete(key)
        const [oldest] = there
        if (there.size === MAX_KEYS && oldest !== undefined) {
          there.delete(oldest[0])
          fates.set(oldest[0], { is: "evicted", at: redis.now, usedAt: oldest[1].usedAt })
        }
        there.set(key, { deadline: ttl === 0 ? Number.POSITIVE_INFINITY : redis.now + ttl, usedAt: redis.now })
      } else if (action < 6) {
        redis.ask("GET", name)
        if (entry !== undefined) {
          there.delete(key)
          there.set(key, { ...entry, usedAt: redis.now })
        }
      } else if (action === 6) {
        redis.ask("DEL", name)
        if (there.delete(key)) fates.set(key, { is: "deleted", at: redis.now })
      } else {
        const story = redis.ask("EXPLAIN", name)
        cases++
        if (entry !== undefined) {
          near(seconds(story, /hit, idle ([0-9.]+) s/), redis.now - entry.usedAt, story)
          if (entry.deadline === Number.POSITIVE_INFINITY) assert.include(story, ", never expires, ")
          else near(seconds(story, /expires in ([0-9.]+) s/), entry.deadline - redis.now, story)
          assert.include(story, `, ${entryBytes(name.length, 5, entry.deadline !== Number.POSITIVE_INFINITY)} bytes`)
          seen.set("hit", (seen.get("hit") ?? 0) + 1)
          continue
        }
        const fate = fates.get(key) ?? { is: "never put" as const }
        seen.set(fate.is, (seen.get(fate.is) ?? 0) + 1)
        assert.match(story, new RegExp(`^\\+miss: ${fate.is}`))
        if (fate.is === "never put" || fate.is === "there") continue
        // The clock of this test is below 100 s where minutes would begin.
        if (redis.now - fate.at < 99_000) near(seconds(story, / ([0-9.]+) s ago/), redis.now - fate.at, story)
        if (fate.is === "evicted") near(seconds(story, /idle ([0-9.]+) s before/), fate.at - fate.usedAt, story)
      }
    }
    for (const kind of ["hit", "deleted", "expired", "evicted", "never put"]) {
      assert.isAbove(seen.get(kind) ?? 0, 20, kind)
    }
  })

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
})
