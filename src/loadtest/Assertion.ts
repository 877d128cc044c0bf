/**
 * The demands on a run that a user makes with `--assert`: `p99<5ms`, `rps>10000`, `error_rate=0`, `hit_rate>99%`.
 *
 * This module reads such a text and checks it against a result. It neither prints nor exits: see
 * `cli/LoadTestCommand.ts`.
 */
import * as Result from "effect/Result"
import { judgedThroughput, keptSchedule } from "./Assessment.ts"
import * as Format from "../chart/Format.ts"
import type { Latency, LoadResult } from "./LoadResult.ts"

/** The kind of a figure. It decides which units the bound may have. */
type Kind = "latency" | "rate" | "count"

interface Metric {
  readonly kind: Kind
  /** The figure, or `undefined` if the run did not measure it. */
  readonly read: (result: LoadResult) => number | undefined
  /** The figure that a lower bound is compared with, if it is not the measured one. */
  readonly judged?: (result: LoadResult) => number
}

export type Operator = "<" | "<=" | ">" | ">=" | "="

export interface Assertion {
  /** As the user wrote it. */
  readonly text: string
  /** The canonical name, such as `p999` for `p99.9`. */
  readonly name: string
  readonly operator: Operator
  /** In ms, a share from 0 to 1, or a plain number. */
  readonly bound: number
}

export interface Checked {
  readonly assertion: Assertion
  readonly holds: boolean
  /** The actual figure with its unit, or a text that says there is none. */
  readonly figure: string
}

const LATENCIES = ["mean", "min", "max", "p50", "p90", "p95", "p99", "p999", "p9999", "stddev"] as const

const ALIASES: ReadonlyMap<string, string> = new Map([
  ["median", "p50"],
  ["p99.9", "p999"],
  ["p99.99", "p9999"]
])

const KINDS_OF_REQUEST = [
  ["", "all"],
  ["put_", "put"],
  ["get_", "get"]
] as const

/** A run without answers has no latency to assert. Otherwise `p99<5ms` would hold for a server that never answered. */
const readLatency = (latency: Latency, name: (typeof LATENCIES)[number]): number | undefined =>
  latency.count > 0 ? latency[name] : undefined

const METRICS: ReadonlyMap<string, Metric> = new Map<string, Metric>([
  ["rps", { kind: "count", read: (result) => result.requests_per_second, judged: judgedThroughput }],
  ...KINDS_OF_REQUEST.flatMap(([prefix, requests]) =>
    LATENCIES.map((name): [string, Metric] => [
      prefix + name,
      { kind: "latency", read: (result) => readLatency(result.latency[requests], name) }
    ])
  ),
  ["error_rate", { kind: "rate", read: (result) => (result.total_requests > 0 ? result.error_rate : undefined) }],
  [
    "hit_rate",
    {
      kind: "rate",
      // Stricter than the assessment, which judges every run. Whoever asserts a hit rate expects the run to have GETs.
      read: (result) => (result.cache_hits + result.cache_misses > 0 ? result.hit_rate : undefined)
    }
  ],
  ["errors", { kind: "count", read: (result) => result.failed_requests }],
  ["requests", { kind: "count", read: (result) => result.total_requests }]
])

const UNITS: { readonly [K in Kind]: ReadonlyMap<string, number> } = {
  latency: new Map([
    ["", 1],
    ["ms", 1],
    ["us", 0.001],
    ["µs", 0.001],
    ["μs", 0.001],
    ["s", 1000]
  ]),
  rate: new Map([
    ["", 1],
    ["%", 0.01]
  ]),
  count: new Map([
    ["", 1],
    ["k", 1e3],
    ["m", 1e6]
  ])
}

const UNITS_TEXT: { readonly [K in Kind]: string } = {
  latency: "ms (also when left out), us or s",
  rate: "none (0 to 1) or % (0 to 100)",
  count: "none, k (thousands) or m (millions)"
}

