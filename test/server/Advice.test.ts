import { assert, describe, it } from "@effect/vitest"
import { advice } from "../../src/server/Advice.ts"

const curve = {
  points: [
    { bytes: 250, missRatio: 0.5 },
    { bytes: 500, missRatio: 0.25 },
    { bytes: 1000, missRatio: 0.088 },
    { bytes: 2000, missRatio: 0.04 },
    { bytes: 4000, missRatio: 0 }
  ],
  here: { bytes: 1000, missRatio: 0.088 },
  samples: 5000
}

describe("what is said of a cache's size when it stops", () => {
  it("is nothing before the first read", () => {
    assert.isUndefined(advice(0, 0, undefined))
    assert.isUndefined(advice(0, 0, curve))
  })

  it("is the hit rate of all reads, without a curve", () => {
    assert.strictEqual(advice(912, 88, undefined), "hit rate 91.2 %")
    assert.strictEqual(advice(0, 3, undefined), "hit rate 0.0 %")
    assert.strictEqual(advice(3, 0, undefined), "hit rate 100.0 %")
  })

  it("is what other sizes would give, beside what this one gives of late", () => {
    assert.strictEqual(
      advice(3, 1, curve),
      "hit rate 75.0 %, of late 91.2 %; 2x the memory would give 96.0 %, half of it 75.0 %"
    )
  })
})
