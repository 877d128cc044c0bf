/**
 * What a Redis server sends, in RESP3: where each reply ends, and what it says to a `ReplySink`. Bulk strings stay where
 * they were read. It knows no command and no socket.
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/)
 */
import { ERR, nowhere, type ReplySink } from "../../domain/Reply.ts"
import { ok } from "../../commands/Replies.ts"

const CR = 0x0d
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const LINE_END_BYTES = 2

// The first byte of a reply is its type.
const SIMPLE = 0x2b
const ERROR = 0x2d
const INTEGER = 0x3a
const BULK = 0x24
const BULK_ERROR = 0x21
const VERBATIM = 0x3d
const ARRAY = 0x2a
const SET = 0x7e
const PUSH = 0x3e
const MAP = 0x25
const ATTRIBUTES = 0x7c
const NULL = 0x5f
const DOUBLE = 0x2c
const BOOLEAN = 0x23
const BIG_NUMBER = 0x28
const TRUE = 0x74

/** A number of so many characters is a double without loss. */
const EXACT_DIGITS = 15

/** The length of the mark of a verbatim string, such as `txt:`. */
const MARK_BYTES = 4

/** Bytes that are no reply. Nothing after them can be understood. */
const malformed = (bytes: Buffer, at: number): Error =>
  new Error(`no reply begins with ${JSON.stringify(bytes.toString("latin1", at, at + 32))}`)

/** The end of the line that begins at `at`: where its `\r` is, or -1 if it is not all there. */
const lineEnd = (bytes: Buffer, at: number, end: number): number => {
  let to = at
  while (to < end && bytes[to] !== CR) to++
  return to + 1 < end ? to : -1
}

/** The length in a line. -1 stands for nothing. */
const lengthIn = (bytes: Buffer, at: number, to: number): number => {
  if (bytes[at] === MINUS) return -1
  let length = 0
  for (let digit = at; digit < to; digit++) {
    const byte = bytes[digit] ?? 0
    if (byte < ZERO || byte > NINE) throw malformed(bytes, at - 1)
    length = length * 10 + byte - ZERO
  }
  if (to === at) throw malformed(bytes, at - 1)
  return length
}

/** Reads replies from chunks. It can be asked to go on within a reply, however long that is. */
export class FrameReader {
  private bytes: Buffer = Buffer.alloc(0)
  // The reply that is being read begins at `start`; it is known up to `at`, where `missing` more parts begin.
  private start = 0
  private at = 0
  private missing = 1
  private end = 0
  private isOwn = false
  private readonly onFrame: (bytes: Buffer, start: number, end: number) => void

  /** `onFrame` is given every reply, in order. Its bytes are not written to again, so they may be kept. */
  constructor(onFrame: (bytes: Buffer, start: number, end: number) => void) {
    this.onFrame = onFrame
  }

  /** Takes what was read. The chunk must not be written to again. Throws on what is no reply. */
  push(chunk: Buffer): void {
    this.append(chunk)
    while (this.scan()) {
      const { at, bytes, start } = this
      this.start = at
      this.missing = 1
      this.onFrame(bytes, start, at)
    }
  }

  private append(chunk: Buffer): void {
    const held = this.end - this.start
    if (held === 0) {
      this.isOwn = false
      this.bytes = chunk
      this.start = this.at = 0
      this.end = chunk.length
      return
    }
    const needed = Math.max(held + chunk.length, this.at - this.start)
    if (!this.isOwn || this.end + chunk.length > this.bytes.length) {
      const before = this.bytes
      this.bytes = Buffer.allocUnsafeSlow(Math.max(needed, 2 * held))
      before.copy(this.bytes, 0, this.start, this.end)
      this.at -= this.start
      this.start = 0
      this.end = held
      this.isOwn = true
    }
    this.end += chunk.copy(this.bytes, this.end)
  }

  /** Goes to the end of the reply. Says whether it is there. */
  private scan(): boolean {
    const { bytes, end } = this
    while (this.missing > 0) {
      const { at } = this
      if (at >= end) return false
      const to = lineEnd(bytes, at + 1, end)
      if (to === -1) return false
      let next = to + LINE_END_BYTES
      switch (bytes[at]) {
        case SIMPLE:
        case ERROR:
        case INTEGER:
        case NULL:
        case DOUBLE:
        case BOOLEAN:
        case BIG_NUMBER:
          break
        case BULK:
        case BULK_ERROR:
        case VERBATIM: {
          const length = lengthIn(bytes, at + 1, to)
          if (length >= 0) next += length + LINE_END_BYTES
          break
        }
        case ARRAY:
        case SET:
        case PUSH:
          this.missing += Math.max(0, lengthIn(bytes, at + 1, to))
          break
        case MAP:
          this.missing += 2 * lengthIn(bytes, at + 1, to)
          break
        case ATTRIBUTES:
          // What they describe follows.
          this.missing += 2 * lengthIn(bytes, at + 1, to) + 1
          break
        default:
          throw malformed(bytes, at)
      }
      this.at = next
      this.missing--
    }
    // The last part may end behind what has come.
    return this.at <= end
  }
}

export const isPush = (bytes: Buffer, start: number): boolean => bytes[start] === PUSH

export const isError = (bytes: Buffer, start: number): boolean => bytes[start] === ERROR || bytes[start] === BULK_ERROR

export const isNull = (bytes: Buffer, start: number): boolean =>
  bytes[start] === NULL || ((bytes[start] === BULK || bytes[start] === ARRAY) && bytes[start + 1] === MINUS)

