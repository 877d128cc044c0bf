/**
 * Commands that take a value for a row of bits. The first bit is the highest one of the first byte. For numbers of some
 * bits, see `BitFields.ts`; for what is combined bit by bit, `BitOp.ts`.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { type Engine, NOT_THERE } from "../engine/Engine.ts"
import { integer, isGreater, isWord } from "./Arguments.ts"
import { bitop } from "./BitOp.ts"
import { bitOffset, NO_OFFSET, offsetIsWrong } from "./BitOffset.ts"
import type { Entry, Execute, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { bytesSource, zeroSource } from "./LargeValue.ts"
import { growInSlices, isLongGrowth, isLongOverwrite, lengthOf, overwriteInSlices } from "./LongWrite.ts"
import { notAnInteger, one, syntaxError, zero } from "./Replies.ts"
import { isOther, overwrite, read, throughValue } from "./StringValue.ts"

const bitIsWrong = new FixedReply((sink) => sink.error(ERR, "bit is not an integer or out of range"))
const bitIsNoBit = new FixedReply((sink) => sink.error(ERR, "The bit argument must be 1 or 0."))
const none = new FixedReply((sink) => sink.integer(-1))

const BITS = 8

const byte = Buffer.alloc(1)
const byteView = new DataView(byte.buffer, byte.byteOffset, 1)

/** The byte of a value at `at`; 0 behind its end. */
const byteAt = (engine: Engine, entry: number, at: number): number => {
  if (entry === NOT_THERE || at >= engine.valueLength(entry)) return 0
  engine.copyValue(entry, at, 1, byte, 0)
  return byte[0] ?? 0
}

/** SETBIT, `atOnce` or in slices if it takes long. */
const setBit = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  offset: number,
  bit: number,
  atOnce: boolean
): Slices | undefined => {
  const { engine, sink } = execution
  const key = commands.firstKey(command)
  const entry = findKey(execution, commands, key)
  if (isOther(execution, entry)) return undefined
  const length = lengthOf(execution, entry)
  const at = Math.floor(offset / BITS)
  const mask = 0x80 >>> (offset % BITS)
  const before = byteAt(engine, entry, at)
  const after = bit === 1 ? before | mask : before & ~mask
  const shown = (before & mask) === 0 ? zero : one
  if (at < length && after === before) {
    sink.fixed(shown)
    return undefined
  }
  const again = (later: Execution): void => void setBit(later, commands, command, offset, bit, true)
  if (!atOnce && isLongGrowth(execution, entry, at + 1)) {
    const added = [zeroSource(at - length), bytesSource(Buffer.of(after), 0, 1)]
    return growInSlices(execution, commands, key, entry, added, (later, isDone) =>
      isDone ? later.sink.fixed(shown) : again(later)
    )
  }
  if (!atOnce && at < length && isLongOverwrite(execution, entry, 1)) {
    return overwriteInSlices(execution, commands, key, entry, at, zeroSource(0), again)
  }
  byte[0] = after
  if (overwrite(execution, commands, key, entry, at, byteView, 0, 1)) sink.fixed(shown)
  return undefined
}

const setbit: Entry = {
  name: "SETBIT",
  group: "bitmap",
  since: "2.2.0",
  protocols: ["resp"],
  arity: { min: 3, max: 3 },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom"],
  usage: "SETBIT key offset value",
  summary: "Set a bit of a value, and show what it was",
  details: [],
  execute: (execution, commands, command) => {
    const { sink } = execution
    const offset = bitOffset(execution, commands, command, 1, 0)
    if (offset === NO_OFFSET) return sink.fixed(offsetIsWrong)
    const bit = integer(commands, command, 2)
    if (bit !== 0 && bit !== 1) return sink.fixed(bitIsWrong)
    return setBit(execution, commands, command, offset, bit, false)
  }
}

const getbit: Entry = {
  name: "GETBIT",
  group: "bitmap",
  since: "2.2.0",
  protocols: ["resp"],
  arity: { min: 2, max: 2 },
  keys: { first: 0, last: 0 },
  flags: ["read", "fast"],
  usage: "GETBIT key offset",
  summary: "Show a bit of a value",
  details: [],
  execute: (execution, commands, command) => {
    const { engine, sink } = execution
    const offset = bitOffset(execution, commands, command, 1, 0)
    if (offset === NO_OFFSET) return sink.fixed(offsetIsWrong)
    const entry = read(execution, commands, commands.firstKey(command))
    if (isOther(execution, entry)) return
    const bits = byteAt(engine, entry, Math.floor(offset / 8))
    sink.fixed((bits & (0x80 >>> (offset % 8))) === 0 ? zero : one)
  }
}

// --- ranges of bits

/** The bits in a unit of a range, or 0 if an argument is no unit. */
const unitOf = (commands: CommandBatch, command: number, argument: number): number =>
  isWord(commands, command, argument, "BIT") ? 1 : isWord(commands, command, argument, "BYTE") ? BITS : 0

/** The first and the last bit of a range. It is reused. */
class BitRange {
  first = 0
  last = 0

  /** Sets it from a start and an end, in units of some bits, which count from the end of the value if they are negative. */
  set(start: number, end: number, unit: number, valueLength: number): void {
    const length = (valueLength * BITS) / unit
    this.first = (start < 0 ? Math.max(length + start, 0) : start) * unit
    this.last = (Math.min(end < 0 ? Math.max(length + end, 0) : end, length - 1) + 1) * unit - 1
  }

  get isEmpty(): boolean {
    return this.first > this.last
  }
}

const range = new BitRange()

/** The bytes of a word. */
const WORD = 4

/** The first `length` bytes, as far as they are whole words. They must begin where a word may. */
const wordsOf = (bytes: Buffer, length: number): Int32Array =>
  new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(length / WORD))

