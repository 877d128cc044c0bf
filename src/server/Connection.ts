/**
 * One client's connection: the loop from bytes to commands to replies to one write.
 *
 * The fiber that `serve` returns owns the socket and ends with it. It does not run for each chunk: what a listener reads
 * is executed in a plain loop (`Turn.ts`), since waking a fiber for every chunk costs 30 % of the throughput.
 *
 * It never throws on what a peer does. A peer that does not read is not read from: of its replies at most a batch is held
 * beyond what the socket buffers (64 KB), and of its requests what was read in one turn.
 */
import type { Socket } from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { CLOCK, HTTP, HTTP_REQUEST, QUIT, REFUSE_AND_CLOSE, STATS, typed } from "../commands/Commands.ts"
import type { Caller } from "../commands/Execution.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import * as Reply from "../domain/Reply.ts"
import * as EventLoop from "../EventLoop.ts"
import type { ProtocolService, ReplyWriter } from "../protocol/Protocol.ts"
import type { Fault, Faults } from "./Faults.ts"
import type { IdleWatch, Watched } from "./IdleWatch.ts"
import type { Intake } from "./Intake.ts"
import { format } from "./Listener.ts"
import type { ServerCounters } from "./ServerCounters.ts"
import type { Traffic } from "./Traffic.ts"
import type { Reader, Turn } from "./Turn.ts"
import type { VirtualClockService } from "./VirtualClock.ts"

/** Why a connection ended, for the log. */
export type CloseReason = "closed by the client" | "closed by the server" | "closed as idle" | "cut"

/** What every connection of a server shares. */
export interface ConnectionContext {
  /** The time in ms. */
  readonly now: () => number
  readonly protocol: ProtocolService
  /** Executes what is read. */
  readonly turn: Turn
  /** Replies are encoded and written one connection at a time, so one output serves all. */
  readonly replies: ReplyWriter
  readonly counters: ServerCounters
  readonly intake: Intake
  /** Closes what has been without a complete request or a drained output for too long. */
  readonly idleWatch: IdleWatch
  /** What STATS says at `now`. */
  readonly statistics: (now: number) => Reply.Reply
  /** In tests: what the CLOCK command moves, and what goes wrong on purpose. */
  readonly clock: VirtualClockService | undefined
  readonly faults: Faults | undefined
  /** In virtual time: what is told of both ends of the connection. */
  readonly traffic: Traffic | undefined
  /** Runs an effect in a fiber of the server's. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Called when a browser speaks to the server. */
  readonly onHttp: () => void
}

/** How long a connection whose last reply is written waits for the peer to close its side, so that none is lost. */
const LINGER = Duration.seconds(1)

export class Connection implements Reader, Watched {
  lastTurn = 0
  readonly caller: Caller = { database: 0 }
  /** The fiber's last word on why the connection ended. */
  closeReason: CloseReason = "cut"
  private readonly socket: Socket
  private readonly context: ConnectionContext
  // Where time is virtual or replies go wrong on purpose, any request may have to be waited for: they are executed as
  // soon as they are read.
  private readonly isStepped: boolean
  private readonly decoder: ReturnType<ProtocolService["makeRequestDecoder"]>
  // When the last request was complete or the last reply drained, in ms.
  private activeAt: number
  // Bytes that were read and not executed: an unfinished request, or what came while the peer took no replies.
  private kept: Buffer | undefined
  private blocked = false
  private wasBlocked = false
  // A reply is being waited for: nothing after it is executed, and the connection is not idle.
  private held = false
  private answers = 0
  // No request is executed any more: QUIT, a fatal error, the peer's end, or the server's.
  private inputEnded = false
  private onClosed: () => void = doNothing
  private onFlushed: () => void = doNothing
  private onUnblocked: () => void = doNothing

