/**
 * Commands that take a value for a row of bits. The first bit is the highest one of the first byte. For numbers of some
 * bits, see `BitFields.ts`.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import type { ChainReader } from "../engine/Chains.ts"
import { type Engine, NOT_THERE, OUT_OF_MEMORY, STORED } from "../engine/Engine.ts"
import { MAX_ENTRY_BYTES } from "../engine/Entry.ts"
import { NEVER } from "../engine/Wheel.ts"
import { integer, isGreater, isWord } from "./Arguments.ts"
import { bitOffset, NO_OFFSET, offsetIsWrong } from "./BitOffset.ts"
import type { Entry, Execute } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { notAnInteger, one, outOfMemory, syntaxError, zero } from "./Replies.ts"
import { inSlices, isOther, overwrite, read, remove, store } from "./StringValue.ts"

const bitIsWrong = new FixedReply((sink) => sink.error(ERR, "bit is not an integer or out of range"))
const bitIsNoBit = new FixedReply((sink) => sink.error(ERR, "The bit argument must be 1 or 0."))
const oneSource = new FixedReply((sink) => sink.error(ERR, "BITOP NOT must be called with a single source key."))
const none = new FixedReply((sink) => sink.integer(-1))

const byte = Buffer.alloc(1)
const byteView = new DataView(byte.buffer, byte.byteOffset, 1)

/** The byte of a value at `at`; 0 behind its end. */
const byteAt = (engine: Engine, entry: number, at: number): number => {
  if (entry === NOT_THERE || at >= engine.valueLength(entry)) return 0
  engine.copyValue(entry, at, 1, byte, 0)
  return byte[0] ?? 0
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
    const { engine, sink } = execution
    const offset = bitOffset(execution, commands, command, 1, 0)
    if (offset === NO_OFFSET) return sink.fixed(offsetIsWrong)
    const bit = integer(commands, command, 2)
    if (bit !== 0 && bit !== 1) return sink.fixed(bitIsWrong)
    const key = commands.firstKey(command)
    const entry = findKey(execution, commands, key)
    if (isOther(execution, entry)) return
    const at = Math.floor(offset / 8)
    const mask = 0x80 >>> (offset % 8)
    const before = byteAt(engine, entry, at)
    byte[0] = bit === 1 ? before | mask : before & ~mask
    const isLonger = entry === NOT_THERE || at >= engine.valueLength(entry)
    if ((isLonger || byte[0] !== before) && !overwrite(execution, commands, key, entry, at, byteView, 0, 1)) return
    sink.fixed((before & mask) === 0 ? zero : one)
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

const BITS = 8

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

/** The number of bits that are 1 in 32 of them. (H. S. Warren, "Hacker's Delight", 2002, figure 5-2.) */
const ones = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x5555_5555)
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

