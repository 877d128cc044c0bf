/**
 * The memory of this process as a service: the engine, and the time that it goes by. What works on the entries themselves,
 * such as the expirer, has it from here; who gives commands has them executed (`Executor.ts`).
 */
import { randomBytes } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Alarm } from "../commands/Alarm.ts"
import { Engine } from "../engine/Engine.ts"
import type { Limits } from "../engine/Limits.ts"

const NANOS_PER_MILLI = 1_000_000n

/**
 * Reads the Clock's time in ms, an integer. It is monotonic, so that a step of the machine's wall clock neither kills keys
 * nor makes them immortal. It is divided as a whole number: after 18 years, as a test may let them pass, nanoseconds do
 * not fit a double any more.
 */
export const monotonicMillis: Effect.Effect<() => number> = Effect.map(
  Clock.Clock,
  (clock) => () => Number(clock.monotonicTimeNanosUnsafe() / NANOS_PER_MILLI)
)

export interface MemoryEngineService {
  readonly engine: Engine
  /** Goes off when there is something to sweep or to give back earlier than was known. */
  readonly alarm: Alarm
  /** The time to give to the engine, in ms. Read once for each batch or slice. */
  readonly now: () => number
}

export class MemoryEngine extends Context.Service<MemoryEngine, MemoryEngineService>()(
  "effect-kv-cache/store/MemoryEngine"
) {}

/** An engine that is empty at first, within `limits`. Its hash has a secret of its own. */
export const make = (limits: Limits): Effect.Effect<MemoryEngineService> =>
  Effect.map(monotonicMillis, (now) => ({
    engine: Engine.make(limits, randomBytes(8), now()),
    alarm: new Alarm(),
    now
  }))