  /** `accepted` does not read yet. */
  constructor(accepted: Socket, context: ConnectionContext) {
    const socket = context.intake(accepted, (bytes, length) => this.receive(bytes, length))
    this.socket = socket
    this.context = context
    context.traffic?.accepted(socket)
    this.isStepped = context.faults !== undefined || context.clock !== undefined
    this.decoder = context.protocol.makeRequestDecoder()
    this.activeAt = context.now()
    socket.on("drain", () => this.unblock())
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

  get lastActivity(): number {
    return this.held ? Number.POSITIVE_INFINITY : this.activeAt
  }

  closeIdle(): void {
    this.closeReason = "closed as idle"
    this.socket.destroy()
  }

  /** Whether the peer does not take its replies at present. */
  get isBlocked(): boolean {
    return this.blocked
  }

  /** Says that all that is done for the connection has been done. */
  leave(): void {
    this.context.traffic?.left(this.socket)
  }

  /** Serves until the connection has ended; interrupting it destroys the socket. */
  get serve(): Effect.Effect<void> {
    return this.flushed.pipe(
      Effect.andThen(Effect.suspend(() => (this.socket.destroyed ? Effect.void : this.linger))),
      Effect.ensuring(Effect.sync(() => this.socket.destroy()))
    )
  }

  /** Answers what has been received, then ends the connection. */
  get finish(): Effect.Effect<void> {
    // What the kernel held when the shutdown began is read, then nothing more.
    const received = Effect.suspend(() => (this.wasBlocked ? EventLoop.exhausted : EventLoop.received)(this.socket))
    return Effect.andThen(this.unblocked, received).pipe(
      Effect.andThen(Effect.sync(() => this.context.turn.run())),
      Effect.repeat({ while: () => this.blocked }),
      Effect.andThen(Effect.sync(() => this.end()))
    )
  }

  /** Completes when the last reply has been handed to the kernel, or the socket is gone. */
  private get flushed(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.socket.destroyed || this.socket.writableFinished) return resume(Effect.void)
      this.onFlushed = () => resume(Effect.void)
      this.onClosed = this.onFlushed
    })
  }

  private get linger(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.socket.destroyed) return resume(Effect.void)
      this.onClosed = () => resume(Effect.void)
    }).pipe(Effect.timeoutOption(LINGER), Effect.asVoid)
  }

  private get unblocked(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (!this.blocked || this.socket.destroyed) return resume(Effect.void)
      this.onUnblocked = () => resume(Effect.void)
    })
  }

  private receive(bytes: Buffer, length: number): void {
    this.context.counters.bytesIn += length
    // After the end the peer's bytes are read and dropped: closing a socket with unread bytes would reset the
    // connection, and the peer could lose the replies that are on their way.
    if (this.inputEnded) return
    this.context.turn.add(this, bytes, length)
    if (this.isStepped) this.context.turn.run()
  }

  get isReady(): boolean {
    return !this.inputEnded && !this.blocked
  }

  decode(commands: CommandBatch, offset: number, end: number): number {
    const before = commands.messageCount
    const next = this.decoder.decode(commands, offset, end)
    this.context.counters.protocolErrors += commands.messageCount - before
    return next
  }

  answer(commands: CommandBatch, from: number, _to: number, now: number): void {
    this.activeAt = now
    // Where there are faults, commands are executed one by one.
    const fault = this.context.faults?.forReply(commands.keyText(from), this.answers++)
    if (fault !== undefined) this.hold(this.suffer(fault, this.context.replies.take().toString("latin1")))
    else if (!this.flush() && !this.inputEnded) this.block()
  }

  perform(commands: CommandBatch, command: number, now: number): void {
    const { clock, counters, onHttp, replies, statistics } = this.context
    const id = commands.id(command)
    this.activeAt = now
    switch (id) {
      case QUIT:
        counters.quits++
        return this.end()
      case STATS:
        Reply.write(statistics(now), replies)
        break
      case CLOCK:
        if (clock !== undefined) return this.hold(this.moveClock(clock, commands, command))
        replies.error(Reply.ERR, "CLOCK is for servers with virtual time only: start one with serve --clock virtual")
        break
      case HTTP_REQUEST:
        this.inputEnded = true
        onHttp()
        replies.refuseHttp(commands.message(command))
        break
      case HTTP:
      case REFUSE_AND_CLOSE:
        this.inputEnded = true
        if (id === HTTP) onHttp()
        replies.error(Reply.ERR, commands.message(command))
    }
    this.answer(commands, command, command + 1, now)
    if (this.inputEnded && !this.held) this.end()
  }

  keep(bytes: Buffer): void {
    if (this.inputEnded || bytes.length === 0) return
    // A copy: the bytes are those of the next turn. Of its own, or half a line would hold a whole pool of others.
    const before = this.kept?.length ?? 0
    const kept = Buffer.allocUnsafeSlow(before + bytes.length)
    this.kept?.copy(kept)
    bytes.copy(kept, before)
    this.kept = kept
  }

  takeKept(): Buffer | undefined {
    const { kept } = this
    this.kept = undefined
    return kept
  }

  private moveClock(clock: VirtualClockService, commands: CommandBatch, command: number): Effect.Effect<void> {
    const request = Result.getOrUndefined(typed(commands, command))
    if (request?._tag !== "Clock") return Effect.void
    return Effect.map(clock.perform(request.action), (reply) => this.write(this.context.protocol.encodeReply(reply)))
  }

  /** What a fault makes of a reply. */
  private suffer(fault: Fault, reply: string): Effect.Effect<void> {
    switch (fault.kind) {
      case "delay":
        return Effect.andThen(
          Effect.sleep(fault.millis),
          Effect.sync(() => this.write(reply))
        )
      case "slow":
        return Effect.forEach(
          reply,
          (byte, index) =>
            Effect.andThen(
              index === 0 ? Effect.void : Effect.sleep(fault.millis),
              Effect.sync(() => this.write(byte))
            ),
          { discard: true }
        )
      case "truncate":
        return Effect.sync(() => {
          if (fault.bytes > 0) this.write(reply.slice(0, fault.bytes))
          this.end()
        })
      case "close":
        return Effect.sync(() => this.end())
      case "refuse":
        return Effect.void
    }
  }

  /** Executes nothing until `work` is done. */
  private hold(work: Effect.Effect<void>): void {
    this.held = true
    this.flush()
    this.block()
    const resume = Effect.sync(() => {
      this.held = false
      this.activeAt = this.context.now()
      if (this.socket.destroyed) return
      this.context.idleWatch.add(this)
      if (this.inputEnded) this.end()
      else if (!this.socket.writableNeedDrain) this.unblock()
    })
    // A turn later: what is held one after the other, thousands in a chunk, would else be so many calls deep.
    this.context.fork(Effect.ensuring(work, Effect.andThen(Effect.yieldNow, resume)))
  }

  /** Writes the replies that there are; says whether the peer keeps up. */
  private flush(): boolean {
    const { counters, replies } = this.context
    if (replies.length === 0) return true
    counters.bytesOut += replies.length
    const bytes = replies.take()
    // Behind others they wait: a copy, or each of a thousand short replies would keep a whole output for itself.
    if (this.socket.writableLength !== 0) return this.socket.write(Buffer.from(bytes))
    const keepsUp = this.socket.write(bytes)
    // What the socket could not write at once is the socket's.
    if (this.socket.writableLength !== 0) replies.renew()
    return keepsUp
  }

  /** Writes a part of a reply that was held. */
  private write(reply: string): void {
    this.context.counters.bytesOut += reply.length
    this.socket.write(reply, "latin1")
  }

  private block(): void {
    this.blocked = true
    this.wasBlocked = true
    this.socket.pause()
  }

  private unblock(): void {
    if (!this.blocked || this.held) return
    this.blocked = false
    this.activeAt = this.context.now()
    const rest = this.takeKept()
    if (rest !== undefined) {
      this.context.turn.add(this, rest, rest.length)
      this.context.turn.run()
    }
    if (this.blocked) return
    if (this.socket.readableEnded) this.end()
    else this.socket.resume()
    this.onUnblocked()
  }

  private peerEnded(): void {
    this.context.turn.run()
    if (!this.inputEnded) this.closeReason = "closed by the client"
    if (!this.blocked) this.end()
  }

  /** No more requests: closes this side once all replies are written. */
  private end(): void {
    this.inputEnded = true
    if (this.closeReason === "cut") this.closeReason = "closed by the server"
    if (!this.socket.writableEnded) this.socket.end()
  }

  private closed(): void {
    this.context.turn.run()
    this.inputEnded = true
    this.blocked = false
    this.kept = undefined
    if (this.closeReason === "cut") this.closeReason = "closed by the client"
    this.onFlushed()
    this.onClosed()
    this.onUnblocked()
  }
}

const doNothing = (): void => {}
