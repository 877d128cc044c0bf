/**
 * The last removals: of each key its hash, when and why it went, how long it had not been used, and what it took. Pure,
 * and nothing but numbers: a key cannot be read from its ghost.
 *
 * Each ghost takes 16 bytes that lie together, so that whoever finds one waits for memory once. They are in a ring. The
 * newest one of each bucket is in `heads`, 2 or 4 bytes more, and each names the one before it in its bucket. Nothing is
 * ever unlinked: a link is followed as long as it leads to an older ghost of the same bucket.
 *
 * Two keys may have the same hash of 32 bits. Among 65,536 ghosts, that one of them is taken for a key that it is not
 * happens once in 65,536 questions about keys that are not among them.
 */
import { DELETED, EVICTED, EXPIRED } from "../engine/Limits.ts"
import { ticksSince } from "../engine/Recency.ts"

/** There is no such ghost. */
export const NO_GHOST = -1

// Links of 16 bits are enough for so many.
const SHORT_LINKS = 65_536

/** Spreads hashes over the buckets. */
const GOLDEN = 0x9e37_79b1 | 0

const REASON_BITS = 2
const REASON_MASK = 3

// Sizes are kept in units of 8 bytes.
const UNIT_BITS = 3

// The words of a ghost. The third one has the size in its upper half, and below it the idle time and, lowest, the reason.
const HASH = 0
const TIME = 1
const KIND = 2
const BEFORE = 3
const WORD_BITS = 2
const HALF = 16
const HALF_MASK = 0xffff

/**
 * A number of 32 bits as 5 bits of exponent and `mantissaBits` bits of its highest digits, rounded down. It is exact below
 * 2^mantissaBits.
 */
const pack = (value: number, mantissaBits: number): number => {
  const exponent = Math.max(0, 31 - mantissaBits - Math.clz32(value))
  const mantissa = value >>> exponent
  // From 2^mantissaBits on, the highest digit is always 1 and need not be kept.
  return mantissa < 1 << mantissaBits ? mantissa : ((exponent + 1) << mantissaBits) | (mantissa - (1 << mantissaBits))
}

const unpack = (packed: number, mantissaBits: number): number => {
  const exponent = packed >>> mantissaBits
  const mantissa = packed & (2 ** mantissaBits - 1)
  return exponent === 0 ? mantissa : (mantissa + 2 ** mantissaBits) * 2 ** (exponent - 1)
}

// Exact to 0.2 % of the idle time and to 0.05 % of the size.
const IDLE_MANTISSA = 9
const SIZE_MANTISSA = 11

export class Ghosts {
  /** The most ghosts: a power of two. */
  readonly capacity: number
  /** How many there are. */
  count = 0
  // Where the next one comes.
  private next = 0
  private readonly mask: number
  private readonly shift: number
  private readonly words: Int32Array
  private readonly heads: Uint16Array | Uint32Array

  /** For at least `count` ghosts. */
  constructor(count: number) {
    const bits = Math.max(1, Math.ceil(Math.log2(count)))
    const capacity = 2 ** bits
    this.capacity = capacity
    this.mask = capacity - 1
    this.shift = 32 - bits
    this.words = new Int32Array(capacity << WORD_BITS)
    this.heads = capacity > SHORT_LINKS ? new Uint32Array(capacity) : new Uint16Array(capacity)
  }

  /** `bytes` is what the entry took; times are in ticks. */
  add(hash: number, reason: number, bytes: number, idleTicks: number, tick: number): void {
    const { heads, next, words } = this
    const bucket = Math.imul(hash, GOLDEN) >>> this.shift
    const at = next << WORD_BITS
    words[at + HASH] = hash
    words[at + TIME] = tick
    words[at + KIND] =
      (pack(bytes >>> UNIT_BITS, SIZE_MANTISSA) << HALF) | (pack(idleTicks, IDLE_MANTISSA) << REASON_BITS) | reason
    words[at + BEFORE] = heads[bucket]!
    heads[bucket] = next
    this.next = (next + 1) & this.mask
    if (this.count <= this.mask) this.count++
  }

  /** The newest ghost with a hash, or `NO_GHOST`. */
  find(hash: number): number {
    const { count, shift, words } = this
    const bucket = Math.imul(hash, GOLDEN) >>> shift
    let ghost = this.heads[bucket]!
    let age = -1
    for (;;) {
      const itsAge = this.age(ghost)
      if (itsAge <= age || itsAge >= count) return NO_GHOST
      const its = words[(ghost << WORD_BITS) + HASH]!
      if (its === hash) return ghost
      if (Math.imul(its, GOLDEN) >>> shift !== bucket) return NO_GHOST
      age = itsAge
      ghost = words[(ghost << WORD_BITS) + BEFORE]!
    }
  }

  /** How many ghosts are newer than this one. */
  age(ghost: number): number {
    return (this.next - 1 - ghost) & this.mask
  }

  /** The ghost with so many newer ones. */
  at(age: number): number {
    return (this.next - 1 - age) & this.mask
  }

  reason(ghost: number): number {
    return this.word(ghost, KIND) & REASON_MASK
  }

  hash(ghost: number): number {
    return this.word(ghost, HASH)
  }

  /** When the key went, in ticks. */
  tick(ghost: number): number {
    return this.word(ghost, TIME)
  }

  /** How long it had not been used then, in ticks. */
  idleTicks(ghost: number): number {
    return unpack((this.word(ghost, KIND) & HALF_MASK) >>> REASON_BITS, IDLE_MANTISSA)
  }

  /** What its entry took. */
  bytes(ghost: number): number {
    return unpack(this.word(ghost, KIND) >>> HALF, SIZE_MANTISSA) * 2 ** UNIT_BITS
  }

  /** How long ago the oldest of all went, in ticks. There must be one. */
  ticksKept(tick: number): number {
    return ticksSince(tick, this.tick(this.at(this.count - 1)))
  }

  forget(): void {
    this.count = 0
  }

  /**
   * The bytes of the keys that were evicted after this one and have stayed away: what more memory would have had to
   * hold, besides what is there. `isBack` says whether there is a key with a hash. Up to `looks` removals, each is looked
   * at; of more, as many, evenly spread.
   */
  bytesGoneSince(ghost: number, isBack: (hash: number) => boolean, looks: number): number {
    const newer = this.age(ghost)
    const step = Math.max(1, newer / looks)
    let bytes = 0
    let seen = 0
    for (let at = 0; Math.floor(at) < newer; at += step) {
      seen++
      const other = this.at(Math.floor(at))
      if (this.reason(other) !== EVICTED) continue
      const hash = this.hash(other)
      // A key that has gone again later counts then.
      if (this.find(hash) === other && !isBack(hash)) bytes += this.bytes(other)
    }
    return seen === 0 ? 0 : (bytes * newer) / seen
  }

  private word(ghost: number, word: number): number {
    return this.words[(ghost << WORD_BITS) + word]!
  }
}

/** The reasons in the words of people. */
export const reasonName = (reason: number): "deleted" | "expired" | "evicted" =>
  reason === EXPIRED ? "expired" : reason === DELETED ? "deleted" : "evicted"
