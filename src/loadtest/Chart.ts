/**
 * The charts of the HTML report as inline SVG without a script: the percentile curve, the histogram, and the run over
 * time. They are drawn from plain numbers. Colours and fonts are classes of the page's stylesheet: see `HtmlStyle.ts`.
 *
 * Each chart has a title and a description for readers who cannot see it. Tables of the same data are not drawn here:
 * see `HtmlReport.ts`.
 */
import * as Format from "./Format.ts"
import type { Bucket, Latency, Percentile, Slice } from "./LoadResult.ts"
import { empty, type Markup, markup } from "./Markup.ts"

/** In units of the drawing. A unit is about one CSS pixel. */
export interface Size {
  readonly width: number
  readonly height: number
}

export interface Drawing {
  /** Unique in the page, because the title and the description are referenced by it. */
  readonly id: string
  readonly size: Size
}

/** Maps a value to a place in units of the drawing, rounded to a tenth of a pixel, which is enough. */
type Scale = (value: number) => number

interface Tick {
  readonly value: number
  readonly label: string
}

interface Axis {
  readonly from: number
  readonly to: number
  readonly ticks: ReadonlyArray<Tick>
  readonly logarithmic: boolean
}

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** The width of a label's character, in units. It is the width of digits in the usual system fonts, plain and bold. */
const CHARACTER = 7
const BOLD_CHARACTER = 7.8
const LINE = 15

const round = (value: number): number => Math.round(value * 10) / 10

const STEPS = [1, 2, 5, 10]

/** The smallest number of the form 1, 2 or 5 times a power of ten that is at least the value. */
const stepUp = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  // The margin is needed because powers of ten are not exact.
  return power * (STEPS.find((step) => step * power >= value * (1 - 1e-9)) ?? 10)
}

/** The largest number of that form that is at most the value. */
const stepDown = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  return power * (STEPS.findLast((step) => step * power <= value * (1 + 1e-9)) ?? 1)
}

/** From 0 to a round number that is at least the largest value. */
const linearAxis = (largest: number, wanted: number, label: (value: number) => string): Axis => {
  const step = stepUp((largest > 0 ? largest : 1) / wanted)
  const steps = Math.max(1, Math.ceil(largest / step - 1e-9))
  const ticks = Array.from({ length: steps + 1 }, (_, index) => {
    // Rounded, because 3 * 0.1 would not print as 0.3.
    const value = Number((index * step).toPrecision(12))
    return { value, label: label(value) }
  })
  return { from: 0, to: steps * step, ticks, logarithmic: false }
}

/** From one round number to another, in equal ratios. */
const logarithmicAxis = (smallest: number, largest: number, label: (value: number) => string): Axis => {
  const from = stepDown(smallest)
  const to = Math.max(stepUp(largest), stepUp(from * 1.5))
  const decades = Math.log10(to / from)
  const within = decades <= 1.5 ? STEPS.slice(0, 3) : decades <= 3 ? [1, 3] : [1]
  const ticks: Array<Tick> = []
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const step of within) {
      const value = Number((step * 10 ** power).toPrecision(12))
      if (value >= from * 0.999 && value <= to * 1.001) ticks.push({ value, label: label(value) })
    }
  }
  return { from, to, ticks, logarithmic: true }
}

/** Linear, unless a few outliers would press everything else onto the axis. */
const latencyAxis = (values: ReadonlyArray<number>, typical: number, wanted: number): Axis => {
  const positive = values.filter((value) => value > 0)
  const largest = positive.reduce((max, value) => Math.max(max, value), 0)
  const smallest = positive.reduce((min, value) => Math.min(min, value), Number.POSITIVE_INFINITY)
  const label = (value: number) => Format.number(value, 9)
  return typical > 0 && largest > 20 * typical
    ? logarithmicAxis(smallest, largest, label)
    : linearAxis(largest, wanted, label)
}

const scaleOf = (axis: Axis, start: number, end: number): Scale => {
  const map = axis.logarithmic ? (value: number) => Math.log10(Math.max(value, axis.from)) : (value: number) => value
  const [from, to] = [map(axis.from), map(axis.to)]
  return (value) => {
    const share = to === from ? 0 : (map(value) - from) / (to - from)
    return round(start + Math.min(1, Math.max(0, share)) * (end - start))
  }
}

const widthOf = (text: string): number => text.length * CHARACTER

const overlaps = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

interface Frame {
  readonly drawing: Drawing
  readonly title: string
  readonly description: string
  readonly x: Axis
  readonly y: Axis
  readonly xTitle: string
  readonly yTitle: string
  readonly legend?: ReadonlyArray<readonly [className: string, label: string]>
  /** Draws the data, between the grid and the axes. */
  readonly body: (x: Scale, y: Scale, plot: Box) => Markup
  /** The parts that show their values. */
  readonly spots: (x: Scale, plot: Box) => ReadonlyArray<Spot>
}

