/**
 * DUMP and RESTORE: a value as bytes, for another key or another server.
 *
 * The bytes are those of Redis, so that values can be taken from a Redis and to one: the type, the value as in an RDB file,
 * the version of that format, and a checksum. Only strings are there today. Redis may compress a long string (LZF): that is
 * read, and not written.
 */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import type { ValueReader } from "../domain/ValueReader.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { MAX_ENTRY_BYTES } from "../engine/Entry.ts"
import { MAX_VALUE_LENGTH } from "../engine/Limits.ts"
import { MAX_DEADLINE, NEVER } from "../engine/Wheel.ts"
import { integer, integerIn, isWord } from "./Arguments.ts"
import { Crc64 } from "./Crc64.ts"
import { deadlineAt, MILLIS, UNIX_MILLIS } from "./Deadlines.ts"
import type { Entry, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { find, findKey } from "./Find.ts"
import { bytesSource, LARGE_VALUE, LargeValue, LargeValues } from "./LargeValue.ts"
import { Expansion, mostExpanded } from "./Lzf.ts"
import { notAnInteger, ok, syntaxError } from "./Replies.ts"
import { noteStored, remove, store } from "./StringValue.ts"

/** The type of a string in an RDB file. */
const STRING_TYPE = 0

/** The version that is written: strings have been like this since long before it, and whoever reads it reads older ones. */
const WRITTEN_VERSION = 9
/** The newest version that is read: Redis 7.4's. */
const READ_VERSION = 12

const VERSION_BYTES = 2
const SUM_BYTES = 8
const FOOTER_BYTES = VERSION_BYTES + SUM_BYTES

// The first two bits of a length: it has 6 bits, or 14, or more; or a number or a compressed string follows.
const BITS_14 = 0x40
const BITS_32 = 0x80
const BITS_64 = 0x81
const INT_8 = 0xc0
const INT_16 = 0xc1
const INT_32 = 0xc2
const COMPRESSED = 0xc3

/** The type and a length of 32 bits. */
const LONGEST_HEADER = 6
/** The digits of an integer of 32 bits, and its sign. */
const LONGEST_INT = 11

/** Writes the type and the length of a string to the beginning of `into`. Returns how many bytes that are. */
const writeHeader = (into: Buffer, length: number): number => {
  into.writeUInt8(STRING_TYPE, 0)
  if (length < 1 << 6) return into.writeUInt8(length, 1)
  if (length < 1 << 14) return into.writeUInt16BE((BITS_14 << 8) | length, 1)
  into.writeUInt8(BITS_32, 1)
  return into.writeUInt32BE(length, 2)
}

/** Writes the type and a whole number. Returns how many bytes that are. */
const writeInt = (into: Buffer, number: number): number => {
  into.writeUInt8(STRING_TYPE, 0)
  if (number >= -(2 ** 7) && number < 2 ** 7) return into.writeInt8(number, into.writeUInt8(INT_8, 1))
  if (number >= -(2 ** 15) && number < 2 ** 15) return into.writeInt16LE(number, into.writeUInt8(INT_16, 1))
  return into.writeInt32LE(number, into.writeUInt8(INT_32, 1))
}

const isInt32 = (number: number): boolean => number >= -(2 ** 31) && number < 2 ** 31

const bytes = Buffer.alloc(LONGEST_HEADER + MAX_ENTRY_BYTES + FOOTER_BYTES)
const number = Buffer.alloc(LONGEST_INT)
const numberView = new DataView(number.buffer, number.byteOffset, number.length)

/** Ends what is dumped in the first `length` bytes. Returns the length with the end. */
const writeFooter = (into: Buffer, length: number, sum: Crc64): number => {
  const end = into.writeUInt16LE(WRITTEN_VERSION, length)
  sum.add(into, length, end)
  sum.write(into, end)
  return end + SUM_BYTES
}

/** What is dumped of a long value, which is read in slices: the type and the length, the value, the version and the sum. */
class DumpReader implements ValueReader {
  remaining: number
  private readonly value: ValueReader
  private readonly sum = new Crc64()
  // What comes before the value, or after it.
  private readonly frame = Buffer.alloc(LONGEST_HEADER + FOOTER_BYTES)
  private frameStart = 0
  private frameEnd: number
  // Whether the whole value was read, and the frame is what comes after it.
  private isEnded = false

  constructor(value: ValueReader) {
    this.value = value
    this.frameEnd = writeHeader(this.frame, value.remaining)
    this.sum.add(this.frame, 0, this.frameEnd)
    this.remaining = this.frameEnd + value.remaining + FOOTER_BYTES
  }

  read(into: Uint8Array, at: number, most: number): number {
    let done = this.readFrame(into, at, most)
    if (done < most && !this.isEnded) {
      const count = this.value.read(into, at + done, most - done)
      this.sum.add(into, at + done, at + done + count)
      done += count
      if (this.value.remaining === 0) {
        this.isEnded = true
        this.frameStart = 0
        this.frameEnd = writeFooter(this.frame, 0, this.sum)
      }
    }
    done += this.readFrame(into, at + done, most - done)
    this.remaining -= done
    return done
  }

  close(): void {
    this.value.close()
    this.remaining = 0
  }

  private readFrame(into: Uint8Array, at: number, most: number): number {
    const count = Math.min(most, this.frameEnd - this.frameStart)
    into.set(this.frame.subarray(this.frameStart, this.frameStart + count), at)
    this.frameStart += count
    return count
  }
}

const dumpCommand: Entry = {
  name: "DUMP",
  group: "generic",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 1, max: 1 },
  keys: { first: 0, last: 0 },
  flags: ["read"],
  usage: "DUMP key",
  summary: "Show a value as bytes that RESTORE takes, here or in a Redis",
  complexity: "O(N) with N being the length of the value",
  details: [],
  execute: (execution, commands, command) => {
    const { engine, sink } = execution
    const entry = find(execution, commands, command)
    if (entry === NOT_THERE) return sink.null()
    engine.touch(entry)
    if (!engine.isInline(entry)) return sink.bulkReader(new DumpReader(engine.openReader(entry)))
    const length = engine.valueLength(entry)
    let value = Number.NaN
    if (length <= LONGEST_INT) {
      engine.copyValue(entry, 0, length, number, 0)
      value = integerIn(numberView, 0, length)
    }
    let end: number
    if (isInt32(value)) end = writeInt(bytes, value)
    else {
      const start = writeHeader(bytes, length)
      engine.copyValue(entry, 0, length, bytes, start)
      end = start + length
    }
    const sum = new Crc64()
    sum.add(bytes, 0, end)
    sink.bulk(bytes, 0, writeFooter(bytes, end, sum))
  }
}

