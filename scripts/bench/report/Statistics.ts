/** Sums up the figures of several rounds: their median and their spread. Pure. */

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The median, NaN of nothing. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper
}

export const summarize = (values: ReadonlyArray<number>): Summary => ({
  median: median(values),
  min: values.length === 0 ? Number.NaN : Math.min(...values),
  max: values.length === 0 ? Number.NaN : Math.max(...values)
})

/** `ours` divided by `theirs`, round by round. Neighbouring rounds have met the machine in the same state. */
export const ratios = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): Summary => {
  const rounds = Math.min(ours.length, theirs.length)
  return summarize(Array.from({ length: rounds }, (_, i) => (ours[i] ?? Number.NaN) / (theirs[i] ?? Number.NaN)))
}
