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
import { formatDouble } from "./Double.ts"

/** The version of the protocol that a client has chosen with HELLO; 2 at first. */
export type RespVersion = 2 | 3

/** Bytes of the buffer at first, again after it was given away, and again once large replies have become rare. */
const BUFFER_BYTES = 16 * 1024

/** A larger buffer is kept until so many takes in a row have used less than a quarter of it. */
const SMALL_TAKES = 1024

/** Values are copied in words of four bytes, so up to three bytes too many. */
const SLACK = 3

/**
 * Views of the buffer up to this length are made once. Most writes are short, and making a view takes longer than
 * filling it.
 */
const MAX_KEPT_VIEW = 2048

/** Longer values are copied by one call instead of word by word. In bytes. */
const MAX_WORD_LOOP = 384

/** The longest that a line with a number is: its type, 20 digits with a sign, its ending. */
const LONGEST_NUMBER = 24

/** Longer values are not copied, but read in slices by whoever takes the bytes. In bytes. */
const MAX_COPIED = 64 * 1024

const CRLF = "\r\n"
const LINE_END = 0x0a0d
const LINE_END_BYTES = 2

const ZERO = 0x30
const BULK = 0x24
const INTEGER = 0x3a
const ARRAY = 0x2a
const MAP = 0x25
const SET = 0x7e
const PUSH = 0x3e

/** A line of one digit as a word of four bytes, without its type and its digit. */
const SHORT_LINE = 0x0a0d_0000 | (ZERO << 8)

// The nulls of both versions: `$-1\r` with a newline behind it, and `_\r\n` in a word.
const NULL_2 = 0x0d31_2d24
const NULL_2_BYTES = 5
const NULL_3 = 0x000a_0d5f
const NULL_3_BYTES = 3
const NEWLINE = 0x0a

/** A reply that is always the same, in words. */
interface Prepared {
  /** The kind of the error, if it is one. */
  readonly code: string | undefined
  readonly length: number
  readonly words: Int32Array
}

// The bytes of an engine's arenas. They live as long as the arenas.
const bytesOfWords = new WeakMap<Int32Array, Buffer>()

const bytesOf = (words: Int32Array): Buffer => {
  const known = bytesOfWords.get(words)
  if (known !== undefined) return known
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength)
  bytesOfWords.set(words, bytes)
  return bytes
}

