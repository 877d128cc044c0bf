import { assert, describe, it } from "@effect/vitest"
import { Doorkeeper } from "../../../src/store/near/Doorkeeper.ts"

/** Hashes that look like any, signed as those of engines are (the end of MurmurHash3). */
const hashOf = (number: number): number => {
  const once = Math.imul(number ^ (number >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}

const KEYS = 2000

/** How many of some keys are admitted. */
const admitted = (doorkeeper: Doorkeeper, from: number, to: number): number => {
  let count = 0
  for (let number = from; number < to; number++) if (doorkeeper.admits(hashOf(number))) count++
  return count
}

describe("Doorkeeper", () => {
  it("admits whoever comes again soon, and of the others one in ten at most", () => {
    const doorkeeper = new Doorkeeper(KEYS)
    assert.isAtMost(admitted(doorkeeper, 0, KEYS), KEYS / 10)
    assert.strictEqual(admitted(doorkeeper, 0, KEYS), KEYS)
  })

  it("forgets whoever has not come for long", () => {
    const doorkeeper = new Doorkeeper(KEYS)
    admitted(doorkeeper, 0, 4 * KEYS)
    assert.isAtMost(admitted(doorkeeper, 0, KEYS), KEYS / 4)
  })

  it("suits caches of its size, and of any size beyond the largest while", () => {
    const small = new Doorkeeper(0)
    assert.isTrue(small.suits(1000))
    assert.isFalse(small.suits(100_000))
    const large = new Doorkeeper(10_000_000)
    assert.isTrue(large.suits(100_000_000))
    assert.isBelow(large.keys, 1_000_000)
  })
})
