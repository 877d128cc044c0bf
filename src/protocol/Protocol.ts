/**
 * The port between bytes and commands. One implementation is one wire protocol; server and client know only this.
 *
 * A protocol is pure: it does no input or output, keeps no bytes, and never throws on what a peer sends. It is not a
 * service with effects, because the hot path calls it in a plain loop.
 */
import * as Context from "effect/Context"
import type { Command } from "../domain/Command.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { Reply, ReplySink } from "../domain/Reply.ts"

/** The server's side of one connection: bytes in, commands out. */
export interface RequestDecoder {
  /**
   * Adds the requests in `commands.bytes` from `offset` to `end` (exclusive) to the batch, in order, and returns the offset
   * of the first byte that it did not take: what lies there is unfinished, or the batch is full. Whoever calls keeps
   * those bytes, and gives them again with more behind them.
   *
   * A request that is no command is added as one of those in `commands/Refusals.ts`. One that has to be done before the
   * next is looked at stops the batch. After a QUIT, or bytes behind which nothing can be understood, all bytes are
   * taken and nothing is added.
   */
  readonly decode: (commands: CommandBatch, offset: number, end: number) => number
}

/** The server's output: replies in, bytes out. It has room for a full batch whenever `isFull` does not hold. */
export interface ReplyWriter extends ReplySink {
  /** Turns a browser away, in the words that it understands. Nothing may follow. */
  readonly refuseHttp: (message: string) => void
  /** Bytes of replies that were not taken. */
  readonly length: number
  readonly isFull: boolean
  /**
   * All bytes of replies, to be written at once: what comes next overwrites them, unless `renew` says that they are
   * still needed.
   */
  readonly take: () => Buffer
  /** Takes back what came since the last `begin`. */
  readonly rewind: () => void
  /** The bytes that were taken last are someone else's from now on. */
  readonly renew: () => void
}

/** A reply that is none of this protocol: the connection cannot be understood any more. */
export interface MalformedReply {
  readonly _tag: "MalformedReply"
  /** What was received, shortened and made printable. */
  readonly received: string
}

/** The client's side of one connection: bytes in, replies out. */
export interface ReplyDecoder {
  /**
   * Reads replies from `bytes` (latin1) and hands each to `onReply`, all of them. The protocol's replies need not say what they
   * answer, so `expected` names the next command that awaits one, or nothing where none does.
   */
  readonly decode: (
    bytes: string,
    expected: () => Command["_tag"] | undefined,
    onReply: (reply: Reply | MalformedReply) => void
  ) => void
}

export interface ProtocolService {
  readonly makeRequestDecoder: () => RequestDecoder
  readonly makeReplyDecoder: () => ReplyDecoder
  readonly makeReplyWriter: () => ReplyWriter
  /** A reply as the bytes (latin1) that answer one request. */
  readonly encodeReply: (reply: Reply) => string
  /** A command as the bytes (latin1) of one request. */
  readonly encodeCommand: (command: Command) => string
}

export class Protocol extends Context.Service<Protocol, ProtocolService>()("effect-kv-cache/protocol/Protocol") {}
