/** What an engine process is asked for, and what it answers. */
import type { EngineName } from "./Engines.ts"

export interface EngineOptions {
  readonly engine: EngineName
  readonly entries: number
  /** The longest that a phase may take, in s; the fill is done in full. */
  readonly seconds: number
}

export interface Phase {
  readonly operations: number
  /** ns an operation, the making of its key and value included. */
  readonly nanos: number
  /** ms: the longest that the event loop was held up by one slice. */
  readonly longest: number
}

export const PHASES = ["fill", "get", "overwrite", "evict"] as const

export interface EngineResult extends Readonly<Record<(typeof PHASES)[number], Phase>> {
  /** Resident memory of the process that the fill added, by entry. */
  readonly bytesPerEntry: number
}
