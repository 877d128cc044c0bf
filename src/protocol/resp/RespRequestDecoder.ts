/**
 * Decodes RESP's requests: arrays of bulk strings and inline commands in, commands out.
 *
 * `Recogniser.ts` takes nearly all of them. The others are first walked through to their end, string by string. How far
 * that has come is kept, so that a long request that comes in many reads is not walked through again with each of them.
 * Then name, number of arguments and keys are looked up in the table of commands.
 *
 * What is accepted, where a connection ends, and every error is Redis's, from its `networking.c` and `server.c`. Two
 * things are stricter: Redis lets a request have 2^31 strings since version 7, and it lets an inline command be as long as
 * what it happens to read at once.
 */
import { integerIn } from "../../commands/Arguments.ts"
import {
  commands as table,
  commandsOf,
  containersOf,
  HTTP,
  isKey,
  MAX_KEY_LENGTH,
  MAX_VALUE_LENGTH,
  REFUSE,
  REFUSE_AND_CLOSE
} from "../../commands/Commands.ts"
import type { Entry } from "../../commands/Entry.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { RequestDecoder } from "../Protocol.ts"
import { split, type Words } from "./Inline.ts"
import { NOT_RECOGNISED, recognise, recogniseOne, type RequestLimits } from "./Recogniser.ts"

const entries = commandsOf("resp")
const ids: ReadonlyMap<Entry, number> = new Map(table.map((entry, id) => [entry, id]))
const containers = containersOf("resp")

const ARRAY = 0x2a
const BULK = 0x24
const CARRIAGE_RETURN = 0x0d
const NEWLINE = 0x0a

/** What follows each string and each number. Its second byte is not looked at, as in Redis. */
const LINE_END = 2

/** The most bytes of a line: an inline command, or a number. */
const MAX_LINE_BYTES = 64 * 1024

const MAX_ARGUMENTS = 1_048_576

interface Limits extends RequestLimits {
  /** The most bytes of a line. */
  readonly maxLine: number
}

/**
 * What a client may send that has not said yet who it is. Redis lets it have as many strings, of 16 KB.
 */
const STRANGER: Limits = { maxArguments: 10, maxBulk: 512, maxLine: 512 }

/** An error shows so much of a name, and so much of all arguments together. In bytes. */
const MAX_SHOWN = 128

/** What only a client of HTTP begins a line with. A page can make a browser send a request here, but not without these. */
const httpWords: ReadonlySet<string> = new Set(["POST", "HOST:"])

/** The end of a line is not there yet. */
const UNFINISHED = -1

// The request that is looked up: decoding is synchronous, so all decoders share this memory.
const words: Words = { starts: [], lengths: [] }

export class RespRequestDecoder implements RequestDecoder {
  /** Each command is to be executed before the next one is decoded: it may change what the next one means. */
  isStepped = false
  /** How many bytes the unfinished request has at least, from its first one; 0 if that is not known. */
  needed = 0
  private limits: Limits
  private readonly ownLimits: Limits
  private ended = false
  // Where the walk through an unfinished request is. Offsets count from the request's first byte.
  // The line or the string that comes next.
  private walked = 0
  // Up to here, there is no end of the line that comes next.
  private searched = 0
  // The strings that are still to come.
  private left = 0

  /** `maxBulk` is the most bytes of a string. */
  constructor(maxBulk: number = MAX_VALUE_LENGTH) {
    this.ownLimits = { maxArguments: MAX_ARGUMENTS, maxBulk, maxLine: MAX_LINE_BYTES }
    this.limits = this.ownLimits
  }

  restrict(isStranger: boolean): void {
    this.limits = isStranger ? STRANGER : this.ownLimits
    this.isStepped = isStranger
  }

  decode(commands: CommandBatch, offset: number, end: number): number {
    let at = offset
    this.needed = 0
    while (at < end && !commands.isFull) {
      if (this.ended) return end
      if (this.searched === 0) at = recognise(commands, at, end, this.limits, this.isStepped)
      if (at === end || commands.isFull) break
      const next =
        commands.view.getUint8(at) === ARRAY ? this.takeArray(commands, at, end) : this.takeInline(commands, at, end)
      if (next === at) break
      at = next
    }
    return this.ended ? end : at
  }

