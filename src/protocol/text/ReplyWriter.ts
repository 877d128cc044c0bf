/**
 * The text protocol's replies as bytes in one buffer, for a server: what `Encoder.ts` says of a reply, without a string.
 *
 * The buffer is used again for each batch. One that a socket could not write at once belongs to the socket, and touching
 * it would corrupt replies: `renew` takes another one then.
 */
import { BATCH_COMMANDS } from "../../domain/CommandBatch.ts"
import * as Reply from "../../domain/Reply.ts"
import type { ReplyWriter } from "../Protocol.ts"
import { encodeReply, MAX_KEY_REPLY_BYTES } from "./Encoder.ts"

/** A batch holds commands of keys only. Any other reply comes alone, and is shorter than this. */
const BATCH_BYTES = BATCH_COMMANDS * MAX_KEY_REPLY_BYTES

/** Room for a batch beyond the one that makes it full. */
const BUFFER_BYTES = 2 * BATCH_BYTES

/** Texts are copied by words of four bytes, so as many as three too many. */
const SLACK = 3

/** Views of the buffer up to this length are made once: most writes are short, and a view takes longer than its bytes. */
const MAX_KEPT_VIEW = 2048

/** A reply that is always the same, in words. */
class Fixed {
  readonly length: number
  readonly words: Int32Array

  constructor(reply: Reply.Reply) {
    const text = Buffer.from(encodeReply(reply), "latin1")
    this.length = text.length
    const padded = Buffer.concat([text, Buffer.alloc(SLACK)])
    this.words = Int32Array.from({ length: Math.ceil(text.length / 4) }, (_, word) => padded.readInt32LE(word * 4))
  }
}

const stored = new Fixed(Reply.stored)
const deleted = new Fixed(Reply.deleted)
const notFound = new Fixed(Reply.notFound)
const present = new Fixed(Reply.present)
const absent = new Fixed(Reply.absent)

const OK = "OK "
const OK_WORD = Buffer.from(`${OK} `, "latin1").readInt32LE()
const NEWLINE = 0x0a

export class TextReplyWriter implements ReplyWriter {
  length = 0
  private bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES + SLACK)
  private view = new DataView(this.bytes.buffer)
  private views: Array<Buffer | undefined> = []

  get isFull(): boolean {
    return this.length > BUFFER_BYTES - BATCH_BYTES
  }

  stored(): void {
    this.append(stored.words, 0, stored.length)
  }

  found(words: Int32Array, at: number, length: number): void {
    this.view.setInt32(this.length, OK_WORD, true)
    this.length += OK.length
    this.append(words, at, length)
    this.view.setUint8(this.length++, NEWLINE)
  }

  deleted(): void {
    this.append(deleted.words, 0, deleted.length)
  }

  notFound(): void {
    this.append(notFound.words, 0, notFound.length)
  }

  existence(exists: boolean): void {
    const reply = exists ? present : absent
    this.append(reply.words, 0, reply.length)
  }

  add(reply: Reply.Reply): void {
    this.length += this.bytes.write(encodeReply(reply), this.length, "latin1")
  }

  take(): Buffer {
    const { length } = this
    this.length = 0
    if (length > MAX_KEPT_VIEW) return this.bytes.subarray(0, length)
    return (this.views[length] ??= this.bytes.subarray(0, length))
  }

  renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(this.bytes.length)
    this.view = new DataView(this.bytes.buffer)
    this.views = []
  }

  private append(words: Int32Array, at: number, length: number): void {
    const { view } = this
    let word = at
    for (let to = this.length, end = to + length; to < end; to += 4) view.setInt32(to, words[word++]!, true)
    this.length += length
  }
}
