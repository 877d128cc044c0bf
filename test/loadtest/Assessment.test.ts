import { assert, describe, it } from "@effect/vitest"
import { assess, keptSchedule, verdictText } from "../../src/loadtest/Assessment.ts"
import type { LoadResult } from "../../src/loadtest/LoadResult.ts"
import { closedResult, emptyResult, goodResult, latencies, resultOf } from "./fixtures.ts"

/** A closed loop with the five given figures. The assessment reads no others. */
const figures = (throughput: number, mean: number, p99: number, errorRate = 0, hitRate = 1): LoadResult => {
  const result = resultOf({ values: latencies(1000) })
  const all = { ...result.latency.all, mean, p99 }
  return {
    ...result,
    requests_per_second: throughput,
    error_rate: errorRate,
    hit_rate: hitRate,
    latency: { ...result.latency, all }
  }
}

/** A column of the assessment, one character for each of the five lines. */
const column = (result: LoadResult, name: "target" | "minimum"): string =>
  assess(result)
    .lines.map((line) => (line[name].met ? "✓" : "✗"))
    .join("")

const figureOf = (result: LoadResult, metric: string): string | undefined =>
  assess(result).lines.find((line) => line.metric === metric)?.figure

describe("assess", () => {
  it("judges the five metrics in the order of the table", () => {
    const { lines } = assess(figures(20_000, 0.5, 2))
    assert.deepStrictEqual(
      lines.map(({ metric, minimum, target }) => [metric, target.bound, minimum.bound]),
      [
        ["requests/second", "> 10,000", "≥ 5,000"],
        ["mean latency", "< 1 ms", "≤ 10 ms"],
        ["p99 latency", "< 5 ms", "≤ 20 ms"],
        ["error rate", "0 %", "0 %"],
        ["hit rate", "> 99 %", "≥ 99 %"]
      ]
    )
  })

  it.each<[string, LoadResult, string, string, string]>([
    ["all above the targets", figures(10_001, 0.99, 4.99), "✓✓✓✓✓", "✓✓✓✓✓", "targets met"],
    ["all at the targets, which are strict", figures(10_000, 1, 5, 0, 0.99), "✗✗✗✓✗", "✓✓✓✓✓", "minimum met"],
    ["all at the minimum, which is not", figures(5000, 10, 20, 0, 0.99), "✗✗✗✓✗", "✓✓✓✓✓", "minimum met"],
    ["too slow", figures(4999.9, 10, 20), "✗✗✗✓✓", "✗✓✓✓✓", "below minimum"],
    ["a mean above the minimum", figures(20_000, 10.01, 4), "✓✗✓✓✓", "✓✗✓✓✓", "below minimum"],
    ["a p99 above the minimum", figures(20_000, 0.5, 20.01), "✓✓✗✓✓", "✓✓✗✓✓", "below minimum"],
    ["one error in ten million", figures(20_000, 0.5, 2, 1e-7), "✓✓✓✗✓", "✓✓✓✗✓", "below minimum"],
    ["a hit rate below 99 %", figures(20_000, 0.5, 2, 0, 0.9899), "✓✓✓✓✗", "✓✓✓✓✗", "below minimum"]
  ])("%s", (_, result, targets, minima, verdict) => {
    assert.strictEqual(column(result, "target"), targets)
    assert.strictEqual(column(result, "minimum"), minima)
    assert.strictEqual(assess(result).verdict, verdict)
  })

  it("writes each figure on the side of the bound that its mark shows", () => {
    assert.strictEqual(figureOf(figures(10_000.4, 1, 5), "requests/second"), "10,000.4")
    assert.strictEqual(figureOf(figures(20_000, 0.99996, 5), "mean latency"), "0.99996 ms")
    assert.strictEqual(figureOf(figures(20_000, 0.5, 5.0001), "p99 latency"), "5.0001 ms")
    assert.strictEqual(figureOf(figures(20_000, 0.5, 2, 1e-7), "error rate"), "0.00001 %")
    assert.strictEqual(figureOf(figures(20_000, 0.5, 2, 0, 0.990_001), "hit rate"), "99.0001 %")
    assert.strictEqual(figureOf(figures(20_000, 0.5, 2, 0, 0.999_99), "hit rate"), "99.999 %")
  })

  it("meets a throughput bound in an open loop if the rate reaches it and was kept", () => {
    const result = goodResult()
    assert.strictEqual(column(result, "target"), "✓✓✓✓✓")
    assert.strictEqual(assess({ ...result, requests_per_second: 9950 }).verdict, "targets met")
    assert.isTrue(keptSchedule({ ...result, requests_per_second: 9900 }))
    assert.isFalse(keptSchedule({ ...result, requests_per_second: 9899 }))
    assert.strictEqual(column({ ...result, requests_per_second: 9899 }, "target"), "✗✓✓✓✓")
    assert.strictEqual(column({ ...result, requests_per_second: 9899 }, "minimum"), "✓✓✓✓✓")
    const slower = { ...result, settings: { ...result.settings, rate: 9999 }, requests_per_second: 9999 }
    assert.strictEqual(column(slower, "target"), "✗✓✓✓✓")
    assert.strictEqual(figureOf(slower, "requests/second"), "9,999 (rate 9,999)")
  })

  it("does not pass a run that measured nothing", () => {
    assert.strictEqual(column(emptyResult(), "target"), "✗✗✗✗✗")
    assert.strictEqual(column(emptyResult(), "minimum"), "✗✗✗✗✗")
    assert.strictEqual(figureOf(emptyResult(), "mean latency"), "no answers")
    assert.strictEqual(figureOf(emptyResult(), "error rate"), "no requests")
    const allFailed = resultOf({ values: [], errors: { refused: 100 }, duration: 1 })
    assert.strictEqual(column(allFailed, "minimum"), "✗✗✗✗✗")
    assert.strictEqual(figureOf(allFailed, "hit rate"), "no answers")
    assert.strictEqual(figureOf(allFailed, "error rate"), "100 %")
  })

  it("does not demand a hit rate of a run of PUTs alone", () => {
    const result = { ...figures(20_000, 0.5, 2), get_count: 0, get_success: 0, cache_hits: 0, cache_misses: 0 }
    assert.strictEqual(column(result, "target"), "✓✓✓✓✓")
    assert.strictEqual(figureOf(result, "hit rate"), "no GETs")
  })

  it("is below the minimum when the server was lost, whatever the figures", () => {
    const assessment = assess({ ...goodResult(), ended: "server lost" })
    assert.strictEqual(assessment.verdict, "below minimum")
    assert.include(verdictText(assessment), "server was lost")
  })

  it("names the missed bounds", () => {
    assert.strictEqual(verdictText(assess(goodResult())), "All five targets met")
    assert.strictEqual(verdictText(assess(closedResult())), "Minimum met, target missed: mean latency, p99 latency")
    assert.strictEqual(verdictText(assess(figures(20_000, 11, 2, 0.1))), "Below the minimum: mean latency, error rate")
  })

  describe("the note on closed loops", () => {
    it("gives the throughput that the mean target needs, and how to measure latency", () => {
      const { note } = assess(closedResult())
      assert.include(note?.reason, "100 connections can meet 1 ms only above 100,000 requests/s")
      assert.strictEqual(note?.flags, "--rate 10000 --duration 10s")
    })

    it("counts the pipeline", () => {
      const result = resultOf({ values: latencies(1000, 5), connections: 10, pipeline: 16 })
      assert.include(
        assess(result).note?.reason,
        "10 connections of 16 requests in flight can meet 1 ms only above 160,000 requests/s"
      )
    })

    it("names a rate below the server's capacity, and a length unless the run was short", () => {
      const flagsOf = (result: LoadResult) => [
        assess({ ...result, total_duration_seconds: 3 }).note?.flags,
        assess({ ...result, total_duration_seconds: 2.9 }).note?.flags
      ]
      const rates = [12_499, 12_500, 3, 0.5].map((rate) => flagsOf(figures(rate, 800, 900)))
      assert.deepStrictEqual(
        rates,
        [9900, 10_000, 2, 1].map((rate) => [`--rate ${rate} --duration 10s`, `--rate ${rate}`])
      )
    })

    it("is absent if the mean did not fail, or failed for another reason", () => {
      assert.isUndefined(assess(figures(20_000, 0.5, 25)).note)
      assert.isUndefined(assess(resultOf({ values: latencies(1000, 5), rate: 100 })).note)
      assert.isUndefined(assess(emptyResult()).note)
    })
  })
})
