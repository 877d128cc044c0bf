/**
 * Which entry goes when the store is full. Pure, and a policy only: it knows the order of use, not keys, sizes or
 * limits.
 *
 * Least recently used, exactly: a doubly linked list in two typed arrays, indexed by the caller's slot numbers (8 bytes
 * an entry), so that a use costs a few array writes and makes no garbage.
 */

/** There is no slot. */
export const NO_SLOT = -1

export class LeastRecentlyUsed {
  private newer: Int32Array
  private older: Int32Array
  private newest = NO_SLOT
  private oldest = NO_SLOT

  /** `capacity` is in slots. */
  constructor(capacity: number) {
    this.newer = new Int32Array(capacity)
    this.older = new Int32Array(capacity)
  }

  /** Makes room for slots up to `capacity`. */
  grow(capacity: number): void {
    const { newer, older } = this
    this.newer = new Int32Array(capacity)
    this.newer.set(newer)
    this.older = new Int32Array(capacity)
    this.older.set(older)
  }

  /** A slot that is new in the order: it is the most recently used. */
  add(slot: number): void {
    this.newer[slot] = NO_SLOT
    this.older[slot] = this.newest
    if (this.newest === NO_SLOT) this.oldest = slot
    else this.newer[this.newest] = slot
    this.newest = slot
  }

  /** A slot in the order that has been used: it is the most recently used. */
  touch(slot: number): void {
    if (slot === this.newest) return
    this.remove(slot)
    this.add(slot)
  }

  /** Takes a slot out of the order. */
  remove(slot: number): void {
    const newer = this.newer[slot]!
    const older = this.older[slot]!
    if (newer === NO_SLOT) this.newest = older
    else this.older[newer] = older
    if (older === NO_SLOT) this.oldest = newer
    else this.newer[older] = newer
  }

  /** The slot to evict: the least recently used, or `NO_SLOT` if there is none. */
  victim(): number {
    return this.oldest
  }
}
