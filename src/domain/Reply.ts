/**
 * The answers of the cache, as plain tagged data: one for each command that was executed, in its order.
 *
 * A miss is an answer like any other, never an error. How a reply is written on a wire is not said here: see
 * `protocol/`.
 */
export type Reply =
  /** The answer to a PUT. */
  | { readonly _tag: "Stored" }
  /** The answer to a GET that hit. */
  | { readonly _tag: "Found"; readonly value: string }
  /** The answer to a DELETE that removed a key. */
  | { readonly _tag: "Deleted" }
  /** The answer to a GET or a DELETE of a key that is not there. */
  | { readonly _tag: "NotFound" }
  /** The answer to an EXISTS. */
  | { readonly _tag: "Existence"; readonly exists: boolean }
  /** The answer to a STATS: names and values, in the order in which they are shown. Each is a word of printable ASCII. */
  | { readonly _tag: "Statistics"; readonly fields: Readonly<Record<string, string>> }
  /** The answer to a FLUSH. */
  | { readonly _tag: "Flushed" }
  /** The answer to a CLOCK: what time it is then, in ms. */
  | { readonly _tag: "Time"; readonly millis: number }
  /** The answer to a request that was not executed, with what was wrong: one line of printable ASCII. */
  | { readonly _tag: "Failed"; readonly message: string }
  /** The answer to a peer that speaks HTTP: HTTP's own, whose body is the message. Nothing follows it. */
  | { readonly _tag: "HttpRefused"; readonly message: string }

// The replies without data are made once: on the hot path a reply costs no allocation but for a value.
export const stored: Reply = { _tag: "Stored" }
export const deleted: Reply = { _tag: "Deleted" }
export const notFound: Reply = { _tag: "NotFound" }
export const present: Reply = { _tag: "Existence", exists: true }
export const absent: Reply = { _tag: "Existence", exists: false }

export const flushed: Reply = { _tag: "Flushed" }

export const found = (value: string): Reply => ({ _tag: "Found", value })

export const failed = (message: string): Reply => ({ _tag: "Failed", message })

export const httpRefused = (message: string): Reply => ({ _tag: "HttpRefused", message })

export const statistics = (fields: Readonly<Record<string, string>>): Reply => ({ _tag: "Statistics", fields })

export const time = (millis: number): Reply => ({ _tag: "Time", millis })

/**
 * Where a store puts its replies to a batch of commands, in order: whatever encodes them, so that the bytes of a value
 * are copied once, from the store to the output.
 */
export interface ReplySink {
  readonly stored: () => void
  /** A value of `length` bytes: four to a word, the first one lowest, from `words[at]` on; what is left of the last word is 0. */
  readonly found: (words: Int32Array, at: number, length: number) => void
  readonly deleted: () => void
  readonly notFound: () => void
  readonly existence: (exists: boolean) => void
}
