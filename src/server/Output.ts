/**
 * What a client is owed: its replies, in order, each after what goes wrong with it on purpose.
 *
 * Replies are written from the output that all connections share. Bytes that the socket could not take at once are the
 * socket's, and what comes behind them is copied. Replies with long values among them are written in slices, and
 * whatever comes behind them waits until the last of these is written.
 */
import type { Socket } from "node:net"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { ReplyWriter } from "../protocol/Protocol.ts"
import type { Fault, Faults } from "./Faults.ts"
import { ReplyStream, takeStream } from "./ReplyStream.ts"
import type { ServerCounters } from "./ServerCounters.ts"
import { isEncrypted } from "./TlsPort.ts"

/**
 * Bytes of a slice. More than a socket buffers, so that it says when it has taken one that it could not write at once; few
 * enough that a slice takes about 0.1 ms.
 */
export const SLICE_BYTES = 128 * 1024

// A slice is written before the next one is filled, so one buffer serves all connections.
let slice = Buffer.allocUnsafeSlow(SLICE_BYTES)

export class Output {
  private readonly socket: Socket
  private readonly counters: ServerCounters
  private readonly faults: Faults | undefined
  private readonly onEnd: () => void
  private readonly onMore: () => void
  private readonly onHeld: (bytes: number) => void
  private readonly isEncrypted: boolean
  // Bytes of memory that are held for what the socket could not take.
  private held = 0
  // What is written in slices, in order.
  private readonly streams: Array<ReplyStream> = []
  // Bytes of the slice that is being filled.
  private filled = 0
  private hasEnded = false
  // Replies so far.
  private count = 0

  /**
   * `onEnd` ends the connection. `onMore` has the next slice written when it is time. `onHeld` is told how much more or less
   * memory is held.
   */
  constructor(
    socket: Socket,
    counters: ServerCounters,
    faults: Faults | undefined,
    onEnd: () => void,
    onMore: () => void,
    onHeld: (bytes: number) => void
  ) {
    this.socket = socket
    this.counters = counters
    this.faults = faults
    this.onEnd = onEnd
    this.onMore = onMore
    this.onHeld = onHeld
    this.isEncrypted = isEncrypted(socket)
  }

  /** Bytes of memory that are held for what the socket could not take. */
  get heldBytes(): number {
    if (this.socket.writableLength === 0 || this.socket.destroyed) this.held = 0
    return this.held + this.streams.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
  }

  /** Whether something may go wrong with a reply: then each has to be given for itself. */
  get isStepped(): boolean {
    return this.faults?.isArmed === true
  }

  /** Whether there are slices to be written. */
  get isStreaming(): boolean {
    return this.streams.length > 0
  }

  /** Whether the peer has taken what there was, but for so much that it has to be stopped. */
  get keepsUp(): boolean {
    return !this.socket.writableNeedDrain && !this.isStreaming
  }

  /**
   * Writes the replies to the commands from `from` to `to` (exclusive), which `replies` has. Returns nothing, or an Effect
   * that writes them, where they come late.
   */
  write(commands: CommandBatch, from: number, to: number, replies: ReplyWriter): Effect.Effect<void> | undefined {
    const index = this.count
    this.count += to - from
    if (this.isStepped && to === from + 1) {
      const fault = this.faults?.forReply(commands.keyText(from), index)
      if (fault !== undefined) return this.suffer(fault, takeStream(replies))
    }
    this.flush(replies)
    return undefined
  }

  /** Writes what `replies` has; where there are long values, later. */
  flush(replies: ReplyWriter): void {
    if (replies.length === 0) return
    if (replies.values.length > 0 || this.isStreaming) return this.stream(takeStream(replies))
    const { socket } = this
    this.counters.bytesOut += replies.length
    const bytes = replies.take()
    if (this.held !== 0) this.release()
    // Behind others they wait: a copy, or each of a thousand short replies would keep a whole output for itself. Of its
    // own memory, or it would keep a pool of others.
    if (socket.writableLength !== 0) {
      const copy = Buffer.allocUnsafeSlow(bytes.length)
      bytes.copy(copy)
      socket.write(copy)
      return this.hold(copy.length)
    }
    socket.write(bytes)
    if (socket.writableLength === 0) return
    // It has encrypted them already, and says a turn later that it has sent them.
    if (this.isEncrypted) return
    // What the socket could not write at once is the socket's.
    const { capacity } = replies
    replies.renew()
    this.hold(capacity)
  }

