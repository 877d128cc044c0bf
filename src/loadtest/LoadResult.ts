/**
 * The result of a load test, as a Schema. It is the JSON document that a run writes, that `compare` reads, and that the
 * summary and the HTML report are made from. It holds figures and no verdict: see `Assessment.ts`.
 */
import * as Schema from "effect/Schema"
import { type LoadProtocol, PROTOCOLS } from "./Wire.ts"

/** Latencies in ms. */
export const Latency = Schema.Struct({
  count: Schema.Int,
  min: Schema.Finite,
  mean: Schema.Finite,
  p50: Schema.Finite,
  p90: Schema.Finite,
  p95: Schema.Finite,
  p99: Schema.Finite,
  p999: Schema.Finite,
  p9999: Schema.Finite,
  max: Schema.Finite,
  stddev: Schema.Finite
})
export type Latency = typeof Latency.Type

/** A point of the latency distribution: this percentage of the requests took at most this long. */
export const Percentile = Schema.Struct({
  /** 0 to 100. */
  percentile: Schema.Finite,
  /** In ms. */
  latency: Schema.Finite
})
export type Percentile = typeof Percentile.Type

/** The number of requests whose latency was in a range. */
export const Bucket = Schema.Struct({
  /** In ms, inclusive. */
  from: Schema.Finite,
  /** In ms, exclusive. */
  to: Schema.Finite,
  count: Schema.Int
})
export type Bucket = typeof Bucket.Type

/** The figures of a period of the run. */
const course = {
  /** Answered requests. */
  requests: Schema.Int,
  errors: Schema.Int,
  /** Latencies in ms. */
  mean: Schema.Finite,
  p50: Schema.Finite,
  p99: Schema.Finite,
  max: Schema.Finite
}

/** The figures of one second of the run. */
export const Second = Schema.Struct({
  /** Whole seconds since the start of the measured run. */
  second: Schema.Int,
  ...course
})
export type Second = typeof Second.Type

/** The figures of a slice. All slices of a run have the same length. */
export const Slice = Schema.Struct({
  /** Seconds since the start of the measured run. */
  from: Schema.Finite,
  /** In seconds, at most 1. The end of the run cuts the last slice short. */
  length: Schema.Finite,
  ...course
})
export type Slice = typeof Slice.Type

/** The settings of the run, so that it can be repeated. */
const Settings = Schema.Struct({
  /** What was spoken. Results of versions that spoke only the text protocol lack it. */
  protocol: Schema.optionalKey(Schema.Literals(PROTOCOLS)),
  pipeline: Schema.Int,
  /** In seconds, or null if the run has a number of requests. */
  duration_seconds: Schema.NullOr(Schema.Finite),
  /** Requests per second of all connections, or null for a closed loop. */
  rate: Schema.NullOr(Schema.Finite),
  warmup_seconds: Schema.Finite,
  /** The size of the shared key space. Null if each connection asks for the keys that it has put. */
  keys: Schema.NullOr(Schema.Int),
  distribution: Schema.Literals(["uniform", "zipf"]),
  zipf_exponent: Schema.Finite,
  key_size: Schema.Int,
  value_size: Schema.Int,
  ttl_seconds: Schema.Int,
  timeout_seconds: Schema.Finite,
  threads: Schema.Int
})
export type Settings = typeof Settings.Type

/** How the load generator itself did. It tells whether it was the limit instead of the server. */
const Generator = Schema.Struct({
  /** The share of the time that the busiest thread's event loop worked, 0 to 1. */
  event_loop_utilization: Schema.Finite,
  /** In an open loop, the share of the time that this thread polled the clock for the next moment, 0 to 1. */
  polling: Schema.Finite,
  /** The 99th percentile of the busiest thread's event loop delay, in ms. */
  event_loop_delay_p99: Schema.Finite,
  /** CPU seconds per second of the run, over all threads, including polling. */
  cpu: Schema.Finite,
  /** In an open loop, how late requests were sent, in ms. 0 in a closed loop. */
  schedule_lag_mean: Schema.Finite,
  schedule_lag_p99: Schema.Finite,
  schedule_lag_max: Schema.Finite,
  /** In an open loop, requests that were due and never sent, because the run ended first. */
  unsent: Schema.Int
})
export type Generator = typeof Generator.Type

export const LoadResult = Schema.Struct({
  host: Schema.String,
  port: Schema.Int,
  connections: Schema.Int,
  /** Null if the run has a duration. */
  requests_per_connection: Schema.NullOr(Schema.Int),
  put_ratio: Schema.Finite,
  /** In ISO 8601. */
  start_time: Schema.String,
  end_time: Schema.String,
  total_duration_seconds: Schema.Finite,
  total_requests: Schema.Int,
  successful_requests: Schema.Int,
  failed_requests: Schema.Int,
  put_count: Schema.Int,
  get_count: Schema.Int,
  put_success: Schema.Int,
  get_success: Schema.Int,
  cache_hits: Schema.Int,
  cache_misses: Schema.Int,
  /** From 0 to 1; 1 if no GET was answered. */
  hit_rate: Schema.Finite,
  // The figures of `latency.all` again, in ms, under names that other tools expect.
  latency_min: Schema.Finite,
  latency_max: Schema.Finite,
  latency_mean: Schema.Finite,
  latency_median: Schema.Finite,
  latency_p95: Schema.Finite,
  latency_p99: Schema.Finite,
  latency_p999: Schema.Finite,
  latency_stddev: Schema.Finite,
  requests_per_second: Schema.Finite,
  /** From 0 to 1. */
  error_rate: Schema.Finite,
  /** Failed requests by kind, such as `timeout`, `closed`, `refused`, `wrong_value`, `malformed_reply`. */
  errors: Schema.Record(Schema.String, Schema.Int),
  /**
   * What failed requests were told, the five most frequent messages of each kind. Requests that timed out were told
   * nothing. Results of versions that did not keep messages lack it.
   */
  error_messages: Schema.optionalKey(
    Schema.Array(Schema.Struct({ kind: Schema.String, message: Schema.String, count: Schema.Int }))
  ),
  /** `closed`: the next request waits for the last answer. `open`: requests come on a schedule (`--rate`). */
  loop: Schema.Literals(["closed", "open"]),
  /** Whether the run ended early, by Ctrl-C or because all connections were lost. */
  ended: Schema.Literals(["complete", "interrupted", "server lost"]),
  /** Counted from the moment that a request was due. In a closed loop that is its sending. */
  latency: Schema.Struct({ all: Latency, put: Latency, get: Latency }),
  /** Counted from the sending of a request. In a closed loop it equals `latency.all`. */
  service_time: Latency,
  percentiles: Schema.Array(Percentile),
  histogram: Schema.Array(Bucket),
  seconds: Schema.Array(Second),
  /** The same figures as `seconds`, in shorter periods if the run was short: at least 24 for any run over 24 ms. */
  slices: Schema.Array(Slice),
  seed: Schema.Int,
  settings: Settings,
  generator: Generator,
  versions: Schema.Struct({ kv_cache: Schema.String, node: Schema.String }),
  /** The machine of the load generator. */
  machine: Schema.Struct({ cpu: Schema.String, cores: Schema.Int, platform: Schema.String })
})
export type LoadResult = typeof LoadResult.Type

/** What a run spoke. */
export const protocolOf = ({ settings }: LoadResult): LoadProtocol => settings.protocol ?? "text"

/** The document on disk. */
export const LoadResultJson = Schema.fromJsonString(LoadResult)
