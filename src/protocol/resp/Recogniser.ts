/**
 * A shortcut for the requests that nearly all clients send: an array of bulk strings that is whole, whose name is a
 * command without subcommands, with a number of arguments that the command takes. They are read from the bytes in one
 * pass, without a string and without an object. At the first doubt it stops, and that request goes through
 * `RespRequestDecoder.ts`. It reports no errors.
 *
 * It accepts only what the decoder accepts, with the same result. A property test asserts that.
 *
 * A name is found by its words of four bytes, in a table made from the table of commands.
 */
import { commands as table, containersOf, MAX_KEY_LENGTH } from "../../commands/Commands.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"

const ARRAY = 0x2a
const BULK = 0x24
const ZERO = 0x30
const NINE = 0x39
const CARRIAGE_RETURN = 0x0d
const NEWLINE = 0x0a

/** The length of the shortest request. Fewer bytes hold none. */
const SHORTEST = "*1\r\n$3\r\nGET\r\n".length

/** The length of the shortest line with a number, which is read as one word. */
const SHORTEST_LINE = "$1\r\n".length

/** What follows each string. */
const LINE_END = 2

/** The result if no request was recognised. */
export const NOT_RECOGNISED = -1

/** What a decoder accepts. */
export interface RequestLimits {
  /** The most strings of a request, its name included. */
  maxArguments: number
  /** The most bytes of a string. */
  maxBulk: number
}

// --- names

/** Names of other lengths are left to the decoder. */
const SHORTEST_NAME = 3
const LONGEST_NAME = 16

/** Only letters: of other bytes, two are alike once their case is taken away. */
const NAME = /^[A-Z]{3,16}$/

const UPPER = 0xdfdf_dfdf | 0
const THREE_BYTES = 0x00ff_ffff

// The words of a row. The first four of them are the name: its first bytes, its last ones, and those between.
const FIRST = 0
const LAST = 1
const SECOND = 2
const THIRD = 3
const LENGTH = 4
const ID = 5
const MIN = 6
const MAX = 7
const FIRST_KEY = 8
const LAST_KEY = 9
const STEP = 10
/** 1 if the command ends its batch. */
const STOPS = 11
const ROW_BITS = 4

const NO_KEY = 0x7fff_ffff

const SLOT_BITS = 11
const EMPTY = -1

const slotOf = (first: number, last: number, length: number): number =>
  Math.imul(first ^ Math.imul(last, 0x9e37_79b1) ^ length, 0x85eb_ca6b) >>> (32 - SLOT_BITS)

const containers = containersOf("resp")
const named = table.flatMap((entry, id) =>
  entry.protocols.includes("resp") && NAME.test(entry.name) && !containers.has(entry.name) ? [{ entry, id }] : []
)

const rows = new Int32Array(named.length << ROW_BITS)
const slots = new Int16Array(1 << SLOT_BITS).fill(EMPTY)

for (const [row, { entry, id }] of named.entries()) {
  const { arity, execute, keys, name } = entry
  const bytes = Buffer.alloc(LONGEST_NAME)
  bytes.write(name, "latin1")
  const first = bytes.readInt32LE(0)
  const last = name.length === SHORTEST_NAME ? first : bytes.readInt32LE(name.length - 4)
  const at = row << ROW_BITS
  rows[at + FIRST] = first
  rows[at + LAST] = last
  rows[at + SECOND] = bytes.readInt32LE(4)
  rows[at + THIRD] = bytes.readInt32LE(8)
  rows[at + LENGTH] = name.length
  rows[at + ID] = id
  rows[at + MIN] = arity.min
  rows[at + MAX] = Math.min(arity.max, NO_KEY)
  rows[at + FIRST_KEY] = keys?.first ?? NO_KEY
  rows[at + LAST_KEY] = keys?.last ?? NO_KEY
  rows[at + STEP] = keys?.step ?? 1
  rows[at + STOPS] = execute === undefined ? 1 : 0
  let slot = slotOf(first, last, name.length)
  while (slots[slot] !== EMPTY) slot = (slot + 1) & (slots.length - 1)
  slots[slot] = row
}

