/**
 * The text protocol's replies as bytes in one buffer. Only this module knows how a reply is written.
 *
 * The buffer is reused for each batch. A buffer that a socket could not write at once belongs to the socket, and
 * touching it would corrupt replies. `renew` takes another one in that case.
 */
import { MAX_VALUE_LENGTH } from "../../domain/Command.ts"
import { ERR, FixedReply } from "../../domain/Reply.ts"
import type { ValueReader } from "../../domain/ValueReader.ts"
import type { PlacedValue, ReplyWriter } from "../Protocol.ts"
import { padded, unprintable } from "./Printable.ts"
import { NOT_FOUND_MESSAGE } from "./ReplyDecoder.ts"

const OK = "OK "
const ERROR = "ERROR "

// Error messages are the server's own and shorter than a value. A message that quotes what was received shows at most
// 32 characters of it.
const LONGEST_MESSAGE = MAX_VALUE_LENGTH

/** Bytes of the buffer at first, and again after it was given away. */
const BUFFER_BYTES = 16 * 1024

/** No reply is longer: not a value, not an error, not STATS, not the answer in HTTP. */
const LONGEST_REPLY = 1024

/** Texts are copied in words of four bytes, so up to three bytes too many. */
const SLACK = 3

/**
 * Views of the buffer up to this length are made once. Most writes are short, and making a view takes longer than
 * filling it.
 */
const MAX_KEPT_VIEW = 2048

/** A reply that is always the same, in words. */
interface Prepared {
  /** The kind of the error, if it is one. */
  readonly code: string | undefined
  readonly length: number
  readonly words: Int32Array
}

/** The reply for a value that does not fit in a line. */
const unshowable = new FixedReply((sink) => sink.error(ERR, "value cannot be shown as text"))

/** A key that is not there is no error, though its line begins like one. */
const NO_ERROR = ""
const notFound = new FixedReply((sink) => sink.error(NO_ERROR, NOT_FOUND_MESSAGE))

const OK_WORD = Buffer.from(`${OK} `, "latin1").readInt32LE()
const NEWLINE = 0x0a
const ZERO = 0x30

const noParts = (): Error => new Error("a command of the text protocol answers with one line")

export class TextReplyWriter implements ReplyWriter {
  length = 0
  /** None: no line holds a long value. */
  readonly values: ReadonlyArray<PlacedValue> = []
  private begun = 0
  private bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private view = new DataView(this.bytes.buffer)
  private views: Array<Buffer | undefined> = []
  private readonly prepared: Array<Prepared | undefined> = []
  // The kind of the last error that was not prepared.
  private code = NO_ERROR
  private readonly onError: (code: string) => void

  /** `onError` is told the kind of each error. */
  constructor(onError: (code: string) => void = () => {}) {
    this.onError = onError
  }

  get capacity(): number {
    return this.bytes.length
  }

  begin(): void {
    this.begun = this.length
    if (this.length > this.bytes.length - LONGEST_REPLY - SLACK) this.move(2 * this.bytes.length)
  }

  rewind(): void {
    this.length = this.begun
  }

  fixed(reply: FixedReply): void {
    const prepared = this.prepared[reply.number]
    if (prepared === undefined) return this.prepare(reply)
    const { view } = this
    const { code, length, words } = prepared
    if (code !== undefined) this.onError(code)
    let word = 0
    for (let to = this.length, end = to + length; to < end; to += 4) view.setInt32(to, words[word++]!, true)
    this.length += length
  }

  simple(text: string): void {
    this.line(OK, text)
  }

  error(code: string, message: string): void {
    this.code = code
    if (code !== NO_ERROR) this.onError(code)
    this.line(ERROR, message.slice(0, LONGEST_MESSAGE))
  }

  integer(value: number | bigint): void {
    if (typeof value === "bigint" || !(value >= 0 && value <= 9)) return this.line(OK, String(value))
    const { view } = this
    view.setInt32(this.length, OK_WORD, true)
    this.length += OK.length
    view.setUint8(this.length++, ZERO + value)
    view.setUint8(this.length++, NEWLINE)
  }

  bulk(bytes: Buffer, start: number, length: number): void {
    const text = bytes.toString("latin1", start, start + length)
    if (/^[\x21-\x7e]+$/.test(text) && length <= MAX_VALUE_LENGTH) this.line(OK, text)
    else this.fixed(unshowable)
  }

  bulkWords(words: Int32Array, at: number, length: number): void {
    if (length === 0 || length > MAX_VALUE_LENGTH) return this.fixed(unshowable)
    const { view } = this
    view.setInt32(this.length, OK_WORD, true)
    let to = this.length + OK.length
    let word = at
    let wrong = 0
    for (const whole = to + (length & ~3); to < whole; to += 4) {
      const four = words[word++]!
      view.setInt32(to, four, true)
      wrong |= unprintable(four)
    }
    const rest = length & 3
    if (rest !== 0) {
      const last = words[word]!
      view.setInt32(to, last, true)
      wrong |= unprintable(padded(last, rest))
      to += rest
    }
    if (wrong !== 0) return this.fixed(unshowable)
    view.setUint8(to, NEWLINE)
    this.length = to + 1
  }

  bulkReader(value: ValueReader): void {
    value.close()
    this.fixed(unshowable)
  }

  double(value: number): void {
    this.line(OK, String(value))
  }

  text(text: string): void {
    const bytes = Buffer.from(text)
    this.bulk(bytes, 0, bytes.length)
  }

  verbatim(text: string): void {
    this.text(text)
  }

  null(): void {
    this.fixed(notFound)
  }

  nullArray(): void {
    this.null()
  }

  array(): void {
    throw noParts()
  }

  map(): void {
    throw noParts()
  }

  set(): void {
    throw noParts()
  }

  push(): void {
    throw noParts()
  }

  /** The least that a client of HTTP/1.1 needs to show a text and hang up. */
  refuseHttp(message: string): void {
    const body = `${message.slice(0, LONGEST_MESSAGE)}\n`
    const response = [
      "HTTP/1.1 400 Bad Request",
      "Content-Type: text/plain",
      `Content-Length: ${body.length}`,
      "Connection: close",
      "",
      body
    ].join("\r\n")
    this.length += this.bytes.write(response, this.length, "latin1")
  }

  take(): Buffer {
    const { length } = this
    this.length = 0
    this.begun = 0
    if (length > MAX_KEPT_VIEW) return this.bytes.subarray(0, length)
    return (this.views[length] ??= this.bytes.subarray(0, length))
  }

  renew(): void {
    this.move(BUFFER_BYTES)
  }

  /** Goes on in another buffer. */
  private move(capacity: number): void {
    const before = this.bytes
    this.bytes = Buffer.allocUnsafeSlow(capacity)
    before.copy(this.bytes, 0, 0, this.length)
    this.view = new DataView(this.bytes.buffer)
    this.views = []
  }

  private line(first: string, text: string): void {
    this.length += this.bytes.write(first, this.length, "latin1")
    this.length += this.bytes.write(text, this.length, "latin1")
    this.view.setUint8(this.length++, NEWLINE)
  }

  /** Writes a reply in the primitive way and keeps the resulting bytes. */
  private prepare(reply: FixedReply): void {
    const start = this.length
    this.code = NO_ERROR
    reply.write(this)
    const code = this.code === NO_ERROR ? undefined : this.code
    const length = this.length - start
    const words = Int32Array.from({ length: Math.ceil(length / 4) }, (_, word) =>
      this.view.getInt32(start + word * 4, true)
    )
    this.prepared[reply.number] = { code, length, words }
  }
}
