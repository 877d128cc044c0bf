import { assert, describe, it } from "@effect/vitest"
import { ARENA_BYTES, FIRST_ARENA_BYTES } from "../../src/store/Arena.ts"
import { LeastRecentlyUsed, NO_SLOT } from "../../src/store/Eviction.ts"
import { Expirations, NEVER, NONE } from "../../src/store/Expirations.ts"
import {
  ADDRESS,
  LENGTHS,
  NEWER,
  OLDER,
  RECORD_BYTES,
  Records,
  WHEEL_NEXT,
  WHEEL_PREVIOUS
} from "../../src/store/Records.ts"
import { recordsOf, takeMore } from "./RecordsOf.ts"
import { seededRandom } from "./SeededRandom.ts"

const WORDS = [NEWER, OLDER, WHEEL_NEXT, WHEEL_PREVIOUS, ADDRESS, LENGTHS] as const

/** Records of the first arena, and the number of the second one's first. */
const FIRST = FIRST_ARENA_BYTES / RECORD_BYTES
const SECOND = ARENA_BYTES / RECORD_BYTES

/** The number of the record that is taken after `index` others. */
const idOf = (index: number): number => (index < FIRST ? index : index - FIRST + SECOND)

/** A value for each word of each record, none of them like another one's. */
const valueFor = (id: number, word: number): number => (id * 8 + word) | 0

const fill = (records: Records, id: number): void => {
  for (const word of WORDS) records.set(id, word, valueFor(id, word))
  records.setDeadline(id, id * 1e9 + 0.5)
}

const check = (records: Records, id: number): void => {
  for (const word of WORDS) if (records.get(id, word) !== valueFor(id, word)) assert.fail(`word ${word} of ${id}`)
  if (records.deadline(id) !== id * 1e9 + 0.5) assert.fail(`deadline of ${id}`)
}

describe("Records", () => {
  it("is empty at first", () => {
    assert.strictEqual(new Records().size, 0)
  })

  it("numbers its records from 0 on, in each arena", () => {
    const records = new Records()
    for (let index = 0; index < FIRST * 3 + 1; index++) {
      assert.strictEqual(records.take(), idOf(index))
      assert.strictEqual(records.size, index + 1)
    }
  })

  it("keeps every word of every record apart, across arenas", () => {
    const records = recordsOf(FIRST * 3 + 1)
    for (let index = 0; index <= FIRST * 3; index++) fill(records, idOf(index))
    for (let index = 0; index <= FIRST * 3; index++) check(records, idOf(index))
  })

  it("keeps what it holds when it grows", () => {
    const records = new Records()
    for (const size of [1, FIRST - 1, FIRST, FIRST + 1, FIRST * 2, FIRST * 3 + 3]) {
      while (records.size < size) fill(records, records.take())
      for (let index = 0; index < size; index++) check(records, idOf(index))
    }
  })

  it.each([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)])("holds the word %d", (value) => {
    const records = recordsOf(FIRST + 1)
    for (const id of [0, 1, FIRST - 1, SECOND]) {
      for (const word of WORDS) {
        records.set(id, word, value)
        assert.strictEqual(records.get(id, word), value)
      }
    }
  })

  it("holds an address above 2^31 as the same 32 bits", () => {
    const records = recordsOf(1)
    records.set(0, ADDRESS, 2 ** 32 - 8192)
    assert.strictEqual(records.get(0, ADDRESS) >>> 0, 2 ** 32 - 8192)
  })

  it.each([0, 1, 2 ** 31, 2 ** 42, Number.MAX_SAFE_INTEGER, NEVER])("holds the deadline %d", (deadline) => {
    const records = recordsOf(FIRST + 1)
    for (const id of [0, FIRST - 1, SECOND]) {
      records.setDeadline(id, deadline)
      assert.strictEqual(records.deadline(id), deadline)
    }
  })

  it("has no deadline in a record that is new or used again", () => {
    const records = recordsOf(3)
    assert.strictEqual(records.deadline(1), NEVER)
    records.setDeadline(1, 5)
    records.release(1)
    assert.strictEqual(records.take(), 1)
    assert.strictEqual(records.deadline(1), NEVER)
  })

  it("uses all that were given back before it takes new ones", () => {
    const records = recordsOf(FIRST + 10)
    const released = [SECOND, 0, SECOND + 9, 7, FIRST - 1]
    for (const id of released) records.release(id)
    assert.strictEqual(records.size, FIRST + 5)
    const taken = released.map(() => records.take())
    assert.deepStrictEqual(new Set(taken), new Set(released))
    assert.strictEqual(records.take(), SECOND + 10)
  })

  it.each([1, FIRST, FIRST + 1, FIRST * 2 + 5])("starts again at 0 when all of %d were given back", (count) => {
    const records = recordsOf(count)
    for (let round = 0; round < 3; round++) {
      for (let index = count - 1; index >= 0; index--) records.release(idOf(index))
      assert.strictEqual(records.size, 0)
      for (let index = 0; index < count; index++) {
        const id = idOf(index)
        assert.strictEqual(records.take(), id)
        assert.strictEqual(records.deadline(id), NEVER)
        fill(records, id)
      }
      for (let index = 0; index < count; index++) check(records, idOf(index))
    }
  })

  it("never hands out a record that is in use, whatever is done to it", () => {
    const random = seededRandom(21)
    const records = new Records()
    const used: Array<number> = []
    const known = new Set<number>()
    let growing = true
    let highest = 0
    let most = 0
    for (let step = 0; step < 100_000; step++) {
      if (used.length === 0) growing = true
      else if (used.length === 6000) growing = false
      if (random.chance(growing ? 0.7 : 0.3)) {
        const id = records.take()
        if (known.has(id)) assert.fail(`step ${step}: ${id} is in use`)
        if (records.deadline(id) !== NEVER) assert.fail(`step ${step}: ${id} has a deadline`)
        fill(records, id)
        known.add(id)
        used.push(id)
        highest = Math.max(highest, id)
        most = Math.max(most, used.length)
      } else {
        const at = random.below(used.length)
        const id = used[at]
        const last = used.pop()
        if (id === undefined || last === undefined) continue
        if (at < used.length) used[at] = last
        check(records, id)
        records.release(id)
        known.delete(id)
      }
      if (records.size !== used.length) assert.fail(`step ${step}: ${records.size}, not ${used.length}`)
    }
    for (const id of used) check(records, id)
    // No more records than were ever in use together.
    assert.isAtLeast(most, 6000)
    assert.isBelow(highest, most)
  })
})

