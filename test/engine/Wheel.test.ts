import { assert, describe, it } from "@effect/vitest"
import { BUDGET_SPENT as WHEEL_BUDGET_SPENT, MAX_DEADLINE, NEVER, Wheel } from "../../src/engine/Wheel.ts"
import { NumberedEntries } from "./NumberedEntries.ts"
import { seededRandom } from "./SeededRandom.ts"

const NONE = -1
const BUDGET_SPENT = -2

/** A wheel of numbered entries. */
class NumberedWheel {
  private readonly wheel: Wheel
  private readonly entries: NumberedEntries

  constructor(now: number, entries: NumberedEntries) {
    this.entries = entries
    this.wheel = new Wheel(entries.memory)
    this.wheel.start(now)
  }

  get size(): number {
    return this.wheel.size
  }

  get nextDue(): number {
    return this.wheel.nextDue
  }

  deadline(number: number): number {
    return this.wheel.deadline(this.entries.address(number))
  }

  schedule(number: number, deadline: number): void {
    this.cancel(number)
    if (deadline !== NEVER) this.wheel.schedule(this.entries.address(number), deadline)
  }

  cancel(number: number): void {
    this.wheel.cancel(this.entries.address(number))
  }

  popDue(now: number, budget: number): number {
    const entry = this.wheel.popDue(now, budget)
    return entry === WHEEL_BUDGET_SPENT ? BUDGET_SPENT : this.entries.number(entry)
  }
}

const MAX_DELAY = (2 ** 31 - 1) * 1000
const TEN_YEARS = 10 * 365 * 24 * 60 * 60 * 1000
const REACH = 2 ** 42
const PLENTY = Number.POSITIVE_INFINITY

/** Clock readings at or near the beginnings of the wheel's levels. */
const startingTimes = [0, 1, 63, 64, 4095, 4096, 2 ** 18 - 1, 2 ** 30 - 1, 2 ** 30, 1_700_000_000_000, 2 ** 41] as const

/** Everything that is due, in the order in which it is found. */
const popAll = (wheel: NumberedWheel, now: number, budget = PLENTY): Array<number> => {
  const slots: Array<number> = []
  for (let calls = 0; calls < 1_000_000; calls++) {
    const slot = wheel.popDue(now, budget)
    if (slot === NONE) return slots
    if (slot !== BUDGET_SPENT) slots.push(slot)
  }
  return assert.fail("popDue comes to no end")
}

const fail = (round: string, what: string): never => assert.fail(`${round}: ${what}`)

/** Compares a wheel with a list of deadlines, operation by operation. */
const checkAgainstModel = (start: number, seed: number): number => {
  const random = seededRandom(seed)
  const round = `start ${start}, seed ${seed}`
  let capacity = random.pick([1, 2, 16, 64])
  let now = start
  const entries = new NumberedEntries(capacity)
  const wheel = new NumberedWheel(now, entries)
  // The oracle: a slot is due at `now` if its deadline here is at or before `now`.
  const deadlines = new Map<number, number>()
  const isDue = (slot: number): boolean => (deadlines.get(slot) ?? NEVER) <= now
  const accept = (slot: number): void => {
    if (!deadlines.has(slot)) fail(round, `slot ${slot} was popped without a deadline`)
    if (!isDue(slot)) fail(round, `slot ${slot} of ${deadlines.get(slot)} was popped at ${now}`)
    deadlines.delete(slot)
    if (wheel.deadline(slot) !== NEVER) fail(round, `slot ${slot} was popped and keeps its deadline`)
  }
  let operations = 0
  for (; operations < 600 && now + MAX_DELAY < REACH; operations++) {
    const action = random.below(100)
    if (action < 45) {
      const slot = random.below(capacity)
      // All orders of magnitude of the delay are equally likely.
      const delay = Math.min(MAX_DELAY, 1 + random.below(2 ** random.below(42)) + random.below(2 ** random.below(13)))
      wheel.schedule(slot, now + delay)
      deadlines.set(slot, now + delay)
    } else if (action < 50) {
      const slot = random.below(capacity)
      wheel.schedule(slot, NEVER)
      deadlines.delete(slot)
    } else if (action < 58) {
      const slot = random.below(capacity)
      wheel.cancel(slot)
      deadlines.delete(slot)
    } else if (action < 60 && capacity < 512) {
      entries.takeMore(capacity)
      capacity *= 2
    } else if (action < 80) {
      const next = Math.min(...deadlines.values())
      // To the next deadline, to just before it, or to anywhere.
      if (random.chance(0.5) && next !== NEVER) now = Math.max(now, next - random.below(2))
      else now += random.pick([0, 1, random.below(100), random.below(2 ** random.below(39)), random.below(TEN_YEARS)])
    } else if (action < 85) {
      // One call with a small budget: it may give up, but must not be wrong.
      const slot = wheel.popDue(now, random.below(4))
      if (slot >= 0) accept(slot)
      else if (slot === NONE && [...deadlines.keys()].some(isDue)) fail(round, `nothing found at ${now}, but there is`)
    } else {
      const budget = random.pick([1, 2, 10, PLENTY])
      for (const slot of popAll(wheel, now, budget)) accept(slot)
      for (const [slot, deadline] of deadlines)
        if (deadline <= now) fail(round, `${slot} of ${deadline} not found at ${now}`)
    }
    if (wheel.size !== deadlines.size) fail(round, `size ${wheel.size}, not ${deadlines.size}`)
    const slot = random.below(capacity)
    if (wheel.deadline(slot) !== (deadlines.get(slot) ?? NEVER)) fail(round, `slot ${slot}: ${wheel.deadline(slot)}`)
  }
  now = Math.max(now, ...deadlines.values())
  for (const slot of popAll(wheel, now)) accept(slot)
  assert.strictEqual(deadlines.size, 0, round)
  assert.strictEqual(wheel.size, 0, round)
  return operations
}

