/**
 * How many reads would miss with more memory, or with less: the miss-ratio curve of LRU, live, from a sample of keys.
 * Pure: it takes hashes and `now`.
 *
 * The method is SHARDS with a fixed sample and its adjustment (C. Waldspurger et al., "Efficient MRC construction with
 * SHARDS", USENIX FAST 2015). A key is sampled if its hash is below a threshold, so a key is always sampled or never.
 * At most `SAMPLES` keys are; one more lowers the threshold. Among them, the distance of a read is what the keys used
 * since the last use of its key take, divided by the share of keys that is sampled. A cache that holds as much would
 * have hit. The adjustment counts the reads that are missing from the sample, or are too many in it, as those of the
 * hottest keys.
 *
 * Distances are in bytes. A key past its deadline is a miss whatever the size, and takes no memory any more. (S. Sultan
 * et al., "TTLs matter: efficient cache sizing with TTL-aware miss ratio curves and working set sizes", EuroSys 2024.)
 *
 * A key that was evicted and is stored again gets a new deadline, which it would not have in a cache that had kept it.
 * So such a key has two: the old one for caches that hold its distance at that time, the new one for smaller ones.
 *
 * What the cache has, it knows: how many of all reads have missed there. How far the estimate for that size is from it is
 * chance, which keys are sampled, and so it is mostly the same for other sizes: all points are moved by it. Over fourteen
 * secrets of the hash the mean error of the worst one fell from 0.03 to 0.014, on three workloads of Zipf's law.
 *
 * It is live in two ways. Counts are halved every minute, if enough was read in it. And keys that `FARTHEST` times the
 * present memory would not hold are dropped, so keys that never come back do not lower the threshold for ever.
 */
import { NO_SAMPLES } from "../engine/Engine.ts"
import type { CurvePoint } from "./Insight.ts"

/** The most sampled keys. */
export const SAMPLES = 8192

/**
 * At first, one key in so many is sampled, however few there are: each use of a sampled key takes about 0.2 µs. A cache
 * of fewer than 131,072 keys has a smaller sample, and so a less exact curve.
 */
const AT_FIRST_ONE_IN = 16

const HASHES = 2 ** 32

/** Places in the order of use. When all were given out, those in use move together. */
const PLACES = 4 * SAMPLES

/** So many places are a group, and so many groups are a block: the bytes of each are kept. */
const GROUP_BITS = 5
const BLOCK_BITS = 2 * GROUP_BITS
const IN_GROUP = 1 << GROUP_BITS

const TABLE_BITS = 14
const TABLE = 1 << TABLE_BITS
const TABLE_MASK = TABLE - 1
const GOLDEN = 0x9e37_79b1 | 0

/** The distances are counted in classes, 32 of the same width from each power of 2 to the next, from 64 bytes to 2^46. */
const CLASS_BITS = 5
const CLASSES_PER_DOUBLING = 1 << CLASS_BITS
const LEAST_DISTANCE_BITS = 6
const CLASSES = 40 * CLASSES_PER_DOUBLING

/** Of the present memory: the largest for which there is a point. */
const LARGEST = 8
/** Of the present memory: beyond this, a key is dropped. */
const FARTHEST = 2 * LARGEST
const SMALLEST = 1 / 16
const POINTS_PER_DOUBLING = 4

/** How many sampled keys are examined for their deadlines with each use of one. */
const SWEPT_AT_ONCE = 8

/** Once in so many writes, keys that are too far away are dropped. */
const DROPPED_ONE_IN = 16

/** In ms, and in sampled reads: the counts are halved when both have passed. */
const HALVED_AFTER = 60_000
const HALVED_FROM = 16_384

/** The points are moved by no more than this: what is farther away is no matter of chance. */
const MOST_MOVED = 0.05

/** A cache that has become larger or smaller by more than this share of it is another one: what it has missed before does not count. */
const RESIZED = 0.1

/** Fewer sampled reads than this make no curve. */
const ENOUGH = 1024

/** The size is looked at once in so many sampled reads. */
const LOOKED_ONE_IN = 16

const NO_SLOT = -1

/** What all reads of a cache have found so far. */
export interface ReadCounts {
  readonly hits: number
  readonly misses: number
}

