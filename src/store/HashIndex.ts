/**
 * Finds the record of a key by the key's hash: extendible hashing over small open-addressing tables. Pure, and ignorant
 * of keys: it offers candidates whose whole hash is equal, and the caller compares.
 *
 * A directory of the hash's highest bits points to segments of 2,048 buckets. A segment that is three quarters full is
 * split in two: growing costs 20 microseconds at a time, whatever the number of keys, where doubling one large table
 * would hold up everybody. (R. Fagin et al., "Extendible hashing - a fast access method for dynamic files", ACM TODS 4,
 * 1979.) Within a segment, linear probing, and deletion that moves later entries up: no tombstones, so that a segment
 * in which keys come and go for ever stays as fast as a new one. (D. Knuth, TAOCP 3, 6.4, algorithm R.)
 *
 * Splitting cannot tell equal hashes apart, so it has a limit; a segment that has come to it is continued in another one
 * instead. With an even hash that begins at about a thousand million entries.
 */
import type { KeyPlaces } from "../domain/KeyPlaces.ts"
import { ARENA_BITS, arenaBytes, FIRST_ARENA_BYTES, makeArena } from "./Arena.ts"

const SEGMENT_BITS = 11
const BUCKETS = 1 << SEGMENT_BITS
const BUCKET_MASK = BUCKETS - 1
const FULL = (BUCKETS * 3) / 4

/** A bucket is two words: the record's number and 1, so that 0 is an empty one, and the hash. */
const BUCKET_WORDS_BITS = 1
const EMPTY = 0
const SEGMENT_WORDS = BUCKETS << BUCKET_WORDS_BITS

const ARENA_SEGMENT_BITS = ARENA_BITS - 2 - BUCKET_WORDS_BITS - SEGMENT_BITS
const ARENA_SEGMENT_MASK = (1 << ARENA_SEGMENT_BITS) - 1
const FIRST_ARENA_SEGMENTS = FIRST_ARENA_BYTES / 4 / SEGMENT_WORDS

/** A segment and a bucket in it are chosen by different bits of the hash. */
const MAX_DEPTH = 20

// What is known of a segment, in words.
/** How many of the hash's highest bits its entries have in common. */
const DEPTH = 0
/** Entries in it. */
const COUNT = 1
/** The segment that continues it, or 0: the first one continues none. */
const CONTINUED = 2
const FACTS_BITS = 2

/** Nine of ten entries are so near to where the search for them begins. */
const NEAR_BUCKETS = 4

/** There is no (further) candidate. */
export const NOT_THERE = -1

/**
 * What an entry takes in the index, in bytes: a bucket is two words, and segments are between 37 and 75 % full, 55 % in
 * the mean.
 */
export const INDEX_BYTES = 16

export class HashIndex {
  private arenas: Array<Int32Array> = []
  private facts = new Int32Array(FIRST_ARENA_SEGMENTS << FACTS_BITS)
  private directory = new Int32Array(1)
  private depth = 0
  private segments = 0
  // What a segment held that is being split.
  private readonly before = new Int32Array(SEGMENT_WORDS)

  constructor() {
    this.addSegment(0)
  }

  /** Bytes of the arenas that it has. */
  get heldBytes(): number {
    return arenaBytes(this.arenas)
  }

  /** Where to look for a hash: the position of the first candidate, or `NOT_THERE`. */
  first(hash: number): number {
    return this.probe(hash, this.segmentOf(hash), hash & BUCKET_MASK)
  }

  /** The position of the next candidate behind `position`. */
  next(hash: number, position: number): number {
    return this.probe(hash, position >>> SEGMENT_BITS, (position + 1) & BUCKET_MASK)
  }

  /** The record at a position that `first` or `next` gave. */
  record(position: number): number {
    return this.wordsOf(position >>> SEGMENT_BITS)[wordOf(position)]! - 1
  }

