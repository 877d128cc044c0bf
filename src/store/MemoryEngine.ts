/**
 * The memory of this process as a service: the engine and its time. It serves code that works on entries directly, such
 * as the expirer. Commands are executed by `Executor.ts`.
 */
import { randomBytes } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Alarm } from "../commands/Alarm.ts"
import { Changes } from "../commands/Changes.ts"
import { Engine, type Observer } from "../engine/Engine.ts"
import { EVICTED, EXPIRED, type Limits, MAX_KEY_LENGTH } from "../engine/Limits.ts"
import { type InsightOptions, MemoryInsight } from "../insight/MemoryInsight.ts"
import { CurrentCrash, Defects } from "./Defects.ts"

const NANOS_PER_MILLI = 1_000_000n
const NANOS_PER_MICRO = 1000

/**
 * Reads the Clock's time in ms, an integer. The time is monotonic, so that a step of the machine's wall clock neither
 * removes keys nor makes them immortal. It is divided as a bigint, because a double loses nanoseconds: after 18 years,
 * which a test may let pass, the result could be the millisecond before.
 */
export const monotonicMillis: Effect.Effect<() => number> = Effect.map(
  Clock.Clock,
  (clock) => () => Number(clock.monotonicTimeNanosUnsafe() / NANOS_PER_MILLI)
)

/** Reads the same time in µs, with fractions. A double holds it to the nanosecond for a hundred days. */
export const monotonicMicros: Effect.Effect<() => number> = Effect.map(
  Clock.Clock,
  (clock) => () => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MICRO
)

/** A step of the machine's wall clock that is followed, in ms. Smaller ones would move deadlines back and forth. */
const STEP = 500

/**
 * Unix time at a monotonic time. The difference between the two is kept, so that a deadline in Unix time is read as it
 * was set, until the wall clock has been put right by more than `STEP`.
 */
export const unixTimeOf = (clock: Clock.Clock, monotonic: () => number): ((now: number) => number) => {
  const difference = (): number => Math.floor(clock.currentTimeMillisUnsafe()) - monotonic()
  let kept = difference()
  return (now) => {
    const present = difference()
    if (Math.abs(present - kept) > STEP) kept = present
    return now + kept
  }
}

export interface MemoryEngineService {
  readonly engine: Engine
  /** Goes off when there is something to sweep or to give back earlier than expected. */
  readonly alarm: Alarm
  /** Tells which keys have changed. */
  readonly changes: Changes
  /** What is known of keys besides what they hold. */
  readonly insight: MemoryInsight
  /** To be told of every defect that was caught. */
  readonly defects: Defects
  /** The engine's time in ms. It is read once for each batch or slice. */
  readonly now: () => number
  /** The same time in µs, with fractions: for what is measured. */
  readonly micros: () => number
  /** Unix time in ms at one of the engine's times: the Clock's own, so that a moved clock moves it, too. */
  readonly unixTime: (now: number) => number
}

export class MemoryEngine extends Context.Service<MemoryEngine, MemoryEngineService>()(
  "effect-kv-cache/store/MemoryEngine"
) {}

/** Makes an empty engine within `limits`. Its hash has its own secret. */
export const make = (limits: Limits & InsightOptions): Effect.Effect<MemoryEngineService> =>
  Effect.map(
    Effect.all([Clock.Clock, monotonicMillis, monotonicMicros, CurrentCrash]),
    ([clock, now, micros, crash]) => {
      const engine = Engine.make(limits, randomBytes(8), now())
      const changes = new Changes()
      const observer = observerOf(engine, changes)
      changes.onHeard = (isHeard) => {
        engine.observer = isHeard ? observer : undefined
      }
      const defects = new Defects(engine, crash)
      const unixTime = unixTimeOf(clock, now)
      const insight = new MemoryInsight(engine, limits, now, unixTime)
      return { engine, alarm: new Alarm(), changes, defects, insight, now, micros, unixTime }
    }
  )

/** Tells of the keys that the engine removes by itself. */
const observerOf = (engine: Engine, changes: Changes): Observer => {
  const bytes = Buffer.alloc(MAX_KEY_LENGTH)
  return {
    removed: (entry, reason) => {
      if (reason !== EXPIRED && reason !== EVICTED) return
      engine.copyKey(entry, bytes, 0)
      changes.changed(engine.database(entry), bytes.toString("latin1", 0, engine.keyLength(entry)), undefined)
    }
  }
}
