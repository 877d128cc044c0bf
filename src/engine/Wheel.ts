/**
 * When entries expire: an index from deadlines to entries, as a hierarchical timing wheel. It takes `now` as an argument,
 * knows neither keys nor values, and removes nothing by itself.
 *
 * Nine levels of 64 buckets: a bucket of level 0 is 1 ms wide, one of the next level as wide as the whole level below,
 * so that the wheel reaches 2^54 ms, beyond the largest whole number of ms that a double holds: no deadline is too far
 * away to have its place. An entry goes to the level of the highest group of 6 bits in which its deadline differs from the
 * wheel's time, and moves down as that time comes closer: at most eight moves in its life. Scheduling and cancelling are
 * O(1) without a comparison between entries. (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987; the
 * choice of level by exclusive or, and the bitmap of occupied buckets, are those of tokio's timer.)
 *
 * Deadlines and links are in the entries (`Entry.ts`); heads, bitmap and time are in the header.
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

/** `popDue` found nothing that is due. */
export const NONE = 0

/** `popDue` used up its budget: there may be something due behind what it moved. No entry has this address. */
export const BUDGET_SPENT = 1

export class Wheel {
  private readonly memory: Memory
  private moves = 0

  constructor(memory: Memory) {
    this.memory = memory
  }

  /** Empties it. `now` in ms, an integer; every later `now` must not be smaller. */
  start(now: number): void {
    const { figures, header } = this.memory
    header.fill(0, WHEEL_HEADS, WHEEL_HEADS + ALL_BUCKETS)
    header.fill(0, OCCUPIED, OCCUPIED + LEVELS * 2)
    header[DRAINING] = 0
    header[WITH_DEADLINE] = 0
    figures[WHEEL_TIME] = now
  }

  /** How many entries have a deadline. */
  get size(): number {
    return this.memory.header[WITH_DEADLINE]!
  }

  /** The wheel's time, in ms. */
  get time(): number {
    return this.memory.figures[WHEEL_TIME]!
  }

  /** How many entries the last `popDue` moved: what it has used of its budget. */
  get moved(): number {
    return this.moves
  }

  /** When an entry that has the words for it expires, in ms; `NEVER` if it does not. */
  deadline(entry: number): number {
    return this.memory.doubles[entry >>> ARENA_UNIT_BITS]![doubleAt(entry) + DEADLINE]!
  }

  /** Gives an entry that has none a deadline, in ms, an integer; its words hold anything. */
  schedule(entry: number, deadline: number): void {
    this.setDeadline(entry, deadline)
    this.memory.header[WITH_DEADLINE]!++
    this.place(entry, deadline)
  }

  /** An entry has the words for a deadline, and none. */
  clear(entry: number): void {
    this.setDeadline(entry, NEVER)
  }

  /** Removes an entry's deadline, if it has one. */
  cancel(entry: number): void {
    if (this.deadline(entry) === NEVER) return
    this.setDeadline(entry, NEVER)
    this.memory.header[WITH_DEADLINE]!--
    this.unlink(entry)
  }

  /** An entry's words have been copied to another address. */
  relocated(to: number): void {
    if (this.deadline(to) === NEVER) return
    const next = this.get(to, WHEEL_NEXT)
    if (next !== 0) this.set(next, WHEEL_PREVIOUS, to)
    this.setNextOf(this.get(to, WHEEL_PREVIOUS), to)
  }

  /**
   * An entry whose deadline is at or before `now`, its deadline removed; `NONE` if there is none. At most `budget`
   * entries are moved down the wheel in search of it, else `BUDGET_SPENT`: a bucket that is wide may hold many that are
   * not due yet, and no caller should wait for all of them.
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
   * deadline: a wide bucket is looked into when its time comes, and then there is a later bound.
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
   * Moves the wheel's time to the next occupied bucket that begins by `now`, or to `now` if there is none. Every bucket
   * that began at or before the wheel's time is empty, but for the one that is being drained.
   */
  private advance(now: number): boolean {
    const { figures, header } = this.memory
    if (header[WITH_DEADLINE] !== 0) {
      for (let level = 0; level < LEVELS; level++) {
        // All of a level lies before all of the next: the first bucket found is the earliest.
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
    // A bucket that began already is not looked at again, so the earliest place is the next millisecond.
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
    // The first entry of a bucket has the bucket's number and 1 before it: no entry's address is so small.
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

  /** Says what comes after an entry, or after a bucket's head; returns whether it is a bucket. */
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
