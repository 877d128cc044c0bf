/**
 * What charts are made of: axes with round numbers, the frame with its grid and labels, and invisible parts that show
 * their values. Charts are inline SVG without a script, drawn from plain numbers. Colours and fonts are classes of the
 * page's stylesheet: see `Style.ts`.
 *
 * Each chart has a title and a description for readers who cannot see it. Tables of the same data are not drawn here.
 */
import * as Format from "./Format.ts"
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
  /** Whether it is drawn again and again: then it is one picture to the keyboard and to readers, and the pointer alone finds its parts. */
  readonly isLive?: boolean
}

/** Maps a value to a place in units of the drawing, rounded to a tenth of a pixel, which is enough. */
export type Scale = (value: number) => number

interface Tick {
  readonly value: number
  readonly label: string
}

export interface Axis {
  readonly from: number
  readonly to: number
  readonly ticks: ReadonlyArray<Tick>
  readonly logarithmic: boolean
}

export interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** The width of a label's character, in units. It is the width of digits in the usual system fonts, plain and bold. */
const CHARACTER = 7
export const BOLD_CHARACTER = 7.8
export const LINE = 15

export const round = (value: number): number => Math.round(value * 10) / 10

const STEPS = [1, 2, 5, 10]

/** The smallest number of the form 1, 2 or 5 times a power of ten that is at least the value. */
export const stepUp = (value: number): number => {
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
export const linearAxis = (largest: number, wanted: number, label: (value: number) => string): Axis => {
  const end = largest > 0 ? largest : 1
  const step = stepUp(end / wanted)
  const steps = Math.max(1, Math.ceil(end / step - 1e-9))
  const ticks = Array.from({ length: steps + 1 }, (_, index) => {
    // Rounded, because 3 * 0.1 would not print as 0.3.
    const value = Number((index * step).toPrecision(12))
    return { value, label: label(value) }
  })
  return { from: 0, to: steps * step, ticks, logarithmic: false }
}

/** From one round number to another, in equal ratios. */
export const logarithmicAxis = (smallest: number, largest: number, label: (value: number) => string): Axis => {
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
export const latencyAxis = (values: ReadonlyArray<number>, typical: number, wanted: number): Axis => {
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

export const widthOf = (text: string): number => text.length * CHARACTER

export const overlaps = (a: Box, b: Box): boolean =>
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

export const frame = ({
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
  return markup`<svg role="${drawing.isLive === true ? "img" : "group"}" viewBox="0 0 ${size.width} ${size.height}" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${title}</title>
<desc id="${id}-desc">${description}</desc>
<g class="grid">${grid}</g>
${body(x, y, plot)}
<line class="axis" x1="${plot.left}" x2="${plot.right}" y1="${plot.bottom}" y2="${plot.bottom}"/>
<g class="labels">${yLabels(yAxis, y, plot)}${xLabels(xAxis, x, plot, size.width)}</g>
<text class="axis-title" x="0" y="16">${scale}</text>
<text class="axis-title" x="${plot.right}" y="${size.height - 8}" text-anchor="end">${xTitle}</text>
<g class="legend">${legendOf(legend, plot)}</g>
${spotsOf(spots(x, plot), plot, drawing.isLive === true)}
</svg>`
}

export type Point = readonly [x: number, y: number]

/** A part of a chart that shows its value. */
export interface Spot {
  readonly box: Box
  readonly text: string
}

/**
 * Invisible parts that show their values without a script. Under the pointer, a `title` does it. With the keyboard
 * focus, the stylesheet shows a line above the plot.
 */
const spotsOf = (spots: ReadonlyArray<Spot>, plot: Box, isLive: boolean): Markup =>
  markup`<g class="spots"${isLive ? HIDDEN : empty}>${spots.map(
    ({ box, text }) =>
      markup`<g class="spot"${isLive ? empty : markup` tabindex="0" role="img" aria-label="${text}"`}><title>${text}</title><rect x="${round(box.left)}" y="${round(box.top)}" width="${round(Math.max(1, box.right - box.left))}" height="${round(box.bottom - box.top)}"/><text class="name value" x="${round(plot.right)}" y="${round(plot.top - 4)}" text-anchor="end">${text}</text></g>`
  )}</g>`

const HIDDEN = markup` aria-hidden="true"`

/** Spots as high as the plot. Each covers what is closer to its place than to any other. */
export const columnsOf = (
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

export const pathOf = (points: ReadonlyArray<Point>): string =>
  points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("")

/** How many ticks fit on an axis. */
export const wantedTicks = ({ height }: Size): number => (height < 280 ? 4 : 5)
