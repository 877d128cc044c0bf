/**
 * Finds an entry by its key's hash: extendible hashing over open-addressing tables of a page each. It is ignorant of
 * keys: it offers candidates whose whole hash is equal, and the caller compares.
 *
 * A directory of the hash's highest bits points to segments of 8,192 buckets. A segment that is three quarters full is
 * split in two: growing costs a tenth of a millisecond at a time, whatever the number of keys, where doubling one large
 * table would hold up everybody. (R. Fagin et al., "Extendible hashing - a fast access method for dynamic files", ACM TODS
 * 4, 1979.) Two segments that a split could have made and that are together less than half of a full one are merged
 * again, so the index shrinks with the cache, and one that swings around a split does not swing with it. Within a
 * segment, linear probing, and deletion that moves later entries up: no tombstones, so that a segment in which keys come
 * and go for ever stays as fast as a new one. (D. Knuth, TAOCP 3, 6.4, algorithm R.)
 *
 * Splitting cannot tell equal hashes apart, so it has a limit; a segment that has come to it is continued in another one
 * instead. With an even hash that begins at about a thousand million entries.
 *
 * Since a segment holds a range of hashes, a walk through all of them is a position among hashes, and neither a split
 * nor a merge on the way makes it miss anything: see `visit`.
 *
 * A bucket is 8 bytes, so it has an address like everything else; 0, the header's, serves as none.
 */
import {
  ARENA_PAGE_BITS,
  ARENA_PAGE_MASK,
  ARENA_UNIT_BITS,
  ARENA_UNIT_MASK,
  DEPTH,
  DIRECTORY,
  DIRECTORY_PAGE,
  DIRECTORY_PAGES,
  PAGE_UNIT_BITS,
  PAGE_WORD_BITS,
  PAGE_WORDS,
  SEGMENT_PAGE,
  SEGMENTS_OF_DEPTH
} from "./Layout.ts"
import { type Memory, NO_PAGE } from "./Memory.ts"

const BUCKET_BITS = PAGE_UNIT_BITS
const BUCKETS = 1 << BUCKET_BITS
const BUCKET_MASK = BUCKETS - 1
const FULL = (BUCKETS * 3) / 4
/** Together, so many entries are merged into one segment. */
const SPARSE = FULL / 2

/** A bucket is two words: the entry's address, so that 0 is an empty one, and the hash. */
const EMPTY = 0

/** A segment and a bucket in it are chosen by different bits of the hash. */
const MAX_DEPTH = 18

const DIRECTORY_PAGE_BITS = PAGE_WORD_BITS
const DIRECTORY_PAGE_MASK = PAGE_WORDS - 1

// What is known of a segment, in its page's descriptor.
/** How many of the hash's highest bits its entries have in common; and these bits. */
export const COMMON = 3
export const PREFIX = 4
/** Entries in it. */
export const COUNT = 5
/** The segment that continues it, and the one that it continues; 0 for none. */
export const CONTINUED = 6
export const CONTINUES = 7

/** Which part of the directory a page is. */
const PART = 3

/** Nine of ten entries are so near to where the search for them begins. */
const NEAR_BUCKETS = 4

/** There is no (further) candidate. */
export const NO_BUCKET = 0

/**
 * What an entry takes in the index, in bytes: a bucket is two words, and segments are between 37 and 75 % full, 55 % in
 * the mean.
 */
export const INDEX_BYTES = 16

/** Of 2^32 hashes as a double. */
const HASHES = 2 ** 32

export class Index {
  private readonly memory: Memory
  /** The words of the directory's pages. */
  private readonly directory: Array<Int32Array> = []
  // What a segment held that is being split.
  private readonly before = new Int32Array(PAGE_WORDS)

  /** Of what is in the memory already; `start` makes an empty one. */
  constructor(memory: Memory) {
    this.memory = memory
    this.seeDirectory()
  }

