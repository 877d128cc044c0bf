/** Charts over time: throughput and latency. */
import * as Format from "./Format.ts"
import {
  type Axis,
  type Box,
  type Drawing,
  type Point,
  type Scale,
  type Size,
  frame,
  latencyAxis,
  linearAxis,
  pathOf,
  round,
  stepUp,
  wantedTicks
} from "./Frame.ts"
import { type Markup, markup } from "./Markup.ts"

/** A piece of time, in seconds. Pieces are in order, and do not overlap; what lies between two of them is not known. */
export interface Piece {
  readonly from: number
  readonly length: number
}

/** What was answered in a piece of time. */
export interface Answers extends Piece {
  /** Answered requests. */
  readonly requests: number
  readonly errors: number
}

/** A piece of a run. All of them have the same length, but for the last one. */
export interface Slice extends Answers {
  /** Latencies in ms. */
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** A rest of a slice shorter than this share is noise. */
const MIN_SHARE = 0.2

/**
 * All slices of a run of `duration` seconds, including those without a request. A server that stalls leaves no record,
 * and a line across the gap would hide the stall. The last slice ends with the run. A short rest is left out, unless it
 * is the whole run.
 */
export const slicesOf = (slices: ReadonlyArray<Slice>, duration: number): ReadonlyArray<Slice> => {
  const [first] = slices
  if (first === undefined) return []
  const { length } = first
  // Rounded, because 3 times 0.1 is not exactly 0.3.
  const indexOf = (from: number) => Math.round(from / length)
  const byIndex = new Map(slices.map((slice) => [indexOf(slice.from), slice]))
  const last = slices.reduce((max, { from }) => Math.max(max, indexOf(from)), 0)
  const count = Math.max(last + 1, Math.ceil(duration / length - 1e-9))
  return Array.from({ length: count }, (_, index): Slice => {
    const from = Number((index * length).toFixed(3))
    const rest = duration - from
    const found = byIndex.get(index) ?? { from, length, requests: 0, errors: 0, mean: 0, p50: 0, p99: 0, max: 0 }
    return { ...found, length: rest > 0 ? Math.min(length, rest) : length }
  }).filter(({ length: own }, index) => index === 0 || own >= MIN_SHARE * length)
}

const STEPS_OF_TIME = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400]

/** From this many seconds on, the axis counts minutes. */
const MINUTES = 300

const UNITS_OF_TIME = { milliseconds: 0.001, seconds: 1, minutes: 60 }

/** Where pieces lie on the axis of time, and what they are called. */
export interface Time {
  readonly axis: Axis
  readonly title: string
  readonly say: (piece: Piece) => string
}

/** An axis from 0 to so many seconds. */
const secondsAxis = (end: number, { width }: Size): Omit<Time, "say"> => {
  const wanted = width / 80
  const title = end > MINUTES ? "minutes" : end < 2 ? "milliseconds" : "seconds"
  const step =
    title === "milliseconds"
      ? stepUp(end / wanted)
      : (STEPS_OF_TIME.find((candidate) => end / candidate <= wanted) ?? Math.ceil(end / wanted))
  const length = Math.floor(end / step + 1e-9) + 1
  const ticks = Array.from({ length }, (_, index) => ({
    value: index * step,
    label: Format.number((index * step) / UNITS_OF_TIME[title])
  }))
  return { axis: { from: 0, to: end, ticks, logarithmic: false }, title }
}

/** The time since the start of a run: pieces begin at 0. */
const sinceStart = (pieces: ReadonlyArray<Piece>, size: Size): Time => ({
  ...secondsAxis(endOf(pieces), size),
  say: periodText
})

/** The last seconds until now, which is 0: pieces lie before it. */
export const untilNow = (seconds: number, size: Size): Time => {
  const { axis, title } = secondsAxis(seconds, size)
  const ticks = axis.ticks.map(({ label, value }) => ({ label, value: -value })).toReversed()
  return {
    axis: { ...axis, from: -seconds, to: 0, ticks },
    title: `${title} ago`,
    say: ({ from, length }) => `${Format.count(-from - length)} s ago`
  }
}

