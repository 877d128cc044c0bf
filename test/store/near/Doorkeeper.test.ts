import { assert, describe, it } from "@effect/vitest"
import { Doorkeeper } from "../../../src/store/near/Doorkeeper.ts"

/** Hashes that look like any, signed as those of engines are. */
const hashOf = (number: number): number => Math.imul(number + 1, 0x9e3779b1) ^ (number << 7)

const KEYS = 2000

const admitted = (doorkeeper: Doorkeeper, from: number, to: number): number => {
  let count = 0
  for (let number = from; number < to; number++) if (doorkeeper.admits(hashOf(number), KEYS)) count++
  return count
}

describe("Doorkeeper", () => {
  it("admits whoever comes again soon, and hardly anybody the first time", () => {
    const doorkeeper = new Doorkeeper()
    assert.isAtMost(admitted(doorkeeper, 0, KEYS), KEYS / 100)
    assert.strictEqual(admitted(doorkeeper, 0, KEYS), KEYS)
  })

  it("forgets whoever has not come for long", () => {
    const doorkeeper = new Doorkeeper()
    admitted(doorkeeper, 0, 3 * KEYS)
    assert.isAtMost(admitted(doorkeeper, 0, KEYS), KEYS / 100)
  })

  it("asks for two times, however small the cache is or large", () => {
    for (const keys of [0, 10_000_000]) {
      const doorkeeper = new Doorkeeper()
      for (let number = 0; number < 500; number++) assert.isFalse(doorkeeper.admits(number, keys))
      for (let number = 0; number < 500; number++) assert.isTrue(doorkeeper.admits(number, keys))
    }
  })
})
