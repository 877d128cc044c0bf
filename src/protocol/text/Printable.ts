/** Tests four bytes at a time for printable ASCII without whitespace, 0x21 to 0x7E. Pure. */

export const FIRST_PRINTABLE = 0x21
export const LAST_PRINTABLE = 0x7e

// A byte below the first printable one sets its highest bit by a borrow, and a byte above the last one by a carry.
const BELOW = 0x2121_2121
const ABOVE = 0x0101_0101
const HIGHEST_BITS = 0x8080_8080

/** 0 if all four bytes of a word are printable. */
export const unprintable = (word: number): number => ((word - BELOW) | (word + ABOVE) | word) & HIGHEST_BITS

/** Replaces the bytes of a word after its first `length` ones, which must be 0, by printable ones. */
export const padded = (word: number, length: number): number => word | (BELOW << (length << 3))
