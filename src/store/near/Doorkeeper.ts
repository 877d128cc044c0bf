/**
 * Whom a full near cache takes in: keys that were asked for twice in a while. Without it, each key that is read once pushes
 * out one that is read often, and its time to live has to be asked for in vain. (The doorkeeper of TinyLFU: G. Einziger,
 * R. Friedman and B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 13 (4), 2017.)
 * Pure. It may take one key for another, and lets that one in then.
 */

/** A filter has so many bits: 256 KB. There are two. */
const BITS = 2 ** 21

/** With more keys than this in a filter, too many others would be taken for them. */
const MOST_KEYS = BITS / 8

/** The shortest while, in keys. */
const LEAST_KEYS = 1024

export class Doorkeeper {
  private current = new Uint32Array(BITS / 32)
  private before = new Uint32Array(BITS / 32)
  private count = 0

  /** Somebody asks for the key with a hash. Says whether he has before: among the last `keys` that had not, or a few more. */
  admits(hash: number, keys: number): boolean {
    const at = (hash & (BITS - 1)) >>> 5
    const bit = 1 << (hash & 31)
    if (((this.current[at]! | this.before[at]!) & bit) !== 0) return true
    this.current[at]! |= bit
    if (++this.count >= Math.min(Math.max(keys, LEAST_KEYS), MOST_KEYS)) {
      const { before } = this
      this.before = this.current
      this.current = before.fill(0)
      this.count = 0
    }
    return false
  }
}