export class RespReplyWriter implements ReplyWriter {
  length = 0
  values: Array<PlacedValue> = []
  private begun = 0
  private begunValues = 0
  private bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private view = new DataView(this.bytes.buffer)
  // The buffer has room up to here; 0 if it is to be replaced by a small one.
  private limit = BUFFER_BYTES - SLACK
  private smallTakes = 0
  private views: Array<Buffer | undefined> = []
  private readonly version: RespVersion
  private readonly prepared: Array<Prepared | undefined> = []
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
    this.begunValues = this.values.length
  }

  rewind(): void {
    this.length = this.begun
    for (const { value } of this.values.splice(this.begunValues)) value.close()
  }

  fixed(reply: FixedReply): void {
    const prepared = this.prepared[reply.number]
    if (prepared === undefined) return this.prepare(reply)
    const { code, length, words } = prepared
    if (code !== undefined) this.onError(code)
    this.reserve(length)
    const { view } = this
    let word = 0
    for (let to = this.length, end = to + length; to < end; to += 4) view.setInt32(to, words[word++]!, true)
    this.length += length
  }

  simple(text: string): void {
    this.line(`+${text}${CRLF}`)
  }

  error(code: string, message: string): void {
    this.onError(code)
    this.line(`-${code} ${inOneLine(message)}${CRLF}`)
  }

  integer(value: number | bigint): void {
    if (typeof value === "bigint" || !(value >= 0 && value <= 0x7fff_ffff)) return this.line(`:${value}${CRLF}`)
    this.reserve(LONGEST_NUMBER)
    this.number(INTEGER, value)
  }

  double(value: number): void {
    const text = formatDouble(value)
    if (this.version === 3) this.line(`,${text}${CRLF}`)
    else this.text(text)
  }

  bulk(bytes: Buffer, start: number, length: number): void {
    this.reserve(length + LONGEST_NUMBER + LINE_END_BYTES)
    this.number(BULK, length)
    this.length += bytes.copy(this.bytes, this.length, start, start + length)
    this.endLine()
  }

  bulkWords(words: Int32Array, at: number, length: number): void {
    this.reserve(length + LONGEST_NUMBER + LINE_END_BYTES)
    this.number(BULK, length)
    const to = this.length
    this.length = to + length
    if (length <= MAX_WORD_LOOP) {
      const { view } = this
      let word = at
      for (let from = 0; from < length; from += 4) view.setInt32(to + from, words[word++]!, true)
    } else bytesOf(words).copy(this.bytes, to, at << 2, (at << 2) + length)
    this.endLine()
  }

  bulkReader(value: ValueReader): void {
    const length = value.remaining
    const isCopied = length <= MAX_COPIED
    this.reserve((isCopied ? length : 0) + LONGEST_NUMBER + LINE_END_BYTES)
    this.number(BULK, length)
    if (isCopied) {
      while (value.remaining > 0) this.length += value.read(this.bytes, this.length, value.remaining)
      value.close()
    } else this.values.push({ at: this.length, value })
    this.endLine()
  }

  text(text: string): void {
    const length = Buffer.byteLength(text)
    this.reserve(length + LONGEST_NUMBER + LINE_END_BYTES)
    this.number(BULK, length)
    this.length += this.bytes.write(text, this.length)
    this.endLine()
  }

  verbatim(text: string): void {
    if (this.version === 2) return this.text(text)
    const marked = `txt:${text}`
    const header = `=${Buffer.byteLength(marked)}${CRLF}`
    this.reserve(3 * marked.length + LONGEST_NUMBER + LINE_END_BYTES)
    this.length += this.bytes.write(header + marked, this.length)
    this.endLine()
  }

  null(): void {
    this.reserve(LONGEST_NUMBER)
    if (this.version === 3) {
      this.view.setInt32(this.length, NULL_3, true)
      this.length += NULL_3_BYTES
    } else {
      this.view.setInt32(this.length, NULL_2, true)
      this.view.setUint8(this.length + 4, NEWLINE)
      this.length += NULL_2_BYTES
    }
  }

  nullArray(): void {
    this.line(this.version === 3 ? "_\r\n" : "*-1\r\n")
  }

  array(length: number): void {
    this.header(ARRAY, length)
  }

  map(entries: number): void {
    if (this.version === 3) this.header(MAP, entries)
    else this.header(ARRAY, 2 * entries)
  }

  set(length: number): void {
    this.header(this.version === 3 ? SET : ARRAY, length)
  }

  push(length: number): void {
    this.header(this.version === 3 ? PUSH : ARRAY, length)
  }

  refuseHttp(message: string): void {
    this.error("ERR", message)
  }

  take(): Buffer {
    const { bytes, length } = this
    this.length = 0
    this.begun = 0
    if (this.values.length > 0) this.values = []
    this.begunValues = 0
    if (bytes.length > BUFFER_BYTES) {
      if (length > bytes.length >> 2) this.smallTakes = 0
      else if (++this.smallTakes > SMALL_TAKES) this.limit = 0
    }
    if (length > MAX_KEPT_VIEW) return bytes.subarray(0, length)
    return (this.views[length] ??= bytes.subarray(0, length))
  }

  renew(): void {
    this.move(BUFFER_BYTES)
  }

  private header(type: number, number: number): void {
    this.reserve(LONGEST_NUMBER)
    this.number(type, number)
  }

  /** Writes a line with a number of at most 31 bits, for which there is room. */
  private number(type: number, number: number): void {
    const { view } = this
    if (number < 10) {
      view.setInt32(this.length, SHORT_LINE | type | (number << 8), true)
      this.length += 4
      return
    }
    if (number < 100) {
      const tens = (number / 10) | 0
      const digits = ((ZERO + tens) << 8) | ((ZERO + number - 10 * tens) << 16)
      view.setInt32(this.length, 0x0d00_0000 | digits | type, true)
      view.setUint8(this.length + 4, NEWLINE)
      this.length += 5
      return
    }
    let digits = 3
    for (let power = 1000; power <= number; power *= 10) digits++
    view.setUint8(this.length, type)
    let at = this.length + digits
    this.length = at + 1
    for (let rest = number; rest > 0; at--) {
      const tenth = (rest / 10) | 0
      view.setUint8(at, ZERO + rest - 10 * tenth)
      rest = tenth
    }
    this.endLine()
  }

  private endLine(): void {
    this.view.setInt16(this.length, LINE_END, true)
    this.length += LINE_END_BYTES
  }

  /** Writes a text of single bytes. */
  private line(text: string): void {
    this.reserve(text.length)
    this.length += this.bytes.write(text, this.length, "latin1")
  }

  /** Writes a reply in the primitive way and keeps the resulting bytes. */
  private prepare(reply: FixedReply): void {
    const start = this.length
    reply.write(this)
    const length = this.length - start
    const words = Int32Array.from({ length: Math.ceil(length / 4) }, (_, word) =>
      this.view.getInt32(start + word * 4, true)
    )
    const text = this.bytes.toString("latin1", start, this.length)
    const code = text.startsWith("-") ? text.slice(1, text.indexOf(" ")) : undefined
    this.prepared[reply.number] = { code, length, words }
  }

  /** Makes room for so many bytes more. */
  private reserve(bytes: number): void {
    if (this.length + bytes > this.limit) this.makeRoom(bytes)
  }

  private makeRoom(bytes: number): void {
    const needed = this.length + bytes + SLACK
    // Only what was taken is in a buffer that is to be replaced.
    if (this.limit === 0) this.move(Math.max(BUFFER_BYTES, needed))
    else this.move(Math.max(2 * this.bytes.length, needed))
  }

  /** Goes on in another buffer. */
  private move(capacity: number): void {
    const before = this.bytes
    this.bytes = Buffer.allocUnsafeSlow(capacity)
    before.copy(this.bytes, 0, 0, this.length)
    this.view = new DataView(this.bytes.buffer)
    this.limit = capacity - SLACK
    this.smallTakes = 0
    this.views = []
  }
}

/** An error is one line, whatever it quotes. */
const inOneLine = (message: string): string =>
  /[\r\n]/.test(message) ? message.replaceAll(/^[\r\n]+|[\r\n]+$/g, "").replaceAll(/[\r\n]/g, " ") : message
