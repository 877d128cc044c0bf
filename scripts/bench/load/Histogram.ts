/**
 * Latencies, counted in buckets that are 0.1 % wide. Pure.
 *
 * Recording takes a few integer operations, because every cost of the load generator lowers what it can measure.
 */

/** Units per ms. A latency is held in steps of 0.1 microseconds, up to seven minutes. */
const UNITS = 10_000
const MAX_UNITS = 2 ** 32 - 1

/** Each value below 2^11 has a bucket of its own. Above that, each doubling has 2^10 buckets. */
const LINEAR_BITS = 11
const STEPS = 2 ** (LINEAR_BITS - 1)

export class Histogram {
  private readonly buckets = new Float64Array((34 - LINEAR_BITS) * STEPS)
  /** How many latencies were recorded. */
  count = 0
  /** The longest latency, in ms. */
  max = 0

  /** Records a latency in ms, `times` times. */
  record(latency: number, times: number): void {
    const index = toIndex(Math.min(MAX_UNITS, Math.max(0, Math.round(latency * UNITS))))
    this.buckets[index] = (this.buckets[index] ?? 0) + times
    this.count += times
    if (latency > this.max) this.max = latency
  }

  /** The latency, in ms, that a `share` (0 to 1) of all latencies do not exceed. 0 if there are none. */
  percentile(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.count))
    let seen = 0
    for (const [index, times] of this.buckets.entries()) {
      seen += times
      if (seen >= wanted) return Math.min(this.max, toUnits(index) / UNITS)
    }
    return this.max
  }

  clear(): void {
    this.buckets.fill(0)
    this.count = 0
    this.max = 0
  }
}

const toIndex = (units: number): number => {
  const shift = Math.max(0, 32 - LINEAR_BITS - Math.clz32(units))
  return shift * STEPS + (units >>> shift)
}

/** The largest value of a bucket. */
const toUnits = (index: number): number => {
  const shift = Math.max(0, Math.floor(index / STEPS) - 1)
  return (index - shift * STEPS + 1) * 2 ** shift - 1
}
