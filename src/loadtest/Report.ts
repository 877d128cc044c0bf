/**
 * A result as text for a terminal: the summary of one run, and two runs side by side. It is made from a result alone
 * and printed elsewhere: see `cli/LoadTestCommand.ts`. `HtmlReport.ts` makes the report for a browser.
 */
import type { Checked } from "./Assertion.ts"
import * as Assessment from "./Assessment.ts"
import * as Comparison from "./Comparison.ts"
import * as Findings from "./Findings.ts"
import * as Format from "../chart/Format.ts"
import { type Latency, type LoadResult, protocolOf } from "./LoadResult.ts"
import { verdictOf, type Verdict } from "./Verdict.ts"

type Tone = "plain" | "title" | "good" | "bad" | "warning" | "quiet"

const CODES: { readonly [K in Tone]: string } = {
  plain: "",
  title: "1",
  good: "32",
  bad: "31",
  warning: "33",
  quiet: "2"
}

type Paint = (tone: Tone, text: string) => string

const painter =
  (colors: boolean): Paint =>
  (tone, text) =>
    colors && tone !== "plain" ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text

/** The longest line of running text. */
const WIDTH = 80

/** Breaks running text into lines. All lines but the first are indented. */
const wrap = (text: string, indent: number): string => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > WIDTH - indent) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`)
}

/** Text in a table. It is painted after padding, because colours have no width. */
interface Cell {
  readonly text: string
  readonly tone?: Tone
  readonly align?: "left" | "right"
}

const cell = (text: string, tone: Tone = "plain"): Cell => ({ text, tone })
const figure = (text: string, tone: Tone = "plain"): Cell => ({ text, tone, align: "right" })

const table = (rows: ReadonlyArray<ReadonlyArray<Cell>>, paint: Paint): ReadonlyArray<string> => {
  const widths: Array<number> = []
  for (const row of rows) {
    row.forEach(({ text }, column) => (widths[column] = Math.max(widths[column] ?? 0, text.length)))
  }
  return rows.map((row) => {
    const cells = row.map(({ align, text, tone = "plain" }, column) => {
      const width = widths[column] ?? 0
      // No blanks at the end of a line.
      const padded = align === "right" ? text.padStart(width) : column === row.length - 1 ? text : text.padEnd(width)
      return paint(tone, padded)
    })
    return `  ${cells.join("   ")}`.trimEnd()
  })
}

const LABEL = 15

const item = (label: string, text: string): string => `  ${label.padEnd(LABEL)}${wrap(text, LABEL + 2)}`

const tick = (met: boolean): string => (met ? "✓" : "✗")

const toneOf = (met: boolean): Tone => (met ? "good" : "bad")

const latencyCells = (latencies: ReadonlyArray<Latency>): ReadonlyArray<ReadonlyArray<Cell>> => {
  const columns = latencies.map((latency) =>
    latency.count === 0
      ? Findings.LATENCIES.map(() => "-")
      : Format.millisColumn(Findings.LATENCIES.map(([name]) => latency[name]))
  )
  return Findings.LATENCIES.map(([, label], row) => [
    cell(label),
    ...columns.map((column) => figure(column[row] ?? "-"))
  ])
}

const latencySection = (result: LoadResult, paint: Paint): ReadonlyArray<string> => {
  const columns = Findings.latencyColumns(result)
  const head = ["latency (ms)", ...columns.map(([name]) => name)].map((text, column) =>
    column === 0 ? cell(text, "title") : figure(text, "title")
  )
  return table([head, ...latencyCells(columns.map(([, latency]) => latency))], paint)
}

const requestsText = (result: LoadResult): string => {
  const { get_count, put_count, total_requests } = result
  return `${Format.count(total_requests)} (${Format.plural(put_count, "PUT")}, ${Format.plural(get_count, "GET")})`
}

const assessmentSection = ({ lines }: Assessment.Assessment, paint: Paint): ReadonlyArray<string> => {
  const mark = ({ bound, met }: Assessment.Mark) => cell(`${tick(met)} ${bound}`, toneOf(met))
  const head = [
    cell("assessment", "title"),
    figure("figure", "title"),
    cell("target", "title"),
    cell("minimum", "title")
  ]
  return table(
    [head, ...lines.map((line) => [cell(line.metric), figure(line.figure), mark(line.target), mark(line.minimum)])],
    paint
  )
}

const noteLines = ({ note }: Assessment.Assessment): ReadonlyArray<string> =>
  note === undefined ? [] : ["", `  ${wrap(note.reason, 2)}`, `  ${Assessment.NOTE_REMEDY} ${note.flags}`]

const assertionSection = (assertions: ReadonlyArray<Checked>, paint: Paint): ReadonlyArray<string> => {
  if (assertions.length === 0) return []
  const rows = assertions.map(({ assertion, figure: actual, holds }) => [
    cell(`${tick(holds)} ${Format.printable(assertion.text)}`, toneOf(holds)),
    figure(actual)
  ])
  return ["", ...table([[cell("assertions", "title"), figure("actual", "title")], ...rows], paint)]
}

const failureSection = (result: LoadResult, paint: Paint): ReadonlyArray<string> => {
  const lines = Findings.failureLines(result).map(({ count, kind, message }) => ({
    kind: Format.printable(kind),
    count: Format.count(count),
    message: Format.printable(message)
  }))
  if (lines.length === 0) return []
  const rows = [{ kind: "failed requests", count: "count", message: "message" }, ...lines]
  const kindWidth = Math.max(...rows.map(({ kind }) => kind.length))
  const countWidth = Math.max(...rows.map(({ count }) => count.length))
  return [
    "",
    ...rows.map(({ count, kind, message }, index) => {
      const start = `  ${kind.padEnd(kindWidth)}   ${count.padStart(countWidth)}   `
      return paint(index === 0 ? "title" : "plain", `${start}${wrap(message, start.length)}`.trimEnd())
    })
  ]
}

const VERDICT_TONES: { readonly [K in Verdict["tone"]]: Tone } = { good: "good", fair: "warning", bad: "bad" }

export interface SummaryOptions {
  /** The results of `--assert`. */
  readonly assertions?: ReadonlyArray<Checked>
  /** Whether to use ANSI colours. */
  readonly colors?: boolean
}

/** The text protocol goes without saying. */
const protocolItem = (result: LoadResult): ReadonlyArray<string> => {
  const text = Findings.protocolText(result)
  return text === undefined ? [] : [item("protocol", text)]
}

/** The summary of a run, as lines of text without a newline at the end. */
export const summary = (result: LoadResult, options: SummaryOptions = {}): string => {
  const paint = painter(options.colors ?? false)
  const assessment = Assessment.assess(result)
  const address = `${Format.printable(result.host)}:${result.port}`
  const assertions = options.assertions ?? []
  const verdict = verdictOf(assessment, assertions)
  const lag = Findings.lagText(result)
  const notes = noteLines(assessment).map((text) => paint("quiet", text))
  return [
    paint("title", `Load test of ${address}`),
    "",
    item("loop", Findings.loopText(result)),
    item("connections", Findings.connectionsText(result)),
    ...protocolItem(result),
    item("workload", Findings.workloadText(result)),
    item("keys", Findings.keysText(result)),
    item("seed", String(result.seed)),
    item("time", Format.printable(Findings.timeText(result))),
    "",
    item("throughput", `${Format.rate(result.requests_per_second)} requests/s`),
    item("requests", requestsText(result)),
    item("errors", Format.printable(Findings.errorsText(result))),
    item("hit rate", Findings.hitRateText(result)),
    ...failureSection(result, paint),
    "",
    ...latencySection(result, paint),
    "",
    item("Little's law", Findings.littlesLawText(result)),
    ...(lag === undefined ? [] : [item("schedule lag", lag)]),
    item("generator", Findings.generatorText(result)),
    "",
    ...assessmentSection(assessment, paint),
    ...notes,
    ...assertionSection(assertions, paint),
    "",
    ...Findings.warnings(result).map((text) => paint("warning", `! ${wrap(text, 2)}`)),
    paint(VERDICT_TONES[verdict.tone], wrap(`${verdict.text}.`, 0))
  ].join("\n")
}

/** What the outcome of a comparison is about, as `--fail-if-worse` is. */
const DECISIVE = "requests/second, mean, p50, p99, error rate or hit rate"

const WORD_TONES: { readonly [K in Comparison.Word]: Tone } = {
  better: "good",
  worse: "bad",
  "no difference": "quiet",
  "too short": "quiet"
}

const comparedRow = ({ a, b, name, noise, ratio, word }: Comparison.Row): ReadonlyArray<Cell> => [
  cell(name),
  figure(a ?? "-"),
  figure(b ?? "-"),
  ...(word === undefined
    ? []
    : [
        figure(ratio === undefined ? "" : `${Format.fixed(ratio, 2)}×`),
        figure(noise === undefined ? "" : `± ${Format.number(noise * 100, 0)} %`),
        cell(word, WORD_TONES[word])
      ])
]

/** Where no row that counts for the outcome differs: the others that do, or nothing. */
const othersThatDiffer = (rows: ReadonlyArray<Comparison.Row>): string => {
  const names = rows
    .filter(({ word }) => word === "better" || word === "worse")
    .map(({ name, word }) => `${name} ${word}`)
  return names.length === 0 ? "" : ` Not counted: ${names.join(", ")}.`
}

/** The outcome of a comparison in a sentence. It is about the figures that decide, and names the others that differ. */
const comparisonText = ({ better, incomparable, rows, worse }: Comparison.Comparison): readonly [Tone, string] => {
  if (incomparable !== undefined) return ["warning", `! ${wrap(`Not comparable: ${incomparable}.`, 2)}`]
  if (worse.length > 0) {
    const also = better.length > 0 ? `; better: ${better.join(", ")}` : ""
    return ["bad", wrap(`Worse: ${worse.join(", ")}${also}.`, 0)]
  }
  if (better.length > 0) return ["good", wrap(`Better: ${better.join(", ")}; nothing of what counts is worse.`, 0)]
  return rows.some(({ word }) => word === "too short")
    ? ["warning", "The runs were too short to say how much they vary, and so whether they differ."]
    : [
        "plain",
        wrap(`No difference in ${DECISIVE}: they differ by no more than the runs vary.${othersThatDiffer(rows)}`, 0)
      ]
}

/**
 * The settings that must be equal for a fair comparison. The server's address and version and the seed are not among
 * them, because comparing them is what a comparison is for.
 */
const FAIR: ReadonlyArray<readonly [name: string, read: (result: LoadResult) => string]> = [
  ["loop", ({ loop }) => loop],
  ["rate", ({ settings }) => (settings.rate === null ? "none" : Format.rate(settings.rate))],
  ["connections", ({ connections }) => Format.count(connections)],
  ["protocol", protocolOf],
  ["pipeline", ({ settings }) => Format.count(settings.pipeline)],
  ["requests per connection", (result) => countOrNone(result.requests_per_connection)],
  [
    "duration",
    ({ settings }) => (settings.duration_seconds === null ? "none" : Format.seconds(settings.duration_seconds))
  ],
  ["warm-up", ({ settings }) => Format.seconds(settings.warmup_seconds)],
  ["share of PUTs", ({ put_ratio }) => Format.percent(put_ratio)],
  ["key size", ({ settings }) => Format.count(settings.key_size)],
  ["value size", ({ settings }) => Format.count(settings.value_size)],
  ["TTL", ({ settings }) => `${Format.count(settings.ttl_seconds)} s`],
  ["shared keys", ({ settings }) => countOrNone(settings.keys)],
  ["distribution", (result) => distributionText(result)],
  ["timeout", ({ settings }) => Format.seconds(settings.timeout_seconds)],
  ["threads", ({ settings }) => Format.count(settings.threads)],
  ["Node", ({ versions }) => Format.printable(versions.node)],
  [
    "machine",
    ({ machine }) => Format.printable(`${machine.cpu}, ${Format.plural(machine.cores, "core")}, ${machine.platform}`)
  ]
]

const countOrNone = (value: number | null): string => (value === null ? "none" : Format.count(value))

const distributionText = ({ settings }: LoadResult): string =>
  settings.distribution === "zipf" ? `zipf ${Format.number(settings.zipf_exponent)}` : settings.distribution

/** The settings in which two runs differ, which make their comparison unfair. */
export const differences = (a: LoadResult, b: LoadResult): ReadonlyArray<string> =>
  FAIR.flatMap(([name, read]) => {
    const [first, second] = [read(a), read(b)]
    return first === second ? [] : [`${name}: ${first} against ${second}`]
  })

export interface CompareOptions {
  /** Names for the two runs, such as their files. */
  readonly names?: readonly [string, string]
  readonly colors?: boolean
}

/** Two results side by side, with the ratio of the second to the first, as lines of text. */
export const compare = (a: LoadResult, b: LoadResult, options: CompareOptions = {}): string => {
  const paint = painter(options.colors ?? false)
  const [first, second] = (options.names ?? ["a", "b"]).map(Format.printable)
  const comparison = Comparison.compare(a, b)
  const titles = ["", first ?? "a", second ?? "b"]
  if (comparison.incomparable === undefined) titles.push("ratio", "noise")
  const head = titles.map((title) => figure(title, "title"))
  const verdicts = [cell("verdict"), figure(Assessment.assess(a).verdict), figure(Assessment.assess(b).verdict)]
  const unfair = differences(a, b)
  const doubts = [[first, a] as const, [second, b] as const].flatMap(([name, result]) =>
    Findings.warnings(result).map((text) => `${name}: ${text}`)
  )
  const [tone, text] = comparisonText(comparison)
  return [
    ...table([head, ...comparison.rows.map(comparedRow), verdicts], paint),
    "",
    ...(unfair.length === 0
      ? []
      : [paint("warning", "! Not a fair comparison: the runs differ in more than the server.")]),
    ...unfair.map((line) => `    ${line}`),
    ...doubts.map((line) => paint("warning", `! ${wrap(line, 2)}`)),
    paint(tone, text)
  ].join("\n")
}
