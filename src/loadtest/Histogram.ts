/**
 * A histogram of times, exact to 0.1 %. A recording is an addition in an array of numbers and takes a few nanoseconds.
 *
 * The buckets are those of HDR histograms (G. Tene, hdrhistogram.org): each power of two has 1,024 of equal width.
 * Node's own histogram has the same buckets. But each of its recordings is a call out of JavaScript, and it cannot be
 * filled with counts. This module does not compute the figures of a result: see `Statistics.ts`.
 */

/** The buckets of each power of two, and the bits that they take. */
const BUCKETS = 1024
const BUCKET_BITS = 10

/** The longest time that is distinguished from longer ones, in ns: ten minutes. The shortest is 1 ns. */
const HIGHEST = 600 * 1e9

/** Bit operations work below this number. */
const TWO_TO_32 = 2 ** 32

/** The bucket of a whole number of ns from 1 to `HIGHEST`. */
const placeOf = (nanos: number): number => {
  if (nanos >= TWO_TO_32) return placeOf(Math.floor(nanos / BUCKETS)) + BUCKET_BITS * BUCKETS
  const shift = Math.max(0, 31 - BUCKET_BITS - Math.clz32(nanos))
  return shift * BUCKETS + (nanos >>> shift)
}

/** The smallest number in a bucket. */
const lowestOf = (place: number): number => {
  const shift = Math.max(0, Math.floor(place / BUCKETS) - 1)
  return (place - shift * BUCKETS) * 2 ** shift
}

const PLACES = placeOf(HIGHEST) + 1

/**
 * The content of a histogram as plain data, to be kept or sent to another thread. With few buckets in use it is small.
 */
export interface HistogramData {
  /** The buckets in use, ascending, and the count of each. */
  readonly places: Int32Array
  readonly counts: Float64Array
  /** In ns, over everything that was recorded. */
  readonly min: number
  readonly max: number
  readonly sum: number
}

export class Histogram {
  /** The number of recorded times. */
  count = 0
  /** In ns; 0 if nothing was recorded. */
  max = 0
  private least = Number.POSITIVE_INFINITY
  private sum = 0
  private readonly counts = new Float64Array(PLACES)

  /** Records a time in ns. A time outside the range counts as the nearest one within it. */
  record(nanos: number): void {
    const time = Math.min(HIGHEST, Math.max(1, Math.round(nanos)))
    const place = placeOf(time)
    this.counts[place] = (this.counts[place] ?? 0) + 1
    this.count++
    this.sum += time
    if (time > this.max) this.max = time
    if (time < this.least) this.least = time
  }

  /** Adds everything that another histogram has recorded. */
  add({ counts, max, min, places, sum }: HistogramData): void {
    places.forEach((place, index) => {
      const count = counts[index] ?? 0
      this.counts[place] = (this.counts[place] ?? 0) + count
      this.count += count
    })
    this.sum += sum
    if (places.length === 0) return
    this.max = Math.max(this.max, max)
    this.least = Math.min(this.least, min)
  }

  /** Forgets everything. */
  clear(): void {
    if (this.count > 0) this.counts.fill(0, placeOf(this.least), placeOf(this.max) + 1)
    this.count = this.max = this.sum = 0
    this.least = Number.POSITIVE_INFINITY
  }

  /** In ns; 0 if nothing was recorded. */
  get min(): number {
    return this.count === 0 ? 0 : this.least
  }

  /** In ns, exact; 0 if nothing was recorded. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count
  }

  /** In ns; 0 if nothing was recorded. */
  get stddev(): number {
    if (this.count === 0) return 0
    const { mean } = this
    let squares = 0
    this.each((from, to, count) => (squares += count * ((from + to - 1) / 2 - mean) ** 2))
    return Math.sqrt(squares / this.count)
  }

  /**
   * The smallest time that at least `rank` recorded times do not exceed, in ns. It is the largest number of its bucket.
   */
  atRank(rank: number): number {
    let passed = 0
    for (let place = placeOf(Math.max(1, this.min)); place < PLACES; place++) {
      passed += this.counts[place] ?? 0
      if (passed >= rank) return Math.min(this.max, lowestOf(place + 1) - 1)
    }
    return this.max
  }

  /** Visits the buckets in use in ascending order, each from `from` (ns, inclusive) to `to` (ns, exclusive). */
  each(visit: (from: number, to: number, count: number) => void): void {
    if (this.count === 0) return
    const last = placeOf(this.max)
    for (let place = placeOf(this.least); place <= last; place++) {
      const count = this.counts[place] ?? 0
      if (count > 0) visit(lowestOf(place), lowestOf(place + 1), count)
    }
  }

  /** A copy of what has been recorded so far. */
  get data(): HistogramData {
    const places: Array<number> = []
    const counts: Array<number> = []
    this.each((from, _to, count) => {
      places.push(placeOf(from))
      counts.push(count)
    })
    return {
      places: Int32Array.from(places),
      counts: Float64Array.from(counts),
      min: this.min,
      max: this.max,
      sum: this.sum
    }
  }
}

/** One histogram of everything that the parts have recorded. */
export const merge = (parts: ReadonlyArray<HistogramData>): Histogram => {
  const merged = new Histogram()
  for (const part of parts) merged.add(part)
  return merged
}
