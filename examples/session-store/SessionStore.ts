/** Sessions of users: they last 30 minutes from their last use, and no longer than a day. */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import { Client } from "effect-kv-cache"

/** Seconds without use after which a session ends. */
const IDLE = 30 * 60

/** Seconds after which it ends in any case. */
const LONGEST = 24 * 60 * 60

/** Signs a user in, and gives the session's id. */
export const signIn = Effect.fnUntraced(function* (user: string) {
  const client = yield* Client
  const id = randomUUID()
  yield* client.put(`session:${id}:user`, user, LONGEST)
  yield* client.put(`session:${id}:used`, "1", IDLE)
  return id
})

/** Whose session it is, if it lasts: to ask is to use it. */
export const userOf = Effect.fnUntraced(function* (id: string) {
  const client = yield* Client
  if (!(yield* client.exists(`session:${id}:used`))) return undefined
  const user = yield* client.get(`session:${id}:user`)
  if (user !== undefined) yield* client.put(`session:${id}:used`, "1", IDLE)
  return user
})

/** Ends a session, and says whether there was one. */
export const signOut = Effect.fnUntraced(function* (id: string) {
  const client = yield* Client
  yield* client.delete(`session:${id}:used`)
  return yield* client.delete(`session:${id}:user`)
})
