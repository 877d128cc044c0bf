/**
 * Redis's patterns: `*` for any bytes, `?` for one, `[a-z]` and `[^a-z]` for one of a set, `\` before a byte that means
 * itself. It is `stringmatchlen` of Redis's `util.c`, without its recursion: only the last `*` is ever tried again, so
 * the time is at most the product of both lengths.
 */

const STAR = 0x2a
const QUESTION = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const BACKSLASH = 0x5c
const CARET = 0x5e
const DASH = 0x2d
const UPPER_A = 0x41
const UPPER_Z = 0x5a
const TO_LOWER = 0x20

const lower = (byte: number): number => (byte >= UPPER_A && byte <= UPPER_Z ? byte + TO_LOWER : byte)

const same = (byte: number): number => byte

/** Whether the `length` bytes from `start` on match a pattern as a whole. */
export const matches = (
  pattern: Uint8Array,
  bytes: Uint8Array,
  start: number,
  length: number,
  ignoreCase = false
): boolean => {
  // In Redis a star stands for an empty rest of a name, but not for an empty name.
  if (length === 0) return pattern.length === 0
  const fold = ignoreCase ? lower : same
  const end = start + length
  let at = start
  let next = 0
  // Where the pattern goes on behind the last star, and the first byte that the star has not taken.
  let afterStar = -1
  let rest = 0
  while (at < end) {
    if (next < pattern.length && pattern[next] === STAR) {
      afterStar = ++next
      rest = at
      continue
    }
    const after = next < pattern.length ? matchOne(pattern, next, bytes[at] ?? 0, fold) : -1
    if (after !== -1) {
      next = after
      at++
    } else if (afterStar !== -1) {
      next = afterStar
      at = ++rest
    } else return false
  }
  while (next < pattern.length && pattern[next] === STAR) next++
  return next === pattern.length
}

/** Where the pattern goes on if its part at `at` matches a byte, or else -1. */
const matchOne = (pattern: Uint8Array, at: number, byte: number, fold: (byte: number) => number): number => {
  const first = pattern[at] ?? 0
  if (first === QUESTION) return at + 1
  if (first === OPEN) return matchSet(pattern, at + 1, fold(byte), fold)
  const isEscaped = first === BACKSLASH && at + 1 < pattern.length
  const literal = isEscaped ? (pattern[at + 1] ?? 0) : first
  return fold(literal) === fold(byte) ? at + (isEscaped ? 2 : 1) : -1
}

/** As `matchOne`, for the set whose first byte is at `from`. A set that does not end goes up to the end of the pattern. */
const matchSet = (pattern: Uint8Array, from: number, byte: number, fold: (byte: number) => number): number => {
  const isNegated = pattern[from] === CARET
  let at = isNegated ? from + 1 : from
  let isIn = false
  for (; at < pattern.length && pattern[at] !== CLOSE; at++) {
    if (pattern[at] === BACKSLASH && at + 1 < pattern.length) {
      if (fold(pattern[++at] ?? 0) === byte) isIn = true
    } else if (pattern[at + 1] === DASH && at + 2 < pattern.length) {
      const a = fold(pattern[at] ?? 0)
      const b = fold(pattern[at + 2] ?? 0)
      if (byte >= Math.min(a, b) && byte <= Math.max(a, b)) isIn = true
      at += 2
    } else if (fold(pattern[at] ?? 0) === byte) isIn = true
  }
  return isIn === isNegated ? -1 : Math.min(at + 1, pattern.length)
}

/** Whether a text matches a pattern, in any case. Both have one character for each byte. */
export const textMatches = (pattern: string, text: string): boolean => {
  const bytes = Buffer.from(text, "latin1")
  return matches(Buffer.from(pattern, "latin1"), bytes, 0, bytes.length, true)
}