  /** An index of nothing, in a memory that has no page in use. */
  start(): void {
    const { header } = this.memory
    header.fill(0, DIRECTORY, SEGMENTS_OF_DEPTH + MAX_DEPTH + 1)
    header[DEPTH] = 0
    header[DIRECTORY] = this.memory.take(DIRECTORY_PAGE)
    this.seeDirectory()
    this.directory[0]![0] = this.addSegment(0, 0)
  }

  /** Where to look for a hash: the first candidate, or `NO_BUCKET`. */
  first(hash: number): number {
    return this.probe(hash, this.segmentOf(hash), hash & BUCKET_MASK)
  }

  /** The next candidate behind one. */
  next(hash: number, bucket: number): number {
    return this.probe(hash, bucket >>> PAGE_UNIT_BITS, (bucket + 1) & BUCKET_MASK)
  }

  /** The entry of a bucket that `first` or `next` gave. */
  entry(bucket: number): number {
    return this.memory.words[bucket >>> ARENA_UNIT_BITS]![(bucket & ARENA_UNIT_MASK) << 1]!
  }

  /** The bucket of an entry that is there. */
  bucketOf(hash: number, entry: number): number {
    let bucket = this.first(hash)
    while (bucket !== NO_BUCKET && this.entry(bucket) !== entry) bucket = this.next(hash, bucket)
    if (bucket === NO_BUCKET) throw new Error(`the index has lost entry ${entry}`)
    return bucket
  }

  /** A bucket's entry is at another address now. */
  point(bucket: number, entry: number): void {
    this.memory.words[bucket >>> ARENA_UNIT_BITS]![(bucket & ARENA_UNIT_MASK) << 1] = entry
  }