/** The number of bits that are 1 in 32 of them. (H. S. Warren, "Hacker's Delight", 2002, figure 5-2.) */
const ones = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x5555_5555)
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

/** Answers with the number of bits in a range that are 1. */
const answerOnes = (execution: Execution, entry: number, { first, last }: BitRange): Slices | undefined => {
  const { engine } = execution
  const from = Math.floor(first / BITS)
  const to = Math.floor(last / BITS)
  // All bits of the bytes are counted. Of these, those outside the range:
  const before = byteAt(engine, entry, from) & ~(0xff >>> (first % BITS))
  const after = byteAt(engine, entry, to) & (0x7f >>> (last % BITS))
  let count = -ones(before & 0xff) - ones(after)
  return throughValue(
    execution,
    entry,
    from,
    to - from + 1,
    (bytes, length) => {
      const words = wordsOf(bytes, length)
      // A variable of its own: one that outlives the loop would be written to memory each time.
      let its = 0
      for (let at = 0; at < words.length; at++) its += ones(words[at] ?? 0)
      for (let at = words.length * WORD; at < length; at++) its += ones(bytes[at] ?? 0)
      count += its
      return true
    },
    (later) => later.sink.integer(count)
  )
}

const executeBitcount: Execute = (execution, commands, command) => {
  const { engine, sink } = execution
  const entry = read(execution, commands, commands.firstKey(command))
  if (entry === NOT_THERE) return sink.fixed(zero)
  if (isOther(execution, entry)) return
  const given = commands.argc(command) - 1
  let start = 0
  let end = -1
  let unit = BITS
  if (given > 0) {
    if (given !== 2 && given !== 3) return sink.fixed(syntaxError)
    start = integer(commands, command, 1)
    end = integer(commands, command, 2)
    if (Number.isNaN(start) || Number.isNaN(end)) return sink.fixed(notAnInteger)
    if (start < 0 && end < 0 && isGreater(commands, command, 1, 2)) return sink.fixed(zero)
    if (given === 3) unit = unitOf(commands, command, 3)
    if (unit === 0) return sink.fixed(syntaxError)
  }
  range.set(start, end, unit, engine.valueLength(entry))
  if (range.isEmpty) return sink.fixed(zero)
  return answerOnes(execution, entry, range)
}

const bitcount: Entry = {
  name: "BITCOUNT",
  group: "bitmap",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["read"],
  usage: "BITCOUNT key [start end [BYTE | BIT]]",
  summary: "Count the bits of a value that are 1",
  details: [],
  execute: executeBitcount
}

/** Answers with the first bit of a range that is `bit`, or with `otherwise` if there is none. */
const answerFirst = (
  execution: Execution,
  entry: number,
  bit: number,
  { first, last }: BitRange,
  otherwise: number
): Slices | undefined => {
  const from = Math.floor(first / BITS)
  // As if a 1 were looked for: if it is a 0, all bits are turned around.
  const turned = bit === 1 ? 0 : 0xff
  const turnedWord = bit === 1 ? 0 : -1
  let offset = from
  let found = -1
  return throughValue(
    execution,
    entry,
    from,
    Math.floor(last / BITS) - from + 1,
    (bytes, length) => {
      // Bits before the range are none that is looked for.
      if (offset === from) bytes[0] = (((bytes[0] ?? 0) ^ turned) & (0xff >>> (first % BITS))) ^ turned
      const words = wordsOf(bytes, length)
      let word = 0
      while (word < words.length && words[word] === turnedWord) word++
      for (let at = word * WORD; at < length; at++) {
        const bits = (bytes[at] ?? 0) ^ turned
        if (bits === 0) continue
        found = (offset + at) * BITS + Math.clz32(bits) - 24
        return false
      }
      offset += length
      return true
    },
    (later) => later.sink.integer(found === -1 || found > last ? otherwise : found)
  )
}

const executeBitpos: Execute = (execution, commands, command) => {
  const { engine, sink } = execution
  const bit = integer(commands, command, 1)
  if (Number.isNaN(bit)) return sink.fixed(notAnInteger)
  if (bit !== 0 && bit !== 1) return sink.fixed(bitIsNoBit)
  const entry = read(execution, commands, commands.firstKey(command))
  // A key that is not there is a row of zero bits without an end.
  if (entry === NOT_THERE) return sink.fixed(bit === 1 ? none : zero)
  if (isOther(execution, entry)) return
  const given = commands.argc(command) - 2
  if (given > 3) return sink.fixed(syntaxError)
  const start = given > 0 ? integer(commands, command, 2) : 0
  if (Number.isNaN(start)) return sink.fixed(notAnInteger)
  const unit = given > 2 ? unitOf(commands, command, 4) : BITS
  if (unit === 0) return sink.fixed(syntaxError)
  const end = given > 1 ? integer(commands, command, 3) : -1
  if (Number.isNaN(end)) return sink.fixed(notAnInteger)
  range.set(start, end, unit, engine.valueLength(entry))
  if (range.isEmpty) return sink.fixed(none)
  // Without an end, zero bits follow the value.
  return answerFirst(execution, entry, bit, range, bit === 0 && given < 2 ? range.last + 1 : -1)
}

const bitpos: Entry = {
  name: "BITPOS",
  group: "bitmap",
  since: "2.8.7",
  protocols: ["resp"],
  arity: { min: 2, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["read"],
  usage: "BITPOS key bit [start [end [BYTE | BIT]]]",
  summary: "Find the first bit of a value that is 0, or 1",
  details: [],
  execute: executeBitpos
}

export const bitmaps: ReadonlyArray<Entry> = [setbit, getbit, bitcount, bitpos, bitop]
