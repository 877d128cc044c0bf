/**
 * Pieces of a run's time, in which its course is recorded and drawn. Short runs have short ones, so that their course
 * has as many points as that of a long run.
 */

/** Lengths in ms, each a multiple of the one before it, so that slices can be joined to longer ones. */
const LENGTHS = [1, 5, 10, 50, 100, 500]

/** ms: no slice is longer, whatever the run. */
export const LONGEST_SLICE = 1000

/** A length serves until there are so many slices; with the next one there are then at least 24. */
const MOST_SLICES = 120

/** The length, in ms, of the slices of a run that has taken so many ms. */
export const sliceLength = (elapsed: number): number =>
  LENGTHS.find((length) => elapsed < length * MOST_SLICES) ?? LONGEST_SLICE
