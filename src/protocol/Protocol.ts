/**
 * The port between bytes and commands. One implementation is one wire protocol; server and client know only this.
 *
 * Bytes are given and taken as latin1 text, a character for each byte: to V8 that is the same bytes in its own memory,
 * so that one conversion a chunk replaces one a word, and a word of it is a slice that copies nothing. A server's fast
 * way, `recognise` and `ReplyWriter`, has the bytes themselves.
 *
 * A protocol is pure: its decoders hold the bytes of an unfinished message and nothing else, do no input or output,
 * and never throw on what a peer sends. It is not a service with effects, because the hot path calls it in a plain
 * loop.
 */
import * as Context from "effect/Context"
import type { Command } from "../domain/Command.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import type { Reply, ReplySink } from "../domain/Reply.ts"

/** What a peer sent that is no command. */
export interface Malformed {
  readonly _tag: "Malformed"
  /** What was wrong, naming the part: one line of printable ASCII, to be sent as the reply. */
  readonly message: string
  /**
   * `syntax`: the connection goes on. `too-long`: the message has no end within its limit, so what follows cannot be
   * understood. `http`: a browser speaks, so nothing after it may be executed. `http-request`: the same, and it did so from
   * the first line on, so that it can be answered in HTTP. All but the first end the connection.
   */
  readonly reason: "syntax" | "too-long" | "http" | "http-request"
}

/** One message of a client, as decoded. */
export type Request = Command | Malformed

/** The server's side of one connection: bytes in, requests out. */
export interface RequestDecoder {
  /**
   * Reads requests from `bytes` (latin1) from `offset` on, appends at most `limit` of them to `into`, and returns the
   * offset of the first byte not read. Bytes of an unfinished message are kept until the next call. After a QUIT or a malformed message that ends the connection, everything is read and nothing is decoded.
   */
  readonly decode: (bytes: string, offset: number, into: Array<Request>, limit: number) => number
  /**
   * The fast way for what nearly all clients send: adds the well-formed commands from `offset` on to a batch of the same
   * bytes, as many as it has room for, and returns the offset of the first byte not read. It may stop early, before
   * anything that it does not know at first sight: that is for `decode`.
   */
  readonly recognise: (commands: CommandBatch, offset: number, end: number) => number
  /** Bytes of an unfinished message that are being held. */
  readonly pending: () => number
}

/** The server's output: replies in, bytes out. It has room for a full batch whenever `isFull` does not hold. */
export interface ReplyWriter extends ReplySink {
  readonly add: (reply: Reply) => void
  /** Bytes of replies that were not taken. */
  readonly length: number
  readonly isFull: boolean
  /**
   * All bytes of replies, to be written at once: what comes next overwrites them, unless `renew` says that they are
   * still needed.
   */
  readonly take: () => Buffer
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
  /** The protocol's name in logs. */
  readonly name: string
  readonly makeRequestDecoder: () => RequestDecoder
  readonly makeReplyDecoder: () => ReplyDecoder
  readonly makeReplyWriter: () => ReplyWriter
  /** The most bytes that one encoded reply can take. */
  readonly maxReplyBytes: number
  /** A reply as the bytes (latin1) that answer one request. */
  readonly encodeReply: (reply: Reply) => string
  /** A command as the bytes (latin1) of one request. */
  readonly encodeCommand: (command: Command) => string
}

export class Protocol extends Context.Service<Protocol, ProtocolService>()("effect-kv-cache/protocol/Protocol") {}
