/** Charts of how long requests took: the percentile curve and the histogram. */
import * as Format from "./Format.ts"
import {
  type Axis,
  type Box,
  type Drawing,
  type Point,
  BOLD_CHARACTER,
  columnsOf,
  frame,
  latencyAxis,
  LINE,
  linearAxis,
  logarithmicAxis,
  overlaps,
  pathOf,
  round,
  wantedTicks,
  widthOf
} from "./Frame.ts"
import { type Markup, markup } from "./Markup.ts"

/** Latencies of requests that were answered, in ms. */
export interface Latency {
  readonly count: number
  readonly min: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** This percentage of the requests, 0 to 100, took at most so many ms. */
export interface Percentile {
  readonly percentile: number
  readonly latency: number
}

/** The number of requests that took from so many ms, inclusive, to so many, exclusive. */
export interface Bucket {
  readonly from: number
  readonly to: number
  readonly count: number
}

/** The place of a percentile on the axis. Each step of 1 leaves a tenth of the requests beyond it. */
const nines = (percentile: number): number => -Math.log10(Math.max(0, 1 - percentile / 100))

const NINES = [50, 90, 99, 99.9, 99.99, 99.999, 99.9999, 99.99999]

/** A point of the curve with a name. */
interface Named {
  readonly label: string
  readonly point: Point
}

/** The places for a name of the given width beside a point of a rising curve, best first. The nearest are the best. */
const placesBeside = ([x, y]: Point, width: number): ReadonlyArray<Box> =>
  [0, LINE, 2 * LINE, 3 * LINE].flatMap((away) => [
    { left: x - 7 - width, right: x - 7, top: y - 7 - LINE - away, bottom: y - 5 - away },
    { left: x + 7, right: x + 7 + width, top: y + 5 + away, bottom: y + 7 + LINE + away },
    { left: x - width / 2, right: x + width / 2, top: y - 9 - LINE - away, bottom: y - 7 - away },
    { left: x - width / 2, right: x + width / 2, top: y + 7 + away, bottom: y + 9 + LINE + away },
    { left: x + 7, right: x + 7 + width, top: y - 7 - LINE - away, bottom: y - 5 - away }
  ])

/** Names the points of a rising curve where there is room, the first ones first. */
const nameLabels = (points: ReadonlyArray<Named>, plot: Box): Markup => {
  // The maximum is at the top and its name above the plot, where the axis title already stands.
  const taken: Array<Box> = [{ left: 0, right: widthOf("latency (ms), logarithmic"), top: 0, bottom: 20 }]
  const dots = points.map(({ point: [x, y] }) => ({ left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 }))
  const labels = points.map(({ label, point }, index) => {
    const [x, y] = point
    const dot = markup`<circle class="dot" cx="${x}" cy="${y}" r="3.5"/>`
    const others = dots.filter((_, other) => other !== index)
    const place = placesBeside(point, label.length * BOLD_CHARACTER).find(
      (box) =>
        box.left >= plot.left &&
        box.right <= plot.right &&
        box.top >= 0 &&
        box.bottom <= plot.bottom &&
        ![...taken, ...others].some((other) => overlaps(box, other))
    )
    if (place === undefined) return dot
    taken.push(place)
    const text = markup`<text class="name" x="${round(place.left)}" y="${round(place.bottom - 5)}">${label}</text>`
    return markup`${dot}${text}`
  })
  return markup`${labels}`
}

/** The latency at each percentile, on the axis of HDR histograms. The points must rise. */
export const percentileCurve = (drawing: Drawing, points: ReadonlyArray<Percentile>, latency: Latency): Markup => {
  // The axis ends at the last request. The maximum stands there instead of at infinity.
  const end = Math.max(1, Math.log10(Math.max(1, latency.count)))
  const place = (percentile: number): number => Math.min(end, nines(percentile))
  const x: Axis = {
    from: 0,
    to: end,
    ticks: NINES.filter((percentile) => nines(percentile) <= end + 1e-9).map((percentile) => ({
      value: nines(percentile),
      label: Format.number(percentile, 9)
    })),
    logarithmic: false
  }
  const y = latencyAxis(
    [...points.map((point) => point.latency), latency.min, latency.max],
    latency.p50,
    wantedTicks(drawing.size)
  )
  // The most important labels come first, because they take the room.
  const named: ReadonlyArray<readonly [label: string, percentile: number, value: number]> = [
    ["p50", 50, latency.p50],
    ["p99", 99, latency.p99],
    ["max", 100, latency.max],
    ["p99.9", 99.9, latency.p999],
    ["p90", 90, latency.p90]
  ]
  const shown = named.filter(([, percentile]) => percentile === 100 || nines(percentile) <= end)
  return frame({
    drawing,
    title: "Latency by percentile",
    description:
      `Half of the requests took at most ${Format.millis(latency.p50)}, 90 % at most ${Format.millis(latency.p90)}, ` +
      `99 % at most ${Format.millis(latency.p99)}, 99.9 % at most ${Format.millis(latency.p999)}; ` +
      `the slowest took ${Format.millis(latency.max)}.`,
    x,
    y,
    xTitle: "% of requests at most so slow",
    yTitle: "latency (ms)",
    body: (toX, toY, plot) => {
      const curve = [
        [toX(0), toY(latency.min)] as const,
        ...points.map((point): Point => [toX(place(point.percentile)), toY(point.latency)]),
        [toX(end), toY(latency.max)] as const
      ]
      const names = shown.map(([label, percentile, value]) => ({
        label: `${label} ${Format.millis(value)}`,
        point: [toX(place(percentile)), toY(value)] as const
      }))
      return markup`<path class="line first" d="${pathOf(curve)}"/>${nameLabels(names, plot)}`
    },
    spots: (toX, plot) => {
      const texts = points.map((point) => ({
        x: toX(place(point.percentile)),
        text: `${Format.number(point.percentile, 7)} % took at most ${Format.millis(point.latency)}`
      }))
      // If points share a place, the last one holds for all of them.
      return columnsOf(
        texts.filter(({ x }, index) => texts[index + 1]?.x !== x),
        plot
      )
    }
  })
}

/** The requests of a range of latencies. All bars span the same ratio. */
export interface Bar {
  readonly from: number
  readonly to: number
  /** Share of all requests, 0 to 1. */
  readonly share: number
}

const MAX_BARS = 40

/** Whether all buckets span nearly the same ratio. */
const areEqual = (buckets: ReadonlyArray<Bucket>): boolean => {
  const ratios = buckets.map(({ from, to }) => to / from)
  return ratios.every((ratio) => Math.abs(ratio / (ratios[0] ?? 1) - 1) < 0.01)
}

/**
 * Buckets as bars of equal width on a logarithmic axis. If the buckets already are such bars, they stay as they are.
 * Otherwise a bucket is split between the bars that it overlaps. An unsplit bucket would leave gaps where bars are
 * narrower than buckets.
 */
export const barsOf = (histogram: ReadonlyArray<Bucket>, bars = MAX_BARS): ReadonlyArray<Bar> => {
  const buckets = histogram.filter(({ count, to }) => count > 0 && to > 0)
  const total = buckets.reduce((sum, { count }) => sum + count, 0)
  if (total === 0) return []
  if (buckets.length <= bars && areEqual(buckets)) {
    return buckets
      .map(({ count, from, to }) => ({ from, to, share: count / total }))
      .toSorted((a, b) => a.from - b.from)
  }
  const last = buckets.reduce((max, { to }) => Math.max(max, to), 0)
  const first = buckets.reduce((min, { from, to }) => Math.min(min, from > 0 ? from : to / 2), last / 2)
  const factor = (last / first) ** (1 / bars)
  const edges = Array.from({ length: bars + 1 }, (_, index) => (index === bars ? last : first * factor ** index))
  return edges.slice(1).map((to, index) => {
    const from = edges[index] ?? first
    const count = buckets.reduce((sum, bucket) => {
      // A logarithmic axis has no place for 0, so what lies there goes into the first bar.
      const start = Math.max(bucket.from, first)
      const end = Math.max(bucket.to, start)
      const overlap = Math.min(end, to) - Math.max(start, from)
      if (overlap <= 0) return sum
      return sum + (bucket.count * overlap) / (end - start)
    }, 0)
    return { from, to, share: count / total }
  })
}

/** How many requests had which latency. */
export const latencyHistogram = (drawing: Drawing, histogram: ReadonlyArray<Bucket>, latency: Latency): Markup => {
  const bars = barsOf(histogram)
  const [least, most] = [bars[0]?.from ?? 1, bars.at(-1)?.to ?? 10]
  // The axis spans at least a factor of four. Otherwise one bucket would fill it, with no number beside it.
  const middle = Math.sqrt(least * most)
  const [first, last] = [Math.min(least, middle / 2), Math.max(most, middle * 2)]
  const wide = logarithmicAxis(first, last, (value) => Format.number(value, 9))
  // The ticks are round numbers, but the axis ends where the data does.
  const ticks = wide.ticks.filter(({ value }) => value >= first && value <= last)
  const x = { ...wide, from: first, to: last, ticks }
  const largest = bars.reduce((max, { share }) => Math.max(max, share), 0)
  const y = linearAxis(largest * 100, wantedTicks(drawing.size), (value) => Format.number(value))
  const mode = bars.find(({ share }) => share === largest)
  const frequent =
    mode === undefined
      ? ""
      : `The most frequent latency lies between ${Format.millis(mode.from)} and ${Format.millis(mode.to)}. `
  return frame({
    drawing,
    title: "Latency histogram",
    description: `${frequent}The fastest request took ${Format.millis(latency.min)}, the slowest ${Format.millis(latency.max)}.`,
    x,
    y,
    xTitle: "latency (ms), logarithmic",
    yTitle: "% of requests",
    body: (toX, toY, plot) => {
      const rects = bars.map(({ from, share, to }) => {
        const left = toX(from)
        // Shares too small for a pixel are still shown, because a reader looks for the tail.
        const height = share === 0 ? 0 : Math.max(1, plot.bottom - toY(share * 100))
        const width = Math.max(0.5, toX(to) - left - 1)
        return markup`<rect x="${left}" y="${round(plot.bottom - height)}" width="${round(width)}" height="${round(height)}"/>`
      })
      return markup`<g class="bars">${rects}</g>`
    },
    spots: (toX, plot) =>
      bars.map(({ from, share, to }) => ({
        box: { left: toX(from), right: toX(to), top: plot.top, bottom: plot.bottom },
        text: `${Format.millis(from)} to ${Format.millis(to)}: ${Format.percent(share)} of the requests`
      }))
  })
}
