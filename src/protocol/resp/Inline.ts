/**
 * Splits a line that a person has typed into words, by the rules of Redis's own `sdssplitargs` (sds.c): words are
 * separated by blanks; in double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xHH` mean a byte, and any other character
 * after a backslash itself; in single quotes only `\'` does.
 *
 * Words lie where they came from. One with quotes is written over itself without them, which never makes it longer.
 */

/** The places of the words of a request, its name included. */
export interface Words {
  readonly starts: Array<number>
  readonly lengths: Array<number>
}

const QUOTE = 0x22
const APOSTROPHE = 0x27
const BACKSLASH = 0x5c
const SPACE = 0x20
const LOWER_X = 0x78

const escapes: ReadonlyMap<number, number> = new Map(
  [
    ["n", "\n"],
    ["r", "\r"],
    ["t", "\t"],
    ["b", "\b"],
    ["a", "\u0007"]
  ].map(([letter = "", meant = ""]) => [letter.charCodeAt(0), meant.charCodeAt(0)])
)

/** C's `isspace`. */
const isBlank = (byte: number): boolean => byte === SPACE || (byte >= 0x09 && byte <= 0x0d)

/** What ends a word outside quotes: of C's blanks, vertical tabs and form feeds do not. */
const endsWord = (byte: number): boolean => isBlank(byte) && byte !== 0x0b && byte !== 0x0c

/** The value of a hexadecimal digit, or NaN. */
const hex = (byte: number): number => {
  const digit = String.fromCharCode(byte)
  return /^[0-9A-Fa-f]$/.test(digit) ? Number.parseInt(digit, 16) : Number.NaN
}

/** Adds the words from `start` to `end` (exclusive). Says whether all quotes are closed, with a blank behind each. */
export const split = (bytes: Buffer, start: number, end: number, words: Words): boolean => {
  // Outside the line, there is nothing.
  const byteAt = (at: number): number => (at < end ? (bytes[at] ?? 0) : 0)
  const closes = (at: number): boolean => at + 1 === end || isBlank(byteAt(at + 1))
  let at = start
  for (;;) {
    while (at < end && isBlank(byteAt(at))) at++
    if (at === end) return true
    const from = at
    let to = at
    let quote = 0
    for (; at < end; at++) {
      const byte = byteAt(at)
      if (quote === 0) {
        if (endsWord(byte)) break
        if (byte === QUOTE || byte === APOSTROPHE) quote = byte
        else bytes[to++] = byte
      } else if (byte === quote) {
        if (!closes(at)) return false
        quote = 0
        at++
        break
      } else if (byte !== BACKSLASH || at + 1 === end) bytes[to++] = byte
      else if (quote === APOSTROPHE) {
        if (byteAt(at + 1) === APOSTROPHE) at++
        bytes[to++] = byteAt(at)
      } else {
        const value = hex(byteAt(at + 2)) * 16 + hex(byteAt(at + 3))
        const isHex = byteAt(at + 1) === LOWER_X && !Number.isNaN(value)
        bytes[to++] = isHex ? value : (escapes.get(byteAt(at + 1)) ?? byteAt(at + 1))
        at += isHex ? 3 : 1
      }
    }
    if (quote !== 0) return false
    words.starts.push(from)
    words.lengths.push(to - from)
  }
}
