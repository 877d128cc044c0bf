/**
 * The progress of a running load test: a bar for a terminal, a plain line elsewhere. It makes text from figures and
 * writes nothing.
 */
import * as Format from "../chart/Format.ts"
import type { Second } from "./LoadResult.ts"

export interface ProgressState {
  /** Seconds since the start of the measured run; negative during the warm-up. */
  readonly elapsed: number
  /** The share of the run that is done, 0 to 1. */
  readonly done: number
  /** The last whole second, or `undefined` before the first has passed. */
  readonly last: Second | undefined
}

const BAR_WIDTH = 24
const LEAST_BAR_WIDTH = 8

const time = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  return whole < 60 ? `${whole}s` : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`
}

const share = ({ done }: ProgressState): number => Math.min(1, Math.max(0, done))

const percent = (state: ProgressState): string => `${Math.floor(share(state) * 100)}%`

/** The seconds left at the present pace, or `undefined` if nothing is done yet. */
const remaining = (state: ProgressState): number | undefined => {
  const done = share(state)
  return done > 0 ? (state.elapsed / done) * (1 - done) : undefined
}

const times = (state: ProgressState): string => {
  if (state.elapsed < 0) return "warming up"
  const left = remaining(state)
  return `${time(state.elapsed)} elapsed${left === undefined ? "" : `, ${time(left)} left`}`
}

const figures = ({ last }: ProgressState): string =>
  last === undefined
    ? ""
    : `  ${last.requests.toLocaleString("en")} req/s  p99 ${last.p99.toFixed(2)} ms` +
      (last.errors === 0 ? "" : `  ${Format.plural(last.errors, "error")}`)

/** One line without a newline, for a terminal of `columns` columns. A longer line would leave a rest on the screen. */
export const bar = (state: ProgressState, columns = 80): string => {
  const text = `${percent(state).padStart(4)}  ${times(state)}${figures(state)}`
  // The last column stays free, because some terminals move to the next row after filling it.
  const room = columns - 1 - text.length - "[]".length
  const width = Math.min(BAR_WIDTH, Math.max(LEAST_BAR_WIDTH, room))
  const filled = Math.round(share(state) * width)
  return `[${"█".repeat(filled)}${"░".repeat(width - filled)}]${text}`.slice(0, Math.max(0, columns - 1))
}

/** One line without a newline, for a log. */
export const line = (state: ProgressState): string =>
  state.elapsed < 0 ? times(state) : `${times(state)}, ${percent(state)} done${figures(state)}`
