/**
 * How one client's socket lives: it is read, stopped while the peer takes no replies or something is waited for, ended,
 * closed. What its bytes mean is its `Session`'s to know, what it is owed its `Output`'s.
 *
 * The fiber that `serve` returns owns the socket and ends with it. It does not run for each chunk: what a listener reads
 * is executed in a plain loop (`Turn.ts`), since waking a fiber for every chunk costs 30 % of the throughput.
 *
 * It never throws on what a peer does. A peer that does not read is not read from: of its replies at most a batch is held
 * beyond what the socket buffers (64 KB), and of its requests what was read in one turn.
 */
import type { Socket } from "node:net"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Caller } from "../commands/Execution.ts"
import { BATCH_COMMANDS, type CommandBatch } from "../domain/CommandBatch.ts"
import * as EventLoop from "../EventLoop.ts"
import type { ReplyWriter } from "../protocol/Protocol.ts"
import { Backlog } from "./Backlog.ts"
import type { ClientMemory, Holder } from "./ClientMemory.ts"
import type { Departures } from "./Departures.ts"
import type { Faults } from "./Faults.ts"
import type { IdleWatch, Watched } from "./IdleWatch.ts"
import { descriptorOf, type Intake } from "./Intake.ts"
import { format } from "./Listener.ts"
import { Output } from "./Output.ts"
import { discard } from "./ReplyStream.ts"
import type { ServerCounters } from "./ServerCounters.ts"
import { type Link, type PortKind, Session, type SessionContext } from "./Session.ts"
import type { SharedWriter } from "./SharedWriter.ts"
import type { StrangerEnd } from "./Strangers.ts"
import type { Traffic } from "./Traffic.ts"
import { isCertified, isEncrypted } from "./TlsPort.ts"
import type { Reader, Turn } from "./Turn.ts"

type State =
  /** What it sends is executed. */
  | "serving"
  /** Nothing is executed until a reply that takes its time has been given. */
  | "waiting"
  /** Nothing is executed until the peer takes its replies. */
  | "blocked"
  /** Nothing is executed any more; what is owed is written. */
  | "ended"
  | "closed"

/** Why a connection ended, for the log. */
export type CloseReason =
  | "closed by the client"
  | "closed by the server"
  | "closed as idle"
  | "closed after a defect"
  | "closed for its memory"
  | "killed"
  | StrangerEnd
  | "cut"

/** What every connection of a server shares. */
export interface ConnectionContext {
  /** The time in ms. */
  readonly now: () => number
  /** Executes what is read. */
  readonly turn: Turn
  readonly session: SessionContext
  readonly counters: ServerCounters
  /** Bounds what all connections hold. */
  readonly memory: ClientMemory
  /** Is told of what has gone. */
  readonly departures: Departures
  readonly intake: Intake
  /** Closes what has been without a complete request or a drained output for too long. */
  readonly idleWatch: IdleWatch
  /** In tests: what goes wrong on purpose. */
  readonly faults: Faults | undefined
  /** In virtual time: what is told of both ends of the connection. */
  readonly traffic: Traffic | undefined
  /** Runs an effect in a fiber of the server's. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Called when something threw that is no mistake of the peer's. */
  readonly onDefect: (defect: unknown) => void
  /** Called when a connection is closed because clients hold too much memory. */
  readonly onMemory: () => void
}

/** How long a connection whose last reply is written waits for the peer to close its side, so that none is lost. */
const LINGER = Duration.seconds(1)

/**
 * A long request that comes is activity whenever so many bytes of it have come: it may take long, but not for ever, as with
 * a byte now and then.
 */
const PROGRESS_BYTES = 4096

/**
 * So many full reads of a long request are a share of a turn: it is a share of 256 KB then, which takes as long as
 * executing the requests of a single read.
 */
const LONG_READS = 4

/**
 * So many bytes are read ahead while something is waited for: only whoever reads notices that a client has left.
 */
const MOST_AHEAD = 64 * 1024

/**
 * Bytes of replies, beyond which it is looked whether the peer takes them before more is executed. What a peer that reads
 * nothing has been answered is held for it: that were 256 replies, whatever their size.
 */
const MOST_REPLIES = 32 * 1024

/** A whole batch of replies of so many bytes each is not more. */
const SHORT_REPLY = MOST_REPLIES / BATCH_COMMANDS

