/**
 * The text protocol's requests: lines of words in, commands out.
 *
 * Nearly all lines are well formed at first sight, and are taken by `Recogniser.ts`. For the others, the scanner here only
 * finds words and counts them. What a key, a value or a TTL may be is said by the Schema in `domain/Command.ts`, and its
 * message is the reply. Names and usages are those of the table of commands.
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
import type { Arity, Entry } from "../../commands/Entry.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { RequestDecoder } from "../Protocol.ts"
import { recognise } from "./Recogniser.ts"

/** A request line that reaches this many bytes without its newline ends the connection. */
const MAX_LINE_BYTES = 4096

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const TAB = 0x09

const entries = commandsOf("text")
const ids: ReadonlyMap<Entry, number> = new Map(table.map((entry, id) => [entry, id]))

const either = new Intl.ListFormat("en", { type: "disjunction" })

const commandNames = either.format(
  [...entries.values()].filter(({ flags }) => !flags.includes("virtual")).map(({ name }) => name)
)

const BLANK_LINE = `empty line: expected ${commandNames}`
const TOO_LONG = `line too long: a request has fewer than ${MAX_LINE_BYTES} bytes`
const NO_HTTP = "this server does not speak HTTP"
const NO_HTTP_REQUEST = "This port speaks KV-Cache's protocol, not HTTP: lines such as PUT <key> <value> and GET <key>."

// Words that only an HTTP client begins a line with, upper-cased. A page that makes a browser send a request here can
// choose its path and body, but not what the request line ends in, and not its headers.
const httpWords: ReadonlySet<string> = new Set(["POST", "HOST:"])
const HTTP_VERSION = /HTTP\/1\.[0-9x]$/i

const MAX_SHOWN = 32

/** A word as a message may hold it. */
const toShown = (text: string): string => text.slice(0, MAX_SHOWN).replaceAll(/[^\x21-\x7e]/g, "?")

const unknownCommand = (name: string): string => `unknown command '${toShown(name)}': expected ${commandNames}`