/** All names that an assertion may have. */
const NAMES_TEXT: string =
  "rps, mean, min, max, p50 (median), p90, p95, p99, p999 (p99.9), p9999 (p99.99), stddev, each of these latencies " +
  "also as put_… or get_… (get_p99), error_rate, hit_rate, errors, requests"

/** The form of an assertion. */
const FORM_TEXT: string = "a name, one of < <= > >= =, and a number, such as p99<5ms, rps>10000 or hit_rate>99%"

const FORM = /^([^\s<>=]+)\s*(<=|>=|<|>|=)\s*([0-9]+(?:\.[0-9]+)?)\s*([^\s0-9<>=]*)$/

const isOperator = (text: string): text is Operator => ["<", "<=", ">", ">=", "="].includes(text)

const canonical = (name: string): string => {
  const [, prefix = "", rest = ""] = /^((?:put_|get_)?)(.*)$/s.exec(name.toLowerCase()) ?? []
  return prefix + (ALIASES.get(rest) ?? rest)
}

/** Reads an assertion. A failure is plain data: what was wrong and what is allowed. */
export const parse = (text: string): Result.Result<Assertion, string> => {
  const [, written = "", operator = "", digits = "", unit = ""] = FORM.exec(text.trim()) ?? []
  if (!isOperator(operator)) return Result.fail(`Not an assertion. Expected ${FORM_TEXT}`)
  const name = canonical(written)
  const metric = METRICS.get(name)
  if (metric === undefined) return Result.fail(`Unknown name '${written}'. Expected ${NAMES_TEXT}`)
  const factor = UNITS[metric.kind].get(unit.toLowerCase())
  if (factor === undefined) {
    return Result.fail(`Unknown unit '${unit}' for ${written}. Expected ${UNITS_TEXT[metric.kind]}`)
  }
  // Rounded, since 99.9 * 0.01 is not quite 0.999.
  const bound = Number((Number(digits) * factor).toPrecision(15))
  if (metric.kind === "rate" && bound > 1) {
    return Result.fail(`'${digits}${unit}' is no rate. Expected 0 to 1, or a percentage such as 99%`)
  }
  return Result.succeed({ text: text.trim(), name, operator, bound })
}

const compare = (value: number, operator: Operator, bound: number): boolean => {
  switch (operator) {
    case "<":
      return value < bound
    case "<=":
      return value <= bound
    case ">":
      return value > bound
    case ">=":
      return value >= bound
    case "=":
      return value === bound
  }
}

const figureOf = (kind: Kind, value: number, bound: number): string => {
  switch (kind) {
    case "latency":
      return Format.millis(value, [bound])
    case "rate":
      return Format.percent(value, [bound])
    case "count":
      return Number.isInteger(value) ? Format.count(value) : Format.rate(value, [bound])
  }
}

/** Checks an assertion. It does not hold if the run did not measure its figure. */
export const check = (assertion: Assertion, result: LoadResult): Checked => {
  const metric = METRICS.get(assertion.name)
  const value = metric?.read(result)
  if (metric === undefined || value === undefined) return { assertion, holds: false, figure: "not measured" }
  const { bound, operator } = assertion
  const figure = figureOf(metric.kind, value, bound)
  const { rate } = result.settings
  if (metric.judged === undefined || rate === null || !(operator === ">" || operator === ">=")) {
    return { assertion, holds: compare(value, operator, bound), figure }
  }
  // An open loop is judged by its rate, as in the assessment. A schedule that was kept cannot give more than its rate.
  const holds = metric.judged(result) >= bound
  const kept = keptSchedule(result) ? "kept" : "not kept"
  return { assertion, holds, figure: `${Format.rate(value)} (rate ${Format.rate(rate)} ${kept})` }
}

/** Checks assertions, in order. */
export const checkAll = (assertions: ReadonlyArray<Assertion>, result: LoadResult): ReadonlyArray<Checked> =>
  assertions.map((assertion) => check(assertion, result))
