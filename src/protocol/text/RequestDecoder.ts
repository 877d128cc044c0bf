/**
 * Decodes the text protocol's requests: lines of words in, commands out.
 *
 * `Recogniser.ts` takes nearly all lines, because they are obviously well-formed. For the others, the scanner here only
 * finds words and counts them. The Schema in `domain/Command.ts` defines keys, values and TTLs, and its message is the
 * reply. Names and usages come from the table of commands.
 */
import * as Result from "effect/Result"
import {
  check,
  commands as table,
  commandsOf,
  HTTP,
  HTTP_REQUEST,
  isKey,
  REFUSE,
  REFUSE_AND_CLOSE
} from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import { wrongCount } from "../../commands/Usage.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { RequestDecoder } from "../Protocol.ts"
import { recognise } from "./Recogniser.ts"

/** A request line that reaches this many bytes without its newline ends the connection. */
const MAX_LINE_BYTES = 4096

/** The same for a client that has not said yet who it is. */
const MAX_STRANGER_BYTES = 512

/** The first byte of a handshake of TLS, of all its versions since SSL 3; no command begins with it. */
export const TLS_BEGINS = 0x16
const NO_TLS = "this port does not speak TLS: connect without it, or to the port of --tls-port"

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const TAB = 0x09

const entries = commandsOf("text")
const ids: ReadonlyMap<Entry, number> = new Map(table.map((entry, id) => [entry, id]))

const either = new Intl.ListFormat("en", { type: "disjunction" })

const commandNames = either.format(
  [...entries.values()]
    .filter(({ flags }) => !flags.includes("virtual") && !flags.includes("no_auth"))
    .map(({ name }) => name)
)

const BLANK_LINE = `empty line: expected ${commandNames}`
const tooLong = (most: number): string => `line too long: a request has fewer than ${most} bytes`
const NO_HTTP = "this server does not speak HTTP"
const NO_HTTP_REQUEST = "This port speaks KV-Cache's protocol, not HTTP: lines such as PUT <key> <value> and GET <key>."

// Words that only an HTTP client begins a line with, upper-cased. A page that makes a browser send a request here can
// choose its path and body. It cannot choose the end of the request line, or its headers.
const httpWords: ReadonlySet<string> = new Set(["POST", "HOST:"])
const HTTP_VERSION = /HTTP\/1\.[0-9x]$/i

const MAX_SHOWN = 32

/** A word in a form that a message may contain. */
const toShown = (text: string): string => text.slice(0, MAX_SHOWN).replaceAll(/[^\x21-\x7e]/g, "?")

const unknownCommand = (name: string): string => `unknown command '${toShown(name)}': expected ${commandNames}`

/**
 * A word that is meant as the rest of a value, in the place of a TTL: it does not begin like a number, or it contains a
 * quote.
 */