/** A word in the place of a TTL that was meant to be the rest of a value: no number was tried, or a quote is in it. */
const REST_OF_VALUE = /^[^0-9+.-]|["']/

const within = ({ max, min }: Arity, count: number): boolean => count >= min && count <= max

/** What is wrong with the number of arguments; nothing if it is right. The first one may choose a subcommand. */
const wrongCount = (entry: Entry, count: number, first: string): string | undefined => {
  const { arity, name, subcommands, unspaced, usage } = entry
  if (subcommands === undefined) {
    if (within(arity, count)) return undefined
    const hint = unspaced !== undefined && count > arity.max ? `; ${unspaced} cannot hold spaces` : ""
    return `wrong number of arguments: usage ${usage}${hint}`
  }
  const subcommand = subcommands.find((each) => each.name === first.toUpperCase())
  return subcommand !== undefined && within(subcommand.arity, count - 1)
    ? undefined
    : `wrong arguments: usage ${either.format(subcommands.map((each) => [name, each.name, ...each.args].join(" ")))}`
}

/** What is to be said where the last word is no TTL but a part of the value; nothing if it is none. */
const restOfValue = ({ arity, unspaced, usage }: Entry, args: ReadonlyArray<string>): string | undefined => {
  const last = args[arity.max - 1]
  return unspaced !== undefined && last !== undefined && REST_OF_VALUE.test(last)
    ? `${unspaced} cannot hold spaces, and '${toShown(last)}' is no ttl in whole seconds: usage ${usage}`
    : undefined
}

// No command has more words, so the scanner remembers no more; it still counts them all. Decoding is synchronous, so
// one memory serves all decoders.
const MAX_WORDS = 1 + Math.max(...[...entries.values()].map(({ arity }) => arity.max))
const wordStarts = new Int32Array(MAX_WORDS)
const wordEnds = new Int32Array(MAX_WORDS)

export class TextRequestDecoder implements RequestDecoder {
  private atFirstLine = true
  private ended = false

  decode(commands: CommandBatch, offset: number, end: number): number {
    let at = offset
    while (at < end && !commands.isFull) {
      if (this.ended) return end
      // The first line goes the long way, past the guard against HTTP.
      if (!this.atFirstLine) at = recognise(commands, at, end)
      if (at === end || commands.isFull) break
      const next = this.takeLine(commands, at, end)
      if (next === at) break
      at = next
    }
    return this.ended ? end : at
  }

  /** Adds what the line at `start` says, and returns the offset behind it; `start` itself if the line has no end yet. */
  private takeLine(commands: CommandBatch, start: number, end: number): number {
    const newline = findNewline(commands.view, start, Math.min(end, start + MAX_LINE_BYTES))
    if (newline === -1) {
      if (end - start < MAX_LINE_BYTES) return start
      this.end(commands, REFUSE_AND_CLOSE, TOO_LONG)
      return end
    }
    const hasReturn = newline > start && commands.view.getUint8(newline - 1) === CARRIAGE_RETURN
    this.decodeLine(commands, start, commands.bytes.toString("latin1", start, hasReturn ? newline - 1 : newline))
    this.atFirstLine = false
    return newline + 1
  }

  /** A line without its end, that begins at `start`. */
  private decodeLine(commands: CommandBatch, start: number, line: string): void {
    const wordCount = findWords(line)
    if (wordCount === 0) return refuse(commands, BLANK_LINE)
    if (this.atFirstLine && HTTP_VERSION.test(lastWord(line))) return this.end(commands, HTTP_REQUEST, NO_HTTP_REQUEST)
    const name = word(line, 0)
    const upper = name.toUpperCase()
    const entry = entries.get(upper)
    if (entry === undefined) {
      return httpWords.has(upper) ? this.end(commands, HTTP, NO_HTTP) : refuse(commands, unknownCommand(name))
    }
    const wrong = wrongCount(entry, wordCount - 1, wordCount > 1 ? word(line, 1) : "")
    if (wrong !== undefined) return refuse(commands, wrong)
    const args = Array.from({ length: wordCount - 1 }, (_, argument) => word(line, argument + 1))
    const rest = restOfValue(entry, args)
    const checked = check(entry, rest === undefined ? args : args.slice(0, -1))
    if (Result.isFailure(checked)) return refuse(commands, checked.failure)
    if (rest !== undefined) return refuse(commands, rest)
    commands.open(ids.get(entry) ?? REFUSE)
    for (let argument = 0; argument < args.length; argument++) {
      const from = wordStarts[argument + 1] ?? 0
      const length = (wordEnds[argument + 1] ?? 0) - from
      if (isKey(entry, argument)) commands.key(start + from, length)
      else commands.argument(start + from, length)
    }
    if (checked.success._tag === "Quit") this.ended = true
    if (entry.execute === undefined) commands.closeAndStop()
    else commands.close()
  }

  /** Nothing after it is decoded. */
  private end(commands: CommandBatch, id: number, message: string): void {
    this.ended = true
    commands.openWithMessage(id, message)
    commands.closeAndStop()
  }
}

const refuse = (commands: CommandBatch, message: string): void => {
  commands.openWithMessage(REFUSE, message)
  commands.close()
}

const findNewline = (view: DataView, start: number, end: number): number => {
  for (let at = start; at < end; at++) if (view.getUint8(at) === NEWLINE) return at
  return -1
}

/** A character for each byte, so what is not ASCII reaches the Schema as it is and is refused there. */
const word = (line: string, index: number): string => line.slice(wordStarts[index], wordEnds[index])

const lastWord = (line: string): string => {
  const trimmed = line.trimEnd()
  return trimmed.slice(Math.max(trimmed.lastIndexOf(" "), trimmed.lastIndexOf("\t")) + 1)
}

/** Finds the words of a line, and counts them. */
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
