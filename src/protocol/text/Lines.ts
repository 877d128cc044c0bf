/**
 * Splits a stream of bytes into lines, incrementally: the one place that knows how a line ends and how long it may be.
 *
 * It does not copy: a line that lies whole within a chunk is given as a window onto it, and only the bytes of an
 * unfinished line are kept. It knows nothing of words or commands.
 */

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/** What `next` found: a whole line, too few bytes for one, or a line that has reached the limit without its end. */
export type Found = "line" | "more" | "too-long"

export class Lines {
  /** The bytes that hold the line that `next` found, from `start` (inclusive) to `end` (exclusive), without its end. */
  source: Buffer
  start = 0
  end = 0
  /** The offset of the first byte that `next` has not read. */
  offset = 0

  private readonly limit: number
  private kept: Buffer
  private keptLength = 0

  /** `limit` is in bytes: a line that reaches it without a newline is too long. */
  constructor(limit: number) {
    this.limit = limit
    this.kept = empty
    this.source = empty
  }

  /** Bytes of the unfinished line. */
  get pending(): number {
    return this.keptLength
  }

  /** Looks for the end of the current line in `bytes`, from `offset` on. */
  next(bytes: Buffer, offset: number): Found {
    const newline = bytes.indexOf(NEWLINE, offset)
    const stop = newline === -1 ? bytes.length : newline
    const length = this.keptLength + stop - offset
    if (length >= this.limit) return "too-long"
    if (newline === -1) {
      this.keep(bytes, offset, stop)
      this.offset = stop
      return "more"
    }
    if (this.keptLength === 0) {
      this.source = bytes
      this.start = offset
      this.end = stop
    } else {
      this.keep(bytes, offset, stop)
      this.source = this.kept
      this.start = 0
      this.end = length
      this.keptLength = 0
      this.kept = empty
    }
    if (this.end > this.start && this.source[this.end - 1] === CARRIAGE_RETURN) this.end -= 1
    this.offset = newline + 1
    return "line"
  }

  private keep(bytes: Buffer, from: number, to: number): void {
    const length = this.keptLength + to - from
    if (length > this.kept.length) {
      // Sized for what has come, not for the limit: ten thousand idle clients with half a line each stay cheap.
      const larger = Buffer.allocUnsafeSlow(Math.min(this.limit, Math.max(64, length * 2)))
      this.kept.copy(larger, 0, 0, this.keptLength)
      this.kept = larger
    }
    bytes.copy(this.kept, this.keptLength, from, to)
    this.keptLength = length
  }
}

const empty = Buffer.alloc(0)