describe("Wheel", () => {
  it.each(startingTimes)("agrees with a list of deadlines, from %d on", (start) => {
    let operations = 0
    for (let seed = 0; seed < 30; seed++) operations += checkAgainstModel(start, seed)
    assert.isAbove(operations, 1_000)
  })

  it.each(startingTimes)("finds an entry at its deadline and never a millisecond before, from %d on", (start) => {
    for (let bits = 0; bits <= 41; bits += 1) {
      for (const delay of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
        const deadline = start + Math.max(1, Math.min(delay, MAX_DELAY))
        const wheel = new NumberedWheel(start, new NumberedEntries(1))
        wheel.schedule(0, deadline)
        assert.strictEqual(wheel.popDue(deadline - 1, PLENTY), NONE, `${delay} ms: too early`)
        assert.strictEqual(wheel.popDue(deadline, PLENTY), 0, `${delay} ms: not found`)
        assert.strictEqual(wheel.popDue(deadline, PLENTY), NONE)
      }
    }
  })

  it("has a place for the largest deadline, and finds it", () => {
    for (const start of [0, 1, 2 ** 41, 2 ** 42 - 1, 2 ** 42, 2 ** 50]) {
      const wheel = new NumberedWheel(start, new NumberedEntries(3))
      wheel.schedule(0, MAX_DEADLINE)
      wheel.schedule(1, 2 ** 52 + 5)
      wheel.schedule(2, start + 1)
      assert.deepStrictEqual(popAll(wheel, 2 ** 52 + 4), [2])
      assert.deepStrictEqual(popAll(wheel, 2 ** 52 + 5), [1])
      assert.isAtMost(wheel.nextDue, MAX_DEADLINE)
      assert.deepStrictEqual(popAll(wheel, MAX_DEADLINE - 1), [])
      assert.deepStrictEqual(popAll(wheel, MAX_DEADLINE), [0])
      assert.strictEqual(wheel.nextDue, NEVER)
    }
  })

  it.each([0, 63, 4095, 2 ** 30 - 1])("finds it even if time advances in small steps, from %d on", (start) => {
    const delays = [1, 2, 62, 63, 64, 65, 127, 128, 4000, 4095, 4096, 4097, 8191, 8192, 9000]
    const wheel = new NumberedWheel(start, new NumberedEntries(delays.length))
    for (const [slot, delay] of delays.entries()) wheel.schedule(slot, start + delay)
    for (let elapsed = 0; elapsed <= 9000; elapsed++) {
      const due = delays.indexOf(elapsed)
      assert.deepStrictEqual(popAll(wheel, start + elapsed), due === -1 ? [] : [due], `after ${elapsed} ms`)
    }
    assert.strictEqual(wheel.size, 0)
  })

  it("finds what was scheduled for a past time", () => {
    const wheel = new NumberedWheel(0, new NumberedEntries(4))
    assert.strictEqual(wheel.popDue(1000, PLENTY), NONE)
    wheel.schedule(0, 1000)
    wheel.schedule(1, 500)
    wheel.schedule(2, 1001)
    assert.deepStrictEqual(popAll(wheel, 1001).toSorted(), [0, 1, 2])
  })

  it("finds each of many entries with the same deadline once", () => {
    const wheel = new NumberedWheel(0, new NumberedEntries(1000))
    for (let slot = 0; slot < 1000; slot++) wheel.schedule(slot, 5000)
    assert.deepStrictEqual(popAll(wheel, 4999), [])
    assert.strictEqual(wheel.size, 1000)
    const popped = popAll(wheel, 5000)
    assert.deepStrictEqual(
      popped.toSorted((a, b) => a - b),
      Array.from({ length: 1000 }, (_, slot) => slot)
    )
  })

  it("moves a deadline, later and earlier", () => {
    const wheel = new NumberedWheel(0, new NumberedEntries(2))
    wheel.schedule(0, 100)
    wheel.schedule(0, 100_000)
    wheel.schedule(1, 100_000)
    wheel.schedule(1, 100)
    assert.strictEqual(wheel.size, 2)
    assert.deepStrictEqual(popAll(wheel, 100), [1])
    assert.deepStrictEqual(popAll(wheel, 99_999), [])
    assert.deepStrictEqual(popAll(wheel, 100_000), [0])
  })

  it("never finds a slot that was cancelled or has no deadline", () => {
    const wheel = new NumberedWheel(0, new NumberedEntries(4))
    wheel.schedule(0, 100)
    wheel.schedule(1, 100)
    wheel.schedule(2, 100)
    wheel.cancel(1)
    wheel.schedule(0, NEVER)
    wheel.cancel(3)
    assert.strictEqual(wheel.size, 1)
    assert.strictEqual(wheel.deadline(0), NEVER)
    assert.strictEqual(wheel.deadline(1), NEVER)
    assert.strictEqual(wheel.deadline(2), 100)
    assert.deepStrictEqual(popAll(wheel, TEN_YEARS), [2])
  })

  it("moves no more entries than its budget, and makes progress with each call", () => {
    const wheel = new NumberedWheel(0, new NumberedEntries(100))
    // Twelve entries are in the bucket that begins at 4096 ms. The only due one is found last.
    wheel.schedule(11, 4096)
    for (let slot = 0; slot < 11; slot++) wheel.schedule(slot, 8000)
    assert.strictEqual(wheel.popDue(4095, 0), NONE)
    assert.strictEqual(wheel.popDue(4096, 0), BUDGET_SPENT)
    assert.strictEqual(wheel.popDue(4096, 5), BUDGET_SPENT)
    assert.strictEqual(wheel.popDue(4096, 5), BUDGET_SPENT)
    assert.strictEqual(wheel.popDue(4096, 1), 11)
    assert.strictEqual(wheel.popDue(4096, 0), NONE)
    assert.strictEqual(wheel.size, 11)
    assert.strictEqual(popAll(wheel, 7999).length, 0)
    assert.strictEqual(popAll(wheel, 8000).length, 11)
  })

  it("needs no budget for due entries that need no move", () => {
    const wheel = new NumberedWheel(0, new NumberedEntries(3))
    for (let slot = 0; slot < 3; slot++) wheel.schedule(slot, 10)
    const found = [wheel.popDue(10, 0), wheel.popDue(10, 0), wheel.popDue(10, 0)]
    assert.deepStrictEqual(found.toSorted(), [0, 1, 2])
    assert.strictEqual(wheel.popDue(10, 0), NONE)
  })

  it("accepts and drops entries while a bucket is being examined", () => {
    const wheel = new NumberedWheel(0, new NumberedEntries(8))
    for (let slot = 0; slot < 6; slot++) wheel.schedule(slot, 5000 + slot)
    assert.strictEqual(wheel.popDue(4999, 2), BUDGET_SPENT)
    wheel.cancel(0)
    wheel.schedule(1, 6000)
    wheel.schedule(6, 5000)
    wheel.schedule(7, 4999)
    assert.deepStrictEqual(popAll(wheel, 5000, 1).toSorted(), [6, 7])
    assert.deepStrictEqual(popAll(wheel, 5005, 1).toSorted(), [2, 3, 4, 5])
    assert.deepStrictEqual(popAll(wheel, 6000, 1), [1])
  })
})
