/**
 * A result as text for a terminal: the summary of one run, and two runs side by side. Made of a result alone; where it
 * is printed is said in `cli/LoadTestCommand.ts`. The same for a browser is in `HtmlReport.ts`.
 */
import type { Checked } from "./Assertion.ts"
import * as Assessment from "./Assessment.ts"
import * as Findings from "./Findings.ts"
import * as Format from "./Format.ts"
import type { Latency, LoadResult } from "./LoadResult.ts"

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

/** Longest line of running text. */
const WIDTH = 80

/** Breaks running text into lines of which all but the first are indented. */
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

/** Text in a table, painted after it is padded: colours have no width. */
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
      // No blanks at a line's end.
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

const latencySection = ({ latency: { all, get, put } }: LoadResult, paint: Paint): ReadonlyArray<string> => {
  const head = ["latency (ms)", "all", "PUT", "GET"].map((text, column) =>
    column === 0 ? cell(text, "title") : figure(text, "title")
  )
  return table([head, ...latencyCells([all, put, get])], paint)
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

const VERDICT_TONES: { readonly [K in Assessment.Verdict]: Tone } = {
  "targets met": "good",
  "minimum met": "warning",
  "below minimum": "bad"
}

export interface SummaryOptions {
  /** The results of `--assert`. */
  readonly assertions?: ReadonlyArray<Checked>
  /** Whether to use ANSI colours. */
  readonly colors?: boolean
}

/** The summary of a run, as lines of text without a newline at the end. */
export const summary = (result: LoadResult, options: SummaryOptions = {}): string => {
  const paint = painter(options.colors ?? false)
  const assessment = Assessment.assess(result)
  const address = `${Format.printable(result.host)}:${result.port}`
  const notes = noteLines(assessment).map((text) => paint("quiet", text))
  return [
    paint("title", `Load test of ${address}`),
    "",
    item("loop", Findings.loopText(result)),
    item("connections", Findings.connectionsText(result)),
    item("workload", Findings.workloadText(result)),
    item("keys", Findings.keysText(result)),
    item("seed", String(result.seed)),
    item("time", Format.printable(Findings.timeText(result))),
    "",
    item("throughput", `${Format.rate(result.requests_per_second)} requests/s`),
    item("requests", requestsText(result)),
    item("errors", Format.printable(Findings.errorsText(result))),
    item("hit rate", Findings.hitRateText(result)),
    "",
    ...latencySection(result, paint),
    "",
    item("Little's law", Findings.littlesLawText(result)),
    item("generator", Findings.generatorText(result)),
    "",
    ...assessmentSection(assessment, paint),
    ...notes,
    ...assertionSection(options.assertions ?? [], paint),
    "",
    ...Findings.warnings(result).map((text) => paint("warning", `! ${wrap(text, 2)}`)),
    paint(VERDICT_TONES[assessment.verdict], `${Assessment.verdictText(assessment)}.`)
  ].join("\n")
}

/** A figure of two runs, and whether more of it is better. */
interface Compared {
  readonly name: string
  readonly better: "higher" | "lower"
  readonly read: (result: LoadResult) => number | undefined
  readonly format: (value: number) => string
}

const latencyRow = (name: string, read: (result: LoadResult) => readonly [Latency, number]): Compared => ({
  name,
  better: "lower",
  read: (result) => {
    const [{ count }, value] = read(result)
    return count === 0 ? undefined : value
  },
  format: Format.millis
})

const COMPARED: ReadonlyArray<Compared> = [
  { name: "requests/second", better: "higher", read: (result) => result.requests_per_second, format: Format.rate },
  ...Findings.LATENCIES.map(([name, label]) =>
    latencyRow(`latency ${label}`, ({ latency: { all } }) => [all, all[name]])
  ),
  latencyRow("PUT mean", ({ latency: { put } }) => [put, put.mean]),
  latencyRow("PUT p99", ({ latency: { put } }) => [put, put.p99]),
  latencyRow("GET mean", ({ latency: { get } }) => [get, get.mean]),
  latencyRow("GET p99", ({ latency: { get } }) => [get, get.p99]),
  {
    name: "error rate",
    better: "lower",
    read: (result) => (result.total_requests === 0 ? undefined : result.error_rate),
    format: Format.percent
  },
  {
    name: "hit rate",
    better: "higher",
    read: (result) => (result.cache_hits + result.cache_misses === 0 ? undefined : result.hit_rate),
    format: Format.percent
  }
]

/** The second figure by the first, with the digits that a ratio is worth, and its judgement in a word. */
const ratioCells = (a: number, b: number, better: Compared["better"]): ReadonlyArray<Cell> => {
  // From nothing to something there is no ratio, but there is a better and a worse.
  const ratio = a === 0 ? "" : `${Format.fixed(b / a, 2)}×`
  if (a === b || ratio === "1.00×") return [figure(ratio), cell("same", "quiet")]
  const improved = better === "higher" ? b > a : b < a
  return [figure(ratio), cell(improved ? "better" : "worse", toneOf(improved))]
}

const comparedRow = ({ better, format, name, read }: Compared, a: LoadResult, b: LoadResult): ReadonlyArray<Cell> => {
  const [first, second] = [read(a), read(b)]
  const text = (value: number | undefined) => figure(value === undefined ? "-" : format(value))
  const ratio = first === undefined || second === undefined ? [] : ratioCells(first, second, better)
  return [cell(name), text(first), text(second), ...ratio]
}

/**
 * The settings that must be equal for a comparison to be fair. Not the server's address and version, nor the seed: to
 * compare two of them is what a comparison is for.
 */
const FAIR: ReadonlyArray<readonly [name: string, read: (result: LoadResult) => string]> = [
  ["loop", ({ loop }) => loop],
  ["rate", ({ settings }) => (settings.rate === null ? "none" : Format.rate(settings.rate))],
  ["connections", ({ connections }) => Format.count(connections)],
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

/** The settings in which two runs differ, and so what makes their comparison unfair. */
export const differences = (a: LoadResult, b: LoadResult): ReadonlyArray<string> =>
  FAIR.flatMap(([name, read]) => {
    const [first, second] = [read(a), read(b)]
    return first === second ? [] : [`${name}: ${first} against ${second}`]
  })

export interface CompareOptions {
  /** What to call the two, such as the names of their files. */
  readonly names?: readonly [string, string]
  readonly colors?: boolean
}

/** Two results side by side with the ratio of the second to the first, as lines of text. */
export const compare = (a: LoadResult, b: LoadResult, options: CompareOptions = {}): string => {
  const paint = painter(options.colors ?? false)
  const [first, second] = (options.names ?? ["a", "b"]).map(Format.printable)
  const head = [
    cell("", "title"),
    figure(first ?? "a", "title"),
    figure(second ?? "b", "title"),
    figure("ratio", "title")
  ]
  const verdicts = [cell("verdict"), figure(Assessment.assess(a).verdict), figure(Assessment.assess(b).verdict)]
  const unfair = differences(a, b)
  const doubts = [[first, a] as const, [second, b] as const].flatMap(([name, result]) =>
    Findings.warnings(result).map((text) => `${name}: ${text}`)
  )
  return [
    ...table([head, ...COMPARED.map((row) => comparedRow(row, a, b)), verdicts], paint),
    ...(unfair.length + doubts.length === 0 ? [] : [""]),
    ...(unfair.length === 0
      ? []
      : [paint("warning", "! Not a fair comparison: the runs differ in more than the server.")]),
    ...unfair.map((text) => `    ${text}`),
    ...doubts.map((text) => paint("warning", `! ${wrap(text, 2)}`))
  ].join("\n")
}
