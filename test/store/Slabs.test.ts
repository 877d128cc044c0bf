import { assert, describe, it } from "@effect/vitest"
import { ARENA_BYTES, FIRST_ARENA_BYTES } from "../../src/store/Arena.ts"
import { PAGE_BYTES, slotBytes, Slabs } from "../../src/store/Slabs.ts"
import { seededRandom, type SeededRandom } from "./SeededRandom.ts"

/** Addresses count 8 bytes: so many of them are one page. */
const PAGE_UNITS = PAGE_BYTES / 8
const LONGEST = 512

const slotsPerPage = (length: number): number => Math.floor(PAGE_BYTES / slotBytes(length))

/** A slot's bytes: different for each owner, and from one byte to the next. */
const byteFor = (owner: number, i: number): number => (owner * 131 + i * 7 + (owner >>> 8)) & 0xff

interface Slot {
  readonly owner: number
  readonly length: number
  /** As a record holds it: 32 bits with a sign. */
  address: number
}

const placeOf = (slabs: Slabs, address: number): { readonly bytes: Uint8Array; readonly offset: number } => ({
  bytes: new Uint8Array(slabs.words(address).buffer),
  offset: slabs.word(address) * 4
})

const write = (slabs: Slabs, { address, length, owner }: Slot): void => {
  const { bytes, offset } = placeOf(slabs, address)
  for (let i = 0; i < length; i++) bytes[offset + i] = byteFor(owner, i)
}

const check = (slabs: Slabs, { address, length, owner }: Slot): void => {
  const { bytes, offset } = placeOf(slabs, address)
  if (offset + length > bytes.length) assert.fail(`owner ${owner}: ${length} bytes at ${offset} of an arena`)
  for (let i = 0; i < length; i++) {
    if (bytes[offset + i] !== byteFor(owner, i)) assert.fail(`owner ${owner}: byte ${i} of ${length} at ${address}`)
  }
}

/** Slabs, and what they should hold. */
const makeModel = () => {
  const slots = new Map<number, Slot>()
  const counts = new Map<number, number>()
  const state = { moves: 0, nextOwner: 0, givenUp: 0 }
  const onMove = (owner: number, address: number): void => {
    const slot = slots.get(owner)
    if (slot === undefined) return assert.fail(`owner ${owner} was moved, and has no slot`)
    if ((address | 0) === slot.address) assert.fail(`owner ${owner} was moved to where it is`)
    slot.address = address | 0
    state.moves++
    check(slabs, slot)
  }
  const slabs = new Slabs(onMove, (bytes) => (state.givenUp += bytes))
  const count = (length: number, by: number): void => {
    counts.set(slotBytes(length), (counts.get(slotBytes(length)) ?? 0) + by)
  }
  return {
    slabs,
    slots,
    state,
    take: (length: number): Slot => {
      const owner = state.nextOwner++
      const slot: Slot = { owner, length, address: slabs.take(length, owner) | 0 }
      slots.set(owner, slot)
      count(length, 1)
      write(slabs, slot)
      return slot
    },
    release: (owner: number): void => {
      const slot = slots.get(owner)
      if (slot === undefined) return assert.fail(`owner ${owner} has no slot`)
      check(slabs, slot)
      slots.delete(owner)
      count(slot.length, -1)
      slabs.release(slot.address, slot.length)
    },
    /** For each class the pages that its slots need, and one more at the most. */
    checkPages: (): void => {
      let most = 0
      for (const [size, slotsOfSize] of counts) most += Math.ceil(slotsOfSize / Math.floor(PAGE_BYTES / size)) + 1
      if (slabs.pageCount > most) assert.fail(`${slabs.pageCount} pages, and ${most} are enough`)
    },
    checkAll: (): void => {
      const ranges: Array<readonly [from: number, to: number]> = []
      for (const slot of slots.values()) {
        check(slabs, slot)
        const from = slot.address >>> 0
        ranges.push([from, from + slotBytes(slot.length) / 8])
      }
      ranges.sort(([a], [b]) => a - b)
      for (const [i, [from]] of ranges.entries()) {
        const before = ranges[i - 1]
        if (before !== undefined && from < before[1]) assert.fail(`two slots overlap at ${from}`)
      }
    }
  }
}

type Model = ReturnType<typeof makeModel>

const OPERATIONS = 40_000

/** Takes and releases at random, by turns more of the one and more of the other. */
const checkAgainstModel = (seed: number, lengthOf: (random: SeededRandom) => number): Model => {
  const random = seededRandom(seed)
  const model = makeModel()
  const owners: Array<number> = []
  let takes = 0.7
  for (let operation = 0; operation < OPERATIONS; operation++) {
    if (operation % 5000 === 4999) takes = takes > 0.5 ? 0.25 : 0.75
    if (random.chance(takes) || owners.length === 0) owners.push(model.take(lengthOf(random)).owner)
    else {
      const at = random.below(owners.length)
      const owner = owners[at]
      const last = owners.pop()
      if (owner === undefined || last === undefined) continue
      if (at < owners.length) owners[at] = last
      model.release(owner)
      model.checkPages()
    }
    if (operation % 2503 === 0) model.checkAll()
  }
  model.checkAll()
  for (const owner of owners) model.release(owner)
  model.checkPages()
  assert.strictEqual(model.slots.size, 0)
  return model
}

