/**
 * Finds the record of a key by the key's hash: extendible hashing over small open-addressing tables. Pure, and ignorant
 * of keys: it offers candidates whose whole hash is equal, and the caller compares.
 *
 * A directory of the hash's highest bits points to segments of 2,048 buckets. A segment that is three quarters full is
 * split in two: growing costs 20 microseconds at a time, whatever the number of keys, where doubling one large table
 * would hold up everybody. (R. Fagin et al., "Extendible hashing - a fast access method for dynamic files", ACM TODS 4,
 * 1979.) Within a segment, linear probing, and deletion that moves later entries up: no tombstones, so that a segment
 * in which keys come and go for ever stays as fast as a new one. (D. Knuth, TAOCP 3, 6.4, algorithm R.)
 */

const SEGMENT_BITS = 11
const BUCKETS = 1 << SEGMENT_BITS
const MASK = BUCKETS - 1
const MAX_LOAD = (BUCKETS * 3) / 4
const EMPTY = -1

/** There is no (further) candidate. */
export const NOT_THERE = -1

/**
 * What an entry takes in the index, in bytes: a bucket is two words, and segments are between 37 and 75 % full, 55 % in
 * the mean.
 */
export const INDEX_BYTES = 16

interface Segment {
  /** Pairs of words: a record's number, or `EMPTY`, and the hash. */
  readonly buckets: Int32Array
  /** How many of the hash's highest bits its entries have in common. */
  depth: number
  count: number
}

const makeSegment = (depth: number): Segment => ({ buckets: new Int32Array(BUCKETS * 2).fill(EMPTY), depth, count: 0 })

export class HashIndex {
  private directory: Array<Segment> = [makeSegment(0)]
  private depth = 0

  /** Where to look for a hash: the position of the first candidate, or `NOT_THERE`. */
  first(hash: number): number {
    return this.probe(this.segmentOf(hash).buckets, hash, hash & MASK)
  }

  /** The position of the next candidate behind `position`. */
  next(hash: number, position: number): number {
    return this.probe(this.segmentOf(hash).buckets, hash, (position + 1) & MASK)
  }

  /** The record at a position that `first` or `next` gave. */
  record(hash: number, position: number): number {
    return this.segmentOf(hash).buckets[position * 2]!
  }

  /** Adds a record under a hash. */
  add(hash: number, record: number): void {
    let segment = this.segmentOf(hash)
    while (segment.count >= MAX_LOAD) {
      this.split(segment, hash)
      segment = this.segmentOf(hash)
    }
    place(segment, hash, record)
  }

  /** Removes the entry at a position that `first` or `next` gave for the hash. */
  remove(hash: number, position: number): void {
    const segment = this.segmentOf(hash)
    const { buckets } = segment
    segment.count--
    let hole = position
    for (let at = (hole + 1) & MASK; buckets[at * 2] !== EMPTY; at = (at + 1) & MASK) {
      const home = buckets[at * 2 + 1]! & MASK
      // An entry may move up into the hole unless its home lies behind the hole.
      if (((at - home) & MASK) < ((at - hole) & MASK)) continue
      buckets[hole * 2] = buckets[at * 2]!
      buckets[hole * 2 + 1] = buckets[at * 2 + 1]!
      hole = at
    }
    buckets[hole * 2] = EMPTY
  }

  /** Removes everything. */
  clear(): void {
    this.directory = [makeSegment(0)]
    this.depth = 0
  }

  private segmentOf(hash: number): Segment {
    // A shift by 32 is none in JavaScript: at depth 0 there is one segment.
    return this.directory[this.depth === 0 ? 0 : hash >>> (32 - this.depth)]!
  }

  private probe(buckets: Int32Array, hash: number, from: number): number {
    for (let at = from; ; at = (at + 1) & MASK) {
      if (buckets[at * 2] === EMPTY) return NOT_THERE
      if (buckets[at * 2 + 1] === hash) return at
    }
  }

  private split(segment: Segment, hash: number): void {
    if (segment.depth === this.depth) {
      this.directory = this.directory.flatMap((each) => [each, each])
      this.depth++
    }
    const depth = segment.depth + 1
    const low = makeSegment(depth)
    const high = makeSegment(depth)
    for (let at = 0; at < BUCKETS; at++) {
      const record = segment.buckets[at * 2]!
      if (record === EMPTY) continue
      const itsHash = segment.buckets[at * 2 + 1]!
      place(((itsHash >>> (32 - depth)) & 1) === 0 ? low : high, itsHash, record)
    }
    const width = 1 << (this.depth - depth)
    const start = (hash >>> (32 - this.depth)) & ~(width * 2 - 1)
    for (let i = 0; i < width; i++) {
      this.directory[start + i] = low
      this.directory[start + width + i] = high
    }
  }
}

const place = (segment: Segment, hash: number, record: number): void => {
  const { buckets } = segment
  let at = hash & MASK
  while (buckets[at * 2] !== EMPTY) at = (at + 1) & MASK
  buckets[at * 2] = record
  buckets[at * 2 + 1] = hash
  segment.count++
}