  /** Brings the buckets where the search for these hashes begins into the processor's cache. The result means nothing. */
  fetch(hashes: Int32Array, count: number): number {
    const { words } = this.memory
    let seen = 0
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      const page = this.segmentOf(hash)
      seen ^= words[page >>> ARENA_PAGE_BITS]![wordOfPage(page) + ((hash & BUCKET_MASK) << 1)]!
    }
    return seen
  }

  /**
   * The entries that these hashes stand for, most likely, or 0: those in the first few buckets. It does without branches,
   * since half of them would be mispredicted.
   */
  candidates(hashes: Int32Array, count: number, into: Int32Array): void {
    const { words } = this.memory
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      const page = this.segmentOf(hash)
      const arena = words[page >>> ARENA_PAGE_BITS]!
      const base = wordOfPage(page)
      let found = 0
      for (let step = 0; step < NEAR_BUCKETS; step++) {
        const word = base + (((hash + step) & BUCKET_MASK) << 1)
        const difference = arena[word + 1]! ^ hash
        // All bits where the hashes are equal, else none.
        const equal = ~((difference | -difference) >> 31)
        found = (found & ~equal) | (arena[word]! & equal)
      }
      into[i] = found
    }
  }

  /** Makes room for one more entry under a hash; says whether there is. What was in the index stays as it was. */
  makeRoom(hash: number): boolean {
    for (;;) {
      let segment = this.segmentOf(hash)
      if (this.known(segment, COUNT) < FULL) return true
      if (this.known(segment, COMMON) < MAX_DEPTH) {
        if (!this.split(segment)) return false
        continue
      }
      while (this.known(segment, COUNT) === FULL) {
        const next = this.known(segment, CONTINUED)
        if (next === 0) return this.continue(segment)
        segment = next
      }
      return true
    }
  }

  /** Adds an entry under a hash that `makeRoom` has made room for. */
  add(hash: number, entry: number): void {
    let segment = this.segmentOf(hash)
    while (this.known(segment, COUNT) === FULL) segment = this.known(segment, CONTINUED)
    this.place(segment, hash, entry)
  }

  /** Removes the entry of a bucket that `first` or `next` gave. */
  remove(hash: number, bucket: number): void {
    const segment = bucket >>> PAGE_UNIT_BITS
    const words = this.wordsOf(segment)
    const base = wordOfPage(segment)
    let hole = bucket & BUCKET_MASK
    for (let at = (hole + 1) & BUCKET_MASK; ; at = (at + 1) & BUCKET_MASK) {
      const word = base + (at << 1)
      if (words[word] === EMPTY) break
      const home = words[word + 1]! & BUCKET_MASK
      // An entry may move up into the hole unless its home lies behind the hole.
      if (((at - home) & BUCKET_MASK) < ((at - hole) & BUCKET_MASK)) continue
      const holeWord = base + (hole << 1)
      words[holeWord] = words[word]!
      words[holeWord + 1] = words[word + 1]!
      hole = at
    }
    words[base + (hole << 1)] = EMPTY
    const count = this.known(segment, COUNT) - 1
    this.setKnown(segment, COUNT, count)
    if (count > SPARSE) return
    if (count === 0 && this.known(segment, CONTINUES) !== 0) this.dropContinuation(segment)
    this.mergeAround(hash)
  }

  /**
   * Visits the entries whose hashes are in a range that begins with `cursor`, of about `count` entries, and returns where
   * the next one begins; 0 at the end. Hashes are taken as unsigned here. `see` must not change anything.
   */
  visit(cursor: number, count: number, see: (entry: number) => void): number {
    const hash = cursor | 0
    let segment = this.segmentOf(hash)
    // As many equal parts of the segment's range of hashes as make the entries of one about `count`.
    const parts = 2 ** Math.ceil(Math.log2(Math.max(1, this.known(segment, COUNT) / Math.max(1, count))))
    const width = Math.max(1, HASHES / 2 ** this.known(segment, COMMON) / parts)
    const start = Math.floor(cursor / width) * width
    const end = start + width
    for (; segment !== 0; segment = this.known(segment, CONTINUED)) {
      const words = this.wordsOf(segment)
      const base = wordOfPage(segment)
      for (let word = base; word < base + PAGE_WORDS; word += 2) {
        const its = words[word + 1]! >>> 0
        if (its >= cursor && its < end && words[word] !== EMPTY) see(words[word]!)
      }
    }
    return end >= HASHES ? 0 : end
  }

  /** Moves a segment, or a page of the directory, to another page; says whether there was one. */
  relocate(page: number, kind: number): boolean {
    const to = this.memory.take(kind)
    if (to === NO_PAGE) return false
    this.memory.copyPage(page, to)
    if (kind === DIRECTORY_PAGE) {
      const part = this.known(page, PART)
      this.setKnown(to, PART, part)
      this.memory.header[DIRECTORY + part] = to
      this.seeDirectory()
    } else {
      for (const word of [COMMON, PREFIX, COUNT, CONTINUED, CONTINUES]) this.setKnown(to, word, this.known(page, word))
      const before = this.known(to, CONTINUES)
      const after = this.known(to, CONTINUED)
      if (after !== 0) this.setKnown(after, CONTINUES, to)
      if (before === 0) this.direct(to)
      else this.setKnown(before, CONTINUED, to)
    }
    this.memory.release(page)
    return true
  }

  private segmentOf(hash: number): number {
    // In two steps, as a shift by 32 is none in JavaScript.
    const at = (hash >>> 1) >>> (31 - this.memory.header[DEPTH]!)
    return this.directory[at >>> DIRECTORY_PAGE_BITS]![at & DIRECTORY_PAGE_MASK]!
  }

  private wordsOf(page: number): Int32Array {
    return this.memory.words[page >>> ARENA_PAGE_BITS]!
  }

  private probe(hash: number, start: number, from: number): number {
    let at = from
    for (let segment = start; ;) {
      const words = this.wordsOf(segment)
      const base = wordOfPage(segment)
      for (; ; at = (at + 1) & BUCKET_MASK) {
        const word = base + (at << 1)
        if (words[word] === EMPTY) break
        if (words[word + 1] === hash) return (segment << PAGE_UNIT_BITS) | at
      }
      if (this.memory.header[DEPTH]! < MAX_DEPTH) return NO_BUCKET
      segment = this.known(segment, CONTINUED)
      if (segment === 0) return NO_BUCKET
      at = hash & BUCKET_MASK
    }
  }

  private place(segment: number, hash: number, entry: number): void {
    const words = this.wordsOf(segment)
    const base = wordOfPage(segment)
    let at = hash & BUCKET_MASK
    while (words[base + (at << 1)] !== EMPTY) at = (at + 1) & BUCKET_MASK
    words[base + (at << 1)] = entry
    words[base + (at << 1) + 1] = hash
    this.setKnown(segment, COUNT, this.known(segment, COUNT) + 1)
  }

  /** Says whether there was memory for it. */
  private split(segment: number): boolean {
    const { header } = this.memory
    const depth = this.known(segment, COMMON) + 1
    if (depth > header[DEPTH]! && !this.growDirectory()) return false
    const prefix = this.known(segment, PREFIX) << 1
    const added = this.addSegment(depth, prefix | 1)
    if (added === NO_PAGE) {
      this.shrinkDirectory()
      return false
    }
    this.setKnown(segment, COMMON, depth)
    this.setKnown(segment, PREFIX, prefix)
    this.setKnown(segment, COUNT, 0)
    header[SEGMENTS_OF_DEPTH + depth - 1]!--
    header[SEGMENTS_OF_DEPTH + depth]!++
    this.direct(added)
    const base = wordOfPage(segment)
    const words = this.wordsOf(segment)
    const { before } = this
    before.set(words.subarray(base, base + PAGE_WORDS))
    words.fill(EMPTY, base, base + PAGE_WORDS)
    for (let word = 0; word < PAGE_WORDS; word += 2) {
      if (before[word] === EMPTY) continue
      const hash = before[word + 1]!
      this.place(((hash >>> (32 - depth)) & 1) === 0 ? segment : added, hash, before[word]!)
    }
    return true
  }

  private continue(segment: number): boolean {
    const added = this.addSegment(MAX_DEPTH, this.known(segment, PREFIX))
    if (added === NO_PAGE) return false
    this.setKnown(segment, CONTINUED, added)
    this.setKnown(added, CONTINUES, segment)
    return true
  }

  private dropContinuation(segment: number): void {
    const before = this.known(segment, CONTINUES)
    const after = this.known(segment, CONTINUED)
    this.setKnown(before, CONTINUED, after)
    if (after !== 0) this.setKnown(after, CONTINUES, before)
    this.removeSegment(segment)
  }

  /** Merges the segment of a hash with the one that a split could have made of the same, while both are sparse. */
  private mergeAround(hash: number): void {
    for (;;) {
      const one = this.segmentOf(hash)
      const depth = this.known(one, COMMON)
      if (depth === 0 || this.known(one, COUNT) > SPARSE || this.known(one, CONTINUED) !== 0) return
      const prefix = this.known(one, PREFIX)
      const other = this.segmentOf((prefix ^ 1) << (32 - depth))
      if (this.known(other, COMMON) !== depth || this.known(other, CONTINUED) !== 0) return
      if (this.known(one, COUNT) + this.known(other, COUNT) > SPARSE) return
      if (this.known(one, COUNT) < this.known(other, COUNT)) this.merge(one, other)
      else this.merge(other, one)
    }
  }

  private merge(from: number, into: number): void {
    const { header } = this.memory
    const words = this.wordsOf(from)
    const base = wordOfPage(from)
    for (let word = base; word < base + PAGE_WORDS; word += 2) {
      if (words[word] !== EMPTY) this.place(into, words[word + 1]!, words[word]!)
    }
    const depth = this.known(into, COMMON) - 1
    this.removeSegment(from)
    header[SEGMENTS_OF_DEPTH + depth + 1]!--
    header[SEGMENTS_OF_DEPTH + depth]!++
    this.setKnown(into, COMMON, depth)
    this.setKnown(into, PREFIX, this.known(into, PREFIX) >>> 1)
    this.direct(into)
    this.shrinkDirectory()
  }

  /** Points the directory's entries for a segment's hashes to it. */
  private direct(segment: number): void {
    const width = 1 << (this.memory.header[DEPTH]! - this.known(segment, COMMON))
    const start = this.known(segment, PREFIX) * width
    for (let at = start; at < start + width; at++) this.setDirectory(at, segment)
  }

  private setDirectory(at: number, segment: number): void {
    this.directory[at >>> DIRECTORY_PAGE_BITS]![at & DIRECTORY_PAGE_MASK] = segment
  }

  /** Doubles it; says whether there was memory. */
  private growDirectory(): boolean {
    const { header } = this.memory
    const size = 2 << header[DEPTH]!
    const pages = Math.ceil(size / PAGE_WORDS)
    for (let part = this.directory.length; part < pages; part++) {
      const page = this.memory.take(DIRECTORY_PAGE)
      if (page === NO_PAGE) {
        this.trimDirectory(Math.ceil(size / 2 / PAGE_WORDS))
        return false
      }
      this.setKnown(page, PART, part)
      header[DIRECTORY + part] = page
      this.seeDirectory()
    }
    for (let at = size - 1; at >= 0; at--) {
      const from = at >>> 1
      this.setDirectory(at, this.directory[from >>> DIRECTORY_PAGE_BITS]![from & DIRECTORY_PAGE_MASK]!)
    }
    header[DEPTH]!++
    return true
  }

  /** Halves it while no segment needs all of its bits. */
  private shrinkDirectory(): void {
    const { header } = this.memory
    while (header[DEPTH]! > 0 && header[SEGMENTS_OF_DEPTH + header[DEPTH]!] === 0) {
      const size = 1 << --header[DEPTH]!
      for (let at = 0; at < size; at++) {
        const from = at << 1
        this.setDirectory(at, this.directory[from >>> DIRECTORY_PAGE_BITS]![from & DIRECTORY_PAGE_MASK]!)
      }
      this.trimDirectory(Math.ceil(size / PAGE_WORDS))
    }
  }

  private trimDirectory(pages: number): void {
    const { header } = this.memory
    for (let part = this.directory.length - 1; part >= pages; part--) {
      const page = header[DIRECTORY + part]!
      header[DIRECTORY + part] = 0
      this.memory.release(page)
    }
    this.seeDirectory()
  }

  /** The number of a new segment, or `NO_PAGE`. */
  private addSegment(depth: number, prefix: number): number {
    const segment = this.memory.take(SEGMENT_PAGE)
    if (segment === NO_PAGE) return NO_PAGE
    const base = wordOfPage(segment)
    this.wordsOf(segment).fill(EMPTY, base, base + PAGE_WORDS)
    this.setKnown(segment, COMMON, depth)
    this.setKnown(segment, PREFIX, prefix)
    this.memory.header[SEGMENTS_OF_DEPTH + depth]!++
    return segment
  }

  private removeSegment(segment: number): void {
    this.memory.header[SEGMENTS_OF_DEPTH + this.known(segment, COMMON)]!--
    this.memory.release(segment)
  }

  private seeDirectory(): void {
    this.directory.length = 0
    for (let part = 0; part < DIRECTORY_PAGES; part++) {
      const page = this.memory.header[DIRECTORY + part]!
      if (page === 0) return
      const base = wordOfPage(page)
      this.directory.push(this.wordsOf(page).subarray(base, base + PAGE_WORDS))
    }
  }

  private known(page: number, word: number): number {
    return this.memory.known(page, word)
  }

  private setKnown(page: number, word: number, value: number): void {
    this.memory.setKnown(page, word, value)
  }
}

/** Where in the words of its arena a page begins. */
const wordOfPage = (page: number): number => (page & ARENA_PAGE_MASK) << PAGE_WORD_BITS
