import { assert, describe, it } from "@effect/vitest"
import { missRatioAt } from "../../src/insight/Insight.ts"

const points = [
  { bytes: 100, missRatio: 0.8 },
  { bytes: 200, missRatio: 0.4 },
  { bytes: 400, missRatio: 0.1 }
]

describe("the miss ratio at a size", () => {
  it.each([
    ["a point", 200, 0.4],
    ["the first point", 100, 0.8],
    ["the last point", 400, 0.1],
    ["the middle of two points", 150, 0.6],
    ["a quarter of the way between two points", 250, 0.325],
    ["less than the first point", 1, 0.8],
    ["more than the last point", 4000, 0.1]
  ])("of %s lies on the line between its neighbours, or stays as it is at the end", (_, bytes, expected) => {
    assert.closeTo(missRatioAt(points, bytes), expected, 1e-12)
  })

  it("is that of a single point everywhere, and 1 without any", () => {
    const [, one = assert.fail()] = points
    for (const bytes of [1, 200, 1000]) assert.strictEqual(missRatioAt([one], bytes), 0.4)
    assert.strictEqual(missRatioAt([], 100), 1)
  })
})