export class MissRatioCurve {
  /** Keys with hashes below this, signed, are sampled. */
  below = NO_SAMPLES + HASHES / AT_FIRST_ONE_IN
  private readonly onBelow: (below: number) => void
  private readonly memory: () => number
  // By slot: a sampled key. The hash and bytes, the deadline in ms, and the place in the order of use.
  private readonly hashes = new Int32Array(SAMPLES)
  private readonly sizes = new Float64Array(SAMPLES)
  private readonly deadlines = new Float64Array(SAMPLES)
  // Of a key that was stored again: in caches of so many bytes or more, this deadline. Infinite for none.
  private readonly splits = new Float64Array(SAMPLES)
  private readonly keptDeadlines = new Float64Array(SAMPLES)
  // The distance at which it was last missing although its deadline had not passed; infinite if that was not so.
  private readonly missing = new Float64Array(SAMPLES)
  private readonly places = new Int32Array(SAMPLES)
  // Slots that are free are beyond `count`.
  private count = 0
  private readonly table = new Int16Array(TABLE).fill(NO_SLOT)
  // A heap of slots, the largest hash on top, and where each slot is in it.
  private readonly heap = new Int16Array(SAMPLES)
  private readonly inHeap = new Int16Array(SAMPLES)
  // By place: the slot, or NO_SLOT, and its bytes, which are added up by groups and by blocks.
  private readonly order = new Int16Array(PLACES).fill(NO_SLOT)
  private readonly bytesAt = new Float64Array(PLACES)
  private readonly bytesOfGroup = new Float64Array(PLACES >> GROUP_BITS)
  private readonly bytesOfBlock = new Float64Array(PLACES >> BLOCK_BITS)
  private nextPlace = 0
  private oldestPlace = 0
  private bytes = 0
  // How many keys have deadlines, and the last slot whose deadline was examined.
  private timed = 0
  private swept = 0
  private untilDrop = DROPPED_ONE_IN
  // What was read: estimated counts of hits by their distance, and of all sampled reads. Both lose half at times.
  private readonly hits = new Float64Array(CLASSES)
  private estimated = 0
  private samples = 0
  private sampledSince = 0
  private halvedAt = Number.NaN
  // All reads, and those of them that have hit: what came up to `countedReads` and `countedHits` is in them, and loses half, too.
  private reads = 0
  private readHits = 0
  private countedReads = 0
  private countedHits = 0
  // The size of the cache, and how many of the reads were made when it had another one.
  private size = Number.NaN
  private foreignReads = 0

  /**
   * `memory` tells how much memory the cache may take, in bytes, as things are. `onBelow` is told of each other
   * threshold.
   */
  constructor(memory: () => number, onBelow: (below: number) => void) {
    this.memory = memory
    this.onBelow = onBelow
    onBelow(this.below)
  }

