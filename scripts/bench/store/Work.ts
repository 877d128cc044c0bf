/** What an engine process is asked to do, and what it answers. */
import type { EngineName } from "./Engines.ts"

export interface EngineOptions {
  readonly engine: EngineName
  readonly entries: number
  /** How long a phase may take, in s. The fill always runs to its end. */
  readonly seconds: number
}

export interface Phase {
  readonly operations: number
  /** ns for each operation, including the making of its key and value. */
  readonly nanos: number
  /** The longest time that one slice held up the event loop, in ms. */
  readonly longest: number
}

export const PHASES = ["fill", "get", "overwrite", "evict"] as const

export interface EngineResult extends Readonly<Record<(typeof PHASES)[number], Phase>> {
  /** The resident memory that the fill added to the process, in bytes an entry. */
  readonly bytesPerEntry: number
}