// --- RESTORE

/** A string in bytes that were dumped, from `start` to `end` (exclusive). Its length is another one if it is compressed. */
interface Dumped {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly length: number
  readonly isCompressed: boolean
}

const whole = (bytes: Buffer): Dumped => ({
  bytes,
  start: 0,
  end: bytes.length,
  length: bytes.length,
  isCompressed: false
})

/** Whether a dump is long enough to be one, and of a version that is known. */
const hasVersion = (dump: Buffer): boolean => {
  const end = dump.length - SUM_BYTES
  return end >= VERSION_BYTES && dump.readUInt16LE(end - VERSION_BYTES) <= READ_VERSION
}

/** A length that begins at `at`, and what follows it; or `undefined` if there is none. */
const lengthAt = (
  dump: Buffer,
  at: number,
  end: number
): { readonly length: number; readonly next: number } | undefined => {
  if (at >= end) return undefined
  const first = dump.readUInt8(at)
  if (first < BITS_14) return { length: first, next: at + 1 }
  if (first < BITS_32) return at + 2 > end ? undefined : { length: dump.readUInt16BE(at) & 0x3fff, next: at + 2 }
  if (first === BITS_32) return at + 5 > end ? undefined : { length: dump.readUInt32BE(at + 1), next: at + 5 }
  if (first !== BITS_64 || at + 9 > end) return undefined
  return { length: Number(dump.readBigUInt64BE(at + 1)), next: at + 9 }
}

