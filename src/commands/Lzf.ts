/**
 * Expands what was compressed with LZF (M. Lehmann's LibLZF), as Redis compresses values in what it dumps. Nothing is
 * compressed here.
 */

// A byte below this precedes as many bytes, plus 1, that stand for themselves.
const LITERAL = 32
/** The length that another byte follows. */
const LONG = 7

/** The most bytes that three compressed bytes stand for. */
const LONGEST_MATCH = 264

/**
 * Bytes that compressed ones stand for, from `start` to `end` (exclusive), expanded as far as is asked for. Memory is taken
 * for `length` bytes, which must be no more than `mostExpanded`.
 */
export class Expansion {
  /** All bytes, once they are `complete`. */
  readonly into: Buffer
  private readonly bytes: Buffer
  private from: number
  private readonly end: number
  private to = 0

  constructor(bytes: Buffer, start: number, end: number, length: number) {
    this.bytes = bytes
    this.from = start
    this.end = end
    this.into = Buffer.allocUnsafe(length)
  }

  /** Whether every byte is expanded, and none is left over. */
  get isComplete(): boolean {
    return this.from === this.end && this.to === this.into.length
  }

  /** Expands about `most` bytes more. Returns whether there is more to do: not at the end, nor where the bytes are wrong. */
  next(most: number): boolean {
    const { bytes, end, into } = this
    const { length } = into
    const enough = this.to + most
    let { from, to } = this
    while (from < end && to < enough) {
      const control = bytes.readUInt8(from++)
      if (control < LITERAL) {
        const count = control + 1
        if (from + count > end || to + count > length) return false
        to += bytes.copy(into, to, from, from + count)
        from += count
        continue
      }
      let count = control >> 5
      if (from + (count === LONG ? 2 : 1) > end) return false
      if (count === LONG) count += bytes.readUInt8(from++)
      count += 2
      let source = to - ((control & 0x1f) << 8) - bytes.readUInt8(from++) - 1
      if (source < 0 || to + count > length) return false
      // The two may overlap: what has just been written is read again.
      for (const done = to + count; to < done;) into.writeUInt8(into.readUInt8(source++), to++)
    }
    this.from = from
    this.to = to
    return from < end
  }
}

/** The most bytes that so many compressed ones can stand for. */
export const mostExpanded = (compressed: number): number => compressed * LONGEST_MATCH
