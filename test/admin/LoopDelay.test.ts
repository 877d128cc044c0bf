import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { BOUNDS, LoopDelay } from "../../src/admin/LoopDelay.ts"

describe("the delay of the event loop", () => {
  it("is counted by bounds, and by shares of the last minute", () => {
    const delay = new LoopDelay()
    for (let look = 0; look < 98; look++) delay.add(0.5)
    delay.add(30)
    delay.add(7000)
    assert.deepStrictEqual(delay.lastMinute, { p50: 0.5, p99: 30, max: 7000 })
    assert.strictEqual(delay.count, 100)
    assert.closeTo(delay.sum, 7.079, 1e-9)
    const upTo = new Map(delay.upTo)
    assert.strictEqual(upTo.get(0.001), 98)
    assert.strictEqual(upTo.get(0.02), 98)
    assert.strictEqual(upTo.get(0.05), 99)
    assert.strictEqual(upTo.get(BOUNDS.at(-1) ?? 0), 99)
  })

  it("forgets what is older than a minute, but not in its counts", () => {
    const delay = new LoopDelay()
    delay.add(1000)
    for (let look = 0; look < 600; look++) delay.add(0)
    assert.strictEqual(delay.lastMinute.max, 0)
    assert.strictEqual(delay.sum, 1)
  })

  it("is none where nobody has looked, or a timer was early", () => {
    const delay = new LoopDelay()
    assert.deepStrictEqual(delay.lastMinute, { p50: 0, p99: 0, max: 0 })
    delay.add(-0.3)
    assert.deepStrictEqual([delay.count, delay.sum], [1, 0])
  })

  it.effect("is looked at ten times a second while the scope is open", () =>
    Effect.gen(function* () {
      const delay = yield* Effect.scoped(
        Effect.gen(function* () {
          const delay = yield* LoopDelay.make
          yield* TestClock.adjust("1 second")
          return delay
        })
      )
      assert.strictEqual(delay.count, 10)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(delay.count, 10)
    })
  )
})
