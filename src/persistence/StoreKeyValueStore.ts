/**
 * Effect's `KeyValueStore` over a `Store`: bounded, with LRU eviction, wherever the store keeps its keys. What it loses by
 * eviction it does not have any more, as a cache may.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type { Kept } from "../store/KeptReply.ts"
import { Store } from "../store/Store.ts"
import type { StoreError } from "../store/StoreError.ts"
import { keysWith, unlink } from "./Scans.ts"

const failed =
  (method: string, key?: string) =>
  (cause: StoreError): KeyValueStore.KeyValueStoreError =>
    new KeyValueStore.KeyValueStoreError({
      method,
      message: `${method} failed: ${cause.message}`,
      cause,
      ...(key === undefined ? {} : { key })
    })

/** Bytes as text. What is no UTF-8 was stored as bytes, and is shown in Base64, as Effect's own stores do. */
const textOf = (bytes: Buffer): string => {
  const text = bytes.toString()
  return bytes.equals(Buffer.from(text)) ? text : Base64.encode(bytes)
}

const bytesOf = (reply: Kept): Buffer | undefined => (reply._tag === "Bulk" ? reply.bytes : undefined)

const countOf = (reply: Kept): number => (reply._tag === "Integer" ? Number(reply.value) : 0)

const make = Effect.map(Store, (store) => {
  const read = (method: string, key: string): Effect.Effect<Buffer | undefined, KeyValueStore.KeyValueStoreError> =>
    Effect.mapError(Effect.map(store.run("GET", key), bytesOf), failed(method, key))
  const keys = Effect.mapError(keysWith(store, ""), failed("keys"))
  return KeyValueStore.make({
    get: (key) => Effect.map(read("get", key), (bytes) => (bytes === undefined ? undefined : textOf(bytes))),
    getUint8Array: (key) =>
      Effect.map(read("getUint8Array", key), (bytes) => (bytes === undefined ? undefined : new Uint8Array(bytes))),
    set: (key, value) => Effect.asVoid(Effect.mapError(store.run("SET", key, value), failed("set", key))),
    remove: (key) => Effect.asVoid(Effect.mapError(store.run("DEL", key), failed("remove", key))),
    has: (key) =>
      Effect.mapError(
        Effect.map(store.run("EXISTS", key), (reply) => countOf(reply) > 0),
        failed("has", key)
      ),
    clear: Effect.asVoid(Effect.mapError(store.run("FLUSHDB"), failed("clear"))),
    clearPrefix: (prefix) =>
      Effect.mapError(
        Effect.flatMap(keysWith(store, prefix), (found) => unlink(store, found)),
        failed("clearPrefix")
      ),
    size: Effect.mapError(Effect.map(store.run("DBSIZE"), countOf), failed("size")),
    keys
  })
})

/** All keys of a store as a `KeyValueStore`. To share the store with others, see `KeyValueStore.prefix`. */
export const layerKeyValueStore: Layer.Layer<KeyValueStore.KeyValueStore, never, Store> = Layer.effect(
  KeyValueStore.KeyValueStore,
  make
)
