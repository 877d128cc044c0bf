/**
 * What a result is worth: the five metrics of a load test, each against a target and a minimum, and the verdict.
 *
 * It judges figures and says nothing about how far they can be trusted: see `Findings.ts`. What a user asks for with
 * `--assert` is another matter: see `Assertion.ts`.
 */
import * as Format from "./Format.ts"
import type { LoadResult } from "./LoadResult.ts"

/** A bound and whether the figure keeps it. */
export interface Mark {
  /** As in `< 1 ms`. */
  readonly bound: string
  readonly met: boolean
}

export interface Line {
  readonly metric: "requests/second" | "mean latency" | "p99 latency" | "error rate" | "hit rate"
  /** The figure, or why there is none. Written so that it lies visibly on the right side of both bounds. */
  readonly figure: string
  readonly target: Mark
  readonly minimum: Mark
}

export type Verdict = "targets met" | "minimum met" | "below minimum"

export interface Assessment {
  readonly lines: ReadonlyArray<Line>
  readonly verdict: Verdict
  readonly note: Note | undefined
}

/** Why the mean target is out of reach in a closed loop, where that is what failed. */
export interface Note {
  readonly reason: string
  /** The flags of the run that measures latency below saturation. */
  readonly flags: string
}

/** The bounds: requests per second, ms, shares from 0 to 1. */
const TARGETS = { throughput: 10_000, mean: 1, p99: 5, errorRate: 0, hitRate: 0.99 } as const
const MINIMA = { throughput: 5000, mean: 10, p99: 20, errorRate: 0, hitRate: 0.99 } as const

/** An open loop that answered so much of what it was asked for has kept its schedule: the rest is its two ends. */
const SCHEDULE_KEPT = 0.99

/** Whether an open loop kept the rate that it was asked for. True for a closed loop, which has no schedule. */
export const keptSchedule = ({ requests_per_second, settings }: LoadResult): boolean =>
  settings.rate === null || requests_per_second >= SCHEDULE_KEPT * settings.rate

/**
 * Requests per second as they are judged. In an open loop they are the schedule's, not the server's: they cannot exceed
 * the rate, and so could never be above a target that the rate equals. There, a bound is met by a rate that reaches it
 * and was kept.
 */
export const judgedThroughput = (result: LoadResult): number => {
  const { requests_per_second: measured, settings } = result
  return settings.rate !== null && keptSchedule(result) ? Math.max(settings.rate, measured) : measured
}

const throughput = (result: LoadResult): Line => {
  const { requests_per_second: measured, settings } = result
  if (settings.rate === null) {
    return {
      metric: "requests/second",
      figure: Format.rate(measured, [TARGETS.throughput, MINIMA.throughput]),
      target: { bound: `> ${Format.count(TARGETS.throughput)}`, met: measured > TARGETS.throughput },
      minimum: { bound: `≥ ${Format.count(MINIMA.throughput)}`, met: measured >= MINIMA.throughput }
    }
  }
  const offered = judgedThroughput(result)
  const mark = (bound: number): Mark => ({ bound: `≥ ${Format.count(bound)}`, met: offered >= bound })
  return {
    metric: "requests/second",
    figure: `${Format.rate(measured)} (rate ${Format.rate(settings.rate)})`,
    target: mark(TARGETS.throughput),
    minimum: mark(MINIMA.throughput)
  }
}

const latency = (result: LoadResult, metric: "mean latency" | "p99 latency", bound: "mean" | "p99"): Line => {
  const value = result.latency.all[bound]
  // A run without an answer has latencies of 0, which are no latencies.
  const measured = result.latency.all.count > 0
  return {
    metric,
    figure: measured ? Format.millis(value, [TARGETS[bound], MINIMA[bound]]) : "no answers",
    target: { bound: `< ${TARGETS[bound]} ms`, met: measured && value < TARGETS[bound] },
    minimum: { bound: `≤ ${MINIMA[bound]} ms`, met: measured && value <= MINIMA[bound] }
  }
}

const errorRate = ({ error_rate, total_requests }: LoadResult): Line => {
  const met = total_requests > 0 && error_rate === 0
  return {
    metric: "error rate",
    figure: total_requests > 0 ? Format.percent(error_rate, [0]) : "no requests",
    target: { bound: "0 %", met },
    minimum: { bound: "0 %", met }
  }
}

