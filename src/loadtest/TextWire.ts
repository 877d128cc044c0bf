/**
 * The text protocol for a load test. Expected replies are compared byte by byte. Any other line goes to the client's
 * own decoder, which is slower and knows all replies.
 */
import { textProtocol } from "../protocol/text/TextProtocol.ts"
import { isText, writeText } from "./Bytes.ts"
import { GREETING, INCOMPLETE, MALFORMED, NOTHING, type Outcome, type PlainCredentials, type Wire } from "./Wire.ts"
import { isPut, keyOf, type Vocabulary, withoutKey, type WorkItem } from "./Workload.ts"

const NEWLINE = 0x0a
const SPACE = 0x20

/** No reply is longer than this. */
const MAX_REPLY_BYTES = 4096

const PUT = Buffer.from("PUT ", "latin1")
const GET = Buffer.from("GET ", "latin1")
const EXISTS = Buffer.from("EXISTS ", "latin1")
const OK = Buffer.from("OK ", "latin1")
const STORED = Buffer.from("OK stored\n", "latin1")
const MISS = Buffer.from(textProtocol.encodeReply({ _tag: "NotFound" }), "latin1")

export class TextWire implements Wire {
  readonly server = "a KV-Cache server"
  readonly maxRequestBytes: number
  outcome: Outcome = "accepted"
  message = ""
  private readonly vocabulary: Vocabulary
  /** What follows the value in a PUT. */
  private readonly putEnd: Buffer

  /** The greeting of those who say who they are. Others begin with EXISTS. */
  private readonly auth: Buffer | undefined

  /** `ttl` is in seconds; 0 for none. */
  constructor(vocabulary: Vocabulary, ttl: number, credentials?: PlainCredentials) {
    this.vocabulary = vocabulary
    this.auth =
      credentials === undefined
        ? undefined
        : Buffer.from(textProtocol.encodeCommand({ _tag: "Auth", ...credentials }), "latin1")
    this.putEnd = Buffer.from(ttl === 0 ? "\n" : ` ${ttl}\n`, "latin1")
    const { keySize, valueSize } = vocabulary
    this.maxRequestBytes = EXISTS.length + keySize + 1 + valueSize + this.putEnd.length
  }

  write(into: Buffer, at: number, item: WorkItem | typeof GREETING): number {
    const { vocabulary } = this
    if (item === GREETING) {
      if (this.auth !== undefined) return writeText(this.auth, into, at)
      const end = vocabulary.writeKey(into, writeText(EXISTS, into, at), 0)
      into[end] = NEWLINE
      return end + 1
    }
    const key = keyOf(item)
    if (isPut(item)) {
      const keyEnd = vocabulary.writeKey(into, writeText(PUT, into, at), key)
      into[keyEnd] = SPACE
      return writeText(this.putEnd, into, vocabulary.writeValue(into, keyEnd + 1, key))
    }
    const end = vocabulary.writeKey(into, writeText(GET, into, at), key)
    into[end] = NEWLINE
    return end + 1
  }

  read(bytes: Buffer, at: number, end: number, asked: WorkItem): number {
    if (asked >= 0) {
      if (isPut(asked)) {
        if (isText(STORED, bytes, at, end)) return this.is("stored", at + STORED.length)
      } else {
        const value = at + OK.length
        const newline = value + this.vocabulary.valueSize
        const isHit =
          newline < end &&
          bytes[newline] === NEWLINE &&
          isText(OK, bytes, at, end) &&
          this.vocabulary.isValue(bytes, value, keyOf(asked))
        if (isHit) return this.is("hit", newline + 1)
        if (isText(MISS, bytes, at, end)) return this.is("miss", at + MISS.length)
      }
    }
    return this.readLine(bytes, at, end, asked)
  }

  private is(outcome: Outcome, offset: number): number {
    this.outcome = outcome
    return offset
  }

  /** Reads a line that is unexpected or incomplete. */
  private readLine(bytes: Buffer, at: number, end: number, asked: WorkItem): number {
    const newline = bytes.subarray(at, end).indexOf(NEWLINE)
    if (newline === -1 && end - at < MAX_REPLY_BYTES) return INCOMPLETE
    const next = newline === -1 ? end : at + newline + 1
    const greeting = this.auth === undefined ? "Exists" : "Auth"
    const command = asked === NOTHING ? undefined : asked === GREETING ? greeting : isPut(asked) ? "Put" : "Get"
    let isUnderstood = true
    textProtocol.makeReplyDecoder().decode(
      bytes.toString("latin1", at, next),
      () => command,
      (reply) => {
        switch (reply._tag) {
          case "MalformedReply":
            isUnderstood = false
            this.message = reply.received
            return
          case "Failed":
            this.outcome = "refused"
            this.message = withoutKey(reply.message, this.vocabulary, asked)
            return
          case "Stored":
            this.outcome = "stored"
            return
          case "NotFound":
            this.outcome = "miss"
            return
          case "Found":
            this.outcome = this.isValue(reply.value, asked) ? "hit" : "wrong value"
            return
          default:
            this.outcome = "accepted"
        }
      }
    )
    return isUnderstood ? next : MALFORMED
  }

  private isValue(value: string, asked: WorkItem): boolean {
    const { vocabulary } = this
    return value.length === vocabulary.valueSize && vocabulary.isValue(Buffer.from(value, "latin1"), 0, keyOf(asked))
  }
}
