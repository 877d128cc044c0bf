/**
 * What a reader must know before believing a result: whether the run ended early, whether the load generator was the
 * limit, and whether the figures agree with each other. It also describes the run in words. Both reports use these
 * texts.
 *
 * It does not say whether the server is good enough: see `Assessment.ts`.
 */
import { isShort, keptSchedule, LONG_ENOUGH } from "./Assessment.ts"
import * as Format from "../chart/Format.ts"
import { type Latency, type LoadResult, protocolOf } from "./LoadResult.ts"

/** Little's law: the mean number of requests in flight is the throughput times the mean latency. */
export interface LittlesLaw {
  /** The requests in flight that connections and pipeline ask for, in a closed loop. */
  readonly asked: number
  /** Answers per second. Only answers whose latency was counted. */
  readonly throughput: number
  /** Throughput times mean latency. */
  readonly inFlight: number
  /** Whether the two agree. True for an open loop, which keeps no fixed number of requests in flight. */
  readonly agrees: boolean
}

const LITTLE_TOLERANCE = 0.1

/** Checks the latencies against the throughput, which is measured independently. `undefined` without an answer. */
export const littlesLaw = (result: LoadResult): LittlesLaw | undefined => {
  const { count, mean } = result.latency.all
  if (count === 0 || result.total_duration_seconds <= 0) return undefined
  const asked = result.connections * result.settings.pipeline
  const throughput = count / result.total_duration_seconds
  const inFlight = (throughput * mean) / 1000
  const agrees = result.loop === "open" || Math.abs(inFlight - asked) <= LITTLE_TOLERANCE * asked
  return { asked, throughput, inFlight, agrees }
}

/** Little's law in a sentence. */
export const littlesLawText = (result: LoadResult): string => {
  const law = littlesLaw(result)
  if (law === undefined) return "no answers to check"
  const product = `${Format.rate(law.throughput)}/s × ${Format.millis(result.latency.all.mean)}`
  const inFlight = Format.number(law.inFlight, law.inFlight < 10 ? 2 : 1)
  if (result.loop === "open") {
    const isOverloaded = law.inFlight > law.asked
    return isOverloaded
      ? `${product} = ${inFlight} requests due on average, at most ${Format.count(law.asked)} of them in flight`
      : `${product} = ${inFlight} requests in flight on average`
  }
  const asked = `${Format.count(result.connections)} × ${Format.count(result.settings.pipeline)} in flight`
  return `${asked}, and ${product} = ${inFlight}: ${law.agrees ? "they agree" : "they do NOT agree within 10 %"}`
}

const littlesLawWarning = (result: LoadResult): ReadonlyArray<string> => {
  const law = littlesLaw(result)
  if (law === undefined || law.agrees) return []
  const reason =
    law.inFlight > law.asked
      ? "more than were sent: the latencies count time that is not the server's"
      : result.failed_requests > 0
        ? "so part of the time went into requests that failed, which latency does not count"
        : "so connections were idle, or the load generator was slow to send the next request"
  const inFlight = Format.number(law.inFlight, 1)
  return [
    `Throughput and mean latency account for ${inFlight} of ${Format.plural(law.asked, "request")} in flight, ${reason}.`
  ]
}

const BUSY = 0.9

/**
 * A mean schedule lag above this share of the mean latency deserves a warning. So does a largest lag above this many
 * ms.
 */
const LAG_SHARE = 0.1
const LAG_MAX = 100

/**
 * Every run has up to this much event loop delay, in ms. If the delay exceeds this share of the p99 latency, the load
 * generator itself accounts for half of that latency.
 */
const DELAY = 5
const DELAY_SHARE = 0.5

const LIMIT = "the load generator, not the server, may have been the limit"

const generatorWarnings = ({ generator, latency, machine, settings }: LoadResult): ReadonlyArray<string> => {
  const warnings: Array<string> = []
  const { event_loop_utilization, polling } = generator
  if (event_loop_utilization > BUSY) {
    warnings.push(`The load generator's event loop was ${Format.percent(event_loop_utilization)} busy: ${LIMIT}.`)
  }
  const delay = generator.event_loop_delay_p99
  if (latency.all.count > 0 && delay > DELAY && delay > DELAY_SHARE * latency.all.p99) {
    const against = `${Format.millis(delay)} late at p99, against a p99 latency of ${Format.millis(latency.all.p99)}`
    warnings.push(`The load generator's event loop was ${against}: much of that may be its own.`)
  }
  // Time spent waiting for scheduled moments is not work.
  const cpu = generator.cpu - polling * settings.threads
  if (machine.cores > 0 && cpu > BUSY * machine.cores) {
    const used = `${Format.number(cpu, 1)} of ${Format.plural(machine.cores, "core")}`
    warnings.push(`The load generator used ${used} of its machine: ${LIMIT}.`)
  }
  return warnings
}