  /** Writes the next slice, if the socket has taken the one before. A failure is what reading a value threw. */
  writeSlice(): Result.Result<void, unknown> {
    if (this.socket.writableNeedDrain) return Result.void
    this.filled = 0
    const result = Result.try(this.fill)
    this.counters.bytesOut += this.filled
    this.socket.write(slice.subarray(0, this.filled))
    if (this.socket.writableLength !== 0) {
      // It is the socket's.
      slice = Buffer.allocUnsafeSlow(SLICE_BYTES)
      this.hold(SLICE_BYTES)
    }
    if (Result.isFailure(result)) this.dropStreams()
    if (this.isStreaming) {
      // Where the socket does not take this one, it will say when it has.
      if (!this.socket.writableNeedDrain) this.onMore()
    } else if (this.hasEnded) this.socket.end()
    return result
  }

  /** Closes this side once all is written. */
  end(): void {
    this.hasEnded = true
    if (!this.isStreaming) this.socket.end()
  }

  /** Writes bytes that no command asked for, behind all replies so far. They are the socket's from now on. */
  push(bytes: Buffer): void {
    if (this.isStreaming) return this.stream(new ReplyStream(bytes, []))
    this.counters.bytesOut += bytes.length
    this.release()
    this.socket.write(bytes)
    if (this.socket.writableLength !== 0) this.hold(bytes.length)
  }

  /** What the socket has taken meanwhile is held no more. */
  release(): void {
    const before = this.held
    if (before === 0) return
    if (this.socket.writableLength !== 0 && !this.socket.destroyed) return
    this.held = 0
    this.onHeld(-before)
  }

  /** Nothing more can be written. */
  close(): void {
    this.dropStreams()
    this.release()
  }

  private stream(stream: ReplyStream): void {
    if (this.socket.destroyed) return stream.close()
    this.streams.push(stream)
    this.onHeld(stream.heldBytes)
    if (this.streams.length === 1) this.onMore()
  }

  private readonly fill = (): void => {
    for (let [stream] = this.streams; stream !== undefined && this.filled < SLICE_BYTES; [stream] = this.streams) {
      this.filled += stream.read(slice, this.filled, SLICE_BYTES - this.filled)
      if (stream.remaining === 0) this.shift(stream)
    }
  }

  private dropStreams(): void {
    for (let [stream] = this.streams; stream !== undefined; [stream] = this.streams) this.shift(stream)
  }

  private shift(stream: ReplyStream): void {
    stream.close()
    this.streams.shift()
    this.onHeld(-stream.heldBytes)
  }

  private hold(bytes: number): void {
    this.held += bytes
    this.onHeld(bytes)
  }

  /** What a fault makes of a reply. */
  private suffer(fault: Fault, reply: ReplyStream): Effect.Effect<void> {
    const close = Effect.sync(() => reply.close())
    const end = Effect.sync(this.onEnd)
    switch (fault.kind) {
      case "delay":
        return Effect.sleep(fault.millis).pipe(
          Effect.onInterrupt(() => close),
          Effect.andThen(Effect.sync(() => this.stream(reply)))
        )
      case "slow":
        return Effect.sync(() => this.send(reply, 1)).pipe(
          Effect.tap(() => (reply.remaining > 0 ? Effect.sleep(fault.millis) : Effect.void)),
          Effect.repeat({ while: () => reply.remaining > 0 }),
          Effect.ensuring(close)
        )
      case "truncate":
        return Effect.sync(() => this.send(reply, fault.bytes)).pipe(Effect.andThen(close), Effect.andThen(end))
      case "close":
        return Effect.andThen(close, end)
      case "refuse":
        return close
    }
  }

  private send(reply: ReplyStream, most: number): void {
    const bytes = reply.next(most)
    this.counters.bytesOut += bytes.length
    if (bytes.length > 0) this.socket.write(bytes)
  }
}
