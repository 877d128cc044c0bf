/**
 * One connection of a load test: sends requests, matches the answers, and records how long each took.
 *
 * Like the server's connection it works in listeners and plain loops, and all connections read into one buffer: what
 * the load generator costs is taken from what it can measure. When to send is the driver's to say.
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
import * as Command from "../domain/Command.ts"
import type { Reply } from "../domain/Reply.ts"
import type { MalformedReply, ProtocolService } from "../protocol/Protocol.ts"
import type { Failure, Recorder } from "./Recorder.ts"
import type { Vocabulary, WorkItem, WorkSource } from "./Workload.ts"

export interface LoadConnectionOptions {
  readonly host: string
  readonly port: number
  readonly protocol: ProtocolService
  readonly vocabulary: Vocabulary
  readonly recorder: Recorder
  /** TTL of PUTs, in seconds. */
  readonly ttl: number
  /** The most requests in flight. */
  readonly pipeline: number
  /** ns after which a request has failed, answered or not. */
  readonly timeout: number
  /** The monotonic time, in ns. */
  readonly now: () => number
  /** Called when answers have come, and when the connection is lost. */
  readonly onProgress: (connection: LoadConnection) => void
}

/** A request as it will be sent, made in advance: making it is no part of the time that is measured. */
interface Prepared {
  readonly tag: Command.StoreCommand["_tag"]
  readonly text: string
  readonly value: string
}

interface InFlight {
  readonly prepared: Prepared
  /** ns: when it was sent, or in an open loop when it should have been. */
  readonly since: number
}

/** What was asked outside of a phase, and is not recorded. */
interface Asked {
  readonly count: number
  readonly replies: Array<Reply>
  readonly resume: (result: Effect.Effect<ReadonlyArray<Reply>, ClientError>) => void
}

/** Requests that are made in advance: enough for a full pipeline, but not for a very long one. */
const FEWEST_AHEAD = 4
const MOST_AHEAD = 64

const READ_BUFFER_BYTES = 64 * 1024

// Read and decoded within one callback, so one buffer serves all connections of a thread.
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

export class LoadConnection {
  /** Requests sent whose time is still being taken. */
  inFlight = 0
  /** Why the connection was lost, or nothing. */
  lost: Failure | undefined
  /** Whether the loss failed a request of this phase; where none was in flight, it has not yet. */
  hasFailedByLoss = false
  private readonly options: LoadConnectionOptions
  private readonly name: string
  private readonly ahead: number
  private readonly decoder: ReturnType<ProtocolService["makeReplyDecoder"]>
  private source: WorkSource = { next: () => ({ isPut: false, key: 0 }) }
  private prepared: Array<Prepared> = []
  // Oldest first, those that were abandoned included: their answers come in their turn.
  private readonly awaited: Array<InFlight> = []
  // How many of the oldest have been recorded as timed out: their answers are dropped.
  private abandoned = 0
  private asked: Asked | undefined
  private failure: ClientError | undefined
  private socket: Net.Socket | undefined
  private receivedAt = 0

  constructor(options: LoadConnectionOptions) {
    this.options = options
    this.name = `${options.host}:${options.port}`
    this.ahead = Math.min(MOST_AHEAD, Math.max(FEWEST_AHEAD, options.pipeline))
    this.decoder = options.protocol.makeReplyDecoder()
  }

  /**
   * Connects, until the scope closes, and waits for a first answer: a server that takes no more connections accepts
   * them all the same, and only then says so.
   */
  get open(): Effect.Effect<void, ClientError, Scope.Scope> {
    const socket = openSocket(this.options, {
      buffer: readBuffer,
      callback: (length) => {
        this.receive(readBuffer.subarray(0, length))
        return true
      }
    })
    return Effect.acquireRelease(socket, (opened) => Effect.sync(() => opened.destroy()), { interruptible: true }).pipe(
      Effect.flatMap((opened) => {
        this.socket = opened
        const lose = () => this.lose("closed", this.closedBecause("the server closed it"))
        opened.on("error", lose)
        opened.on("close", lose)
        const key = Command.Key.make(this.options.vocabulary.key(0), unchecked)
        return this.ask([this.encode({ _tag: "Exists", key }, "")])
      }),
      Effect.flatMap(([reply]) =>
        reply?._tag === "Failed" ? Effect.fail(this.refusedWith("the connection", reply.message)) : Effect.void
      )
    )
  }

  /** Begins with a row of requests, some of which are made in advance. */
  prepare(source: WorkSource): void {
    this.source = source
    this.hasFailedByLoss = false
    this.prepared = Array.from({ length: this.ahead }, () => this.prepareNext())
  }

  /**
   * Sends the next `count` requests in one write. `since` is the time in ns that their latencies count from. On a
   * connection that is lost they fail at once.
   */
  send(count: number, since?: number): void {
    const batch: Array<Prepared> = []
    let text = ""
    for (let i = 0; i < count; i++) {
      const next = this.prepared.shift() ?? this.prepareNext()
      batch.push(next)
      text += next.text
    }
    const now = this.options.now()
    if (this.lost === undefined) {
      for (const prepared of batch) this.awaited.push({ prepared, since: since ?? now })
      this.inFlight += count
      this.socket?.write(text, "latin1")
    } else {
      for (const prepared of batch) this.fail(prepared, this.lost, now)
      this.hasFailedByLoss = true
    }
    // While the server is at work.
    while (this.prepared.length < this.ahead) this.prepared.push(this.prepareNext())
  }