const countOnes = (engine: Engine, entry: number, { first, last }: BitRange): number => {
  const from = Math.floor(first / BITS)
  const to = Math.floor(last / BITS)
  let count = 0
  inSlices(engine, entry, from, to - from + 1, (bytes, length) => {
    const whole = length & ~3
    for (let at = 0; at < whole; at += 4) count += ones(bytes.readInt32LE(at))
    for (let at = whole; at < length; at++) count += ones(bytes[at] ?? 0)
    return true
  })
  const before = byteAt(engine, entry, from) & ~(0xff >>> (first % BITS))
  const after = byteAt(engine, entry, to) & (0x7f >>> (last % BITS))
  return count - ones(before & 0xff) - ones(after)
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
  sink.integer(range.isEmpty ? 0 : countOnes(engine, entry, range))
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

/** The first bit of a range that is `bit`, or -1 if there is none. */
const findBit = (engine: Engine, entry: number, bit: number, { first, last }: BitRange): number => {
  const from = Math.floor(first / BITS)
  const to = Math.floor(last / BITS)
  // As if a 1 were looked for: if it is a 0, all bits are turned around.
  const turned = bit === 1 ? 0 : 0xff
  let offset = from
  let found = -1
  inSlices(engine, entry, from, to - from + 1, (bytes, length) => {
    for (let at = 0; at < length; at++) {
      let bits = (bytes[at] ?? 0) ^ turned
      if (offset + at === from) bits &= 0xff >>> (first % BITS)
      if (bits === 0) continue
      found = (offset + at) * BITS + Math.clz32(bits) - 24
      return false
    }
    offset += length
    return true
  })
  return found > last ? -1 : found
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
  const found = findBit(engine, entry, bit, range)
  // Without an end, zero bits follow the value.
  sink.integer(found === -1 && bit === 0 && given < 2 ? range.last + 1 : found)
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

// --- BITOP

type Combine = (one: number, other: number) => number

const and: Combine = (one, other) => one & other
const or: Combine = (one, other) => one | other
const xor: Combine = (one, other) => one ^ other

/** What is read of a source at a time, in bytes. */
const SLICE_BYTES = 64 * 1024

/** A value that is combined with others: what follows its end is zero bytes. */
class Source {
  readonly length: number
  // A long value is read in slices, a short one is copied.
  private readonly reader: ChainReader | undefined
  private readonly bytes: Buffer
  private read = 0

  constructor(engine: Engine, entry: number) {
    this.length = entry === NOT_THERE ? 0 : engine.valueLength(entry)
    this.reader = entry === NOT_THERE || engine.isInline(entry) ? undefined : engine.openReader(entry)
    this.bytes = Buffer.allocUnsafeSlow(Math.min(this.length, SLICE_BYTES))
    if (entry !== NOT_THERE && this.reader === undefined) engine.copyValue(entry, 0, this.length, this.bytes, 0)
  }

  /** The next `count` bytes, or as many as there are. */
  next(count: number): Buffer {
    const length = Math.min(count, this.length - this.read)
    const from = this.reader === undefined ? this.read : 0
    this.read += length
    this.reader?.read(this.bytes, 0, length)
    return this.bytes.subarray(from, from + length)
  }

  close(): void {
    this.reader?.close()
  }
}

/** Puts the next `count` bytes of a result into `into`. */
const combineSlice = (
  sources: ReadonlyArray<Source>,
  combine: Combine | undefined,
  into: Buffer,
  count: number
): void => {
  for (const [number, source] of sources.entries()) {
    const bytes = source.next(count)
    if (number === 0) {
      into.fill(0, 0, count)
      bytes.copy(into)
    } else if (combine !== undefined) {
      for (let at = 0; at < count; at++) into[at] = combine(into[at] ?? 0, bytes[at] ?? 0)
    }
  }
  if (combine === undefined) for (let at = 0; at < count; at++) into[at] = ~(into[at] ?? 0)
}

/**
 * Combines sources, or turns the only one around, into a value of `length` bytes under a key. Returns whether there was
 * room; that there was not is answered.
 */
const storeCombined = (
  execution: Execution,
  commands: CommandBatch,
  key: number,
  sources: ReadonlyArray<Source>,
  combine: Combine | undefined,
  length: number
): boolean => {
  const { database, engine, now, sink } = execution
  const result = Buffer.allocUnsafeSlow(Math.min(length, SLICE_BYTES))
  if (length <= MAX_ENTRY_BYTES) {
    combineSlice(sources, combine, result, length)
    return store(execution, commands, key, new DataView(result.buffer), 0, length, NEVER)
  }
  const large = engine.beginLarge(length, now)
  let outcome = large === OUT_OF_MEMORY ? OUT_OF_MEMORY : STORED
  for (let done = 0; done < length && outcome === STORED; done += SLICE_BYTES) {
    const count = Math.min(SLICE_BYTES, length - done)
    combineSlice(sources, combine, result, count)
    outcome = engine.writeLarge(large, result, 0, count, now)
  }
  if (outcome === STORED) {
    const { view } = commands
    const start = commands.keyStart(key)
    const keyLength = commands.keyLength(key)
    outcome = engine.setLarge(view, start, keyLength, commands.hash(key), database, large, NEVER, now)
  }
  if (outcome === STORED) {
    execution.changed(commands, key)
    return true
  }
  if (large !== OUT_OF_MEMORY) engine.abandonLarge(large)
  sink.fixed(outOfMemory)
  return false
}

const executeBitop: Execute = (execution, commands, command) => {
  const { engine, sink } = execution
  const isNot = isWord(commands, command, 0, "NOT")
  const combine = isWord(commands, command, 0, "AND")
    ? and
    : isWord(commands, command, 0, "OR")
      ? or
      : isWord(commands, command, 0, "XOR")
        ? xor
        : undefined
  if (combine === undefined && !isNot) return sink.fixed(syntaxError)
  const target = commands.firstKey(command)
  const count = commands.argc(command) - 2
  if (isNot && count !== 1) return sink.fixed(oneSource)
  const sources: Array<Source> = []
  let length = 0
  for (let key = target + 1; key <= target + count; key++) {
    const entry = read(execution, commands, key)
    if (isOther(execution, entry)) return sources.forEach((source) => source.close())
    const source = new Source(engine, entry)
    sources.push(source)
    length = Math.max(length, source.length)
  }
  const isStored = length > 0 && storeCombined(execution, commands, target, sources, combine, length)
  for (const source of sources) source.close()
  if (isStored) return sink.integer(length)
  if (length > 0) return
  const entry = findKey(execution, commands, target)
  if (entry !== NOT_THERE) remove(execution, commands, target, entry)
  sink.fixed(zero)
}

const bitop: Entry = {
  name: "BITOP",
  group: "bitmap",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 3, max: Number.POSITIVE_INFINITY },
  keys: { first: 1, last: -1 },
  flags: ["write", "denyoom"],
  usage: "BITOP <AND | OR | XOR | NOT> destkey key [key ...]",
  summary: "Combine the bits of values, and store the result",
  details: [],
  execute: executeBitop
}

export const bitmaps: ReadonlyArray<Entry> = [setbit, getbit, bitcount, bitpos, bitop]
