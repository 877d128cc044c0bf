/**
 * Finds entries by the hash of the key: extendible hashing over open-addressing tables of one page each. It does not
 * know keys. It offers candidates whose whole hash is equal, and the caller compares the keys.
 *
 * A directory, chosen by the highest bits of the hash, points to segments of 8,192 buckets. A segment that is three
 * quarters full is split in two. So growing takes a tenth of a millisecond at a time, whatever the number of keys.
 * Doubling one large table would make everybody wait. (R. Fagin et al., "Extendible hashing - a fast access method for
 * dynamic files", ACM TODS 4, 1979.) Two segments that a split could have made are merged when both together fill less
 * than half of a full one. So the index shrinks with the cache, and a cache whose size swings around a split causes no
 * merges.
 *
 * Within a segment, probing is linear, and a removal moves later entries up instead of leaving a tombstone. So a
 * segment whose keys come and go for ever stays as fast as a new one. (D. Knuth, TAOCP 3, 6.4, algorithm R.)
 *
 * Splitting cannot separate equal hashes, so it has a limit. A segment at that limit is continued in another segment.
 * With an even hash this begins above a billion entries.
 *
 * A segment covers a range of hashes, so the cursor of a walk through all entries is a hash. A split or merge on the
 * way makes the walk miss nothing: see `visit`.
 *
 * A bucket has 8 bytes, so it has an address like everything else. 0, the header's address, stands for none.
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
/** Two segments with at most this many entries together are merged. */
const SPARSE = FULL / 2

/** A bucket is two words: the address of the entry, then the hash. An address of 0 marks an empty bucket. */
const EMPTY = 0

/** The deepest split. Up to here, different bits of the hash choose the segment and the bucket. */
const MAX_DEPTH = 18

const DIRECTORY_PAGE_BITS = PAGE_WORD_BITS
const DIRECTORY_PAGE_MASK = PAGE_WORDS - 1

// The words of a segment in the descriptor of its page.
/** How many of the highest bits of the hash its entries share, and these bits. */
export const COMMON = 3
export const PREFIX = 4
/** The number of its entries. */
export const COUNT = 5
/** The segment that continues it, and the one that it continues; 0 for none. */
export const CONTINUED = 6
export const CONTINUES = 7

/** The part of the directory that a page is. */
const PART = 3

/** Nine of ten entries are within this many buckets of the place where the search begins. */
const NEAR_BUCKETS = 4

/** There is no candidate, or no further one. */
export const NO_BUCKET = 0

/**
 * The share of an entry in the index, in bytes. A bucket has two words, and segments are 37 to 75 % full, on average 55
 * %.
 */
export const INDEX_BYTES = 16

/** How many buckets of a segment are tried at random before it is searched. */
const GUESSES = 16

/** The number of hashes, 2^32, as a double. */
const HASHES = 2 ** 32

export class Index {
  private readonly memory: Memory
  /** Views of the directory's pages. */
  private readonly directory: Array<Int32Array> = []
  // A copy of the segment that is being split.
  private readonly before = new Int32Array(PAGE_WORDS)

  /** Attaches to the index that is in the memory. `start` makes an empty one. */
  constructor(memory: Memory) {
    this.memory = memory
    this.seeDirectory()
  }

  /** Makes an empty index, in a memory without a page in use. */
  start(): void {
    const { header } = this.memory
    header.fill(0, DIRECTORY, SEGMENTS_OF_DEPTH + MAX_DEPTH + 1)
    header[DEPTH] = 0
    header[DIRECTORY] = this.memory.take(DIRECTORY_PAGE)
    this.seeDirectory()
    this.directory[0]![0] = this.addSegment(0, 0)
  }

  /** The first candidate for a hash, or `NO_BUCKET`. */
  first(hash: number): number {
    return this.probe(hash, this.segmentOf(hash), hash & BUCKET_MASK)
  }

  /** The next candidate after `bucket`, or `NO_BUCKET`. */
  next(hash: number, bucket: number): number {
    return this.probe(hash, bucket >>> PAGE_UNIT_BITS, (bucket + 1) & BUCKET_MASK)
  }

  /** The entry of a bucket that `first` or `next` returned. */
  entry(bucket: number): number {
    return this.memory.words[bucket >>> ARENA_UNIT_BITS]![(bucket & ARENA_UNIT_MASK) << 1]!
  }

  /** The bucket of an entry, which must be in the index. */
  bucketOf(hash: number, entry: number): number {
    let bucket = this.first(hash)
    while (bucket !== NO_BUCKET && this.entry(bucket) !== entry) bucket = this.next(hash, bucket)
    if (bucket === NO_BUCKET) throw new Error(`the index has lost entry ${entry}`)
    return bucket
  }

  /** Sets the new address of a bucket's entry. */
  point(bucket: number, entry: number): void {
    this.memory.words[bucket >>> ARENA_UNIT_BITS]![(bucket & ARENA_UNIT_MASK) << 1] = entry
  }

