/** Why a store could not do what it was asked. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Kept } from "./KeptReply.ts"

/** A valid command could not be executed: the backing has no room for it, or is lost. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  /** The kind of the error, a word in capitals such as `OOM`. `ERR` if there is no more specific kind. */
  code: Schema.String,
  message: Schema.String
}) {}

/** Fails with the first of the replies that is an error. */
export const refused = (replies: ReadonlyArray<Kept>): Effect.Effect<void, StoreError> => {
  const error = replies.find((reply) => reply._tag === "Error")
  return error === undefined ? Effect.void : Effect.fail(new StoreError({ code: error.code, message: error.message }))
}
