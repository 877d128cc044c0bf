/**
 * One connection to one Redis server, in RESP3: requests out, replies and messages in, in the order in which they were
 * sent. It connects again, for good, until it is ended. It knows nothing of slots or commands.
 *
 * It is not node-redis. A front passes on the bytes that it was sent, and gives back those that it gets: 64-bit numbers,
 * maps, statuses and bulk strings as they are. node-redis makes values of them that lose which of these they were, hands
 * invalidations over out of order with replies, and takes 17 µs of the processor's time for a command (6.3.1, 800 GETs in
 * flight, Node 20) where writing and reading the same bytes takes 0.6.
 *
 * What is sent in one turn travels in one write; where replies are long, in several, each when those before were answered. A
 * server that owes an answer and is silent for too long counts as lost: all that it owes fails, and what comes meanwhile fails
 * at once, until a new connection has been greeted. So this is its circuit breaker, too, and others are not concerned. An
 * idle connection is pinged, so that silence is noticed.
 */
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { formatNode, type NodeAddress } from "./EngineUrl.ts"
import { FrameReader, isError, isPush, lineOf } from "./Frames.ts"
import { Outbox, prepared } from "./Outbox.ts"

/** The engine cannot be used: nobody answers, or it refuses us. */
export class EngineError extends Schema.TaggedError<EngineError>()("EngineError", {
  message: Schema.String,
  /** It has answered: trying again does not help. */
  isRefusal: Schema.Boolean
}) {}

/** What is sent, and who gets the answer. */
export interface Request {
  readonly encode: (out: Outbox) => void
  /** The reply, which may be kept. */
  readonly answered: (bytes: Buffer, start: number, end: number, from: NodeConnection) => void
  /** There will be no reply. `why` completes a sentence that begins with the node. What was not sent was not executed. */
  readonly lost: (why: string, wasSent: boolean, from: NodeConnection) => void
}

export interface NodeOptions {
  readonly user: string | undefined
  readonly password: Redacted.Redacted | undefined
  /** With TLS: the certificates of who may sign the server's, as PEM; the system's if there are none. */
  readonly tls: { readonly ca: string | undefined } | undefined
  /** The longest silence of a server that owes an answer, in ms. */
  readonly timeout: number
  /** The time in ms. */
  readonly now: () => number
  /** The same in µs, with fractions. */
  readonly micros: () => number
  /** Whether the server is to tell which of the keys that were read have changed. */
  readonly isTracking: boolean
  /** A message that no command asked for. */
  readonly onPush: (node: NodeConnection, bytes: Buffer, start: number, end: number) => void
  /** The server does not tell of changed keys. */
  readonly onNoTracking: (node: NodeConnection, why: string) => void
  readonly onReady: (node: NodeConnection) => void
  /** `wasReady` if it has been connected. */
  readonly onLost: (node: NodeConnection, why: string, wasReady: boolean) => void
}

/** The time between two attempts to connect, in ms: it doubles from the first to the last. */
const FIRST_DELAY = 50
const LAST_DELAY = 1000

/** Looks so many times in a timeout. */
const LOOKS = 4

/** A server that has more to read or to answer than this, in bytes, has another timeout for each time as much. */
const BYTES_IN_TIMEOUT = 4 * 1024 * 1024

/**
 * No more is asked for at once than this, in bytes: a server copies all the replies to what it has read before it sends the
 * first of them, and all of them would come to lie here.
 */
const MOST_OWED = 32 * 1024 * 1024

/** What is expected of a reply follows the largest ones at once, and smaller ones by this share of the difference. */
const FORGETTING = 1 / 8

/** A connection that has sent nothing for so many ms is pinged. */
const IDLE = 1000

/** What is read is copied at once, so that all connections can share it: Node takes 64 KB anew for each read otherwise. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** Replies are kept until their clients are answered. */
const copyOfRead = (length: number): Buffer => {
  const copy = Buffer.allocUnsafe(length)
  readBuffer.copy(copy, 0, 0, length)
  return copy
}

