/** BITFIELD: whole numbers of 1 to 64 bits anywhere in a value, with what becomes of those that do not fit. */
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { ERR, FixedReply } from "../domain/Reply.ts"
import { NOT_THERE } from "../engine/Engine.ts"
import { bigInteger, integerIn, isWord, MAX_INTEGER } from "./Arguments.ts"
import { bitOffset, NO_OFFSET, offsetIsWrong } from "./BitOffset.ts"
import type { Entry, Execute, Slices } from "./Entry.ts"
import type { Execution } from "./Execution.ts"
import { findKey } from "./Find.ts"
import { zeroSource } from "./LargeValue.ts"
import { growInSlices, isLongGrowth, isLongOverwrite, lengthOf, overwriteInSlices } from "./LongWrite.ts"
import { notAnInteger, syntaxError } from "./Replies.ts"
import { isOther, overwrite, read } from "./StringValue.ts"

const badType = new FixedReply((sink) =>
  sink.error(ERR, "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
)
const badOverflow = new FixedReply((sink) => sink.error(ERR, "Invalid OVERFLOW type specified"))
const readsOnly = new FixedReply((sink) => sink.error(ERR, "BITFIELD_RO only supports the GET subcommand"))

const BITS = 8
/** So many bytes hold 64 bits, wherever in the first byte they begin. */
const MOST_BYTES = 9
const SIGNED = 0x69
const UNSIGNED = 0x75

/** What becomes of a number that does not fit: it is cut, or becomes the nearest that does, or nothing is done. */
type Overflow = "WRAP" | "SAT" | "FAIL"

interface Operation {
  readonly kind: "GET" | "SET" | "INCRBY"
  readonly isSigned: boolean
  /** In bits. */
  readonly width: number
  readonly offset: number
  /** What is set or added. */
  readonly value: bigint
  readonly overflow: Overflow
}

const kindOf = (commands: CommandBatch, command: number, argument: number): Operation["kind"] | undefined =>
  isWord(commands, command, argument, "GET")
    ? "GET"
    : isWord(commands, command, argument, "SET")
      ? "SET"
      : isWord(commands, command, argument, "INCRBY")
        ? "INCRBY"
        : undefined

const overflowOf = (commands: CommandBatch, command: number, argument: number): Overflow | undefined =>
  isWord(commands, command, argument, "WRAP")
    ? "WRAP"
    : isWord(commands, command, argument, "SAT")
      ? "SAT"
      : isWord(commands, command, argument, "FAIL")
        ? "FAIL"
        : undefined

/** The width of a type such as `i16`, in bits; negative if it has no sign, and 0 if there is no such type. */
const widthOf = (commands: CommandBatch, command: number, argument: number): number => {
  const { view } = commands
  const start = commands.argStart(command, argument)
  const length = commands.argLength(command, argument)
  const sign = length === 0 ? 0 : view.getUint8(start)
  if (sign !== SIGNED && sign !== UNSIGNED) return 0
  const width = integerIn(view, start + 1, length - 1)
  if (!(width >= 1 && width <= (sign === SIGNED ? 64 : 63))) return 0
  return sign === SIGNED ? width : -width
}

/** Reads what is to be done, in order; or the error that one of the arguments is answered with. */
const parse = (
  execution: Execution,
  commands: CommandBatch,
  command: number
): ReadonlyArray<Operation> | FixedReply => {
  const operations: Array<Operation> = []
  const argc = commands.argc(command)
  let overflow: Overflow = "WRAP"
  for (let argument = 1; argument < argc;) {
    const left = argc - argument - 1
    if (left >= 1 && isWord(commands, command, argument, "OVERFLOW")) {
      const given = overflowOf(commands, command, argument + 1)
      if (given === undefined) return badOverflow
      overflow = given
      argument += 2
      continue
    }
    const kind = kindOf(commands, command, argument)
    const needed = kind === "GET" ? 2 : 3
    if (kind === undefined || left < needed) return syntaxError
    const width = widthOf(commands, command, argument + 1)
    if (width === 0) return badType
    const offset = bitOffset(execution, commands, command, argument + 2, Math.abs(width))
    if (offset === NO_OFFSET) return offsetIsWrong
    const value = kind === "GET" ? 0n : bigInteger(commands, command, argument + 3)
    if (value === undefined) return notAnInteger
    operations.push({ kind, isSigned: width > 0, width: Math.abs(width), offset, value, overflow })
    argument += needed + 1
  }
  return operations
}

// --- numbers in bytes

const bytes = Buffer.alloc(MOST_BYTES)
const bytesView = new DataView(bytes.buffer, bytes.byteOffset, MOST_BYTES)

const lastByteOf = ({ offset, width }: Operation): number => Math.floor((offset + width - 1) / BITS)

/** How far the number ends before the last bit of the bytes that it is in. */
const shiftOf = (operation: Operation): bigint =>
  BigInt((lastByteOf(operation) + 1) * BITS - operation.offset - operation.width)

/** All bytes that a number is in, as one number. Behind the end of the value they are 0. */
const load = ({ engine }: Execution, entry: number, operation: Operation): bigint => {
  const first = Math.floor(operation.offset / BITS)
  const count = lastByteOf(operation) - first + 1
  bytes.fill(0)
  const there = entry === NOT_THERE ? 0 : Math.min(count, engine.valueLength(entry) - first)
  if (there > 0) engine.copyValue(entry, first, there, bytes, 0)
  let all = 0n
  for (let at = 0; at < count; at++) all = (all << 8n) | BigInt(bytes[at] ?? 0)
  return all
}

const numberIn = (all: bigint, operation: Operation): bigint => {
  const bits = all >> shiftOf(operation)
  return operation.isSigned ? BigInt.asIntN(operation.width, bits) : BigInt.asUintN(operation.width, bits)
}

/** Puts a number among the bytes that it is in. Returns how many these are, from the first one of `bytes` on. */
const place = (all: bigint, operation: Operation, value: bigint): number => {
  const shift = shiftOf(operation)
  const mask = BigInt.asUintN(operation.width, -1n) << shift
  let rest = (all & ~mask) | (BigInt.asUintN(operation.width, value) << shift)
  const count = lastByteOf(operation) - Math.floor(operation.offset / BITS) + 1
  for (let at = count - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return count
}

/**
 * What a number becomes that may not fit; nothing if it does not and that is a failure. Redis subtracts before it compares,
 * which overflows for very small numbers that are set: they become the largest one, and here they do, too.
 */
const fitted = ({ isSigned, kind, overflow, width }: Operation, value: bigint): bigint | undefined => {
  const most = (1n << BigInt(isSigned ? width - 1 : width)) - 1n
  const least = isSigned ? -most - 1n : 0n
  if (value >= least && value <= most) return value
  if (overflow === "FAIL") return undefined
  const isLarge = value > most || (kind === "SET" && most - value > MAX_INTEGER)
  if (overflow === "SAT") return isLarge ? most : least
  return isSigned ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value)
}

/** What is set or added to, with Redis's exception: what is set without a sign is taken for one without it. */
const wanted = ({ isSigned, kind, value }: Operation, before: bigint): bigint =>
  kind === "INCRBY" ? before + value : isSigned ? value : BigInt.asUintN(64, value)

/** Does what is to be done, in order, and answers; `atOnce`, or in slices if it takes long. */
const operate = (
  execution: Execution,
  commands: CommandBatch,
  command: number,
  operations: ReadonlyArray<Operation>,
  atOnce: boolean
): Slices | undefined => {
  const { sink } = execution
  const key = commands.firstKey(command)
  const writes = operations.filter(({ kind }) => kind !== "GET")
  let entry = writes.length === 0 ? read(execution, commands, key) : findKey(execution, commands, key)
  if (isOther(execution, entry)) return undefined
  // The value becomes as long as the writes need it, even if they fail.
  const length = writes.reduce((most, operation) => Math.max(most, lastByteOf(operation) + 1), 0)
  const before = lengthOf(execution, entry)
  const again = (later: Execution): void => void operate(later, commands, command, operations, true)
  if (!atOnce && isLongGrowth(execution, entry, length)) {
    return growInSlices(execution, commands, key, entry, [zeroSource(length - before)], again)
  }
  if (!atOnce && isLongOverwrite(execution, entry, writes.length)) {
    return overwriteInSlices(execution, commands, key, entry, 0, zeroSource(0), again)
  }
  if (length > before) {
    bytes[0] = 0
    if (!overwrite(execution, commands, key, entry, length - 1, bytesView, 0, 1)) return undefined
  }
  const replies: Array<bigint | undefined> = []
  for (const operation of operations) {
    // A write may have moved it.
    entry = findKey(execution, commands, key)
    const all = load(execution, entry, operation)
    const before = numberIn(all, operation)
    const value = operation.kind === "GET" ? before : fitted(operation, wanted(operation, before))
    replies.push(operation.kind === "SET" && value !== undefined ? before : value)
    if (operation.kind === "GET" || value === undefined || value === before) continue
    const count = place(all, operation, value)
    const at = Math.floor(operation.offset / BITS)
    if (!overwrite(execution, commands, key, entry, at, bytesView, 0, count)) return undefined
  }
  sink.array(replies.length)
  for (const reply of replies) {
    if (reply === undefined) sink.null()
    else sink.integer(reply)
  }
  return undefined
}

const executeBitfield =
  (isReadOnly: boolean): Execute =>
  (execution, commands, command) => {
    const { sink } = execution
    const operations = parse(execution, commands, command)
    if (operations instanceof FixedReply) return sink.fixed(operations)
    if (isReadOnly && operations.some(({ kind }) => kind !== "GET")) return sink.fixed(readsOnly)
    return operate(execution, commands, command, operations, false)
  }

const bitfield: Entry = {
  name: "BITFIELD",
  group: "bitmap",
  since: "3.2.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["write", "denyoom"],
  usage:
    "BITFIELD key [GET type offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET type offset value | INCRBY type offset increment> ...]",
  summary: "Read, set and add to numbers of some bits in a value",
  details: ["A type is i1 to i64 or u1 to u63. An offset counts bits; #n is the place of the n-th number."],
  execute: executeBitfield(false)
}

const bitfieldRo: Entry = {
  name: "BITFIELD_RO",
  group: "bitmap",
  since: "6.0.0",
  protocols: ["resp"],
  arity: { min: 1, max: Number.POSITIVE_INFINITY },
  keys: { first: 0, last: 0 },
  flags: ["read", "fast"],
  usage: "BITFIELD_RO key [GET type offset [GET type offset ...]]",
  summary: "Read numbers of some bits in a value",
  details: [],
  execute: executeBitfield(true)
}

export const bitFields: ReadonlyArray<Entry> = [bitfield, bitfieldRo]
