import { assert, describe, it } from "@effect/vitest"
import { Histogram } from "../../scripts/bench/load/Histogram.ts"
import { isReached } from "../../scripts/bench/report/Figure.ts"
import { number, range, spread, table } from "../../scripts/bench/report/Format.ts"
import { median, ratios, summarize } from "../../scripts/bench/report/Statistics.ts"

describe("statistics", () => {
  it("takes the middle, or what lies between the two middle ones", () => {
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
    assert.strictEqual(median([5]), 5)
    assert.isNaN(median([]))
  })

  it("has the spread of the rounds", () => {
    assert.deepStrictEqual(summarize([2, 9, 4]), { median: 4, min: 2, max: 9 })
    assert.isNaN(summarize([]).min)
  })

  it("divides round by round, and only rounds that both have", () => {
    assert.deepStrictEqual(ratios([10, 30, 20], [10, 10, 40]), { median: 1, min: 0.5, max: 3 })
    assert.deepStrictEqual(ratios([10, 30], [10]), { median: 1, min: 1, max: 1 })
  })
})

describe("Histogram", () => {
  it("knows every percentile to a tenth of a per cent, from microseconds to minutes", () => {
    for (const scale of [0.0001, 0.001, 0.05, 1, 300]) {
      const histogram = new Histogram()
      for (let i = 1; i <= 1000; i++) histogram.record(i * scale, 1)
      for (const share of [0.001, 0.5, 0.99, 0.999, 1]) {
        const exact = Math.ceil(share * 1000) * scale
        assert.closeTo(histogram.percentile(share), exact, exact * 0.001 + 0.0001)
      }
      assert.strictEqual(histogram.max, 1000 * scale)
    }
  })

  it("counts a latency as often as it is told", () => {
    const histogram = new Histogram()
    histogram.record(1, 98)
    histogram.record(7, 2)
    assert.strictEqual(histogram.count, 100)
    assert.closeTo(histogram.percentile(0.98), 1, 0.001)
    assert.closeTo(histogram.percentile(0.981), 7, 0.01)
    histogram.clear()
    assert.strictEqual(histogram.percentile(0.5), 0)
  })

  it("takes what is out of its range as its end", () => {
    const histogram = new Histogram()
    histogram.record(1e9, 1)
    histogram.record(-1, 1)
    assert.strictEqual(histogram.percentile(0.5), 0)
    assert.closeTo(histogram.percentile(1), 429_497, 500)
  })
})

describe("figures", () => {
  const figure = { what: "x", unit: "", note: "", target: 1.3 }

  it("are reached at their bound, and never if they are missing", () => {
    assert.isTrue(isReached({ ...figure, bound: "at least", value: 1.3 }))
    assert.isFalse(isReached({ ...figure, bound: "at least", value: 1.29 }))
    assert.isTrue(isReached({ ...figure, bound: "at most", value: 1.3 }))
    assert.isFalse(isReached({ ...figure, bound: "at most", value: 1.31 }))
    assert.isFalse(isReached({ ...figure, bound: "at most", value: Number.NaN }))
  })

  it("are written with the digits that matter", () => {
    assert.deepStrictEqual([87_512.4, 12.34, 0.718, 0, Number.NaN].map(number), ["87,512", "12.3", "0.72", "0.00", "-"])
    assert.strictEqual(spread({ median: 2, min: 1, max: 3 }), "2.00 (1.00..3.00)")
    assert.strictEqual(spread({ median: 2, min: 2, max: 2 }), "2.00")
    assert.strictEqual(spread(summarize([])), "-")
    assert.strictEqual(range(summarize([])), "-")
  })

  it("stand in an aligned Markdown table", () => {
    const text = table([
      ["server", "ms"],
      ["ours", "1.00"],
      ["redis-server", "10.0"]
    ])
    assert.strictEqual(
      text,
      ["| server       |   ms |", "| ------------ | ---: |", "| ours         | 1.00 |", "| redis-server | 10.0 |"].join(
        "\n"
      )
    )
  })
})
