/** Waits for state that callbacks change. Whoever changes the state calls `changed`, so no waiter polls. */
import * as Effect from "effect/Effect"

export interface Changes {
  readonly changed: () => void
  /** Completes as soon as the condition holds. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}

export const make = (): Changes => {
  let waiters: Array<() => void> = []
  return {
    changed: () => {
      const woken = waiters
      waiters = []
      for (const waiter of woken) waiter()
    },
    until: (condition) =>
      Effect.callback((resume) => {
        const check = () => {
          if (condition()) resume(Effect.void)
          else waiters.push(check)
        }
        check()
      })
  }
}
