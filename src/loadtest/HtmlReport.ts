/**
 * A result as one HTML file that can be sent to others. It needs no network and no script, has a light and a dark
 * style, and fits screens of any width.
 *
 * It is made from a result alone and written elsewhere: see `cli/LoadTestCommand.ts`. `Report.ts` makes the report for
 * a terminal. The charts are in `src/chart`, with the stylesheet.
 */
import * as Format from "../chart/Format.ts"
import type { Drawing } from "../chart/Frame.ts"
import * as LatencyChart from "../chart/LatencyChart.ts"
import { empty, Markup, markup } from "../chart/Markup.ts"
import { style } from "../chart/Style.ts"
import { table } from "../chart/Table.ts"
import * as TimeChart from "../chart/TimeChart.ts"
import type { Checked } from "./Assertion.ts"
import * as Assessment from "./Assessment.ts"
import { commandLine } from "./CommandLine.ts"
import * as Findings from "./Findings.ts"
import type { LoadResult, Slice } from "./LoadResult.ts"
import { verdictOf } from "./Verdict.ts"

export interface HtmlOptions {
  /** The results of `--assert`. */
  readonly assertions?: ReadonlyArray<Checked>
  /** The name of the program in the command line that repeats the run. */
  readonly program?: string
}

const tick = (met: boolean): Markup =>
  met
    ? markup`<span class="mark good" role="img" aria-label="met">✓</span>`
    : markup`<span class="mark bad" role="img" aria-label="not met">✗</span>`

/**
 * A chart with its data. It is drawn in two sizes, because text that fits a wide screen is too small when scaled to a
 * phone.
 */
const figure = (
  id: string,
  heading: string,
  explanation: string,
  draw: (drawing: Drawing) => Markup,
  data: Markup
): Markup => markup`<section class="card">
<h2 id="${id}">${heading}</h2>
<p class="explanation">${explanation}</p>
<div class="chart wide">${draw({ id: `${id}-wide`, size: { width: 860, height: 330 } })}</div>
<div class="chart narrow">${draw({ id: `${id}-narrow`, size: { width: 350, height: 270 } })}</div>
<details><summary>Data</summary>${data}</details>
</section>`

const tile = (label: string, value: string, unit: string, met: boolean): Markup =>
  markup`<div class="tile ${met ? "met" : "missed"}"><dt>${label}</dt><dd class="${/^[0-9]/.test(value) ? "number" : "words"}">${value}<span class="unit">${unit}</span></dd></div>`

/** Splits a figure from its unit, which is written smaller. */
const split = (figureText: string): readonly [value: string, unit: string] => {
  const [, value = figureText, unit = ""] = /^([0-9.,]+) (ms|%)$/.exec(figureText) ?? []
  return [value, unit]
}

const tiles = (result: LoadResult, { lines }: Assessment.Assessment): Markup => {
  const shown = lines.map((line) => {
    // The tile shows what was measured. The rate of the schedule is in the table below.
    if (line.metric === "requests/second") {
      return tile("Throughput", Format.rate(result.requests_per_second), "/s", line.target.met)
    }
    const [value, unit] = split(line.figure)
    return tile(
      line.metric.replace(/^./, (letter) => letter.toUpperCase()),
      value,
      unit,
      line.target.met
    )
  })
  return markup`<dl class="tiles">${shown}</dl>`
}

/** Lets a text break after a slash, for narrow columns. */
const breakable = (text: string): Markup => {
  const [first = "", ...rest] = text.split("/")
  return markup`${first}${rest.map((part) => markup`/<wbr>${part}`)}`
}

/** Keeps a figure and its unit on one line. Only a text in brackets may move to the next. */
const nonBreaking = (text: string): string => text.replaceAll(" ", "\u{A0}").replace("\u{A0}(", " (")