const range = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

describe("Slabs against a map", () => {
  it.each([
    { name: "any length", lengthOf: (random: SeededRandom) => 2 + random.below(LONGEST - 1), moved: 0 },
    { name: "three lengths", lengthOf: (random: SeededRandom) => random.pick([18, 80, 512]), moved: 100 },
    { name: "one length", lengthOf: () => 200, moved: 1000 },
    { name: "the longest", lengthOf: () => LONGEST, moved: 1000 },
    { name: "the shortest", lengthOf: (random: SeededRandom) => 2 + random.below(3), moved: 0 }
  ])(`agree in ${OPERATIONS} random operations, with $name`, ({ lengthOf, moved }) => {
    const { state } = checkAgainstModel(5, lengthOf)
    assert.isAtLeast(state.moves, moved)
  })

  it("agree where lengths change as time goes by", () => {
    let turn = 0
    const { slabs, state } = checkAgainstModel(6, (random) => 20 + Math.floor(turn++ / 2500) * 30 + random.below(8))
    assert.isAbove(state.moves, 1000)
    // 12 sizes have been in use; each has kept one page at the most.
    assert.isAtMost(slabs.pageCount, 24)
  })
})

describe("slotBytes", () => {
  it("is the least multiple of 8 bytes that holds the length and an owner", () => {
    for (let length = 2; length <= LONGEST; length++) {
      const size = slotBytes(length)
      assert.strictEqual(size % 8, 0)
      assert.isAtLeast(size, length + 4)
      assert.isBelow(size, length + 4 + 8)
    }
  })
})

describe("Slabs", () => {
  it("hold no page at first", () => {
    assert.strictEqual(makeModel().slabs.pageCount, 0)
  })

  it.each([2, 12, 13, 80, 250, LONGEST])("fill a page with slots of %d bytes before they take another", (length) => {
    const { slabs, take, checkAll } = makeModel()
    const fits = slotsPerPage(length)
    for (let i = 0; i < fits; i++) take(length)
    assert.strictEqual(slabs.pageCount, 1)
    take(length)
    assert.strictEqual(slabs.pageCount, 2)
    checkAll()
  })

  it("put lengths of one size together, and others into pages of their own", () => {
    const { slabs, take } = makeModel()
    for (const length of [5, 12, 9, 7]) take(length)
    assert.strictEqual(slabs.pageCount, 1)
    take(13)
    assert.strictEqual(slabs.pageCount, 2)
    take(4)
    assert.strictEqual(slabs.pageCount, 3)
  })

  it("use a slot again before they use one that is new", () => {
    const { release, take } = makeModel()
    const slots = range(10).map(() => take(80))
    release(3)
    assert.strictEqual(take(77).address, slots[3]?.address)
  })

  it.each([4, 12, 80, 250, LONGEST])("give the last page of %d bytes back when others have room for it", (length) => {
    const { checkAll, release, slabs, state, take } = makeModel()
    const fits = slotsPerPage(length)
    for (let i = 0; i < fits * 3; i++) take(length)
    // From the first two pages, every other one; all of the third page find room there.
    for (let i = 0; i < fits - 1; i++) release(i * 2)
    assert.strictEqual(slabs.pageCount, 3)
    assert.strictEqual(state.moves, 0)
    release((fits - 1) * 2)
    assert.strictEqual(slabs.pageCount, 2)
    assert.strictEqual(state.moves, fits)
    checkAll()
    // And now the two are full.
    take(length)
    assert.strictEqual(slabs.pageCount, 3)
  })

  it("move only what the last page still holds", () => {
    const { checkAll, release, slabs, slots, state, take } = makeModel()
    const fits = slotsPerPage(80)
    for (let i = 0; i < fits + 5; i++) take(80)
    for (let i = 0; i < fits - 4; i++) release(i)
    release(fits + 1)
    release(fits + 3)
    assert.strictEqual(slabs.pageCount, 2)
    release(fits)
    release(fits - 1)
    assert.strictEqual(slabs.pageCount, 1)
    assert.strictEqual(state.moves, 2)
    assert.deepStrictEqual([...slots.keys()], [fits - 4, fits - 3, fits - 2, fits + 2, fits + 4])
    checkAll()
    // The rest of the page that is left is free: it takes as many as it has room for.
    for (let i = 5; i < fits; i++) take(80)
    assert.strictEqual(slabs.pageCount, 1)
    checkAll()
  })

  it("give back every page when a class that has filled one is empty", () => {
    for (const pages of [1, 2, 3, 7]) {
      for (const more of [0, 1, 17]) {
        const { release, slabs, take } = makeModel()
        const count = slotsPerPage(80) * pages + more
        for (let i = 0; i < count; i++) take(80)
        for (let i = 0; i < count; i++) release(i)
        assert.strictEqual(slabs.pageCount, 0, `${count}`)
      }
    }
  })

  it("keep the one page of a class that is used little, and take no other for it", () => {
    const { release, slabs, take } = makeModel()
    for (let round = 0; round < 2000; round++) {
      const { owner } = take(80)
      assert.strictEqual(slabs.pageCount, 1)
      release(owner)
      assert.isAtMost(slabs.pageCount, 1)
    }
  })

  it("let one size use the pages that another one has given back", () => {
    const { checkAll, release, slabs, take } = makeModel()
    const pagesOf = (length: number): ReadonlySet<number> => {
      const taken = range(slotsPerPage(length) * 5).map(() => take(length))
      const pages = new Set(taken.map(({ address }) => Math.floor((address >>> 0) / PAGE_UNITS)))
      checkAll()
      assert.strictEqual(slabs.pageCount, 5)
      for (const { owner } of taken) release(owner)
      assert.strictEqual(slabs.pageCount, 0)
      return pages
    }
    for (const length of [80, 512, 2, 250]) assert.deepStrictEqual(ascending(pagesOf(length)), [0, 1, 2, 3, 4])
  })

  it("find slots where addresses are beyond 2^31, with the sign that a record gives them", () => {
    const { checkAll, release, slabs, slots, state, take } = makeModel()
    // As if nearly all memory were in use: one page is left below 16 GB, one above, and the last ones below 32 GB.
    const arenas: Array<unknown> = Reflect.get(slabs, "arenas")
    const pagesOfArena = ARENA_BYTES / PAGE_BYTES
    for (let number = 0; number < 1024; number++) {
      const left = [511, 512, 1022, 1023].includes(number) ? 1 : 0
      const words = new Int32Array(left === 0 ? 0 : ARENA_BYTES / 4)
      arenas.push({ words, capacity: pagesOfArena, unused: [], fresh: pagesOfArena - left })
    }
    const fits = slotsPerPage(80)
    for (let i = 0; i < fits * 4; i++) take(80)
    checkAll()
    const pages = new Set([...slots.values()].map(({ address }) => Math.floor((address >>> 0) / PAGE_UNITS)))
    assert.deepStrictEqual(ascending(pages), [2 ** 18 - 1, 2 ** 18 + 511, 2 ** 19 - 513, 2 ** 19 - 1])
    assert.isBelow(Math.min(...[...slots.values()].map(({ address }) => address)), 0)
    // From all pages, so that what is moved comes from addresses with a sign, and goes to some.
    for (let owner = 0; owner < fits * 4; owner++) if (owner % 3 !== 0) release(owner)
    assert.isAbove(state.moves, fits / 2)
    checkAll()
    for (const owner of slots.keys()) release(owner)
    assert.strictEqual(slots.size, 0)
    assert.strictEqual(slabs.pageCount, 0)
    take(512)
    checkAll()
  })
})

