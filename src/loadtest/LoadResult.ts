/**
 * The result of a load test, as a Schema: the JSON document that is written, read again by `compare`, and made into the
 * summary and the HTML report. It holds figures, no verdict: see `Assessment.ts`.
 */
import * as Schema from "effect/Schema"

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

/** A point of the latency distribution: so many per cent of the requests took at most so long. */
export const Percentile = Schema.Struct({
  /** 0 to 100. */
  percentile: Schema.Finite,
  /** ms */
  latency: Schema.Finite
})
export type Percentile = typeof Percentile.Type

/** Requests whose latency lay in a range. */
export const Bucket = Schema.Struct({
  /** ms, inclusive. */
  from: Schema.Finite,
  /** ms, exclusive. */
  to: Schema.Finite,
  count: Schema.Int
})
export type Bucket = typeof Bucket.Type

/** What happened in a piece of the run's time. */
const course = {
  /** Those that were answered. */
  requests: Schema.Int,
  errors: Schema.Int,
  /** ms */
  mean: Schema.Finite,
  p50: Schema.Finite,
  p99: Schema.Finite,
  max: Schema.Finite
}

/** What happened in one second of the run. */
export const Second = Schema.Struct({
  /** Seconds since the start of the measured run. */
  second: Schema.Int,
  ...course
})
export type Second = typeof Second.Type

/** What happened in one of the slices, all of one length, that the run is cut into. */
export const Slice = Schema.Struct({
  /** Seconds since the start of the measured run. */
  from: Schema.Finite,
  /** Seconds; at most one. The last slice is cut off by the run's end. */
  length: Schema.Finite,
  ...course
})
export type Slice = typeof Slice.Type

/** What was asked for, so that the run can be repeated. */
const Settings = Schema.Struct({
  pipeline: Schema.Int,
  /** Seconds, or null for a run by count. */
  duration_seconds: Schema.NullOr(Schema.Finite),
  /** Requests per second in all, or null for a closed loop. */
  rate: Schema.NullOr(Schema.Finite),
  warmup_seconds: Schema.Finite,
  /** Size of the shared key space, or null where each connection asks for the keys that it has put. */
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

/** How the load generator itself fared: whether it, and not the server, was the limit. */
const Generator = Schema.Struct({
  /** Share of the time that the busiest thread's event loop had something to do, 0 to 1. */
  event_loop_utilization: Schema.Finite,
  /** Open loop: share of the time that this thread waited for the next moment by looking at the clock, 0 to 1. */
  polling: Schema.Finite,
  /** ms, the 99th percentile of the busiest thread's event loop delay. */
  event_loop_delay_p99: Schema.Finite,
  /** CPU seconds used per second of the run, all threads, what they spent on polling included. */
  cpu: Schema.Finite,
  /** Open loop only: by how much requests were sent behind their moment, in ms. */
  schedule_lag_mean: Schema.Finite,
  schedule_lag_p99: Schema.Finite,
  schedule_lag_max: Schema.Finite,
  /** Open loop only: requests whose moment came but that were never sent, because the run ended first. */
  unsent: Schema.Int
})
export type Generator = typeof Generator.Type

export const LoadResult = Schema.Struct({
  host: Schema.String,
  port: Schema.Int,
  connections: Schema.Int,
  /** Null for a run by time. */
  requests_per_connection: Schema.NullOr(Schema.Int),
  put_ratio: Schema.Finite,
  /** ISO 8601 */
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
  /** 0 to 1; 1 where nothing was asked for. */
  hit_rate: Schema.Finite,
  // The figures of `latency.all` once more under the names that other tools expect, in ms.
  latency_min: Schema.Finite,
  latency_max: Schema.Finite,
  latency_mean: Schema.Finite,
  latency_median: Schema.Finite,
  latency_p95: Schema.Finite,
  latency_p99: Schema.Finite,
  latency_p999: Schema.Finite,
  latency_stddev: Schema.Finite,
  requests_per_second: Schema.Finite,
  /** 0 to 1 */
  error_rate: Schema.Finite,
  /** Failed requests by kind, such as `timeout`, `closed`, `refused`, `wrong_value`, `malformed_reply`. */
  errors: Schema.Record(Schema.String, Schema.Int),
  /** `closed`: the next request waits for the last answer. `open`: requests come on a schedule (`--rate`). */
  loop: Schema.Literals(["closed", "open"]),
  /** Whether the run was ended by Ctrl-C or by the loss of all connections before its time. */
  ended: Schema.Literals(["complete", "interrupted", "server lost"]),
  /** From the moment that a request was due; in a closed loop that is its sending. */
  latency: Schema.Struct({ all: Latency, put: Latency, get: Latency }),
  /** From the sending of a request; the same as `latency.all` in a closed loop. */
  service_time: Latency,
  percentiles: Schema.Array(Percentile),
  histogram: Schema.Array(Bucket),
  seconds: Schema.Array(Second),
  /** The same in shorter pieces where the run was short: at least 24 for any run longer than 24 ms. */
  slices: Schema.Array(Slice),
  seed: Schema.Int,
  settings: Settings,
  generator: Generator,
  versions: Schema.Struct({ kv_cache: Schema.String, node: Schema.String }),
  /** The machine of the load generator. */
  machine: Schema.Struct({ cpu: Schema.String, cores: Schema.Int, platform: Schema.String })
})
export type LoadResult = typeof LoadResult.Type

/** The document on disk. */
export const LoadResultJson = Schema.fromJsonString(LoadResult)
