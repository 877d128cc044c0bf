/**
 * Results of load tests that never ran, for the tests of the reports. Every figure is computed naively from a list of
 * latencies, so that a result is as consistent as a real one.
 */
import { seededRandom } from "../../src/domain/SeededRandom.ts"
import type { Bucket, Latency, LoadResult, Percentile, Second, Slice } from "../../src/loadtest/LoadResult.ts"

/** Latencies in ms as real servers have them: most near the median, with a long tail. */
export const latencies = (count: number, median = 0.4, seed = 1): Array<number> => {
  const next = seededRandom(seed)
  return Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
    const tail = next() < 0.004 ? 4 + 12 * next() : 1
    return median * Math.exp(0.35 * normal) * tail
  })
}

const ascending = (values: ReadonlyArray<number>): Array<number> => values.toSorted((a, b) => a - b)

/** The smallest value that this percentage of all values does not exceed. */
const percentileOf = (sorted: ReadonlyArray<number>, percentile: number): number =>
  // Rounded, because 99.9 % of 1000 is not exactly 999.
  sorted[Math.max(0, Math.ceil(Number(((percentile * sorted.length) / 100).toFixed(6))) - 1)] ?? 0

export const latencyOf = (values: ReadonlyArray<number>): Latency => {
  const sorted = ascending(values)
  const count = sorted.length
  const sum = sorted.reduce((total, value) => total + value, 0)
  const mean = count === 0 ? 0 : sum / count
  const variance = count === 0 ? 0 : sorted.reduce((total, value) => total + (value - mean) ** 2, 0) / count
  return {
    count,
    min: sorted[0] ?? 0,
    mean,
    p50: percentileOf(sorted, 50),
    p90: percentileOf(sorted, 90),
    p95: percentileOf(sorted, 95),
    p99: percentileOf(sorted, 99),
    p999: percentileOf(sorted, 99.9),
    p9999: percentileOf(sorted, 99.99),
    max: sorted.at(-1) ?? 0,
    stddev: Math.sqrt(variance)
  }
}

const percentilesOf = (sorted: ReadonlyArray<number>): Array<Percentile> => {
  if (sorted.length === 0) return []
  const points = Array.from({ length: 89 }, (_, index) => index + 1)
  for (let rest = 10; rest * sorted.length >= 100; rest /= 10) {
    for (let step = 10; step > 1; step--) points.push(100 - (rest * step) / 10)
  }
  return [...points, 100].map((percentile) => ({ percentile, latency: percentileOf(sorted, percentile) }))
}

/** Ten buckets a decade, including empty ones. */
const histogramOf = (sorted: ReadonlyArray<number>): Array<Bucket> => {
  const placeOf = (value: number) => Math.floor(Math.log10(Math.max(value, 0.000_001)) * 10)
  const first = placeOf(sorted[0] ?? 1)
  const last = placeOf(sorted.at(-1) ?? 1)
  const buckets = Array.from({ length: sorted.length === 0 ? 0 : last - first + 1 }, (_, index) => ({
    from: 10 ** ((first + index) / 10),
    to: 10 ** ((first + index + 1) / 10),
    count: 0
  }))
  for (const value of sorted) {
    const bucket = buckets[placeOf(value) - first]
    if (bucket !== undefined) bucket.count++
  }
  return buckets
}

const SLICES = 25

/** The course of the run, in slices of equal length. */
const slicesOf = (values: ReadonlyArray<number>, errors: number, duration: number): Array<Slice> =>
  Array.from({ length: SLICES }, (_, index) => {
    const each = values.length / SLICES
    const own = latencyOf(values.slice(Math.round(index * each), Math.round((index + 1) * each)))
    const { count: requests, max, mean, p50, p99 } = own
    const length = duration / SLICES
    return { from: index * length, length, requests, errors: index === 0 ? errors : 0, mean, p50, p99, max }
  })

const secondsOf = (values: ReadonlyArray<number>, errors: number, duration: number): Array<Second> => {
  const length = Math.max(1, Math.ceil(duration))
  const each = duration > 0 ? values.length / duration : values.length
  return Array.from({ length }, (_, second) => {
    const own = latencyOf(values.slice(Math.round(second * each), Math.round((second + 1) * each)))
    const { count: requests, max, mean, p50, p99 } = own
    return { second, requests, errors: second === 0 ? errors : 0, mean, p50, p99, max }
  })
}

