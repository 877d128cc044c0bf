/**
 * Floating-point numbers as Redis adds them: x86's 80 bits, of which 64 are the significand, so that 0.1 + 0.2 is 0.3. The
 * results are the same as there on every machine. Pure, exact until it rounds, in bigints.
 *
 * A number is `significand * 2 ** exponent`. The significand has the sign, and at most 64 bits.
 * (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, 4.2.2: double extended precision.)
 */

export interface LongDouble {
  readonly significand: bigint
  readonly exponent: number
}

/** A number that is too large for any but this. */
export type Infinite = "infinite"

const PRECISION = 64
/** The exponent of the smallest number, and the first one that is too large for 64 bits. */
const MIN_EXPONENT = -16_445
const TOO_LARGE = 16_384 - PRECISION + 1

/** Longer texts are no numbers, in bytes. */
const MAX_TEXT = 5 * 1024

/** Decimal exponents beyond this are those of no number but 0 and infinity, whatever the digits. */
const MAX_DECIMAL = 5000 + MAX_TEXT

/** Decimal places of a text. */
const PLACES = 17

const ZERO: LongDouble = { significand: 0n, exponent: 0 }

const DECIMAL = /^([+-]?)([0-9]*)\.?([0-9]*)(?:e([+-]?[0-9]+))?$/i
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?$/i
const INFINITY = /^[+-]?inf(?:inity)?$/i

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)

const bitsOf = (value: bigint): number => (value === 0n ? 0 : value.toString(16).length * 4 - leadingZeros(value))

/** The zero bits before the first bit of a positive number's first hexadecimal digit. */
const leadingZeros = (value: bigint): number => Math.clz32(Number.parseInt(value.toString(16).charAt(0), 16)) - 28

/** `numerator / denominator`, to the nearest whole number; of two that are as near, to the even one. */
const divideRounded = (numerator: bigint, denominator: bigint): bigint => {
  const quotient = numerator / denominator
  const twice = 2n * (numerator - quotient * denominator)
  const isUp = twice > denominator || (twice === denominator && (quotient & 1n) === 1n)
  return isUp ? quotient + 1n : quotient
}

/** The number that is nearest to `numerator / denominator * 2 ** exponent`. */
const rounded = (numerator: bigint, denominator: bigint, exponent: number): LongDouble | Infinite => {
  if (numerator === 0n) return ZERO
  const positive = magnitude(numerator)
  // The first estimate of the quotient's bits is at most one off.
  let shift = bitsOf(positive) - bitsOf(denominator) - PRECISION
  const quotientAt = (by: number): bigint =>
    by >= 0 ? divideRounded(positive, denominator << BigInt(by)) : divideRounded(positive << BigInt(-by), denominator)
  const isLong =
    positive >=
    (shift + PRECISION >= 0 ? denominator << BigInt(shift + PRECISION) : denominator >> BigInt(-(shift + PRECISION)))
  if (isLong) shift++
  shift = Math.max(shift, MIN_EXPONENT - exponent)
  const significand = quotientAt(shift)
  const result = exponent + shift
  if (result >= TOO_LARGE || (result === TOO_LARGE - 1 && significand >= 1n << BigInt(PRECISION))) return "infinite"
  return { significand: numerator < 0n ? -significand : significand, exponent: result }
}

/** The number that a text is, as C's `strtold` reads it; nothing if it is none, not even a very large or small one. */
export const parse = (text: string): LongDouble | Infinite | undefined => {
  if (text.length === 0 || text.length >= MAX_TEXT) return undefined
  if (INFINITY.test(text)) return "infinite"
  const hexadecimal = HEXADECIMAL.exec(text)
  const match = hexadecimal ?? DECIMAL.exec(text)
  if (match === null) return undefined
  const [, sign, whole = "", part = "", power = "0"] = match
  if (whole.length + part.length === 0) return undefined
  const digits = BigInt(`${hexadecimal === null ? "" : "0x"}${whole}${part}`)
  const numerator = sign === "-" ? -digits : digits
  if (numerator === 0n) return ZERO
  const exponent = Number(power)
  const result =
    hexadecimal === null
      ? fromDecimal(numerator, exponent - part.length)
      : Math.abs(exponent) > 4 * MAX_DECIMAL
        ? undefined
        : rounded(numerator, 1n, exponent - 4 * part.length)
  return result === "infinite" || result?.significand === 0n ? undefined : result
}

const fromDecimal = (digits: bigint, exponent: number): LongDouble | Infinite | undefined => {
  if (Math.abs(exponent) > MAX_DECIMAL) return undefined
  return exponent >= 0 ? rounded(digits * 10n ** BigInt(exponent), 1n, 0) : rounded(digits, 10n ** BigInt(-exponent), 0)
}

export const add = (one: LongDouble, other: LongDouble): LongDouble | Infinite => {
  const exponent = Math.min(one.exponent, other.exponent)
  const sum =
    (one.significand << BigInt(one.exponent - exponent)) + (other.significand << BigInt(other.exponent - exponent))
  return rounded(sum, 1n, exponent)
}

/** A number as Redis shows it: with up to 17 decimal places, without zeros at their end. */
export const format = ({ exponent, significand }: LongDouble): string => {
  const scaled = magnitude(significand) * 10n ** BigInt(PLACES)
  const places = exponent >= 0 ? scaled << BigInt(exponent) : divideRounded(scaled, 1n << BigInt(-exponent))
  const digits = places.toString().padStart(PLACES + 1, "0")
  const text = `${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`.replace(/\.?0+$/, "")
  return significand < 0n && text !== "0" ? `-${text}` : text
}
