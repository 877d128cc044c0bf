/**
 * One connection of a load test: sends requests, matches the answers, and records how long each took.
 *
 * Like the server's connection it works in listeners and plain loops, on places in bytes: what the load generator costs
 * is taken from what it can measure. When to send is the driver's to say, how a request is written the wire's.
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
import { DEFAULT_TIMEOUT, openSocket } from "../client/ClientSocket.ts"
import { InFlight } from "./InFlight.ts"
import { OUTBOX_BYTES, type Outbox } from "./Outbox.ts"
import type { Failure, Recorder } from "./Recorder.ts"
import { GREETING, INCOMPLETE, MALFORMED, NOTHING, type Wire } from "./Wire.ts"
import { getOf, isPut, putOf, type WorkItem, type WorkSource } from "./Workload.ts"

export interface LoadConnectionOptions {
  readonly host: string
  readonly port: number
  /** All connections of a thread may have the same. */
  readonly wire: Wire
  readonly outbox: Outbox
  readonly recorder: Recorder
  /** ns after which a request has failed, answered or not. */
  readonly timeout: number
  /** The monotonic time, in ns. */
  readonly now: () => number
  /** Called when answers have come, and when the connection is lost, with the time at which that was, in ns. */
  readonly onProgress: (connection: LoadConnection, now: number) => void
}

/** What was asked outside of a phase, and is not recorded. */
interface Asked {
  /** Answers still to come. */
  left: number
  /** The words of the first refusal. */
  refusal: string | undefined
  readonly resume: (result: Effect.Effect<string | undefined, ClientError>) => void
}

const READ_BUFFER_BYTES = 64 * 1024

// Read and decoded within one callback, so one buffer serves all connections of a thread.
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

const nothing = Buffer.alloc(0)

export class LoadConnection {
  /** Requests sent whose time is still being taken. */
  inFlight = 0
  /** Why the connection was lost, or nothing. */
  lost: Failure | undefined
  /** Whether the loss failed a request of this phase; where none was in flight, it has not yet. */
  hasFailedByLoss = false
  private readonly options: LoadConnectionOptions
  private readonly name: string
  private source: WorkSource = { next: () => getOf(0) }
  private readonly awaited = new InFlight()
  // How many of the oldest have been recorded as timed out: their answers are dropped.
  private abandoned = 0
  private asked: Asked | undefined
  private failure: ClientError | undefined
  private socket: Net.Socket | undefined
  // The beginning of a reply whose end has not come.
  private rest = nothing

  constructor(options: LoadConnectionOptions) {
    this.options = options
    this.name = `${options.host}:${options.port}`
  }

  /**
   * Connects, until the scope closes, and waits for a first answer: a server that takes no more connections accepts
   * them all the same, and only then says so.
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
        const lose = () => this.lose("closed", this.closedBecause("the server closed it"))
        opened.on("error", lose)
        opened.on("close", lose)
        return this.ask([GREETING])
      }),
      Effect.flatMap((refusal) =>
        refusal === undefined ? Effect.void : Effect.fail(this.refusedWith("the connection", refusal))
      )
    )
  }

  /** Begins with a row of requests. */
  prepare(source: WorkSource): void {
    this.source = source
    this.hasFailedByLoss = false
  }

  /**
   * Sends the next `count` requests, in one write if they fit. `moment` is the time in ns that their latencies count
   * from, where that is not their sending. On a connection that is lost they fail at once.
   */
  send(count: number, moment?: number): void {
    const { now, outbox, recorder } = this.options
    if (this.lost !== undefined) {
      const at = now()
      for (let i = 0; i < count; i++) recorder.failed(isPut(this.source.next()), this.lost, at)
      this.hasFailedByLoss = true
      return
    }
    const { awaited, socket } = this
    if (socket === undefined) return
    const first = awaited.count
    this.inFlight += count
    const length = this.make(count, this.source.next, socket)
    // As late as can be: the making of requests is no part of the time that is measured.
    const sent = now()
    for (let i = first; i < awaited.count; i++) awaited.time(i, moment ?? sent, sent)
    if (moment !== undefined) recorder.sentLate(Math.max(0, sent - moment))
    outbox.send(socket, length)
  }

  /** Puts keys, and completes when all are stored. Nothing of it is recorded. */
  put(keys: ReadonlyArray<number>): Effect.Effect<void, ClientError> {
    return Effect.flatMap(this.ask(keys.map(putOf)), (refusal) =>
      refusal === undefined ? Effect.void : Effect.fail(this.refusedWith("a PUT of the preload", refusal))
    )
  }

  /** Records the requests that are late by `now`, in ns, as timed out. */
  expire(now: number): void {
    for (; this.abandoned < this.awaited.count; this.abandoned++) {
      if (now - this.awaited.momentAt(this.abandoned) <= this.options.timeout) return
      this.inFlight--
      this.fail(this.awaited.itemAt(this.abandoned), "timeout", now)
    }
  }

  /** Makes requests, writes those for which there is no room, and returns how many bytes are left to be written. */
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

  /** Sends what is no part of the measured run, and gives the words of the first refusal. */
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

  private fail(item: WorkItem, failure: Failure, now: number): void {
    this.options.recorder.failed(isPut(item), failure, now)
  }

  private receive(bytes: Buffer, length: number): void {
    // The answers of one read arrived together.
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
        const message = `${this.name} sent what is no answer of a KV-Cache server: '${wire.message}'.`
        return this.lose("malformed_reply", new MalformedReplyError({ message }))
      }
      if (item === NOTHING) {
        // Said before it was asked: the server does not take the connection.
        return this.lose("refused", this.refusedWith("the connection", wire.message))
      }
      at = next
      const moment = awaited.momentAt(0)
      const sent = awaited.sentAt(0)
      // First of all: what an answer leads to may look at what is awaited.
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

  /** Records an answer that came `latency` ns after its request was due, and `service` ns after it was sent. */
  private record(item: WorkItem, latency: number, service: number, now: number): void {
    const { recorder, timeout, wire } = this.options
    // Late, though nobody has looked in the meantime.
    if (latency > timeout) return recorder.failed(isPut(item), "timeout", now)
    switch (wire.outcome) {
      case "stored":
      case "hit":
      case "miss":
        return recorder.answered(wire.outcome, latency, service, now)
      case "wrong value":
        return this.fail(item, "wrong_value", now)
      default:
        return this.fail(item, "refused", now)
    }
  }

  private refusedWith(what: string, reason: string): RefusedError {
    return new RefusedError({ message: `${this.name} refused ${what}: ${reason}.` })
  }

  private closedBecause(reason: string): ConnectionClosedError {
    return new ConnectionClosedError({ message: `The connection to ${this.name} is closed: ${reason}.` })
  }

  private lose(failure: Failure, error: ClientError): void {
    if (this.lost !== undefined) return
    this.lost = failure
    this.failure = error
    const now = this.options.now()
    this.hasFailedByLoss = this.inFlight > 0
    if (this.asked === undefined) {
      for (let i = this.abandoned; i < this.awaited.count; i++) this.fail(this.awaited.itemAt(i), failure, now)
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
