/**
 * An exact model of a cache that is bounded by its number of keys: what became of each key, and what EXPLAIN should say of it.
 * Times are in ms.
 */
import { assert } from "@effect/vitest"
import { entryBytes } from "../../src/engine/Engine.ts"
import type { MissReason } from "../../src/insight/Insight.ts"

interface Held {
  readonly deadline: number
  readonly usedAt: number
  readonly bytes: number
}

type Fate =
  | { readonly is: "deleted" | "expired"; readonly at: number }
  /** Evictions are numbered. */
  | {
      readonly is: "evicted"
      readonly at: number
      readonly idle: number
      readonly number: number
      readonly bytes: number
    }

const SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400 }

/** A span of time in words, in s. */
const seconds = (words: string): number =>
  [...words.matchAll(/([0-9.]+) (s|min|h|d)\b/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (SECONDS[unit] ?? Number.NaN),
    0
  )

/** Spans are rounded down, to 0.1 s below 100 s; idle times of keys that are gone are kept to 0.2 %. */
const isSpan = (words: string, millis: number, story: string): void => {
  const actual = seconds(words)
  const exact = millis / 1000
  assert.isAtMost(actual, exact + 0.02, story)
  assert.isAtLeast(actual, exact * 0.998 - (exact < 100 ? 0.12 : 1.02), story)
}

/** The parts of a story that a pattern finds. */
const parts = (pattern: RegExp, story: string): ReadonlyArray<string> => {
  const [, ...found] = pattern.exec(story) ?? assert.fail(`'${story}' is not like ${pattern}`)
  return found
}

export class Fates {
  now = 0
  readonly misses: Record<MissReason, number> = { cold: 0, expired: 0, evicted: 0, deleted: 0 }
  readonly removals = { deleted: 0, expired: 0, evicted: 0 }
  /** How many stories of each kind were checked. */
  readonly told = new Map<string, number>()
  private readonly maxKeys: number
  // In the order of use, the oldest first.
  private readonly there = new Map<string, Held>()
  private readonly fates = new Map<string, Fate>()

  constructor(maxKeys: number) {
    this.maxKeys = maxKeys
  }

  wait(millis: number): void {
    this.now += millis
    for (const [key, { deadline }] of this.there)
      if (deadline <= this.now) this.gone(key, { is: "expired", at: deadline })
  }

  /** `ttl` is in ms. */
  put(key: string, value: string, ttl?: number): void {
    const [oldest] = this.there.keys()
    const isNew = !this.there.delete(key)
    if (isNew && this.there.size === this.maxKeys && oldest !== undefined) this.evict(oldest)
    this.there.set(key, {
      deadline: ttl === undefined ? Number.POSITIVE_INFINITY : this.now + ttl,
      usedAt: this.now,
      bytes: entryBytes(key.length, value.length, ttl !== undefined)
    })
  }

  /** Whether it is there. */
  read(key: string): boolean {
    const held = this.there.get(key)
    if (held === undefined) {
      this.misses[this.fates.get(key)?.is ?? "cold"]++
      return false
    }
    this.there.delete(key)
    this.there.set(key, { ...held, usedAt: this.now })
    return true
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    if (!this.there.has(key)) return false
    this.gone(key, { is: "deleted", at: this.now })
    return true
  }

  /** Checks what is said of a key. */
  check(key: string, story: string): void {
    const held = this.there.get(key)
    const fate = this.fates.get(key)
    const kind = held === undefined ? (fate?.is ?? "never put") : "hit"
    this.told.set(kind, (this.told.get(kind) ?? 0) + 1)
    if (held !== undefined) {
      const [idle = "", end = "", bytes] = parts(/^hit, idle ([^,]+), ([^,]+), (\d+) bytes$/, story)
      isSpan(idle, this.now - held.usedAt, story)
      if (held.deadline === Number.POSITIVE_INFINITY) assert.strictEqual(end, "never expires", story)
      else {
        assert.match(end, /^expires in /)
        isSpan(end, held.deadline - this.now, story)
      }
      assert.strictEqual(Number(bytes), held.bytes, story)
    } else if (fate === undefined) assert.match(story, /^miss: never put \(since \d\d:\d\d:\d\d UTC\)$/)
    else if (fate.is === "evicted") {
      const [ago = "", idle = "", more] = parts(
        /^miss: evicted (.+) ago, idle (.+) before; ([0-9,]+) % more memory would have kept it$/,
        story
      )
      isSpan(ago, this.now - fate.at, story)
      isSpan(idle, fate.idle, story)
      assert.approximately(Number(more?.replaceAll(",", "")), this.lacking(fate), 2, story)
    } else {
      const [is, ago = ""] = parts(/^miss: (deleted|expired) (.+) ago$/, story)
      assert.strictEqual(is, fate.is, story)
      isSpan(ago, this.now - fate.at, story)
    }
  }

  /** How much more memory would have kept a key, in %: all that was evicted since and has stayed away, and itself. */
  private lacking({ number }: Fate & { readonly is: "evicted" }): number {
    let gone = 0
    for (const [key, fate] of this.fates) {
      if (fate.is === "evicted" && fate.number >= number && !this.there.has(key)) gone += fate.bytes
    }
    const used = [...this.there.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    const memory = (used / this.there.size) * this.maxKeys
    return Math.max(1, (100 * (used + gone - memory)) / memory)
  }

  private evict(key: string): void {
    const { bytes, usedAt } = this.there.get(key) ?? assert.fail(`${key} is not there`)
    this.gone(key, {
      is: "evicted",
      at: this.now,
      idle: this.now - usedAt,
      number: this.removals.evicted,
      bytes
    })
  }

  private gone(key: string, fate: Fate): void {
    this.there.delete(key)
    this.fates.set(key, fate)
    this.removals[fate.is]++
  }
}