const assessmentTable = ({ lines, note }: Assessment.Assessment): Markup => {
  const mark = ({ bound, met }: Assessment.Mark) => markup`${tick(met)} ${bound}`
  const rows = lines.map((line) => [
    breakable(line.metric),
    nonBreaking(line.figure),
    mark(line.target),
    mark(line.minimum)
  ])
  return markup`<section class="card">
<h2>Assessment</h2>
${table("Each figure against its target and its minimum", ["Metric", "Figure", "Target", "Minimum"], rows, "marks")}
${note === undefined ? empty : markup`<p class="note">${note.reason} ${Assessment.NOTE_REMEDY} <code>${note.flags}</code></p>`}
</section>`
}

const assertionTable = (assertions: ReadonlyArray<Checked>): Markup => {
  if (assertions.length === 0) return empty
  const rows = assertions.map(({ assertion, figure: actual, holds }) => [
    markup`${tick(holds)} <code>${assertion.text}</code>`,
    actual
  ])
  return markup`<section class="card">
<h2>Assertions</h2>
${table("What was asserted, and what was measured", ["Assertion", "Actual"], rows)}
</section>`
}

const failureTable = (result: LoadResult): Markup => {
  const lines = Findings.failureLines(result)
  if (lines.length === 0) return empty
  const rows = lines.map(({ count, kind, message }) => [kind, Format.count(count), markup`<code>${message}</code>`])
  return markup`<section class="card">
<h2>Failed requests</h2>
${table("What failed requests were told, and how many of them", ["Kind", "Requests", "Message"], rows, "messages")}
</section>`
}

const warningList = (result: LoadResult): Markup => {
  const warnings = Findings.warnings(result)
  if (warnings.length === 0) return empty
  return markup`<section class="card doubts"><h2>Before you trust these figures</h2>
<ul>${warnings.map((text) => markup`<li>${text}</li>`)}</ul></section>`
}

const latencyTable = (result: LoadResult): Markup => {
  const latencies = Findings.latencyColumns(result)
  const columns = latencies.map(([, latency]) =>
    latency.count === 0
      ? Findings.LATENCIES.map(() => "–")
      : Format.millisColumn(Findings.LATENCIES.map(([name]) => latency[name]))
  )
  const rows = Findings.LATENCIES.map(([, label], row) => [label, ...columns.map((column) => column[row] ?? "–")])
  const head = ["", ...latencies.map(([name]) => name.replace(/^./, (letter) => letter.toUpperCase()))]
  const counts = ["answers", ...latencies.map(([, { count }]) => Format.count(count))]
  const explanation =
    result.loop === "open"
      ? markup`<p class="explanation">Latency counts from the moment that the schedule says, service time from the sending of the request. Schedule lag, the difference: ${Findings.lagText(result) ?? ""}.</p>`
      : empty
  return markup`<section class="card">
<h2>PUT against GET</h2>
${explanation}
${table("Latency in ms, of requests that were answered", head, [...rows, counts])}
</section>`
}

const percentileRows = ({ percentiles }: LoadResult) =>
  percentiles.map(({ latency, percentile }) => [`${Format.number(percentile, 7)} %`, Format.millis(latency)])

const histogramRows = ({ histogram }: LoadResult) =>
  histogram.map(({ count, from, to }) => [`${Format.millis(from)} to ${Format.millis(to)}`, Format.count(count)])

const sliceRows = (slices: ReadonlyArray<Slice>) =>
  slices.map(({ errors, from, length, max, p50, p99, requests }) => [
    `${Format.number(from, 3)} to ${Format.number(from + length, 3)}`,
    Format.count(requests),
    Format.count(errors),
    ...Format.millisColumn([p50, p99, max])
  ])

const SLICE_HEAD = ["Seconds", "Answered", "Failed", "p50 (ms)", "p99 (ms)", "Max (ms)"]

