/**
 * A directory of users with the cache in front of it. The cache can only help: where it does not answer in time, does not
 * answer at all, or cannot hold a name, the directory behind it is asked as if there were none.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Client } from "effect-kv-cache"
import { UserDirectory } from "./UserDirectory.ts"

/** For how long a name may be out of date. */
const FRESH = Duration.minutes(5)

/** What waiting for the cache may cost. */
const PATIENCE = Duration.millis(50)

/** Whatever is wrong with the cache is a miss. */
const orMiss = <A, E, R>(asked: Effect.Effect<A, E, R>): Effect.Effect<A | undefined, never, R> =>
  asked.pipe(
    Effect.timeout(PATIENCE),
    Effect.catch((error) => Effect.as(Effect.logDebug("the cache did not help", error), undefined))
  )

/** Puts the cache in front of the directory that is provided to it. */
export const layer: Layer.Layer<UserDirectory, never, UserDirectory | Client> = Layer.effect(
  UserDirectory,
  Effect.gen(function* () {
    const directory = yield* UserDirectory
    const cache = yield* Client
    return UserDirectory.of({
      nameOf: Effect.fnUntraced(function* (id: string) {
        // Keys and values are printable ASCII without spaces, and a name need not be.
        const key = `user:${encodeURIComponent(id)}:name`
        const cached = yield* orMiss(cache.get(key))
        if (cached !== undefined) return decodeURIComponent(cached)
        const name = yield* directory.nameOf(id)
        yield* orMiss(cache.put(key, encodeURIComponent(name), Duration.toSeconds(FRESH)))
        return name
      })
    })
  })
)
