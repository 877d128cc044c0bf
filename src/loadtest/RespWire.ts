/**
 * Redis's protocol for a load test, of version 2 or 3: a PUT is a SET (with EX for a TTL), a GET is a GET. Expected
 * replies are compared byte by byte. Any other reply is only followed to its end; an error is shown.
 *
 * It drives any server that Redis's clients can use. Version 3 begins each connection with HELLO, which Redis has since
 * version 6; version 2 begins it with EXISTS, or with AUTH.
 */
import { isText, writeText } from "./Bytes.ts"
import { GREETING, INCOMPLETE, MALFORMED, NOTHING, type Outcome, type PlainCredentials, type Wire } from "./Wire.ts"
import { isPut, keyOf, type Vocabulary, withoutKey, type WorkItem } from "./Workload.ts"

/** No reply is longer than this, not even that to HELLO. */
const MAX_REPLY_BYTES = 64 * 1024

/** No reply has parts that are nested deeper. */
const MAX_DEPTH = 8

const MAX_SHOWN = 64

/** An error of the text protocol begins so. */
const TEXT_ERROR = "ERROR "

const STORED = Buffer.from("+OK\r\n", "latin1")
const END = Buffer.from("\r\n", "latin1")

// The types of replies, by their first byte: one line, a length and so many bytes, or a number of parts.
const LINES = "+-:_,#("
const STRINGS = "$=!"
const PARTS = "*~>"
const MAPS = "%|"
const PUSH = 0x3e
const ERROR = 0x2d
const LONG_ERROR = 0x21

const PRINTABLE = /[^\x20-\x7e]/g

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

const command = (...words: ReadonlyArray<string>): string => `*${words.length}\r\n${words.map(bulk).join("")}`

/** The first request, or its beginning: what comes before the key of an EXISTS. */
const greetingOf = (version: 2 | 3, keySize: number, credentials: PlainCredentials | undefined): string => {
  if (credentials === undefined) {
    return version === 3 ? command("HELLO", "3") : `*2\r\n${bulk("EXISTS")}$${keySize}\r\n`
  }
  const { password, user } = credentials
  if (version === 3) return command("HELLO", "3", "AUTH", user ?? "default", password)
  return user === undefined ? command("AUTH", password) : command("AUTH", user, password)
}

export class RespWire implements Wire {
  readonly server = "a Redis server"
  readonly maxRequestBytes: number
  outcome: Outcome = "accepted"
  message = ""
  private readonly version: 2 | 3
  private readonly vocabulary: Vocabulary
  // What comes before a key, between key and value, and after the value.
  private readonly put: Buffer
  private readonly value: Buffer
  private readonly putEnd: Buffer
  private readonly get: Buffer
  private readonly greeting: Buffer
  /** Whether a key follows the greeting. */
  private readonly hasKey: boolean
  private readonly hit: Buffer
  private readonly miss: Buffer

  /** `ttl` is in seconds; 0 for none. */
  constructor(vocabulary: Vocabulary, ttl: number, version: 2 | 3, credentials?: PlainCredentials) {
    const { keySize, valueSize } = vocabulary
    this.vocabulary = vocabulary
    this.version = version
    this.put = latin1(`*${ttl === 0 ? 3 : 5}\r\n${bulk("SET")}$${keySize}\r\n`)
    this.value = latin1(`\r\n$${valueSize}\r\n`)
    this.putEnd = latin1(ttl === 0 ? "\r\n" : `\r\n${bulk("EX")}${bulk(String(ttl))}`)
    this.get = latin1(`*2\r\n${bulk("GET")}$${keySize}\r\n`)
    this.hit = latin1(`$${valueSize}\r\n`)
    this.miss = latin1(version === 3 ? "_\r\n" : "$-1\r\n")
    this.hasKey = version === 2 && credentials === undefined
    this.greeting = latin1(greetingOf(version, keySize, credentials))
    this.maxRequestBytes = this.put.length + keySize + this.value.length + valueSize + this.putEnd.length
  }

  write(into: Buffer, at: number, item: WorkItem | typeof GREETING): number {
    const { vocabulary } = this
    if (item === GREETING) {
      const next = writeText(this.greeting, into, at)
      return !this.hasKey ? next : writeText(END, into, vocabulary.writeKey(into, next, 0))
    }
    const key = keyOf(item)
    if (!isPut(item)) return writeText(END, into, vocabulary.writeKey(into, writeText(this.get, into, at), key))
    const keyEnd = vocabulary.writeKey(into, writeText(this.put, into, at), key)
    return writeText(this.putEnd, into, vocabulary.writeValue(into, writeText(this.value, into, keyEnd), key))
  }

