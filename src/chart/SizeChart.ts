/** The chart of how large a cache should be: the share of reads that would hit, by memory. */
import * as Format from "./Format.ts"
import {
  type Axis,
  columnsOf,
  frame,
  linearAxis,
  type Drawing,
  pathOf,
  type Point,
  round,
  wantedTicks,
  widthOf
} from "./Frame.ts"
import { type Markup, markup } from "./Markup.ts"

/** With so many bytes of memory, this share of reads, 0 to 1, would hit. */
export interface SizePoint {
  readonly bytes: number
  readonly hitRate: number
}

/** A label on the axis of sizes takes about so many units. */
const LABEL = 64

/** Equal ratios of size, with a tick at each power of two, or at fewer where there is no room. */
const sizeAxis = (from: number, to: number, width: number): Axis => {
  const [first, last] = [Math.log2(from), Math.log2(to)]
  const step = Math.max(1, Math.ceil(((last - first) * LABEL) / width))
  const ticks = Array.from({ length: Math.floor(last + 1e-9) - Math.ceil(first - 1e-9) + 1 }, (_, index) => {
    const power = Math.ceil(first - 1e-9) + index
    return { power, value: 2 ** power, label: Format.bytes(2 ** power) }
  }).filter(({ power }) => power % step === 0)
  return { from, to, ticks, logarithmic: true }
}

/** The points must rise by size. `here` is the present size, on the curve. */
export const hitRateBySize = (drawing: Drawing, points: ReadonlyArray<SizePoint>, here: SizePoint): Markup => {
  const [least, most] = [points[0] ?? here, points.at(-1) ?? here]
  const y = linearAxis(100, wantedTicks(drawing.size), (value) => Format.number(value))
  const saying = ({ bytes, hitRate }: SizePoint): string =>
    `${Format.bytes(bytes)}: ${Format.number(hitRate * 100, 1)} % of reads would hit`
  return frame({
    drawing,
    title: "Hit rate by memory",
    description:
      `With the present ${Format.bytes(here.bytes)}, ${Format.number(here.hitRate * 100, 1)} % of reads hit; ` +
      `with ${Format.bytes(least.bytes)} it would be ${Format.number(least.hitRate * 100, 1)} %, ` +
      `with ${Format.bytes(most.bytes)} ${Format.number(most.hitRate * 100, 1)} %.`,
    x: sizeAxis(least.bytes, Math.max(most.bytes, least.bytes * 2), drawing.size.width),
    y,
    xTitle: "memory, logarithmic",
    yTitle: "hit rate (%)",
    body: (toX, toY, plot) => {
      const line = points.map(({ bytes, hitRate }): Point => [toX(bytes), toY(hitRate * 100)])
      const [x, at] = [toX(here.bytes), toY(here.hitRate * 100)]
      const label = `you are here: ${Format.number(here.hitRate * 100, 1)} %`
      // Below the point and to its right, where the curve is not, if there is room.
      const isRight = x + 10 + widthOf(label) < plot.right
      const below = at + 22 < plot.bottom ? at + 20 : at - 12
      return markup`<path class="line first" d="${pathOf(line)}"/><line class="here" x1="${x}" x2="${x}" y1="${at}" y2="${plot.bottom}"/><circle class="dot" cx="${x}" cy="${at}" r="5"/><text class="name" x="${round(isRight ? x + 10 : x - 10)}" y="${round(below)}" text-anchor="${isRight ? "start" : "end"}">${label}</text>`
    },
    spots: (toX, plot) =>
      columnsOf(
        points.map((point) => ({ x: toX(point.bytes), text: saying(point) })),
        plot
      )
  })
}
