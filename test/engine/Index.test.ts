import { assert, describe, it } from "@effect/vitest"
import { Index, NO_BUCKET } from "../../src/engine/Index.ts"
import { USED_PAGES } from "../../src/engine/Layout.ts"
import { unlimitedMemory } from "./NumberedEntries.ts"
import { seededRandom, type SeededRandom } from "./SeededRandom.ts"

/** The bits of a hash that name its first bucket in a segment, and the number of entries that make a segment full. */
const HOME_MASK = 8191
const FULL = 6144

/** An index of numbered records in a memory without a limit. */
class NumberedIndex {
  private readonly memory = unlimitedMemory()
  private readonly index = new Index(this.memory)

  constructor() {
    this.index.start()
  }

  /** The pages of the directory and the segments. */
  get pages(): number {
    return this.memory.header[USED_PAGES] ?? 0
  }

  first(hash: number): number {
    return this.index.first(hash)
  }

  next(hash: number, bucket: number): number {
    return this.index.next(hash, bucket)
  }

  record(bucket: number): number {
    return this.index.entry(bucket) - 1
  }

  add(hash: number, record: number): void {
    assert.isTrue(this.index.makeRoom(hash))
    this.index.add(hash, record + 1)
  }

  remove(hash: number, bucket: number): void {
    this.index.remove(hash, bucket)
  }

  /** All records, from a walk in steps of about `count`. */
  all(count: number): ReadonlyArray<number> {
    const records: Array<number> = []
    let cursor = 0
    do {
      cursor = this.index.visit(cursor, count, (entry) => records.push(entry - 1))
    } while (cursor !== 0)
    return records
  }

  visit(cursor: number, count: number, see: (record: number) => void): number {
    return this.index.visit(cursor, count, (entry) => see(entry - 1))
  }
}

/** The positions of all candidates. */
const positionsOf = (index: NumberedIndex, hash: number): ReadonlyArray<number> => {
  const positions: Array<number> = []
  for (let at = index.first(hash); at !== NO_BUCKET; at = index.next(hash, at)) {
    positions.push(at)
    if (positions.length > 100_000) assert.fail(`the candidates of ${hash} come to no end`)
  }
  return positions
}

const recordsAt = (index: NumberedIndex, hash: number): ReadonlyArray<number> =>
  positionsOf(index, hash).map((at) => index.record(at))

const removeRecord = (index: NumberedIndex, hash: number, record: number): void => {
  let at = index.first(hash)
  while (at !== NO_BUCKET && index.record(at) !== record) at = index.next(hash, at)
  if (at === NO_BUCKET) assert.fail(`record ${record} is not under ${hash}`)
  index.remove(hash, at)
}

const ascending = (numbers: Iterable<number>): ReadonlyArray<number> => [...numbers].toSorted((a, b) => a - b)

/** Asserts that these are the candidates, in any order. */
const check = (step: string, index: NumberedIndex, hash: number, expected: ReadonlySet<number>): void => {
  const records = recordsAt(index, hash)
  const distinct = new Set(records)
  if (records.length === expected.size && distinct.size === expected.size && records.every((r) => expected.has(r)))
    return
  assert.fail(`${step}: ${ascending(records)} under ${hash}, not ${ascending(expected)}`)
}

const holds = (index: NumberedIndex, hash: number, expected: ReadonlyArray<number>): void =>
  check(`of ${expected.length}`, index, hash, new Set(expected))

const NONE: ReadonlySet<number> = new Set()

/** The oracle: records by hash. */
class Model {
  readonly hashes = new Map<number, Set<number>>()
  /** All entries, to choose one at random. */
  readonly entries: Array<{ readonly hash: number; readonly record: number }> = []

  add(hash: number, record: number): void {
    const records = this.hashes.get(hash)
    if (records === undefined) this.hashes.set(hash, new Set([record]))
    else records.add(record)
    this.entries.push({ hash, record })
  }

