/** What a person sees while a load test runs: a bar on a terminal, a plain line elsewhere. Pure: figures in, text out. */
import type { Second } from "./LoadResult.ts"

export interface ProgressState {
  /** Seconds since the start of the measured run. */
  readonly elapsed: number
  /** Share of the run that is done, 0 to 1. */
  readonly done: number
  /** The last whole second, or nothing before there is one. */
  readonly last: Second | undefined
}

const BAR_WIDTH = 24

const time = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  return whole < 60 ? `${whole}s` : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`
}

/** Seconds that are left if it goes on as it went, or nothing where nothing is done yet. */
const remaining = ({ done, elapsed }: ProgressState): number | undefined =>
  done > 0 ? (elapsed / done) * (1 - done) : undefined

const figures = ({ last }: ProgressState): string =>
  last === undefined
    ? ""
    : `  ${last.requests.toLocaleString("en")} req/s  p99 ${last.p99.toFixed(2)} ms` +
      (last.errors === 0 ? "" : `  ${last.errors.toLocaleString("en")} errors`)

/** One line without an end, for a terminal. */
export const bar = (state: ProgressState): string => {
  const filled = Math.round(Math.min(1, state.done) * BAR_WIDTH)
  const left = remaining(state)
  const percent = `${Math.floor(Math.min(1, state.done) * 100)}%`.padStart(4)
  return (
    `[${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}]${percent}  ${time(state.elapsed)} elapsed` +
    `${left === undefined ? "" : `, ${time(left)} left`}${figures(state)}`
  )
}

/** One line without an end, for a log. */
export const line = (state: ProgressState): string =>
  `${time(state.elapsed)} elapsed, ${Math.floor(Math.min(1, state.done) * 100)}% done${figures(state)}`
