import { assert, describe, it } from "@effect/vitest"
import { LeastRecentlyUsed, NO_SLOT } from "../../src/store/Eviction.ts"
import { Expirations, NEVER, NONE } from "../../src/store/Expirations.ts"
import { ADDRESS, LENGTHS, NEWER, OLDER, Records, WHEEL_NEXT, WHEEL_PREVIOUS } from "../../src/store/Records.ts"
import { recordsOf, takeMore } from "./RecordsOf.ts"
import { seededRandom } from "./SeededRandom.ts"

const WORDS = [NEWER, OLDER, WHEEL_NEXT, WHEEL_PREVIOUS, ADDRESS, LENGTHS] as const
const CHUNK = 2048

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

  it("numbers its records from 0 on, across chunks", () => {
    const records = new Records()
    for (let id = 0; id < CHUNK * 3 + 1; id++) {
      assert.strictEqual(records.take(), id)
      assert.strictEqual(records.size, id + 1)
    }
  })

  it("keeps every word of every record apart, across chunks", () => {
    const records = recordsOf(CHUNK * 3 + 1)
    for (let id = 0; id <= CHUNK * 3; id++) fill(records, id)
    for (let id = 0; id <= CHUNK * 3; id++) check(records, id)
  })

  it("keeps what it holds when it grows", () => {
    const records = new Records()
    for (const size of [1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK * 2, CHUNK * 5 + 3]) {
      while (records.size < size) fill(records, records.take())
      for (let id = 0; id < size; id++) check(records, id)
    }
  })

  it.each([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)])("holds the word %d", (value) => {
    const records = recordsOf(CHUNK + 1)
    for (const id of [0, 1, CHUNK - 1, CHUNK]) {
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
    const records = recordsOf(CHUNK + 1)
    for (const id of [0, CHUNK - 1, CHUNK]) {
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
    const records = recordsOf(CHUNK + 10)
    const released = [CHUNK, 0, CHUNK + 9, 7, CHUNK - 1]
    for (const id of released) records.release(id)
    assert.strictEqual(records.size, CHUNK + 5)
    const taken = released.map(() => records.take())
    assert.deepStrictEqual(new Set(taken), new Set(released))
    assert.strictEqual(records.take(), CHUNK + 10)
  })

  it.each([1, CHUNK, CHUNK + 1, CHUNK * 2 + 5])("starts again at 0 when all of %d were given back", (count) => {
    const records = recordsOf(count)
    for (let round = 0; round < 3; round++) {
      for (let id = count - 1; id >= 0; id--) records.release(id)
      assert.strictEqual(records.size, 0)
      for (let id = 0; id < count; id++) {
        assert.strictEqual(records.take(), id)
        assert.strictEqual(records.deadline(id), NEVER)
        fill(records, id)
      }
      for (let id = 0; id < count; id++) check(records, id)
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
      else if (used.length === CHUNK * 3) growing = false
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
    assert.isAtLeast(most, CHUNK * 3)
    assert.isBelow(highest, most)
  })
})

describe("records of several chunks", () => {
  const COUNT = CHUNK * 3 + 100

  it("are linked in the order of use, though they grow meanwhile", () => {
    const records = recordsOf(3)
    const order = new LeastRecentlyUsed(records)
    for (const slot of [2, 0, 1]) order.add(slot)
    takeMore(records, COUNT - 3)
    for (let slot = COUNT - 1; slot >= 3; slot--) order.add(slot)
    for (let slot = 0; slot < COUNT; slot += 2) order.touch(slot)
    order.remove(CHUNK)
    const expected = [1]
    for (let slot = COUNT - 1; slot >= 3; slot--) if (slot % 2 === 1) expected.push(slot)
    for (let slot = 0; slot < COUNT; slot += 2) if (slot !== CHUNK) expected.push(slot)
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
    assert.strictEqual(wheel.deadline(COUNT - 1), NEVER)
    // Chunks are mixed in every bucket.
    for (let slot = 2; slot < COUNT; slot++) wheel.schedule(slot, 100 + ((slot * 1237) % 5000))
    for (let slot = 3; slot < COUNT; slot += 3) wheel.cancel(slot)
    const deadlineOf = (slot: number): number => {
      if (slot < 2) return slot === 0 ? 100 : 5000
      return slot % 3 === 0 ? NEVER : 100 + ((slot * 1237) % 5000)
    }
    for (let slot = 0; slot < COUNT; slot++) assert.strictEqual(wheel.deadline(slot), deadlineOf(slot))
    const found = new Set<number>()
    for (let now = 0; now <= 5100; now++) {
      for (let slot = wheel.popDue(now, NEVER); slot !== NONE; slot = wheel.popDue(now, NEVER)) {
        if (deadlineOf(slot) !== now) assert.fail(`${slot} was found at ${now}, not ${deadlineOf(slot)}`)
        found.add(slot)
      }
    }
    assert.strictEqual(wheel.size, 0)
    assert.strictEqual(
      found.size,
      Array.from({ length: COUNT }, (_, slot) => slot).filter((slot) => deadlineOf(slot) !== NEVER).length
    )
  })
})
