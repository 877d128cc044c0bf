/**
 * RESP's replies as bytes in one buffer, of version 2 or 3 of the protocol. Only this module knows how a reply is
 * written. Where RESP2 lacks a type, the reply is what Redis sends in its place.
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/)
 *
 * The buffer is reused for each batch. A buffer that a socket could not write at once belongs to the socket, and
 * touching it would corrupt replies. `renew` takes another one in that case.
 */
import type { FixedReply } from "../../domain/Reply.ts"
import type { ValueReader } from "../../domain/ValueReader.ts"
import type { PlacedValue, ReplyWriter } from "../Protocol.ts"

/** The version of the protocol that a client has chosen with HELLO; 2 at first. */
export type RespVersion = 2 | 3

/** Bytes of the buffer at first, and again after it was given away. */
const BUFFER_BYTES = 16 * 1024

/** The longest that a number with its type and its line ending is. */
const LONGEST_NUMBER = 32

const CRLF = "\r\n"
const MINUS = 0x2d
const SPACE = 0x20

export class RespReplyWriter implements ReplyWriter {
  length = 0
  readonly values: ReadonlyArray<PlacedValue> = []
  private begun = 0
  private bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private readonly version: RespVersion
  private readonly prepared: Array<Buffer | undefined> = []
  private readonly onError: (code: string) => void

  /** `onError` is told the kind of each error. */
  constructor(version: RespVersion, onError: (code: string) => void = () => {}) {
    this.version = version
    this.onError = onError
  }

  get capacity(): number {
    return this.bytes.length
  }

  begin(): void {
    this.begun = this.length
  }

  rewind(): void {
    this.length = this.begun
  }

  fixed(reply: FixedReply): void {
    const prepared = this.prepared[reply.number]
    if (prepared === undefined) {
      const start = this.length
      reply.write(this)
      this.prepared[reply.number] = Buffer.from(this.bytes.subarray(start, this.length))
      return
    }
    if (prepared[0] === MINUS) this.onError(prepared.toString("latin1", 1, prepared.indexOf(SPACE)))
    this.reserve(prepared.length)
    this.length += prepared.copy(this.bytes, this.length)
  }

  simple(text: string): void {
    this.line(`+${text}${CRLF}`)
  }

  error(code: string, message: string): void {
    this.onError(code)
    this.line(`-${code} ${message}${CRLF}`)
  }

  integer(value: number | bigint): void {
    this.line(`:${value}${CRLF}`)
  }

  double(value: number): void {
    const text = formatDouble(value)
    if (this.version === 3) this.line(`,${text}${CRLF}`)
    else this.text(text)
  }

  bulk(bytes: Buffer, start: number, length: number): void {
    this.line(`$${length}${CRLF}`)
    this.reserve(length + CRLF.length)
    this.length += bytes.copy(this.bytes, this.length, start, start + length)
    this.line(CRLF)
  }

  bulkWords(words: Int32Array, at: number, length: number): void {
    this.line(`$${length}${CRLF}`)
    this.reserve(length + 3 + CRLF.length)
    for (let from = 0; from < length; from += 4) this.bytes.writeInt32LE(words[at + (from >> 2)]!, this.length + from)
    this.length += length
    this.line(CRLF)
  }

  bulkReader(value: ValueReader): void {
    const length = value.remaining
    this.line(`$${length}${CRLF}`)
    this.reserve(length + CRLF.length)
    this.length += value.read(this.bytes, this.length, length)
    value.close()
    this.line(CRLF)
  }

  text(text: string): void {
    const bytes = Buffer.from(text)
    this.bulk(bytes, 0, bytes.length)
  }

  verbatim(text: string): void {
    if (this.version === 2) return this.text(text)
    const bytes = Buffer.from(`txt:${text}`)
    this.line(`=${bytes.length}${CRLF}`)
    this.reserve(bytes.length + CRLF.length)
    this.length += bytes.copy(this.bytes, this.length)
    this.line(CRLF)
  }

  null(): void {
    this.line(this.version === 3 ? "_\r\n" : "$-1\r\n")
  }

  nullArray(): void {
    this.line(this.version === 3 ? "_\r\n" : "*-1\r\n")
  }

  array(length: number): void {
    this.line(`*${length}${CRLF}`)
  }

  map(entries: number): void {
    this.line(this.version === 3 ? `%${entries}${CRLF}` : `*${2 * entries}${CRLF}`)
  }

  set(length: number): void {
    this.line(this.version === 3 ? `~${length}${CRLF}` : `*${length}${CRLF}`)
  }

  push(length: number): void {
    this.line(this.version === 3 ? `>${length}${CRLF}` : `*${length}${CRLF}`)
  }

  refuseHttp(message: string): void {
    this.error("ERR", message)
  }

  take(): Buffer {
    const { length } = this
    this.length = 0
    this.begun = 0
    return this.bytes.subarray(0, length)
  }

  renew(): void {
    this.move(BUFFER_BYTES)
  }

  private line(text: string): void {
    this.reserve(text.length + LONGEST_NUMBER)
    this.length += this.bytes.write(text, this.length, "latin1")
  }

  /** Makes room for so many bytes more. */
  private reserve(bytes: number): void {
    if (this.length + bytes > this.bytes.length) this.move(Math.max(2 * this.bytes.length, this.length + bytes))
  }

  /** Goes on in another buffer. */
  private move(capacity: number): void {
    const before = this.bytes
    this.bytes = Buffer.allocUnsafeSlow(capacity)
    before.copy(this.bytes, 0, 0, this.length)
  }
}

const formatDouble = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf"