const lagWarnings = ({ generator, latency, loop, service_time }: LoadResult): ReadonlyArray<string> => {
  const { schedule_lag_max, schedule_lag_mean } = generator
  const share = latency.all.mean > 0 ? schedule_lag_mean / latency.all.mean : 0
  if (loop === "closed" || (share <= LAG_SHARE && schedule_lag_max <= LAG_MAX)) return []
  const lag = `${Format.millis(schedule_lag_mean)} late on average and ${Format.millis(schedule_lag_max)} at most`
  return [
    `Requests were sent ${lag}: ${Format.percent(share)} of the mean latency, whose service time is ` +
      `${Format.millis(service_time.mean)}. They waited for a free connection, so that the server or too few connections ` +
      "were the limit, or for the load generator."
  ]
}

const scheduleWarnings = (result: LoadResult): ReadonlyArray<string> => {
  const warnings: Array<string> = []
  const { ended, generator, requests_per_second, settings } = result
  // A run that was broken off lacks the answers to what was just sent, which is no saturation.
  if (ended === "complete" && settings.rate !== null && !keptSchedule(result)) {
    const asked = `${Format.rate(requests_per_second)} of the ${Format.rate(settings.rate)} requests/s asked for`
    warnings.push(`Only ${asked} were answered: at this rate the server is saturated, or the load generator is.`)
  }
  if (generator.unsent > 0) {
    const unsent = `${Format.plural(generator.unsent, "request")} whose moment had come`
    warnings.push(`The run ended with ${unsent} not yet sent; their latencies are missing here.`)
  }
  return warnings
}

const endWarnings = ({ ended }: LoadResult): ReadonlyArray<string> => {
  switch (ended) {
    case "complete":
      return []
    case "interrupted":
      return ["The run was interrupted: these are the figures up to then."]
    case "server lost":
      return ["The server was lost: all connections broke before the run's end. These are the figures up to then."]
  }
}

/** With fewer answers than this, the percentiles say little about the next run. */
const ENOUGH_ANSWERS = 1000

const fewWarning = ({ latency: { all } }: LoadResult): ReadonlyArray<string> =>
  all.count >= ENOUGH_ANSWERS
    ? []
    : [`There were only ${Format.plural(all.count, "answer")}: another run may well differ.`]

/** The only warning about a short run, because all others would have the same cause. */
const shortWarning = ({ latency, total_duration_seconds }: LoadResult): string =>
  `The run was short, ${Format.plural(latency.all.count, "answer")} in ${Format.seconds(total_duration_seconds)}: ` +
  `for figures that the next run repeats, add ${LONG_ENOUGH}.`

/** All reasons to doubt the figures, the gravest first. Empty for a sound run. */
export const warnings = (result: LoadResult): ReadonlyArray<string> => [
  ...endWarnings(result),
  ...scheduleWarnings(result),
  ...lagWarnings(result),
  ...(isShort(result)
    ? [shortWarning(result)]
    : [...generatorWarnings(result), ...littlesLawWarning(result), ...fewWarning(result)])
]

/** Closed or open loop, in words. */
export const loopText = ({ settings }: LoadResult): string =>
  settings.rate === null
    ? "closed loop: the next request waits for an answer"
    : `open loop: ${Format.rate(settings.rate)} requests/s on a fixed schedule, latency from the scheduled moment, service time from the sending`

/** Connections and pipeline, in words. */
export const connectionsText = ({ connections, settings }: LoadResult): string =>
  `${Format.count(connections)}, ${Format.plural(settings.pipeline, "request")} in flight on each`

const lengthText = ({ requests_per_connection, settings }: LoadResult): string => {
  if (settings.duration_seconds !== null) return `for ${Format.seconds(settings.duration_seconds)}`
  return requests_per_connection === null ? "" : `${Format.count(requests_per_connection)} per connection`
}

const ttlText = (ttl: number): string => (ttl === 0 ? "no TTL" : `TTL ${Format.count(ttl)} s`)

/** What was spoken, in words; nothing for the text protocol, which goes without saying. */
export const protocolText = (result: LoadResult): string | undefined =>
  ({
    text: undefined,
    resp2: "Redis's, RESP2: a PUT is a SET",
    resp3: "Redis's, RESP3: a PUT is a SET"
  })[protocolOf(result)]

/** The requests in words. */
export const workloadText = (result: LoadResult): string => {
  const { key_size, ttl_seconds, value_size } = result.settings
  const parts = [
    lengthText(result),
    `${Format.percent(result.put_ratio)} PUT`,
    `keys of ${Format.plural(key_size, "byte")}`,
    `values of ${Format.plural(value_size, "byte")}`,
    ttlText(ttl_seconds)
  ]
  return parts.filter((part) => part !== "").join(", ")
}

