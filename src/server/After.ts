/** What follows something that may have to be waited for, and mostly need not. */
import * as Effect from "effect/Effect"

/** Does what comes next: at once if nothing is pending, else when that has ended. It may be pending itself. */
export const after = (
  pending: Effect.Effect<void> | undefined,
  next: () => Effect.Effect<void> | undefined
): Effect.Effect<void> | undefined =>
  pending === undefined
    ? next()
    : Effect.andThen(
        pending,
        Effect.suspend(() => next() ?? Effect.void)
      )
