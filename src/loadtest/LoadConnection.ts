/**
 * One connection of a load test: sends requests, matches the answers, and records how long each took.
 *
 * Like the server's connection it works in listeners and plain loops, and all connections read into one buffer: what
 * the load generator costs is taken from what it can measure. When to send is the driver's to say.
 */
import type * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError, TimeoutError } from "../client/ClientError.ts"
import { openSocket } from "../client/ClientSocket.ts"
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
  readonly source: WorkSource
  readonly recorder: Recorder
  /** TTL of PUTs, in seconds. */
  readonly ttl: number
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
  /** It was recorded as timed out; its answer is still to come, and is dropped. */
  isAbandoned: boolean
}

/** Requests that are made in advance. */
const AHEAD = 64

const READ_BUFFER_BYTES = 64 * 1024

// Read and decoded within one callback, so one buffer serves all connections of a thread.
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

export class LoadConnection {
  /** Requests sent whose time is still being taken. */
  inFlight = 0
  /** Why the connection was lost, or nothing. */
  lost: Failure | undefined
  private readonly options: LoadConnectionOptions
  private readonly decoder: ReturnType<ProtocolService["makeReplyDecoder"]>
  private readonly prepared: Array<Prepared> = []
  // Oldest first, those that were abandoned included: their answers come in their turn.
  private readonly awaited: Array<InFlight> = []
  private socket: Net.Socket | undefined
  private receivedAt = 0

  constructor(options: LoadConnectionOptions) {
    this.options = options
    this.decoder = options.protocol.makeReplyDecoder()
  }

  /** Connects, until the scope closes. */
  get open(): Effect.Effect<void, ConnectError | TimeoutError, Scope.Scope> {
    const socket = openSocket(this.options, {
      buffer: readBuffer,
      callback: (length) => {
        this.receive(readBuffer.subarray(0, length))
        return true
      }
    })
    return Effect.acquireRelease(socket, (opened) => Effect.sync(() => opened.destroy()), { interruptible: true }).pipe(
      Effect.map((opened) => {
        this.socket = opened
        opened.on("error", () => this.lose("closed"))
        opened.on("close", () => this.lose("closed"))
      })
    )
  }

  /** Makes the first requests, so that there are always some in advance. */
  prepare(): void {
    for (let i = 0; i < AHEAD; i++) this.prepared.push(this.prepareNext())
  }

  /** Sends the next `count` requests in one write. `since` is the time in ns that their latencies count from. */
  send(count: number, since?: number): void {
    const batch: Array<Prepared> = []
    let text = ""
    for (let i = 0; i < count; i++) {
      const next = this.prepared.shift() ?? this.prepareNext()
      batch.push(next)
      text += next.text
    }
    this.write(batch, text, since ?? this.options.now())
    // While the server is at work.
    while (this.prepared.length < AHEAD) this.prepared.push(this.prepareNext())
  }

  /** Sends PUTs of the given keys in one write. */
  sendPuts(keys: ReadonlyArray<number>): void {
    const batch = keys.map((key) => this.toPrepared({ isPut: true, key }))
    this.write(batch, batch.map((prepared) => prepared.text).join(""), this.options.now())
  }

  /** Records the requests sent before `deadline`, in ns, as timed out. */
  expire(deadline: number, now: number): void {
    for (const request of this.awaited) {
      if (request.since > deadline) return
      if (request.isAbandoned) continue
      request.isAbandoned = true
      this.inFlight--
      this.options.recorder.failed(request.prepared.tag === "Put", "timeout", now)
    }
  }

  private write(batch: ReadonlyArray<Prepared>, text: string, since: number): void {
    for (const prepared of batch) this.awaited.push({ prepared, since, isAbandoned: false })
    this.inFlight += batch.length
    this.socket?.write(text, "latin1")
  }

  private prepareNext(): Prepared {
    return this.toPrepared(this.options.source.next())
  }

  private toPrepared({ isPut, key }: WorkItem): Prepared {
    const { protocol, ttl, vocabulary } = this.options
    const name = Command.Key.make(vocabulary.key(key), unchecked)
    const value = Command.Value.make(vocabulary.value(key), unchecked)
    const command: Command.StoreCommand = isPut
      ? { _tag: "Put", key: name, value, ttl: Command.Ttl.make(ttl, unchecked) }
      : { _tag: "Get", key: name }
    return { tag: command._tag, text: protocol.encodeCommand(command), value }
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
    if (reply._tag === "MalformedReply") return this.lose("malformed_reply")
    const request = this.awaited.shift()
    // Said before it was asked: the server does not take the connection.
    if (request === undefined) return this.lose("refused")
    if (request.isAbandoned) return
    this.inFlight--
    const { recorder } = this.options
    const latency = this.receivedAt - request.since
    switch (reply._tag) {
      case "Stored":
        return recorder.stored(latency, this.receivedAt)
      case "Found":
        return reply.value === request.prepared.value
          ? recorder.found(latency, this.receivedAt, true)
          : recorder.failed(false, "wrong_value", this.receivedAt)
      case "NotFound":
        return recorder.found(latency, this.receivedAt, false)
      default:
        return recorder.failed(request.prepared.tag === "Put", "refused", this.receivedAt)
    }
  }

  private lose(failure: Failure): void {
    if (this.lost !== undefined) return
    this.lost = failure
    const now = this.options.now()
    for (const { isAbandoned, prepared } of this.awaited) {
      if (!isAbandoned) this.options.recorder.failed(prepared.tag === "Put", failure, now)
    }
    this.awaited.length = 0
    this.inFlight = 0
    this.socket?.destroy()
    this.options.onProgress(this)
  }
}

/** The vocabulary makes nothing but keys and values that are allowed: a test checks it once for all. */
const unchecked = { disableChecks: true }
