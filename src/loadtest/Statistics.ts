/** Figures from HDR histograms: the recorded ns become the ms of a result. Pure but for Node's histogram type. */
import type { Histogram } from "node:perf_hooks"
import type { Bucket, Latency, Percentile } from "./LoadResult.ts"

const NANOS_PER_MILLI = 1e6

/**
 * The smallest recorded value that so many per cent are not above, in ms. Node's histogram rounds to the nearest rank,
 * which may be the one below, and so too good.
 */
const valueAt = (histogram: Histogram, percentile: number): number => {
  // Rounded, since 99.9 % of 1000 is not quite 999.
  const rank = Math.max(1, Math.ceil(Number(((percentile * histogram.count) / 100).toFixed(6))))
  return histogram.percentile((100 * rank) / histogram.count) / NANOS_PER_MILLI
}

/** The figures of one histogram; all zero where nothing was recorded. */
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

/** Points of the distribution, denser towards the end: each nine has as many as the one before it. */
export const toPercentiles = (histogram: Histogram): ReadonlyArray<Percentile> => {
  if (histogram.count === 0) return []
  const points: Array<number> = []
  for (let percent = 1; percent < 90; percent++) points.push(percent)
  // Beyond the last request there is nothing to tell apart.
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

/** The histogram in buckets that are equally wide on a logarithmic scale, ten a decade; empty ones included. */
export const toBuckets = (histogram: Histogram): ReadonlyArray<Bucket> => {
  const { count } = histogram
  if (count === 0) return []
  const edge = (index: number) => 10 ** (index / BUCKETS_PER_DECADE)
  const first = Math.floor(Math.log10(histogram.min / NANOS_PER_MILLI) * BUCKETS_PER_DECADE)
  const last = Math.floor(Math.log10(histogram.max / NANOS_PER_MILLI) * BUCKETS_PER_DECADE)
  const buckets: Array<Bucket> = []
  let below = 0
  for (let index = first; index <= last; index++) {
    const upTo = index === last ? count : countBelow(histogram, edge(index + 1) * NANOS_PER_MILLI)
    buckets.push({ from: edge(index), to: edge(index + 1), count: upTo - below })
    below = upTo
  }
  return buckets
}

/** How many of the recorded values are below `value`: Node's histogram tells values by rank, not ranks by value. */
const countBelow = (histogram: Histogram, value: number): number => {
  let low = 0
  let high = histogram.count
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (histogram.percentile((100 * middle) / histogram.count) < value) low = middle
    else high = middle - 1
  }
  return low
}
