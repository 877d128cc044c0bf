import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Supervisor from "../../src/server/Supervisor.ts"

describe("Supervisor", () => {
  it.effect("has ended once the last of its fibers has, those that others began included", () =>
    Effect.gen(function* () {
      const fibers = yield* Supervisor.make
      const first = yield* Deferred.make<void>()
      const second = yield* Deferred.make<void>()
      fibers.run(Effect.void)
      fibers.run(
        Effect.andThen(
          Deferred.await(first),
          Effect.sync(() => fibers.run(Deferred.await(second)))
        )
      )
      const ended = yield* Effect.forkChild(fibers.ended, { startImmediately: true })
      yield* Deferred.succeed(first, undefined)
      yield* Effect.yieldNow
      assert.isUndefined(ended.pollUnsafe())
      yield* Deferred.succeed(second, undefined)
      yield* Fiber.join(ended)
    }).pipe(Effect.scoped)
  )

  it.effect("interrupts what is left when its scope is closed, and what comes later", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const fibers = yield* Scope.provide(Supervisor.make, scope)
      let interrupted = 0
      const waiting = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      fibers.run(waiting)
      fibers.run(waiting)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(interrupted, 2)
      fibers.run(waiting)
      yield* fibers.ended
      assert.strictEqual(interrupted, 3)
    })
  )
})