/** Where the row of a name begins, or `NOT_RECOGNISED`. At least two bytes follow the name. */
const findRow = (view: DataView, start: number, length: number): number => {
  const word = view.getInt32(start, true)
  const isShort = length === SHORTEST_NAME
  const first = (isShort ? word & THREE_BYTES : word) & UPPER
  const last = isShort ? first : view.getInt32(start + length - 4, true) & UPPER
  let slot = slotOf(first, last, length)
  for (;;) {
    const row = slots[slot]!
    if (row === EMPTY) return NOT_RECOGNISED
    const at = row << ROW_BITS
    const isFound =
      rows[at + FIRST] === first &&
      rows[at + LAST] === last &&
      rows[at + LENGTH] === length &&
      (length <= 8 || (view.getInt32(start + 4, true) & UPPER) === rows[at + SECOND]) &&
      (length <= 12 || (view.getInt32(start + 8, true) & UPPER) === rows[at + THIRD])
    if (isFound) return at
    slot = (slot + 1) & (slots.length - 1)
  }
}

// --- numbers

const LINE_BITS = 4
const LINE_LENGTH = 15

/** More digits are left to the decoder. */
const MAX_DIGITS = 7

/**
 * The number in a line that begins with `type`, and the length of that line in its lowest four bits; or `NOT_RECOGNISED`.
 * The line's first four bytes must be there.
 */
const numberAt = (view: DataView, at: number, end: number, type: number): number => {
  const word = view.getInt32(at, true)
  // One digit or two, which nearly all numbers have.
  const digit = ((word >> 8) & 0xff) - ZERO
  if ((word & 0xffff_00ff) === (0x0a0d_0000 | type)) {
    return digit >= 0 && digit <= 9 ? (digit << LINE_BITS) | SHORTEST_LINE : NOT_RECOGNISED
  }
  if ((word & 0xff00_00ff) === (0x0d00_0000 | type) && end - at > SHORTEST_LINE) {
    const second = ((word >> 16) & 0xff) - ZERO
    const isNumber =
      digit >= 1 && digit <= 9 && second >= 0 && second <= 9 && view.getUint8(at + SHORTEST_LINE) === NEWLINE
    return isNumber ? ((digit * 10 + second) << LINE_BITS) | (SHORTEST_LINE + 1) : NOT_RECOGNISED
  }
  return longNumberAt(view, at, end, type)
}

const longNumberAt = (view: DataView, start: number, end: number, type: number): number => {
  if (view.getUint8(start) !== type) return NOT_RECOGNISED
  const most = Math.min(end - LINE_END, start + 1 + MAX_DIGITS)
  let number = 0
  let at = start + 1
  for (; at < most; at++) {
    const digit = view.getUint8(at)
    if (digit < ZERO || digit > NINE) break
    number = number * 10 + digit - ZERO
  }
  const isLine =
    at + LINE_END <= end &&
    view.getUint8(at) === CARRIAGE_RETURN &&
    view.getUint8(at + 1) === NEWLINE &&
    // A number of several digits begins with none that means nothing.
    at > start + 1 &&
    view.getUint8(start + 1) !== ZERO
  return isLine ? (number << LINE_BITS) | (at + LINE_END - start) : NOT_RECOGNISED
}

// --- requests

/**
 * Adds the requests from `offset` on to a batch. It stops when the batch is full, at a request that is not obviously
 * well-formed, and at one that does not end before `end`. Returns the offset after the last request that it took.
 *
 * Each command ends its batch if it `isStepped`.
 */
export const recognise = (
  commands: CommandBatch,
  offset: number,
  end: number,
  limits: RequestLimits,
  isStepped: boolean
): number => {
  let at = offset
  while (!commands.isFull && end - at >= SHORTEST) {
    const next = recogniseOne(commands, at, end, limits, isStepped)
    if (next === NOT_RECOGNISED) break
    at = next
  }
  return at
}