/** The string in a dump, or `undefined` if it has none. What follows the string does not matter, as in Redis. */
const stringIn = (dump: Buffer): Dumped | undefined => {
  const end = dump.length - FOOTER_BYTES
  if (end < 2 || dump.readUInt8(0) !== STRING_TYPE) return undefined
  const encoding = dump.readUInt8(1)
  if (encoding < INT_8) {
    const header = lengthAt(dump, 1, end)
    if (header === undefined || header.length > end - header.next) return undefined
    const { length, next } = header
    return { bytes: dump, start: next, end: next + length, length, isCompressed: false }
  }
  if (encoding === INT_8) return end < 3 ? undefined : whole(Buffer.from(String(dump.readInt8(2))))
  if (encoding === INT_16) return end < 4 ? undefined : whole(Buffer.from(String(dump.readInt16LE(2))))
  if (encoding === INT_32) return end < 6 ? undefined : whole(Buffer.from(String(dump.readInt32LE(2))))
  if (encoding !== COMPRESSED) return undefined
  const compressed = lengthAt(dump, 2, end)
  const expanded = compressed === undefined ? undefined : lengthAt(dump, compressed.next, end)
  if (compressed === undefined || expanded === undefined || compressed.length > end - expanded.next) return undefined
  const { length, next } = expanded
  // Memory is taken only for what the bytes can stand for.
  if (length > MAX_VALUE_LENGTH || length > mostExpanded(compressed.length)) return undefined
  return { bytes: dump, start: next, end: next + compressed.length, length, isCompressed: true }
}

/** So many bytes of a dump are added up, or expanded, in a slice. It takes about 1 ms. */
const SLICE_BYTES = 512 * 1024

/** Takes the string out of a dump in slices, if the dump is intact. */
class Restoration implements Slices {
  private readonly dump: Buffer
  private readonly last: (later: Execution, dumped: Dumped, value: LargeValue | undefined) => void
  private readonly sum = new Crc64()
  // How many bytes are added up.
  private summed = 0
  private dumped: Dumped | undefined
  private expansion: Expansion | undefined = undefined
  // Writes a large string.
  private values: LargeValues | undefined = undefined

  /** `last` stores the string, which has been written already if it is large. What is wrong is answered. */
  constructor(dump: Buffer, last: (later: Execution, dumped: Dumped, value: LargeValue | undefined) => void) {
    this.dump = dump
    this.last = last
    this.dumped = stringIn(dump)
  }

  /** Whether it takes long. */
  get isLong(): boolean {
    return Math.max(this.dump.length, this.dumped?.length ?? 0) >= LARGE_VALUE
  }

  next(execution: Execution): boolean {
    const { sink } = execution
    const end = this.dump.length - SUM_BYTES
    if (this.summed < end) {
      const from = this.summed
      this.summed = Math.min(end, from + SLICE_BYTES)
      this.sum.add(this.dump, from, this.summed)
      if (this.summed < end || this.sum.equals(this.dump, end)) return true
      sink.fixed(notIntact)
      return false
    }
    if (this.values !== undefined) return this.values.next(execution)
    if (this.dumped?.isCompressed === true) {
      const { bytes, end, length, start } = this.dumped
      this.expansion ??= new Expansion(bytes, start, end, length)
      if (this.expansion.next(SLICE_BYTES)) return true
      this.dumped = this.expansion.isComplete ? whole(this.expansion.into) : undefined
    }
    const { dumped } = this
    if (dumped === undefined) {
      sink.fixed(badFormat)
      return false
    }
    if (dumped.length < LARGE_VALUE) {
      this.last(execution, dumped, undefined)
      return false
    }
    const value = new LargeValue([bytesSource(dumped.bytes, dumped.start, dumped.length)])
    this.values = new LargeValues([value], (later) => this.last(later, dumped, value))
    return true
  }

  abandon(): void {
    this.values?.abandon()
  }
}

const busyKey = new FixedReply((sink) => sink.error("BUSYKEY", "Target key name already exists."))
const negativeTtl = new FixedReply((sink) => sink.error(ERR, "Invalid TTL value, must be >= 0"))
const negativeIdleTime = new FixedReply((sink) => sink.error(ERR, "Invalid IDLETIME value, must be >= 0"))
const wrongFrequency = new FixedReply((sink) => sink.error(ERR, "Invalid FREQ value, must be >= 0 and <= 255"))
const notIntact = new FixedReply((sink) => sink.error(ERR, "DUMP payload version or checksum are wrong"))
const badFormat = new FixedReply((sink) => sink.error(ERR, "Bad data format"))

