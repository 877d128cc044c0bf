/** Keys of a batch as places in bytes: what an engine needs to know of them. Pure. */
export interface KeyPlaces {
  /** The bytes that the places are in. */
  readonly view: DataView
  /** How many keys there are. They are counted from 0. */
  readonly keyCount: number
  /** The offset in `view` of a key's first byte. */
  readonly keyStart: (key: number) => number
  /** In bytes. */
  readonly keyLength: (key: number) => number
  readonly setHash: (key: number, hash: number) => void
}
