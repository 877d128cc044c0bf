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
import { empty, type Markup, markup } from "./Markup.ts"

/** What happened in a piece of time. All pieces of a chart have the same length, but for the last one. */
export interface Slice {
  /** In seconds. */
  readonly from: number
  readonly length: number
  /** Answered requests. */
  readonly requests: number
  readonly errors: number
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

const timeAxis = (end: number, { width }: Size): Axis & { readonly title: string } => {
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
  return { from: 0, to: end, ticks, logarithmic: false, title }
}

const endOf = (slices: ReadonlyArray<Slice>): number => {
  const last = slices.at(-1)
  return last === undefined ? 1 : last.from + last.length
}

/** A period in words. */
const periodText = ({ from, length }: Slice): string =>
  from + length < 10
    ? `${Format.seconds(from)} to ${Format.seconds(from + length)}`
    : `${Format.number(from, 2)} s to ${Format.number(from + length, 2)} s`

/** The spots of the slices, each with its text. */
const timeSpots = (slices: ReadonlyArray<Slice>, toX: Scale, plot: Box, say: (slice: Slice) => string) =>
  slices.map((slice) => ({
    box: { left: toX(slice.from), right: toX(slice.from + slice.length), top: plot.top, bottom: plot.bottom },
    text: `${periodText(slice)}: ${say(slice)}`
  }))

/** Requests per second, and how many of them failed, over time. */
export const throughputOverTime = (drawing: Drawing, slices: ReadonlyArray<Slice>): Markup => {
  const time = timeAxis(endOf(slices), drawing.size)
  const rates = slices.map(({ length, requests }) => requests / length)
  const largest = rates.reduce((max, rate) => Math.max(max, rate), 0)
  const highest = slices.reduce((max, { errors: failed, length }) => Math.max(max, failed / length), largest)
  const smallest = rates.reduce((min, rate) => Math.min(min, rate), largest)
  const errors = slices.reduce((sum, second) => sum + second.errors, 0)
  const y = linearAxis(highest, wantedTicks(drawing.size), Format.compact(highest))
  const none = errors === 0 ? "No request failed." : `${Format.plural(errors, "request")} failed.`
  return frame({
    drawing,
    title: "Throughput over time",
    description:
      `Between ${Format.rate(smallest)} and ${Format.rate(largest)} requests were answered per second ` +
      `over ${Format.seconds(endOf(slices))}. ${none}`,
    x: time,
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
      const steps = slices.flatMap(({ from, length }, index): ReadonlyArray<Point> => {
        const height = toY(rates[index] ?? 0)
        return [
          [toX(from), height],
          [toX(from + length), height]
        ]
      })
      const area = pathOf([[toX(0), plot.bottom], ...steps, [toX(endOf(slices)), plot.bottom]])
      const failed = slices
        .filter((slice) => slice.errors > 0)
        .map(({ errors: count, from, length }) => {
          const top = Math.min(plot.bottom - 2, toY(count / length))
          const width = Math.max(1, toX(from + length) - toX(from))
          return markup`<rect x="${toX(from)}" y="${round(top)}" width="${round(width)}" height="${round(plot.bottom - top)}"/>`
        })
      return markup`<path class="area" d="${area}Z"/><path class="line first" d="${pathOf(steps)}"/><g class="failures">${failed}</g>`
    },
    spots: (toX, plot) =>
      timeSpots(slices, toX, plot, ({ errors: count, length, requests }) => {
        const failed = count === 0 ? "" : `, ${Format.count(count)} failed`
        return `${Format.rate(requests / length)} requests/s${failed}`
      })
  })
}

/** Groups of neighbouring slices that have latencies. The line is broken between them. */
const runsOf = (slices: ReadonlyArray<Slice>): ReadonlyArray<ReadonlyArray<Slice>> => {
  const runs: Array<Array<Slice>> = [[]]
  for (const slice of slices) {
    if (slice.requests > 0) runs.at(-1)?.push(slice)
    else if (runs.at(-1)?.length !== 0) runs.push([])
  }
  return runs.filter((run) => run.length > 0)
}

/** With more points than this, dots are not needed. */
const MAX_DOTS = 40

/** p50 and p99 of each slice over time. */
export const latencyOverTime = (drawing: Drawing, slices: ReadonlyArray<Slice>): Markup => {
  const time = timeAxis(endOf(slices), drawing.size)
  const runs = runsOf(slices)
  const measured = runs.flat()
  const worst = measured.reduce((max, { p99 }) => Math.max(max, p99), 0)
  const medians = measured.map(({ p50 }) => p50).toSorted((a, b) => a - b)
  const typical = medians[Math.floor(medians.length / 2)] ?? 0
  const y = latencyAxis(
    measured.flatMap(({ p50, p99 }) => [p50, p99]),
    typical,
    wantedTicks(drawing.size)
  )
  const line = (toX: Scale, toY: Scale, className: string, read: (slice: Slice) => number): Markup => {
    const lines = runs.map((run) => run.map((slice): Point => [toX(slice.from + slice.length / 2), toY(read(slice))]))
    const dots = measured.length > MAX_DOTS ? lines.filter((points) => points.length === 1) : lines
    return markup`<g class="${className}">${lines.map((points) => markup`<path class="line" d="${pathOf(points)}"/>`)}${dots
      .flat()
      .map(([x, at]) => markup`<circle cx="${x}" cy="${at}" r="2.5"/>`)}</g>`
  }
  return frame({
    drawing,
    title: "Latency over time",
    description:
      measured.length === 0
        ? "No request was answered."
        : `The typical median is ${Format.millis(typical)}; the worst p99 of ${Format.seconds(slices[0]?.length ?? 1)} is ${Format.millis(worst)}.`,
    x: time,
    y,
    xTitle: time.title,
    yTitle: "latency (ms)",
    legend: [
      ["line first", "p50"],
      ["line second", "p99"]
    ],
    body: (toX, toY) =>
      measured.length === 0
        ? empty
        : markup`${line(toX, toY, "first", ({ p50 }) => p50)}${line(toX, toY, "second", ({ p99 }) => p99)}`,
    spots: (toX, plot) =>
      timeSpots(slices, toX, plot, ({ p50, p99, requests }) =>
        requests === 0 ? "nothing was answered" : `p50 ${Format.millis(p50)}, p99 ${Format.millis(p99)}`
      )
  })
}
