/**
 * The length of the slices in which a run is recorded and drawn. Short runs have short slices, so that their charts
 * have as many points as those of long runs. The slices themselves are in `Recorder.ts` and `Timeline.ts`.
 */

/** Lengths in ms. Each is a multiple of the one before it, so that slices can be joined. */
const LENGTHS = [1, 5, 10, 50, 100, 500]

/** In ms. No slice is longer, whatever the run. */
export const LONGEST_SLICE = 1000

/** A length is used for at most this many slices. After the change to the next one there are still at least 24. */
const MOST_SLICES = 120

/** The length, in ms, of the slices of a run that has lasted `elapsed` ms. */
export const sliceLength = (elapsed: number): number =>
  LENGTHS.find((length) => elapsed < length * MOST_SLICES) ?? LONGEST_SLICE