/** A request that waits until less is owed. */
interface Held {
  readonly request: Request
  readonly replies: number
  /** In bytes. */
  readonly length: number
}

/** Stands for a request that was answered. */
const noOne: Request = { encode: () => {}, answered: () => {}, lost: () => {} }

/** Why a certificate is not trusted. */
const NOT_TRUSTED: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

/** So many are 1 ms. */
const MICROS = 1000

const PING = prepared("PING")
const pong: Request = {
  encode: (out) => {
    out.begin(1)
    out.raw(PING)
  },
  answered: () => {},
  lost: () => {}
}

/** A text as UTF-8, one character for each byte. */
const inBytes = (text: string): string => Buffer.from(text).toString("latin1")

type State =
  /** The first attempt: what is sent waits for it. */
  | "connecting"
  | "ready"
  /** Between attempts, and during all but the first one. */
  | "down"
  | "ended"

export class NodeConnection {
  readonly address: NodeAddress
  readonly name: string
  readonly database: number
  /** The number that its values have in the near cache: see `NearCache`. */
  readonly source: number
  /** Counts its connections. */
  generation = 0
  /** Commands since the start: all, those that it sends by itself included; and those that were lost. */
  requests = 0
  lostRequests = 0
  /** Whether the server tells of changes of a key when it has been asked to. Until it has answered, that is hoped for. */
  isTracking: boolean
  /** How long the last request took that was measured, in ms. One at a time is. */
  roundTrip: number | undefined = undefined
  private state: State = "connecting"
  private why = "is not connected"
  private readonly options: NodeOptions
  private socket: Net.Socket | undefined
  private readonly out = new Outbox()
  // What is awaited, in order. The first `answeredCount` of them have been answered.
  private pending: Array<Request> = []
  private answeredCount = 0
  // How many of the last of them are not written yet.
  private unsent = 0
  // What waits behind these, in order, and its bytes. The first `heldFrom` of them wait no more, nor `waitingFrom` bytes.
  private held: Array<Held> = []
  private heldFrom = 0
  private readonly waiting = new Outbox()
  private waitingFrom = 0
  // What a request or a reply may have, in bytes: the largest of late.
  private expected = 0
  private greetings: Array<(bytes: Buffer, start: number, end: number) => void> = []
  private isFlushing = false
  // Looks at which it owed an answer, since it has last sent something.
  private silentLooks = 0
  private measured: Request | undefined = undefined
  private measuredAt = 0
  private sentAt = 0
  private onClosed: () => void = () => {}

  constructor(address: NodeAddress, database: number, source: number, options: NodeOptions) {
    this.address = address
    this.database = database
    this.source = source
    this.name = formatNode(address)
    this.isTracking = options.isTracking
    this.options = options
  }

  get isReady(): boolean {
    return this.state === "ready"
  }

  /** Why it is not ready, to complete a sentence that begins with the node. */
  get reason(): string {
    return this.why
  }

  /** Whether requests that are sent now may be answered. */
  get isUsable(): boolean {
    return this.state === "ready" || this.state === "connecting"
  }

  /** How many replies are awaited, without those to requests that wait themselves. */
  get awaited(): number {
    return this.pending.length - this.answeredCount
  }

  /** How many bytes they may have, in all. */
  private get owed(): number {
    return this.awaited * this.expected
  }

  /** Sends a request that is answered with so many replies. Those of one turn are written together. */
  send(request: Request, replies = 1): void {
    this.requests += replies
    if (!this.isUsable) {
      this.lostRequests += replies
      return request.lost(this.why, false, this)
    }
    // Order is kept: whoever comes later waits behind.
    const isHeld = this.held.length > 0 || this.owed >= MOST_OWED
    const out = isHeld ? this.waiting : this.out
    const before = out.length
    // Now in any case: its bytes are there for as long as somebody waits for the answer.
    request.encode(out)
    const length = out.length - before
    if (isHeld) this.held.push({ request, replies, length })
    else this.sent(request, replies, length)
  }

