/**
 * Effect's `TestClock` for a process whose parts talk through sockets: its time moves only when nothing is under way.
 *
 * A `TestClock` waits for fibers and knows nothing about sockets. Like it, this clock reaches a time in steps, one for
 * each thing that is due in between. Before and after each step it waits for the sockets (`Traffic.ts`). So a chain of
 * waits and requests runs as if requests took no time.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Semaphore from "effect/Semaphore"
import type * as TestClock from "effect/testing/TestClock"
import { CurrentTraffic, Traffic } from "./Traffic.ts"

/** A clock that moves as `clock` does, in steps, and waits for `quiet` between them. */
export const make = (clock: TestClock.TestClock, quiet: Effect.Effect<void>): TestClock.TestClock => {
  const lock = Semaphore.makeUnsafe(1)
  // The ends of all sleeps under way, in ms.
  const deadlines = new Set<{ readonly millis: number }>()
  const now = () => clock.currentTimeMillisUnsafe()

  const sleep = (duration: Duration.Duration) =>
    Effect.suspend(() => {
      const deadline = { millis: now() + Duration.toMillis(duration) }
      deadlines.add(deadline)
      return Effect.ensuring(
        clock.sleep(duration),
        Effect.sync(() => deadlines.delete(deadline))
      )
    })

  const firstBefore = (end: number): number | undefined => {
    let first = end
    for (const { millis } of deadlines) if (millis < first && millis > now()) first = millis
    return first < end ? first : undefined
  }

  const stepsTo = (end: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const first = firstBefore(end)
      if (first === undefined) return Effect.void
      return clock.setTime(first).pipe(
        Effect.andThen(quiet),
        Effect.andThen(() => stepsTo(end))
      )
    })

  return {
    ...clock,
    sleep,
    adjust: (duration) =>
      Effect.suspend(() => {
        const start = now()
        const end = start + Duration.toMillis(Duration.fromInputUnsafe(duration))
        // If no step was taken, time moves by the duration itself, exact to the nanosecond.
        const rest = Effect.suspend(() => (now() === start ? clock.adjust(duration) : clock.setTime(end)))
        return quiet.pipe(
          Effect.andThen(() => stepsTo(end)),
          Effect.andThen(rest),
          Effect.andThen(quiet)
        )
      }).pipe(lock.withPermits(1)),
    setTime: (timestamp) =>
      quiet.pipe(
        Effect.andThen(() => stepsTo(timestamp)),
        Effect.andThen(clock.setTime(timestamp)),
        Effect.andThen(quiet),
        lock.withPermits(1)
      )
  }
}

const isTestClock = (clock: Clock.Clock): clock is TestClock.TestClock =>
  Predicate.hasProperty(clock, "adjust") && Predicate.hasProperty(clock, "setTime")

/** Replaces a surrounding `TestClock` by a quiet one, with the traffic that it waits for. */
export const layer: Layer.Layer<never> = Layer.effectContext(
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    if (!isTestClock(clock)) return Context.make(Clock.Clock, clock)
    const traffic = yield* Traffic.make
    return Context.make(Clock.Clock, make(clock, traffic.quiet)).pipe(Context.add(CurrentTraffic, traffic))
  })
)
