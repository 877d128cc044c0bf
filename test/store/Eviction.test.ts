import { assert, describe, it } from "@effect/vitest"
import { LeastRecentlyUsed, NO_SLOT } from "../../src/store/Eviction.ts"
import { recordsOf, takeMore } from "./RecordsOf.ts"
import { seededRandom } from "./SeededRandom.ts"

/** Takes every slot out, in the order in which they would be evicted. */
const drain = (order: LeastRecentlyUsed): Array<number> => {
  const slots: Array<number> = []
  for (let slot = order.victim(); slot !== NO_SLOT; slot = order.victim()) {
    slots.push(slot)
    order.remove(slot)
    assert.isAtMost(slots.length, 100_000)
  }
  return slots
}

const orderOf = (capacity: number, slots: ReadonlyArray<number>): LeastRecentlyUsed => {
  const order = new LeastRecentlyUsed(recordsOf(capacity))
  for (const slot of slots) order.add(slot)
  return order
}

describe("LeastRecentlyUsed", () => {
  it("has no victim when it is empty", () => {
    assert.strictEqual(new LeastRecentlyUsed(recordsOf(4)).victim(), NO_SLOT)
  })

  it("evicts in the order in which slots were added", () => {
    assert.deepStrictEqual(drain(orderOf(4, [2, 0, 3, 1])), [2, 0, 3, 1])
  })

  it("looks at the victim without taking it", () => {
    const order = orderOf(2, [1, 0])
    assert.strictEqual(order.victim(), 1)
    assert.strictEqual(order.victim(), 1)
  })

  it.each([
    ["oldest", 0, [1, 2, 0]],
    ["middle", 1, [0, 2, 1]],
    ["newest", 2, [0, 1, 2]]
  ] as const)("moves the %s slot to the end when it is used", (_name, slot, expected) => {
    const order = orderOf(3, [0, 1, 2])
    order.touch(slot)
    assert.deepStrictEqual(drain(order), [...expected])
  })

  it.each([
    ["oldest", 0, [1, 2]],
    ["middle", 1, [0, 2]],
    ["newest", 2, [0, 1]]
  ] as const)("takes the %s slot out", (_name, slot, expected) => {
    const order = orderOf(3, [0, 1, 2])
    order.remove(slot)
    assert.deepStrictEqual(drain(order), [...expected])
  })

  it("takes a slot again that was removed", () => {
    const order = orderOf(2, [0, 1])
    order.remove(0)
    order.add(0)
    assert.deepStrictEqual(drain(order), [1, 0])
    order.add(1)
    assert.strictEqual(order.victim(), 1)
  })

  it("is an array of slots in order of use, whatever is done to it", () => {
    const random = seededRandom(7)
    let capacity = 4
    const records = recordsOf(capacity)
    const order = new LeastRecentlyUsed(records)
    const model: Array<number> = []
    for (let step = 0; step < 50_000; step++) {
      const slot = random.below(capacity)
      const at = model.indexOf(slot)
      if (at === -1) {
        order.add(slot)
        model.push(slot)
      } else if (random.chance(0.6)) {
        order.touch(slot)
        model.splice(at, 1)
        model.push(slot)
      } else {
        order.remove(slot)
        model.splice(at, 1)
      }
      if (order.victim() !== (model[0] ?? NO_SLOT)) assert.fail(`step ${step}: ${order.victim()}, not ${model[0]}`)
      if (capacity < 64 && random.chance(0.001)) {
        takeMore(records, capacity)
        capacity *= 2
      }
    }
    assert.strictEqual(capacity, 64)
    assert.deepStrictEqual(drain(order), model)
  })
})
