/**
 * LCS: the longest common subsequence of two values, its length, or where it lies. It takes as many steps as the product of
 * the lengths. (R. A. Wagner and M. J. Fischer, "The String-to-String Correction Problem", 1974.)
 *
 * Of several longest ones it finds the one that Redis does.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { STRING } from "../engine/Entry.ts"
import { integer, isWord } from "./Arguments.ts"
import type { Entry, Execute } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { notAnInteger, syntaxError } from "./Replies.ts"
import { read } from "./StringValue.ts"

const notStrings = new FixedReply((sink) => sink.error(ERR, "The specified keys must contain string values"))
const ambiguous = new FixedReply((sink) =>
  sink.error(ERR, "If you want both the length and indexes, please just use IDX.")
)
const tooLong = new FixedReply((sink) =>
  sink.error(ERR, "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
)

/** The most steps: Redis's limit, which has four bytes for each in 512 MB. */
const MOST_STEPS = 2 ** 27

/** Where a part of the subsequence lies in both values: its first bytes, and how many there are. */
interface Match {
  readonly first: number
  readonly second: number
  readonly length: number
}

/** A longest common subsequence. */
interface Common {
  readonly length: number
  /** Its parts, from the last to the first. */
  readonly matches: ReadonlyArray<Match>
}

const NONE: Common = { length: 0, matches: [] }

/** Finds a longest common subsequence; only its length unless `isTraced`. */
const common = (first: Buffer, second: Buffer, isTraced: boolean): Common => {
  const width = second.length
  // Lengths for the beginnings of both values, one row for each beginning of the first. Only the last row is needed, and
  // for each pair one bit: whether the first value without its last byte has more in common than the second without its.
  const row = new Int32Array(width + 1)
  const isUp = isTraced ? new Uint8Array(Math.ceil((first.length * width) / 8)) : undefined
  for (let line = 0; line < first.length; line++) {
    const byte = first[line]
    let diagonal = 0
    for (let at = 0; at < width; at++) {
      const above = row[at + 1] ?? 0
      const left = row[at] ?? 0
      row[at + 1] = byte === second[at] ? diagonal + 1 : Math.max(above, left)
      diagonal = above
      if (isUp !== undefined && above > left) {
        const bit = line * width + at
        isUp[bit >>> 3] = (isUp[bit >>> 3] ?? 0) | (1 << (bit & 7))
      }
    }
  }
  return { length: row[width] ?? 0, matches: isUp === undefined ? [] : trace(first, second, isUp) }
}

/** Follows the longest common subsequence from its end to its beginning. */
const trace = (first: Buffer, second: Buffer, isUp: Uint8Array): ReadonlyArray<Match> => {
  const matches: Array<Match> = []
  let length = 0
  let i = first.length
  let j = second.length
  const end = (): void => {
    if (length > 0) matches.push({ first: i, second: j, length })
    length = 0
  }
  while (i > 0 && j > 0) {
    if (first[i - 1] === second[j - 1]) {
      length++
      i--
      j--
      continue
    }
    end()
    const bit = (i - 1) * second.length + j - 1
    if (((isUp[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) j--
    else i--
  }
  end()
  return matches
}

/** The bytes of a value; none if there is no value. */
const bytesOf = ({ engine }: Execution, entry: number): Buffer => {
  const bytes = Buffer.allocUnsafe(entry === NOT_THERE ? 0 : engine.valueLength(entry))
  if (entry !== NOT_THERE) engine.copyValue(entry, 0, bytes.length, bytes, 0)
  return bytes
}

interface Options {
  readonly isLength: boolean
  readonly areIndexes: boolean
  readonly leastLength: number
  readonly hasLengths: boolean
}

const parse = (commands: CommandBatch, command: number): Options | FixedReply => {
  const options = { isLength: false, areIndexes: false, leastLength: 0, hasLengths: false }
  const argc = commands.argc(command)
  for (let argument = 2; argument < argc; argument++) {
    if (isWord(commands, command, argument, "IDX")) options.areIndexes = true
    else if (isWord(commands, command, argument, "LEN")) options.isLength = true
    else if (isWord(commands, command, argument, "WITHMATCHLEN")) options.hasLengths = true
    else if (isWord(commands, command, argument, "MINMATCHLEN") && argument + 1 < argc) {
      options.leastLength = integer(commands, command, ++argument)
      if (Number.isNaN(options.leastLength)) return notAnInteger
    } else return syntaxError
  }
  return options.areIndexes && options.isLength ? ambiguous : options
}

const executeLcs: Execute = (execution, commands, command) => {
  const { engine, sink } = execution
  const key = commands.firstKey(command)
  const one = read(execution, commands, key)
  const other = read(execution, commands, key + 1)
  if ([one, other].some((entry) => entry !== NOT_THERE && engine.type(entry) !== STRING)) return sink.fixed(notStrings)
  const options = parse(commands, command)
  if (options instanceof FixedReply) return sink.fixed(options)
  const lengths = [one, other].map((entry) => (entry === NOT_THERE ? 0 : engine.valueLength(entry)))
  if (lengths.reduce((steps, length) => steps * (length + 1), 1) > MOST_STEPS) return sink.fixed(tooLong)
  const first = lengths.includes(0) ? undefined : bytesOf(execution, one)
  const { length, matches } =
    first === undefined ? NONE : common(first, bytesOf(execution, other), !options.isLength || options.areIndexes)
  if (options.isLength) return sink.integer(length)
  if (!options.areIndexes) {
    const parts = matches.map((match) => first?.subarray(match.first, match.first + match.length) ?? Buffer.alloc(0))
    const text = Buffer.concat(parts.toReversed())
    return sink.bulk(text, 0, text.length)
  }
  const shown = matches.filter((match) => match.length >= options.leastLength)
  sink.map(2)
  sink.text("matches")
  sink.array(shown.length)
  for (const match of shown) {
    sink.array(options.hasLengths ? 3 : 2)
    for (const start of [match.first, match.second]) {
      sink.array(2)
      sink.integer(start)
      sink.integer(start + match.length - 1)
    }
    if (options.hasLengths) sink.integer(match.length)
  }
  sink.text("len")
  sink.integer(length)
}

export const lcs: Entry = {
  name: "LCS",
  group: "string",
  since: "7.0.0",
  protocols: ["resp"],
  arity: { min: 2, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 1 },
  flags: ["read"],
  usage: "LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
  summary: "Show what two values have in common, in the same order",
  details: [],
  execute: executeLcs
}