  /** Brings the buckets where the search for the first `count` keys begins into the processor's cache. The result means nothing. */
  fetch(places: KeyPlaces, count: number): number {
    let seen = 0
    for (let key = 0; key < count; key++) {
      const hash = places.hash(key)
      const segment = this.segmentOf(hash)
      seen ^= this.wordsOf(segment)[wordOf((segment << SEGMENT_BITS) | (hash & BUCKET_MASK))]!
    }
    return seen
  }

  /**
   * The records that the first `count` keys' hashes stand for, most likely, or `NOT_THERE`: those in the first few buckets. It does
   * without branches, since half of them would be mispredicted.
   */
  candidates(places: KeyPlaces, count: number, into: Int32Array): void {
    for (let key = 0; key < count; key++) {
      const hash = places.hash(key)
      const segment = this.segmentOf(hash)
      const words = this.wordsOf(segment)
      const base = wordOf(segment << SEGMENT_BITS)
      let found = 0
      for (let step = 0; step < NEAR_BUCKETS; step++) {
        const word = base + (((hash + step) & BUCKET_MASK) << BUCKET_WORDS_BITS)
        const difference = words[word + 1]! ^ hash
        // All bits where the hashes are equal, else none.
        const equal = ~((difference | -difference) >> 31)
        found = (found & ~equal) | (words[word]! & equal)
      }
      into[key] = found - 1
    }
  }

  /** Adds a record under a hash. */
  add(hash: number, record: number): void {
    let segment = this.segmentOf(hash)
    while (this.fact(segment, COUNT) === FULL) {
      if (this.fact(segment, DEPTH) === MAX_DEPTH) segment = this.continuationOf(segment)
      else {
        this.split(segment, hash)
        segment = this.segmentOf(hash)
      }
    }
    this.place(segment, hash, record)
  }

  /** Removes the entry at a position that `first` or `next` gave. */
  remove(position: number): void {
    const segment = position >>> SEGMENT_BITS
    const words = this.wordsOf(segment)
    const base = wordOf(segment << SEGMENT_BITS)
    this.setFact(segment, COUNT, this.fact(segment, COUNT) - 1)
    let hole = position & BUCKET_MASK
    for (let at = (hole + 1) & BUCKET_MASK; ; at = (at + 1) & BUCKET_MASK) {
      const word = base + (at << BUCKET_WORDS_BITS)
      if (words[word] === EMPTY) break
      const home = words[word + 1]! & BUCKET_MASK
      // An entry may move up into the hole unless its home lies behind the hole.
      if (((at - home) & BUCKET_MASK) < ((at - hole) & BUCKET_MASK)) continue
      const holeWord = base + (hole << BUCKET_WORDS_BITS)
      words[holeWord] = words[word]!
      words[holeWord + 1] = words[word + 1]!
      hole = at
    }
    words[base + (hole << BUCKET_WORDS_BITS)] = EMPTY
  }

  /** Removes everything. */
  clear(): void {
    // Nothing is there and nothing has grown: the one segment is as good as a new one.
    if (this.segments === 1 && this.fact(0, COUNT) === 0) return
    this.arenas = []
    this.facts = new Int32Array(FIRST_ARENA_SEGMENTS << FACTS_BITS)
    this.directory = new Int32Array(1)
    this.depth = 0
    this.segments = 0
    this.addSegment(0)
  }

  private segmentOf(hash: number): number {
    // In two steps, as a shift by 32 is none in JavaScript.
    return this.directory[(hash >>> 1) >>> (31 - this.depth)]!
  }

  /** The words that a segment lies in. */
  private wordsOf(segment: number): Int32Array {
    return this.arenas[segment >>> ARENA_SEGMENT_BITS]!
  }

