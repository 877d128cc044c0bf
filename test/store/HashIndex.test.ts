import { assert, describe, it } from "@effect/vitest"
import { HashIndex, NOT_THERE } from "../../src/store/HashIndex.ts"
import { seededRandom, type SeededRandom } from "./SeededRandom.ts"

/** Bits of a hash that say where in a segment its first bucket is, and how many entries make a segment full. */
const HOME_MASK = 2047
const FULL = 1536

/** Positions of all candidates. */
const positionsOf = (index: HashIndex, hash: number): ReadonlyArray<number> => {
  const positions: Array<number> = []
  for (let at = index.first(hash); at !== NOT_THERE; at = index.next(hash, at)) {
    positions.push(at)
    if (positions.length > 100_000) assert.fail(`the candidates of ${hash} come to no end`)
  }
  return positions
}

const recordsAt = (index: HashIndex, hash: number): ReadonlyArray<number> =>
  positionsOf(index, hash).map((at) => index.record(at))

const removeRecord = (index: HashIndex, hash: number, record: number): void => {
  let at = index.first(hash)
  while (at !== NOT_THERE && index.record(at) !== record) at = index.next(hash, at)
  if (at === NOT_THERE) assert.fail(`record ${record} is not under ${hash}`)
  index.remove(at)
}

const ascending = (numbers: Iterable<number>): ReadonlyArray<number> => [...numbers].toSorted((a, b) => a - b)

/** Fails unless these are the candidates, in any order. */
const check = (step: string, index: HashIndex, hash: number, expected: ReadonlySet<number>): void => {
  const records = recordsAt(index, hash)
  const distinct = new Set(records)
  if (records.length === expected.size && distinct.size === expected.size && records.every((r) => expected.has(r)))
    return
  assert.fail(`${step}: ${ascending(records)} under ${hash}, not ${ascending(expected)}`)
}

const holds = (index: HashIndex, hash: number, expected: ReadonlyArray<number>): void =>
  check(`of ${expected.length}`, index, hash, new Set(expected))

const NONE: ReadonlySet<number> = new Set()

/** The oracle: records by hash. */
class Model {
  readonly hashes = new Map<number, Set<number>>()
  /** All entries, for a random choice. */
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

  check(step: string, index: HashIndex, hash: number): void {
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
  { name: "random hashes", most: 8000, next: anyHash },
  { name: "a few random hashes", most: 1500, next: anyHash },
  { name: "negative hashes", most: 6000, next: (random) => anyHash(random) | (1 << 31) },
  { name: "hashes with the same low bits", most: 2500, next: (random) => (anyHash(random) & ~HOME_MASK) | 77 },
  {
    name: "hashes whose home is the end of a segment",
    most: 6000,
    next: (random) => (anyHash(random) & ~HOME_MASK) | (HOME_MASK - random.below(3))
  },
  {
    name: "hashes whose home is the end or the start of a segment",
    most: 6000,
    next: (random) => (anyHash(random) & ~HOME_MASK) | random.pick([2045, 2046, 2047, 0, 1])
  },
  {
    name: "hashes with the same 10 high bits",
    most: 7000,
    next: (random) => (0x2a5 << 22) | random.below(2 ** 22)
  },
  { name: "hashes with the same 16 high bits", most: 3000, next: (random) => (0xa5a5 << 16) | random.below(2 ** 16) },
  { name: "hashes with the same 21 high bits", most: 4000, next: (random) => 0x7ff_ff800 | random.below(2 ** 11) },
  {
    name: "words with a meaning, each many times",
    most: 1200,
    next: (random) => random.pick([0, -1, 1, 2 ** 31 - 1, -(2 ** 31), HOME_MASK])
  },
  {
    name: "mostly one hash, and others",
    most: 2500,
    next: (random) => (random.chance(0.7) ? 0x1234_5678 : anyHash(random))
  }
]

const OPERATIONS = 15_000

const checkAgainstModel = ({ most, next }: Hashes, seed: number): void => {
  const random = seededRandom(seed)
  const index = new HashIndex()
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
        if (operation % 7 === 0) model.check(step, index, entry.hash)
      }
    }
    if (operation % 11 === 0) model.check(step, index, next(random))
    if (operation % 13 === 0) {
      const known = model.entries[random.below(model.entries.length)]
      if (known !== undefined) model.check(step, index, known.hash)
    }
    // Now and then everything, so that no entry is lost unseen.
    if (operation % 4999 === 4998) for (const hash of model.hashes.keys()) model.check(step, index, hash)
  }
  assert.isAtLeast(largest, most)
  for (const hash of model.hashes.keys()) model.check("at the end", index, hash)
  for (let entry = model.takeAny(random); entry !== undefined; entry = model.takeAny(random)) {
    removeRecord(index, entry.hash, entry.record)
  }
  for (let i = 0; i < 1000; i++) assert.strictEqual(index.first(next(random)), NOT_THERE)
}

