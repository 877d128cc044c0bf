/**
 * Records the outcomes of a thread's requests in histograms and plain counters, so that a recording takes a few
 * nanoseconds. It sends nothing and prints nothing.
 */
import { Histogram, type HistogramData } from "./Histogram.ts"
import { type Failure, type FailureMessage, Failures } from "./Failures.ts"
import { sliceLength } from "./Slice.ts"

/** The figures of a period of the run, as one thread saw it. */
export interface SliceRecord {
  /** In ms since the start of the measured run. */
  readonly from: number
  /** In ms: see `Slice.ts`. */
  readonly length: number
  readonly requests: number
  readonly errors: number
  /** Latencies. */
  readonly histogram: HistogramData
}

/** Everything that one thread recorded, as plain data that can be sent to another thread. */
export interface Recording {
  /** Latencies, counted from the moment that a request was due. */
  readonly put: HistogramData
  readonly get: HistogramData
  /** Times since the sending of a request. In a closed loop they equal the latencies. */
  readonly service: HistogramData
  /** In an open loop, how late requests were sent. */
  readonly lag: HistogramData
  readonly putCount: number
  readonly getCount: number
  readonly hits: number
  readonly misses: number
  readonly errors: Readonly<Partial<Record<Failure, number>>>
  readonly errorMessages: ReadonlyArray<FailureMessage>
  readonly putErrors: number
  readonly getErrors: number
}

const MILLI = 1e6

export class Recorder {
  private readonly put = new Histogram()
  private readonly get = new Histogram()
  private readonly service = new Histogram()
  private readonly lag = new Histogram()
  private putCount = 0
  private getCount = 0
  private hits = 0
  private misses = 0
  private putErrors = 0
  private getErrors = 0
  private readonly errors: Partial<Record<Failure, number>> = {}
  private readonly failures = new Failures()
  // Answers before the start belong to the warm-up, and answers after the end are too late. Neither is recorded.
  private isOn = false
  private startedAt = 0
  // The slice being recorded, in ms, and the time in ns at which it ends.
  private from = 0
  private length = sliceLength(0)
  private endsAt = 0
  private readonly slice = new Histogram()
  private sliceErrors = 0
  private readonly onSlice: (record: SliceRecord) => void

  constructor(onSlice: (record: SliceRecord) => void) {
    this.onSlice = onSlice
  }

  /** Starts the measured run at `now`, in ns. Nothing was recorded before. */
  start(now: number): void {
    this.isOn = true
    this.startedAt = now
    this.begin(0)
  }

  /** Records an answer that came `latency` ns after its request was due and `service` ns after it was sent. */
  answered(outcome: "stored" | "hit" | "miss", latency: number, service: number, now: number): void {
    if (!this.isOn) return
    if (now >= this.endsAt) this.roll(now)
    if (outcome === "stored") {
      this.putCount++
      this.put.record(latency)
    } else {
      this.getCount++
      if (outcome === "hit") this.hits++
      else this.misses++
      this.get.record(latency)
    }
    this.service.record(service)
    this.slice.record(latency)
  }

  /** Records a failed request, with what the server said or what became of the connection. */
  failed(isPut: boolean, failure: Failure, now: number, message?: string): void {
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
    if (message !== undefined) this.failures.add(failure, message)
    this.sliceErrors++
  }

  /** Records that a request of an open loop was sent `lag` ns late. */
  sentLate(lag: number): void {
    if (this.isOn) this.lag.record(lag)
  }

  /** Hands over the slices that have ended by `now`, in ns, including the empty ones. */
  roll(now: number): void {
    if (!this.isOn) return
    while (now >= this.endsAt) {
      this.flush()
      this.begin(this.from + this.length)
    }
  }

  /** Hands over the unfinished slice and stops recording. */
  end(): Recording {
    if (this.slice.count + this.sliceErrors > 0) this.flush()
    this.isOn = false
    const { errors, getCount, getErrors, hits, misses, putCount, putErrors } = this
    return {
      put: this.put.data,
      get: this.get.data,
      service: this.service.data,
      lag: this.lag.data,
      putCount,
      getCount,
      hits,
      misses,
      errors,
      errorMessages: this.failures.messages,
      putErrors,
      getErrors
    }
  }

  private begin(from: number): void {
    this.from = from
    this.length = sliceLength(from)
    this.endsAt = this.startedAt + (from + this.length) * MILLI
  }

  private flush(): void {
    this.onSlice({
      from: this.from,
      length: this.length,
      requests: this.slice.count,
      errors: this.sliceErrors,
      histogram: this.slice.data
    })
    this.slice.clear()
    this.sliceErrors = 0
  }
}
