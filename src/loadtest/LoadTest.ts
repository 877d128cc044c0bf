/**
 * A load test as an effect. It divides the work between threads, follows the progress, and makes one result.
 *
 * It prints nothing: see `Report.ts` and `cli/LoadTestCommand.ts`.
 */
import * as Os from "node:os"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClientError } from "../client/ClientError.ts"
import { version } from "../Version.ts"
import { mostFrequent } from "./Failures.ts"
import { merge } from "./Histogram.ts"
import type { DriverResult, LoadPlan } from "./LoadDriver.ts"
import type { LoadResult, Second } from "./LoadResult.ts"
import * as LoadThread from "./LoadThread.ts"
import type { SliceRecord } from "./Recorder.ts"
import { toBuckets, toLatency, toPercentiles } from "./Statistics.ts"
import { Timeline } from "./Timeline.ts"
import { preloadedKeys } from "./Workload.ts"

export interface LoadTestOptions extends Omit<LoadPlan, "first" | "end"> {
  /** The number of sending threads. 1 means this thread alone. */
  readonly threads: number
  /** The program that further threads run. Without it there is one thread. */
  readonly program?: URL | undefined
  /** Called with each second of the measured run when it is over. */
  readonly onSecond?: ((second: Second) => void) | undefined
  /** Ends the test early when it completes. */
  readonly stop?: Effect.Effect<void> | undefined
}

/** The number of cores that this process may use. */
export const availableCores = (): number => Os.availableParallelism()

/** The running program if it is the bundled one. A worker can run no other. */
export const bundledProgram: URL | undefined = import.meta.url.endsWith("/main.js")
  ? new URL(import.meta.url)
  : undefined

/** Opens the connections and gives the run itself. Whatever fails before the measurement fails here. */
export const prepare = (
  options: LoadTestOptions
): Effect.Effect<
  { readonly run: Effect.Effect<LoadResult, LoadThread.LoadThreadError> },
  ClientError | LoadThread.LoadThreadError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const plans = divide(options)
    const timeline = new Timeline(plans.length, options.onSecond ?? (() => {}))
    const onSlice = (record: SliceRecord) => timeline.add(record)
    const { program } = options
    const threads = yield* Effect.forEach(plans, (plan) =>
      program === undefined || plans.length === 1
        ? LoadThread.local(plan, onSlice)
        : LoadThread.worker(plan, program, onSlice)
    )
    yield* Effect.forEach(threads, (thread) => thread.open, { concurrency: "unbounded", discard: true })
    const run = Effect.gen(function* () {
      let isStopped = false
      const stop = Effect.tap(options.stop ?? Effect.never, () =>
        Effect.sync(() => {
          isStopped = true
        })
      )
      const results = yield* Effect.forEach(threads, (thread) => thread.run(stop), { concurrency: "unbounded" })
      const endedAt = yield* DateTime.now
      // The start of the measured run, without the warm-up.
      const startedAt = DateTime.subtractDuration(endedAt, Duration.nanos(BigInt(Math.round(longest(results)))))
      return toResult(options, threads.length, results, timeline.end(longest(results) / 1e6), {
        startedAt: DateTime.formatIso(startedAt),
        endedAt: DateTime.formatIso(endedAt),
        isStopped
      })
    })
    return { run }
  })

/** Splits the connections into ranges of nearly equal length, one for each thread. */
const divide = (options: LoadTestOptions): ReadonlyArray<LoadPlan> => {
  const { connections } = options.workload
  const threads = options.program === undefined ? 1 : Math.min(options.threads, connections)
  return Array.from({ length: threads }, (_, index) => ({
    host: options.host,
    port: options.port,
    credentials: options.credentials,
    tls: options.tls,
    protocol: options.protocol,
    workload: options.workload,
    first: Math.floor((connections * index) / threads),
    end: Math.floor((connections * (index + 1)) / threads),
    pipeline: options.pipeline,
    ttl: options.ttl,
    requests: options.requests,
    duration: options.duration,
    rate: options.rate,
    warmup: options.warmup,
    warmupRequests: options.warmupRequests,
    timeout: options.timeout
  }))
}

const sumOf = <A>(items: ReadonlyArray<A>, value: (item: A) => number): number =>
  items.reduce((sum, item) => sum + value(item), 0)

const maxOf = <A>(items: ReadonlyArray<A>, value: (item: A) => number): number =>
  items.reduce((max, item) => Math.max(max, value(item)), 0)

/** The length of the measured run in ns. */
const longest = (results: ReadonlyArray<DriverResult>): number => maxOf(results, (result) => result.elapsed)

