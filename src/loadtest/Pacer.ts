/**
 * Decides when each connection sends its next request, in one phase of a load test. It knows the two loops and no
 * sockets.
 *
 * In a closed loop a connection sends as soon as its pipeline has room. In an open loop it sends at moments that are
 * fixed in advance, whatever the server does. If the connection has no room at a moment, the request waits, and its
 * latency still counts from the moment.
 */

export interface PacerOptions {
  /** The requests of each connection. Absent if the phase has a duration. */
  readonly requests?: number | undefined
  /** In ns. Absent if the phase has a number of requests. */
  readonly duration?: number | undefined
  /** Requests per second of all connections together. Absent for a closed loop. */
  readonly rate?: number | undefined
  /** The number of connections of the test, in all threads. */
  readonly connections: number
  /** The most requests in flight on a connection. */
  readonly pipeline: number
  /** In ns. For this long after its end, the phase still sends requests that were due before the end. */
  readonly patience: number
}

/** A connection, as the pacer sees it. */
export interface Sender {
  readonly inFlight: number
  /** Sends `count` requests. Their latencies count from `moment`, in ns, or from the sending if it is absent. */
  readonly send: (count: number, moment?: number) => void
}

/**
 * The requests of an open loop are numbered in the order of their moments: one round of all connections, then the next.
 * All arithmetic uses these numbers, so that rounding cannot make two answers differ.
 */
export class Pacer {
  private readonly options: PacerOptions
  private readonly startedAt: number
  private readonly endsAt: number
  private readonly sent: Float64Array
  private readonly first: number
  // The requests of all connections that were due at the last call of `eachDue`.
  private told = 0

  /** Serves `count` connections from number `first` on. The phase starts at `now` (ns). */
  constructor(options: PacerOptions, first: number, count: number, now: number) {
    this.options = options
    this.first = first
    this.startedAt = now
    this.endsAt = options.duration === undefined ? Number.POSITIVE_INFINITY : now + options.duration
    this.sent = new Float64Array(count)
  }

  /** Lets a connection send what is due. Returns whether it has sent everything. */
  feed(index: number, sender: Sender, now: number): boolean {
    return this.options.rate === undefined ? this.feedClosed(index, sender, now) : this.feedOpen(index, sender, now)
  }

  /** Fails the next request, which could not be sent. */
  fail(index: number, sender: Sender, now: number): void {
    const sent = this.sent[index] ?? 0
    if (now >= this.endsAt || sent >= this.requests) return
    sender.send(1)
    this.sent[index] = sent + 1
  }

  /** Open loop: visits the connections with requests that have become due since the last call. */
  eachDue(now: number, visit: (index: number) => void): void {
    const { connections } = this.options
    const told = this.told
    const total = this.dueInAll(now)
    this.told = total
    for (let number = Math.max(told, total - connections); number < total; number++) {
      const index = (number % connections) - this.first
      if (index >= 0 && index < this.sent.length) visit(index)
    }
  }

  /** Open loop: the next moment, in ns, that `eachDue` has not visited. Infinity if there is none. */
  get nextMoment(): number {
    const { connections } = this.options
    const turn = this.told % connections
    // The moments between this thread's rounds belong to other threads.
    const wait =
      turn < this.first ? this.first - turn : turn < this.first + this.sent.length ? 0 : connections - turn + this.first
    const number = this.told + wait
    return number < this.total ? this.startedAt + number * this.interval : Number.POSITIVE_INFINITY
  }

  /** Open loop: the requests that were due at `now` and have not been sent. */
  unsent(now: number): number {
    if (this.options.rate === undefined) return 0
    return this.sent.reduce((sum, sent, index) => sum + Math.max(0, this.dueBy(index, now) - sent), 0)
  }

  private get requests(): number {
    return this.options.requests ?? Number.POSITIVE_INFINITY
  }

  private feedClosed(index: number, sender: Sender, now: number): boolean {
    const sent = this.sent[index] ?? 0
    const remaining = now >= this.endsAt ? 0 : this.requests - sent
    const count = Math.min(remaining, this.options.pipeline - sender.inFlight)
    if (count > 0) {
      sender.send(count)
      this.sent[index] = sent + count
    }
    return remaining <= 0
  }

  private feedOpen(index: number, sender: Sender, now: number): boolean {
    let sent = this.sent[index] ?? 0
    const due = now > this.endsAt + this.options.patience ? 0 : this.dueBy(index, now)
    while (sent < due && sender.inFlight < this.options.pipeline) {
      sender.send(1, this.momentOf(index, sent))
      sent++
    }
    this.sent[index] = sent
    return now >= this.endsAt ? sent >= due : sent >= this.requests
  }

  /** How many requests of all connections are due at `now`. */
  private dueInAll(now: number): number {
    return Math.min(this.total, Math.floor((now - this.startedAt) / this.interval) + 1)
  }

  /** All requests of the phase: those with a moment before its end. */
  private get total(): number {
    const { connections, duration = Number.POSITIVE_INFINITY } = this.options
    // Reduced a little, because rounding must not turn 0.3 s at 10 requests/s into 4 requests.
    return Math.min(this.requests * connections, Math.ceil(duration / this.interval - 1e-6))
  }

  /** How many requests of a connection are due at `now`. */
  private dueBy(index: number, now: number): number {
    const { connections } = this.options
    return Math.max(0, Math.ceil((this.dueInAll(now) - this.first - index) / connections))
  }

  private momentOf(index: number, request: number): number {
    return this.startedAt + (request * this.options.connections + this.first + index) * this.interval
  }

  /** The ns between two requests of all connections together. */
  private get interval(): number {
    return 1e9 / (this.options.rate ?? 1)
  }
}
