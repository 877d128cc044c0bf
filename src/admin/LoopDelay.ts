/**
 * How late the event loop is: a timer that should go off at a time says by how much it was missed. For so long a request
 * that came then had to wait, too.
 *
 * It is a sample: of a delay that is shorter than the time between two looks, only a share is seen, which is the share of
 * the time that it took.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { monotonicMicros } from "../store/MemoryEngine.ts"

/** Between two looks. */
const INTERVAL = Duration.millis(100)

/** The looks of the last minute are kept one by one. */
const KEPT = 600

const MICROS_PER_MILLI = 1000

/** In s. */
export const BOUNDS: ReadonlyArray<number> = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]

export class LoopDelay {
  /** How many delays were at most each of `BOUNDS`, each counted once; the last is for longer ones. */
  private readonly counts = new Float64Array(BOUNDS.length + 1)
  /** Of all delays, in s. */
  sum = 0
  count = 0
  // The newest, in ms, in no order.
  private readonly recent: Array<number> = []

  /** Looks for as long as the scope is open. */
  static readonly make: Effect.Effect<LoopDelay, never, Scope.Scope> = Effect.gen(function* () {
    const delay = new LoopDelay()
    const micros = yield* monotonicMicros
    const look = Effect.suspend(() => {
      const due = micros() + Duration.toMillis(INTERVAL) * MICROS_PER_MILLI
      return Effect.map(Effect.sleep(INTERVAL), () => delay.add((micros() - due) / MICROS_PER_MILLI))
    })
    yield* Effect.forkScoped(Effect.forever(look))
    return delay
  })

  /** A timer was late by so many ms. One that was early was in time. */
  add(millis: number): void {
    const late = Math.max(0, millis)
    const seconds = late / 1000
    const found = BOUNDS.findIndex((bound) => seconds <= bound)
    const index = found === -1 ? BOUNDS.length : found
    this.counts[index] = (this.counts[index] ?? 0) + 1
    this.recent[this.count % KEPT] = late
    this.count++
    this.sum += seconds
  }

  /** How many delays were at most each of `BOUNDS`. */
  get upTo(): ReadonlyArray<readonly [seconds: number, count: number]> {
    let seen = 0
    return BOUNDS.map((bound, index) => [bound, (seen += this.counts[index] ?? 0)])
  }

  /** Over the last minute, in ms. */
  get lastMinute(): { readonly p50: number; readonly p99: number; readonly max: number } {
    const sorted = this.recent.toSorted((a, b) => a - b)
    const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
    return { p50: at(0.5), p99: at(0.99), max: at(1) }
  }
}