/** As `recognise`, for one request, of which there are at least 13 bytes. */
export const recogniseOne = (
  commands: CommandBatch,
  start: number,
  end: number,
  limits: RequestLimits,
  isStepped: boolean
): number => {
  const { view } = commands
  const header = numberAt(view, start, end, ARRAY)
  if (header === NOT_RECOGNISED) return header
  const argc = (header >> LINE_BITS) - 1
  const nameAt = start + (header & LINE_LENGTH)
  if (end - nameAt < SHORTEST_LINE) return NOT_RECOGNISED
  const name = numberAt(view, nameAt, end, BULK)
  if (name === NOT_RECOGNISED) return name
  const nameLength = name >> LINE_BITS
  const nameStart = nameAt + (name & LINE_LENGTH)
  const at = nameStart + nameLength + LINE_END
  if (nameLength < SHORTEST_NAME || nameLength > LONGEST_NAME || at > end) return NOT_RECOGNISED
  const row = findRow(view, nameStart, nameLength)
  if (row === NOT_RECOGNISED) return row
  if (argc < rows[row + MIN]! || argc > rows[row + MAX]! || argc >= limits.maxArguments) return NOT_RECOGNISED
  const stops = isStepped || rows[row + STOPS] === 1
  if (argc > 0 && argc <= 2 && !stops && rows[row + FIRST_KEY] === 0 && rows[row + LAST_KEY] === 0) {
    return recogniseKeyed(commands, rows[row + ID]!, argc, at, end, limits.maxBulk)
  }
  return recogniseAny(commands, row, argc, at, end, limits.maxBulk, stops)
}

/** A command whose first argument is a key, and whose second one, if there is one, is none. */
const recogniseKeyed = (
  commands: CommandBatch,
  id: number,
  argc: number,
  at: number,
  end: number,
  maxBulk: number
): number => {
  const { view } = commands
  if (end - at < SHORTEST_LINE) return NOT_RECOGNISED
  const key = numberAt(view, at, end, BULK)
  if (key === NOT_RECOGNISED) return key
  const keyLength = key >> LINE_BITS
  const keyStart = at + (key & LINE_LENGTH)
  const keyEnd = keyStart + keyLength + LINE_END
  if (keyEnd > end || keyLength > MAX_KEY_LENGTH || keyLength > maxBulk) return NOT_RECOGNISED
  if (argc === 1) {
    commands.addKeyed(id, keyStart, keyLength)
    return keyEnd
  }
  if (end - keyEnd < SHORTEST_LINE) return NOT_RECOGNISED
  const value = numberAt(view, keyEnd, end, BULK)
  if (value === NOT_RECOGNISED) return value
  const valueLength = value >> LINE_BITS
  const valueStart = keyEnd + (value & LINE_LENGTH)
  const next = valueStart + valueLength + LINE_END
  if (next > end || valueLength > maxBulk) return NOT_RECOGNISED
  commands.addKeyed(id, keyStart, keyLength)
  commands.append(valueStart, valueLength)
  return next
}

const recogniseAny = (
  commands: CommandBatch,
  row: number,
  argc: number,
  start: number,
  end: number,
  maxBulk: number,
  stops: boolean
): number => {
  const { view } = commands
  const step = rows[row + STEP]!
  const last = rows[row + LAST_KEY]!
  const lastKey = last < 0 ? argc + last : last
  let nextKey = rows[row + FIRST_KEY]!
  let at = start
  commands.open(rows[row + ID]!)
  for (let argument = 0; argument < argc; argument++) {
    if (end - at < SHORTEST_LINE) return NOT_RECOGNISED
    const header = numberAt(view, at, end, BULK)
    if (header === NOT_RECOGNISED) return header
    const length = header >> LINE_BITS
    const from = at + (header & LINE_LENGTH)
    at = from + length + LINE_END
    if (at > end || length > maxBulk) return NOT_RECOGNISED
    if (argument === nextKey && argument <= lastKey) {
      if (length > MAX_KEY_LENGTH) return NOT_RECOGNISED
      commands.key(from, length)
      nextKey += step
    } else commands.argument(from, length)
  }
  if (stops) commands.closeAndStop()
  else commands.close()
  return at
}
