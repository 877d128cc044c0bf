/**
 * When each connection sends its next request, in one phase of a load test. Knows the two loops and nothing of sockets.
 *
 * Closed loop: as soon as the pipeline has room. Open loop: at moments that are fixed in advance, whatever the server
 * does; where a connection has no room then, the request waits, and its latency counts from its moment all the same.
 */

export interface PacerOptions {
  /** Requests of each connection, or nothing for a phase by time. */
  readonly requests?: number | undefined
  /** ns that the phase takes at most, or nothing for a phase by count. */
  readonly duration?: number | undefined
  /** Requests per second of all connections together, or nothing for a closed loop. */
  readonly rate?: number | undefined
  /** All connections of the test, in all threads. */
  readonly connections: number
  /** The most requests in flight on a connection. */
  readonly pipeline: number
  /** ns: for how long after its end the phase still sends requests whose moment came before. */
  readonly patience: number
}

/** What the pacer tells a connection to do. */
export interface Sender {
  readonly inFlight: number
  /** Sends so many, whose latencies count from a moment in ns, or from their sending. */
  readonly send: (count: number, moment?: number) => void
}

/**
 * The requests of an open loop are numbered in the order of their moments: a round of all connections, another round,
 * and so on. All that is said of moments is said in these numbers, so that no rounding makes two answers differ.
 */
export class Pacer {
  private readonly options: PacerOptions
  private readonly startedAt: number
  private readonly endsAt: number
  private readonly sent: Float64Array
  private readonly first: number
  // Requests of all connections whose moment had come when `due` was last asked.
  private told = 0

  /** For the connections from number `first` on, `count` of them, starting at `now` (ns). */
  constructor(options: PacerOptions, first: number, count: number, now: number) {
    this.options = options
    this.first = first
    this.startedAt = now
    this.endsAt = options.duration === undefined ? Number.POSITIVE_INFINITY : now + options.duration
    this.sent = new Float64Array(count)
  }

  /** Lets a connection send what it is time for; says whether it has sent all that it will. */
  feed(index: number, sender: Sender, now: number): boolean {
    return this.options.rate === undefined ? this.feedClosed(index, sender, now) : this.feedOpen(index, sender, now)
  }

  /** A request that was to come next could not be sent, and fails. */
  fail(index: number, sender: Sender, now: number): void {
    const sent = this.sent[index] ?? 0
    if (now >= this.endsAt || sent >= this.requests) return
    sender.send(1)
    this.sent[index] = sent + 1
  }

  /** Open loop: visits the connections with requests whose moment has come since this was last asked. */
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

  /** Open loop: the first moment, in ns, of which `eachDue` has not told; infinity where there is none. */
  get nextMoment(): number {
    const { connections } = this.options
    const turn = this.told % connections
    // Between this thread's connections and its next ones are those of other threads.
    const wait =
      turn < this.first ? this.first - turn : turn < this.first + this.sent.length ? 0 : connections - turn + this.first
    const number = this.told + wait
    return number < this.total ? this.startedAt + number * this.interval : Number.POSITIVE_INFINITY
  }

  /** Open loop: requests whose moment has come by `now` and that were not sent. */
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

  /** How many requests of all connections have their moment by `now`. */
  private dueInAll(now: number): number {
    return Math.min(this.total, Math.floor((now - this.startedAt) / this.interval) + 1)
  }

  /** The requests of all connections in the whole phase: those whose moment is before its end. */
  private get total(): number {
    const { connections, duration = Number.POSITIVE_INFINITY } = this.options
    // A little less, since 0.3 s of 10 requests/s must not come to 4.
    return Math.min(this.requests * connections, Math.ceil(duration / this.interval - 1e-6))
  }

  /** How many of a connection's requests have their moment by `now`. */
  private dueBy(index: number, now: number): number {
    const { connections } = this.options
    return Math.max(0, Math.ceil((this.dueInAll(now) - this.first - index) / connections))
  }

  private momentOf(index: number, request: number): number {
    return this.startedAt + (request * this.options.connections + this.first + index) * this.interval
  }

  /** ns between two requests of all connections. */
  private get interval(): number {
    return 1e9 / (this.options.rate ?? 1)
  }
}
