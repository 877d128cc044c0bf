/** Keys as places in bytes: what the engine needs to know of a batch of commands. */
export interface KeyPlaces {
  /** The bytes that the places are in. */
  readonly view: DataView
  readonly keyCount: number
  readonly keyStart: (key: number) => number
  /** In bytes. */
  readonly keyLength: (key: number) => number
  readonly setHash: (key: number, hash: number) => void
}