  /** What it takes, in bytes. */
  get byteLength(): number {
    const { deadlines, hashes, heap, hits, inHeap, keptDeadlines, missing, places, sizes, splits, table } = this
    const { bytesAt, bytesOfBlock, bytesOfGroup, order } = this
    const bySlot = [deadlines, hashes, heap, inHeap, keptDeadlines, missing, places, sizes, splits]
    const byPlace = [bytesAt, bytesOfBlock, bytesOfGroup, order]
    const arrays = [...bySlot, ...byPlace, hits, table]
    return arrays.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** The share of keys that is sampled. */
  get share(): number {
    return (this.below - NO_SAMPLES) / HASHES
  }

  /** A sampled key was written. The deadline is in ms. */
  written(hash: number, bytes: number, deadline: number, now: number): void {
    if (hash >= this.below) return
    let slot = this.find(hash)
    if (slot === NO_SLOT) {
      if (this.count === SAMPLES && !this.lower(hash)) return
      slot = this.insert(hash)
      this.splits[slot] = Number.POSITIVE_INFINITY
      this.timed += timedOf(deadline)
    } else {
      this.unplace(slot)
      this.split(slot)
      this.timed += timedOf(deadline) - timedOf(this.deadlines[slot]!)
    }
    this.missing[slot] = Number.POSITIVE_INFINITY
    this.sizes[slot] = bytes
    this.deadlines[slot] = deadline
    this.place(slot)
    this.sweep(now)
    if (--this.untilDrop === 0) this.dropFar()
  }

  /** A sampled key was used, but not read. */
  used(hash: number): void {
    const slot = this.find(hash)
    if (slot === NO_SLOT) return
    this.unplace(slot)
    this.place(slot)
  }

  removed(hash: number): void {
    const slot = this.find(hash)
    if (slot !== NO_SLOT) this.drop(slot)
  }

  /** A key is written: what it had is kept for the caches in which it would not have been missing. */
  private split(slot: number): void {
    const missing = this.missing[slot]!
    if (missing === Number.POSITIVE_INFINITY) {
      this.splits[slot] = missing
      return
    }
    // A key that has two deadlines keeps the older one, and the caches that are larger than both distances.
    if (this.splits[slot] === Number.POSITIVE_INFINITY) {
      this.splits[slot] = missing
      this.keptDeadlines[slot] = this.deadlines[slot]!
    } else this.splits[slot] = Math.max(missing, this.splits[slot]!)
  }

  /** A sampled key was read, and was there or not. `counts` has all reads so far, this one included. */
  read(hash: number, isHit: boolean, now: number, counts: ReadCounts): void {
    if (hash >= this.below) return
    if (this.sampledSince % LOOKED_ONE_IN === 0) this.lookAtSize(counts)
    const weight = 1 / this.share
    this.estimated += weight
    this.samples++
    this.sampledSince++
    const slot = this.find(hash)
    if (slot !== NO_SLOT) {
      if (this.deadlines[slot]! <= now) this.drop(slot)
      else {
        const size = this.sizes[slot]!
        const newer = this.newerThan(this.places[slot]!)
        const distance = newer * weight + size
        this.hits[classOf(distance)]! += weight
        const split = this.splits[slot]!
        if (split !== Number.POSITIVE_INFINITY && this.keptDeadlines[slot]! <= now) {
          // The larger caches miss, and store it anew.
          this.hits[classOf(Math.max(distance, split))]! -= weight
          this.splits[slot] = Number.POSITIVE_INFINITY
        }
        this.missing[slot] = isHit ? Number.POSITIVE_INFINITY : distance
        this.unplace(slot)
        this.place(slot)
      }
    }
    this.sweep(now)
    if (Number.isNaN(this.halvedAt)) this.halvedAt = now
    if (this.sampledSince >= HALVED_FROM && now >= this.halvedAt + HALVED_AFTER) this.halve(now, counts)
  }

  /** Everything was removed: it begins anew, but keeps what it has counted. */
  forget(): void {
    this.below = NO_SAMPLES + HASHES / AT_FIRST_ONE_IN
    this.onBelow(this.below)
    this.count = 0
    this.bytes = 0
    this.timed = 0
    this.nextPlace = 0
    this.oldestPlace = 0
    this.table.fill(NO_SLOT)
    this.order.fill(NO_SLOT)
    this.bytesAt.fill(0)
    this.bytesOfGroup.fill(0)
    this.bytesOfBlock.fill(0)
  }

  /** The number of sampled reads that the curve is made of, of late. */
  get sampled(): number {
    return Math.round(this.samples)
  }

  /** Whether enough was sampled for a curve. */
  get isEnough(): boolean {
    return this.samples >= ENOUGH
  }

  /** The points of the curve around so many bytes, and the one there. */
  points(bytes: number, counts: ReadCounts): ReadonlyArray<CurvePoint> {
    const points: Array<CurvePoint> = []
    for (let factor = SMALLEST; factor <= LARGEST; factor *= 2 ** (1 / POINTS_PER_DOUBLING)) {
      points.push(this.point(bytes * factor, counts))
    }
    return points
  }

  /** The share of reads that would miss with so much memory. `counts` has all reads so far. */
  point(bytes: number, counts: ReadCounts): CurvePoint {
    this.lookAtSize(counts)
    const missRatio = this.estimate(bytes, counts) + this.moved(counts)
    return { bytes, missRatio: Math.min(1, Math.max(0, missRatio)) }
  }

  /** The reads of late. */
  private allReads({ hits, misses }: ReadCounts): number {
    return this.reads + hits + misses - this.countedReads
  }

  /** What the sample says of a size. It may be a little less than 0, or more than 1. */
  private estimate(bytes: number, counts: ReadCounts): number {
    const all = this.allReads(counts)
    if (all <= 0) return 1
    const exact = position(bytes)
    const whole = Math.min(CLASSES, Math.floor(exact))
    let hits = all - this.estimated
    for (let at = 0; at < whole; at++) hits += this.hits[at]!
    if (whole < CLASSES) hits += this.hits[whole]! * (exact - whole)
    return 1 - hits / all
  }

  /** How far the estimate of the present size is from what is known of it. */
  private moved(counts: ReadCounts): number {
    const all = this.allReads(counts)
    if (all <= 0 || !Number.isFinite(this.size)) return 0
    const known = 1 - (this.readHits + counts.hits - this.countedHits) / all
    const moved = (known - this.estimate(this.size, counts)) * (1 - this.foreignReads / all)
    return Math.min(MOST_MOVED, Math.max(-MOST_MOVED, moved))
  }

  private lookAtSize(counts: ReadCounts): void {
    const size = this.memory()
    if (size === this.size || Math.abs(size - this.size) <= RESIZED * this.size) return
    if (!Number.isNaN(this.size)) this.foreignReads = this.allReads(counts)
    this.size = size
  }

  private halve(now: number, counts: ReadCounts): void {
    for (let at = 0; at < CLASSES; at++) this.hits[at]! /= 2
    this.estimated /= 2
    this.samples /= 2
    const { hits, misses } = counts
    this.reads = this.allReads(counts) / 2
    this.readHits = (this.readHits + hits - this.countedHits) / 2
    this.foreignReads /= 2
    this.countedReads = hits + misses
    this.countedHits = hits
    this.sampledSince = 0
    this.halvedAt = now
  }

  /** Lowers the threshold, so that the key with the largest hash is no longer sampled. Returns whether `hash` still is. */
  private lower(hash: number): boolean {
    const top = this.hashes[this.heap[0]!]!
    if (hash < top) this.drop(this.heap[0]!)
    this.below = Math.max(top, hash)
    this.onBelow(this.below)
    return hash < top
  }

  /** Drops the keys that could not be held by any size of interest. */
  private dropFar(): void {
    this.untilDrop = DROPPED_ONE_IN
    const most = this.memory() * FARTHEST * this.share
    while (this.bytes > most && this.count > 1) {
      while (this.order[this.oldestPlace] === NO_SLOT) this.oldestPlace++
      this.drop(this.order[this.oldestPlace]!)
    }
  }

  /** Drops keys past their deadlines among the next few. */
  private sweep(now: number): void {
    if (this.timed === 0) return
    for (let left = Math.min(SWEPT_AT_ONCE, this.count); left > 0; left--) {
      if (this.swept >= this.count) this.swept = 0
      if (this.count > 0 && this.deadlines[this.swept]! <= now) this.drop(this.swept)
      else this.swept++
    }
  }

  // --- slots, by hash

  private find(hash: number): number {
    for (let at = home(hash); ; at = (at + 1) & TABLE_MASK) {
      const slot = this.table[at]!
      if (slot === NO_SLOT || this.hashes[slot] === hash) return slot
    }
  }

  private insert(hash: number): number {
    const slot = this.count++
    let at = home(hash)
    while (this.table[at] !== NO_SLOT) at = (at + 1) & TABLE_MASK
    this.table[at] = slot
    this.hashes[slot] = hash
    this.rise(slot, slot)
    return slot
  }

  /** Forgets a key. The last slot takes its place. */
  private drop(slot: number): void {
    this.unplace(slot)
    this.untable(slot)
    this.unheap(slot)
    this.timed -= timedOf(this.deadlines[slot]!)
    const last = --this.count
    if (slot === last) return
    this.table[this.placeInTable(last)] = slot
    this.hashes[slot] = this.hashes[last]!
    this.sizes[slot] = this.sizes[last]!
    this.deadlines[slot] = this.deadlines[last]!
    this.splits[slot] = this.splits[last]!
    this.keptDeadlines[slot] = this.keptDeadlines[last]!
    this.missing[slot] = this.missing[last]!
    this.places[slot] = this.places[last]!
    this.order[this.places[slot]!] = slot
    this.inHeap[slot] = this.inHeap[last]!
    this.heap[this.inHeap[slot]!] = slot
  }

  private placeInTable(slot: number): number {
    let at = home(this.hashes[slot]!)
    while (this.table[at] !== slot) at = (at + 1) & TABLE_MASK
    return at
  }

  /** Removes a slot from the table, and moves up those behind it. (D. Knuth, TAOCP 3, 6.4, algorithm R.) */
  private untable(slot: number): void {
    let hole = this.placeInTable(slot)
    for (let at = (hole + 1) & TABLE_MASK; this.table[at] !== NO_SLOT; at = (at + 1) & TABLE_MASK) {
      const its = home(this.hashes[this.table[at]!]!)
      if (((at - its) & TABLE_MASK) < ((at - hole) & TABLE_MASK)) continue
      this.table[hole] = this.table[at]!
      hole = at
    }
    this.table[hole] = NO_SLOT
  }

  // --- the heap

  private put(slot: number, at: number): void {
    this.heap[at] = slot
    this.inHeap[slot] = at
  }

  /** Puts a slot at a place or above it. */
  private rise(slot: number, from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.heap[parent]!
      if (this.hashes[above]! >= this.hashes[slot]!) break
      this.put(above, at)
      at = parent
    }
    this.put(slot, at)
  }

