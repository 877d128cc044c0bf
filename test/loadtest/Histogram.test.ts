import { assert, describe, it } from "@effect/vitest"
import { Histogram } from "../../src/loadtest/Histogram.ts"

describe("histogram", () => {
  it("distinguishes times to a thousandth, from a nanosecond to ten minutes", () => {
    for (let nanos = 1; nanos < 600e9; nanos = Math.ceil(nanos * 1.37)) {
      const histogram = new Histogram()
      histogram.record(nanos)
      let buckets = 0
      histogram.each((from, to, count) => {
        buckets++
        assert.strictEqual(count, 1)
        assert.isTrue(from <= nanos && nanos < to)
        assert.isAtMost(to - from, Math.max(1, nanos / 1000))
      })
      assert.strictEqual(buckets, 1)
      assert.strictEqual(histogram.atRank(1), nanos)
    }
  })

  it("keeps extreme times within its bounds", () => {
    const histogram = new Histogram()
    for (const nanos of [-5, 0, 0.4, 1e15]) histogram.record(nanos)
    assert.deepStrictEqual([histogram.count, histogram.min, histogram.max], [4, 1, 600e9])
  })

  it("is empty after it was cleared", () => {
    const histogram = new Histogram()
    for (const nanos of [1, 5e9, 600e9]) histogram.record(nanos)
    histogram.clear()
    assert.deepStrictEqual(
      [histogram.count, histogram.min, histogram.max, histogram.mean, histogram.data.places.length],
      [0, 0, 0, 0, 0]
    )
    histogram.record(7)
    assert.deepStrictEqual([histogram.count, histogram.min, histogram.max, histogram.mean], [1, 7, 7, 7])
  })
})