  read(bytes: Buffer, at: number, end: number, asked: WorkItem): number {
    if (asked >= 0) {
      if (isPut(asked)) {
        if (isText(STORED, bytes, at, end)) return this.is("stored", at + STORED.length)
      } else {
        const value = at + this.hit.length
        const valueEnd = value + this.vocabulary.valueSize
        const isHit =
          isText(this.hit, bytes, at, end) &&
          isText(END, bytes, valueEnd, end) &&
          this.vocabulary.isValue(bytes, value, keyOf(asked))
        if (isHit) return this.is("hit", valueEnd + END.length)
        if (isText(this.miss, bytes, at, end)) return this.is("miss", at + this.miss.length)
      }
    }
    return this.readAny(bytes, at, end, asked)
  }

  private is(outcome: Outcome, offset: number): number {
    this.outcome = outcome
    return offset
  }

  /** Reads a reply that is unexpected or incomplete. */
  private readAny(bytes: Buffer, at: number, end: number, asked: WorkItem): number {
    const isOpening = asked === GREETING || asked === NOTHING
    // A KV-Cache server that is full does not know yet what a client of its main port speaks.
    const refusal =
      isOpening && TEXT_ERROR.startsWith(bytes.toString("latin1", at, Math.min(end, at + TEXT_ERROR.length)))
        ? at + TEXT_ERROR.length
        : undefined
    const next = refusal === undefined ? this.endOf(bytes, at, end, 0) : lineEnd(bytes, at, end, "\n")
    if (next === INCOMPLETE && end - at <= MAX_REPLY_BYTES) return INCOMPLETE
    if (next === INCOMPLETE || next === MALFORMED) {
      this.message = bytes.toString("latin1", at, Math.min(end, at + MAX_SHOWN)).replaceAll(PRINTABLE, "?")
      return MALFORMED
    }
    // Nobody asked for a push. What was asked for comes behind it.
    if (bytes[at] === PUSH && asked !== NOTHING) {
      return next === end ? INCOMPLETE : this.read(bytes, next, end, asked)
    }
    const isLong = bytes[at] === LONG_ERROR
    if (refusal !== undefined || isLong || bytes[at] === ERROR) {
      // The text of a long error follows its length.
      const text = refusal ?? (isLong ? lineEnd(bytes, at, next, "\r\n") : at + 1)
      this.message = this.explain(bytes.toString("latin1", text, next), asked)
      return this.is("refused", next)
    }
    const isValue = asked >= 0 && !isPut(asked) && bytes[at] === 0x24
    return this.is(isValue ? "wrong value" : "accepted", next)
  }

  private explain(error: string, asked: WorkItem): string {
    const printable = error.trim().replaceAll(PRINTABLE, "?").replace(/\.$/, "")
    const text = withoutKey(printable, this.vocabulary, asked)
    const knowsNoHello = asked === GREETING && this.version === 3 && /unknown command|^NOPROTO/.test(text)
    return knowsNoHello ? `${text}; a server without RESP3 needs --resp2` : text
  }

  /** The end of the reply at an offset, `INCOMPLETE` or `MALFORMED`. */
  private endOf(bytes: Buffer, at: number, end: number, depth: number): number {
    if (at >= end) return INCOMPLETE
    const type = String.fromCharCode(bytes[at] ?? 0)
    const isKnown = LINES.includes(type) || STRINGS.includes(type) || PARTS.includes(type) || MAPS.includes(type)
    if (!isKnown || depth > MAX_DEPTH) return MALFORMED
    const next = lineEnd(bytes, at, end, "\r\n")
    if (next === INCOMPLETE || LINES.includes(type)) return next
    const count = Number(bytes.toString("latin1", at + 1, next - END.length))
    if (!Number.isInteger(count)) return MALFORMED
    if (count < 0) return next
    if (STRINGS.includes(type)) return next + count + END.length <= end ? next + count + END.length : INCOMPLETE
    let to = next
    for (let part = MAPS.includes(type) ? 2 * count : count; part > 0 && to >= 0; part--) {
      to = this.endOf(bytes, to, end, depth + 1)
    }
    return to
  }
}

/** The offset after a line, or `INCOMPLETE`. */
const lineEnd = (bytes: Buffer, at: number, end: number, ending: "\n" | "\r\n"): number => {
  const found = bytes.subarray(at, end).indexOf(ending)
  return found === -1 ? INCOMPLETE : at + found + ending.length
}
