/**
 * What a cache knows of itself: why keys are missing, how large it should be, which keys are hot and which are big. It
 * keeps nothing: `MemoryInsight.ts` does, for the memory of this process.
 */

/** What became of a key that was asked for and is not there. */
export type MissReason = "cold" | "expired" | "evicted" | "deleted"

/** A point of the miss-ratio curve: with so many bytes of memory, this share of reads would miss. */
export interface CurvePoint {
  readonly bytes: number
  /** From 0 to 1. */
  readonly missRatio: number
}

export interface Curve {
  /** By ascending bytes. */
  readonly points: ReadonlyArray<CurvePoint>
  /** At the present size. */
  readonly here: CurvePoint
  /** The reads that the curve was estimated from. */
  readonly samples: number
}

/** Counts below bounds, as a Prometheus histogram has them. */
export interface Buckets {
  /** Ascending. There is one count more than there are bounds: the last one counts everything. */
  readonly bounds: ReadonlyArray<number>
  /** Cumulative: how many were at most the bound. */
  readonly counts: ReadonlyArray<number>
  readonly sum: number
}

export interface HotKey {
  /** One character for each byte. */
  readonly key: string
  readonly database: number
  /** Estimated uses in a recent window. */
  readonly count: number
  /** By how much the estimate may be too high. */
  readonly error: number
}

export interface BigKey {
  /** One character for each byte. */
  readonly key: string
  readonly database: number
  /** The memory of its entry. */
  readonly bytes: number
}

export interface Insight {
  /** Misses since the start, by what became of the key. */
  readonly misses: () => Readonly<Record<MissReason, number>>
  /** How long evicted keys had not been used, in ms. */
  readonly victimIdle: () => Buckets
  /** Undefined until enough was sampled. `now` in ms. */
  readonly curve: (now: number) => Curve | undefined
  /** The hottest first. */
  readonly hotKeys: (limit: number) => ReadonlyArray<HotKey>
  /** The biggest first. */
  readonly bigKeys: (limit: number) => ReadonlyArray<BigKey>
  /** The story of a key, in words, as EXPLAIN answers it. `now` in ms. */
  readonly explain: (database: number, key: Buffer, now: number) => string
}

/**
 * The miss ratio of a curve at a size in bytes. Between two points the curve is a line, as it is within each class of
 * distances that it is counted in; beyond its ends it stays as it is there. The points rise by size. Without points, it
 * is 1.
 */
export const missRatioAt = (points: ReadonlyArray<CurvePoint>, bytes: number): number => {
  const above = points.findIndex((point) => point.bytes >= bytes)
  const after = points.at(above)
  if (after === undefined) return 1
  const before = points[above - 1]
  if (before === undefined) return after.missRatio
  const share = (bytes - before.bytes) / (after.bytes - before.bytes)
  return before.missRatio + share * (after.missRatio - before.missRatio)
}
