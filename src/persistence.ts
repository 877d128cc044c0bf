/** The library: what other programs may import from `effect-kv-cache/persistence`, stores behind Effect's own ports. */
export { layerKeyValueStore } from "./persistence/StoreKeyValueStore.ts"
export { layerBackingPersistence, layerPersistence } from "./persistence/StorePersistence.ts"
