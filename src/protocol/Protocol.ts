/**
 * The port between bytes and commands. Each implementation is one wire protocol, and server and client know only this
 * port.
 *
 * A protocol is pure: it does no input or output, keeps no bytes, and never throws on what a peer sends. It is not a
 * service with effects, because the hot path calls it in a plain loop.
 */
import * as Context from "effect/Context"
import type { Command } from "../domain/Command.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { Reply, ReplySink } from "../domain/Reply.ts"
import type { ValueReader } from "../domain/ValueReader.ts"

/** The server's side of one connection: bytes in, commands out. */
export interface RequestDecoder {
  /**
   * Adds the requests in `commands.bytes` from `offset` to `end` (exclusive) to the batch, in order. Returns the offset
   * of the first byte that it did not take: either the request there is unfinished or the batch is full. The caller
   * keeps those bytes and passes them again, followed by more.
   *
   * A malformed request is added as one of `commands/Refusals.ts`. A request that must be executed before the next one
   * is read stops the batch. After a QUIT, or after bytes that make the rest unreadable, all bytes are taken and
   * nothing is added.
   */
  readonly decode: (commands: CommandBatch, offset: number, end: number) => number
  /**
   * After `decode`: how many bytes, from the first that it did not take, the request there has at least. 0 if that is not
   * known. The caller need not ask again before it has so many, and can keep them in one piece.
   */
  readonly needed: number
  /**
   * Says whether the client has yet to say who it is. Its requests must be short then, and each of them ends its batch. A
   * new decoder takes it for a client that need not say so.
   */
  readonly restrict: (isStranger: boolean) => void
}

/** A long value among the bytes of replies. */
export interface PlacedValue {
  /** The offset of the byte that its bytes come before. */
  readonly at: number
  readonly value: ValueReader
}

/** The server's output: replies in, bytes out. It has room for every reply that begins with `begin`. */
export interface ReplyWriter extends ReplySink {
  /** Answers a browser in HTTP, which it understands. Nothing may follow. */
  readonly refuseHttp: (message: string) => void
  /** The number of bytes not taken yet. */
  readonly length: number
  /** The number of bytes of memory that `renew` gives away. */
  readonly capacity: number
  /**
   * The long values among the bytes not taken yet, in order: what `bulkReader` was given and is not copied into the bytes. It
   * is read before `take`, which begins another list. Whoever takes them reads them in slices, and closes them.
   */
  readonly values: ReadonlyArray<PlacedValue>
  /**
   * All bytes of replies, to be written at once. Later replies overwrite them, unless `renew` is called because they
   * are still needed.
   */
  readonly take: () => Buffer
  /** Removes what was written since the last `begin`, and closes the values in it. */
  readonly rewind: () => void
  /** The bytes that were taken last are someone else's from now on. */
  readonly renew: () => void
}

/** Bytes that are not a reply of this protocol. Nothing after them can be understood. */
export interface MalformedReply {
  readonly _tag: "MalformedReply"
  /** The received bytes, shortened and made printable. */
  readonly received: string
}

/** The client's side of one connection: bytes in, replies out. */
export interface ReplyDecoder {
  /**
   * Reads replies from `bytes` (latin1) and passes all of them to `onReply`. A reply need not say what it answers, so
   * `expected` names the next command that awaits one, or `undefined` if none does.
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
  /** `onError` is told the kind of each error that is written. */
  readonly makeReplyWriter: (onError?: (code: string) => void) => ReplyWriter
  /** A reply as the bytes (latin1) that answer a request. */
  readonly encodeReply: (reply: Reply) => string
  /** A command as the bytes (latin1) of a request. */
  readonly encodeCommand: (command: Command) => string
}

export class Protocol extends Context.Service<Protocol, ProtocolService>()("effect-kv-cache/protocol/Protocol") {}