const endOf = (pieces: ReadonlyArray<Piece>): number => {
  const last = pieces.at(-1)
  return last === undefined ? 1 : last.from + last.length
}

/** A period in words. */
const periodText = ({ from, length }: Piece): string =>
  from + length < 10
    ? `${Format.seconds(from)} to ${Format.seconds(from + length)}`
    : `${Format.number(from, 2)} s to ${Format.number(from + length, 2)} s`

/** The spots of the pieces, each with its text. */
const timeSpots = <P extends Piece>(
  pieces: ReadonlyArray<P>,
  time: Time,
  toX: Scale,
  plot: Box,
  say: (piece: P) => string
) =>
  pieces
    .filter(({ from, length }) => from + length > time.axis.from)
    .map((piece) => ({
      box: { left: toX(piece.from), right: toX(piece.from + piece.length), top: plot.top, bottom: plot.bottom },
      text: `${time.say(piece)}: ${say(piece)}`
    }))

/** A gap between two pieces that is not one of rounding, in seconds. */
const GAP = 0.01

/** Groups of pieces that are known and follow upon each other. What is drawn is broken between them. */
const runsOf = <P extends Piece>(
  pieces: ReadonlyArray<P>,
  isKnown: (piece: P) => boolean
): ReadonlyArray<ReadonlyArray<P>> => {
  const runs: Array<Array<P>> = []
  let end = Number.NEGATIVE_INFINITY
  for (const piece of pieces) {
    if (!isKnown(piece)) continue
    if (piece.from - end > GAP) runs.push([])
    runs.at(-1)?.push(piece)
    end = piece.from + piece.length
  }
  return runs
}

/** Requests per second, and how many of them failed, over time. */
export const throughputOverTime = (
  drawing: Drawing,
  slices: ReadonlyArray<Answers>,
  time: Time = sinceStart(slices, drawing.size)
): Markup => {
  const rateOf = ({ length, requests }: Answers): number => requests / length
  const rates = slices.map(rateOf)
  const largest = rates.reduce((max, rate) => Math.max(max, rate), 0)
  const highest = slices.reduce((max, { errors: failed, length }) => Math.max(max, failed / length), largest)
  const smallest = rates.reduce((min, rate) => Math.min(min, rate), largest)
  const errors = slices.reduce((sum, second) => sum + second.errors, 0)
  const span = endOf(slices) - (slices[0]?.from ?? 0)
  const y = linearAxis(highest, wantedTicks(drawing.size), Format.compact(highest))
  const none = errors === 0 ? "No request failed." : `${Format.plural(errors, "request")} failed.`
  return frame({
    drawing,
    title: "Throughput over time",
    description:
      `Between ${Format.rate(smallest)} and ${Format.rate(largest)} requests were answered per second ` +
      `over ${Format.seconds(span)}. ${none}`,
    x: time.axis,
    y,
    xTitle: time.title,
    yTitle: "requests/s",
    legend:
      errors === 0
        ? []
        : [
            ["line first", "answered"],
            ["line failed", "failed"]
          ],
    body: (toX, toY, plot) => {
      const shapes = runsOf(slices, () => true).map((run) => {
        const steps = run.flatMap((slice): ReadonlyArray<Point> => {
          const height = toY(rateOf(slice))
          return [
            [toX(slice.from), height],
            [toX(slice.from + slice.length), height]
          ]
        })
        const area = pathOf([[toX(run[0]?.from ?? 0), plot.bottom], ...steps, [toX(endOf(run)), plot.bottom]])
        return markup`<path class="area" d="${area}Z"/><path class="line first" d="${pathOf(steps)}"/>`
      })
      const failed = slices
        .filter((slice) => slice.errors > 0)
        .map(({ errors: count, from, length }) => {
          const top = Math.min(plot.bottom - 2, toY(count / length))
          const width = Math.max(1, toX(from + length) - toX(from))
          return markup`<rect x="${toX(from)}" y="${round(top)}" width="${round(width)}" height="${round(plot.bottom - top)}"/>`
        })
      return markup`${shapes}<g class="failures">${failed}</g>`
    },
    spots: (toX, plot) =>
      timeSpots(slices, time, toX, plot, (slice) => {
        const failed = slice.errors === 0 ? "" : `, ${Format.count(slice.errors)} failed`
        return `${Format.rate(rateOf(slice))} requests/s${failed}`
      })
  })
}

