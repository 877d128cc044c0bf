/**
 * The answers of the cache, in two forms: primitive ones, which commands put into a `ReplySink`, and typed ones, which the
 * typed faces (client, prompt, load test) have. How a reply is written on a wire is not said here: see `protocol/`.
 *
 * A miss is an answer like any other, never an error.
 */
import type { ValueReader } from "./ValueReader.ts"

/** A typed answer, one for each command, in order. */
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

// The replies without data are made once: on the hot path a reply costs no allocation but for a value.
export const stored: Reply = { _tag: "Stored" }
export const deleted: Reply = { _tag: "Deleted" }
export const notFound: Reply = { _tag: "NotFound" }
export const present: Reply = { _tag: "Existence", exists: true }
export const absent: Reply = { _tag: "Existence", exists: false }

export const flushed: Reply = { _tag: "Flushed" }

export const found = (value: string): Reply => ({ _tag: "Found", value })

export const failed = (message: string): Reply => ({ _tag: "Failed", message })

export const statistics = (fields: Readonly<Record<string, string>>): Reply => ({ _tag: "Statistics", fields })

export const time = (millis: number): Reply => ({ _tag: "Time", millis })

/**
 * A reply that is always the same. A sink turns it into bytes once, at first sight, and copies them from then on.
 */
export class FixedReply {
  private static count = 0
  /** Counted from 0: where a sink finds what it has made of it. */
  readonly number = FixedReply.count++
  /** Writes the reply in the primitive way. */
  readonly write: (sink: ReplySink) => void

  constructor(write: (sink: ReplySink) => void) {
    this.write = write
  }
}

/**
 * Where a command puts its reply: one of these calls for each. The replies are primitive, as Redis's are, and each
 * protocol writes them in its own way; no command knows of a protocol, and no protocol of a command.
 */
export interface ReplySink {
  /** A command's reply begins: all that was put here before is whole. What throws takes back only what came since. */
  readonly begin: () => void
  /** A reply that is prepared once. */
  readonly fixed: (reply: FixedReply) => void
  /** A status: one line of printable ASCII. */
  readonly simple: (text: string) => void
  /** What was wrong: a word in capitals that says of which kind it is, such as `ERR`, and a line of printable ASCII. */
  readonly error: (code: string, message: string) => void
  readonly integer: (value: number) => void
  /** Any bytes: `length` of them, from `start` on. */
  readonly bulk: (bytes: Buffer, start: number, length: number) => void
  /**
   * `length` bytes as an engine has them: four to a word, the first one lowest, from `words[at]` on; what is left of the
   * last word is 0.
   */
  readonly bulkWords: (words: Int32Array, at: number, length: number) => void
  /** A long value, to be read in slices. The sink closes the reader, whatever becomes of the reply. */
  readonly bulkReader: (value: ValueReader) => void
  /** There is no such thing. */
  readonly null: () => void
}

/** The kind of an error that is of no other kind. */
export const ERR = "ERR"

/** A typed reply in the primitive way. */
export const write = (reply: Reply, sink: ReplySink): void => {
  switch (reply._tag) {
    case "Stored":
      return sink.simple("stored")
    case "Found":
      return sink.bulk(Buffer.from(reply.value, "latin1"), 0, reply.value.length)
    case "Deleted":
      return sink.simple("deleted")
    case "NotFound":
      return sink.null()
    case "Statistics":
      return sink.simple(
        Object.entries(reply.fields)
          .map(([name, value]) => `${name}=${value}`)
          .join(" ")
      )
    case "Flushed":
      return sink.simple("flushed")
    case "Existence":
      return sink.integer(reply.exists ? 1 : 0)
    case "Time":
      return sink.integer(reply.millis)
    case "Failed":
      return sink.error(ERR, reply.message)
  }
}
