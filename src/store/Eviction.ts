/**
 * Which entry goes when the store is full. Pure, and a policy only: it knows the order of use, not keys, sizes or
 * limits.
 *
 * Least recently used, exactly: a doubly linked list through the entries' records, so that a use costs a few writes and
 * makes no garbage. A slot is a record's number.
 */
import { NEWER, OLDER, type Records } from "./Records.ts"

/** There is no slot. */
export const NO_SLOT = -1

export class LeastRecentlyUsed {
  private readonly records: Records
  private newest = NO_SLOT
  private oldest = NO_SLOT

  constructor(records: Records) {
    this.records = records
  }

  /** A slot that is new in the order: it is the most recently used. */
  add(slot: number): void {
    this.records.set(slot, NEWER, NO_SLOT)
    this.records.set(slot, OLDER, this.newest)
    if (this.newest === NO_SLOT) this.oldest = slot
    else this.records.set(this.newest, NEWER, slot)
    this.newest = slot
  }

  /** A slot in the order that has been used: it is the most recently used. */
  touch(slot: number): void {
    const { newest, records } = this
    if (slot === newest) return
    const words = records.wordsOf(slot)
    const first = records.first(slot)
    const newer = words[first + NEWER]!
    const older = words[first + OLDER]!
    // There is a newer one, since this is not the newest.
    records.set(newer, OLDER, older)
    if (older === NO_SLOT) this.oldest = newer
    else records.set(older, NEWER, newer)
    words[first + NEWER] = NO_SLOT
    words[first + OLDER] = newest
    records.set(newest, NEWER, slot)
    this.newest = slot
  }

  /** Takes a slot out of the order. */
  remove(slot: number): void {
    const newer = this.records.get(slot, NEWER)
    const older = this.records.get(slot, OLDER)
    if (newer === NO_SLOT) this.newest = older
    else this.records.set(newer, OLDER, older)
    if (older === NO_SLOT) this.oldest = newer
    else this.records.set(older, NEWER, newer)
  }

  /** The slot to evict: the least recently used, or `NO_SLOT` if there is none. */
  victim(): number {
    return this.oldest
  }
}
