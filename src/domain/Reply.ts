/**
 * The answers of the cache in two forms. Commands put primitive replies into a `ReplySink`. The client, the prompt and
 * the load test read typed ones. This module does not know how a reply is written on a wire: see `protocol/`.
 *
 * A miss is an answer like any other, never an error.
 */
import type { ValueReader } from "./ValueReader.ts"

/** A typed answer. Each command has one, in order. */
export type Reply =
  /** The answer to a PUT. */
  | { readonly _tag: "Stored" }
  /** The answer to a GET that hit. */
  | { readonly _tag: "Found"; readonly value: string }
  /** The answer to a DELETE that removed a key. */
  | { readonly _tag: "Deleted" }
  /** The answer to a GET or a DELETE of a key that does not exist. */
  | { readonly _tag: "NotFound" }
  /** The answer to an EXISTS. */
  | { readonly _tag: "Existence"; readonly exists: boolean }
  /** The answer to an EXPLAIN: a line of printable ASCII. */
  | { readonly _tag: "Explained"; readonly story: string }
  /** The answer to a STATS: names and values, in display order. Each is a word of printable ASCII. */
  | { readonly _tag: "Statistics"; readonly fields: Readonly<Record<string, string>> }
  /** The answer to a FLUSH. */
  | { readonly _tag: "Flushed" }
  /** The answer to a CLOCK: the time after it, in ms. */
  | { readonly _tag: "Time"; readonly millis: number }
  /** The answer to an AUTH: the client is who it says. */
  | { readonly _tag: "Authenticated" }
  /** The answer to a request that was not executed: one line of printable ASCII that says what was wrong. */
  | { readonly _tag: "Failed"; readonly message: string }

// Replies without data are made once, so that on the hot path a reply allocates nothing but its value.
export const stored: Reply = { _tag: "Stored" }
export const deleted: Reply = { _tag: "Deleted" }
export const notFound: Reply = { _tag: "NotFound" }
export const present: Reply = { _tag: "Existence", exists: true }
export const absent: Reply = { _tag: "Existence", exists: false }

export const flushed: Reply = { _tag: "Flushed" }

export const authenticated: Reply = { _tag: "Authenticated" }

export const found = (value: string): Reply => ({ _tag: "Found", value })

export const failed = (message: string): Reply => ({ _tag: "Failed", message })

export const statistics = (fields: Readonly<Record<string, string>>): Reply => ({ _tag: "Statistics", fields })

export const explained = (story: string): Reply => ({ _tag: "Explained", story })

export const time = (millis: number): Reply => ({ _tag: "Time", millis })

/**
 * A reply that is always the same. A sink turns it into bytes when it first sees it, and copies the bytes from then on.
 */
export class FixedReply {
  private static count = 0
  /** Counted from 0. A sink finds its prepared bytes by this number. */
  readonly number = FixedReply.count++
  /** Writes the reply with the other calls of a sink. */
  readonly write: (sink: ReplySink) => void

  constructor(write: (sink: ReplySink) => void) {
    this.write = write
  }
}

/**
 * The receiver of a command's reply, which is exactly one of these calls and, for what has parts, the calls for its
 * parts. Replies are primitive, as in Redis, and each
 * protocol writes them in its own way. So no command knows a protocol, and no protocol knows a command.
 */
export interface ReplySink {
  /**
   * To be called before each command's reply. All replies before it are complete, so a command that throws only takes
   * back its own.
   */
  readonly begin: () => void
  /** A reply that is prepared once. */
  readonly fixed: (reply: FixedReply) => void
  /** A status: one line of printable ASCII. */
  readonly simple: (text: string) => void
  /** What was wrong: the kind of the error as a word in capitals, such as `ERR`, and a line of printable ASCII. */
  readonly error: (code: string, message: string) => void
  /** A whole number, of up to 64 bits with its sign. */
  readonly integer: (value: number | bigint) => void
  readonly double: (value: number) => void
  /** Any `length` bytes from `start` on. */
  readonly bulk: (bytes: Buffer, start: number, length: number) => void
  /**
   * `length` bytes as an engine holds them, from `words[at]` on: four to a word, with the first in the lowest bits. The
   * unused bytes of the last word are 0.
   */
  readonly bulkWords: (words: Int32Array, at: number, length: number) => void
  /** A long value that is read in slices. The sink closes the reader, whatever happens to the reply. */
  readonly bulkReader: (value: ValueReader) => void
  /** A text, as UTF-8. */
  readonly text: (text: string) => void
  /** A text of several lines that people read, as UTF-8. */
  readonly verbatim: (text: string) => void
  /** The key or value does not exist. */
  readonly null: () => void
  /** There is no array where there could be one. */
  readonly nullArray: () => void
  // Each of these is completed by as many further calls as it has parts. A part may have parts itself.
  readonly array: (length: number) => void
  /** A map with so many entries: each is two parts, first the key. */
  readonly map: (entries: number) => void
  readonly set: (length: number) => void
  /** A message that no command asked for. */
  readonly push: (length: number) => void
}

const drop = (): void => {}

/** A receiver for replies that nobody wants. */
export const nowhere: ReplySink = {
  begin: drop,
  fixed: drop,
  simple: drop,
  error: drop,
  integer: drop,
  double: drop,
  bulk: drop,
  bulkWords: drop,
  bulkReader: (reader) => reader.close(),
  text: drop,
  verbatim: drop,
  null: drop,
  nullArray: drop,
  array: drop,
  map: drop,
  set: drop,
  push: drop
}

/** The kind of an error without a more specific kind. */
export const ERR = "ERR"

/** Writes a typed reply as a primitive one. */
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
    case "Explained":
      return sink.simple(reply.story)
    case "Statistics":
      return sink.simple(
        Object.entries(reply.fields)
          .map(([name, value]) => `${name}=${value}`)
          .join(" ")
      )
    case "Flushed":
      return sink.simple("flushed")
    case "Authenticated":
      return sink.simple("authenticated")
    case "Existence":
      return sink.integer(reply.exists ? 1 : 0)
    case "Time":
      return sink.integer(reply.millis)
    case "Failed":
      return sink.error(ERR, reply.message)
  }
}
