import { assert, describe, it } from "@effect/vitest"
import { Histogram, merge } from "../../src/loadtest/Histogram.ts"
import { toBuckets, toLatency, toPercentiles } from "../../src/loadtest/Statistics.ts"
import { latencies, latencyOf } from "./fixtures.ts"

/** The precision of a histogram with three digits. */
const PRECISION = 0.001

const record = (values: ReadonlyArray<number>): Histogram => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(Math.round(value * 1e6))
  return histogram
}

const close = (actual: number, expected: number, what: string) =>
  assert.isAtMost(Math.abs(actual - expected), PRECISION * expected + 1e-6, `${what}: ${actual} for ${expected}`)

const CASES: ReadonlyArray<readonly [name: string, values: ReadonlyArray<number>]> = [
  ["one value", [0.5]],
  ["two values", [0.2, 400]],
  ["equal values", Array.from({ length: 1000 }, () => 1.25)],
  ["a long tail", latencies(50_000)],
  ["nanoseconds", [0.000_001, 0.000_002, 0.000_002, 0.000_003]],
  ["minutes", [1, 60_000, 120_000, 599_000]],
  ["a row", Array.from({ length: 10_000 }, (_, index) => (index + 1) / 100)]
]

describe("figures", () => {
  it("equal a naive computation to three digits", () => {
    for (const [name, values] of CASES) {
      const actual = toLatency(record(values))
      const expected = latencyOf(values)
      assert.strictEqual(actual.count, values.length)
      for (const figure of ["min", "mean", "p50", "p90", "p95", "p99", "p999", "p9999", "max"] as const) {
        close(actual[figure], expected[figure], `${figure} of ${name}`)
      }
      assert.isAtMost(Math.abs(actual.stddev - expected.stddev), PRECISION * (expected.stddev + expected.mean), name)
    }
  })

  it("of merged histograms are those of all values", () => {
    const parts = [latencies(3000, 0.4, 1), latencies(500, 3, 2), latencies(10, 900, 3)]
    const actual = toLatency(merge(parts.map((part) => record(part).data)))
    const expected = latencyOf(parts.flat())
    for (const figure of ["min", "mean", "p50", "p99", "p999", "max"] as const)
      close(actual[figure], expected[figure], figure)
    assert.strictEqual(actual.count, 3510)
  })

  it("of nothing are zero, and finite", () => {
    const { count, ...figures } = toLatency(record([]))
    assert.strictEqual(count, 0)
    assert.isTrue(Object.values(figures).every((figure) => figure === 0))
    assert.deepStrictEqual(toPercentiles(record([])), [])
    assert.deepStrictEqual(toBuckets(record([])), [])
  })
})

describe("percentiles", () => {
  it("rise, end at 100 % and the maximum, and equal a naive computation", () => {
    for (const [name, values] of CASES) {
      const points = toPercentiles(record(values))
      const sorted = values.toSorted((a, b) => a - b)
      points.forEach(({ latency, percentile }, index) => {
        const before = points[index - 1]
        assert.isTrue(before === undefined || (before.percentile < percentile && before.latency <= latency), name)
        const rank = Math.max(1, Math.ceil(Number(((percentile * sorted.length) / 100).toFixed(6))))
        close(latency, sorted[rank - 1] ?? 0, `${percentile} % of ${name}`)
      })
      const last = points.at(-1)
      assert.strictEqual(last?.percentile, 100)
      close(last?.latency ?? 0, sorted.at(-1) ?? 0, name)
    }
  })

  it("are denser towards the end, as far as there are enough requests", () => {
    const row = toPercentiles(record(latencies(1_000))).map(({ percentile }) => percentile)
    assert.includeMembers(row, [50, 90, 91, 99, 99.1, 99.8, 100])
    assert.notInclude(row, 99.995)
    assert.include(
      toPercentiles(record(latencies(100_000))).map(({ percentile }) => percentile),
      99.99
    )
  })
})

describe("buckets", () => {
  it("count every value once, in ranges without gaps, ten a decade", () => {
    for (const [name, values] of CASES) {
      const buckets = toBuckets(record(values))
      assert.strictEqual(
        buckets.reduce((sum, { count }) => sum + count, 0),
        values.length,
        name
      )
      buckets.forEach((bucket, index) => {
        assert.isTrue(Number.isInteger(bucket.count) && bucket.count >= 0)
        assert.closeTo(bucket.to / bucket.from, 10 ** 0.1, 1e-9)
        const next = buckets[index + 1]
        if (next !== undefined) assert.strictEqual(bucket.to, next.from)
        // Values this close to an edge may fall on either side of it.
        const within = values.filter((value) => value >= bucket.from * 1.001 && value < bucket.to / 1.001).length
        const around = values.filter((value) => value >= bucket.from / 1.001 && value < bucket.to * 1.001).length
        assert.isTrue(bucket.count >= within && bucket.count <= around, `${name}: ${bucket.count} in ${bucket.from} ms`)
      })
      assert.isAtMost(buckets[0]?.from ?? 0, Math.min(...values) * 1.001)
      assert.isAtLeast(buckets.at(-1)?.to ?? 0, Math.max(...values) / 1.001)
    }
  })
})
