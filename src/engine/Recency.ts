/**
 * The order of use, which decides the entry to evict. It is exact LRU: a doubly linked list through the words of the
 * entries, so that a use costs a few writes and leaves no garbage. This module knows no keys, sizes or limits.
 *
 * Each entry keeps the time of its last use in ticks of 10 ms, in 32 bits. So an idle time is exact to 10 ms, up to 497
 * days; then it begins again at 0. The eviction does not need it.
 */
import { NEWER, OLDER, USED_AT, wordAt } from "./Entry.ts"
import { ARENA_UNIT_BITS, NEWEST, OLDEST } from "./Layout.ts"
import type { Memory } from "./Memory.ts"

/** In ms. */
export const TICK = 10

/** A time in ticks, of which there are 2^32. */
export const tickOf = (now: number): number => (now / TICK) | 0

/** How many ticks one time is after another. */
export const ticksSince = (tick: number, earlier: number): number => (tick - earlier) >>> 0

export class Recency {
  private readonly memory: Memory
  /** The present time in ms. */
  now = 0
  /** The same in ticks. */
  tick = 0

  constructor(memory: Memory) {
    this.memory = memory
  }

  /** Sets the present time, in ms. */
  at(now: number): void {
    if (now === this.now) return
    this.now = now
    this.tick = tickOf(now)
  }

  /** For how many ticks an entry has not been used. */
  idleTicks(entry: number): number {
    return ticksSince(this.tick, this.get(entry, USED_AT))
  }

  /** The least recently used entry, or 0. */
  get oldest(): number {
    return this.memory.header[OLDEST]!
  }

  /** Adds an entry as the most recently used one. */
  add(entry: number): void {
    const { header } = this.memory
    const newest = header[NEWEST]!
    this.set(entry, NEWER, 0)
    this.set(entry, OLDER, newest)
    this.set(entry, USED_AT, this.tick)
    if (newest === 0) header[OLDEST] = entry
    else this.set(newest, NEWER, entry)
    header[NEWEST] = entry
  }

  /** Makes an entry of the order the most recently used one. */
  touch(entry: number): void {
    const { header, words } = this.memory
    const newest = header[NEWEST]!
    const arena = words[entry >>> ARENA_UNIT_BITS]!
    const at = wordAt(entry)
    arena[at + USED_AT] = this.tick
    if (entry === newest) return
    const newer = arena[at + NEWER]!
    const older = arena[at + OLDER]!
    // There is a newer entry, because this one is not the newest.
    words[newer >>> ARENA_UNIT_BITS]![wordAt(newer) + OLDER] = older
    if (older === 0) header[OLDEST] = newer
    else words[older >>> ARENA_UNIT_BITS]![wordAt(older) + NEWER] = newer
    arena[at + NEWER] = 0
    arena[at + OLDER] = newest
    words[newest >>> ARENA_UNIT_BITS]![wordAt(newest) + NEWER] = entry
    header[NEWEST] = entry
  }

  /** Removes an entry from the order. */
  remove(entry: number): void {
    this.join(this.get(entry, OLDER), this.get(entry, NEWER))
  }

  /** To be called when the words of an entry have been copied to another address. */
  moved(to: number): void {
    const { header } = this.memory
    const newer = this.get(to, NEWER)
    const older = this.get(to, OLDER)
    if (newer === 0) header[NEWEST] = to
    else this.set(newer, OLDER, to)
    if (older === 0) header[OLDEST] = to
    else this.set(older, NEWER, to)
  }

  private join(older: number, newer: number): void {
    const { header } = this.memory
    if (newer === 0) header[NEWEST] = older
    else this.set(newer, OLDER, older)
    if (older === 0) header[OLDEST] = newer
    else this.set(older, NEWER, newer)
  }

  private get(entry: number, word: number): number {
    return this.memory.words[entry >>> ARENA_UNIT_BITS]![wordAt(entry) + word]!
  }

  private set(entry: number, word: number, value: number): void {
    this.memory.words[entry >>> ARENA_UNIT_BITS]![wordAt(entry) + word] = value
  }
}
