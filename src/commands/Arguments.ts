/** Reads arguments of a batch as what they mean: words, whole numbers, doubles. It reports nothing: see `Replies.ts`. */
import type { CommandBatch } from "../domain/CommandBatch.ts"

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const TO_UPPER = 0x20
const LOWER_A = 0x61
const LOWER_Z = 0x7a

/** The most digits of a number that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15

/** The bounds of 64 bits with a sign. */
export const MIN_INTEGER = -(2n ** 63n)
export const MAX_INTEGER = 2n ** 63n - 1n

/** Redis's form of a whole number: no plus, no leading zeros, no `-0`, nothing around it. */
const INTEGER = /^(?:0|-?[1-9][0-9]{0,18})$/

/** Whether an argument is a word, which is given in capitals, in any case. */
export const isWord = (commands: CommandBatch, command: number, argument: number, word: string): boolean => {
  if (commands.argLength(command, argument) !== word.length) return false
  const { view } = commands
  const start = commands.argStart(command, argument)
  for (let at = 0; at < word.length; at++) {
    const byte = view.getUint8(start + at)
    const upper = byte >= LOWER_A && byte <= LOWER_Z ? byte - TO_UPPER : byte
    if (upper !== word.charCodeAt(at)) return false
  }
  return true
}

/** An argument as a word in capitals. */
export const word = (commands: CommandBatch, command: number, argument: number): string =>
  commands.text(command, argument).toUpperCase()

/**
 * The whole number in `length` bytes from `start` on, or NaN if they are none of 64 bits with a sign. Above 2^53 it is
 * rounded: where that matters, use `bigIntegerIn`.
 */
export const integerIn = (view: DataView, start: number, length: number): number => {
  const isNegative = length > 1 && view.getUint8(start) === MINUS
  const first = isNegative ? start + 1 : start
  const end = start + length
  if (length === 0 || end - first > EXACT_DIGITS) return Number(bigIntegerIn(view, start, length) ?? Number.NaN)
  if (view.getUint8(first) === ZERO && (isNegative || length > 1)) return Number.NaN
  let number = 0
  for (let at = first; at < end; at++) {
    const digit = view.getUint8(at)
    if (digit < ZERO || digit > NINE) return Number.NaN
    number = number * 10 + digit - ZERO
  }
  return isNegative ? -number : number
}

/** As `integerIn`, exact. */
export const bigIntegerIn = (view: DataView, start: number, length: number): bigint | undefined => {
  const text = Buffer.from(view.buffer, view.byteOffset + start, Math.min(length, 21)).toString("latin1")
  if (!INTEGER.test(text)) return undefined
  const number = BigInt(text)
  return number >= MIN_INTEGER && number <= MAX_INTEGER ? number : undefined
}

export const integer = (commands: CommandBatch, command: number, argument: number): number =>
  integerIn(commands.view, commands.argStart(command, argument), commands.argLength(command, argument))

/** Whether an argument is a greater number than another one; both are whole numbers. */
export const isGreater = (commands: CommandBatch, command: number, argument: number, other: number): boolean => {
  const difference = integer(commands, command, argument) - integer(commands, command, other)
  // Numbers that are rounded alike may still differ.
  if (difference !== 0) return difference > 0
  return (bigInteger(commands, command, argument) ?? 0n) > (bigInteger(commands, command, other) ?? 0n)
}

export const bigInteger = (commands: CommandBatch, command: number, argument: number): bigint | undefined =>
  bigIntegerIn(commands.view, commands.argStart(command, argument), commands.argLength(command, argument))

/**
 * An argument as Redis quotes it in an error: up to its first byte of 0, without line breaks at the end, and with spaces
 * in place of those before. It has one character for each byte.
 */
export const quoted = (commands: CommandBatch, command: number, argument: number): string =>
  (commands.text(command, argument).split("\0", 1)[0] ?? "").replace(/[\r\n]+$/, "").replaceAll(/[\r\n]/g, " ")
