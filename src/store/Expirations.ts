/**
 * When entries expire: an index from deadlines to slots, as a hierarchical timing wheel. Pure: it takes `now` as an
 * argument, knows neither keys nor values, and removes nothing by itself.
 *
 * Seven levels of 64 buckets: a bucket of level 0 is 1 ms wide, one of the next level as wide as the whole level below,
 * so that the wheel reaches 2^42 ms (139 years) from when it was made, and the largest TTL fits. An entry goes to the level of the highest
 * group of 6 bits in which its deadline differs from the wheel's time, and moves down as that time comes closer: at
 * most six moves in its life. Scheduling and cancelling are O(1) without a comparison between entries. (Varghese and
 * Lauck, "Hashed and Hierarchical Timing Wheels", 1987; the choice of level by exclusive or, and the bitmap of occupied
 * buckets, are those of tokio's timer.)
 *
 * Deadlines and links are in the entries' records; a slot is a record's number.
 */
import { type Records, WHEEL_NEXT, WHEEL_PREVIOUS } from "./Records.ts"

const LEVELS = 7
const BITS = 6
const BUCKETS = 64
const LOW_BITS = 30
const LOW = 2 ** LOW_BITS
const LEVELS_IN_LOW = LOW_BITS / BITS
const REACH = 2 ** (LEVELS * BITS)

/** The deadline of an entry that does not expire. */
export const NEVER = Number.POSITIVE_INFINITY

/** `popDue` found nothing that is due. */
export const NONE = -1

/** `popDue` used up its budget: there may be something due behind what it moved. */
export const BUDGET_SPENT = -2

export class Expirations {
  private readonly records: Records
  private readonly heads = new Int32Array(LEVELS * BUCKETS).fill(NONE)
  private readonly occupied = new Int32Array(LEVELS * 2)
  // When the wheel was made, in ms. Its own time counts from there.
  private readonly origin: number
  // Every bucket that began at or before this time is empty, but for the one that is being drained.
  private time = 0
  private draining = NONE
  private count = 0
  private moves = 0

  /** `now` in ms, an integer; every later `now` must not be smaller. */
  constructor(now: number, records: Records) {
    this.origin = now
    this.records = records
  }

  /** How many entries have a deadline. */
  get size(): number {
    return this.count
  }

  /** How many entries the last `popDue` moved: what it has used of its budget. */
  get moved(): number {
    return this.moves
  }

  /** When a slot expires, in ms; `NEVER` if it does not. */
  deadline(slot: number): number {
    return this.records.deadline(slot)
  }

  /** Sets, moves or (with `NEVER`) removes a slot's deadline, in ms, an integer. */
  schedule(slot: number, deadline: number): void {
    this.cancel(slot)
    if (deadline === NEVER) return
    this.records.setDeadline(slot, deadline)
    this.count++
    this.place(slot, deadline)
  }

  /** Removes a slot's deadline, if it has one. */
  cancel(slot: number): void {
    if (this.records.deadline(slot) === NEVER) return
    this.records.setDeadline(slot, NEVER)
    this.count--
    this.unlink(slot)
  }

  /**
   * A slot whose deadline is at or before `now`, its deadline removed; `NONE` if there is none. At most `budget`
   * entries are moved down the wheel in search of it, else `BUDGET_SPENT`: a bucket that is wide may hold many that are
   * not due yet, and no caller should wait for all of them.
   */
  popDue(now: number, budget: number): number {
    for (this.moves = 0; ;) {
      if (this.draining === NONE && !this.advance(now - this.origin)) return NONE
      const slot = this.heads[this.draining]!
      if (slot === NONE) {
        this.draining = NONE
        continue
      }
      const deadline = this.records.deadline(slot)
      if (deadline <= now) {
        this.cancel(slot)
        return slot
      }
      if (this.moves === budget) return BUDGET_SPENT
      this.moves++
      this.unlink(slot)
      this.place(slot, deadline)
    }
  }

  /**
   * A time in ms before which nothing is due; `NEVER` if nothing has a deadline. It may be earlier than the first
   * deadline: a wide bucket is looked into when its time comes, and then there is a later bound.
   */
  get nextDue(): number {
    if (this.draining !== NONE) return this.origin + this.time
    for (let level = 0; level < LEVELS; level++) {
      const index = this.firstOccupied(level)
      if (index !== NONE) return this.origin + this.startOf(level, index)
    }
    return NEVER
  }

  /** Moves the wheel's time to the next occupied bucket that begins by `now`, or to `now` if there is none; in its own time. */
  private advance(now: number): boolean {
    for (let level = 0; level < LEVELS; level++) {
      // All of a level lies before all of the next: the first bucket found is the earliest.
      const index = this.firstOccupied(level)
      if (index === NONE) continue
      const start = this.startOf(level, index)
      if (start > now) break
      this.time = Math.max(this.time, start)
      this.draining = level * BUCKETS + index
      return true
    }
    this.time = Math.max(this.time, now)
    return false
  }

  private place(slot: number, deadline: number): void {
    // A bucket that began already is not looked at again, so the earliest place is the next millisecond.
    const at = Math.min(Math.max(deadline - this.origin, this.time + 1), REACH - 1)
    const high = Math.floor(at / LOW)
    const low = at % LOW
    const highDifference = high ^ Math.floor(this.time / LOW)
    const level = highDifference === 0 ? levelOf(low ^ (this.time % LOW)) : LEVELS_IN_LOW + levelOf(highDifference)
    const index =
      level < LEVELS_IN_LOW
        ? (low >>> (level * BITS)) & (BUCKETS - 1)
        : (high >>> ((level - LEVELS_IN_LOW) * BITS)) & (BUCKETS - 1)
    const bucket = level * BUCKETS + index
    const head = this.heads[bucket]!
    this.records.set(slot, WHEEL_NEXT, head)
    // The first entry of a bucket has the bucket's number before it, inverted: it is negative, and so no slot.
    this.records.set(slot, WHEEL_PREVIOUS, ~bucket)
    if (head !== NONE) this.records.set(head, WHEEL_PREVIOUS, slot)
    this.heads[bucket] = slot
    this.occupied[bucket >>> 5]! |= 1 << (bucket & 31)
  }

  private unlink(slot: number): void {
    const next = this.records.get(slot, WHEEL_NEXT)
    const before = this.records.get(slot, WHEEL_PREVIOUS)
    if (next !== NONE) this.records.set(next, WHEEL_PREVIOUS, before)
    if (before >= 0) {
      this.records.set(before, WHEEL_NEXT, next)
      return
    }
    const bucket = ~before
    this.heads[bucket] = next
    if (next === NONE) this.occupied[bucket >>> 5]! &= ~(1 << (bucket & 31))
  }

  private firstOccupied(level: number): number {
    const low = this.occupied[level * 2]!
    if (low !== 0) return lowestBit(low)
    const high = this.occupied[level * 2 + 1]!
    return high === 0 ? NONE : 32 + lowestBit(high)
  }

  private startOf(level: number, index: number): number {
    const width = BUCKETS ** level
    const widthOfLevel = width * BUCKETS
    return Math.floor(this.time / widthOfLevel) * widthOfLevel + index * width
  }
}

const levelOf = (difference: number): number =>
  difference === 0 ? 0 : Math.floor((31 - Math.clz32(difference)) / BITS)

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits)