  /** Puts a slot at a place or below it, in a heap of `size`. */
  private sink(slot: number, from: number, size: number): void {
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.hashes[this.heap[child + 1]!]! > this.hashes[this.heap[child]!]!) child++
      const below = this.heap[child]!
      if (this.hashes[below]! <= this.hashes[slot]!) break
      this.put(below, at)
      at = child
    }
    this.put(slot, at)
  }

  /** Removes a slot from the heap, which still has `count` of them. */
  private unheap(slot: number): void {
    const size = this.count - 1
    const at = this.inHeap[slot]!
    const last = this.heap[size]!
    if (last === slot) return
    if (this.hashes[last]! > this.hashes[slot]!) this.rise(last, at)
    else this.sink(last, at, size)
  }

  // --- the order of use

  /** Makes a slot the most recently used one. */
  private place(slot: number): void {
    if (this.nextPlace === PLACES) this.compact()
    const place = this.nextPlace++
    this.places[slot] = place
    this.order[place] = slot
    this.add(place, this.sizes[slot]!)
  }

  private unplace(slot: number): void {
    const place = this.places[slot]!
    this.order[place] = NO_SLOT
    this.add(place, -this.sizes[slot]!)
  }

  /** Gives the places in use the lowest numbers, in the same order. */
  private compact(): void {
    const { order } = this
    let to = 0
    this.bytes = 0
    this.bytesAt.fill(0)
    this.bytesOfGroup.fill(0)
    this.bytesOfBlock.fill(0)
    for (let from = 0; from < PLACES; from++) {
      const slot = order[from]!
      if (slot === NO_SLOT) continue
      order[from] = NO_SLOT
      order[to] = slot
      this.places[slot] = to
      this.add(to, this.sizes[slot]!)
      to++
    }
    this.nextPlace = to
    this.oldestPlace = 0
  }

  private add(place: number, bytes: number): void {
    this.bytes += bytes
    this.bytesAt[place]! += bytes
    this.bytesOfGroup[place >> GROUP_BITS]! += bytes
    this.bytesOfBlock[place >> BLOCK_BITS]! += bytes
  }

  /**
   * The bytes behind a place. Three levels of sums take some 50 additions in a row, and changing them three: together that
   * is less than a Fenwick tree takes, whose steps wait for each other.
   */
  private newerThan(place: number): number {
    const { bytesAt, bytesOfBlock, bytesOfGroup } = this
    let bytes = 0
    const group = place >> GROUP_BITS
    const block = place >> BLOCK_BITS
    for (let at = place + 1, end = (group + 1) << GROUP_BITS; at < end; at++) bytes += bytesAt[at]!
    let inBlock = 0
    for (let at = group + 1, end = (block + 1) * IN_GROUP; at < end; at++) inBlock += bytesOfGroup[at]!
    let inAll = 0
    for (let at = block + 1, end = ((this.nextPlace - 1) >> BLOCK_BITS) + 1; at < end; at++) inAll += bytesOfBlock[at]!
    return bytes + inBlock + inAll
  }
}

