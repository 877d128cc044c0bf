/**
 * The quality of a result: the five metrics of a load test, each against a target and a minimum, and the verdict.
 *
 * This module judges figures and does not say how far they can be trusted: see `Findings.ts`. It does not know what the
 * user demanded with `--assert`: see `Assertion.ts`.
 */
import * as Format from "../chart/Format.ts"
import type { LoadResult } from "./LoadResult.ts"

/** A bound and whether the figure meets it. */
export interface Mark {
  /** For example `< 1 ms`. */
  readonly bound: string
  readonly met: boolean
}

export interface Line {
  readonly metric: "requests/second" | "mean latency" | "p99 latency" | "error rate" | "hit rate"
  /** The figure, or why there is none. It has enough decimals to lie visibly on the right side of both bounds. */
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

/** Why a closed loop could not reach the target of the mean latency. Present only if that target was missed. */
export interface Note {
  readonly reason: string
  /** The flags of the run that measures latency below saturation. */
  readonly flags: string
}

/** The bounds: requests per second, ms, shares from 0 to 1. */
const TARGETS = { throughput: 10_000, mean: 1, p99: 5, errorRate: 0, hitRate: 0.99 } as const
const MINIMA = { throughput: 5000, mean: 10, p99: 20, errorRate: 0, hitRate: 0.99 } as const

/** An open loop that reached this share of its rate kept its schedule. The rest is lost at the start and the end. */
const SCHEDULE_KEPT = 0.99

/** Whether an open loop kept the rate that was asked for. True for a closed loop, which has no schedule. */
export const keptSchedule = ({ requests_per_second, settings }: LoadResult): boolean =>
  settings.rate === null || requests_per_second >= SCHEDULE_KEPT * settings.rate

/**
 * The throughput that is judged, in requests per second. In an open loop the schedule sets the measured throughput, not
 * the server. It cannot exceed the rate, so it could never exceed a target that equals the rate. Therefore a rate that
 * was kept counts itself.
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
  // Without answers the latencies are 0, which says nothing about the server.
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
  // A run of PUTs alone cannot miss. A run whose GETs all failed is different: it showed no hit.
  const exempt = get_count === 0 && total_requests > 0
  const figure = measured ? Format.percent(hit_rate, [TARGETS.hitRate]) : get_count === 0 ? "no GETs" : "no answers"
  return {
    metric: "hit rate",
    figure,
    target: { bound: "> 99 %", met: exempt || (measured && hit_rate > TARGETS.hitRate) },
    minimum: { bound: "≥ 99 %", met: exempt || (measured && hit_rate >= MINIMA.hitRate) }
  }
}

/** Rounds down to two digits, as a person would: 8,731 to 8,700. */
const roundDown = (value: number): number => {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1)
  return Math.max(1, Math.floor(value / unit) * unit)
}

/** A rate below saturation: the target's rate, unless that is too close to the server's capacity. */
const rateBelowSaturation = (capacity: number): number =>
  0.8 * capacity >= TARGETS.throughput ? TARGETS.throughput : roundDown(0.8 * capacity)

/** In s. A shorter run measures its own start more than the server. */
const SHORT = 3

/** Whether the settings made the run too short to be believed. A run that ended early does not count as short. */
export const isShort = ({ ended, total_duration_seconds }: LoadResult): boolean =>
  ended === "complete" && total_duration_seconds < SHORT

/** The flag for a run that is long enough. */
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
    // If the run was short, its warning already asks for a longer one.
    flags: `--rate ${rateBelowSaturation(requests_per_second)}${isShort(result) ? "" : ` ${LONG_ENOUGH}`}`
  }
}

const verdictOf = (lines: ReadonlyArray<Line>, { ended }: LoadResult): Verdict => {
  // A lost server fails, however good the figures were until then.
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

/** The words between a note's reason and its flags. */
export const NOTE_REMEDY = "To measure latency below saturation, run it with"

const metricsThatFail = (lines: ReadonlyArray<Line>, column: "target" | "minimum"): string =>
  lines
    .filter((line) => !line[column].met)
    .map((line) => line.metric)
    .join(", ")

/** The verdict as a sentence that names the missed bounds. */
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
