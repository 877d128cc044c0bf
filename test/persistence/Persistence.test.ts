import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { layerKeyValueStore } from "../../src/persistence/StoreKeyValueStore.ts"
import { Store } from "../../src/store/Store.ts"

describe("a store that is full", () => {
  it.effect("evicts what has not been used for longest", () =>
    Effect.gen(function* () {
      const values = yield* KeyValueStore.KeyValueStore
      for (const key of ["a", "b", "c"]) yield* values.set(key, key)
      yield* values.get("a")
      yield* values.set("d", "d")
      assert.deepStrictEqual([...(yield* values.keys)].toSorted(), ["a", "c", "d"])
    }).pipe(Effect.provide(Layer.provide(layerKeyValueStore, Store.layerMemory({ maxKeys: 3 }))))
  )
})
