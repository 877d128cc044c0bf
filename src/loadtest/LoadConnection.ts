/**
 * One connection of a load test: it sends requests, matches the answers, and records how long each took.
 *
 * Like the server's connection, it works in listeners and plain loops on offsets in bytes, because the cost of the load
 * generator reduces what it can measure. It does not decide when to send: see `LoadDriver.ts`. It does not know how a
 * request is written: see `Wire.ts`.
 */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  type ClientError,
  ConnectionClosedError,
  MalformedReplyError,
  RefusedError,
  TimeoutError
} from "../client/ClientError.ts"
import { describeCut } from "../client/ClientConnection.ts"
import type { ClientTls } from "../client/ClientTls.ts"
import { DEFAULT_TIMEOUT, formatAddress, openSocket } from "../client/ClientSocket.ts"
import type { Failure } from "./Failures.ts"
import { InFlight } from "./InFlight.ts"
import { OUTBOX_BYTES, type Outbox } from "./Outbox.ts"
import type { Recorder } from "./Recorder.ts"
import { GREETING, INCOMPLETE, MALFORMED, NOTHING, type Wire } from "./Wire.ts"
import { getOf, isPut, putOf, type WorkItem, type WorkSource } from "./Workload.ts"

export interface LoadConnectionOptions {
  readonly host: string
  readonly port: number
  readonly tls?: ClientTls | undefined
  /** Both may be shared by all connections of a thread. */
  readonly wire: Wire
  readonly outbox: Outbox
  readonly recorder: Recorder
  /** In ns. After this time a request has failed, answered or not. */
  readonly timeout: number
  /** The monotonic time in ns. */
  readonly now: () => number
  /** Called when answers have arrived and when the connection is lost, with the time of that in ns. */
  readonly onProgress: (connection: LoadConnection, now: number) => void
}

/** Requests sent outside of a phase. They are not recorded. */
interface Asked {
  /** The number of answers still to come. */
  left: number
  /** The text of the first refusal. */
  refusal: string | undefined
  readonly resume: (result: Effect.Effect<string | undefined, ClientError>) => void
}

/** The message of a reply that is neither an error nor what was asked for. */
const UNEXPECTED = "a reply to another request"

const READ_BUFFER_BYTES = 64 * 1024

// Each read is decoded within its callback, so one buffer serves all connections of a thread.
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

const nothing = Buffer.alloc(0)

export class LoadConnection {
  /** The requests in flight that have not timed out. */
  inFlight = 0
  /** Why the connection was lost, or `undefined`. */
  lost: Failure | undefined
  /** Whether the loss has failed a request of this phase. If none was in flight, it has not yet. */
  hasFailedByLoss = false
  private readonly options: LoadConnectionOptions
  private readonly name: string
  private source: WorkSource = { next: () => getOf(0) }
  private readonly awaited = new InFlight()
  // How many of the oldest requests have been recorded as timed out. Their answers are dropped.
  private abandoned = 0
  private asked: Asked | undefined
  // Why the connection was lost, in words: with the server's name, and for requests that fail by it.
  private failure: ClientError | undefined
  private lossMessage = ""
  private socket: Net.Socket | undefined
  // The beginning of a reply whose end has not arrived.
  private rest = nothing

  constructor(options: LoadConnectionOptions) {
    this.options = options
    this.name = formatAddress(options)
  }

  /**
   * Connects until the scope closes and waits for a first answer. The wait is needed because a server at its limit
   * accepts the connection and only then refuses it.
   */
  get open(): Effect.Effect<void, ClientError, Scope.Scope> {
    const socket = openSocket(this.options, {
      buffer: readBuffer,
      callback: (length) => {
        this.receive(readBuffer, length)
        return true
      }
    })
    return Effect.acquireRelease(socket, (opened) => Effect.sync(() => opened.destroy()), { interruptible: true }).pipe(
      Effect.flatMap((opened) => {
        this.socket = opened
        opened.on("error", (error: NodeJS.ErrnoException) => this.close(describeCut(error.code, error.message)))
        opened.on("close", () => this.close("the server closed it"))
        return this.ask([GREETING])
      }),
      Effect.flatMap((refusal) =>
        refusal === undefined ? Effect.void : Effect.fail(this.refusedWith("the connection", refusal))
      )
    )
  }

  /** Starts a new sequence of requests. */
  prepare(source: WorkSource): void {
    this.source = source
    this.hasFailedByLoss = false
  }

  /**
   * Sends the next `count` requests, in one write if they fit. Their latencies count from `moment`, in ns, or from the
   * sending if it is absent. On a lost connection they fail at once.
   */
  send(count: number, moment?: number): void {
    const { now, outbox, recorder } = this.options
    if (this.lost !== undefined) {
      const at = now()
      for (let i = 0; i < count; i++) recorder.failed(isPut(this.source.next()), this.lost, at, this.lossMessage)
      this.hasFailedByLoss = true
      return
    }
    const { awaited, socket } = this
    if (socket === undefined) return
    const first = awaited.count
    this.inFlight += count
    const length = this.make(count, this.source.next, socket)
    // Taken as late as possible, because making the requests is not part of the measured time.
    const sent = now()
    for (let i = first; i < awaited.count; i++) awaited.time(i, moment ?? sent, sent)
    if (moment !== undefined) recorder.sentLate(Math.max(0, sent - moment))
    outbox.send(socket, length)
  }

  /** Puts keys and completes when all are stored. Nothing is recorded. */
  put(keys: ReadonlyArray<number>): Effect.Effect<void, ClientError> {
    return Effect.flatMap(this.ask(keys.map(putOf)), (refusal) =>
      refusal === undefined ? Effect.void : Effect.fail(this.refusedWith("a PUT of the preload", refusal))
    )
  }

