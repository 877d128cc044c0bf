/**
 * The deadlines of entries, as a hierarchical timing wheel. It takes `now` as an argument, knows neither keys nor
 * values, and removes no entries.
 *
 * There are nine levels of 64 buckets. A bucket of level 0 spans 1 ms, and a bucket of any other level spans the whole
 * level below. So the wheel reaches 2^54 ms, which is beyond the largest whole number of ms in a double: no deadline is
 * too far away. An entry's level is the highest group of 6 bits in which its deadline differs from the wheel's time. As
 * the time approaches, the entry moves down, at most eight times in its life. Scheduling and cancelling are O(1),
 * without comparing entries. (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987. The choice of level by
 * exclusive or and the bitmap of occupied buckets come from tokio's timer.)
 *
 * Deadlines and links are in the entries (`Entry.ts`). Heads, bitmap and time are in the header.
 */
import { DEADLINE, doubleAt, WHEEL_NEXT, WHEEL_PREVIOUS, wordAt } from "./Entry.ts"
import { ARENA_UNIT_BITS, DRAINING, OCCUPIED, WHEEL_HEADS, WHEEL_TIME, WITH_DEADLINE } from "./Layout.ts"
import type { Memory } from "./Memory.ts"

const LEVELS = 9
const BITS = 6
const BUCKETS = 64
const ALL_BUCKETS = LEVELS * BUCKETS
const LOW_BITS = 30
const LOW = 2 ** LOW_BITS
const LEVELS_IN_LOW = LOW_BITS / BITS

/** The deadline of an entry that does not expire. */
export const NEVER = Number.POSITIVE_INFINITY

/** The latest deadline, in ms. */
export const MAX_DEADLINE = Number.MAX_SAFE_INTEGER

/** The result of `popDue` if nothing is due. */
export const NONE = 0

/**
 * The result of `popDue` if it used up its budget. There may be a due entry behind those it moved. No entry has this
 * address.
 */
export const BUDGET_SPENT = 1

export class Wheel {
  private readonly memory: Memory
  private moves = 0

  constructor(memory: Memory) {
    this.memory = memory
  }

  /** Empties the wheel. `now` is a whole number of ms, and no later `now` may be smaller. */
  start(now: number): void {
    const { figures, header } = this.memory
    header.fill(0, WHEEL_HEADS, WHEEL_HEADS + ALL_BUCKETS)
    header.fill(0, OCCUPIED, OCCUPIED + LEVELS * 2)
    header[DRAINING] = 0
    header[WITH_DEADLINE] = 0
    figures[WHEEL_TIME] = now
  }

  /** The number of entries with a deadline. */
  get size(): number {
    return this.memory.header[WITH_DEADLINE]!
  }

  /** The wheel's time, in ms. */
  get time(): number {
    return this.memory.figures[WHEEL_TIME]!
  }

  /** How many entries the last `popDue` moved, so how much of its budget it used. */
  get moved(): number {
    return this.moves
  }

  /** The deadline that the last entry from `popDue` had. */
  popped = 0

  /** The deadline of an entry with the words for one, in ms; `NEVER` if it has none. */
  deadline(entry: number): number {
    return this.memory.doubles[entry >>> ARENA_UNIT_BITS]![doubleAt(entry) + DEADLINE]!
  }

  /** Gives a deadline (whole ms) to an entry without one. The words for it may hold anything. */
  schedule(entry: number, deadline: number): void {
    this.setDeadline(entry, deadline)
    this.memory.header[WITH_DEADLINE]!++
    this.place(entry, deadline)
  }

  /** Initialises the words for a deadline as having none. */
  clear(entry: number): void {
    this.setDeadline(entry, NEVER)
  }

  /** Removes the deadline of an entry, if it has one. */
  cancel(entry: number): void {
    if (this.deadline(entry) === NEVER) return
    this.setDeadline(entry, NEVER)
    this.memory.header[WITH_DEADLINE]!--
    this.unlink(entry)
  }

  /** To be called when the words of an entry have been copied to another address. */
  relocated(to: number): void {
    if (this.deadline(to) === NEVER) return
    const next = this.get(to, WHEEL_NEXT)
    if (next !== 0) this.set(next, WHEEL_PREVIOUS, to)
    this.setNextOf(this.get(to, WHEEL_PREVIOUS), to)
  }

  /**
   * Returns an entry whose deadline is at or before `now`, and removes the deadline. Returns `NONE` if there is none.
   * The search moves at most `budget` entries down the wheel and then returns `BUDGET_SPENT`. A wide bucket may hold
   * many entries that are not due, and no caller should wait for all of them.
   */
  popDue(now: number, budget: number): number {
    const { header } = this.memory
    for (this.moves = 0; ;) {
      if (header[DRAINING] === 0 && !this.advance(now)) return NONE
      const entry = header[WHEEL_HEADS + header[DRAINING]! - 1]!
      if (entry === 0) {
        header[DRAINING] = 0
        continue
      }
      const deadline = this.deadline(entry)
      if (deadline <= now) {
        this.cancel(entry)
        this.popped = deadline
        return entry
      }
      if (this.moves === budget) return BUDGET_SPENT
      this.moves++
      this.unlink(entry)
      this.place(entry, deadline)
    }
  }

