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
 * Splitting cannot tell equal hashes apart, so it has a limit; a segment that has come to it gets a larger table
 * instead. With an even hash that begins at about a hundred million entries.
 */

const BUCKETS = 1 << 11
/** Half of the hash's bits choose a segment, at the most; the other half is left to choose a bucket. */
const MAX_DEPTH = 16
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
  buckets: Int32Array
  /** The highest number of a bucket; there are a power of two of them. */
  mask: number
  /** How many of the hash's highest bits its entries have in common. */
  depth: number
  count: number
}

const makeBuckets = (count: number): Int32Array => new Int32Array(count * 2).fill(EMPTY)

const makeSegment = (depth: number): Segment => ({
  buckets: makeBuckets(BUCKETS),
  mask: BUCKETS - 1,
  depth,
  count: 0
})

export class HashIndex {
  private directory: Array<Segment> = [makeSegment(0)]
  private depth = 0

  /** Where to look for a hash: the position of the first candidate, or `NOT_THERE`. */
  first(hash: number): number {
    const segment = this.segmentOf(hash)
    return probe(segment, hash, hash & segment.mask)
  }

  /** The position of the next candidate behind `position`. */
  next(hash: number, position: number): number {
    const segment = this.segmentOf(hash)
    return probe(segment, hash, (position + 1) & segment.mask)
  }

  /** The record at a position that `first` or `next` gave. */
  record(hash: number, position: number): number {
    return this.segmentOf(hash).buckets[position * 2]!
  }

  /** Adds a record under a hash. */
  add(hash: number, record: number): void {
    let segment = this.segmentOf(hash)
    while (isFull(segment)) {
      if (segment.depth === MAX_DEPTH) grow(segment)
      else this.split(segment, hash)
      segment = this.segmentOf(hash)
    }
    place(segment, hash, record)
  }

  /** Removes the entry at a position that `first` or `next` gave for the hash. */
  remove(hash: number, position: number): void {
    const segment = this.segmentOf(hash)
    const { buckets, mask } = segment
    segment.count--
    let hole = position
    for (let at = (hole + 1) & mask; buckets[at * 2] !== EMPTY; at = (at + 1) & mask) {
      const home = buckets[at * 2 + 1]! & mask
      // An entry may move up into the hole unless its home lies behind the hole.
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      buckets[hole * 2] = buckets[at * 2]!
      buckets[hole * 2 + 1] = buckets[at * 2 + 1]!
      hole = at
    }
    buckets[hole * 2] = EMPTY
  }

  /** Removes everything. */
  clear(): void {
    // Nothing is there and nothing has grown: the one segment is as good as a new one.
    if (this.depth === 0 && this.directory[0]!.count === 0) return
    this.directory = [makeSegment(0)]
    this.depth = 0
  }

  private segmentOf(hash: number): Segment {
    // A shift by 32 is none in JavaScript: at depth 0 there is one segment.
    return this.directory[this.depth === 0 ? 0 : hash >>> (32 - this.depth)]!
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

const isFull = (segment: Segment): boolean => segment.count >= ((segment.mask + 1) * 3) / 4

const probe = ({ buckets, mask }: Segment, hash: number, from: number): number => {
  for (let at = from; ; at = (at + 1) & mask) {
    if (buckets[at * 2] === EMPTY) return NOT_THERE
    if (buckets[at * 2 + 1] === hash) return at
  }
}

const place = (segment: Segment, hash: number, record: number): void => {
  const { buckets, mask } = segment
  let at = hash & mask
  while (buckets[at * 2] !== EMPTY) at = (at + 1) & mask
  buckets[at * 2] = record
  buckets[at * 2 + 1] = hash
  segment.count++
}

/** Gives a segment a table twice as large. */
const grow = (segment: Segment): void => {
  const { buckets, mask } = segment
  segment.buckets = makeBuckets((mask + 1) * 2)
  segment.mask = mask * 2 + 1
  segment.count = 0
  for (let at = 0; at <= mask; at++) {
    const record = buckets[at * 2]!
    if (record !== EMPTY) place(segment, buckets[at * 2 + 1]!, record)
  }
}
