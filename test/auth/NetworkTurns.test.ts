import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { NetworkTurns } from "../../src/auth/NetworkTurns.ts"

describe("the turns of networks", () => {
  it.effect("are one at a time in a network, in order, and free in another", () =>
    Effect.gen(function* () {
      const turns = new NetworkTurns()
      const gates = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>(), Deferred.make<void>()])
      const begun: Array<string> = []
      const fibers: Array<Fiber.Fiber<void>> = []
      for (const [index, network] of ["a", "a", "b"].entries()) {
        const gate = gates[index] ?? assert.fail("there is no gate")
        const work = Effect.andThen(
          Effect.sync(() => begun.push(`${network}${index}`)),
          Deferred.await(gate)
        )
        fibers.push(yield* Effect.forkChild(turns.take(network, work), { startImmediately: true }))
      }
      assert.deepStrictEqual([begun, turns.size], [["a0", "b2"], 2])
      yield* Deferred.succeed(gates[0], undefined)
      yield* Fiber.join(fibers[0] ?? assert.fail("there is no fiber"))
      yield* Deferred.succeed(gates[1], undefined)
      yield* Deferred.succeed(gates[2], undefined)
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.deepStrictEqual([begun, turns.size], [["a0", "b2", "a1"], 0])
    })
  )

  it.effect("are left by whoever is interrupted, and nobody is remembered", () =>
    Effect.gen(function* () {
      const turns = new NetworkTurns()
      const fork = (effect: Effect.Effect<void>) =>
        Effect.forkChild(turns.take("a", effect), { startImmediately: true })
      const first = yield* fork(Effect.never)
      const waiting = yield* fork(Effect.die("a turn that was left"))
      yield* Fiber.interrupt(waiting)
      const last = yield* fork(Effect.void)
      yield* Fiber.interrupt(first)
      yield* Fiber.join(last)
      assert.strictEqual(turns.size, 0)
    })
  )
})