  /**
   * A time in ms before which nothing is due; `NEVER` if nothing has a deadline. It may be earlier than the first
   * deadline, because a wide bucket is only examined when its time comes. Then the bound moves.
   */
  get nextDue(): number {
    const { figures, header } = this.memory
    if (header[DRAINING] !== 0) return figures[WHEEL_TIME]!
    for (let level = 0; level < LEVELS; level++) {
      const index = this.firstOccupied(level)
      if (index !== -1) return this.startOf(level, index)
    }
    return NEVER
  }

  /**
   * Moves the wheel's time to the next occupied bucket that begins by `now`, or to `now` if there is none. All buckets
   * that began by the wheel's time are empty, except the one being drained.
   */
  private advance(now: number): boolean {
    const { figures, header } = this.memory
    if (header[WITH_DEADLINE] !== 0) {
      for (let level = 0; level < LEVELS; level++) {
        // All of a level comes before all of the next, so the first bucket found is the earliest.
        const index = this.firstOccupied(level)
        if (index === -1) continue
        const start = this.startOf(level, index)
        if (start > now) break
        figures[WHEEL_TIME] = Math.max(figures[WHEEL_TIME]!, start)
        header[DRAINING] = level * BUCKETS + index + 1
        return true
      }
    }
    figures[WHEEL_TIME] = Math.max(figures[WHEEL_TIME]!, now)
    return false
  }

  private place(entry: number, deadline: number): void {
    const { figures, header } = this.memory
    const time = figures[WHEEL_TIME]!
    // A bucket that has begun is not examined again, so the earliest place is the next millisecond.
    const at = Math.max(deadline, time + 1)
    const high = Math.floor(at / LOW)
    const low = at % LOW
    const highDifference = high ^ Math.floor(time / LOW)
    const level = highDifference === 0 ? levelOf(low ^ (time % LOW)) : LEVELS_IN_LOW + levelOf(highDifference)
    const index =
      level < LEVELS_IN_LOW
        ? (low >>> (level * BITS)) & (BUCKETS - 1)
        : (high >>> ((level - LEVELS_IN_LOW) * BITS)) & (BUCKETS - 1)
    const bucket = level * BUCKETS + index
    const head = header[WHEEL_HEADS + bucket]!
    this.set(entry, WHEEL_NEXT, head)
    // The first entry of a bucket has the bucket's number plus 1 as its predecessor. No entry's address is so small.
    this.set(entry, WHEEL_PREVIOUS, bucket + 1)
    if (head !== 0) this.set(head, WHEEL_PREVIOUS, entry)
    header[WHEEL_HEADS + bucket] = entry
    header[OCCUPIED + (bucket >>> 5)]! |= 1 << (bucket & 31)
  }

  private unlink(entry: number): void {
    const { header } = this.memory
    const next = this.get(entry, WHEEL_NEXT)
    const before = this.get(entry, WHEEL_PREVIOUS)
    if (next !== 0) this.set(next, WHEEL_PREVIOUS, before)
    if (this.setNextOf(before, next) && next === 0) {
      const bucket = before - 1
      header[OCCUPIED + (bucket >>> 5)]! &= ~(1 << (bucket & 31))
    }
  }

  /** Sets the successor of an entry or of a bucket's head. Returns whether it was a bucket's head. */
  private setNextOf(before: number, next: number): boolean {
    if (before >>> 0 <= ALL_BUCKETS) {
      this.memory.header[WHEEL_HEADS + before - 1] = next
      return true
    }
    this.set(before, WHEEL_NEXT, next)
    return false
  }

  /** The first bucket of a level that is not empty, or -1. */
  private firstOccupied(level: number): number {
    const { header } = this.memory
    const low = header[OCCUPIED + level * 2]!
    if (low !== 0) return lowestBit(low)
    const high = header[OCCUPIED + level * 2 + 1]!
    return high === 0 ? -1 : 32 + lowestBit(high)
  }

  private startOf(level: number, index: number): number {
    const width = BUCKETS ** level
    const widthOfLevel = width * BUCKETS
    return Math.floor(this.memory.figures[WHEEL_TIME]! / widthOfLevel) * widthOfLevel + index * width
  }

  private setDeadline(entry: number, deadline: number): void {
    this.memory.doubles[entry >>> ARENA_UNIT_BITS]![doubleAt(entry) + DEADLINE] = deadline
  }

  private get(entry: number, word: number): number {
    return this.memory.words[entry >>> ARENA_UNIT_BITS]![wordAt(entry) + word]!
  }

  private set(entry: number, word: number, value: number): void {
    this.memory.words[entry >>> ARENA_UNIT_BITS]![wordAt(entry) + word] = value
  }
}

const levelOf = (difference: number): number =>
  difference === 0 ? 0 : Math.floor((31 - Math.clz32(difference)) / BITS)

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits)