const home = (hash: number): number => Math.imul(hash, GOLDEN) >>> (32 - TABLE_BITS)

/** 1 for a deadline, 0 for none. */
const timedOf = (deadline: number): number => (deadline === Number.POSITIVE_INFINITY ? 0 : 1)

// A double's exponent and its mantissa's highest digits are in its upper word, which is faster to read than a logarithm is to
// compute.
const double = new Float64Array(1)
const wordsOfDouble = new Int32Array(double.buffer)
const UPPER = new Int32Array(new Float64Array([1]).buffer)[0] === 0 ? 1 : 0
const MANTISSA_BITS = 20
const EXPONENT_OF_1 = 1023

/** The class of a number of bytes. */
const classOf = (bytes: number): number => {
  double[0] = bytes
  const at = wordsOfDouble[UPPER]! >> (MANTISSA_BITS - CLASS_BITS)
  return Math.min(CLASSES - 1, Math.max(0, at - ((EXPONENT_OF_1 + LEAST_DISTANCE_BITS) << CLASS_BITS)))
}

/** The same with a fraction: how much of the class is below so many bytes. */
const position = (bytes: number): number => {
  const exponent = Math.floor(Math.log2(bytes))
  return Math.max(0, (exponent - LEAST_DISTANCE_BITS + bytes / 2 ** exponent - 1) * CLASSES_PER_DOUBLING)
}
