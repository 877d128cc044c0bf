/** The keys of a batch as places in bytes, as far as an engine needs them. An interface only: see `CommandBatch.ts`. */
export interface KeyPlaces {
  /** The bytes that contain the keys. */
  readonly view: DataView
  /** The number of keys. They are counted from 0. */
  readonly keyCount: number
  /** The offset of a key's first byte in `view`. */
  readonly keyStart: (key: number) => number
  /** In bytes. */
  readonly keyLength: (key: number) => number
  readonly setHash: (key: number, hash: number) => void
}
