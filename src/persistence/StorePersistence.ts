/**
 * Effect's `BackingPersistence` over a `Store`, for `PersistedCache` and whatever else persists: bounded by memory, with
 * LRU eviction and TTLs, which Effect's own stores in memory are not.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Persistence from "effect/persistence/Persistence"
import * as Schema from "effect/Schema"
import type { CommandWords } from "../store/CommandWords.ts"
import type { Kept } from "../store/KeptReply.ts"
import { Store, type StoreService } from "../store/Store.ts"
import { expiryWords, millisOf } from "../store/Ttl.ts"
import { all, keysWith, unlink } from "./Scans.ts"

const json = Schema.fromJsonString(Schema.ObjectKeyword)
const decode = Schema.decodeEffect(json)
const encode = Schema.encodeEffect(json)

const failed =
  (what: string) =>
  (cause: Error): Persistence.PersistenceError =>
    new Persistence.PersistenceError({ message: `${what}: ${cause.message}`, cause })

/** What is in front of the keys of a store id. No other id's begin with it. */
const namespaceOf = (storeId: string): string => `${storeId.replaceAll("%", "%25").replaceAll(":", "%3A")}:`

const parse = (reply: Kept | undefined) => (reply?._tag === "Bulk" ? decode(reply.bytes.toString()) : Effect.undefined)

const backingStore = (store: StoreService, storeId: string): Persistence.BackingPersistenceStore => {
  const namespace = namespaceOf(storeId)

  const set = (key: string, value: object, ttl: Duration.Duration | undefined) =>
    Effect.map(encode(value), (text): CommandWords => [
      "SET",
      namespace + key,
      text,
      ...expiryWords(millisOf(ttl ?? Duration.infinity))
    ])

  return {
    get: (key) =>
      Effect.flatMap(store.run("GET", namespace + key), parse).pipe(Effect.mapError(failed(`reading ${key}`))),
    // What cannot be read is as good as missing where there are others.
    getMany: (keys) =>
      Effect.flatMap(store.run("MGET", ...keys.map((key) => namespace + key)), (reply) => {
        const values = reply._tag === "Parts" ? reply.parts : []
        return Effect.forEach(
          Arr.map(keys, (_, index) => values[index]),
          (value) => Effect.map(Effect.option(parse(value)), Option.getOrUndefined)
        )
      }).pipe(Effect.mapError(failed("reading many keys"))),
    set: (key, value, ttl) =>
      Effect.flatMap(set(key, value, ttl), (command) => Effect.asVoid(store.run(...command))).pipe(
        Effect.mapError(failed(`writing ${key}`))
      ),
    setMany: (entries) =>
      Effect.flatMap(
        Effect.forEach(entries, ([key, value, ttl]) => set(key, value, ttl)),
        (commands) => all(store, commands)
      ).pipe(Effect.mapError(failed("writing many keys"))),
    remove: (key) => Effect.asVoid(Effect.mapError(store.run("DEL", namespace + key), failed(`removing ${key}`))),
    clear: Effect.mapError(
      Effect.flatMap(keysWith(store, namespace), (keys) => unlink(store, keys)),
      failed("clearing")
    )
  }
}

/** Each store id has keys of its own in the store, which may have others besides. */
export const layerBackingPersistence: Layer.Layer<Persistence.BackingPersistence, never, Store> = Layer.effect(
  Persistence.BackingPersistence,
  Effect.map(Store, (store) => ({ make: (storeId: string) => Effect.succeed(backingStore(store, storeId)) }))
)

/** Effect's `Persistence` over a `Store`. */
export const layerPersistence: Layer.Layer<Persistence.Persistence, never, Store> = Layer.provide(
  Persistence.layer,
  layerBackingPersistence
)
