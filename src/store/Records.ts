/**
 * Numbered records of eight words, one for each entry: its links in the order of use and in the timing wheel, its
 * deadline, and where its bytes are. Pure storage: what the words mean is said by those who use them.
 *
 * The records lie in arenas (`Arena.ts`), so that growing copies nothing: it takes the same few microseconds at five
 * million entries as at five thousand. A record is 32 bytes, half a cache line: what one operation needs of an entry comes
 * with one access to memory.
 */

import { ARENA_BITS, arenaBytes, FIRST_ARENA_BYTES, makeArena } from "./Arena.ts"

/** Words of a record, by use. */
export const NEWER = 0
export const OLDER = 1
export const WHEEL_NEXT = 2
export const WHEEL_PREVIOUS = 3
/** The deadline is a double, in the place of two words; this is its number among doubles. */
const DEADLINE = 2
export const ADDRESS = 6
export const LENGTHS = 7

/** What a record takes, in bytes. */
export const RECORD_BYTES = 32

const WORDS_BITS = 3
const DOUBLES_BITS = 2
const ARENA_RECORD_BITS = ARENA_BITS - 5
const ARENA_RECORD_MASK = (1 << ARENA_RECORD_BITS) - 1
const FIRST_ARENA_RECORDS = FIRST_ARENA_BYTES / RECORD_BYTES

export class Records {
  private words: Array<Int32Array> = []
  private doubles: Array<Float64Array> = []
  private unusedHead = -1
  private used = 0
  private count = 0

  /** Records in use. */
  get size(): number {
    return this.count
  }

  /** Bytes of the arenas that it has. */
  get heldBytes(): number {
    return arenaBytes(this.words)
  }

  /** The number of a record that was not in use. Its deadline is never; its words hold anything. */
  take(): number {
    const id = this.next()
    this.count++
    this.setDeadline(id, Number.POSITIVE_INFINITY)
    return id
  }

  /** Gives a record back. */
  release(id: number): void {
    this.count--
    // When the last record goes, so do all arenas but the first: what a large keyspace needed is not kept for an empty
    // one, and a keyspace whose only key comes and goes does not allocate each time.
    if (this.count === 0) {
      this.words = this.words.slice(0, 1)
      this.doubles = this.doubles.slice(0, 1)
      this.unusedHead = -1
      this.used = 0
      return
    }
    this.set(id, ADDRESS, this.unusedHead)
    this.unusedHead = id
  }

  get(id: number, word: number): number {
    return this.words[id >>> ARENA_RECORD_BITS]![((id & ARENA_RECORD_MASK) << WORDS_BITS) | word]!
  }

  set(id: number, word: number, value: number): void {
    this.words[id >>> ARENA_RECORD_BITS]![((id & ARENA_RECORD_MASK) << WORDS_BITS) | word] = value
  }

  /** The words that a record lies in, for who needs several of them: the one of a kind is at `first(id) + kind`. */
  wordsOf(id: number): Int32Array {
    return this.words[id >>> ARENA_RECORD_BITS]!
  }

  /** Which of those words is the record's first. */
  first(id: number): number {
    return (id & ARENA_RECORD_MASK) << WORDS_BITS
  }

  /** ms */
  deadline(id: number): number {
    return this.doubles[id >>> ARENA_RECORD_BITS]![((id & ARENA_RECORD_MASK) << DOUBLES_BITS) | DEADLINE]!
  }

  setDeadline(id: number, deadline: number): void {
    this.doubles[id >>> ARENA_RECORD_BITS]![((id & ARENA_RECORD_MASK) << DOUBLES_BITS) | DEADLINE] = deadline
  }

  // The following are for many records at a time. They spell out what `get` does, since loops as short as these have
  // more of their rounds under way at once, and so more accesses to memory.

  /** Brings records into the processor's cache; those below 0 are none. The result means nothing. */
  fetch(ids: Int32Array, count: number): number {
    const { words } = this
    let seen = 0
    for (let i = 0; i < count; i++) {
      const id = ids[i]!
      if (id >= 0) seen ^= words[id >>> ARENA_RECORD_BITS]![(id & ARENA_RECORD_MASK) << WORDS_BITS]!
    }
    return seen
  }

  /** The same for the records whose numbers are in two words of these. */
  fetchLinked(ids: Int32Array, count: number, oneWord: number, otherWord: number): number {
    const { words } = this
    let seen = 0
    for (let i = 0; i < count; i++) {
      const id = ids[i]!
      if (id < 0) continue
      const arena = words[id >>> ARENA_RECORD_BITS]!
      const first = (id & ARENA_RECORD_MASK) << WORDS_BITS
      const one = arena[first | oneWord]!
      const other = arena[first | otherWord]!
      if (one >= 0) seen ^= words[one >>> ARENA_RECORD_BITS]![(one & ARENA_RECORD_MASK) << WORDS_BITS]!
      if (other >= 0) seen ^= words[other >>> ARENA_RECORD_BITS]![(other & ARENA_RECORD_MASK) << WORDS_BITS]!
    }
    return seen
  }

  /** A word of each of these, in order, but of those below 0; returns how many there are. */
  gather(ids: Int32Array, count: number, word: number, into: Int32Array): number {
    const { words } = this
    let gathered = 0
    for (let i = 0; i < count; i++) {
      const id = ids[i]!
      if (id < 0) continue
      into[gathered++] = words[id >>> ARENA_RECORD_BITS]![((id & ARENA_RECORD_MASK) << WORDS_BITS) | word]!
    }
    return gathered
  }

  private next(): number {
    if (this.unusedHead !== -1) {
      const id = this.unusedHead
      this.unusedHead = this.get(id, ADDRESS)
      return id
    }
    // The first arena is small: its numbers end before those of the second one begin.
    if (this.used === FIRST_ARENA_RECORDS) this.used = ARENA_RECORD_MASK + 1
    const arena = this.used >>> ARENA_RECORD_BITS
    if (arena === this.words.length) {
      const buffer = makeArena(arena)
      this.words.push(new Int32Array(buffer))
      this.doubles.push(new Float64Array(buffer))
    }
    return this.used++
  }
}