/** How far an entry is from the bucket where the search for it begins: what a lookup has to go past. */
const distanceOf = (index: HashIndex, hash: number): number => (index.first(hash) - hash) & HOME_MASK

const distancesOf = (
  index: HashIndex,
  hashes: ReadonlyArray<number>
): { readonly sum: number; readonly most: number } => {
  const distances = hashes.map((hash) => distanceOf(index, hash))
  return { sum: distances.reduce((sum, distance) => sum + distance, 0), most: Math.max(...distances) }
}

const indexOf = (hashes: ReadonlyArray<number>): HashIndex => {
  const index = new HashIndex()
  for (const [record, hash] of hashes.entries()) index.add(hash, record)
  return index
}

/** So many hashes, all different. */
const distinctHashes = (random: SeededRandom, count: number, next: (random: SeededRandom) => number): Array<number> => {
  const hashes = new Set<number>()
  while (hashes.size < count) hashes.add(next(random))
  return [...hashes]
}

describe("HashIndex against a map", () => {
  it.each(kinds)(`agrees in ${OPERATIONS} random operations, with $name`, (hashes) => {
    checkAgainstModel(hashes, 1 + kinds.indexOf(hashes))
  })
})

describe("HashIndex", () => {
  it("finds nothing where nothing was added", () => {
    const index = new HashIndex()
    for (const hash of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) assert.strictEqual(index.first(hash), NOT_THERE)
  })

  it("offers each record under an equal hash, and none under another one", () => {
    const index = new HashIndex()
    for (const [record, hash] of [5, 5, 5 + 2048, -5, 5].entries()) index.add(hash, record)
    holds(index, 5, [0, 1, 4])
    holds(index, 5 + 2048, [2])
    holds(index, -5, [3])
    holds(index, 6, [])
  })

  it("moves entries up over the end of a segment when one before them is removed", () => {
    // Five entries that begin at the last two buckets: they lie in the last two and the first three.
    const hashes = [2046, 2047, 2046 + 2048, 2047 + 2048, 2046 + 4096]
    for (const removed of hashes) {
      const index = indexOf([...hashes, 0, 1])
      removeRecord(index, removed, hashes.indexOf(removed))
      assert.strictEqual(index.first(removed), NOT_THERE)
      const left = hashes.filter((hash) => hash !== removed)
      for (const hash of left) holds(index, hash, [hashes.indexOf(hash)])
      holds(index, 0, [5])
      holds(index, 1, [6])
      // The six that are left fill the last two buckets and the first four: there is no hole among them.
      const buckets = [...left, 0, 1].map((hash) => index.first(hash))
      assert.deepStrictEqual(ascending(buckets), [0, 1, 2, 3, 2046, 2047])
    }
  })

  it("does not move an entry up before its home", () => {
    const index = indexOf([10, 10 + 2048, 12, 11])
    // 10, 10', 12 and 11 lie in the buckets 10 to 13.
    removeRecord(index, 10, 0)
    assert.strictEqual(index.first(10 + 2048), 10)
    assert.strictEqual(index.first(11), 11)
    assert.strictEqual(index.first(12), 12)
  })

  it("keeps all entries through splits, however deep", () => {
    // Each of these splits the one segment further in which all the others are.
    for (const bits of [1, 5, 10, 15]) {
      const hashes = Array.from({ length: FULL * 2 }, (_, i) => ((i << (21 - bits)) ^ (i * 5)) & (2 ** (32 - bits) - 1))
      const index = indexOf(hashes)
      const records = new Map<number, Array<number>>()
      for (const [record, hash] of hashes.entries()) records.set(hash, [...(records.get(hash) ?? []), record])
      for (const [hash, expected] of records) holds(index, hash, expected)
    }
  })

  it("is empty when it is cleared", () => {
    const random = seededRandom(3)
    const hashes = distinctHashes(random, 5000, anyHash)
    const index = indexOf(hashes)
    index.clear()
    for (const hash of hashes) assert.strictEqual(index.first(hash), NOT_THERE)
    for (const [record, hash] of hashes.entries()) index.add(hash, record)
    for (const [record, hash] of hashes.entries()) holds(index, hash, [record])
  })

  it("is empty when it is cleared before it has grown", () => {
    const index = indexOf([1, 2, 2])
    index.clear()
    for (const hash of [1, 2]) assert.strictEqual(index.first(hash), NOT_THERE)
    index.add(2, 7)
    holds(index, 2, [7])
  })

  it("takes more equal hashes than a segment has room for", () => {
    const index = new HashIndex()
    const count = FULL * 3
    for (let record = 0; record < count; record++) index.add(-2, record)
    // Others that share most of their bits with it, or none.
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

  it("takes hashes that differ in few bits only, more than a segment has room for", () => {
    const hashes = Array.from({ length: FULL * 4 }, (_, i) => (0xbeef << 16) | (i * 7))
    const index = indexOf(hashes)
    for (const [record, hash] of hashes.entries()) holds(index, hash, [record])
    for (const [record, hash] of hashes.entries()) if (record % 2 === 0) removeRecord(index, hash, record)
    for (const [record, hash] of hashes.entries()) {
      holds(index, hash, record % 2 === 0 ? [] : [record])
    }
  })

  it("continues a segment that cannot be split in another one when it is full, and uses what becomes free first", () => {
    const index = new HashIndex()
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

  it("is after a million additions and removals exactly as one that is new", () => {
    const random = seededRandom(11)
    // One segment, nearly full: nothing splits, so every entry that a removal left too far away would show.
    const hashes = distinctHashes(random, 1500, anyHash)
    const index = indexOf(hashes)
    for (let pair = 0; pair < 1_000_000; pair++) {
      const at = random.below(hashes.length)
      const old = hashes[at] ?? 0
      index.remove(index.first(old))
      const hash = anyHash(random)
      // Seldom the hash of another entry; that entry stays as it is, and this one keeps its own.
      hashes[at] = index.first(hash) === NOT_THERE ? hash : old
      index.add(hashes[at] ?? 0, at)
    }
    assert.strictEqual(new Set(hashes).size, 1500)
    const churned = distancesOf(index, hashes)
    // With linear probing the sum of the distances depends on what is there, not on the order in which it came.
    assert.strictEqual(churned.sum, distancesOf(indexOf(hashes), hashes).sum)
    assert.isBelow(churned.sum / hashes.length, 3)
    assert.isBelow(churned.most, 100)
    for (const [record, hash] of hashes.entries()) holds(index, hash, [record])
  })

  it("stays as fast in many segments", () => {
    const random = seededRandom(12)
    const hashes = distinctHashes(random, 20_000, anyHash)
    const index = indexOf(hashes)
    const fresh = distancesOf(index, hashes)
    for (let pair = 0; pair < 200_000; pair++) {
      const at = random.below(hashes.length)
      const old = hashes[at] ?? 0
      index.remove(index.first(old))
      const hash = anyHash(random)
      hashes[at] = index.first(hash) === NOT_THERE ? hash : old
      index.add(hashes[at] ?? 0, at)
    }
    const churned = distancesOf(index, hashes)
    assert.isBelow(fresh.most, 150)
    assert.isBelow(churned.most, 150)
    // Segments that were full for a moment have been split since, so it is rather better.
    assert.isAtMost(churned.sum, distancesOf(indexOf(hashes), hashes).sum)
  })
})
