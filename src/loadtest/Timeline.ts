/**
 * The course of a run, joined from what its threads record of the same periods. It has slices as short as the run's
 * length allows, and whole seconds. It draws nothing: see `chart/TimeChart.ts`.
 *
 * Histograms are kept only while slices may still be joined, so that a run of a day does not fill the memory.
 */
import { Histogram, type HistogramData } from "./Histogram.ts"
import type { Second, Slice } from "./LoadResult.ts"
import type { SliceRecord } from "./Recorder.ts"
import { LONGEST_SLICE, sliceLength } from "./Slice.ts"
import { toLatency } from "./Statistics.ts"

/** What the threads have reported of one slice. */
interface Piece {
  readonly from: number
  readonly length: number
  requests: number
  errors: number
  reports: number
  readonly histograms: Array<HistogramData>
}

export class Timeline {
  private readonly threads: number
  private readonly onSecond: (second: Second) => void
  private readonly pieces = new Map<number, Piece>()
  private readonly seconds: Array<Second> = []
  // Reused for each slice.
  private readonly histogram = new Histogram()

  /**
   * `threads` is the number of reporting threads. `onSecond` is called with each second that all of them have reported.
   */
  constructor(threads: number, onSecond: (second: Second) => void) {
    this.threads = threads
    this.onSecond = onSecond
  }

  add({ errors, from, histogram, length, requests }: SliceRecord): void {
    const piece = this.pieces.get(from) ?? { from, length, requests: 0, errors: 0, reports: 0, histograms: [] }
    piece.requests += requests
    piece.errors += errors
    piece.reports++
    piece.histograms.push(histogram)
    this.pieces.set(from, piece)
    const end = from + length
    if (piece.reports === this.threads && end % LONGEST_SLICE === 0) this.endSecond(end / LONGEST_SLICE - 1)
  }

  /** The whole course of a run that took `elapsed` ms. */
  end(elapsed: number): { readonly seconds: ReadonlyArray<Second>; readonly slices: ReadonlyArray<Slice> } {
    const last = Math.max(-1, ...Array.from(this.pieces.values(), ({ from }) => Math.floor(from / LONGEST_SLICE)))
    for (let second = this.seconds.length; second <= last; second++) this.endSecond(second)
    const length = sliceLength(elapsed)
    if (length === LONGEST_SLICE) {
      const slices = this.seconds.map(({ second, ...figures }): Slice => ({ from: second, length: 1, ...figures }))
      return { seconds: this.seconds, slices }
    }
    return { seconds: this.seconds, slices: this.join(length) }
  }

  private endSecond(second: number): void {
    const from = second * LONGEST_SLICE
    const pieces = this.piecesOf(from, LONGEST_SLICE)
    const { length: _, from: __, ...figures } = this.toSlice(from, LONGEST_SLICE, pieces)
    this.seconds.push({ second, ...figures })
    this.onSecond({ second, ...figures })
    // There are no longer slices, so these are never joined.
    if (pieces.every(({ length }) => length === LONGEST_SLICE))
      for (const piece of pieces) this.pieces.delete(piece.from)
  }

  private join(length: number): ReadonlyArray<Slice> {
    const ends = Array.from(this.pieces.values(), (piece) => piece.from + piece.length)
    const count = Math.ceil(Math.max(0, ...ends) / length)
    return Array.from({ length: count }, (_, index) =>
      this.toSlice(index * length, length, this.piecesOf(index * length, length))
    )
  }

  private piecesOf(from: number, length: number): ReadonlyArray<Piece> {
    const found: Array<Piece> = []
    for (let at = from; at < from + length;) {
      const piece = this.pieces.get(at)
      if (piece !== undefined) found.push(piece)
      at += piece?.length ?? sliceLength(at)
    }
    return found
  }

  private toSlice(from: number, length: number, pieces: ReadonlyArray<Piece>): Slice {
    const { histogram } = this
    histogram.clear()
    let requests = 0
    let errors = 0
    for (const piece of pieces) {
      requests += piece.requests
      errors += piece.errors
      for (const part of piece.histograms) histogram.add(part)
    }
    const { max, mean, p50, p99 } = toLatency(histogram)
    return { from: from / 1000, length: length / 1000, requests, errors, mean, p50, p99, max }
  }
}