  /** A request is in the outbox. */
  private sent(request: Request, replies: number, length: number): void {
    if (this.measured === undefined && this.state === "ready") {
      this.measured = request
      this.measuredAt = this.options.micros()
    }
    if (this.awaited === 0) this.silentLooks = 0
    // A value that is put is likely to be read.
    if (length > this.expected) this.expected = length
    for (let reply = 0; reply < replies; reply++) this.pending.push(request)
    this.unsent += replies
    if (this.isFlushing) return
    this.isFlushing = true
    queueMicrotask(this.flush)
  }

  /** As `send`, and waits for what `read` makes of the reply. */
  ask<A>(
    words: ReadonlyArray<string>,
    read: (bytes: Buffer, start: number, end: number) => A
  ): Effect.Effect<A, EngineError> {
    return Effect.callback<A, EngineError>((resume) => {
      this.send({
        encode: (out) => {
          out.begin(words.length)
          for (const word of words) out.text(word)
        },
        answered: (bytes, start, end) =>
          resume(
            isError(bytes, start)
              ? Effect.fail(new EngineError({ message: lineOf(bytes, start, end), isRefusal: true }))
              : Effect.succeed(read(bytes, start, end))
          ),
        lost: (why) => resume(Effect.fail(new EngineError({ message: `${this.name} ${why}`, isRefusal: false })))
      })
    })
  }

  /** Takes no more requests, and closes once all are answered. */
  end(): void {
    const { state } = this
    if (state === "connecting") this.failAll("is not used any more", true)
    this.state = "ended"
    this.why = "is not used any more"
    // Now, and not when it is closed: another one may have its number by then.
    if (state === "ready") this.options.onLost(this, this.why, false)
    if (this.awaited > 0) return
    this.socket?.destroy()
    this.onClosed()
  }

  /** Sends of what waits as much as may be owed. */
  private sendHeld(): void {
    const { held, waiting } = this
    const bytes = waiting.peek()
    while (this.heldFrom < held.length && (this.awaited === 0 || this.owed < MOST_OWED)) {
      const next = held[this.heldFrom++]
      if (next === undefined) continue
      const end = this.waitingFrom + next.length
      this.out.raw(bytes.subarray(this.waitingFrom, end))
      this.waitingFrom = end
      this.sent(next.request, next.replies, next.length)
    }
    if (this.heldFrom === held.length) return this.forgetHeld()
    if (2 * this.heldFrom > held.length) {
      held.splice(0, this.heldFrom)
      this.heldFrom = 0
    }
    if (2 * this.waitingFrom > waiting.length) {
      waiting.drop(this.waitingFrom)
      this.waitingFrom = 0
    }
  }

  private forgetHeld(): void {
    this.held = []
    this.heldFrom = 0
    this.waiting.clear()
    this.waitingFrom = 0
  }

  /** Connects, and again whenever the connection is lost, until it is ended. Fails only if the first attempt does. */
  readonly first: Effect.Effect<void, EngineError> = Effect.suspend(() => this.attempt)

