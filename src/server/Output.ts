/**
 * What a client is owed: its replies, in order, each after what goes wrong with it on purpose.
 *
 * Replies are written from the output that all connections share. Bytes that the socket could not take at once are the
 * socket's, and what comes behind them is copied.
 */
import type { Socket } from "node:net"
import * as Effect from "effect/Effect"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { ReplyWriter } from "../protocol/Protocol.ts"
import type { Fault, Faults } from "./Faults.ts"
import type { ServerCounters } from "./ServerCounters.ts"

export class Output {
  private readonly socket: Socket
  private readonly counters: ServerCounters
  private readonly faults: Faults | undefined
  private readonly end: () => void
  private readonly onHeld: (bytes: number) => void
  // Bytes of memory that are held for what the socket could not take.
  private held = 0
  // Replies so far.
  private count = 0

  /** `end` ends the connection; `onHeld` is told how much more or less memory is held. */
  constructor(
    socket: Socket,
    counters: ServerCounters,
    faults: Faults | undefined,
    end: () => void,
    onHeld: (bytes: number) => void
  ) {
    this.socket = socket
    this.counters = counters
    this.faults = faults
    this.end = end
    this.onHeld = onHeld
  }

  /** Bytes of memory that are held for what the socket could not take. */
  get heldBytes(): number {
    if (this.socket.writableLength === 0 || this.socket.destroyed) this.held = 0
    return this.held
  }

  /** Whether something may go wrong with a reply: then each has to be given for itself. */
  get isStepped(): boolean {
    return this.faults?.isArmed === true
  }

  /** Whether the peer has taken what there was, but for so much that it has to be stopped. */
  get keepsUp(): boolean {
    return !this.socket.writableNeedDrain
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
      if (fault !== undefined) return this.suffer(fault, Buffer.from(replies.take()))
    }
    this.flush(replies)
    return undefined
  }

  /** Writes what `replies` has. */
  flush(replies: ReplyWriter): void {
    if (replies.length === 0) return
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
    // What the socket could not write at once is the socket's.
    const { capacity } = replies
    replies.renew()
    this.hold(capacity)
  }

  /** Writes bytes that no command asked for, behind all replies so far. They are the socket's from now on. */
  push(bytes: Buffer): void {
    this.counters.bytesOut += bytes.length
    this.release()
    this.socket.write(bytes)
    if (this.socket.writableLength !== 0) this.hold(bytes.length)
  }

  /** What the socket has taken meanwhile is held no more. */
  release(): void {
    const before = this.held
    if (before !== 0 && this.heldBytes === 0) this.onHeld(-before)
  }

  private hold(bytes: number): void {
    this.held += bytes
    this.onHeld(bytes)
  }

  /** What a fault makes of a reply. */
  private suffer(fault: Fault, reply: Buffer): Effect.Effect<void> {
    switch (fault.kind) {
      case "delay":
        return Effect.andThen(
          Effect.sleep(fault.millis),
          Effect.sync(() => this.send(reply))
        )
      case "slow":
        return Effect.forEach(
          reply.keys(),
          (at) =>
            Effect.andThen(
              at === 0 ? Effect.void : Effect.sleep(fault.millis),
              Effect.sync(() => this.send(reply.subarray(at, at + 1)))
            ),
          { discard: true }
        )
      case "truncate":
        return Effect.sync(() => {
          if (fault.bytes > 0) this.send(reply.subarray(0, fault.bytes))
          this.end()
        })
      case "close":
        return Effect.sync(this.end)
      case "refuse":
        return Effect.void
    }
  }

  private send(bytes: Buffer): void {
    this.counters.bytesOut += bytes.length
    this.socket.write(bytes)
  }
}