const addErrors = (results: ReadonlyArray<DriverResult>): Readonly<Record<string, number>> => {
  const errors: Record<string, number> = {}
  for (const { recording } of results) {
    for (const [kind, count] of Object.entries(recording.errors)) errors[kind] = (errors[kind] ?? 0) + count
  }
  return errors
}

const toResult = (
  options: LoadTestOptions,
  threads: number,
  results: ReadonlyArray<DriverResult>,
  { seconds, slices }: Pick<LoadResult, "seconds" | "slices">,
  run: { readonly startedAt: string; readonly endedAt: string; readonly isStopped: boolean }
): LoadResult => {
  const recordings = results.map((result) => result.recording)
  const putHistogram = merge(recordings.map((recording) => recording.put))
  const getHistogram = merge(recordings.map((recording) => recording.get))
  const allHistogram = merge([putHistogram.data, getHistogram.data])
  const lag = toLatency(merge(recordings.map((recording) => recording.lag)))
  const all = toLatency(allHistogram)
  const elapsedSeconds = longest(results) / 1e9
  const putCount = sumOf(recordings, (recording) => recording.putCount)
  const getCount = sumOf(recordings, (recording) => recording.getCount)
  const failed = sumOf(recordings, (recording) => recording.putErrors + recording.getErrors)
  const total = putCount + getCount
  const hits = sumOf(recordings, (recording) => recording.hits)
  const misses = sumOf(recordings, (recording) => recording.misses)
  const { workload } = options
  const keys = preloadedKeys(workload)
  return {
    host: options.host,
    port: options.port,
    connections: workload.connections,
    requests_per_connection: options.requests ?? null,
    put_ratio: workload.ratio,
    start_time: run.startedAt,
    end_time: run.endedAt,
    total_duration_seconds: elapsedSeconds,
    total_requests: total,
    successful_requests: total - failed,
    failed_requests: failed,
    put_count: putCount,
    get_count: getCount,
    put_success: putCount - sumOf(recordings, (recording) => recording.putErrors),
    get_success: getCount - sumOf(recordings, (recording) => recording.getErrors),
    cache_hits: hits,
    cache_misses: misses,
    hit_rate: hits + misses === 0 ? 1 : hits / (hits + misses),
    latency_min: all.min,
    latency_max: all.max,
    latency_mean: all.mean,
    latency_median: all.p50,
    latency_p95: all.p95,
    latency_p99: all.p99,
    latency_p999: all.p999,
    latency_stddev: all.stddev,
    requests_per_second: elapsedSeconds === 0 ? 0 : (total - failed) / elapsedSeconds,
    error_rate: total === 0 ? 0 : failed / total,
    errors: addErrors(results),
    error_messages: mostFrequent(recordings.map((recording) => recording.errorMessages)),
    loop: options.rate === undefined ? "closed" : "open",
    ended: run.isStopped ? "interrupted" : results.every((result) => result.isServerLost) ? "server lost" : "complete",
    latency: { all, put: toLatency(putHistogram), get: toLatency(getHistogram) },
    service_time: toLatency(merge(recordings.map((recording) => recording.service))),
    percentiles: toPercentiles(allHistogram),
    histogram: toBuckets(allHistogram),
    seconds,
    slices,
    seed: workload.seed,
    settings: {
      protocol: options.protocol,
      pipeline: options.pipeline,
      duration_seconds: options.duration === undefined ? null : options.duration / 1000,
      rate: options.rate ?? null,
      warmup_seconds: options.warmup / 1000,
      keys: keys === 0 ? null : keys,
      distribution: workload.distribution,
      zipf_exponent: workload.zipfExponent,
      key_size: workload.keySize,
      value_size: workload.valueSize,
      ttl_seconds: options.ttl,
      timeout_seconds: options.timeout / 1000,
      threads
    },
    generator: {
      event_loop_utilization: maxOf(results, (result) => result.health.utilization),
      polling: maxOf(results, (result) => result.health.polling),
      event_loop_delay_p99: maxOf(results, (result) => result.health.delayP99),
      // Each thread measured the CPU time of the whole process, so the largest figure is the total.
      cpu: elapsedSeconds === 0 ? 0 : maxOf(results, (result) => result.health.cpuSeconds) / elapsedSeconds,
      schedule_lag_mean: lag.mean,
      schedule_lag_p99: lag.p99,
      schedule_lag_max: lag.max,
      unsent: sumOf(results, (result) => result.unsent)
    },
    versions: { kv_cache: version, node: process.version },
    machine: { cpu: Os.cpus()[0]?.model ?? "unknown", cores: Os.availableParallelism(), platform: process.platform }
  }
}
