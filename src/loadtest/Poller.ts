/**
 * Waits for moments more exactly than timers can: sleeps while a moment is far, and looks at the clock in each turn of
 * the event loop when it is near. It knows nothing of what is done at the moments.
 *
 * Node's timers are whole milliseconds and late by up to one more: an open loop of 10,000 requests/s that relied on them
 * was 0.49 ms late on average. Sleep therefore ends `SLEEP_UNTIL` before a moment, which is more than a timer is late; what
 * is left costs a turn of the event loop at a time. A core that is shared with the server is taken from it for as long.
 */
import { clearImmediate, setImmediate } from "node:timers"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** ms before a moment at which sleep ends. */
const SLEEP_UNTIL = 2

/** Runs a task once in each turn of the event loop, after what the turn has read, until the returned function is called. */
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
  /** ns spent in turns in which there was nothing to do: they look like work to everyone who measures this process. */
  idle = 0
  private readonly now: () => number
  private readonly onMoment: (now: number) => number
  private hadWork = false

  /**
   * `now` is the monotonic time in ns. `onMoment` does what is due at a moment, and returns the next one, in ns; infinity
   * where there is none.
   */
  constructor(now: () => number, onMoment: (now: number) => number) {
    this.now = now
    this.onMoment = onMoment
  }

  /** Something was done in this turn, such as the reading of an answer. */
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

  /** Meets moments, from `first` on, and completes when the next one is so far that sleeping is better. */
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

/** ms to sleep before a moment; what is left is polled. */
const sleepBefore = (moment: number, now: number): number => Math.floor((moment - now) / 1e6) - SLEEP_UNTIL