  takeAny(random: SeededRandom): { readonly hash: number; readonly record: number } | undefined {
    const at = random.below(this.entries.length)
    const entry = this.entries[at]
    const last = this.entries.pop()
    if (entry === undefined || last === undefined) return undefined
    if (entry !== last) this.entries[at] = last
    const records = this.hashes.get(entry.hash)
    records?.delete(entry.record)
    if (records?.size === 0) this.hashes.delete(entry.hash)
    return entry
  }

  check(step: string, index: NumberedIndex, hash: number): void {
    check(step, index, hash, this.hashes.get(hash) ?? NONE)
  }
}

const anyHash = (random: SeededRandom): number => random.below(2 ** 32) | 0

interface Hashes {
  readonly name: string
  readonly most: number
  readonly next: (random: SeededRandom) => number
}

const kinds: ReadonlyArray<Hashes> = [
  { name: "random hashes", most: 24000, next: anyHash },
  { name: "a few random hashes", most: 4500, next: anyHash },
  { name: "negative hashes", most: 18000, next: (random) => anyHash(random) | (1 << 31) },
  { name: "hashes with the same low bits", most: 7500, next: (random) => (anyHash(random) & ~HOME_MASK) | 77 },
  {
    name: "hashes whose home is the end of a segment",
    most: 18000,
    next: (random) => (anyHash(random) & ~HOME_MASK) | (HOME_MASK - random.below(3))
  },
  {
    name: "hashes whose home is the end or the start of a segment",
    most: 18000,
    next: (random) => (anyHash(random) & ~HOME_MASK) | random.pick([8189, 8190, 8191, 0, 1])
  },
  {
    name: "hashes with the same 10 high bits",
    most: 21000,
    next: (random) => (0x2a5 << 22) | random.below(2 ** 22)
  },
  { name: "hashes with the same 16 high bits", most: 9000, next: (random) => (0xa5a5 << 16) | random.below(2 ** 16) },
  { name: "hashes with the same 21 high bits", most: 12000, next: (random) => 0x7ff_ff800 | random.below(2 ** 11) },
  {
    name: "words with a meaning, each many times",
    most: 3600,
    next: (random) => random.pick([0, -1, 1, 2 ** 31 - 1, -(2 ** 31), HOME_MASK])
  },
  {
    name: "mostly one hash, and others",
    most: 7500,
    next: (random) => (random.chance(0.7) ? 0x1234_5678 : anyHash(random))
  }
]

const OPERATIONS = 45_000

const checkAgainstModel = ({ most, next }: Hashes, seed: number): void => {
  const random = seededRandom(seed)
  const index = new NumberedIndex()
  const model = new Model()
  let record = 0
  let growing = true
  let largest = 0
  for (let operation = 0; operation < OPERATIONS; operation++) {
    const step = `operation ${operation}`
    if (model.entries.length >= most) growing = false
    else if (model.entries.length === 0) growing = true
    if (random.chance(growing ? 0.8 : 0.2)) {
      const hash = next(random)
      index.add(hash, record)
      model.add(hash, record)
      record++
      largest = Math.max(largest, model.entries.length)
    } else {
      const entry = model.takeAny(random)
      if (entry !== undefined) {
        removeRecord(index, entry.hash, entry.record)
        if (operation % 21 === 0) model.check(step, index, entry.hash)
      }
    }
    if (operation % 37 === 0) model.check(step, index, next(random))
    if (operation % 39 === 0) {
      const known = model.entries[random.below(model.entries.length)]
      if (known !== undefined) model.check(step, index, known.hash)
    }
    // Checks everything now and then, so that no lost entry stays unnoticed.
    if (operation % 14_999 === 14_998) for (const hash of model.hashes.keys()) model.check(step, index, hash)
  }
  assert.isAtLeast(largest, most)
  for (const hash of model.hashes.keys()) model.check("at the end", index, hash)
  for (let entry = model.takeAny(random); entry !== undefined; entry = model.takeAny(random)) {
    removeRecord(index, entry.hash, entry.record)
  }
  for (let i = 0; i < 1000; i++) assert.strictEqual(index.first(next(random)), NO_BUCKET)
}

