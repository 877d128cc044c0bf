/** The idle watch after a pause: what was sent in time is read before anybody is judged. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as EventLoop from "../../src/EventLoop.ts"
import { IdleWatch, type Watched } from "../../src/server/IdleWatch.ts"

const TIMEOUT = 1000

/** A watch of two connections, of which the kernel holds a request of the first. */
const start = Effect.fnUntraced(function* (pause: number) {
  const base = yield* Effect.clockWith((clock) => Effect.succeed(() => clock.currentTimeMillisUnsafe()))
  const closed: Array<string> = []
  let activeAt = 0
  let isAsked = false
  // The process stops shortly before the timeout, and comes back so many ms after it.
  const now = (): number => {
    if (base() < TIMEOUT) return base()
    if (!isAsked) {
      isAsked = true
      // The loop comes to read what waits in its next poll.
      EventLoop.afterReads(() => {
        activeAt = base() + pause
      })
    }
    return base() + pause
  }
  const watched = (name: string, lastActivity: () => number): Watched => ({
    get lastActivity() {
      return lastActivity()
    },
    closeIdle: () => void closed.push(name)
  })
  const watch = new IdleWatch(TIMEOUT, now)
  watch.add(watched("sent a request", () => activeAt))
  watch.add(watched("silent", () => 0))
  yield* Effect.forkScoped(watch.run)
  return { closed }
})

describe("a watch whose timer is late", () => {
  it.effect("closes who is idle, and nobody whose request waits to be read", () =>
    Effect.gen(function* () {
      const { closed } = yield* start(3600)
      yield* TestClock.adjust(TIMEOUT)
      while (closed.length === 0) yield* EventLoop.polled
      assert.deepStrictEqual(closed, ["silent"])
      yield* TestClock.adjust(TIMEOUT - 1)
      yield* EventLoop.polled
      assert.deepStrictEqual(closed, ["silent"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(closed, ["silent", "sent a request"])
    })
  )
})