  private probe(hash: number, start: number, from: number): number {
    let at = from
    for (let segment = start; ;) {
      const words = this.wordsOf(segment)
      const base = wordOf(segment << SEGMENT_BITS)
      for (; ; at = (at + 1) & BUCKET_MASK) {
        const word = base + (at << BUCKET_WORDS_BITS)
        if (words[word] === EMPTY) break
        if (words[word + 1] === hash) return (segment << SEGMENT_BITS) | at
      }
      if (this.depth < MAX_DEPTH) return NOT_THERE
      segment = this.fact(segment, CONTINUED)
      if (segment === 0) return NOT_THERE
      at = hash & BUCKET_MASK
    }
  }

  private place(segment: number, hash: number, record: number): void {
    const words = this.wordsOf(segment)
    const base = wordOf(segment << SEGMENT_BITS)
    let at = hash & BUCKET_MASK
    while (words[base + (at << BUCKET_WORDS_BITS)] !== EMPTY) at = (at + 1) & BUCKET_MASK
    words[base + (at << BUCKET_WORDS_BITS)] = record + 1
    words[base + (at << BUCKET_WORDS_BITS) + 1] = hash
    this.setFact(segment, COUNT, this.fact(segment, COUNT) + 1)
  }

  private split(segment: number, hash: number): void {
    const depth = this.fact(segment, DEPTH) + 1
    if (depth > this.depth) {
      const directory = this.directory
      this.directory = new Int32Array(directory.length * 2)
      for (let i = 0; i < this.directory.length; i++) this.directory[i] = directory[i >>> 1]!
      this.depth++
    }
    const added = this.addSegment(depth)
    // Of the directory's entries for the segment, the latter half is the new one's.
    const width = 1 << (this.depth - depth)
    const start = (((hash >>> 1) >>> (31 - this.depth)) & ~(width * 2 - 1)) + width
    this.directory.fill(added, start, start + width)
    const base = wordOf(segment << SEGMENT_BITS)
    const words = this.wordsOf(segment)
    const { before } = this
    before.set(words.subarray(base, base + SEGMENT_WORDS))
    words.fill(EMPTY, base, base + SEGMENT_WORDS)
    this.setFact(segment, DEPTH, depth)
    this.setFact(segment, COUNT, 0)
    for (let word = 0; word < SEGMENT_WORDS; word += 1 << BUCKET_WORDS_BITS) {
      if (before[word] === EMPTY) continue
      const itsHash = before[word + 1]!
      this.place(((itsHash >>> (32 - depth)) & 1) === 0 ? segment : added, itsHash, before[word]! - 1)
    }
  }

  private continuationOf(segment: number): number {
    const known = this.fact(segment, CONTINUED)
    if (known !== 0) return known
    const added = this.addSegment(MAX_DEPTH)
    this.setFact(segment, CONTINUED, added)
    return added
  }

  /** The number of a new segment. */
  private addSegment(depth: number): number {
    // The first arena is small: its numbers end before those of the second one begin.
    if (this.segments === FIRST_ARENA_SEGMENTS) this.segments = ARENA_SEGMENT_MASK + 1
    const segment = this.segments++
    const arena = segment >>> ARENA_SEGMENT_BITS
    if (arena === this.arenas.length) this.arenas.push(new Int32Array(makeArena(arena)))
    while (segment << FACTS_BITS >= this.facts.length) {
      const { facts } = this
      this.facts = new Int32Array(facts.length * 2)
      this.facts.set(facts)
    }
    this.setFact(segment, DEPTH, depth)
    return segment
  }

  private fact(segment: number, fact: number): number {
    return this.facts[(segment << FACTS_BITS) | fact]!
  }

  private setFact(segment: number, fact: number, value: number): void {
    this.facts[(segment << FACTS_BITS) | fact] = value
  }
}

/** Where in the words of its segment's arena the bucket at a position begins. */
const wordOf = (position: number): number =>
  (position & ((1 << (ARENA_SEGMENT_BITS + SEGMENT_BITS)) - 1)) << BUCKET_WORDS_BITS
