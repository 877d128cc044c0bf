/**
 * A clock that stands still until it is moved, for servers in tests: Effect's `TestClock`, made movable by clients.
 *
 * It is a layer like any other clock. Store, expirer and server do not know which one they have: what waits for time,
 * waits for this one. Only the CLOCK command (`Connection.ts`) asks for the service itself.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { type ClockAction, MAX_CLOCK_MILLIS } from "../domain/Command.ts"
import * as Reply from "../domain/Reply.ts"

export interface VirtualClockService {
  /** Does what a CLOCK command says. The reply comes when all that was due by the new time has run. */
  readonly perform: (action: ClockAction) => Effect.Effect<Reply.Reply>
}

/** How often a clock that runs is moved, in real time. */
const TICK = Duration.millis(10)

/** It would be said of a server that nobody moves: here that is no mistake. */
const NO_WARNING = Duration.days(20)

export class VirtualClock extends Context.Service<VirtualClock, VirtualClockService>()("kv-cache/server/VirtualClock") {
  /** A clock at 0 ms that stands still, in the place of the real one, with the service to move it. */
  static readonly layer: Layer.Layer<VirtualClock> = Layer.effect(
    VirtualClock,
    Effect.suspend(() => make)
  ).pipe(Layer.provideMerge(Layer.fresh(TestClock.layer({ warningDelay: NO_WARNING }))))
}

const make: Effect.Effect<VirtualClockService, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  let running: Fiber.Fiber<never> | undefined

  const now = Effect.sync(() => Reply.time(clock.currentTimeMillisUnsafe()))

  const moveTo = (millis: number) => {
    const current = clock.currentTimeMillisUnsafe()
    if (millis < current) {
      return Effect.succeed(Reply.failed(`CLOCK SET goes forward only: it is ${current} ms`))
    }
    if (millis > MAX_CLOCK_MILLIS) {
      return Effect.succeed(Reply.failed(`the clock goes up to ${MAX_CLOCK_MILLIS} ms: it is ${current} ms`))
    }
    return Effect.andThen(clock.adjust(Duration.millis(millis - current)), now)
  }

  const freeze = Effect.suspend(() => {
    const fiber = running
    running = undefined
    return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
  })

  const run = Effect.fnUntraced(function* (factor: number) {
    yield* freeze
    const tick = Duration.times(TICK, factor)
    running = yield* clock
      .withLive(Effect.sleep(TICK))
      .pipe(Effect.andThen(clock.adjust(tick)), Effect.forever, Effect.forkIn(scope))
  })

  return {
    perform: (action) => {
      switch (action._tag) {
        case "Now":
          return now
        case "Advance":
          return Effect.suspend(() => moveTo(clock.currentTimeMillisUnsafe() + action.millis))
        case "Set":
          return Effect.suspend(() => moveTo(action.millis))
        case "Run":
          return Effect.andThen(run(action.factor), now)
        case "Freeze":
          return Effect.andThen(freeze, now)
      }
    }
  }
})
