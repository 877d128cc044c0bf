/**
 * The text protocol's requests: lines of words in, commands out.
 *
 * The scanner only finds words and counts them. What a key, a value or a TTL may be is said by the Schema in
 * `domain/Command.ts`, and its message is the reply. A server takes lines that are well formed at first sight another way,
 * by `Recogniser.ts`.
 */
import * as Result from "effect/Result"
import * as Command from "../../domain/Command.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { Malformed, Request, RequestDecoder } from "../Protocol.ts"
import { Lines } from "./Lines.ts"
import { recognise } from "./Recogniser.ts"

/** A request line that reaches this many bytes without its newline ends the connection. */
const MAX_LINE_BYTES = 4096

const SPACE = 0x20
const TAB = 0x09

/** Each command's name on the wire, its arguments as shown in the usage, and how many there may be. */
export const USAGE = {
  PUT: { tag: "Put", usage: "PUT <key> <value> [ttl]", min: 2, max: 3 },
  GET: { tag: "Get", usage: "GET <key>", min: 1, max: 1 },
  DELETE: { tag: "Delete", usage: "DELETE <key>", min: 1, max: 1 },
  EXISTS: { tag: "Exists", usage: "EXISTS <key>", min: 1, max: 1 },
  STATS: { tag: "Stats", usage: "STATS", min: 0, max: 0 },
  FLUSH: { tag: "Flush", usage: "FLUSH", min: 0, max: 0 },
  QUIT: { tag: "Quit", usage: "QUIT", min: 0, max: 0 }
} as const

const usages: ReadonlyMap<string, (typeof USAGE)[keyof typeof USAGE]> = new Map(Object.entries(USAGE))

const commandNames = new Intl.ListFormat("en", { type: "disjunction" }).format(Object.keys(USAGE))

const malformed = (message: string, reason: Malformed["reason"] = "syntax"): Malformed => ({
  _tag: "Malformed",
  message,
  reason
})

const blankLine = malformed(`empty line: expected ${commandNames}`)
const tooLong = malformed(`line too long: a request has fewer than ${MAX_LINE_BYTES} bytes`, "too-long")
const http = malformed("this server does not speak HTTP", "http")
const httpRequest = malformed(
  "This port speaks KV-Cache's protocol, not HTTP: lines such as PUT <key> <value> and GET <key>.",
  "http-request"
)

// Words that only an HTTP client begins a line with, upper-cased. A page that makes a browser send a request here can
// choose its path and body, but not what the request line ends in, and not its headers.
const httpWords: ReadonlySet<string> = new Set(["POST", "HOST:"])
const HTTP_VERSION = /HTTP\/1\.[0-9x]$/i

const MAX_SHOWN = 32

/** A word as a message may hold it. */
const toShown = (word: string): string => word.slice(0, MAX_SHOWN).replaceAll(/[^\x21-\x7e]/g, "?")

const unknownCommand = (name: string): Malformed =>
  malformed(`unknown command '${toShown(name)}': expected ${commandNames}`)

const NO_SPACES = "values cannot hold spaces"

const wrongCount = (tag: Command.Command["_tag"], usage: string, isTooMany: boolean): Malformed =>
  malformed(`wrong number of arguments: usage ${usage}${tag === "Put" && isTooMany ? `; ${NO_SPACES}` : ""}`)

