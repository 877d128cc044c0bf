/**
 * Reads a value that is too long to be copied at once, in slices, while other clients are served. An interface only:
 * see `engine/Chains.ts`.
 */
export interface ValueReader {
  /** The number of bytes not read yet. */
  readonly remaining: number
  /** Copies at most `most` bytes to `into[at]` and following, and returns how many. Slices of up to 64 KB are quick. */
  readonly read: (into: Uint8Array, at: number, most: number) => number
  /** Releases the value, which is held until then, read or not. May be called again. */
  readonly close: () => void
}
