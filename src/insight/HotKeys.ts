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
  private decayedAt = 0

  /** A key was used about `weight` times: `length` bytes from `start` on, with this hash. `now` is in ms. */
  add(hash: number, database: number, bytes: Buffer, start: number, length: number, weight: number, now: number): void {
    if (now >= this.decayedAt + STEP) this.decay(now)
    let at = 0
    let least = 0
    while (at < COUNTERS && (this.hashes[at] !== hash || this.databases[at] !== database || this.counts[at] === 0)) {
      if (this.counts[at]! < this.counts[least]!) least = at
      at++
    }
    if (at < COUNTERS) {
      this.counts[at]! += weight
      return
    }
    this.hashes[least] = hash
    this.databases[least] = database
    this.errors[least] = this.counts[least]!
    this.counts[least]! += weight
    this.lengths[least] = length
    bytes.copy(this.keys, least * SHOWN, start, start + Math.min(length, SHOWN))
  }

  /** The hottest first. Counts are uses in the last minute or so. */
  top(limit: number): ReadonlyArray<HotKey> {
    return Array.from({ length: COUNTERS }, (_, at) => at)
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

  private decay(now: number): void {
    const factor = 2 ** ((this.decayedAt - now) / HALF_LIFE)
    this.decayedAt = now
    for (let at = 0; at < COUNTERS; at++) {
      this.counts[at]! *= factor
      this.errors[at]! *= factor
    }
  }
}