/** With more points than this, dots are not needed. */
const MAX_DOTS = 40

/** A figure of each piece; undefined where it has none, and the line is broken. */
export interface Line<P> {
  readonly name: string
  readonly read: (piece: P) => number | undefined
}

/** One or two figures over time. */
export interface Lines<P> {
  readonly title: string
  readonly description: string
  readonly yTitle: string
  readonly y: Axis
  readonly lines: readonly [first: Line<P>, second?: Line<P>]
  /** A bound that is drawn across, with its name. */
  readonly bound?: { readonly name: string; readonly value: number } | undefined
  readonly say: (piece: P) => string
}

const CLASSES = ["first", "second"]

export const linesOverTime = <P extends Piece>(
  drawing: Drawing,
  pieces: ReadonlyArray<P>,
  time: Time,
  { bound, description, lines, say, title, y, yTitle }: Lines<P>
): Markup => {
  const drawn = lines.flatMap((line, index) => {
    if (line === undefined) return []
    return [{ ...line, className: CLASSES[index] ?? "first" }]
  })
  return frame({
    drawing,
    title,
    description,
    x: time.axis,
    y,
    xTitle: time.title,
    yTitle,
    legend: drawn.length < 2 ? [] : drawn.map(({ className, name }) => [`line ${className}`, name] as const),
    body: (toX, toY, plot) => {
      const shapes = drawn.map(({ className, read }) => {
        const runs = runsOf(pieces, (piece) => read(piece) !== undefined)
        const paths = runs.map((run) =>
          run.map((piece): Point => [toX(piece.from + piece.length / 2), toY(read(piece) ?? 0)])
        )
        const isCrowded = runs.reduce((sum, run) => sum + run.length, 0) > MAX_DOTS
        const dots = isCrowded ? paths.filter((points) => points.length === 1) : paths
        return markup`<g class="${className}">${paths.map((points) => markup`<path class="line" d="${pathOf(points)}"/>`)}${dots
          .flat()
          .map(([x, at]) => markup`<circle cx="${x}" cy="${at}" r="2.5"/>`)}</g>`
      })
      if (bound === undefined) return markup`${shapes}`
      const at = toY(bound.value)
      return markup`${shapes}<line class="bound" x1="${plot.left}" x2="${plot.right}" y1="${at}" y2="${at}"/><text class="name" x="${plot.left + 6}" y="${round(at < plot.top + 20 ? at + 16 : at - 6)}">${bound.name}</text>`
    },
    spots: (toX, plot) => timeSpots(pieces, time, toX, plot, say)
  })
}

/** p50 and p99 of each slice over time. */
export const latencyOverTime = (drawing: Drawing, slices: ReadonlyArray<Slice>): Markup => {
  const measured = slices.filter(({ requests }) => requests > 0)
  const worst = measured.reduce((max, { p99 }) => Math.max(max, p99), 0)
  const medians = measured.map(({ p50 }) => p50).toSorted((a, b) => a - b)
  const typical = medians[Math.floor(medians.length / 2)] ?? 0
  return linesOverTime(drawing, slices, sinceStart(slices, drawing.size), {
    title: "Latency over time",
    description:
      measured.length === 0
        ? "No request was answered."
        : `The typical median is ${Format.millis(typical)}; the worst p99 of ${Format.seconds(slices[0]?.length ?? 1)} is ${Format.millis(worst)}.`,
    yTitle: "latency (ms)",
    y: latencyAxis(
      measured.flatMap(({ p50, p99 }) => [p50, p99]),
      typical,
      wantedTicks(drawing.size)
    ),
    lines: [
      { name: "p50", read: ({ p50, requests }) => (requests > 0 ? p50 : undefined) },
      { name: "p99", read: ({ p99, requests }) => (requests > 0 ? p99 : undefined) }
    ],
    say: ({ p50, p99, requests }) =>
      requests === 0 ? "nothing was answered" : `p50 ${Format.millis(p50)}, p99 ${Format.millis(p99)}`
  })
}