/** A word in the place of a TTL that was meant to be the rest of a value: no number was tried, or a quote is in it. */
const REST_OF_VALUE = /^[^0-9+.-]|["']/

const restOfValue = (word: string): Malformed =>
  malformed(`${NO_SPACES}, and '${toShown(word)}' is no ttl in whole seconds: usage ${USAGE.PUT.usage}`)

/** CLOCK's actions: how many arguments each may have, and what they mean. */
const clockActions: ReadonlyMap<
  string,
  { readonly min: number; readonly max: number; readonly toInput: (argument: string | undefined) => unknown }
> = new Map([
  ["NOW", { min: 0, max: 0, toInput: () => ({ _tag: "Now" }) }],
  ["ADVANCE", { min: 1, max: 1, toInput: (millis = "") => ({ _tag: "Advance", millis: parseDigits(millis) }) }],
  ["SET", { min: 1, max: 1, toInput: (millis = "") => ({ _tag: "Set", millis: parseDigits(millis) }) }],
  ["RUN", { min: 0, max: 1, toInput: (factor = "1") => ({ _tag: "Run", factor: parseDecimal(factor) }) }],
  ["FREEZE", { min: 0, max: 0, toInput: () => ({ _tag: "Freeze" }) }],
  ["RESET", { min: 0, max: 0, toInput: () => ({ _tag: "Reset" }) }]
])

const clockUsage = malformed(
  "wrong arguments: usage CLOCK NOW, CLOCK ADVANCE <ms>, CLOCK SET <ms>, CLOCK RUN [factor], CLOCK FREEZE, or CLOCK RESET"
)

/** A TTL is written in decimal digits only: `1e3`, `+5` and `0x10` are numbers to JavaScript, but not here. */
const parseDigits = (text: string): number => (/^[0-9]+$/.test(text) ? Number(text) : Number.NaN)

const parseDecimal = (text: string): number => (/^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN)

// No command has more words, so the scanner remembers no more; it still counts them all. Decoding is synchronous, so
// one memory serves all decoders.
const MAX_WORDS = 4
const wordStarts = new Int32Array(MAX_WORDS)
const wordEnds = new Int32Array(MAX_WORDS)

export class TextRequestDecoder implements RequestDecoder {
  private readonly lines = new Lines(MAX_LINE_BYTES)
  private atFirstLine = true
  private ended = false

  decode(bytes: string, offset: number, into: Array<Request>, limit: number): number {
    const end = this.decodeLines(bytes, offset, into, limit)
    this.lines.forget()
    return end
  }

  recognise(commands: CommandBatch, offset: number, end: number): number {
    // The first line goes the long way, past the guard against HTTP, and so does one of which there is a part already.
    return this.atFirstLine || this.ended || this.lines.pending > 0 ? offset : recognise(commands, offset, end)
  }

  pending(): number {
    return this.ended ? 0 : this.lines.pending
  }

  private decodeLines(bytes: string, offset: number, into: Array<Request>, limit: number): number {
    let at = offset
    for (let taken = 0; taken < limit && at < bytes.length; taken++) {
      if (this.ended) return bytes.length
      const found = this.lines.next(bytes, at)
      if (found === "more") return bytes.length
      const request = found === "line" ? this.decodeLine() : tooLong
      at = this.lines.offset
      into.push(request)
      if (request._tag === "Quit" || (request._tag === "Malformed" && request.reason !== "syntax")) this.ended = true
    }
    return this.ended ? bytes.length : at
  }

  private decodeLine(): Request {
    const wordCount = this.findWords()
    const isFirstLine = this.atFirstLine
    this.atFirstLine = false
    if (wordCount === 0) return blankLine
    if (isFirstLine && HTTP_VERSION.test(this.lastWord())) return httpRequest
    const name = this.word(0)
    const known = usages.get(name) ?? usages.get(name.toUpperCase())
    if (known === undefined && name.toUpperCase() === "CLOCK") return this.decodeClock(wordCount)
    if (known === undefined) return httpWords.has(name.toUpperCase()) ? http : unknownCommand(name)
    const count = wordCount - 1
    if (count < known.min || count > known.max) return wrongCount(known.tag, known.usage, count > known.max)
    const isRestOfValue = known.tag === "Put" && count === known.max && REST_OF_VALUE.test(this.word(3))
    const result = Command.decode(this.toInput(known.tag, isRestOfValue ? wordCount - 1 : wordCount))
    if (Result.isFailure(result)) return malformed(result.failure)
    return isRestOfValue ? restOfValue(this.word(3)) : result.success
  }

  /** CLOCK is for servers in tests only, so neither the usage nor the recogniser knows it. */
  private decodeClock(wordCount: number): Request {
    const action = clockActions.get(this.word(1).toUpperCase())
    const count = wordCount - 2
    if (action === undefined || count < action.min || count > action.max) return clockUsage
    const result = Command.decode({ _tag: "Clock", action: action.toInput(count === 0 ? undefined : this.word(2)) })
    return Result.isSuccess(result) ? result.success : malformed(result.failure)
  }

  private toInput(tag: Command.Command["_tag"], wordCount: number): unknown {
    switch (tag) {
      case "Put": {
        const ttl = wordCount === MAX_WORDS ? parseDigits(this.word(3)) : Command.NO_TTL
        return { _tag: tag, key: this.word(1), value: this.word(2), ttl }
      }
      case "Quit":
      case "Stats":
      case "Flush":
        return { _tag: tag }
      default:
        return { _tag: tag, key: this.word(1) }
    }
  }

  private word(index: number): string {
    // A character for each byte, so what is not ASCII reaches the Schema as it is and is refused there.
    return this.lines.source.slice(wordStarts[index], wordEnds[index])
  }

  private lastWord(): string {
    const { end, source, start } = this.lines
    const line = source.slice(start, end).trimEnd()
    return line.slice(Math.max(line.lastIndexOf(" "), line.lastIndexOf("\t")) + 1)
  }

  private findWords(): number {
    const { end, source, start } = this.lines
    let count = 0
    let at = start
    while (at < end) {
      while (at < end && isBlank(source.charCodeAt(at))) at++
      if (at === end) break
      const wordStart = at
      while (at < end && !isBlank(source.charCodeAt(at))) at++
      if (count < MAX_WORDS) {
        wordStarts[count] = wordStart
        wordEnds[count] = at
      }
      count++
    }
    return count
  }
}

const isBlank = (character: number): boolean => character === SPACE || character === TAB