export interface Options {
  /** Latencies in ms of the successful requests, in order. Every other request is a PUT. */
  readonly values: ReadonlyArray<number>
  readonly errors?: Record<string, number>
  readonly misses?: number
  readonly connections?: number
  readonly pipeline?: number
  /** Requests per second. Absent for a closed loop. */
  readonly rate?: number
  /** In seconds. The default follows from Little's law for a closed loop. */
  readonly duration?: number
}

/** A result whose figures agree with each other. */
export const resultOf = (options: Options): LoadResult => {
  const { connections = 100, errors = {}, misses = 0, pipeline = 1, rate = null, values } = options
  const sorted = ascending(values)
  const all = latencyOf(values)
  const puts = values.filter((_, index) => index % 2 === 0)
  const gets = values.filter((_, index) => index % 2 === 1)
  const failed = Object.values(errors).reduce((total, count) => total + count, 0)
  const failedPuts = Math.ceil(failed / 2)
  const total = values.length + failed
  const closedLoop = (all.mean * all.count) / 1000 / (connections * pipeline)
  const duration = options.duration ?? (rate === null ? closedLoop : total / rate)
  return {
    host: "localhost",
    port: 7171,
    connections,
    requests_per_connection: rate === null ? Math.ceil(total / connections) : null,
    put_ratio: 0.5,
    start_time: "2026-03-01T12:00:00.000Z",
    end_time: "2026-03-01T12:00:10.000Z",
    total_duration_seconds: duration,
    total_requests: total,
    successful_requests: values.length,
    failed_requests: failed,
    put_count: puts.length + failedPuts,
    get_count: gets.length + failed - failedPuts,
    put_success: puts.length,
    get_success: gets.length,
    cache_hits: gets.length - misses,
    cache_misses: misses,
    hit_rate: gets.length === 0 ? 1 : (gets.length - misses) / gets.length,
    latency_min: all.min,
    latency_max: all.max,
    latency_mean: all.mean,
    latency_median: all.p50,
    latency_p95: all.p95,
    latency_p99: all.p99,
    latency_p999: all.p999,
    latency_stddev: all.stddev,
    requests_per_second: duration === 0 ? 0 : values.length / duration,
    error_rate: total === 0 ? 0 : failed / total,
    errors,
    error_messages: [],
    loop: rate === null ? "closed" : "open",
    ended: "complete",
    latency: { all, put: latencyOf(puts), get: latencyOf(gets) },
    service_time: all,
    percentiles: percentilesOf(sorted),
    histogram: histogramOf(sorted),
    seconds: total === 0 ? [] : secondsOf(values, failed, duration),
    slices: total === 0 || duration === 0 ? [] : slicesOf(values, failed, duration),
    seed: 42,
    settings: {
      pipeline,
      duration_seconds: rate === null ? null : duration,
      rate,
      warmup_seconds: 0.25,
      keys: null,
      distribution: "uniform",
      zipf_exponent: 0.99,
      key_size: 16,
      value_size: 64,
      ttl_seconds: 0,
      timeout_seconds: 5,
      threads: 1
    },
    generator: {
      event_loop_utilization: 0.42,
      polling: 0,
      event_loop_delay_p99: 1.2,
      cpu: 0.6,
      schedule_lag_mean: 0,
      schedule_lag_p99: 0,
      schedule_lag_max: 0,
      unsent: 0
    },
    versions: { kv_cache: "0.1.0", node: "v22.1.0" },
    machine: { cpu: "Example CPU @ 3.00GHz", cores: 4, platform: "linux x64" }
  }
}

const good = resultOf({ values: latencies(40_000), rate: 10_000 })

/** An open loop that meets every target: 10,000 requests/s for four seconds. */
export const goodResult = (): LoadResult => good

const closed = resultOf({ values: latencies(120_000, 2.4), connections: 100 })

/** A closed loop of 100 connections that meets the minimum but no latency target. */
export const closedResult = (): LoadResult => closed

/** A run without a single answer. */
export const emptyResult = (): LoadResult => ({ ...resultOf({ values: [] }), requests_per_connection: 1000 })
