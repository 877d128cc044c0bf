/**
 * Bytes as words of four, the first byte lowest, on every machine: copying and comparing by the word takes a third of the
 * time that it takes by the byte. Pure.
 *
 * A text lies in words from the beginning of one; what is left of its last word is 0.
 */

/** How many words a text of `length` bytes takes. */
export const wordsOf = (length: number): number => (length + 3) >>> 2

/** The bytes from `from` to `end` (exclusive), three at most, as a word. */
export const lastWord = (bytes: DataView, from: number, end: number): number => {
  let word = 0
  for (let at = end - 1; at >= from; at--) word = (word << 8) | bytes.getUint8(at)
  return word
}

/** Copies `length` bytes from `start` on to `words[at]` and the following. */
export const copyToWords = (words: Int32Array, at: number, bytes: DataView, start: number, length: number): void => {
  const whole = start + (length & ~3)
  let word = at
  for (let from = start; from < whole; from += 4) words[word++] = bytes.getInt32(from, true)
  if (whole < start + length) words[word] = lastWord(bytes, whole, start + length)
}

/** Whether `length` bytes from `start` on are those in `words[at]` and the following. */
export const equalsWords = (words: Int32Array, at: number, bytes: DataView, start: number, length: number): boolean => {
  const whole = start + (length & ~3)
  let word = at
  for (let from = start; from < whole; from += 4) if (words[word++] !== bytes.getInt32(from, true)) return false
  return whole === start + length || words[word] === lastWord(bytes, whole, start + length)
}

/** Copies `length` bytes of the text at `words[at]`, from its byte `from` on, to `into[to]` and the following. */
export const copyFromWords = (
  words: Int32Array,
  at: number,
  from: number,
  length: number,
  into: Uint8Array,
  to: number
): void => {
  for (let i = 0; i < length; i++) {
    const byte = from + i
    into[to + i] = words[at + (byte >>> 2)]! >>> ((byte & 3) << 3)
  }
}
