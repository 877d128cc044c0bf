import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { type Assertion, check, checkAll, parse } from "../../src/loadtest/Assertion.ts"
import { emptyResult, goodResult, latencies, latencyOf, resultOf } from "./fixtures.ts"

const parsed = (text: string): Assertion => Result.getOrThrow(parse(text))

/** Why a text is not an assertion; empty if it is one. */
const refusal = (text: string): string => Result.match(parse(text), { onFailure: (why) => why, onSuccess: () => "" })

const values = latencies(2000)
const result = resultOf({ values, errors: { timeout: 3 }, misses: 10, duration: 2 })
const expected = latencyOf(values)

describe("parse", () => {
  it.each<[string, string, string, number]>([
    ["p99<5ms", "p99", "<", 5],
    ["p99<5", "p99", "<", 5],
    ["p99<=500us", "p99", "<=", 0.5],
    ["p99<=500µs", "p99", "<=", 0.5],
    ["max<1.5s", "max", "<", 1500],
    ["p99.9<5ms", "p999", "<", 5],
    ["p999<5ms", "p999", "<", 5],
    ["p99.99<5ms", "p9999", "<", 5],
    ["median<1ms", "p50", "<", 1],
    ["put_p99<5ms", "put_p99", "<", 5],
    ["get_median>=1ms", "get_p50", ">=", 1],
    ["GET_P99.9<1MS", "get_p999", "<", 1],
    ["rps>10000", "rps", ">", 10_000],
    ["rps>10k", "rps", ">", 10_000],
    ["requests>=1.5m", "requests", ">=", 1_500_000],
    ["error_rate=0", "error_rate", "=", 0],
    ["error_rate<0.1%", "error_rate", "<", 0.001],
    ["hit_rate>0.99", "hit_rate", ">", 0.99],
    ["hit_rate>99%", "hit_rate", ">", 0.99],
    ["hit_rate >= 99.9 %", "hit_rate", ">=", 0.999],
    ["errors=0", "errors", "=", 0],
    [" requests >= 1000 ", "requests", ">=", 1000]
  ])("reads %s", (text, name, operator, bound) => {
    assert.deepStrictEqual(parsed(text), { text: text.trim(), name, operator: parsed(text).operator, bound })
    assert.strictEqual(parsed(text).operator, operator)
  })

  it.each(["", "p99", "p99<", "<5ms", "p99<>5ms", "p99==5ms", "p99<-5ms", "p99<5ms6", "p99<1e3", "p99<5 ms p50<1"])(
    "refuses %j with the form that is expected",
    (text) => {
      assert.match(refusal(text), /^Not an assertion\. Expected a name, one of < <= > >= =, and a number/)
    }
  )

  it("refuses an unknown name with the names that are allowed", () => {
    for (const text of ["p42<5ms", "put_rps>1", "latency<1", "constructor<1", "__proto__<1"]) {
      assert.include(refusal(text), `Unknown name '${text.split("<")[0]?.split(">")[0]}'`)
      assert.include(refusal(text), "error_rate")
      assert.include(refusal(text), "p999 (p99.9)")
    }
  })

  it("refuses a unit that does not fit the figure", () => {
    assert.include(refusal("p99<5m"), "Unknown unit 'm' for p99. Expected ms")
    assert.include(refusal("p99<5%"), "Unknown unit '%'")
    assert.include(refusal("rps>10g"), "Unknown unit 'g' for rps. Expected none, k (thousands) or m (millions)")
    assert.include(refusal("hit_rate>99ms"), "Expected none (0 to 1) or % (0 to 100)")
  })

  it("refuses a rate above 1, which was meant as a percentage", () => {
    assert.include(refusal("hit_rate>99"), "99%")
    assert.include(refusal("hit_rate>101%"), "no rate")
    assert.strictEqual(refusal("hit_rate=1"), "")
    assert.strictEqual(refusal("hit_rate=100%"), "")
  })
})