const MAX_FREQUENCY = 255

// Options of RESTORE as bits.
const REPLACE = 1
const ABSOLUTE = 2
const IDLE_TIME = 4
const FREQUENCY = 8
/** Instead of options: what was wrong with them is answered. */
const WRONG = -1

/** Idle time and frequency are checked and not kept: the value is the most recently used one. */
const optionsOf = ({ sink }: Execution, commands: CommandBatch, command: number): number => {
  const argc = commands.argc(command)
  const wrong = (reply: FixedReply): number => {
    sink.fixed(reply)
    return WRONG
  }
  let options = 0
  for (let argument = 3; argument < argc; argument++) {
    const hasMore = argument + 1 < argc
    if (isWord(commands, command, argument, "REPLACE")) options |= REPLACE
    else if (isWord(commands, command, argument, "ABSTTL")) options |= ABSOLUTE
    else if (isWord(commands, command, argument, "IDLETIME") && hasMore && (options & FREQUENCY) === 0) {
      const seconds = integer(commands, command, ++argument)
      if (Number.isNaN(seconds)) return wrong(notAnInteger)
      if (seconds < 0) return wrong(negativeIdleTime)
      options |= IDLE_TIME
    } else if (isWord(commands, command, argument, "FREQ") && hasMore && (options & IDLE_TIME) === 0) {
      const frequency = integer(commands, command, ++argument)
      if (Number.isNaN(frequency)) return wrong(notAnInteger)
      if (frequency < 0 || frequency > MAX_FREQUENCY) return wrong(wrongFrequency)
      options |= FREQUENCY
    } else return wrong(syntaxError)
  }
  return options
}

const restore: Entry = {
  name: "RESTORE",
  group: "generic",
  since: "2.6.0",
  protocols: ["resp"],
  arity: { min: 3, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom"],
  usage: "RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
  summary: "Store what DUMP has shown, here or in a Redis; for ttl ms, or for good if that is 0",
  complexity: "O(N) with N being the length of the value",
  details: ["With ABSTTL, ttl is the Unix time in ms at which the key expires."],
  execute: (execution, commands, command) => {
    const { sink } = execution
    const key = commands.firstKey(command)
    const options = optionsOf(execution, commands, command)
    if (options === WRONG) return
    const isBusy = (entry: number): boolean => (options & REPLACE) === 0 && entry !== NOT_THERE
    if (isBusy(findKey(execution, commands, key))) return sink.fixed(busyKey)
    const ttl = integer(commands, command, 1)
    if (Number.isNaN(ttl)) return sink.fixed(notAnInteger)
    if (ttl < 0) return sink.fixed(negativeTtl)
    const start = commands.argStart(command, 2)
    const dump = commands.bytes.subarray(start, start + commands.argLength(command, 2))
    if (!hasVersion(dump)) return sink.fixed(notIntact)
    const slices = new Restoration(dump, (later, dumped, value) => {
      const entry = findKey(later, commands, key)
      if (isBusy(entry)) return later.sink.fixed(busyKey)
      const unit = (options & ABSOLUTE) === 0 ? MILLIS : UNIX_MILLIS
      const time = ttl === 0 ? NEVER : deadlineAt(later, commands, command, 1, unit, ttl)
      // Redis adds without looking at the result. What is too far away is as far away as can be.
      const deadline = Number.isFinite(time) || ttl === 0 ? time : MAX_DEADLINE
      if (deadline <= later.now) {
        if (entry !== NOT_THERE) remove(later, commands, key, entry)
        return later.sink.fixed(ok)
      }
      const view = new DataView(dumped.bytes.buffer, dumped.bytes.byteOffset, dumped.bytes.length)
      const isStored =
        value === undefined
          ? store(later, commands, key, view, dumped.start, dumped.length, deadline)
          : noteStored(later, commands, key, value.set(later, commands, key, later.database, deadline), deadline)
      if (isStored) later.sink.fixed(ok)
    })
    if (slices.isLong) return slices
    while (slices.next(execution));
  }
}

/** In the order in which they are shown. */
export const dumps: ReadonlyArray<Entry> = [dumpCommand, restore]
