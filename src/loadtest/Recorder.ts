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
  private readonly put = makeHistogram()
  private readonly get = makeHistogram()
  private putCount = 0
  private getCount = 0
  private hits = 0
  private misses = 0
  private putErrors = 0
  private getErrors = 0
  private readonly errors: Partial<Record<Failure, number>> = {}
  private scheduleLagSum = 0
  private scheduleLagMax = 0
  // Before the start and after the end, answers come to nothing: they are of the warm-up, or too late.
  private isOn = false
  private startedAt = 0
  private second = 0
  private secondRequests = 0
  private secondErrors = 0
  // A recording costs a call out of JavaScript, so it is made once, and added to the whole when the second is over.
  private secondPut = makeHistogram()
  private secondGet = makeHistogram()
  private readonly onSecond: (record: SecondRecord) => void

  constructor(onSecond: (record: SecondRecord) => void) {
    this.onSecond = onSecond
  }

  /** Begins, at `now` in ns: what came before was no part of the measured run. */
  start(now: number): void {
    this.isOn = true
    this.startedAt = now
  }

  /** A PUT that was answered; `latency` and `now` in ns. */
  stored(latency: number, now: number): void {
    if (!this.isOn) return
    this.putCount++
    this.roll(now)
    this.record(this.secondPut, latency)
  }

  /** A GET that was answered. */
  found(latency: number, now: number, isHit: boolean): void {
    if (!this.isOn) return
    this.getCount++
    if (isHit) this.hits++
    else this.misses++
    this.roll(now)
    this.record(this.secondGet, latency)
  }

  /** A request that failed. */
  failed(isPut: boolean, failure: Failure, now: number): void {
    if (!this.isOn) return
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
    if (!this.isOn) return
    this.scheduleLagSum += lag
    if (lag > this.scheduleLagMax) this.scheduleLagMax = lag
  }

  /** Hands over the seconds that have passed by `now`, in ns, those in which nothing came too. */
  roll(now: number): void {
    if (!this.isOn) return
    const second = Math.floor((now - this.startedAt) / 1e9)
    while (this.second < second) this.flush()
  }

  /** Hands over the unfinished second, and records no more. */
  end(): Recording {
    if (this.secondRequests + this.secondErrors > 0) this.flush()
    this.isOn = false
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

  private record(histogram: RecordableHistogram, latency: number): void {
    histogram.record(Math.min(HIGHEST, Math.max(1, Math.round(latency))))
    this.secondRequests++
  }

  private flush(): void {
    this.put.add(this.secondPut)
    this.get.add(this.secondGet)
    // The second itself has no use for the difference.
    const histogram = this.secondPut
    histogram.add(this.secondGet)
    this.onSecond({
      second: this.second,
      requests: this.secondRequests,
      errors: this.secondErrors,
      histogram
    })
    this.second++
    this.secondRequests = this.secondErrors = 0
    this.secondPut = makeHistogram()
    this.secondGet = makeHistogram()
  }
}