  /** Records the requests that are late at `now`, in ns, as timed out. */
  expire(now: number): void {
    for (; this.abandoned < this.awaited.count; this.abandoned++) {
      if (now - this.awaited.momentAt(this.abandoned) <= this.options.timeout) return
      this.inFlight--
      this.fail(this.awaited.itemAt(this.abandoned), "timeout", now)
    }
  }

  /** Makes requests and returns how many bytes remain to be written. If the buffer fills up, it is written first. */
  private make(count: number, next: () => WorkItem, socket: Net.Socket): number {
    const { outbox, wire } = this.options
    let length = 0
    for (let i = 0; i < count; i++) {
      if (length > OUTBOX_BYTES - wire.maxRequestBytes) {
        outbox.send(socket, length)
        length = 0
      }
      const item = next()
      length = wire.write(outbox.bytes, length, item)
      this.awaited.add(item)
    }
    return length
  }

  /** Sends requests outside of the measured run and gives the text of the first refusal. */
  private ask(items: ReadonlyArray<WorkItem>): Effect.Effect<string | undefined, ClientError> {
    return Effect.callback<string | undefined, ClientError>((resume) => {
      if (this.failure !== undefined) return resume(Effect.fail(this.failure))
      const { socket } = this
      if (socket === undefined) return
      this.asked = { left: items.length, refusal: undefined, resume }
      const row = items.values()
      const length = this.make(items.length, () => row.next().value ?? GREETING, socket)
      this.options.outbox.send(socket, length)
    }).pipe(
      Effect.timeoutOrElse({
        duration: DEFAULT_TIMEOUT,
        orElse: () =>
          Effect.fail(
            new TimeoutError({
              operation: "request",
              message: `${this.name} did not answer within ${Duration.format(DEFAULT_TIMEOUT)}.`
            })
          )
      })
    )
  }

  private fail(item: WorkItem, failure: Failure, now: number, message?: string): void {
    this.options.recorder.failed(isPut(item), failure, now, message)
  }

  private receive(bytes: Buffer, length: number): void {
    // All answers of one read arrived together.
    const now = this.options.now()
    if (this.rest.length === 0) this.read(bytes, length, now)
    else {
      const whole = Buffer.concat([this.rest, bytes.subarray(0, length)])
      this.rest = nothing
      this.read(whole, whole.length, now)
    }
    this.options.onProgress(this, now)
  }

  private read(bytes: Buffer, end: number, now: number): void {
    const { awaited } = this
    const { wire } = this.options
    let at = 0
    while (at < end && this.lost === undefined) {
      const item = awaited.count > 0 ? awaited.itemAt(0) : NOTHING
      const next = wire.read(bytes, at, end, item)
      if (next === INCOMPLETE) {
        this.rest = Buffer.from(bytes.subarray(at, end))
        return
      }
      if (next === MALFORMED) {
        const message = `${this.name} sent what is no answer of ${wire.server}: '${wire.message}'.`
        return this.lose("malformed_reply", wire.message, new MalformedReplyError({ message }))
      }
      if (item === NOTHING) {
        // A reply before any request: the server refuses the connection.
        return this.lose("refused", wire.message, this.refusedWith("the connection", wire.message))
      }
      at = next
      const moment = awaited.momentAt(0)
      const sent = awaited.sentAt(0)
      // Dropped before anything else, because whatever handles the answer may look at the requests in flight.
      awaited.drop()
      if (this.asked !== undefined) this.collect(this.asked)
      else if (this.abandoned > 0) this.abandoned--
      else {
        this.inFlight--
        this.record(item, now - moment, now - sent, now)
      }
    }
  }

  private collect(asked: Asked): void {
    const { wire } = this.options
    if (wire.outcome === "refused") asked.refusal ??= wire.message
    asked.left--
    if (asked.left > 0) return
    this.asked = undefined
    asked.resume(Effect.succeed(asked.refusal))
  }

  /** Records an answer that came `latency` ns after its request was due and `service` ns after it was sent. */
  private record(item: WorkItem, latency: number, service: number, now: number): void {
    const { recorder, timeout, wire } = this.options
    // The answer is late, but `expire` has not run since.
    if (latency > timeout) return recorder.failed(isPut(item), "timeout", now)
    switch (wire.outcome) {
      case "stored":
      case "hit":
      case "miss":
        return recorder.answered(wire.outcome, latency, service, now)
      case "wrong value":
        return this.fail(item, "wrong_value", now)
      default:
        return this.fail(item, "refused", now, wire.outcome === "refused" ? wire.message : UNEXPECTED)
    }
  }

  private refusedWith(what: string, reason: string): RefusedError {
    return new RefusedError({ message: `${this.name} refused ${what}: ${reason}.` })
  }

  private close(reason: string): void {
    const message = `The connection to ${this.name} is closed: ${reason}.`
    this.lose("closed", reason, new ConnectionClosedError({ message }))
  }

  private lose(failure: Failure, message: string, error: ClientError): void {
    if (this.lost !== undefined) return
    this.lost = failure
    this.lossMessage = message
    this.failure = error
    const now = this.options.now()
    this.hasFailedByLoss = this.inFlight > 0
    if (this.asked === undefined) {
      for (let i = this.abandoned; i < this.awaited.count; i++) this.fail(this.awaited.itemAt(i), failure, now, message)
    }
    this.awaited.clear()
    this.abandoned = this.inFlight = 0
    this.rest = nothing
    this.socket?.destroy()
    this.asked?.resume(Effect.fail(error))
    this.asked = undefined
    this.options.onProgress(this, now)
  }
}