  get run(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      let delay = FIRST_DELAY
      while (this.state !== "ended") {
        if (this.state === "ready") yield* Effect.raceFirst(this.closed, this.watch)
        else if (Result.isSuccess(yield* Effect.result(this.attempt))) {
          delay = FIRST_DELAY
          continue
        }
        if (this.isOver) return
        yield* Effect.sleep(Duration.millis(delay))
        delay = Math.min(2 * delay, LAST_DELAY)
      }
    }).pipe(Effect.ensuring(Effect.sync(() => this.socket?.destroy())))
  }

  private get isOver(): boolean {
    return this.state === "ended"
  }

  private readonly flush = (): void => {
    this.isFlushing = false
    const { out, socket } = this
    if ((this.state !== "ready" && this.state !== "ended") || socket === undefined || out.length === 0) return
    this.unsent = 0
    this.sentAt = this.options.now()
    socket.write(out.peek())
    if (socket.writableLength === 0) out.clear()
    else out.renew()
  }

  private get closed(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.state !== "ready") return resume(Effect.void)
      this.onClosed = () => resume(Effect.void)
    })
  }

  /**
   * Looks for silence now and then. Looks are counted, and no time: when this process has stood still for a while, the
   * answers are there, and are read between this look and the next one.
   */
  private get watch(): Effect.Effect<never> {
    const { now } = this.options
    const look = Effect.sync(() => {
      if (this.awaited > 0) {
        const busy = (this.socket?.writableLength ?? 0) + this.owed
        const isSilent = ++this.silentLooks > LOOKS * (1 + busy / BYTES_IN_TIMEOUT)
        if (isSilent) this.lose(this.silence)
      } else if (now() - this.sentAt > IDLE) this.send(pong)
    })
    return Effect.forever(
      Effect.andThen(Effect.sleep(Duration.millis(Math.max(1, this.options.timeout / LOOKS))), look)
    )
  }

  /** What is said of a server that owed an answer for too long. */
  private get silence(): string {
    return `did not answer within ${Duration.format(Duration.millis(this.options.timeout))}`
  }

  /** As long as a timeout, in looks: if this process stood still, what came meanwhile is read between two of them. */
  private get patience(): Effect.Effect<void> {
    const look = Effect.sleep(Duration.millis(this.options.timeout / LOOKS))
    return Effect.asVoid(Effect.repeat(look, { times: LOOKS - 1 }))
  }

  private get attempt(): Effect.Effect<void, EngineError> {
    const gaveUp = Effect.suspend(() => {
      this.lose(this.silence)
      return Effect.fail(new EngineError({ message: `${this.name} ${this.silence}`, isRefusal: false }))
    })
    return Effect.callback<void, EngineError>((resume) => {
      const refused = (message: string, isRefusal: boolean): void => {
        this.lose(message)
        resume(Effect.fail(new EngineError({ message: `${this.name} ${message}`, isRefusal })))
      }
      const socket = this.open(refused)
      this.socket = socket
      this.greet(socket, refused, () => resume(Effect.void))
      return Effect.sync(() => socket.destroy())
    }).pipe(Effect.raceFirst(Effect.andThen(this.patience, gaveUp)))
  }

  private open(refused: (message: string, isRefusal: boolean) => void): Net.Socket {
    const { tls } = this.options
    const { host, port } = this.address
    const reader = new FrameReader((bytes, start, end) => this.received(bytes, start, end))
    const onRead = (chunk: Buffer): void => {
      this.silentLooks = 0
      const read = Result.try(() => reader.push(chunk))
      if (Result.isFailure(read) && this.socket === socket) {
        this.lose(`sent what is no reply (${read.failure instanceof Error ? read.failure.message : "unknown"})`)
      }
    }
    const callback = (length: number): boolean => {
      onRead(copyOfRead(length))
      return true
    }
    const socket =
      tls === undefined
        ? Net.connect({ host, port, noDelay: true, onread: { buffer: readBuffer, callback } })
        : Tls.connect({ host, port, ca: tls.ca, ...(Net.isIP(host) === 0 ? { servername: host } : {}) })
    if (tls !== undefined) socket.setNoDelay(true).on("data", onRead)
    let failure = "closed the connection"
    socket.on("drain", () => {
      // The systems on the way still hold some of it, for which there is another timeout.
      this.silentLooks = -LOOKS
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message
      const hint = NOT_TRUSTED.has(code) ? ": its CA is not trusted here, see --engine-ca" : ""
      failure = this.state === "ready" ? `closed the connection (${code})` : `cannot be reached (${code}${hint})`
    })
    socket.on("close", () => {
      if (this.socket !== socket) return
      if (this.state === "ready") this.lose(failure)
      else refused(failure, false)
    })
    return socket
  }

  /** Says who we are, and is ready when that is answered. */
  private greet(socket: Net.Socket, refused: (message: string, isRefusal: boolean) => void, ready: () => void): void {
    const { isTracking, onNoTracking, password, user } = this.options
    const out = new Outbox()
    const say = (words: ReadonlyArray<string>, onError: (line: string) => void, isLast: boolean): void => {
      out.begin(words.length)
      for (const word of words) out.text(word)
      this.greetings.push((bytes, start, end) => {
        if (isError(bytes, start)) onError(lineOf(bytes, start, end))
        if (isLast && this.socket === socket) this.isGreeted(ready)
      })
    }
    const asWhom = password === undefined ? [] : ["AUTH", ...[user ?? "default", Redacted.value(password)].map(inBytes)]
    const cannot = (what: string) => (line: string) => refused(`refuses ${what}: ${line}`, true)
    this.greetings = []
    say(["HELLO", "3", ...asWhom, "SETNAME", "kv-cache"], cannot("us (HELLO 3)"), false)
    if (this.database !== 0) say(["SELECT", String(this.database)], cannot(`database ${this.database}`), false)
    this.isTracking = isTracking
    const untracked = (line: string): void => {
      this.isTracking = false
      onNoTracking(this, line)
    }
    // Only where it is asked for, key by key: see `NearReads`.
    if (isTracking) say(["CLIENT", "TRACKING", "ON", "OPTIN"], untracked, false)
    // ACLs may forbid all but this.
    say(["PING"], cannot("us"), true)
    socket.write(out.peek())
  }

  private isGreeted(ready: () => void): void {
    if (this.state === "ended") return
    this.state = "ready"
    this.why = ""
    this.generation++
    this.silentLooks = 0
    this.sentAt = this.options.now()
    this.options.onReady(this)
    ready()
    this.flush()
  }

  private received(bytes: Buffer, start: number, end: number): void {
    if (isPush(bytes, start)) return this.options.onPush(this, bytes, start, end)
    const greeting = this.greetings.shift()
    if (greeting !== undefined) return greeting(bytes, start, end)
    const request = this.pending[this.answeredCount]
    if (request === undefined) throw new Error("a reply that was not asked for")
    // Whoever was answered is not kept alive: with him, the collector would copy thousands of others.
    this.pending[this.answeredCount++] = noOne
    if (request === this.measured) {
      this.roundTrip = (this.options.micros() - this.measuredAt) / MICROS
      this.measured = undefined
    }
    if (this.answeredCount === this.pending.length) {
      this.pending = []
      this.answeredCount = 0
    } else if (this.answeredCount > 4096) {
      this.pending.splice(0, this.answeredCount)
      this.answeredCount = 0
    }
    const length = end - start
    this.expected = length >= this.expected ? length : this.expected - FORGETTING * (this.expected - length)
    if (this.held.length > 0) this.sendHeld()
    request.answered(bytes, start, end, this)
    if (this.state === "ended" && this.awaited === 0) this.socket?.destroy()
  }

  /** The connection is gone, or is to be. */
  private lose(why: string): void {
    const { socket, state } = this
    this.socket = undefined
    this.greetings = []
    socket?.destroy()
    if (state !== "ended") {
      this.state = "down"
      this.why = why
    }
    if (state !== "ended") this.options.onLost(this, why, state === "ready")
    this.failAll(why, false)
    this.onClosed()
  }

  private failAll(why: string, isNone: boolean): void {
    const failed = this.pending.slice(this.answeredCount)
    const sent = isNone || this.generation === 0 ? 0 : failed.length - this.unsent
    for (const { replies, request } of this.held.slice(this.heldFrom)) {
      for (let reply = 0; reply < replies; reply++) failed.push(request)
    }
    this.pending = []
    this.answeredCount = 0
    this.forgetHeld()
    this.unsent = 0
    this.measured = undefined
    this.lostRequests += failed.length
    this.out.clear()
    for (const [index, request] of failed.entries()) request.lost(why, index < sent, this)
  }
}
