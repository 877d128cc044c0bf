import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { checkAll, parse } from "../../src/loadtest/Assertion.ts"
import * as Assessment from "../../src/loadtest/Assessment.ts"
import { commandLine } from "../../src/loadtest/CommandLine.ts"
import { littlesLaw, warnings } from "../../src/loadtest/Findings.ts"
import * as Format from "../../src/chart/Format.ts"
import type { LoadResult } from "../../src/loadtest/LoadResult.ts"
import { compare, differences, summary } from "../../src/loadtest/Report.ts"
import { closedResult, emptyResult, goodResult, latencies, latencyOf, resultOf } from "./fixtures.ts"

const withSettings = (result: LoadResult, settings: Partial<LoadResult["settings"]>): LoadResult => ({
  ...result,
  settings: { ...result.settings, ...settings }
})

const withGenerator = (result: LoadResult, generator: Partial<LoadResult["generator"]>): LoadResult => ({
  ...result,
  generator: { ...result.generator, ...generator }
})

/** The words of the line that begins with the label. */
const line = (text: string, label: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .find((candidate) => candidate.trim().startsWith(label))
    ?.trim()
    .split(/\s{2,}/) ?? []

/** The text without line breaks and columns, as a person reads it. */
const flat = (text: string): string => text.replace(/\s+/g, " ")

const awkward: ReadonlyArray<readonly [string, LoadResult]> = [
  ["nothing", emptyResult()],
  ["one request", resultOf({ values: [0.37] })],
  ["one failure", resultOf({ values: [], errors: { timeout: 1 }, duration: 5 })],
  ["latencies of zero", resultOf({ values: [0, 0, 0], duration: 1 })],
  ["huge outliers", resultOf({ values: [...latencies(5000), 600_000], duration: 600 })],
  ["no time", { ...resultOf({ values: latencies(10) }), total_duration_seconds: 0, requests_per_second: 0 }]
]

describe("summary", () => {
  it("describes the run, closed loop", () => {
    const text = summary(closedResult())
    assert.match(text, /^Load test of localhost:7171\n/)
    assert.include(text, "closed loop")
    assert.deepStrictEqual(line(text, "connections"), ["connections", "100, 1 request in flight on each"])
    assert.include(flat(text), "1,200 per connection, 50 % PUT, keys of 16 bytes, values of 64 bytes, no TTL")
    assert.include(text, "each connection asks for keys that it has put")
    assert.deepStrictEqual(line(text, "seed"), ["seed", "42"])
    assert.include(text, "2026-03-01 12:00:00 UTC")
  })

  it("describes the run, open loop, with shared keys, a pipeline and a TTL", () => {
    const settings = { pipeline: 8, keys: 100_000, distribution: "zipf", ttl_seconds: 60 } as const
    const text = summary(withSettings(goodResult(), settings))
    assert.include(text, "open loop: 10,000 requests/s on a fixed schedule")
    assert.include(text, "100, 8 requests in flight on each")
    assert.include(flat(text), "100,000 keys shared by all and preloaded, zipf with exponent 0.99")
    assert.include(flat(text), "TTL 60 s")
    assert.include(text, "for 4 s")
  })

  it("gives the latencies of all, PUT and GET", () => {
    const values = latencies(20_000, 3)
    const text = summary(resultOf({ values }))
    const naive = [
      values,
      values.filter((_, index) => index % 2 === 0),
      values.filter((_, index) => index % 2 === 1)
    ].map(latencyOf)
    assert.deepStrictEqual(line(text, "latency (ms)"), ["latency (ms)", "all", "PUT", "GET"])
    for (const name of ["min", "mean", "p50", "p90", "p95", "p99", "max", "stddev"] as const) {
      assert.deepStrictEqual(line(text, `${name} `), [name, ...naive.map((latency) => latency[name].toFixed(3))])
    }
    assert.deepStrictEqual(line(text, "p99.9 "), ["p99.9", ...naive.map(({ p999 }) => p999.toFixed(3))])
    assert.deepStrictEqual(line(text, "p99.99 "), ["p99.99", ...naive.map(({ p9999 }) => p9999.toFixed(3))])
  })

  it("counts requests, errors by kind, and hits", () => {
    const text = summary(resultOf({ values: latencies(1000), errors: { closed: 2, wrong_value: 10 }, misses: 5 }))
    assert.include(text, "1,012 (506 PUTs, 506 GETs)")
    assert.include(text, "12 (1.2 %): 10 wrong value, 2 closed")
    assert.include(text, "99 % (495 hits, 5 misses)")
    assert.include(summary(goodResult()), "errors         none")
  })

  it("lists what failed requests were told, by kind, and how many of them", () => {
    const result = {
      ...resultOf({ values: latencies(5000), errors: { refused: 1250, timeout: 9, closed: 2 } }),
      error_messages: [
        { kind: "refused", message: "CLUSTERDOWN Hash slot not served", count: 1200 },
        { kind: "refused", message: "LOADING Redis is loading the dataset in memory, which takes a while", count: 40 },
        { kind: "closed", message: "the server closed it", count: 2 }
      ]
    }
    assert.include(
      summary(result),
      [
        "",
        "  failed requests   count   message",
        "  refused           1,200   CLUSTERDOWN Hash slot not served",
        "  refused              40   LOADING Redis is loading the dataset in memory,",
        "                            which takes a while",
        "  refused              10   other messages",
        "  closed                2   the server closed it",
        ""
      ].join("\n")
    )
    assert.include(summary(result), "refused, 9 timeout, 2 closed")
    assert.notInclude(summary(resultOf({ values: latencies(5000), errors: { timeout: 9 } })), "failed requests")
  })

  it("shows the assessment with marks in both columns, the note, and the verdict last", () => {
    const text = summary(closedResult())
    assert.match(text, /mean latency +2\.65 ms {3}✗ < 1 ms +✓ ≤ 10 ms/)
    assert.match(text, /error rate +0 % {3}✓ 0 % +✓ 0 %/)
    assert.include(text, "To measure latency below saturation, run it with --rate 10000 --duration 10s")
    assert.match(text, /\nMinimum met, target missed: mean latency, p99 latency\.$/)
    assert.match(summary(goodResult()), /\nAll five targets met\.$/)
    assert.notInclude(summary(goodResult()), "--rate")
  })

  it("shows assertions with the actual figures", () => {
    const result = closedResult()
    const assertions = ["p99<5ms", "rps>10000"].map((text) => Result.getOrThrow(parse(text)))
    const text = summary(result, { assertions: checkAll(assertions, result) })
    assert.match(text, /✗ p99<5ms +5\.82 ms/)
    assert.match(text, /✓ rps>10000 +37,/)
    assert.notInclude(summary(result), "assertions")
  })

  it("uses colours only on request, and without moving anything", () => {
    const result = closedResult()
    const plain = summary(result)
    const colored = summary(result, { colors: true })
    assert.notInclude(plain, "\u001b")
    assert.include(colored, "\u001b[31m✗ < 1 ms")
    const uncolored = colored.replace(/\u001b\[[0-9]+m/g, "").replace(/ +$/gm, "")
    assert.strictEqual(uncolored, plain)
  })

  it("lets no escape sequence through to the terminal", () => {
    const hostile = {
      ...closedResult(),
      host: "\u001b]0;evil\u0007",
      errors: { "\u001b[2J": 1 },
      failed_requests: 1,
      error_messages: [{ kind: "\u001b[2J", message: "\u001b[2J", count: 1 }]
    }
    assert.notInclude(summary(hostile), "\u001b")
    assert.notInclude(compare(hostile, goodResult(), { names: ["\u001b[2J", "b"] }), "\u001b")
  })

  it.each(awkward)("is free of nonsense for %s", (_, result) => {
    assert.notMatch(summary(result), /NaN|Infinity|undefined|null|e[-+][0-9]/)
    assert.notMatch(compare(result, goodResult()), /NaN|Infinity|undefined|null|e[-+][0-9]/)
    assert.notMatch(compare(goodResult(), result), /NaN|Infinity|undefined|null|e[-+][0-9]/)
  })

  it("keeps within the width of a terminal, without blanks at the end of a line", () => {
    const result = withGenerator(goodResult(), { event_loop_utilization: 0.97, schedule_lag_max: 4000, unsent: 12 })
    for (const text of summary(result).split("\n")) {
      assert.isAtMost(text.length, 80, text)
      assert.strictEqual(text, text.trimEnd())
    }
  })
})

describe("littlesLaw", () => {
  it("is the sum of the latencies divided by the time, computed naively", () => {
    const values = latencies(5000, 2)
    const law = littlesLaw(resultOf({ values, connections: 20, duration: 3 }))
    const sum = values.reduce((total, value) => total + value, 0)
    assert.approximately(law?.inFlight ?? 0, sum / 1000 / 3, 1e-9)
    assert.approximately(law?.throughput ?? 0, 5000 / 3, 1e-9)
    assert.strictEqual(law?.asked, 20)
  })

  it("agrees within 10 % in a closed loop, and says so if not", () => {
    const agreeing = resultOf({ values: latencies(60_000, 2), connections: 8, pipeline: 4 })
    assert.isTrue(littlesLaw(agreeing)?.agrees)
    assert.include(flat(summary(agreeing)), "they agree")
    const within = { ...agreeing, total_duration_seconds: agreeing.total_duration_seconds * 1.1 }
    assert.isTrue(littlesLaw(within)?.agrees)
    const idle = { ...agreeing, total_duration_seconds: agreeing.total_duration_seconds * 1.12 }
    assert.isFalse(littlesLaw(idle)?.agrees)
    assert.include(flat(summary(idle)), "do NOT agree within 10 %")
    assert.include(warnings(idle).join(), "connections were idle")
    const impossible = { ...agreeing, total_duration_seconds: agreeing.total_duration_seconds / 1.2 }
    assert.include(warnings(impossible).join(), "more than were sent")
    const failing = { ...idle, failed_requests: 5 }
    assert.include(warnings(failing).join(), "requests that failed")
  })

  it("is the mean number in flight in an open loop", () => {
    const result = goodResult()
    assert.isTrue(littlesLaw(result)?.agrees)
    assert.match(summary(result), /= 4\.\d+ requests in\s+flight on average/)
  })

  it("has nothing to check without answers", () => {
    assert.isUndefined(littlesLaw(emptyResult()))
    assert.include(summary(emptyResult()), "no answers to check")
  })
})

describe("warnings", () => {
  it("are none for a sound run", () => {
    assert.deepStrictEqual(warnings(goodResult()), [])
    assert.deepStrictEqual(warnings(closedResult()), [])
  })

  it.each<[string, LoadResult, string]>([
    ["an interrupted run", { ...closedResult(), ended: "interrupted" }, "was interrupted"],
    ["a lost server", { ...closedResult(), ended: "server lost" }, "server was lost"],
    ["a busy event loop", withGenerator(closedResult(), { event_loop_utilization: 0.91 }), "event loop was 91 % busy"],
    ["a late event loop", withGenerator(closedResult(), { event_loop_delay_p99: 5.1 }), "5.10 ms late at p99"],
    ["a full machine", withGenerator(closedResult(), { cpu: 3.7 }), "3.7 of 4 cores"],
    ["a mean lag", withGenerator(goodResult(), { schedule_lag_mean: 0.06 }), "0.0600 ms late on average"],
    ["a large lag", withGenerator(goodResult(), { schedule_lag_max: 101 }), "101 ms at most"],
    ["requests never sent", withGenerator(goodResult(), { unsent: 1 }), "1 request whose moment had come"],
    ["a rate not kept", { ...goodResult(), requests_per_second: 8000 }, "Only 8,000 of the 10,000 requests/s"],
    ["few answers", resultOf({ values: latencies(999, 500), connections: 2 }), "There were only 999 answers"]
  ])("tell of %s", (_, result, text) => {
    assert.strictEqual(warnings(result).length, 1)
    assert.include(warnings(result)[0], text)
    assert.include(flat(summary(result)), text)
  })

  it("of a short run are a single one, which asks for a longer run", () => {
    for (const result of [
      resultOf({ values: latencies(10_000, 2) }),
      resultOf({ values: latencies(10_000, 0.4), rate: 10_000 })
    ]) {
      const busy = withGenerator(result, { event_loop_utilization: 1, event_loop_delay_p99: 90, cpu: 4 })
      const short = { ...busy, total_duration_seconds: busy.total_duration_seconds * 1.2 }
      assert.strictEqual(warnings(short).length, 1)
      assert.strictEqual(summary(short).split("--duration 10s").length, 2)
    }
    assert.notInclude(summary({ ...emptyResult(), ended: "interrupted" }), "--duration 10s")
  })

  it("do not mention sound figures", () => {
    assert.deepStrictEqual(warnings(withGenerator(closedResult(), { event_loop_utilization: 0.9 })), [])
    assert.deepStrictEqual(warnings(withGenerator(goodResult(), { event_loop_delay_p99: 4 })), [])
    assert.deepStrictEqual(
      warnings(withGenerator(goodResult(), { schedule_lag_mean: 0.04, schedule_lag_max: 100 })),
      []
    )
  })
})

describe("compare", () => {
  it("gives both figures, the ratio of the second to the first, how much they vary, and which is better", () => {
    const a = resultOf({ values: latencies(50_000, 1), connections: 2, duration: 4, misses: 12_500 })
    const b = resultOf({ values: latencies(50_000, 2), connections: 2, duration: 2 })
    const text = compare(a, b, { names: ["before.json", "after.json"] })
    assert.deepStrictEqual(line(text, "before.json"), ["before.json", "after.json", "ratio", "noise"])
    const rate = ["requests/second", "12,500", "25,000", "2.00×", "± 5 %", "better"]
    assert.deepStrictEqual(line(text, "requests/second"), rate)
    assert.deepStrictEqual(line(text, "latency p99 ").slice(3), ["2.00×", "± 5 %", "worse"])
    assert.deepStrictEqual(line(text, "hit rate"), ["hit rate", "50 %", "100 %", "2.00×", "better"])
    assert.deepStrictEqual(line(text, "verdict").slice(1), [Assessment.assess(a).verdict, Assessment.assess(b).verdict])
    assert.match(flat(text), /Worse: latency mean, latency p50, latency p99; better: requests\/second, hit rate\.$/)
  })

  it("computes each ratio by a plain division", () => {
    const [a, b] = [closedResult(), resultOf({ values: latencies(120_000, 0.9) })]
    const text = compare(a, b)
    for (const name of ["mean", "p50", "p99", "max"] as const) {
      const [, first, second, ratio] = line(text, `latency ${name} `)
      assert.strictEqual(first, Format.millis(a.latency.all[name]))
      assert.strictEqual(second, Format.millis(b.latency.all[name]))
      assert.strictEqual(ratio, `${(b.latency.all[name] / a.latency.all[name]).toFixed(2)}×`)
    }
  })

  it("sees no difference if the runs themselves vary by more", () => {
    const a = closedResult()
    const alike = compare(a, { ...a, requests_per_second: a.requests_per_second * 0.96 })
    assert.deepStrictEqual(line(alike, "requests/second").slice(-1), ["no difference"])
    assert.match(
      flat(alike),
      /No difference in requests\/second, mean, p50, p99, error rate or hit rate: [^:]* vary\.$/
    )
    // A row that differs without counting is named, so that no row contradicts the last line.
    const { all } = a.latency
    const faster = compare(a, { ...a, latency: { ...a.latency, all: { ...all, min: all.min / 2, p90: all.p90 * 2 } } })
    assert.match(flat(faster), /No difference in .* vary\. Not counted: latency min better, latency p90 worse\.$/)
    // The same figures for a run that was twice as fast in every other tenth.
    const restless = (result: LoadResult): LoadResult => ({
      ...result,
      slices: result.slices.map((slice, index) => ({
        ...slice,
        requests: slice.requests * (Math.floor(index / 2) % 2 === 0 ? 1 : 2)
      }))
    })
    const slower = { ...a, requests_per_second: a.requests_per_second * 0.7 }
    assert.deepStrictEqual(line(compare(a, slower), "requests/second").slice(-1), ["worse"])
    assert.deepStrictEqual(line(compare(restless(a), restless(slower)), "requests/second").slice(-1), ["no difference"])
  })

  it("does not judge runs that are too short to vary", () => {
    const tiny = { ...closedResult(), slices: closedResult().slices.slice(0, 3) }
    const text = compare(tiny, tiny)
    assert.deepStrictEqual(line(text, "requests/second").slice(-1), ["too short"])
    assert.match(text, /\nThe runs were too short/)
    // Ten parts of ten answers each do not tell how a p99 varies.
    const few = resultOf({ values: latencies(100), connections: 4, duration: 4 })
    assert.deepStrictEqual(line(compare(few, few), "latency p99 ").slice(-1), ["too short"])
  })

  it("of an overloaded open loop says that most requests were due, not in flight", () => {
    const overloaded = resultOf({ values: latencies(10_000, 1000), rate: 10_000, connections: 100 })
    assert.match(flat(summary(overloaded)), /requests due on average, at most 100 of them in flight/)
    assert.match(flat(summary(goodResult())), /requests in flight on average/)
  })

  it("of an open loop that was broken off does not say that the server is saturated", () => {
    const result = goodResult()
    const slow = { ...result, requests_per_second: 9000 }
    assert.include(flat(summary(slow)), "the server is saturated")
    assert.notInclude(flat(summary({ ...slow, ended: "interrupted" })), "the server is saturated")
  })

  it("refuses to compare an open loop with a closed one", () => {
    for (const [a, b] of [
      [closedResult(), goodResult()],
      [goodResult(), closedResult()]
    ] as const) {
      const text = compare(a, b)
      assert.match(
        flat(text),
        /! Not comparable: the first run is an? (open|closed) loop, the second an? (open|closed) one/
      )
      assert.notMatch(text, /\bratio\b|[0-9]×|better|worse/)
      assert.strictEqual(line(text, "latency p99 ").length, 3)
    }
  })

  it("does not mention fairness if only server, version and seed differ", () => {
    const a = closedResult()
    const b = { ...a, host: "example.org", seed: 7, versions: { ...a.versions, kv_cache: "0.2.0" } }
    assert.deepStrictEqual(differences(a, b), [])
    assert.notInclude(compare(a, b), "fair")
  })

  it("warns if settings differ, and names them", () => {
    const a = closedResult()
    const b = withSettings({ ...a, connections: 50, put_ratio: 0.1 }, { pipeline: 8, value_size: 128, keys: 1000 })
    assert.deepStrictEqual(differences(a, b), [
      "connections: 100 against 50",
      "pipeline: 1 against 8",
      "share of PUTs: 50 % against 10 %",
      "value size: 64 against 128",
      "shared keys: none against 1,000"
    ])
    const text = compare(a, b)
    assert.include(text, "Not a fair comparison")
    assert.include(text, "pipeline: 1 against 8")
  })

  it("warns of different machines and of a run that is not sound", () => {
    const a = closedResult()
    const b: LoadResult = { ...a, machine: { ...a.machine, cores: 8 }, ended: "interrupted" }
    assert.include(differences(a, b)[0], "machine: Example CPU @ 3.00GHz, 4 cores")
    assert.include(compare(a, b), "! b: The run was interrupted")
  })

  it("compares 0 with something", () => {
    const text = compare(emptyResult(), closedResult())
    assert.deepStrictEqual(line(text, "latency p99 "), ["latency p99", "-", "5.82 ms"])
    const zeroAndSome = compare(closedResult(), { ...closedResult(), error_rate: 0.5 })
    assert.deepStrictEqual(line(zeroAndSome, "error rate"), ["error rate", "0 %", "50 %", "worse"])
  })
})

describe("commandLine", () => {
  it("names every setting", () => {
    assert.strictEqual(
      commandLine(closedResult(), [], "kv-cache"),
      "kv-cache loadtest --host localhost --port 7171 --connections 100 --requests 1200 --pipeline 1 --ratio 0.5 " +
        "--key-size 16 --value-size 64 --ttl 0 --warmup 250ms --timeout 5s --threads 1 --seed 42"
    )
    const assertions = [Result.getOrThrow(parse("p99<5ms"))]
    const result = withSettings(goodResult(), { keys: 100_000, distribution: "zipf", duration_seconds: 90 })
    const text = commandLine(result, assertions, "node dist/main.js")
    assert.match(text, /^node dist\/main\.js loadtest /)
    assert.include(text, "--duration 90s --rate 10000 ")
    assert.include(text, "--keys 100000 --distribution zipf --zipf-exponent 0.99 ")
    assert.include(text, "--assert 'p99<5ms'")
  })

  it("quotes words that a shell would interpret", () => {
    const text = commandLine({ ...closedResult(), host: "a'; rm -rf ~" }, [], "kv-cache")
    assert.include(text, String.raw`--host 'a'\''; rm -rf ~' --port`)
  })
})

describe("Format", () => {
  it("writes figures with their significant digits", () => {
    assert.deepStrictEqual(
      [0, 0.0004, 0.1234, 4.567, 45.67, 456.7, 45_678.9].map((value) => Format.millis(value)),
      ["0 ms", "0.000400 ms", "0.123 ms", "4.57 ms", "45.7 ms", "457 ms", "45,679 ms"]
    )
    assert.deepStrictEqual(
      [0, 1, 0.5, 0.123_456, 0.999_87, 1e-7].map((share) => Format.percent(share)),
      ["0 %", "100 %", "50 %", "12.3 %", "99.987 %", "0.00001 %"]
    )
    assert.deepStrictEqual([0, 0.25, 3.214, 119.5, 120, 750].map(Format.seconds), [
      "0 ms",
      "250 ms",
      "3.21 s",
      "119.5 s",
      "2 min",
      "12 min 30 s"
    ])
    assert.deepStrictEqual([0, 8000, 10_000].map(Format.compact(10_000)), ["0", "8k", "10k"])
    assert.deepStrictEqual([500_000, 1_500_000].map(Format.compact(1_500_000)), ["0.5M", "1.5M"])
    assert.deepStrictEqual([0, 0.05, 1, 1.5, 86_400].map(Format.secondsFlag), ["0s", "50ms", "1s", "1.5s", "86400s"])
    assert.strictEqual(Format.fixed(-1_234_567.891, 2), "-1,234,567.89")
    assert.strictEqual(Format.fixed(-0.001, 2), "0.00")
    assert.strictEqual(Format.plural(1, "request"), "1 request")
    assert.strictEqual(Format.moment("yesterday"), "yesterday")
  })
})
