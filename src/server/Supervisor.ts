/**
 * The fibers that a server runs for its connections and for what they wait for: they end with its scope. It is Effect's
 * `FiberSet`, but for how it remembers them: those of connections come and go by the thousand (`Roster.ts`).
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { Roster } from "./Roster.ts"

export interface Supervisor {
  readonly run: (effect: Effect.Effect<void>) => void
  /** Completes when none is left. */
  readonly ended: Effect.Effect<void>
}

/** Closing the scope interrupts all fibers, and waits for them. */
export const make: Effect.Effect<Supervisor, never, Scope.Scope> = Effect.gen(function* () {
  const runFork = Effect.runForkWith(yield* Effect.context())
  const fibers = new Roster<Fiber.Fiber<void>, Fiber.Fiber<void>>()
  let isClosed = false
  yield* Effect.addFinalizer(() => {
    isClosed = true
    return Fiber.interruptAll(fibers.values())
  })
  const ended: Effect.Effect<void> = Effect.suspend(() =>
    fibers.size === 0 ? Effect.void : Effect.andThen(Fiber.awaitAll(fibers.values()), ended)
  )
  return {
    run: (effect) => {
      const fiber = runFork(effect)
      if (fiber.pollUnsafe() !== undefined) return
      fibers.set(fiber, fiber)
      fiber.addObserver(() => fibers.delete(fiber))
      if (isClosed) fiber.interruptUnsafe()
    },
    ended
  }
})