/** The line of a reply that is one, such as `MOVED 1 host:1`, without its type; the text of an error that is longer. */
export const lineOf = (bytes: Buffer, start: number, end: number): string => {
  const header = bytes[start] === BULK_ERROR ? lineEnd(bytes, start + 1, end) + LINE_END_BYTES : start + 1
  return bytes.toString("latin1", header, end - LINE_END_BYTES)
}

/** The number of a reply that is one; 0 for any other. */
export const integerOf = (bytes: Buffer, start: number, end: number): number =>
  bytes[start] === INTEGER ? Number(lineOf(bytes, start, end)) : 0

/** The header of a reply with parts: their number, and where the first one begins. */
export const partsIn = (bytes: Buffer, start: number): { readonly count: number; readonly first: number } => {
  const to = lineEnd(bytes, start + 1, bytes.length)
  const type = bytes[start]
  const count = type === ARRAY || type === SET || type === PUSH ? Math.max(0, lengthIn(bytes, start + 1, to)) : 0
  return { count, first: to + LINE_END_BYTES }
}

/** Where the reply that begins at `start`, and is all there, ends. */
export const frameEnd = (bytes: Buffer, start: number): number => relay(bytes, start, nowhere)

/** The bytes of a bulk string, or nothing for any other reply. */
export const bulkOf = (bytes: Buffer, start: number): Buffer | undefined => {
  if (bytes[start] !== BULK) return undefined
  const to = lineEnd(bytes, start + 1, bytes.length)
  const length = lengthIn(bytes, start + 1, to)
  const from = to + LINE_END_BYTES
  return length < 0 ? undefined : bytes.subarray(from, from + length)
}

/** The keys that a message says have changed: `all` of them, or none if it says something else. */
export const invalidatedKeys = (bytes: Buffer, start: number): ReadonlyArray<Buffer> | "all" => {
  const kindAt = partsIn(bytes, start).first
  const keysAt = frameEnd(bytes, kindAt)
  const kind =
    bulkOf(bytes, kindAt)?.toString("latin1") ?? bytes.toString("latin1", kindAt + 1, keysAt - LINE_END_BYTES)
  if (kind !== "invalidate") return []
  if (isNull(bytes, keysAt)) return "all"
  const { count, first } = partsIn(bytes, keysAt)
  const keys: Array<Buffer> = []
  let at = first
  for (let key = 0; key < count; key++) {
    keys.push(bulkOf(bytes, at) ?? Buffer.alloc(0))
    at = frameEnd(bytes, at)
  }
  return keys
}

/** Puts an error, a line such as `ERR no such key`, into a sink. */
export const putError = (line: string, sink: ReplySink): void => {
  const space = line.indexOf(" ")
  if (space === -1) sink.error(ERR, line)
  else sink.error(line.slice(0, space), line.slice(space + 1))
}

/** Puts the reply that begins at `start`, and is all there, into a sink. Returns where it ends. */
export const relay = (bytes: Buffer, start: number, sink: ReplySink): number => {
  const to = lineEnd(bytes, start + 1, bytes.length)
  const next = to + LINE_END_BYTES
  switch (bytes[start]) {
    case BULK: {
      const length = lengthIn(bytes, start + 1, to)
      if (length < 0) {
        sink.null()
        return next
      }
      sink.bulk(bytes, next, length)
      return next + length + LINE_END_BYTES
    }
    case SIMPLE: {
      const text = bytes.toString("latin1", start + 1, to)
      if (text === "OK") sink.fixed(ok)
      else sink.simple(text)
      return next
    }
    case INTEGER: {
      const text = bytes.toString("latin1", start + 1, to)
      sink.integer(text.length <= EXACT_DIGITS ? Number(text) : BigInt(text))
      return next
    }
    case NULL:
      sink.null()
      return next
    case ERROR:
      putError(bytes.toString("latin1", start + 1, to), sink)
      return next
    case BULK_ERROR: {
      const length = lengthIn(bytes, start + 1, to)
      putError(bytes.toString("latin1", next, next + length), sink)
      return next + length + LINE_END_BYTES
    }
    case VERBATIM: {
      const length = lengthIn(bytes, start + 1, to)
      sink.verbatim(bytes.toString("utf8", next + MARK_BYTES, next + length))
      return next + length + LINE_END_BYTES
    }
    case DOUBLE:
      sink.double(doubleOf(bytes.toString("latin1", start + 1, to)))
      return next
    case BOOLEAN:
      sink.integer(bytes[start + 1] === TRUE ? 1 : 0)
      return next
    case BIG_NUMBER:
      sink.text(bytes.toString("latin1", start + 1, to))
      return next
    case ARRAY: {
      const length = lengthIn(bytes, start + 1, to)
      if (length < 0) {
        sink.nullArray()
        return next
      }
      sink.array(length)
      return relayParts(bytes, next, length, sink)
    }
    case SET: {
      const length = lengthIn(bytes, start + 1, to)
      sink.set(length)
      return relayParts(bytes, next, length, sink)
    }
    case PUSH: {
      const length = lengthIn(bytes, start + 1, to)
      sink.push(length)
      return relayParts(bytes, next, length, sink)
    }
    case MAP: {
      const entries = lengthIn(bytes, start + 1, to)
      sink.map(entries)
      return relayParts(bytes, next, 2 * entries, sink)
    }
    case ATTRIBUTES:
      return relay(bytes, relayParts(bytes, next, 2 * lengthIn(bytes, start + 1, to), nowhere), sink)
    default:
      throw malformed(bytes, start)
  }
}

const relayParts = (bytes: Buffer, start: number, count: number, sink: ReplySink): number => {
  let at = start
  for (let part = 0; part < count; part++) at = relay(bytes, at, sink)
  return at
}

const doubleOf = (text: string): number =>
  text === "inf" ? Number.POSITIVE_INFINITY : text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text)
