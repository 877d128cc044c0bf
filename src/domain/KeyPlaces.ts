/**
 * Keys as places in bytes: what an engine needs to know of a batch to find its entries. Pure.
 *
 * A key has a number in the batch, counted from 0. Its bytes lie in `view`, and its hash is set by the engine.
 */
export interface KeyPlaces {
  /** The bytes that the keys are in. */
  readonly view: DataView
  /** Keys of all commands together. */
  readonly keyCount: number
  /** The offset in `view` of a key's first byte. */
  readonly keyStart: (key: number) => number
  /** A key's length in bytes. */
  readonly keyLength: (key: number) => number
  /** A key's hash, a signed 32-bit integer, once the engine has set it. */
  readonly hash: (key: number) => number
  readonly setHash: (key: number, hash: number) => void
}