describe("records of several arenas", () => {
  const COUNT = FIRST + 5000

  it("are linked in the order of use, though they grow meanwhile", () => {
    const records = recordsOf(3)
    const order = new LeastRecentlyUsed(records)
    for (const slot of [2, 0, 1]) order.add(slot)
    takeMore(records, COUNT - 3)
    for (let index = COUNT - 1; index >= 3; index--) order.add(idOf(index))
    for (let index = 0; index < COUNT; index += 2) order.touch(idOf(index))
    order.remove(SECOND)
    const expected = [1]
    for (let index = COUNT - 1; index >= 3; index--) if (index % 2 === 1) expected.push(idOf(index))
    for (let index = 0; index < COUNT; index += 2) if (index !== FIRST) expected.push(idOf(index))
    const actual: Array<number> = []
    for (let slot = order.victim(); slot !== NO_SLOT && actual.length < COUNT; slot = order.victim()) {
      actual.push(slot)
      order.remove(slot)
    }
    assert.deepStrictEqual(actual, expected)
  })

  it("keep their deadlines and places in the wheel, though they grow meanwhile", () => {
    const records = recordsOf(2)
    const wheel = new Expirations(0, records)
    wheel.schedule(0, 100)
    wheel.schedule(1, 5000)
    takeMore(records, COUNT - 2)
    assert.strictEqual(wheel.deadline(0), 100)
    assert.strictEqual(wheel.deadline(idOf(COUNT - 1)), NEVER)
    // Arenas are mixed in every bucket.
    const slots = Array.from({ length: COUNT }, (_, index) => idOf(index))
    for (const slot of slots.slice(2)) wheel.schedule(slot, 100 + ((slot * 1237) % 5000))
    for (const slot of slots) if (slot > 2 && slot % 3 === 0) wheel.cancel(slot)
    const deadlineOf = (slot: number): number => {
      if (slot < 2) return slot === 0 ? 100 : 5000
      return slot % 3 === 0 ? NEVER : 100 + ((slot * 1237) % 5000)
    }
    for (const slot of slots) assert.strictEqual(wheel.deadline(slot), deadlineOf(slot))
    const found = new Set<number>()
    for (let now = 0; now <= 5100; now++) {
      for (let slot = wheel.popDue(now, NEVER); slot !== NONE; slot = wheel.popDue(now, NEVER)) {
        if (deadlineOf(slot) !== now) assert.fail(`${slot} was found at ${now}, not ${deadlineOf(slot)}`)
        found.add(slot)
      }
    }
    assert.strictEqual(wheel.size, 0)
    assert.strictEqual(found.size, slots.filter((slot) => deadlineOf(slot) !== NEVER).length)
  })
})
