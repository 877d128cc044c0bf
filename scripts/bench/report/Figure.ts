/** A figure with a goal, and whether the goal was reached. Pure. */
import { number, table } from "./Format.ts"

export interface Figure {
  readonly what: string
  readonly bound: "at least" | "at most"
  readonly target: number
  readonly unit: string
  /** The measured value, NaN if there is none. */
  readonly value: number
  /** The spread over the rounds, or why there is no value. */
  readonly note: string
}

export const isReached = ({ bound, target, value }: Figure): boolean =>
  bound === "at least" ? value >= target : value <= target

const verdict = (figure: Figure): string =>
  Number.isNaN(figure.value) ? "not measured" : isReached(figure) ? "reached" : "NOT REACHED"

export const figureTable = (figures: ReadonlyArray<Figure>): string =>
  table([
    ["figure", "to reach", "measured", "spread", "verdict"],
    ...figures.map((figure) => [
      figure.what,
      `${figure.bound} ${number(figure.target)}${figure.unit}`,
      Number.isNaN(figure.value) ? "-" : `${number(figure.value)}${figure.unit}`,
      figure.note,
      verdict(figure)
    ])
  ])
