/**
 * Where a thread of the load test records what its requests came to: HDR histograms and plain counters, so that a
 * recording costs a few hundred nanoseconds. It sends nothing and prints nothing.
 */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks"

/** What a request can come to, if not to its answer. */
export type Failure = "timeout" | "closed" | "refused" | "wrong_value" | "malformed_reply"

/** Longest latency that is told apart from longer ones, in ns: ten minutes. */
const HIGHEST = 600 * 1e9

const makeHistogram = (): RecordableHistogram => createHistogram({ lowest: 1, highest: HIGHEST, figures: 3 })

/** What happened in one second, as a thread saw it. Its histogram is in ns and can be sent to another thread. */
export interface SecondRecord {
  readonly second: number
  readonly requests: number
  readonly errors: number
  readonly histogram: RecordableHistogram
}

/** All that one thread recorded. Plain data and histograms: it can be sent to another thread. */
export interface Recording {
  readonly put: RecordableHistogram
  readonly get: RecordableHistogram
  readonly putCount: number
  readonly getCount: number
  readonly hits: number
  readonly misses: number
  readonly errors: Readonly<Partial<Record<Failure, number>>>
  readonly putErrors: number
  readonly getErrors: number
  /** ns */
  readonly scheduleLagSum: number
  readonly scheduleLagMax: number
}

export class Recorder {
  private put = makeHistogram()
  private get = makeHistogram()
  private putCount = 0
  private getCount = 0
  private hits = 0
  private misses = 0
  private putErrors = 0
  private getErrors = 0
  private errors: Partial<Record<Failure, number>> = {}
  private scheduleLagSum = 0
  private scheduleLagMax = 0
  private startedAt = 0
  private second = 0
  private secondRequests = 0
  private secondErrors = 0
  private secondHistogram = makeHistogram()
  private readonly onSecond: (record: SecondRecord) => void

  constructor(onSecond: (record: SecondRecord) => void) {
    this.onSecond = onSecond
  }

  /** Begins anew, at `now` in ns: what was recorded so far was the warm-up. */
  start(now: number): void {
    this.put = makeHistogram()
    this.get = makeHistogram()
    this.putCount = this.getCount = this.hits = this.misses = this.putErrors = this.getErrors = 0
    this.errors = {}
    this.scheduleLagSum = this.scheduleLagMax = 0
    this.startedAt = now
    this.second = 0
    this.secondRequests = this.secondErrors = 0
    this.secondHistogram = makeHistogram()
  }

  /** Requests that have come to something. */
  get finished(): number {
    return this.putCount + this.getCount
  }

  /** A PUT that was answered; `latency` and `now` in ns. */
  stored(latency: number, now: number): void {
    this.putCount++
    this.record(this.put, latency, now)
  }

  /** A GET that was answered. */
  found(latency: number, now: number, isHit: boolean): void {
    this.getCount++
    if (isHit) this.hits++
    else this.misses++
    this.record(this.get, latency, now)
  }

  /** A request that failed. */
  failed(isPut: boolean, failure: Failure, now: number): void {
    this.roll(now)
    if (isPut) {
      this.putCount++
      this.putErrors++
    } else {
      this.getCount++
      this.getErrors++
    }
    this.errors[failure] = (this.errors[failure] ?? 0) + 1
    this.secondErrors++
  }

  /** A request of an open loop was sent `lag` ns behind its moment. */
  sentLate(lag: number): void {
    this.scheduleLagSum += lag
    if (lag > this.scheduleLagMax) this.scheduleLagMax = lag
  }

  /** Hands over the seconds that have passed by `now`, in ns. */
  roll(now: number): void {
    const second = Math.floor((now - this.startedAt) / 1e9)
    if (second > this.second) this.flush(second)
  }

  /** Hands over the unfinished second. */
  end(): Recording {
    if (this.secondRequests + this.secondErrors > 0) this.flush(this.second + 1)
    const { errors, get, getCount, getErrors, hits, misses, put, putCount, putErrors, scheduleLagMax, scheduleLagSum } =
      this
    return {
      errors,
      get,
      getCount,
      getErrors,
      hits,
      misses,
      put,
      putCount,
      putErrors,
      scheduleLagMax,
      scheduleLagSum
    }
  }

  private record(histogram: RecordableHistogram, latency: number, now: number): void {
    this.roll(now)
    const bounded = Math.min(HIGHEST, Math.max(1, Math.round(latency)))
    histogram.record(bounded)
    this.secondHistogram.record(bounded)
    this.secondRequests++
  }

  private flush(nextSecond: number): void {
    this.onSecond({
      second: this.second,
      requests: this.secondRequests,
      errors: this.secondErrors,
      histogram: this.secondHistogram
    })
    this.second = nextSecond
    this.secondRequests = this.secondErrors = 0
    this.secondHistogram = makeHistogram()
  }
}
