/**
 * Compares two runs: which figures differ by more than the runs themselves vary, and whether they got better or worse.
 * It prints nothing: see `Report.ts`.
 */
import * as Findings from "./Findings.ts"
import * as Format from "../chart/Format.ts"
import type { Latency, LoadResult, Slice } from "./LoadResult.ts"

export type Word = "better" | "worse" | "no difference" | "too short"

/** One figure of two runs. */
export interface Row {
  readonly name: string
  /** As text, or `undefined` if a run did not measure it. */
  readonly a: string | undefined
  readonly b: string | undefined
  /** The second divided by the first, or `undefined` if there is no ratio. */
  readonly ratio: number | undefined
  /** The share by which the two may differ by chance. `undefined` if it is unknown or not a share. */
  readonly noise: number | undefined
  /** `undefined` if there is nothing to compare. */
  readonly word: Word | undefined
}

export interface Comparison {
  readonly rows: ReadonlyArray<Row>
  /**
   * Why the latencies of the two runs mean different things and so are not compared. `undefined` if they are compared.
   */
  readonly incomparable: string | undefined
  /** The figures of `--fail-if-worse` that are worse, or better, in the second run. */
  readonly worse: ReadonlyArray<string>
  readonly better: ReadonlyArray<string>
}

/** How much a figure varies within a run, as a share of the figure. `undefined` if the run was too short to tell. */
type Spread = (result: LoadResult) => number | undefined

interface Metric {
  readonly name: string
  readonly better: "higher" | "lower"
  readonly read: (result: LoadResult) => number | undefined
  readonly format: (value: number) => string
  /**
   * How much the figure varies. `"rate"` marks a share of requests, whose noise follows from the number of requests.
   */
  readonly noise: Spread | "rate"
  /**
   * Whether `--fail-if-worse` looks at it. Extremes do not count: they differ from run to run whatever the server does.
   */
  readonly isDecisive: boolean
}

/**
 * A run is cut into parts of equal length to see how much it varies. The second number is the fewest parts that tell.
 */
const PARTS = 10
const FEWEST_PARTS = 5

/**
 * Two runs of the same thing differ at least this much, however steady each was, because the machine's state differs.
 */
const LEAST_NOISE = 0.05

/** With fewer answers a tenth of the run has no p99, so that how much it varies says nothing. */
const FEWEST_ANSWERS = 1000

const partsOf = (slices: ReadonlyArray<Slice>): ReadonlyArray<ReadonlyArray<Slice>> => {
  const size = Math.max(1, Math.floor(slices.length / PARTS))
  // The rest at the end is shorter than a part, and so more extreme.
  const count = Math.min(PARTS, Math.floor(slices.length / size))
  return Array.from({ length: count }, (_, part) => slices.slice(part * size, (part + 1) * size))
}

const sum = <A>(items: ReadonlyArray<A>, read: (item: A) => number): number =>
  items.reduce((total, item) => total + read(item), 0)

/** The standard deviation of a figure over the parts of a run, as a share of its mean. */
const spreadOf =
  (read: (part: ReadonlyArray<Slice>) => number): Spread =>
  ({ latency, slices, total_duration_seconds }) => {
    if (latency.all.count < FEWEST_ANSWERS) return undefined
    // The end of the run cuts the last slice short.
    const whole = slices.filter(({ from, length }) => from + length <= total_duration_seconds + 1e-9)
    const parts = partsOf(whole).filter((part) => part.some(({ requests }) => requests > 0))
    if (parts.length < FEWEST_PARTS) return undefined
    const values = parts.map(read)
    const mean = sum(values, (value) => value) / values.length
    const variance = sum(values, (value) => (value - mean) ** 2) / (values.length - 1)
    return mean === 0 ? 0 : Math.sqrt(variance) / mean
  }

/** A latency of a part: the mean of its slices, weighted by their requests. */
const weighted = (read: (slice: Slice) => number): Spread =>
  spreadOf((part) => sum(part, (slice) => read(slice) * slice.requests) / sum(part, ({ requests }) => requests))

const throughputSpread = spreadOf((part) => sum(part, ({ requests }) => requests) / sum(part, ({ length }) => length))
const meanSpread = weighted(({ mean }) => mean)
const medianSpread = weighted(({ p50 }) => p50)
const p99Spread = weighted(({ p99 }) => p99)
const maxSpread = spreadOf((part) => part.reduce((max, slice) => Math.max(max, slice.max), 0))

const SPREADS: { readonly [K in (typeof Findings.LATENCIES)[number][0]]: Spread } = {
  min: medianSpread,
  mean: meanSpread,
  p50: medianSpread,
  p90: p99Spread,
  p95: p99Spread,
  p99: p99Spread,
  p999: maxSpread,
  p9999: maxSpread,
  max: maxSpread,
  stddev: maxSpread
}

const DECISIVE: ReadonlySet<string> = new Set(["mean", "p50", "p99"])

