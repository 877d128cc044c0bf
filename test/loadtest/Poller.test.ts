/** How an open loop waits for its moments, in virtual time and turn by turn. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { CurrentEachTurn, type EachTurn, Poller } from "../../src/loadtest/Poller.ts"

const MILLI = 1e6

/** An event loop whose turns are made one by one. */
const makeLoop = () => {
  const tasks = new Set<() => void>()
  const eachTurn: EachTurn = (task) => {
    tasks.add(task)
    return () => tasks.delete(task)
  }
  return { eachTurn, polls: () => tasks.size > 0, turn: () => [...tasks].forEach((task) => task()) }
}

/** A poller for moments, in ms, that records the times at which it met them. */
const start = Effect.fnUntraced(function* (moments: ReadonlyArray<number>) {
  const loop = makeLoop()
  const clock = yield* Clock.clockWith(Effect.succeed)
  const now = () => Number(clock.monotonicTimeNanosUnsafe())
  const startedAt = now()
  const met: Array<number> = []
  const left = [...moments]
  const poller = new Poller(now, (time) => {
    for (let [next = Infinity] = left; startedAt + next * MILLI <= time; [next = Infinity] = left) {
      met.push((time - startedAt) / MILLI)
      left.shift()
    }
    const [next] = left
    return next === undefined ? Number.POSITIVE_INFINITY : startedAt + next * MILLI
  })
  yield* Effect.forkScoped(Effect.provideService(poller.run, CurrentEachTurn, loop.eachTurn))
  yield* Effect.yieldNow
  return { loop, met, poller }
})

describe("poller", () => {
  it.effect("sleeps while a moment is far, and checks the clock in each turn when it is near", () =>
    Effect.gen(function* () {
      const { loop, met } = yield* start([10])
      assert.isFalse(loop.polls())
      yield* TestClock.adjust(7)
      assert.isFalse(loop.polls())
      yield* TestClock.adjust(1)
      assert.isTrue(loop.polls())
      loop.turn()
      assert.deepStrictEqual(met, [])
      yield* TestClock.adjust("1999 micros")
      loop.turn()
      assert.deepStrictEqual(met, [])
      yield* TestClock.adjust("1 micros")
      loop.turn()
      assert.deepStrictEqual(met, [10])
      // No moment is left to wait for.
      assert.isFalse(loop.polls())
    })
  )

  it.effect("meets near moments one after another without sleeping", () =>
    Effect.gen(function* () {
      const { loop, met } = yield* start([0, 1, 1.1, 50])
      assert.deepStrictEqual(met, [0])
      yield* TestClock.adjust(1)
      loop.turn()
      assert.isTrue(loop.polls())
      yield* TestClock.adjust("200 micros")
      loop.turn()
      assert.deepStrictEqual(met, [0, 1, 1.2])
      assert.isFalse(loop.polls())
      yield* TestClock.adjust(47)
      assert.isTrue(loop.polls())
    })
  )

  it.effect("counts exactly the turns without work as idle", () =>
    Effect.gen(function* () {
      const { loop, poller } = yield* start([0, 2])
      for (const work of [false, true, false]) {
        yield* TestClock.adjust("100 micros")
        if (work) poller.worked()
        loop.turn()
      }
      assert.strictEqual(poller.idle, 0.2 * MILLI)
    })
  )
})
