/**
 * Defects that were caught near the engine: whether it can be used any more after one, and how many sweeps have failed. It
 * catches nothing itself.
 */
import * as Context from "effect/Context"
import type { Engine } from "../engine/Engine.ts"

/**
 * Ends the process, because the engine was left half-changed. By default the error is thrown where nobody can catch it:
 * the `serve` command logs it and exits with 1, and any other process ends as it does by what it does not catch.
 */
export const CurrentCrash = Context.Reference<(error: Error) => void>("effect-kv-cache/store/CurrentCrash", {
  defaultValue: () => (error) =>
    queueMicrotask(() => {
      throw error
    })
})

export class Defects {
  /** How many scheduled sweeps have failed. */
  failedSweeps = 0
  private readonly engine: Engine
  private readonly crash: (error: Error) => void
  private hasCrashed = false

  constructor(engine: Engine, crash: (error: Error) => void) {
    this.engine = engine
    this.crash = crash
  }

  /** Must be told of every defect that was caught, between two calls of the engine. */
  caught(defect: unknown): void {
    if (!this.engine.isBroken || this.hasCrashed) return
    this.hasCrashed = true
    this.crash(new Error("the store was left half-changed and cannot be used any more", { cause: defect }))
  }
}