export class Connection implements Reader, Watched, Holder, Link {
  lastTurn = 0
  /** As many of its commands as have replies of `MOST_REPLIES` together, if the next ones are like the last. */
  room = BATCH_COMMANDS
  readonly backlog: Backlog
  private state: State = "serving"
  private reason: CloseReason | undefined
  private readonly socket: Socket
  private readonly context: ConnectionContext
  private readonly session: Session
  private readonly output: Output
  activeAt: number
  // What no command asked for, until it is written.
  private pushed: Array<Buffer> = []
  private wasStopped: boolean
  // Bytes of a long request that have come since it last counted as activity.
  private arrived = 0
  // Full reads of a long request since its last share of a turn.
  private longReads = 0
  // Bytes of unfinished requests that were given up when no more of them could come.
  private heldAtEnd = 0
  // Whether a slice of a long reply is to be written when its time has come.
  private isToWrite = false
  private onClosed: () => void = doNothing
  private onFlushed: () => void = doNothing
  private onGoingOn: () => void = doNothing

  /** `socket` does not read yet. */
  constructor(socket: Socket, context: ConnectionContext, port: PortKind) {
    context.intake(socket, (bytes, length) => this.receive(bytes, length))
    this.socket = socket
    this.context = context
    // Of what is encrypted nobody knows how many bytes of the kernel's it was, so that its end has to be looked for.
    this.wasStopped = isEncrypted(socket)
    context.traffic?.accepted(socket)
    this.backlog = new Backlog(context.memory, this)
    const onHeld = (bytes: number): void => context.memory.change(this, bytes)
    this.output = new Output(socket, context.counters, context.faults, this.endSelf, this.writeLater, onHeld)
    this.activeAt = context.now()
    this.session = new Session(context.session, port, this)
    socket.on("drain", () => this.drained())
    socket.on("end", () => this.peerEnded())
    socket.on("finish", () => this.onFlushed())
    // The close that follows an error says all there is to do.
    socket.on("error", doNothing)
    socket.on("close", () => this.closed())
  }

  /** The peer's address and port, while the socket is open. A peer that was gone before it was accepted has none. */
  get peer(): string {
    const { remoteAddress, remotePort } = this.socket
    if (remoteAddress === undefined || remotePort === undefined) return "unknown (reset before it was accepted)"
    return format({ host: remoteAddress, port: remotePort })
  }

  get ip(): string {
    return this.socket.remoteAddress ?? ""
  }

  get certified(): boolean {
    return isCertified(this.socket)
  }

  get local(): string {
    const { localAddress = "", localPort = 0 } = this.socket
    return format({ host: localAddress, port: localPort })
  }

  hold(bytes: number): void {
    this.context.memory.change(this, bytes)
  }

  push(bytes: Buffer): void {
    if (!this.isOpen) return
    if (this.pushed.push(bytes) === 1) this.context.turn.afterRun(this.writePushed)
  }

  kill(reason: CloseReason = "killed"): void {
    this.reason = reason
    this.socket.destroy()
  }

  /** The last word on why it ended. */
  get closeReason(): CloseReason {
    return this.reason ?? "cut"
  }

  get lastActivity(): number {
    if (this.state === "waiting") return Number.POSITIVE_INFINITY
    const isSpared = this.context.idleWatch.sparesRedis && this.session.isRedis
    return isSpared && this.backlog.length === 0 && this.output.heldBytes === 0
      ? Number.POSITIVE_INFINITY
      : this.activeAt
  }

  onHeld(): void {
    if (this.context.idleWatch.sparesRedis) this.context.idleWatch.add(this)
  }

  closeIdle(): void {
    this.reason = "closed as idle"
    this.socket.destroy()
  }

  get heldBytes(): number {
    return this.backlog.heldBytes + this.output.heldBytes + this.session.heldBytes
  }

  get isKept(): boolean {
    return this.session.isKept
  }

  get descriptor(): number {
    return descriptorOf(this.socket) ?? -1
  }

  get unexecutedBytes(): number {
    return this.backlog.length
  }

  get unwrittenBytes(): number {
    return this.output.heldBytes
  }

  closeForMemory(): void {
    this.context.onMemory()
    this.reason = "closed for its memory"
    this.state = "ended"
    this.socket.destroy()
    this.letGo()
  }

  /** Whether it is not read from at present. */
  get isStopped(): boolean {
    return this.state === "waiting" || this.state === "blocked"
  }

  /** Says that all that is done for the connection has been done. */
  leave(): void {
    this.context.traffic?.left(this.socket)
    this.context.memory.delete(this)
  }

