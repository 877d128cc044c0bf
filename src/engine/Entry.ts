/**
 * The words of an entry: its header, then its key, then its value, all in one slot. So an operation finds what it needs
 * in two or three neighbouring cache lines. Layout only.
 *
 *     word 0  the hash, by which the index finds the entry
 *          1  the next more recently used entry, 0 for none
 *          2  the next less recently used entry, 0 for none
 *          3  meta: key length, identity of the database, type, flags
 *          4  the length of the value, in bytes
 *          5  when it was last used, in ticks: see `Recency.ts`
 *     only in an entry that may have a deadline:
 *        6,7  the deadline, a double; infinite for none
 *          8  the next entry in its bucket of the wheel, 0 for none
 *          9  the previous entry in its bucket
 *     then    the key, in words: see `Words.ts`; if it is long, the address of its chain (`Chains.ts`)
 *             the value, in the same way
 *
 * With a deadline, 40 bytes precede the key. A key of 16 bytes and a value of 64 then take a slot of 120 bytes, and 136
 * bytes with their share of the index.
 */
import { ARENA_UNIT_MASK } from "./Layout.ts"
import { wordsOf } from "./Words.ts"

export const HASH = 0
export const NEWER = 1
export const OLDER = 2
export const META = 3
export const VALUE_LENGTH = 4
export const USED_AT = 5
/** The index of the deadline among the doubles of an entry. */
export const DEADLINE = 3
export const WHEEL_NEXT = 8
export const WHEEL_PREVIOUS = 9

/** The words before the key without a deadline. A deadline adds four words: 1 shifted by this number of bits. */
const PLAIN_WORDS = 6
const TIMED_WORDS_BITS = 2

// The meta word: 16 bits of key length, 8 of identity, 4 of type, 4 of flags. It is 0 in a free slot.
export const IDENTITY_BITS = 16
const IDENTITY_MASK = 0xff
const KEY_LENGTH_MASK = 0xffff
const TYPE_BITS = 24
const TYPE_MASK = 0xf << TYPE_BITS
/** The bits of the identity and the key length. */
export const NAME_MASK = 0xff_ffff
const TIMED_BITS = 28
/** The entry has the words of a deadline. */
export const TIMED = 1 << TIMED_BITS
/** The key is a chain, the value is a chain. */
export const LONG_KEY = 1 << 29
export const LONG_VALUE = 1 << 30

/** A string. All entries have this type today. */
export const STRING = 1
/** A slot that holds a piece of a chain instead of an entry. */
const PIECE = 15

export const PIECE_META = PIECE << TYPE_BITS
const STRING_META = STRING << TYPE_BITS

/** The largest entry in bytes. A value that would exceed it becomes a chain. */
export const MAX_ENTRY_BYTES = 8192

/** In bytes. A longer key becomes a chain. */
const MAX_INLINE_KEY = 4096

/** The index among an arena's words that an address stands for. */
export const wordAt = (address: number): number => (address & ARENA_UNIT_MASK) << 1

/** The index among an arena's doubles that an address stands for. */
export const doubleAt = (address: number): number => address & ARENA_UNIT_MASK

export const typeOf = (meta: number): number => (meta >>> TYPE_BITS) & 0xf

export const keyLengthOf = (meta: number): number => meta & KEY_LENGTH_MASK

export const identityOf = (meta: number): number => (meta >>> IDENTITY_BITS) & IDENTITY_MASK

export const isPiece = (meta: number): boolean => (meta & TYPE_MASK) === PIECE_META

/** The words from the beginning of an entry to its key. */
export const keyOffset = (meta: number): number => PLAIN_WORDS + (((meta >>> TIMED_BITS) & 1) << TIMED_WORDS_BITS)

/** The words from the beginning of an entry to its value. */
export const valueOffset = (meta: number): number =>
  keyOffset(meta) + ((meta & LONG_KEY) === 0 ? wordsOf(meta & KEY_LENGTH_MASK) : 1)

/** The bytes of an entry without its chains. */
export const contentBytes = (meta: number, valueLength: number): number =>
  (valueOffset(meta) + ((meta & LONG_VALUE) === 0 ? wordsOf(valueLength) : 1)) << 2

/** The meta word of an entry for a string of `valueLength` bytes under a key of `keyLength` bytes. */
export const metaFor = (keyLength: number, identity: number, valueLength: number, timed: boolean): number => {
  const meta =
    STRING_META |
    (identity << IDENTITY_BITS) |
    keyLength |
    (timed ? TIMED : 0) |
    (keyLength > MAX_INLINE_KEY ? LONG_KEY : 0)
  return contentBytes(meta, valueLength) > MAX_ENTRY_BYTES ? meta | LONG_VALUE : meta
}

/** The meta word of an entry whose key changes. Its value may become too long for its slot, but it never stops being a chain. */
export const renamed = (before: number, keyLength: number, identity: number, valueLength: number): number => {
  const meta =
    (before & (TYPE_MASK | TIMED | LONG_VALUE)) |
    (identity << IDENTITY_BITS) |
    keyLength |
    (keyLength > MAX_INLINE_KEY ? LONG_KEY : 0)
  return contentBytes(meta, valueLength) > MAX_ENTRY_BYTES ? meta | LONG_VALUE : meta
}