/** The labels that have room under the axis. The grid keeps all its lines. */
const xLabels = (axis: Axis, x: Scale, plot: Box, width: number): ReadonlyArray<Markup> => {
  const labels: Array<Markup> = []
  let free = 0
  for (const { label, value } of axis.ticks) {
    const half = widthOf(label) / 2
    const centre = Math.min(x(value), width - half)
    if (centre - half < free) continue
    free = centre + half + CHARACTER
    labels.push(markup`<text x="${round(centre)}" y="${plot.bottom + 18}" text-anchor="middle">${label}</text>`)
  }
  return labels
}

const yLabels = (axis: Axis, y: Scale, plot: Box): ReadonlyArray<Markup> =>
  axis.ticks.map(
    ({ label, value }) => markup`<text x="${plot.left - 8}" y="${y(value) + 4}" text-anchor="end">${label}</text>`
  )

const legendOf = (entries: Frame["legend"], plot: Box): ReadonlyArray<Markup> => {
  let right = plot.right
  // From right to left, because the axis title is on the left.
  return (entries ?? []).toReversed().map(([className, label]) => {
    const left = right - widthOf(label)
    right = left - 34
    return markup`<line class="${className}" x1="${left - 24}" x2="${left - 6}" y1="12" y2="12"/><text x="${left}" y="16">${label}</text>`
  })
}

const frame = ({
  body,
  description,
  drawing,
  legend,
  spots,
  title,
  x: xAxis,
  xTitle,
  y: yAxis,
  yTitle
}: Frame): Markup => {
  const { id, size } = drawing
  const widest = yAxis.ticks.reduce((max, { label }) => Math.max(max, widthOf(label)), 0)
  // Half of the last label may reach beyond the end of the axis.
  const beyond = Math.max(10, widthOf(xAxis.ticks.at(-1)?.label ?? "") / 2)
  const plot = { left: widest + 12, right: size.width - beyond, top: 34, bottom: size.height - 46 }
  const x = scaleOf(xAxis, plot.left, plot.right)
  const y = scaleOf(yAxis, plot.bottom, plot.top)
  const grid = [
    ...yAxis.ticks.map(
      ({ value }) => markup`<line x1="${plot.left}" x2="${plot.right}" y1="${y(value)}" y2="${y(value)}"/>`
    ),
    ...xAxis.ticks.map(
      ({ value }) => markup`<line x1="${x(value)}" x2="${x(value)}" y1="${plot.top}" y2="${plot.bottom}"/>`
    )
  ]
  const scale = yAxis.logarithmic ? `${yTitle}, logarithmic` : yTitle
  return markup`<svg role="group" viewBox="0 0 ${size.width} ${size.height}" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${title}</title>
<desc id="${id}-desc">${description}</desc>
<g class="grid">${grid}</g>
${body(x, y, plot)}
<line class="axis" x1="${plot.left}" x2="${plot.right}" y1="${plot.bottom}" y2="${plot.bottom}"/>
<g class="labels">${yLabels(yAxis, y, plot)}${xLabels(xAxis, x, plot, size.width)}</g>
<text class="axis-title" x="0" y="16">${scale}</text>
<text class="axis-title" x="${plot.right}" y="${size.height - 8}" text-anchor="end">${xTitle}</text>
<g class="legend">${legendOf(legend, plot)}</g>
${spotsOf(spots(x, plot), plot)}
</svg>`
}

type Point = readonly [x: number, y: number]

/** A part of a chart that shows its value. */
interface Spot {
  readonly box: Box
  readonly text: string
}

/**
 * Invisible parts that show their values without a script. Under the pointer, a `title` does it. With the keyboard
 * focus, the stylesheet shows a line above the plot.
 */
const spotsOf = (spots: ReadonlyArray<Spot>, plot: Box): Markup =>
  markup`<g class="spots">${spots.map(
    ({ box, text }) =>
      markup`<g class="spot" tabindex="0" role="img" aria-label="${text}"><title>${text}</title><rect x="${round(box.left)}" y="${round(box.top)}" width="${round(Math.max(1, box.right - box.left))}" height="${round(box.bottom - box.top)}"/><text class="name value" x="${round(plot.right)}" y="${round(plot.top - 4)}" text-anchor="end">${text}</text></g>`
  )}</g>`

/** Spots as high as the plot. Each covers what is closer to its place than to any other. */
const columnsOf = (
  places: ReadonlyArray<{ readonly x: number; readonly text: string }>,
  plot: Box
): ReadonlyArray<Spot> => {
  const sorted = places.toSorted((a, b) => a.x - b.x)
  return sorted.map(({ text, x }, index) => {
    const [before, after] = [sorted[index - 1]?.x, sorted[index + 1]?.x]
    const left = before === undefined ? plot.left : (before + x) / 2
    const right = after === undefined ? plot.right : (x + after) / 2
    return { box: { left, right, top: plot.top, bottom: plot.bottom }, text }
  })
}

const pathOf = (points: ReadonlyArray<Point>): string =>
  points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("")

/** How many ticks fit on an axis. */
const wantedTicks = ({ height }: Size): number => (height < 280 ? 4 : 5)

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
