import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { checkAll, parse } from "../../src/loadtest/Assertion.ts"
import * as LatencyChart from "../../src/chart/LatencyChart.ts"
import { markup } from "../../src/chart/Markup.ts"
import * as TimeChart from "../../src/chart/TimeChart.ts"
import { html } from "../../src/loadtest/HtmlReport.ts"
import type { LoadResult, Slice } from "../../src/loadtest/LoadResult.ts"
import { closedResult, emptyResult, goodResult, latencies, resultOf } from "./fixtures.ts"

const VOID = new Set(["meta", "wbr", "br"])

/** The first fault in the nesting of the tags, or `undefined`. */
const nestingFault = (source: string): string | undefined => {
  const open: Array<string> = []
  const tags = source
    .replace(/<style>[^]*?<\/style>/, "")
    .matchAll(/<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<>]*")?)*)\s*(\/?)>/g)
  for (const [whole, slash, name = "", , self] of tags) {
    if (self === "/" || VOID.has(name)) continue
    if (slash !== "/") open.push(name)
    else if (open.pop() !== name) return `${whole} closes what is not open`
  }
  return open.length === 0 ? undefined : `not closed: ${open.join(", ")}`
}

/** Every `<` that does not begin a tag: unescaped text or a malformed tag. */
const strayBrackets = (source: string): ReadonlyArray<string> =>
  source
    .replace(/<style>[^]*?<\/style>/, "")
    .replace("<!doctype html>", "")
    .match(/<(?!\/?[a-z][a-z0-9]*(?:\s+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<>]*")?)*\s*\/?>)[^]{0,40}/g) ?? []

const drawings = (source: string): ReadonlyArray<string> => source.match(/<svg[^]*?<\/svg>/g) ?? []

/** Slices of one second each. */
const slicesOf = (...answered: ReadonlyArray<number>): ReadonlyArray<Slice> =>
  answered.map((requests, from) => ({ from, length: 1, requests, errors: 0, mean: 1, p50: 1, p99: 2, max: 3 }))

const hostile = `<script>alert("x")</script>'&`

const results: ReadonlyArray<readonly [string, LoadResult]> = [
  ["an open loop", goodResult()],
  ["a closed loop", closedResult()],
  ["nothing", emptyResult()],
  ["one request", resultOf({ values: [0.37] })],
  ["two equal requests", resultOf({ values: [2, 2] })],
  ["latencies of zero", resultOf({ values: [0, 0, 0], duration: 1 })],
  ["a single second", resultOf({ values: latencies(1000), duration: 1 })],
  ["huge outliers", resultOf({ values: [...latencies(5000), 600_000], duration: 30 })],
  ["the tiniest latencies", resultOf({ values: latencies(500, 0.000_01), duration: 1 })],
  ["all failed", resultOf({ values: [], errors: { refused: 1000 }, duration: 5 })],
  ["half failed", resultOf({ values: latencies(500), errors: { timeout: 400, closed: 100 }, duration: 5 })],
  ["a long run", resultOf({ values: latencies(9000), rate: 10 })],
  ["no time", { ...resultOf({ values: latencies(10) }), total_duration_seconds: 0, requests_per_second: 0 }],
  [
    "hostile text",
    { ...closedResult(), host: hostile, start_time: hostile, errors: { [hostile]: 1 }, failed_requests: 1 }
  ]
]

const pages = results.map(([name, result]) => [name, html(result)] as const)

describe("html", () => {
  it.each(pages)("is well formed for %s", (_, page) => {
    assert.isUndefined(nestingFault(page))
    assert.deepStrictEqual(strayBrackets(page), [])
    assert.notMatch(page, /NaN|Infinity|undefined|\bnull\b|\[object/)
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
  })

  it.each(pages)("gives every drawing of %s a view box, a title and a description", (_, page) => {
    for (const drawing of drawings(page)) {
      assert.match(drawing, /^<svg role="group" viewBox="0 0 \d+ \d+" aria-labelledby="([a-z-]+)-title \1-desc">/)
      assert.match(drawing, /<title id="[a-z-]+-title">[^<]+<\/title>\n<desc id="[a-z-]+-desc">[^<]{20,}<\/desc>/)
      assert.match(drawing, /<text class="axis-title"[^>]*>(?:latency \(ms\)|% of requests|requests\/s)/)
    }
  })

  it.each(pages)("draws nothing of %s outside its view box", (_, page) => {
    for (const drawing of drawings(page)) {
      const [, width = "0", height = "0"] = /viewBox="0 0 (\d+) (\d+)"/.exec(drawing) ?? []
      const attributes = [...drawing.matchAll(/ c?([xy])[12]?="(-?[0-9.]+)"/g)].map(([, axis, value]) => [axis, value])
      const paths = [...drawing.matchAll(/ d="([^"]+)"/g)].map(([, path = ""]) => path)
      const points = paths.flatMap((path) =>
        [...path.matchAll(/[ML](-?[0-9.]+) (-?[0-9.]+)/g)].flatMap(([, x, y]) => [
          ["x", x],
          ["y", y]
        ])
      )
      const outside = [...attributes, ...points].filter(
        ([axis, value]) => !(Number(value) >= 0 && Number(value) <= Number(axis === "x" ? width : height))
      )
      assert.deepStrictEqual(outside, [])
      for (const path of paths) assert.match(path, /^(?:[ML]-?[0-9.]+ -?[0-9.]+)+Z?$/)
    }
  })

  it("has the four charts, for wide and for narrow screens, each with its data", () => {
    const page = html(goodResult())
    assert.strictEqual(drawings(page).length, 8)
    assert.strictEqual(page.match(/<details>/g)?.length, 4)
    for (const heading of [
      "Latency by percentile",
      "Latency histogram",
      "Throughput over time",
      "Latency over time",
      "PUT against GET",
      "Assessment",
      "The run"
    ]) {
      assert.match(page, new RegExp(`<h2[^>]*>${heading}</h2>`))
    }
  })

  it("draws no chart without measurements", () => {
    assert.strictEqual(drawings(html(emptyResult())).length, 0)
    // The failures over time must still show.
    assert.strictEqual(drawings(html(resultOf({ values: [], errors: { refused: 9 }, duration: 2 }))).length, 4)
  })

  it("lists what failed requests were told", () => {
    const failed = resultOf({ values: latencies(500), errors: { refused: 30, timeout: 1 }, duration: 5 })
    const told = [{ kind: "refused", message: "CLUSTERDOWN Hash slot not served", count: 20 }]
    const page = html({ ...failed, error_messages: told })
    assert.include(page, "<h2>Failed requests</h2>")
    const row = (count: number, message: string) =>
      `<tr><th scope="row">refused</th><td>${count}</td><td><code>${message}</code></td></tr>`
    assert.include(page, `${row(20, "CLUSTERDOWN Hash slot not served")}\n${row(10, "other messages")}`)
    assert.isUndefined(nestingFault(page))
    assert.notInclude(html(failed), "Failed requests")
  })

  it("loads nothing and runs nothing", () => {
    const page = html(goodResult())
    assert.include(page, `content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"`)
    assert.notMatch(page, /<script|<link|<img|<iframe|url\(|@import|\bhref=|\bsrc=|\son[a-z]+=/i)
    assert.match(page, /@media \(prefers-color-scheme: dark\)/)
    assert.include(page, `name="viewport"`)
    assert.match(page, /^<!doctype html>\n<html lang="en">/)
  })

  it("escapes text from outside", () => {
    const result = {
      ...closedResult(),
      host: hostile,
      start_time: hostile,
      errors: { [hostile]: 1 },
      error_messages: [{ kind: hostile, message: hostile, count: 1 }],
      failed_requests: 1,
      versions: { kv_cache: hostile, node: hostile },
      machine: { cpu: hostile, cores: 1, platform: hostile }
    }
    const page = html(result, { program: hostile })
    assert.notInclude(page, "<script")
    assert.include(page, "<h1>&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;:7171</h1>")
    assert.isAtLeast(page.split("&lt;script&gt;").length - 1, 10)
    assert.strictEqual(
      markup`<p title="${`"><b`}">${"a\u0000b"}</p>`.source,
      `<p title="&quot;&gt;&lt;b">a\u{FFFD}b</p>`
    )
  })

  it("shows the verdict, the warnings, the assertions, and how to repeat the run", () => {
    const result = closedResult()
    const assertions = checkAll(
      ["p99<5ms", "errors=0"].map((text) => Result.getOrThrow(parse(text))),
      result
    )
    const page = html({ ...result, ended: "interrupted" }, { assertions, program: "node dist/main.js" })
    // There is one verdict, and nothing better stands beside a failed assertion.
    assert.deepStrictEqual(page.match(/<p class="verdict [^<]*<\/p>/g), [
      `<p class="verdict bad">1 of 2 assertions not met: p99&lt;5ms. Minimum met, target missed: mean latency, p99 latency</p>`
    ])
    assert.include(page, "<title>Load test of localhost:7171: an assertion was not met</title>")
    assert.include(page, "The run was interrupted")
    assert.include(page, "<code>--rate 10000 --duration 10s</code>")
    assert.include(page, "<pre><code>node dist/main.js loadtest --host localhost")
    assert.include(page, "--assert &#39;p99&lt;5ms&#39;")
    assert.include(page, "KV-Cache 0.1.0, Node v22.1.0")
    assert.include(page, "Example CPU @ 3.00GHz, 4 cores")
    const good = { ...goodResult(), total_duration_seconds: 3 }
    assert.include(html(good), `<p class="verdict good">All five targets met</p>`)
    assert.notInclude(html(good), "Before you trust these figures")
  })

  it("is never green if an assertion failed, even if all targets were met", () => {
    const assertions = checkAll([Result.getOrThrow(parse("p99<1us"))], goodResult())
    const page = html(goodResult(), { assertions })
    assert.include(page, `<p class="verdict bad">1 of 1 assertion not met: p99&lt;1us</p>`)
    assert.notInclude(page, "targets met")
  })

  it("separates latency from service time in an open loop, and shows the schedule lag", () => {
    const open = html(goodResult())
    assert.include(open, `<th scope="col">Service time</th>`)
    assert.include(open, "<dt>Schedule lag</dt>")
    assert.notInclude(html(closedResult()), "Service time")
  })

  it("shows the value of each part of a chart under the pointer or with the focus", () => {
    const page = html(goodResult())
    for (const drawing of drawings(page)) {
      const spots = [
        ...drawing.matchAll(/<g class="spot" tabindex="0" role="img" aria-label="([^"]+)"><title>([^<]+)<\/title>/g)
      ]
      assert.isAtLeast(spots.length, 5)
      for (const [, label, title] of spots) assert.strictEqual(label, title)
    }
    assert.include(page, "<title>50 % took at most ")
    assert.match(page, /<title>[\d.]+ ms to [\d.]+ ms: [\d.]+ % of the requests<\/title>/)
    assert.match(page, /<title>0 ms to 160 ms: 10,000 requests\/s<\/title>/)
    assert.match(page, /<title>0 ms to 160 ms: p50 [\d.]+ ms, p99 [\d.]+ ms<\/title>/)
  })
})

describe("percentileCurve", () => {
  const draw = (result: LoadResult): string =>
    LatencyChart.percentileCurve({ id: "c", size: { width: 800, height: 300 } }, result.percentiles, result.latency.all)
      .source

  const labels = (source: string): ReadonlyArray<string> =>
    [...source.matchAll(/text-anchor="middle">([^<]+)</g)].map(([, label]) => label ?? "")

  it("has another nine for each tenfold of requests", () => {
    assert.deepStrictEqual(labels(draw(resultOf({ values: latencies(100) }))), ["50", "90", "99"])
    assert.deepStrictEqual(labels(draw(resultOf({ values: latencies(10_000) }))), ["50", "90", "99", "99.9", "99.99"])
  })

  it("spaces the nines equally", () => {
    const source = draw(resultOf({ values: latencies(100_000) }))
    const places = [...source.matchAll(/<text x="([0-9.]+)"[^>]+text-anchor="middle">/g)].map(([, x]) => Number(x))
    const steps = places.slice(2).map((place, index) => place - (places[index + 1] ?? 0))
    for (const step of steps) assert.approximately(step, steps[0] ?? 0, 0.3)
  })

  it("never falls", () => {
    const [, path = ""] = /class="line first" d="([^"]+)"/.exec(draw(resultOf({ values: latencies(50_000) }))) ?? []
    const points = [...path.matchAll(/[ML]([0-9.]+) ([0-9.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const)
    assert.isAbove(points.length, 50)
    points.reduce(([x, y], next) => {
      assert.isTrue(next[0] >= x && next[1] <= y)
      return next
    })
  })

  it("turns logarithmic only if outliers would press the rest onto the axis", () => {
    assert.notInclude(draw(resultOf({ values: [1, 2, 3, 4, 5] })), "logarithmic")
    assert.include(draw(resultOf({ values: [1, 1, 1, 1, 5000] })), "latency (ms), logarithmic")
  })

  it("always names the median, even when room is short", () => {
    for (const [, result] of results.filter(([, { latency }]) => latency.all.count > 0)) {
      for (const width of [350, 860]) {
        const drawing = { id: "c", size: { width, height: 300 } }
        const { source } = LatencyChart.percentileCurve(drawing, result.percentiles, result.latency.all)
        assert.match(source, /<text class="name"[^>]*>p50 /)
      }
    }
  })

  it("describes the curve in words", () => {
    assert.include(
      draw(resultOf({ values: Array.from({ length: 1000 }, (_, index) => index + 1) })),
      "Half of the requests took at most 500 ms, 90 % at most 900 ms, 99 % at most 990 ms, 99.9 % at most 999 ms; " +
        "the slowest took 1,000 ms."
    )
  })
})

describe("barsOf", () => {
  const sum = (bars: ReadonlyArray<LatencyChart.Bar>): number => bars.reduce((total, { share }) => total + share, 0)

  it("keeps buckets of equal ratio as they are", () => {
    const buckets = [1, 2, 4].map((from) => ({ from, to: from * 2, count: from }))
    assert.deepStrictEqual(
      LatencyChart.barsOf(buckets).map(({ share }) => share),
      [1 / 7, 2 / 7, 4 / 7]
    )
  })

  it("splits other buckets so that every request is counted once", () => {
    const linear = Array.from({ length: 200 }, (_, index) => ({ from: index, to: index + 1, count: index % 7 }))
    const bars = LatencyChart.barsOf(linear)
    assert.strictEqual(bars.length, 40)
    assert.approximately(sum(bars), 1, 1e-9)
    for (const [index, bar] of bars.entries()) {
      assert.approximately(bar.to / bar.from, (bars[0]?.to ?? 0) / (bars[0]?.from ?? 1), 1e-9)
      if (index > 0) assert.strictEqual(bar.from, bars[index - 1]?.to)
    }
  })

  it("puts latencies of 0 into the first bar", () => {
    const bars = LatencyChart.barsOf([
      { from: 0, to: 0.001, count: 5 },
      { from: 1, to: 2, count: 5 }
    ])
    assert.approximately(sum(bars), 1, 1e-9)
    assert.approximately(
      bars.filter(({ to }) => to <= 0.0012).reduce((total, { share }) => total + share, 0),
      0.5,
      0.05
    )
  })

  it("has no bars without requests", () => {
    assert.deepStrictEqual(LatencyChart.barsOf([]), [])
    assert.deepStrictEqual(LatencyChart.barsOf([{ from: 1, to: 2, count: 0 }]), [])
  })
})

describe("slicesOf", () => {
  it("fills seconds without requests with zeros", () => {
    const [first, , third] = slicesOf(10, 20, 30)
    const slices = TimeChart.slicesOf(first === undefined || third === undefined ? [] : [first, third], 4)
    assert.deepStrictEqual(
      slices.map(({ requests }) => requests),
      [10, 0, 30, 0]
    )
  })

  it("shortens the last second to its real length, and leaves out a short rest", () => {
    assert.deepStrictEqual(
      TimeChart.slicesOf(slicesOf(10, 5), 1.5).map(({ length, requests }) => [length, requests]),
      [
        [1, 10],
        [0.5, 5]
      ]
    )
    assert.strictEqual(TimeChart.slicesOf(slicesOf(10, 1), 1.1).length, 1)
    assert.strictEqual(TimeChart.slicesOf(slicesOf(3), 0.01).length, 1)
    assert.deepStrictEqual(TimeChart.slicesOf([], 5), [])
  })

  it("is finer for a shorter run", () => {
    const row = Array.from({ length: 24 }, (_, index) => index).filter((index) => index !== 7)
    const [own] = slicesOf(9)
    const slices = row.flatMap((index) => (own === undefined ? [] : [{ ...own, from: index * 0.05, length: 0.05 }]))
    const drawn = TimeChart.slicesOf(slices, 1.2)
    assert.strictEqual(drawn.length, 24)
    assert.deepStrictEqual([drawn[7]?.from, drawn[7]?.requests, drawn[8]?.requests], [0.35, 0, 9])
  })

  it("breaks the latency line at slices without answers", () => {
    const slices = TimeChart.slicesOf(slicesOf(10, 10, 0, 10, 10), 5)
    const { source } = TimeChart.latencyOverTime({ id: "c", size: { width: 800, height: 300 } }, slices)
    assert.strictEqual(source.match(/<path class="line"/g)?.length, 4)
  })

  it("scales a partial second to a rate per second", () => {
    const slices = TimeChart.slicesOf(slicesOf(100, 50), 1.5)
    const { source } = TimeChart.throughputOverTime({ id: "c", size: { width: 800, height: 300 } }, slices)
    assert.include(source, "Between 100 and 100 requests were answered per second")
  })
})
