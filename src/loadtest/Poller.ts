/**
 * Waits for moments more exactly than timers can. It sleeps while a moment is far away. When the moment is near, it
 * checks the clock in each turn of the event loop. It does not know what is done at a moment.
 *
 * Node's timers have a resolution of 1 ms and fire up to 1 ms late. An open loop of 10,000 requests/s with timers alone
 * was 0.49 ms late on average. So the sleep ends `SLEEP_UNTIL` before a moment, which is more than a timer is late, and
 * the rest is polled. While it polls, a core that the server shares is taken from the server.
 */
import { clearImmediate, setImmediate } from "node:timers"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** In ms. The sleep ends this long before a moment. */
const SLEEP_UNTIL = 2

/** Runs a task once in each turn of the event loop, after the turn's reads, until the returned function is called. */
export type EachTurn = (task: () => void) => () => void

const eachTurn: EachTurn = (task) => {
  const run = (): void => {
    immediate = setImmediate(run)
    task()
  }
  let immediate = setImmediate(run)
  return () => clearImmediate(immediate)
}

/** The event loop's turns. */
export const CurrentEachTurn = Context.Reference<EachTurn>("kv-cache/loadtest/EachTurn", {
  defaultValue: () => eachTurn
})

export class Poller {
  /** Time in ns of the turns without work. Whatever measures this process counts them as work. */
  idle = 0
  private readonly now: () => number
  private readonly onMoment: (now: number) => number
  private hadWork = false

  /**
   * `now` is the monotonic time in ns. `onMoment` does what is due at a moment and returns the next moment, in ns, or
   * infinity if there is none.
   */
  constructor(now: () => number, onMoment: (now: number) => number) {
    this.now = now
    this.onMoment = onMoment
  }

  /** To be called when this turn did some work, such as reading an answer. */
  worked(): void {
    this.hadWork = true
  }

  /** Never completes. */
  get run(): Effect.Effect<never> {
    return Effect.suspend(() => {
      const now = this.now()
      const next = this.onMoment(now)
      if (next === Number.POSITIVE_INFINITY) return Effect.never
      const sleep = sleepBefore(next, now)
      return sleep > 0 ? Effect.sleep(sleep) : this.poll(next)
    }).pipe(Effect.forever)
  }

  /** Polls from the moment `first` on. Completes when the next moment is far enough for sleeping. */
  private poll(first: number): Effect.Effect<void> {
    return Effect.flatMap(CurrentEachTurn, (eachTurn) =>
      Effect.callback<void>((resume) => {
        let next = first
        let last = this.now()
        const stop = eachTurn(() => {
          const now = this.now()
          if (!this.hadWork) this.idle += now - last
          this.hadWork = false
          last = now
          if (now < next) return
          next = this.onMoment(now)
          this.hadWork = true
          if (sleepBefore(next, now) <= 0) return
          stop()
          resume(Effect.void)
        })
        return Effect.sync(stop)
      })
    )
  }
}

/** How long to sleep before a moment, in ms. The rest is polled. */
const sleepBefore = (moment: number, now: number): number => Math.floor((moment - now) / 1e6) - SLEEP_UNTIL