  /** Puts keys in one write, and completes when all are stored. Nothing of it is recorded. */
  put(keys: ReadonlyArray<number>): Effect.Effect<void, ClientError> {
    return Effect.flatMap(this.ask(keys.map((key) => this.toPrepared({ isPut: true, key }))), (replies) => {
      const failed = replies.find((reply) => reply._tag === "Failed")
      return failed === undefined ? Effect.void : Effect.fail(this.refusedWith("a PUT of the preload", failed.message))
    })
  }

  /** Records the requests that are late by `now`, in ns, as timed out. */
  expire(now: number): void {
    for (; this.abandoned < this.awaited.length; this.abandoned++) {
      const late = this.awaited[this.abandoned]
      if (late === undefined || now - late.since <= this.options.timeout) return
      this.inFlight--
      this.fail(late.prepared, "timeout", now)
    }
  }

  /** Sends what is no part of the measured run. */
  private ask(batch: ReadonlyArray<Prepared>): Effect.Effect<ReadonlyArray<Reply>, ClientError> {
    return Effect.callback<ReadonlyArray<Reply>, ClientError>((resume) => {
      if (this.failure !== undefined) return resume(Effect.fail(this.failure))
      this.asked = { count: batch.length, replies: [], resume }
      for (const prepared of batch) this.awaited.push({ prepared, since: 0 })
      this.socket?.write(batch.map((prepared) => prepared.text).join(""), "latin1")
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

  private fail({ tag }: Prepared, failure: Failure, now: number): void {
    this.options.recorder.failed(tag === "Put", failure, now)
  }

  private prepareNext(): Prepared {
    return this.toPrepared(this.source.next())
  }

  private toPrepared({ isPut, key }: WorkItem): Prepared {
    const { ttl, vocabulary } = this.options
    const name = Command.Key.make(vocabulary.key(key), unchecked)
    const value = Command.Value.make(vocabulary.value(key), unchecked)
    const command: Command.StoreCommand = isPut
      ? { _tag: "Put", key: name, value, ttl: Command.Ttl.make(ttl, unchecked) }
      : { _tag: "Get", key: name }
    return this.encode(command, value)
  }

  private encode(command: Command.StoreCommand, value: string): Prepared {
    return { tag: command._tag, text: this.options.protocol.encodeCommand(command), value }
  }

  private receive(bytes: Buffer): void {
    // The answers of one read arrived together.
    this.receivedAt = this.options.now()
    this.decoder.decode(
      bytes.toString("latin1"),
      () => this.awaited[0]?.prepared.tag,
      (reply) => this.answer(reply)
    )
    this.options.onProgress(this)
  }

  private answer(reply: Reply | MalformedReply): void {
    if (this.lost !== undefined) return
    if (reply._tag === "MalformedReply") {
      const message = `${this.name} sent what is no answer of a KV-Cache server: '${reply.received}'.`
      return this.lose("malformed_reply", new MalformedReplyError({ message }))
    }
    const request = this.awaited.shift()
    if (request === undefined) {
      // Said before it was asked: the server does not take the connection.
      const reason = reply._tag === "Failed" ? reply.message : "it answered what was not asked"
      return this.lose("refused", this.refusedWith("the connection", reason))
    }
    if (this.asked !== undefined) return this.collect(this.asked, reply)
    if (this.abandoned > 0) {
      this.abandoned--
      return
    }
    this.inFlight--
    this.record(request, reply)
  }

  private collect(asked: Asked, reply: Reply): void {
    asked.replies.push(reply)
    if (asked.replies.length < asked.count) return
    this.asked = undefined
    asked.resume(Effect.succeed(asked.replies))
  }

  private record({ prepared, since }: InFlight, reply: Reply): void {
    const { recorder, timeout } = this.options
    const latency = this.receivedAt - since
    // Late, though nobody has looked in the meantime.
    if (latency > timeout) return this.fail(prepared, "timeout", this.receivedAt)
    switch (reply._tag) {
      case "Stored":
        return recorder.stored(latency, this.receivedAt)
      case "Found":
        return reply.value === prepared.value
          ? recorder.found(latency, this.receivedAt, true)
          : this.fail(prepared, "wrong_value", this.receivedAt)
      case "NotFound":
        return recorder.found(latency, this.receivedAt, false)
      default:
        return this.fail(prepared, "refused", this.receivedAt)
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
      for (const { prepared } of this.awaited.slice(this.abandoned)) this.fail(prepared, failure, now)
    }
    this.awaited.length = this.abandoned = this.inFlight = 0
    this.socket?.destroy()
    this.asked?.resume(Effect.fail(error))
    this.asked = undefined
    this.options.onProgress(this)
  }
}

/** The vocabulary makes nothing but keys and values that are allowed: a test checks it once for all. */
const unchecked = { disableChecks: true }
