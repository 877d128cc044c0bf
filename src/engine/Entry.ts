/**
 * An entry's words: what is known of it, then its key, then its value, all in one slot, so that an operation finds what
 * it needs of an entry in two or three neighbouring lines of the processor's cache. Pure layout.
 *
 *     word 0  the hash, by which the index finds it
 *          1  the entry that was used next after this one, 0 for none
 *          2  the one that was used last before it
 *          3  what it is: length of the key, identity of its database, type, flags
 *          4  length of the value, in bytes
 *     and where it may have a deadline
 *          5  the next entry in its bucket of the wheel, 0 for none
 *        6,7  the deadline, a double; infinite for none
 *          8  the entry before it in its bucket
 *     then    the key, in words: see `Words.ts`; or where it is long, the address of its chain (`Chains.ts`)
 *             the value, in the same way
 *
 * 36 bytes, key and value are 120 bytes for 16 and 64, and 136 with the index's share.
 */
import { ARENA_UNIT_MASK } from "./Layout.ts"
import { wordsOf } from "./Words.ts"

export const HASH = 0
export const NEWER = 1
export const OLDER = 2
export const META = 3
export const VALUE_LENGTH = 4
export const WHEEL_NEXT = 5
/** The deadline's number among the doubles of an entry. */
export const DEADLINE = 3
export const WHEEL_PREVIOUS = 8

/** Words before the key, without a deadline and with one. */
const PLAIN_WORDS = 5
const TIMED_WORDS_BITS = 2

// The word that says what an entry is: 16 bits of key length, 8 of identity, 4 of type, 4 of flags. A free slot's is 0.
export const IDENTITY_BITS = 16
const IDENTITY_MASK = 0xff
const KEY_LENGTH_MASK = 0xffff
const TYPE_BITS = 24
const TYPE_MASK = 0xf << TYPE_BITS
/** Whose entry it is and how long its key is. */
export const NAME_MASK = 0xff_ffff
const TIMED_BITS = 28
/** It has the words of a deadline. */
export const TIMED = 1 << TIMED_BITS
/** Its key is a chain, its value is a chain. */
export const LONG_KEY = 1 << 29
export const LONG_VALUE = 1 << 30

/** A string: the type of all entries today. */
const STRING = 1
/** A slot that is no entry but a piece of a chain. */
const PIECE = 15

export const PIECE_META = PIECE << TYPE_BITS
const STRING_META = STRING << TYPE_BITS

/** An entry is no larger than this; a value that would make it so is a chain. */
export const MAX_ENTRY_BYTES = 8192

/** A longer key is a chain. */
const MAX_INLINE_KEY = 4096

/** The word of an arena that an address stands for. */
export const wordAt = (address: number): number => (address & ARENA_UNIT_MASK) << 1

/** The double of an arena that an address stands for. */
export const doubleAt = (address: number): number => address & ARENA_UNIT_MASK

export const typeOf = (meta: number): number => (meta >>> TYPE_BITS) & 0xf

export const keyLengthOf = (meta: number): number => meta & KEY_LENGTH_MASK

export const identityOf = (meta: number): number => (meta >>> IDENTITY_BITS) & IDENTITY_MASK

export const isPiece = (meta: number): boolean => (meta & TYPE_MASK) === PIECE_META

/** Words from an entry's beginning to its key. */
export const keyOffset = (meta: number): number => PLAIN_WORDS + (((meta >>> TIMED_BITS) & 1) << TIMED_WORDS_BITS)

/** Words from an entry's beginning to its value. */
export const valueOffset = (meta: number): number =>
  keyOffset(meta) + ((meta & LONG_KEY) === 0 ? wordsOf(meta & KEY_LENGTH_MASK) : 1)

/** Bytes of an entry, its chains not counted. */
export const contentBytes = (meta: number, valueLength: number): number =>
  (valueOffset(meta) + ((meta & LONG_VALUE) === 0 ? wordsOf(valueLength) : 1)) << 2

/** What an entry is, that is to hold a string under a key of this length. */
export const metaFor = (keyLength: number, identity: number, valueLength: number, timed: boolean): number => {
  const meta =
    STRING_META |
    (identity << IDENTITY_BITS) |
    keyLength |
    (timed ? TIMED : 0) |
    (keyLength > MAX_INLINE_KEY ? LONG_KEY : 0)
  return contentBytes(meta, valueLength) > MAX_ENTRY_BYTES ? meta | LONG_VALUE : meta
}