  /** Walks on through the array at `start`, and adds it if it is whole. */
  private takeArray(commands: CommandBatch, start: number, end: number): number {
    const { view } = commands
    const wasUnfinished = this.walked > 0
    let at = start + this.walked
    if (this.walked === 0) {
      const lineEnd = this.findNumberEnd(commands, start, start, end)
      if (lineEnd === UNFINISHED) {
        return end - start > this.limits.maxLine ? this.end(commands, "too big mbulk count string", end) : start
      }
      const count = integerIn(view, start + 1, lineEnd - start - 1)
      if (!(count <= MAX_ARGUMENTS)) return this.end(commands, "invalid multibulk length", end)
      if (count > this.limits.maxArguments) return this.end(commands, "unauthenticated multibulk length", end)
      at = lineEnd + LINE_END
      this.left = Math.max(0, count)
    }
    for (; this.left > 0; this.left--) {
      const lineEnd = this.findNumberEnd(commands, start, at, end)
      if (lineEnd === UNFINISHED) {
        if (end - at > this.limits.maxLine) return this.end(commands, "too big bulk count string", end)
        this.walked = at - start
        return start
      }
      const type = view.getUint8(at)
      if (type !== BULK) return this.end(commands, `expected '$', got '${String.fromCharCode(type)}'`, end)
      const length = integerIn(view, at + 1, lineEnd - at - 1)
      if (!(length >= 0 && length <= this.ownLimits.maxBulk)) return this.end(commands, "invalid bulk length", end)
      if (length > this.limits.maxBulk) return this.end(commands, "unauthenticated bulk length", end)
      const next = lineEnd + LINE_END + length + LINE_END
      if (next > end) {
        this.walked = at - start
        this.searched = lineEnd - start
        this.needed = next - start
        return start
      }
      at = next
    }
    this.walked = this.searched = 0
    const isAdded = wasUnfinished && recogniseOne(commands, start, at, this.limits, this.isStepped) !== NOT_RECOGNISED
    if (!isAdded) this.addArray(commands, start)
    return at
  }

  /** Where a line with a number ends that begins at `at`, in the request that begins at `start`. */
  private findNumberEnd(commands: CommandBatch, start: number, at: number, end: number): number {
    const lineEnd = this.findByte(commands, CARRIAGE_RETURN, start, at, end)
    return lineEnd !== UNFINISHED && lineEnd + LINE_END > end ? UNFINISHED : lineEnd
  }

  /** Where a byte is in the line that begins at `at`. What has been searched before is not searched again. */
  private findByte(commands: CommandBatch, byte: number, start: number, at: number, end: number): number {
    const { view } = commands
    const most = Math.min(end, at + this.limits.maxLine + 1)
    let place = Math.max(at, start + this.searched)
    while (place < most && view.getUint8(place) !== byte) place++
    this.searched = place - start
    return place === most ? UNFINISHED : place
  }

  /** Adds an array that is whole. */
  private addArray(commands: CommandBatch, start: number): void {
    const { view } = commands
    let at = start
    const numberHere = (): number => {
      const from = at + 1
      while (view.getUint8(at) !== CARRIAGE_RETURN) at++
      const number = integerIn(view, from, at - from)
      at += LINE_END
      return number
    }
    for (let left = numberHere(); left > 0; left--) {
      const length = numberHere()
      words.starts.push(at)
      words.lengths.push(length)
      at += length + LINE_END
    }
    this.addWords(commands)
  }