const REST_OF_VALUE = /^[^0-9+.-]|["']/

/** The message if the last word is part of the value instead of a TTL; otherwise `undefined`. */
const restOfValue = ({ arity, onSpaces, usage }: Entry, args: ReadonlyArray<string>): string | undefined => {
  const last = args[arity.max - 1]
  return onSpaces !== undefined && last !== undefined && REST_OF_VALUE.test(last)
    ? `${onSpaces}, and '${toShown(last)}' is no ttl in whole seconds: usage ${usage}`
    : undefined
}

// No command has more words, so the scanner remembers no more, but it counts all of them. Decoding is synchronous, so
// all decoders share this memory.
const MAX_WORDS = 1 + Math.max(...[...entries.values()].map(({ arity }) => arity.max))
const wordStarts = new Int32Array(MAX_WORDS)
const wordEnds = new Int32Array(MAX_WORDS)

export class TextRequestDecoder implements RequestDecoder {
  /** A line does not say how long it is. */
  readonly needed = 0
  private atFirstLine = true
  private ended = false
  private isStranger = false

  restrict(isStranger: boolean): void {
    this.isStranger = isStranger
  }

  decode(commands: CommandBatch, offset: number, end: number): number {
    let at = offset
    while (at < end && !commands.isFull) {
      if (this.ended) return end
      // The first line takes the slow path, because that has the guard against HTTP.
      if (!this.atFirstLine) {
        if (!this.isStranger) at = recognise(commands, at, end)
      } else if (commands.bytes[at] === TLS_BEGINS) {
        // What follows has no lines.
        this.end(commands, REFUSE_AND_CLOSE, NO_TLS)
        return end
      }
      if (at === end || commands.isFull) break
      const next = this.takeLine(commands, at, end)
      if (next === at) break
      at = next
    }
    return this.ended ? end : at
  }

  /**
   * Adds the request in the line at `start` and returns the offset after it. If the line is unfinished, it returns
   * `start`.
   */
  private takeLine(commands: CommandBatch, start: number, end: number): number {
    const most = this.isStranger ? MAX_STRANGER_BYTES : MAX_LINE_BYTES
    const newline = findNewline(commands.view, start, Math.min(end, start + most))
    if (newline === -1) {
      if (end - start < most) return start
      this.end(commands, REFUSE_AND_CLOSE, tooLong(most))
      return end
    }
    const hasReturn = newline > start && commands.view.getUint8(newline - 1) === CARRIAGE_RETURN
    this.decodeLine(commands, start, commands.bytes.toString("latin1", start, hasReturn ? newline - 1 : newline))
    this.atFirstLine = false
    return newline + 1
  }

  /** Decodes a line, given without its line ending, that begins at `start`. */
  private decodeLine(commands: CommandBatch, start: number, line: string): void {
    const wordCount = findWords(line)
    if (wordCount === 0) return this.refuse(commands, BLANK_LINE)
    if (this.atFirstLine && HTTP_VERSION.test(lastWord(line))) return this.end(commands, HTTP_REQUEST, NO_HTTP_REQUEST)
    const name = word(line, 0)
    const upper = name.toUpperCase()
    const entry = entries.get(upper)
    if (entry === undefined) {
      return httpWords.has(upper) ? this.end(commands, HTTP, NO_HTTP) : this.refuse(commands, unknownCommand(name))
    }
    const wrong = wrongCount(entry, wordCount - 1, wordCount > 1 ? word(line, 1) : "")
    if (wrong !== undefined) return this.refuse(commands, wrong)
    const args = Array.from({ length: wordCount - 1 }, (_, argument) => word(line, argument + 1))
    const rest = restOfValue(entry, args)
    const checked = check(entry, rest === undefined ? args : args.slice(0, -1))
    if (Result.isFailure(checked)) return this.refuse(commands, checked.failure)
    if (rest !== undefined) return this.refuse(commands, rest)
    commands.open(ids.get(entry) ?? REFUSE)
    for (let argument = 0; argument < args.length; argument++) {
      const from = wordStarts[argument + 1] ?? 0
      const length = (wordEnds[argument + 1] ?? 0) - from
      if (isKey(entry, argument, args.length)) commands.key(start + from, length)
      else commands.argument(start + from, length)
    }
    if (checked.success._tag === "Quit") this.ended = true
    if (entry.execute === undefined || this.isStranger) commands.closeAndStop()
    else commands.close()
  }

  private refuse(commands: CommandBatch, message: string): void {
    commands.openWithMessage(REFUSE, message)
    if (this.isStranger) commands.closeAndStop()
    else commands.close()
  }

  /** Ends the decoding: nothing after this is decoded. */
  private end(commands: CommandBatch, id: number, message: string): void {
    this.ended = true
    commands.openWithMessage(id, message)
    commands.closeAndStop()
  }
}

const findNewline = (view: DataView, start: number, end: number): number => {
  for (let at = start; at < end; at++) if (view.getUint8(at) === NEWLINE) return at
  return -1
}

/** One character for each byte, so non-ASCII bytes reach the Schema unchanged and are refused there. */
const word = (line: string, index: number): string => line.slice(wordStarts[index], wordEnds[index])

const lastWord = (line: string): string => {
  const trimmed = line.trimEnd()
  return trimmed.slice(Math.max(trimmed.lastIndexOf(" "), trimmed.lastIndexOf("\t")) + 1)
}

/** Finds and counts the words of a line. */
const findWords = (line: string): number => {
  const end = line.length
  let count = 0
  let at = 0
  while (at < end) {
    while (at < end && isBlank(line.charCodeAt(at))) at++
    if (at === end) break
    const wordStart = at
    while (at < end && !isBlank(line.charCodeAt(at))) at++
    if (count < MAX_WORDS) {
      wordStarts[count] = wordStart
      wordEnds[count] = at
    }
    count++
  }
  return count
}

const isBlank = (character: number): boolean => character === SPACE || character === TAB
