/** A value that is too long to be copied at once, as whoever answers with it reads it: in slices, while others are served. */
export interface ValueReader {
  /** Bytes that are not read yet. */
  readonly remaining: number
  /** Copies at most `most` bytes, 64 KB for a slice that is quick, to `into[at]` and the following; returns how many. */
  readonly read: (into: Uint8Array, at: number, most: number) => number
  /** Lets go of the value, which is held till then, read or not. May be called again. */
  readonly close: () => void
}