const charts = (result: LoadResult): ReadonlyArray<Markup> => {
  const { all } = result.latency
  const slices = TimeChart.slicesOf(result.slices, result.total_duration_seconds)
  const each = Format.seconds(slices[0]?.length ?? 1)
  const sliceTable = table(`What happened in each piece of ${each}`, SLICE_HEAD, sliceRows(slices))
  const latencyCharts =
    all.count === 0
      ? []
      : [
          figure(
            "percentiles",
            "Latency by percentile",
            "How slow the slowest requests are: each step to the right has ten times fewer requests beyond it.",
            (drawing) => LatencyChart.percentileCurve(drawing, result.percentiles, all),
            table("Latency by percentile", ["Requests", "At most"], percentileRows(result))
          ),
          figure(
            "histogram",
            "Latency histogram",
            "How many requests took how long. Bars of equal width are equal ratios of time.",
            (drawing) => LatencyChart.latencyHistogram(drawing, result.histogram, all),
            table("Requests by latency", ["Latency", "Requests"], histogramRows(result))
          )
        ]
  const timeCharts =
    slices.length === 0
      ? []
      : [
          figure(
            "throughput",
            "Throughput over time",
            `Requests answered per second, in pieces of ${each}. A dip is a stall, of the server or of the load generator.`,
            (drawing) => TimeChart.throughputOverTime(drawing, slices),
            sliceTable
          ),
          figure(
            "latency",
            "Latency over time",
            `The median and the 99th percentile of each ${each}. The line is broken where nothing was answered.`,
            (drawing) => TimeChart.latencyOverTime(drawing, slices),
            sliceTable
          )
        ]
  return [...latencyCharts, ...timeCharts]
}

const settingsList = (result: LoadResult, options: HtmlOptions): Markup => {
  const { machine, settings, versions } = result
  const lag = Findings.lagText(result)
  const protocol = Findings.protocolText(result)
  const items: ReadonlyArray<readonly [string, string]> = [
    ["Server", `${result.host}:${result.port}`],
    ["Loop", Findings.loopText(result)],
    ["Connections", Findings.connectionsText(result)],
    ...(protocol === undefined ? [] : [["Protocol", protocol] as const]),
    ["Workload", Findings.workloadText(result)],
    ["Keys", Findings.keysText(result)],
    ["Timeout", Format.seconds(settings.timeout_seconds)],
    ["Seed", String(result.seed)],
    ["Time", Findings.timeText(result)],
    ["Requests", Format.count(result.total_requests)],
    ["Errors", Findings.errorsText(result)],
    ["Hit rate", Findings.hitRateText(result)],
    ["Little's law", Findings.littlesLawText(result)],
    ...(lag === undefined ? [] : [["Schedule lag", lag] as const]),
    ["Load generator", Findings.generatorText(result)],
    ["Machine of the load generator", `${machine.cpu}, ${Format.plural(machine.cores, "core")}, ${machine.platform}`],
    ["Versions", `KV-Cache ${versions.kv_cache}, Node ${versions.node}`]
  ]
  const assertions = (options.assertions ?? []).map(({ assertion }) => assertion)
  return markup`<section class="card">
<h2>The run</h2>
<dl class="settings">${items.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>
<h3>To repeat it</h3>
<pre><code>${commandLine(result, assertions, options.program ?? "npx effect-kv-cache")}</code></pre>
</section>`
}

/** The policy states what this module ensures: the page loads nothing and runs nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'"

/** The report as a whole HTML document. */
export const html = (result: LoadResult, options: HtmlOptions = {}): string => {
  const assessment = Assessment.assess(result)
  const address = `${result.host}:${result.port}`
  const verdict = verdictOf(assessment, options.assertions ?? [])
  const title = `Load test of ${address}: ${verdict.title}`
  const loop = result.loop === "open" ? "Open loop" : "Closed loop"
  const document = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<header>
<p class="eyebrow">KV-Cache load test</p>
<h1>${address}</h1>
<p class="lead">${loop}, ${Format.plural(result.connections, "connection")}, ${Format.plural(result.total_requests, "request")} in ${Format.seconds(result.total_duration_seconds)}, <span class="moment">${Format.moment(result.start_time)}</span></p>
<p class="verdict ${verdict.tone}">${verdict.text}</p>
</header>
${tiles(result, assessment)}
${warningList(result)}
${assessmentTable(assessment)}
${assertionTable(options.assertions ?? [])}
${failureTable(result)}
${charts(result)}
${latencyTable(result)}
${settingsList(result, options)}
</main>
</body>
</html>
`
  return document.source
}
