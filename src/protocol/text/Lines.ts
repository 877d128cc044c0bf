/**
 * Splits a stream of text into lines, incrementally. Only this module knows how a line ends and how long it may be.
 *
 * A line that lies entirely within a chunk is not copied: the caller gets its place in the chunk. Only an unfinished
 * line is kept. This module knows nothing about words or commands.
 */

/** The result of `next`: a whole line, a part of one, or a line that reached the limit without ending. */
export type Found = "line" | "more" | "too-long"

export class Lines {
  /** The text with the line that `next` found, from `start` to `end` (exclusive), without the line ending. */
  source = ""
  start = 0
  end = 0
  /** The offset of the first character that `next` has not read yet. */
  offset = 0

  private readonly limit: number
  private kept = ""

  /** `limit` is in bytes. A line that reaches it without a newline is too long. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** The length of the unfinished line, in bytes. */
  get pending(): number {
    return this.kept.length
  }

  /** Looks for the end of the current line in `text`, from `offset` on. */
  next(text: string, offset: number): Found {
    const newline = text.indexOf("\n", offset)
    const stop = newline === -1 ? text.length : newline
    if (this.kept.length + stop - offset >= this.limit) return "too-long"
    if (newline === -1) {
      this.kept = copyOf(this.kept + text.slice(offset))
      this.offset = stop
      return "more"
    }
    if (this.kept === "") {
      this.source = text
      this.start = offset
      this.end = stop
    } else {
      this.source = this.kept + text.slice(offset, stop)
      this.start = 0
      this.end = this.source.length
      this.kept = ""
    }
    if (this.end > this.start && this.source.charCodeAt(this.end - 1) === CARRIAGE_RETURN) this.end -= 1
    this.offset = newline + 1
    return "line"
  }
}

const CARRIAGE_RETURN = 0x0d

/** Copies a text. A slice would keep the whole chunk in memory, for every client that has sent half a line. */
const copyOf = (slice: string): string => Buffer.from(slice, "latin1").toString("latin1")