  /** The first bucket of the search for each hash, and the last one that `candidates` looks at, as addresses. */
  places(hashes: Int32Array, count: number, into: Int32Array, lasts: Int32Array): void {
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      const segment = this.segmentOf(hash) << PAGE_UNIT_BITS
      into[i] = segment | (hash & BUCKET_MASK)
      lasts[i] = segment | ((hash + NEAR_BUCKETS - 1) & BUCKET_MASK)
    }
  }

  /**
   * The likely entry for each hash, or 0, given the places where the search begins. It only looks at the first few
   * buckets. It has no branches, because half of them would be mispredicted.
   */
  candidates(hashes: Int32Array, places: Int32Array, count: number, into: Int32Array): void {
    const { words } = this.memory
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      const place = places[i]!
      const arena = words[place >>> ARENA_UNIT_BITS]!
      const base = ((place & ARENA_UNIT_MASK) >>> BUCKET_BITS) << PAGE_WORD_BITS
      let found = 0
      for (let step = 0; step < NEAR_BUCKETS; step++) {
        const word = base + (((hash + step) & BUCKET_MASK) << 1)
        const difference = arena[word + 1]! ^ hash
        // All bits are set if the hashes are equal, none if not.
        const equal = ~((difference | -difference) >> 31)
        found = (found & ~equal) | (arena[word]! & equal)
      }
      into[i] = found
    }
  }

  /** Makes room for one more entry with this hash. Returns whether there is room. Entries stay as they were. */
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

  /** Adds an entry. `makeRoom` must have made room for its hash. */
  add(hash: number, entry: number): void {
    let segment = this.segmentOf(hash)
    while (this.known(segment, COUNT) === FULL) segment = this.known(segment, CONTINUED)
    this.place(segment, hash, entry)
  }

  /** Removes the entry of a bucket that `first` or `next` returned. */
  remove(hash: number, bucket: number): void {
    const segment = bucket >>> PAGE_UNIT_BITS
    const words = this.wordsOf(segment)
    const base = wordOfPage(segment)
    let hole = bucket & BUCKET_MASK
    for (let at = (hole + 1) & BUCKET_MASK; ; at = (at + 1) & BUCKET_MASK) {
      const word = base + (at << 1)
      if (words[word] === EMPTY) break
      const home = words[word + 1]! & BUCKET_MASK
      // An entry may move up into the hole unless its home is after the hole.
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
   * Visits about `count` entries: those whose hashes are in a range that begins with `cursor`. Returns the beginning of
   * the next range, or 0 at the end. Hashes are unsigned here. `see` must not change anything.
   */
  visit(cursor: number, count: number, see: (entry: number) => void): number {
    const hash = cursor | 0
    let segment = this.segmentOf(hash)
    // Divides the segment's range of hashes into equal parts with about `count` entries each.
    const parts = 2 ** Math.ceil(Math.log2(Math.max(1, this.known(segment, COUNT) / Math.max(1, count))))
    const width = Math.max(1, this.widthOf(segment) / parts)
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

  /**
   * An entry that `may` accepts, or 0 if there is none. `random` is 32 random bits: they choose a segment and then
   * buckets of it. If these are empty or not accepted, the segment is searched, and then those that follow it.
   */
  random(random: number, may: (entry: number) => boolean): number {
    const first = this.segmentOf(random)
    let state = random === 0 ? 1 : random
    for (let guess = 0; guess < GUESSES; guess++) {
      state = scramble(state)
      const entry = this.wordsOf(first)[wordOfPage(first) + ((state & BUCKET_MASK) << 1)]!
      if (entry !== EMPTY && may(entry)) return entry
    }
    const start = (random >>> 0) - ((random >>> 0) % this.widthOf(first))
    let hash = start
    do {
      let found = 0
      let count = 0
      for (let segment = this.segmentOf(hash | 0); segment !== 0; segment = this.known(segment, CONTINUED)) {
        const words = this.wordsOf(segment)
        const base = wordOfPage(segment)
        for (let word = base; word < base + PAGE_WORDS; word += 2) {
          const entry = words[word]!
          if (entry === EMPTY || !may(entry)) continue
          // The last of n that is chosen with a probability of 1/n is any of them.
          state = scramble(state)
          if ((state >>> 0) % ++count === 0) found = entry
        }
      }
      if (count > 0) return found
      const end = hash + this.widthOf(this.segmentOf(hash | 0))
      hash = end >= HASHES ? 0 : end
    } while (hash !== start)
    return 0
  }

  /** Moves a segment or a page of the directory to another page. Returns whether there was one. */
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
    // Shifts in two steps, because a shift by 32 does nothing in JavaScript.
    const at = (hash >>> 1) >>> (31 - this.memory.header[DEPTH]!)
    return this.directory[at >>> DIRECTORY_PAGE_BITS]![at & DIRECTORY_PAGE_MASK]!
  }

  /** The number of hashes that a segment is for. */
  private widthOf(segment: number): number {
    return HASHES / 2 ** this.known(segment, COMMON)
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

  /** Returns whether there was memory for it. */
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

  /** Merges the segment of a hash with its sibling while both are sparse. A split could have made the two. */
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

  /** Points the directory's entries for a segment's hashes to the segment. */
  private direct(segment: number): void {
    const width = 1 << (this.memory.header[DEPTH]! - this.known(segment, COMMON))
    const start = this.known(segment, PREFIX) * width
    for (let at = start; at < start + width; at++) this.setDirectory(at, segment)
  }

  private setDirectory(at: number, segment: number): void {
    this.directory[at >>> DIRECTORY_PAGE_BITS]![at & DIRECTORY_PAGE_MASK] = segment
  }

  /** Doubles the directory. Returns whether there was memory. */
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

  /** Halves the directory while no segment needs all of its bits. */
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

/** The index of a page's first word among the words of its arena. */
const wordOfPage = (page: number): number => (page & ARENA_PAGE_MASK) << PAGE_WORD_BITS

/** The next of a sequence of random numbers, none of which is 0. (G. Marsaglia, "Xorshift RNGs", 2003.) */
const scramble = (state: number): number => {
  let next = state ^ (state << 13)
  next ^= next >>> 17
  return next ^ (next << 5)
}
