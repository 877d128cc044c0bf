/** Who a user is: the service that the rest of a program asks. Where the answers come from is a layer's business. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export class UnknownUser extends Schema.TaggedError<UnknownUser>()("UnknownUser", { id: Schema.String }) {}

export interface UserDirectoryService {
  /** The user's name, in any script and of any length. */
  readonly nameOf: (id: string) => Effect.Effect<string, UnknownUser>
}

export class UserDirectory extends Context.Service<UserDirectory, UserDirectoryService>()(
  "cached-service/UserDirectory"
) {}