  private takeInline(commands: CommandBatch, start: number, end: number): number {
    const newline = this.findByte(commands, NEWLINE, start, start, end)
    if (newline === UNFINISHED) {
      return end - start > this.limits.maxLine ? this.end(commands, "too big inline request", end) : start
    }
    this.searched = 0
    const hasReturn = newline > start && commands.view.getUint8(newline - 1) === CARRIAGE_RETURN
    if (!split(commands.bytes, start, hasReturn ? newline - 1 : newline, words)) {
      words.starts.length = words.lengths.length = 0
      return this.end(commands, "unbalanced quotes in request", end)
    }
    this.addWords(commands)
    return newline + 1
  }

  /** Adds the request that `words` has, and forgets them. */
  private addWords(commands: CommandBatch): void {
    if (words.starts.length > 0) this.add(commands)
    words.starts.length = words.lengths.length = 0
  }

  private add(commands: CommandBatch): void {
    const count = words.starts.length
    const name = wordAt(commands, 0).toUpperCase()
    if (httpWords.has(name)) return this.endSilently(commands)
    const isContainer = containers.has(name) && count > 1
    const fullName = isContainer ? `${name}|${wordAt(commands, 1).toUpperCase()}` : name
    // A name with a bar in it is no subcommand's unless its parts are two words.
    const entry = name.includes("|") ? undefined : entries.get(fullName)
    if (entry === undefined) {
      return this.refuse(commands, containers.has(name) ? unknownSubcommand(commands, name) : unknownCommand(commands))
    }
    const first = isContainer ? 2 : 1
    const argc = count - first
    if (argc < entry.arity.min || argc > entry.arity.max) return this.refuse(commands, wrongNumber(entry.name))
    commands.open(ids.get(entry) ?? REFUSE)
    for (let argument = 0; argument < argc; argument++) {
      const start = words.starts[first + argument]!
      const length = words.lengths[first + argument]!
      if (!isKey(entry, argument, argc)) commands.argument(start, length)
      else if (length <= MAX_KEY_LENGTH) commands.key(start, length)
      else return this.refuse(commands, `key is too long: it has ${length} bytes, the most is ${MAX_KEY_LENGTH}`)
    }
    if (entry.execute === undefined || this.isStepped) commands.closeAndStop()
    else commands.close()
  }

  private refuse(commands: CommandBatch, message: string): void {
    commands.openWithMessage(REFUSE, message)
    if (this.isStepped) commands.closeAndStop()
    else commands.close()
  }

  /** Ends the decoding, because a browser speaks. As in Redis, it is not told. */
  private endSilently(commands: CommandBatch): void {
    this.ended = true
    commands.openWithMessage(HTTP, "")
    commands.closeAndStop()
  }

  /** Ends the decoding: nothing after this is decoded. */
  private end(commands: CommandBatch, message: string, end: number): number {
    this.ended = true
    commands.openWithMessage(REFUSE_AND_CLOSE, `Protocol error: ${message}`)
    commands.closeAndStop()
    return end
  }
}

const wordAt = (commands: CommandBatch, index: number): string => {
  const start = words.starts[index]!
  return commands.bytes.toString("latin1", start, start + words.lengths[index]!)
}

/** A word as an error shows it: Redis prints it as a string of C, which a zero byte ends. */
const shown = (commands: CommandBatch, index: number, most: number): string => {
  const start = words.starts[index]!
  const text = commands.bytes.toString("latin1", start, start + Math.min(words.lengths[index]!, most))
  const end = text.indexOf("\0")
  return end === -1 ? text : text.slice(0, end)
}

const wrongNumber = (name: string): string => `wrong number of arguments for '${name.toLowerCase()}' command`

const unknownCommand = (commands: CommandBatch): string => {
  let args = ""
  for (let index = 1; index < words.starts.length && args.length < MAX_SHOWN; index++) {
    args += `'${shown(commands, index, MAX_SHOWN - args.length)}' `
  }
  return `unknown command '${shown(commands, 0, MAX_SHOWN)}', with args beginning with: ${args}`
}

const unknownSubcommand = (commands: CommandBatch, container: string): string =>
  words.starts.length === 1
    ? wrongNumber(container)
    : `unknown subcommand '${shown(commands, 1, MAX_SHOWN)}'. Try ${container} HELP.`
