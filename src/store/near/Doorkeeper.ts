/**
 * Whom a full near cache takes in: keys that were asked for twice in a while. Without it, each key that is read once pushes
 * out one that is read often, and its time to live has to be asked for in vain. (The doorkeeper of TinyLFU: G. Einziger,
 * R. Friedman and B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 13 (4), 2017.)
 * Pure. It may take one key for another, and lets that one in then.
 */

/** The shortest while, in keys, and the longest: its two filters take 512 KB. */
const LEAST_KEYS = 1024
const MOST_KEYS = 2 ** 17

/** With fewer bits for each key of a while, too many others would be taken for them. */
const BITS_PER_KEY = 16

const WORD_BITS = 32

export class Doorkeeper {
  /** How long a while is: so many keys that had not asked before. */
  readonly keys: number
  private readonly mask: number
  private current: Uint32Array<ArrayBuffer>
  private before: Uint32Array<ArrayBuffer>
  private count = 0

  /** For a cache of so many keys. Filters that are no larger than they must be stay in the processor's caches. */
  constructor(keys: number) {
    this.keys = Math.min(Math.max(keys, LEAST_KEYS), MOST_KEYS)
    const bits = 2 ** Math.ceil(Math.log2(this.keys * BITS_PER_KEY))
    this.mask = bits - 1
    this.current = new Uint32Array(bits / WORD_BITS)
    this.before = new Uint32Array(bits / WORD_BITS)
  }

  /** Whether it was made for a cache of about so many keys. */
  suits(keys: number): boolean {
    return keys < 4 * this.keys || this.keys === MOST_KEYS
  }

  /** Somebody asks for the key with a hash. Says whether he has asked in this while or in the one before. */
  admits(hash: number): boolean {
    const at = (hash & this.mask) >>> 5
    const bit = 1 << (hash & (WORD_BITS - 1))
    if (((this.current[at]! | this.before[at]!) & bit) !== 0) return true
    this.current[at]! |= bit
    if (++this.count < this.keys) return false
    const { before } = this
    this.before = this.current
    this.current = before.fill(0)
    this.count = 0
    return false
  }
}