describe("check", () => {
  it("reads each figure of the result", () => {
    const bounds: ReadonlyArray<readonly [string, number, string]> = [
      ["mean", expected.mean, "ms"],
      ["min", expected.min, "ms"],
      ["max", expected.max, "ms"],
      ["p50", expected.p50, "ms"],
      ["median", expected.p50, "ms"],
      ["p90", expected.p90, "ms"],
      ["p95", expected.p95, "ms"],
      ["p99", expected.p99, "ms"],
      ["p99.9", expected.p999, "ms"],
      ["p9999", expected.p9999, "ms"],
      ["stddev", expected.stddev, "ms"],
      ["put_p99", latencyOf(values.filter((_, index) => index % 2 === 0)).p99, "ms"],
      ["get_mean", latencyOf(values.filter((_, index) => index % 2 === 1)).mean, "ms"],
      ["rps", 1000, ""],
      ["error_rate", 3 / 2003, ""],
      ["hit_rate", 990 / 1000, ""],
      ["errors", 3, ""],
      ["requests", 2003, ""]
    ]
    for (const [name, value, unit] of bounds) {
      const below = (value * 0.999).toFixed(9)
      const above = (value * 1.001).toFixed(9)
      assert.isTrue(check(parsed(`${name}>${below}${unit}`), result).holds, name)
      assert.isFalse(check(parsed(`${name}<${below}${unit}`), result).holds, name)
      assert.isTrue(check(parsed(`${name}<=${above}${unit}`), result).holds, name)
      assert.isFalse(check(parsed(`${name}>=${above}${unit}`), result).holds, name)
    }
  })

  it("tells < from <= and > from >= at the bound", () => {
    const holds = (text: string) => check(parsed(text), result).holds
    assert.deepStrictEqual(
      ["<", "<=", ">", ">=", "="].map((operator) => holds(`errors${operator}3`)),
      [false, true, false, true, true]
    )
    assert.isTrue(holds("hit_rate=99%"))
    assert.isFalse(holds("hit_rate>99%"))
  })

  it("gives the actual figure with its unit, on the right side of the bound", () => {
    const figure = (text: string) => check(parsed(text), result).figure
    assert.strictEqual(figure("errors=0"), "3")
    assert.strictEqual(figure("requests>1"), "2,003")
    assert.strictEqual(figure("hit_rate>99%"), "99 %")
    assert.match(figure("p99<5ms"), /^[0-9.]+ ms$/)
    assert.notStrictEqual(figure(`p99<${expected.p99.toFixed(3)}`), `${expected.p99.toFixed(3)} ms`)
  })

  it("does not hold for a figure that was not measured", () => {
    for (const text of ["p99<5ms", "get_max<1s", "hit_rate>0", "error_rate=0"]) {
      const checked = check(parsed(text), emptyResult())
      assert.isFalse(checked.holds, text)
      assert.strictEqual(checked.figure, "not measured")
    }
    assert.isTrue(check(parsed("errors=0"), emptyResult()).holds)
    assert.isFalse(check(parsed("rps>0"), emptyResult()).holds)
    const putsOnly = { ...result, get_count: 0, cache_hits: 0, cache_misses: 0, hit_rate: 1 }
    assert.isFalse(check(parsed("hit_rate>0.99"), putsOnly).holds)
  })

  it("checks assertions in order", () => {
    const assertions = ["errors=3", "errors=0"].map(parsed)
    assert.deepStrictEqual(
      checkAll(assertions, result).map(({ assertion, holds }) => [assertion.text, holds]),
      [
        ["errors=3", true],
        ["errors=0", false]
      ]
    )
  })

  it("judges the throughput of an open loop like the assessment: a rate that was kept meets itself", () => {
    const kept = { ...goodResult(), requests_per_second: 9998 }
    const holds = (text: string, of = kept): boolean => check(parsed(text), of).holds
    assert.isTrue(holds("rps>10000"))
    assert.isTrue(holds("rps>=10k"))
    assert.isFalse(holds("rps>10001"))
    assert.isTrue(holds("rps<10000"))
    assert.strictEqual(check(parsed("rps>10000"), kept).figure, "9,998 (rate 10,000 kept)")
    const missed = { ...kept, requests_per_second: 9800 }
    assert.isFalse(holds("rps>10000", missed))
    assert.strictEqual(check(parsed("rps>10000"), missed).figure, "9,800 (rate 10,000 not kept)")
    assert.isTrue(holds("rps>9000", missed))
  })
})