  /** Serves until the connection has ended; interrupting it destroys the socket. */
  get serve(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.socket.destroyed) return resume(Effect.void)
      this.onClosed = () => resume(Effect.void)
      // Node closes one that both sides have ended.
      this.onFlushed = () => {
        if (!this.socket.readableEnded) resume(this.linger)
      }
      return Effect.sync(() => this.socket.destroy())
    })
  }

  /** Answers what has been received, then ends the connection. */
  get finish(): Effect.Effect<void> {
    // What the kernel held when the shutdown began is read, then nothing more.
    const received = Effect.suspend(() => (this.wasStopped ? EventLoop.exhausted : EventLoop.received)(this.socket))
    return Effect.andThen(this.goingOn, received).pipe(
      Effect.andThen(Effect.sync(() => this.context.turn.run())),
      Effect.repeat({ while: () => this.isStopped }),
      Effect.andThen(Effect.sync(this.endSelf))
    )
  }

  /** All is written, and the peer has not ended its side. */
  private get linger(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.socket.destroyed) return resume(Effect.void)
      this.onClosed = () => resume(Effect.void)
    }).pipe(Effect.timeoutOption(LINGER), Effect.ensuring(Effect.sync(() => this.socket.destroy())), Effect.asVoid)
  }

  private get goingOn(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (!this.isStopped || this.socket.destroyed) return resume(Effect.void)
      this.onGoingOn = () => resume(Effect.void)
    })
  }

  /** Takes what was read. Says whether more may be read in this turn. */
  private receive(bytes: Buffer, length: number): boolean {
    const { counters, traffic, turn } = this.context
    counters.bytesIn += length
    if (this.backlog.awaits(0) && (this.arrived += length) >= PROGRESS_BYTES) {
      this.arrived = 0
      this.activeAt = this.context.now()
    }
    // After the end the peer's bytes are read and dropped: closing a socket with unread bytes would reset the
    // connection, and the peer could lose the replies that are on their way.
    if (!this.isOpen) return true
    turn.add(this, bytes, length)
    // A virtual clock may be moved as soon as this has been read.
    if (traffic !== undefined) turn.run()
    if (this.state === "waiting" && !this.readsOn) this.socket.pause()
    if (length < EventLoop.READ_BYTES || this.state !== "serving") return true
    // A part of a long request is only copied.
    if (this.backlog.awaits(0) && ++this.longReads < LONG_READS) return true
    this.longReads = 0
    return !turn.readOnLater(this)
  }

  // --- what a turn does with it

  get caller(): Caller {
    return this.session
  }

  get writer(): SharedWriter {
    return this.session.writer
  }

  get isReady(): boolean {
    return this.state === "serving"
  }

  get isOpen(): boolean {
    return this.state !== "ended" && this.state !== "closed"
  }

  get isStepped(): boolean {
    return this.output.isStepped || this.session.isStepped
  }

  delay(commands: CommandBatch, command: number, now: number): Effect.Effect<void> | undefined {
    return this.session.delay(commands, command, now)
  }

  decode(commands: CommandBatch, offset: number, end: number): number {
    return this.session.decode(commands, offset, end)
  }

  rangeEnd(commands: CommandBatch, from: number, to: number): number {
    return this.session.rangeEnd(commands, from, to)
  }

  get needed(): number {
    return this.session.needed
  }

  answer(
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    replies: ReplyWriter
  ): Effect.Effect<void> | undefined {
    this.session.executed(commands, from, to)
    this.room = roomFor(replies.length, to - from)
    return this.write(commands, from, to, now, replies)
  }

  private write(
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    replies: ReplyWriter
  ): Effect.Effect<void> | undefined {
    this.activeAt = now
    this.session.lastCommand = commands.id(to - 1)
    if (this.session.drops()) discard(replies)
    const late = this.output.write(commands, from, to, replies)
    if (late === undefined && !this.output.keepsUp && this.state === "serving") this.stop("blocked")
    return late
  }

  performs(commands: CommandBatch, command: number): boolean {
    return this.session.performs(commands, command)
  }

  perform(commands: CommandBatch, command: number, now: number): Effect.Effect<void> | undefined {
    this.activeAt = now
    const replies = this.writer.current
    const outcome = this.session.perform(commands, command, now, replies)
    if (Predicate.isString(outcome)) {
      // A command that chose another version of the protocol has answered in that one.
      const answer = replies.length > 0 ? replies : this.writer.current
      const late = outcome === "ended" ? undefined : this.write(commands, command, command + 1, now, answer)
      if (outcome === "answered") return late
      if (late !== undefined) return Effect.ensuring(late, Effect.sync(this.endSelf))
      this.endSelf()
      return undefined
    }
    return Effect.map(outcome, (late) => {
      let written = Predicate.isFunction(late) ? this.writer.current : late
      if (Predicate.isFunction(late)) {
        written.begin()
        late(written)
        // As above: it may have answered in another version.
        if (written.length === 0) written = this.writer.current
      }
      if (this.session.drops()) discard(written)
      this.output.flush(written)
      if (this.session.isOver) this.endSelf()
    })
  }

  wait(work: Effect.Effect<void>, replies: ReplyWriter, then: () => void): void {
    this.stop("waiting")
    // After the run, together with what others have waited for.
    const waited = Effect.map(Effect.exit(work), (exit) =>
      this.context.turn.afterRun(() => this.waited(exit, replies, then))
    )
    this.context.fork(waited)
  }

  fail(defect: unknown, replies: ReplyWriter = this.writer.current): void {
    replies.rewind()
    if (!this.isOpen) return discard(replies)
    this.context.onDefect(defect)
    const flushed = Result.try(() => this.output.flush(replies))
    this.end("closed after a defect")
    if (Result.isFailure(flushed)) this.socket.destroy()
  }

  readOn(): void {
    this.isToWrite = false
    if (this.output.isStreaming) return this.writeOn()
    if (this.readsOn) this.socket.resume()
  }

  // --- how its state changes

  private stop(state: "waiting" | "blocked"): void {
    this.state = state
    this.wasStopped = true
    if (!this.readsOn) this.socket.pause()
  }

  private get readsOn(): boolean {
    return this.state !== "blocked" && (this.state !== "waiting" || this.backlog.length < MOST_AHEAD)
  }

  private waited(exit: Exit.Exit<void>, replies: ReplyWriter, then: () => void): void {
    if (this.state !== "waiting" || this.socket.destroyed) return discard(replies)
    this.state = "serving"
    this.activeAt = this.context.now()
    this.backlog.takeBack()
    this.context.idleWatch.add(this)
    if (Exit.isFailure(exit)) return this.fail(Cause.squash(exit.cause), replies)
    then()
    if (this.state === "serving") this.goOn()
  }

  private drained(): void {
    this.output.release()
    this.activeAt = this.context.now()
    if (this.output.isStreaming) return this.writeLater()
    if (this.state !== "blocked") return
    this.goOn()
    // One that has had to be stopped sends more than its peers: it queues with the others that do.
    if (this.isReady && this.context.turn.readOnLater(this)) this.socket.pause()
  }

  /** Has the next slice of long replies written when its share of a turn has come. */
  private readonly writeLater = (): void => {
    if (this.isToWrite) return
    this.isToWrite = true
    if (!this.context.turn.readOnLater(this)) EventLoop.afterReads(() => this.readOn())
  }

  private writeOn(): void {
    const written = this.output.writeSlice()
    if (Result.isFailure(written)) {
      this.context.onDefect(written.failure)
      this.end("closed after a defect")
    } else if (this.state === "blocked" && this.output.keepsUp) this.goOn()
  }

  /** Executes what is kept, and reads again. */
  private goOn(): void {
    if (!this.output.keepsUp) return this.stop("blocked")
    this.state = "serving"
    this.activeAt = this.context.now()
    this.context.turn.runFor(this)
    if (!this.isReady) return
    if (this.socket.readableEnded) this.end("closed by the client")
    else this.socket.resume()
    this.onGoingOn()
  }

  /**
   * The peer sends nothing more. It may have only ended its side (`nc -N`): nothing tells that from having left, so whatever
   * it has sent is answered, as long as that may take. A peer that has left altogether resets the connection, at the latest
   * when it is written to: then `closed` lets go of it at once, whatever is waited for.
   */
  private peerEnded(): void {
    this.context.turn.run()
    if (this.isStopped) this.reason ??= "closed by the client"
    else this.end("closed by the client")
  }

  private readonly writePushed = (): void => {
    if (this.isOpen) this.output.push(Buffer.concat(this.pushed))
    this.pushed = []
  }

  private readonly endSelf = (): void => this.end("closed by the server")

  /** No more requests: closes this side once all replies are written. */
  private end(reason: CloseReason): void {
    if (!this.isOpen) return
    this.state = "ended"
    this.reason ??= reason
    this.heldAtEnd = this.backlog.heldBytes
    this.backlog.clear()
    this.output.end()
    // To drop what comes.
    this.socket.resume()
    this.onGoingOn()
  }

  private closed(): void {
    this.context.turn.run()
    this.state = "closed"
    this.reason ??= "closed by the client"
    this.letGo()
    this.onClosed()
    this.onGoingOn()
  }

  private letGo(): void {
    const { counters, departures, memory } = this.context
    const before = memory.heldBytes
    this.backlog.clear()
    this.output.close()
    this.session.leave()
    departures.add(counters.open, this.heldAtEnd + before - memory.heldBytes)
  }
}

/** How many commands have replies of `MOST_REPLIES` together, if so many have had replies of so many bytes. */
const roomFor = (bytes: number, commands: number): number =>
  bytes <= SHORT_REPLY * commands ? BATCH_COMMANDS : Math.max(1, Math.floor((MOST_REPLIES * commands) / bytes))

const doNothing = (): void => {}