/** The choice of keys in words. */
export const keysText = ({ settings }: LoadResult): string => {
  const { distribution, keys, zipf_exponent } = settings
  const how = distribution === "zipf" ? `zipf with exponent ${Format.number(zipf_exponent)}` : "uniform"
  return keys === null
    ? `each connection asks for keys that it has put${distribution === "zipf" ? `, ${how}` : ""}`
    : `${Format.plural(keys, "key")} shared by all and preloaded, ${how}`
}

/** When the run started and how long it took. */
export const timeText = ({ settings, start_time, total_duration_seconds }: LoadResult): string => {
  const measured = `${Format.moment(start_time)}, ${Format.seconds(total_duration_seconds)} measured`
  if (settings.warmup_seconds === 0) return `${measured}, no warm-up`
  // A run with a number of requests counts its warm-up in requests too, if that ends sooner.
  const most = settings.duration_seconds === null ? "at most " : ""
  return `${measured} after ${most}${Format.seconds(settings.warmup_seconds)} of warm-up`
}

/** The state of the load generator in words. */
export const generatorText = ({ generator, loop, machine, settings }: LoadResult): string => {
  const parts = [
    Format.plural(settings.threads, "thread"),
    `event loop ${Format.percent(generator.event_loop_utilization)} busy`,
    `its delay ${Format.millis(generator.event_loop_delay_p99)} at p99`,
    `${Format.number(generator.cpu, 2)} of ${Format.plural(machine.cores, "core")}`
  ]
  if (loop === "open") {
    parts.splice(2, 0, `${Format.percent(generator.polling)} waiting for moments`)
  }
  return parts.join(", ")
}

/** In an open loop, how late requests were sent. `undefined` for a closed loop. */
export const lagText = ({ generator, loop }: LoadResult): string | undefined => {
  if (loop === "closed") return undefined
  const { schedule_lag_max, schedule_lag_mean, schedule_lag_p99 } = generator
  const [mean, p99, max] = [schedule_lag_mean, schedule_lag_p99, schedule_lag_max].map((lag) => Format.millis(lag))
  return `${mean} mean, ${p99} at p99, ${max} at most`
}

/** Errors by kind, the most frequent first. */
const errorsByKind = ({ errors }: LoadResult): ReadonlyArray<readonly [kind: string, count: number]> =>
  Object.entries(errors)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)

/** Errors in words. */
export const errorsText = (result: LoadResult): string => {
  if (result.failed_requests === 0) return "none"
  const kinds = errorsByKind(result).map(([kind, count]) => `${Format.count(count)} ${kind.replaceAll("_", " ")}`)
  const total = `${Format.count(result.failed_requests)} (${Format.percent(result.error_rate)})`
  return kinds.length === 0 ? total : `${total}: ${kinds.join(", ")}`
}

/** Requests of one kind of failure that were told the same. */
export interface FailureLine {
  readonly kind: string
  readonly count: number
  readonly message: string
}

/** What failed requests were told, by kind, the most frequent first. Kinds without a message are left out. */
export const failureLines = (result: LoadResult): ReadonlyArray<FailureLine> =>
  errorsByKind(result).flatMap(([kind, total]) => {
    const name = kind.replaceAll("_", " ")
    const lines = (result.error_messages ?? [])
      .filter((told) => told.kind === kind)
      .map(({ count, message }) => ({ kind: name, count, message }))
    const others = total - lines.reduce((sum, { count }) => sum + count, 0)
    return lines.length === 0 || others <= 0 ? lines : lines.concat({ kind: name, count: others, message: OTHERS })
  })

/** Stands for the messages that are not listed. */
const OTHERS = "other messages"

/** The hit rate in words. */
export const hitRateText = ({ cache_hits, cache_misses, get_count, hit_rate }: LoadResult): string => {
  if (get_count === 0) return "no GETs"
  if (cache_hits + cache_misses === 0) return "no GET was answered"
  const misses = cache_misses === 1 ? "1 miss" : `${Format.count(cache_misses)} misses`
  return `${Format.percent(hit_rate)} (${Format.plural(cache_hits, "hit")}, ${misses})`
}

/** The columns of every table of latencies. In an open loop the service time differs from the latency. */
export const latencyColumns = ({
  latency,
  loop,
  service_time
}: LoadResult): ReadonlyArray<readonly [string, Latency]> => [
  ["all", latency.all],
  ["PUT", latency.put],
  ["GET", latency.get],
  ...(loop === "open" ? [["service time", service_time] as const] : [])
]

/** The kinds of latency with their names, in the order of every table. */
export const LATENCIES = [
  ["min", "min"],
  ["mean", "mean"],
  ["p50", "p50"],
  ["p90", "p90"],
  ["p95", "p95"],
  ["p99", "p99"],
  ["p999", "p99.9"],
  ["p9999", "p99.99"],
  ["max", "max"],
  ["stddev", "stddev"]
] as const
