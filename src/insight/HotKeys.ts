/**
 * The keys that are used most, of late, from a sample of their uses. Pure.
 *
 * It is Space-Saving (A. Metwally et al., "Efficient computation of frequent and top-k elements in data streams", ICDT
 * 2005): a key that has no counter takes over the smallest one, whose count is the error of its own. So a key with more
 * uses than one in `COUNTERS` always has one. Counts decay, halved each `HALF_LIFE`, so that what was hot is not for
 * ever.
 */
import type { HotKey } from "./Insight.ts"

const COUNTERS = 128

/** Counters are found by hash: in lists, of which there are so many, a power of two. */
const LISTS = 256
const NOTHING = -1

/** In bytes: what is kept of a key, which is known by its hash. */
const SHOWN = 256

/** In ms. */
const HALF_LIFE = 60_000
/** In ms: how often counts decay. */
const STEP = 1000

export class HotKeys {
  private readonly hashes = new Int32Array(COUNTERS)
  private readonly databases = new Uint8Array(COUNTERS)
  private readonly counts = new Float64Array(COUNTERS)
  private readonly errors = new Float64Array(COUNTERS)
  private readonly lengths = new Uint16Array(COUNTERS)
  private readonly keys = Buffer.alloc(COUNTERS * SHOWN)
  // By list its first counter, and by counter the next one of its list.
  private readonly first = new Int16Array(LISTS).fill(NOTHING)
  private readonly next = new Int16Array(COUNTERS).fill(NOTHING)
  private taken = 0
  private decayedAt = 0
  // No count is below this one; counters before `least` may be above it.
  private leastCount = 0
  private least = 0

  /** A key was used about `weight` times: `length` bytes from `start` on, with this hash. `now` is in ms. */
  add(hash: number, database: number, bytes: Buffer, start: number, length: number, weight: number, now: number): void {
    if (now >= this.decayedAt + STEP) this.decay(now)
    const list = hash & (LISTS - 1)
    for (let at = this.first[list]!; at !== NOTHING; at = this.next[at]!) {
      if (this.hashes[at] !== hash || this.databases[at] !== database) continue
      this.counts[at]! += weight
      return
    }
    const at = this.taken < COUNTERS ? this.taken++ : this.takeLeast()
    this.next[at] = this.first[list]!
    this.first[list] = at
    this.hashes[at] = hash
    this.databases[at] = database
    this.errors[at] = this.counts[at]!
    this.counts[at]! += weight
    this.lengths[at] = length
    // Most keys are so short that a call of \`copy\` would take longer.
    const to = at * SHOWN
    for (let byte = 0; byte < Math.min(length, SHOWN); byte++) this.keys[to + byte] = bytes[start + byte]!
  }

  /** The hottest first. Counts are uses in the last minute or so. */
  top(limit: number): ReadonlyArray<HotKey> {
    return Array.from({ length: this.taken }, (_, at) => at)
      .filter((at) => this.counts[at]! - this.errors[at]! >= 1)
      .toSorted((one, other) => this.counts[other]! - this.counts[one]!)
      .slice(0, limit)
      .map((at) => ({
        key: this.key(at),
        database: this.databases[at]!,
        // What decays by half in a minute adds up to the uses of a minute, divided by ln 2.
        count: Math.round(this.counts[at]! * Math.LN2),
        error: Math.round(this.errors[at]! * Math.LN2)
      }))
  }

  private key(at: number): string {
    const length = this.lengths[at]!
    const shown = this.keys.toString("latin1", at * SHOWN, at * SHOWN + Math.min(length, SHOWN))
    return length > SHOWN ? `${shown}...` : shown
  }

  /** Takes the smallest counter out of its list. Those that are as small are found one after the other. */
  private takeLeast(): number {
    const { counts, first, next } = this
    while (this.least < COUNTERS && counts[this.least]! > this.leastCount) this.least++
    if (this.least === COUNTERS) {
      this.leastCount = counts.reduce((least, count) => Math.min(least, count))
      this.least = counts.indexOf(this.leastCount)
    }
    const { least } = this
    const list = this.hashes[least]! & (LISTS - 1)
    if (first[list] === least) first[list] = next[least]!
    else {
      let before = first[list]!
      while (next[before] !== least) before = next[before]!
      next[before] = next[least]!
    }
    return least
  }

  private decay(now: number): void {
    const factor = 2 ** ((this.decayedAt - now) / HALF_LIFE)
    this.decayedAt = now
    // Rounded products keep the order of the counts.
    this.leastCount *= factor
    for (let at = 0; at < COUNTERS; at++) {
      this.counts[at]! *= factor
      this.errors[at]! *= factor
    }
  }
}
