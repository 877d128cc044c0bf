/** What a person sees while a load test runs: a bar on a terminal, a plain line elsewhere. Pure: figures in, text out. */
import * as Format from "./Format.ts"
import type { Second } from "./LoadResult.ts"

export interface ProgressState {
  /** Seconds since the start of the measured run; negative while it warms up. */
  readonly elapsed: number
  /** Share of the run that is done, 0 to 1. */
  readonly done: number
  /** The last whole second, or nothing before there is one. */
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

/** Seconds that are left if it goes on as it went, or nothing where nothing is done yet. */
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

/** One line without an end, for a terminal of so many columns: what is longer would leave its rest behind. */
export const bar = (state: ProgressState, columns = 80): string => {
  const text = `${percent(state).padStart(4)}  ${times(state)}${figures(state)}`
  // The last column is left free, since some terminals go on to the next row after it.
  const room = columns - 1 - text.length - "[]".length
  const width = Math.min(BAR_WIDTH, Math.max(LEAST_BAR_WIDTH, room))
  const filled = Math.round(share(state) * width)
  return `[${"█".repeat(filled)}${"░".repeat(width - filled)}]${text}`.slice(0, Math.max(0, columns - 1))
}

/** One line without an end, for a log. */
export const line = (state: ProgressState): string =>
  state.elapsed < 0 ? times(state) : `${times(state)}, ${percent(state)} done${figures(state)}`