const hitRate = ({ cache_hits, cache_misses, get_count, hit_rate, total_requests }: LoadResult): Line => {
  const measured = cache_hits + cache_misses > 0
  // A run of PUTs alone misses nothing. A run whose GETs all failed is another thing: it has shown no hit.
  const exempt = get_count === 0 && total_requests > 0
  const figure = measured ? Format.percent(hit_rate, [TARGETS.hitRate]) : get_count === 0 ? "no GETs" : "no answers"
  return {
    metric: "hit rate",
    figure,
    target: { bound: "> 99 %", met: exempt || (measured && hit_rate > TARGETS.hitRate) },
    minimum: { bound: "≥ 99 %", met: exempt || (measured && hit_rate >= MINIMA.hitRate) }
  }
}

/** Down to two digits that a person would choose: 8,731 to 8,700. */
const roundDown = (value: number): number => {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1)
  return Math.max(1, Math.floor(value / unit) * unit)
}

/** A rate below saturation: the target's, unless that is near to all that the server can do. */
const rateBelowSaturation = (capacity: number): number =>
  0.8 * capacity >= TARGETS.throughput ? TARGETS.throughput : roundDown(0.8 * capacity)

/** s: below this a run says more of its start than of the server. */
const SHORT = 3

/** Whether a run was too short to be believed, by its own settings: not because it was broken off. */
export const isShort = ({ ended, total_duration_seconds }: LoadResult): boolean =>
  ended === "complete" && total_duration_seconds < SHORT

/** The flag that makes a run long enough. */
export const LONG_ENOUGH = "--duration 10s"

const closedLoopNote = (result: LoadResult): Note => {
  const { connections, requests_per_second, settings } = result
  const inFlight = connections * settings.pipeline
  const senders =
    settings.pipeline === 1
      ? Format.plural(connections, "connection")
      : `${Format.plural(connections, "connection")} of ${settings.pipeline} requests in flight`
  const needed = Format.count((inFlight * 1000) / TARGETS.mean)
  return {
    reason:
      `In a closed loop the mean latency is connections × pipeline / throughput: ${senders} can meet ` +
      `${TARGETS.mean} ms only above ${needed} requests/s.`,
    // A short run is told to be longer anyway, once.
    flags: `--rate ${rateBelowSaturation(requests_per_second)}${isShort(result) ? "" : ` ${LONG_ENOUGH}`}`
  }
}

const verdictOf = (lines: ReadonlyArray<Line>, { ended }: LoadResult): Verdict => {
  // However good the figures were until then.
  if (ended === "server lost") return "below minimum"
  if (lines.every((line) => line.target.met)) return "targets met"
  return lines.every((line) => line.minimum.met) ? "minimum met" : "below minimum"
}

/** Judges a result. */
export const assess = (result: LoadResult): Assessment => {
  const mean = latency(result, "mean latency", "mean")
  const lines = [throughput(result), mean, latency(result, "p99 latency", "p99"), errorRate(result), hitRate(result)]
  const outOfReach = result.loop === "closed" && result.latency.all.count > 0 && !mean.target.met
  return { lines, verdict: verdictOf(lines, result), note: outOfReach ? closedLoopNote(result) : undefined }
}

/** What comes between a note's reason and its flags. */
export const NOTE_REMEDY = "To measure latency below saturation, run it with"

const metricsThatFail = (lines: ReadonlyArray<Line>, column: "target" | "minimum"): string =>
  lines
    .filter((line) => !line[column].met)
    .map((line) => line.metric)
    .join(", ")

/** The verdict as a sentence that names what was missed. */
export const verdictText = ({ lines, verdict }: Assessment): string => {
  switch (verdict) {
    case "targets met":
      return "All five targets met"
    case "minimum met":
      return `Minimum met, target missed: ${metricsThatFail(lines, "target")}`
    case "below minimum": {
      const missed = metricsThatFail(lines, "minimum")
      return missed === "" ? "Below the minimum: the server was lost" : `Below the minimum: ${missed}`
    }
  }
}
