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
  readonly send: (count: number, since?: number) => void
}

export class Pacer {
  private readonly options: PacerOptions
  private readonly startedAt: number
  private readonly endsAt: number
  private readonly sent: Float64Array
  private readonly first: number
  private readonly onSentLate: (lag: number) => void

  /** For the connections from number `first` on, `count` of them, starting at `now` (ns). */
  constructor(options: PacerOptions, first: number, count: number, now: number, onSentLate: (lag: number) => void) {
    this.options = options
    this.first = first
    this.startedAt = now
    this.endsAt = options.duration === undefined ? Number.POSITIVE_INFINITY : now + options.duration
    this.sent = new Float64Array(count)
    this.onSentLate = onSentLate
  }

  /** Lets a connection send what it is time for; says whether it has sent all that it will. */
  feed(index: number, sender: Sender, now: number): boolean {
    return this.options.rate === undefined ? this.feedClosed(index, sender, now) : this.feedOpen(index, sender, now)
  }

  /** Open loop: requests whose moment has come by `now` and that were not sent. */
  unsent(now: number): number {
    if (this.options.rate === undefined) return 0
    return this.sent.reduce((sum, sent, index) => sum + Math.max(0, this.dueBy(index, now) - sent), 0)
  }

  private feedClosed(index: number, sender: Sender, now: number): boolean {
    const sent = this.sent[index] ?? 0
    const remaining = now >= this.endsAt ? 0 : (this.options.requests ?? Number.POSITIVE_INFINITY) - sent
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
      const moment = this.momentOf(index, sent)
      sender.send(1, moment)
      this.onSentLate(now - moment)
      sent++
    }
    this.sent[index] = sent
    return now >= this.endsAt ? sent >= due : sent >= (this.options.requests ?? Number.POSITIVE_INFINITY)
  }

  /** How many of a connection's requests have their moment by `now`. */
  private dueBy(index: number, now: number): number {
    const limit = this.options.requests ?? Number.POSITIVE_INFINITY
    const elapsed = Math.min(now, this.endsAt) - this.momentOf(index, 0)
    return elapsed < 0 ? 0 : Math.min(limit, Math.floor(elapsed / this.interval) + 1)
  }

  private momentOf(index: number, request: number): number {
    return this.startedAt + ((this.first + index) / this.options.connections + request) * this.interval
  }

  /** ns between two requests of one connection. */
  private get interval(): number {
    return (this.options.connections / (this.options.rate ?? 1)) * 1e9
  }
}
