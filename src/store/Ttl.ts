/** Times to live as the library gives them, in the words that a SET has for them. */
import * as Duration from "effect/Duration"

/** In whole ms, rounded up, and at least `least`; infinite for ever. */
export const millisOf = (ttl: Duration.Input, least = 1): number =>
  Math.max(Math.ceil(Duration.toMillis(Duration.fromInputUnsafe(ttl))), least)

/** The words of a SET that say for how many ms a value is kept. */
export const expiryWords = (millis: number): ReadonlyArray<string> =>
  Number.isFinite(millis) ? ["PX", String(millis)] : []
