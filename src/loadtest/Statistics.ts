/** Figures from histograms: recorded ns become the ms of a result. It records nothing: see `Histogram.ts`. */
import type { Histogram } from "./Histogram.ts"
import type { Bucket, Latency, Percentile } from "./LoadResult.ts"

const NANOS_PER_MILLI = 1e6

/** The smallest recorded value that this percentage of the values does not exceed, in ms. */
const valueAt = (histogram: Histogram, percentile: number): number =>
  // Rounded, because 99.9 % of 1000 is not exactly 999.
  histogram.atRank(Math.max(1, Math.ceil(Number(((percentile * histogram.count) / 100).toFixed(6))))) / NANOS_PER_MILLI

/** The figures of one histogram. All are 0 if nothing was recorded. */
export const toLatency = (histogram: Histogram): Latency => {
  const { count } = histogram
  if (count === 0) {
    return { count, min: 0, mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, p999: 0, p9999: 0, max: 0, stddev: 0 }
  }
  const at = (percentile: number) => valueAt(histogram, percentile)
  return {
    count,
    min: histogram.min / NANOS_PER_MILLI,
    mean: histogram.mean / NANOS_PER_MILLI,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max: histogram.max / NANOS_PER_MILLI,
    stddev: histogram.stddev / NANOS_PER_MILLI
  }
}

/** Points of the distribution, denser towards the end: each further nine has as many points. */
export const toPercentiles = (histogram: Histogram): ReadonlyArray<Percentile> => {
  if (histogram.count === 0) return []
  const points: Array<number> = []
  for (let percent = 1; percent < 90; percent++) points.push(percent)
  // The points end at the last request.
  for (let rest = 10; rest * histogram.count >= 100; rest /= 10) {
    for (let step = 10; step > 1; step--) points.push(100 - (rest * step) / 10)
  }
  points.push(100)
  return points.map((percentile) => ({
    percentile: Number(percentile.toFixed(9)),
    latency: valueAt(histogram, percentile)
  }))
}

const BUCKETS_PER_DECADE = 10

/** The histogram in buckets of equal width on a logarithmic scale, ten a decade, including empty ones. */
export const toBuckets = (histogram: Histogram): ReadonlyArray<Bucket> => {
  if (histogram.count === 0) return []
  const edge = (index: number) => 10 ** (index / BUCKETS_PER_DECADE)
  const indexOf = (nanos: number) => Math.floor(Math.log10(nanos / NANOS_PER_MILLI) * BUCKETS_PER_DECADE)
  const first = indexOf(histogram.min)
  const last = indexOf(histogram.max)
  const counts = Array.from({ length: last - first + 1 }, () => 0)
  // A bucket of the histogram is narrow enough to be counted at its middle.
  histogram.each((from, to, count) => {
    const index = Math.min(last, Math.max(first, indexOf((from + to - 1) / 2))) - first
    counts[index] = (counts[index] ?? 0) + count
  })
  return counts.map((count, index) => ({ from: edge(first + index), to: edge(first + index + 1), count }))
}