const latencyMetric = (
  name: string,
  read: (result: LoadResult) => readonly [Latency, number],
  noise: Spread,
  isDecisive = false
): Metric => ({
  name,
  better: "lower",
  read: (result) => {
    const [{ count }, value] = read(result)
    return count === 0 ? undefined : value
  },
  format: Format.millis,
  noise,
  isDecisive
})

const METRICS: ReadonlyArray<Metric> = [
  {
    name: "requests/second",
    better: "higher",
    read: (result) => result.requests_per_second,
    format: Format.rate,
    noise: throughputSpread,
    isDecisive: true
  },
  ...Findings.LATENCIES.map(([name, label]) =>
    latencyMetric(`latency ${label}`, ({ latency: { all } }) => [all, all[name]], SPREADS[name], DECISIVE.has(name))
  ),
  latencyMetric("service time mean", ({ service_time }) => [service_time, service_time.mean], meanSpread),
  latencyMetric("service time p99", ({ service_time }) => [service_time, service_time.p99], p99Spread),
  latencyMetric("PUT mean", ({ latency: { put } }) => [put, put.mean], meanSpread),
  latencyMetric("PUT p99", ({ latency: { put } }) => [put, put.p99], p99Spread),
  latencyMetric("GET mean", ({ latency: { get } }) => [get, get.mean], meanSpread),
  latencyMetric("GET p99", ({ latency: { get } }) => [get, get.p99], p99Spread),
  {
    name: "error rate",
    better: "lower",
    read: (result) => (result.total_requests === 0 ? undefined : result.error_rate),
    format: Format.percent,
    noise: "rate",
    isDecisive: true
  },
  {
    name: "hit rate",
    better: "higher",
    read: (result) => (result.cache_hits + result.cache_misses === 0 ? undefined : result.hit_rate),
    format: Format.percent,
    noise: "rate",
    isDecisive: true
  }
]

/** The share by which two figures differ, whichever is larger. */
const differenceOf = (a: number, b: number): number => {
  const [small, large] = [Math.min(a, b), Math.max(a, b)]
  return small === 0 ? (large === 0 ? 0 : Number.POSITIVE_INFINITY) : large / small - 1
}

/** Two standard deviations of the difference between two shares, if the true shares were equal. */
const rateNoise = (a: number, b: number, countA: number, countB: number): number => {
  const pooled = (a * countA + b * countB) / Math.max(1, countA + countB)
  return 2 * Math.sqrt(pooled * (1 - pooled) * (1 / Math.max(1, countA) + 1 / Math.max(1, countB)))
}

const noiseOf = (spread: Spread, a: LoadResult, b: LoadResult): number | undefined => {
  const [first, second] = [spread(a), spread(b)]
  return first === undefined || second === undefined ? undefined : Math.max(LEAST_NOISE, Math.hypot(first, second))
}

const wordOf = (metric: Metric, first: number, second: number, isDifferent: boolean): Word => {
  if (!isDifferent) return "no difference"
  return (metric.better === "higher" ? second > first : second < first) ? "better" : "worse"
}

/** A row whose figures are not compared. */
const apart = ({ format, name, read }: Metric, a: LoadResult, b: LoadResult): Row => {
  const text = (value: number | undefined) => (value === undefined ? undefined : format(value))
  return { name, a: text(read(a)), b: text(read(b)), ratio: undefined, noise: undefined, word: undefined }
}

const rowOf = (metric: Metric, a: LoadResult, b: LoadResult): Row => {
  const row = apart(metric, a, b)
  const [first, second] = [metric.read(a), metric.read(b)]
  if (first === undefined || second === undefined) return row
  // A change from 0 has no ratio, but it is still better or worse.
  const ratio = first === 0 ? undefined : second / first
  if (metric.noise === "rate") {
    const isDifferent = Math.abs(first - second) > rateNoise(first, second, a.total_requests, b.total_requests)
    return { ...row, ratio, word: wordOf(metric, first, second, isDifferent) }
  }
  const noise = noiseOf(metric.noise, a, b)
  if (noise === undefined) return { ...row, ratio, word: "too short" }
  return { ...row, ratio, noise, word: wordOf(metric, first, second, differenceOf(first, second) > noise) }
}

const namesOf = (rows: ReadonlyArray<Row>, word: Word): ReadonlyArray<string> =>
  rows
    .filter((row) => row.word === word && METRICS.some(({ isDecisive, name }) => isDecisive && name === row.name))
    .map(({ name }) => name)

/** Compares the second run with the first. */
export const compare = (a: LoadResult, b: LoadResult): Comparison => {
  if (a.loop === b.loop) {
    const rows = METRICS.map((metric) => rowOf(metric, a, b))
    return { rows, incomparable: undefined, worse: namesOf(rows, "worse"), better: namesOf(rows, "better") }
  }
  return {
    rows: METRICS.map((metric) => apart(metric, a, b)),
    incomparable:
      `the first run is ${a.loop === "open" ? "an open" : "a closed"} loop, the second ` +
      `${b.loop === "open" ? "an open" : "a closed"} one: the throughput of an open loop is its schedule's, and its ` +
      "latency counts from the schedule",
    worse: [],
    better: []
  }
}