describe("arenas", () => {
  /** How many slots of the longest entries are in the first arena. */
  const inFirstArena = slotsPerPage(LONGEST) * (FIRST_ARENA_BYTES / PAGE_BYTES)

  it("are made one by one, and all but the first are given up when nothing lies in them", () => {
    const { checkAll, release, slabs, state, take } = makeModel()
    const sizes = (): ReadonlyArray<number | undefined> => {
      const arenas: ReadonlyArray<{ readonly words: Int32Array } | undefined> = Reflect.get(slabs, "arenas")
      return arenas.map((arena) => arena?.words.byteLength)
    }
    const count = inFirstArena + slotsPerPage(LONGEST) * (ARENA_BYTES / PAGE_BYTES) + 1
    for (let i = 0; i < count; i++) take(LONGEST)
    assert.deepStrictEqual(sizes(), [FIRST_ARENA_BYTES, ARENA_BYTES, ARENA_BYTES])
    for (let owner = 0; owner < count; owner++) release(owner)
    assert.strictEqual(slabs.pageCount, 0)
    assert.deepStrictEqual(sizes(), [FIRST_ARENA_BYTES, undefined, undefined])
    assert.strictEqual(state.givenUp, 2 * ARENA_BYTES)
    assert.strictEqual(slabs.heldBytes, FIRST_ARENA_BYTES)
    for (let i = 0; i <= inFirstArena; i++) take(LONGEST)
    assert.deepStrictEqual(sizes(), [FIRST_ARENA_BYTES, ARENA_BYTES, undefined])
    checkAll()
  })

  it("become empty from the last one on", () => {
    const { checkAll, release, slabs, slots, take } = makeModel()
    const count = inFirstArena * 2
    for (let i = 0; i < count; i++) take(LONGEST)
    for (let owner = 0; owner < count; owner++) if (owner % 3 !== 0) release(owner)
    checkAll()
    // What is left moved into the first arena.
    for (const { address } of slots.values()) assert.isBelow(address, FIRST_ARENA_BYTES / 8)
    assert.isAtMost(slabs.pageCount, FIRST_ARENA_BYTES / PAGE_BYTES)
  })
})

const ascending = (numbers: Iterable<number>): ReadonlyArray<number> => [...numbers].toSorted((a, b) => a - b)