/** The distance of an entry from the bucket where the search for it begins, which a lookup has to pass. */
const distanceOf = (index: NumberedIndex, hash: number): number => (index.first(hash) - hash) & HOME_MASK

const distancesOf = (
  index: NumberedIndex,
  hashes: ReadonlyArray<number>
): { readonly sum: number; readonly most: number } => {
  const distances = hashes.map((hash) => distanceOf(index, hash))
  return { sum: distances.reduce((sum, distance) => sum + distance, 0), most: Math.max(...distances) }
}

const indexOf = (hashes: ReadonlyArray<number>): NumberedIndex => {
  const index = new NumberedIndex()
  for (const [record, hash] of hashes.entries()) index.add(hash, record)
  return index
}

/** `count` different hashes. */
const distinctHashes = (random: SeededRandom, count: number, next: (random: SeededRandom) => number): Array<number> => {
  const hashes = new Set<number>()
  while (hashes.size < count) hashes.add(next(random))
  return [...hashes]
}

describe("Index against a map", () => {
  it.each(kinds)(`agrees in ${OPERATIONS} random operations, with $name`, (hashes) => {
    checkAgainstModel(hashes, 1 + kinds.indexOf(hashes))
  })
})

describe("Index", () => {
  it("finds nothing if nothing was added", () => {
    const index = new NumberedIndex()
    for (const hash of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) assert.strictEqual(index.first(hash), NO_BUCKET)
  })

  it("offers each record under an equal hash, and none under another hash", () => {
    const index = new NumberedIndex()
    for (const [record, hash] of [5, 5, 5 + 8192, -5, 5].entries()) index.add(hash, record)
    holds(index, 5, [0, 1, 4])
    holds(index, 5 + 8192, [2])
    holds(index, -5, [3])
    holds(index, 6, [])
  })

  it("moves entries up over the end of a segment when one before them is removed", () => {
    // Five entries that begin at the last two buckets. They are in the last two buckets and the first three.
    const hashes = [8190, 8191, 8190 + 8192, 8191 + 8192, 8190 + 16_384]
    for (const removed of hashes) {
      const index = indexOf([...hashes, 0, 1])
      removeRecord(index, removed, hashes.indexOf(removed))
      assert.strictEqual(index.first(removed), NO_BUCKET)
      const left = hashes.filter((hash) => hash !== removed)
      for (const hash of left) holds(index, hash, [hashes.indexOf(hash)])
      holds(index, 0, [5])
      holds(index, 1, [6])
      // The remaining six fill the last two buckets and the first four, without a hole.
      const buckets = [...left, 0, 1].map((hash) => index.first(hash) & HOME_MASK)
      assert.deepStrictEqual(ascending(buckets), [0, 1, 2, 3, 8190, 8191])
    }
  })

  it("does not move an entry up before its home", () => {
    const index = indexOf([10, 10 + 8192, 12, 11])
    // 10, 10', 12 and 11 are in the buckets 10 to 13.
    removeRecord(index, 10, 0)
    assert.strictEqual(index.first(10 + 8192) & HOME_MASK, 10)
    assert.strictEqual(index.first(11) & HOME_MASK, 11)
    assert.strictEqual(index.first(12) & HOME_MASK, 12)
  })

  it("keeps all entries through splits of any depth", () => {
    // Each of these splits the segment that has all the others once more.
    for (const bits of [1, 5, 10, 15]) {
      const hashes = Array.from({ length: FULL * 2 }, (_, i) => ((i << (21 - bits)) ^ (i * 5)) & (2 ** (32 - bits) - 1))
      const index = indexOf(hashes)
      const records = new Map<number, Array<number>>()
      for (const [record, hash] of hashes.entries()) records.set(hash, [...(records.get(hash) ?? []), record])
      for (const [hash, expected] of records) holds(index, hash, expected)
    }
  })

  it("accepts more equal hashes than a segment has room for", () => {
    const index = new NumberedIndex()
    const count = FULL * 3
    for (let record = 0; record < count; record++) index.add(-2, record)
    // Other hashes, which share most of their bits with it, or none.
    for (const [i, hash] of [-1, -3, 0, 2 ** 31 - 1, -2 & ~HOME_MASK].entries()) index.add(hash, count + i)
    const expected = Array.from({ length: count }, (_, record) => record)
    holds(index, -2, expected)
    for (const [i, hash] of [-1, -3, 0, 2 ** 31 - 1, -2 & ~HOME_MASK].entries()) {
      holds(index, hash, [count + i])
    }
    for (const record of expected) if (record % 3 !== 0) removeRecord(index, -2, record)
    assert.deepStrictEqual(
      ascending(recordsAt(index, -2)),
      expected.filter((record) => record % 3 === 0)
    )
    holds(index, -1, [count])
  })

  it("accepts more hashes that differ in few bits than a segment has room for", () => {
    const hashes = Array.from({ length: FULL * 4 }, (_, i) => (0xbeef << 16) | (i * 7))
    const index = indexOf(hashes)
    for (const [record, hash] of hashes.entries()) holds(index, hash, [record])
    for (const [record, hash] of hashes.entries()) if (record % 2 === 0) removeRecord(index, hash, record)
    for (const [record, hash] of hashes.entries()) {
      holds(index, hash, record % 2 === 0 ? [] : [record])
    }
  })

  it("continues a full segment that cannot be split in another one, and uses freed buckets first", () => {
    const index = new NumberedIndex()
    const segmentsOf = (hash: number): ReadonlySet<number> =>
      new Set(positionsOf(index, hash).map((position) => Math.floor(position / (HOME_MASK + 1))))
    for (let record = 0; record < FULL; record++) index.add(-2, record)
    assert.strictEqual(segmentsOf(-2).size, 1)
    index.add(-2, FULL)
    assert.strictEqual(segmentsOf(-2).size, 2)
    for (let record = FULL + 1; record < FULL * 2; record++) index.add(-2, record)
    assert.strictEqual(segmentsOf(-2).size, 2)
    index.add(-2, FULL * 2)
    assert.strictEqual(segmentsOf(-2).size, 3)
    removeRecord(index, -2, FULL * 2)
    assert.strictEqual(segmentsOf(-2).size, 2)
    removeRecord(index, -2, 7)
    index.add(-2, FULL * 2 + 1)
    assert.strictEqual(segmentsOf(-2).size, 2)
    holds(index, -2, [...Array.from({ length: FULL * 2 }, (_, record) => record).filter((r) => r !== 7), FULL * 2 + 1])
  })

  it("after many additions and removals equals a new one", () => {
    const random = seededRandom(11)
    // One segment, nearly full. Nothing splits, so every entry that a removal left too far away would show.
    const hashes = distinctHashes(random, 6000, anyHash)
    const index = indexOf(hashes)
    for (let pair = 0; pair < 300_000; pair++) {
      const at = random.below(hashes.length)
      const old = hashes[at] ?? 0
      index.remove(old, index.first(old))
      const hash = anyHash(random)
      // On the rare occasion that another entry has the hash, that entry stays, and this one keeps its hash.
      hashes[at] = index.first(hash) === NO_BUCKET ? hash : old
      index.add(hashes[at] ?? 0, at)
    }
    assert.strictEqual(new Set(hashes).size, 6000)
    const churned = distancesOf(index, hashes)
    // With linear probing, the sum of the distances depends on the entries and not on the order of their insertion.
    assert.strictEqual(churned.sum, distancesOf(indexOf(hashes), hashes).sum)
    assert.isBelow(churned.sum / hashes.length, 3)
    assert.isBelow(churned.most, 200)
    for (const [record, hash] of hashes.entries()) holds(index, hash, [record])
  })

  it("stays as fast in many segments", () => {
    const random = seededRandom(12)
    const hashes = distinctHashes(random, 60_000, anyHash)
    const index = indexOf(hashes)
    const fresh = distancesOf(index, hashes)
    for (let pair = 0; pair < 200_000; pair++) {
      const at = random.below(hashes.length)
      const old = hashes[at] ?? 0
      index.remove(old, index.first(old))
      const hash = anyHash(random)
      hashes[at] = index.first(hash) === NO_BUCKET ? hash : old
      index.add(hashes[at] ?? 0, at)
    }
    const churned = distancesOf(index, hashes)
    assert.isBelow(fresh.most, 250)
    assert.isBelow(churned.most, 250)
    // Segments that were full for a moment have been split since, so the sum may be lower.
    assert.isAtMost(churned.sum, distancesOf(indexOf(hashes), hashes).sum)
  })

  it("shrinks when records are removed, to the size of an index of the rest, and loses nothing", () => {
    const random = seededRandom(13)
    const hashes = distinctHashes(random, 60_000, anyHash)
    const index = indexOf(hashes)
    const most = index.pages
    assert.isAtLeast(most, 10)
    for (const [record, hash] of hashes.entries()) if (record % 40 !== 0) removeRecord(index, hash, record)
    for (const [record, hash] of hashes.entries()) holds(index, hash, record % 40 === 0 ? [record] : [])
    assert.strictEqual(index.pages, new NumberedIndex().pages)
    // It then grows as before.
    for (const [record, hash] of hashes.entries()) if (record % 40 !== 0) index.add(hash, record)
    assert.strictEqual(index.pages, most)
  })

  it("does not merge what was just split", () => {
    const random = seededRandom(14)
    const hashes = distinctHashes(random, FULL + 1, anyHash)
    const index = indexOf(hashes)
    const pages = index.pages
    for (let swing = 0; swing < 100; swing++) {
      for (let record = 0; record < 1000; record++) removeRecord(index, hashes[record] ?? 0, record)
      assert.strictEqual(index.pages, pages)
      for (let record = 0; record < 1000; record++) index.add(hashes[record] ?? 0, record)
      assert.strictEqual(index.pages, pages)
    }
  })

  it("is walked through once, in steps of any size", () => {
    const random = seededRandom(15)
    const hashes = [...distinctHashes(random, 20_000, anyHash), ...Array.from({ length: 7000 }, () => 99)]
    const index = indexOf(hashes)
    for (const count of [1000, 100_000, 77]) {
      const all = index.all(count)
      assert.strictEqual(all.length, hashes.length)
      assert.strictEqual(new Set(all).size, hashes.length)
    }
  })

  it("is walked through while it grows and shrinks, and what stays is seen once", () => {
    const random = seededRandom(16)
    const staying = distinctHashes(random, 3000, anyHash)
    const index = indexOf(staying)
    const seen = new Map<number, number>()
    const coming: Array<number> = []
    let cursor = 0
    for (let step = 0; ; step++) {
      cursor = index.visit(cursor, 50, (record) => seen.set(record, (seen.get(record) ?? 0) + 1))
      if (cursor === 0) break
      // The index grows for ten steps, then shrinks for ten.
      if (step % 20 < 10) {
        for (let i = 0; i < 4000; i++) {
          const hash = anyHash(random)
          index.add(hash, staying.length + coming.length)
          coming.push(hash)
        }
      } else {
        for (let i = 0; i < 4000; i++) {
          const hash = coming.pop()
          if (hash !== undefined) removeRecord(index, hash, staying.length + coming.length)
        }
      }
    }
    for (const record of staying.keys())
      if (seen.get(record) !== 1) assert.fail(`${record} is seen ${seen.get(record)} times`)
  })
})
