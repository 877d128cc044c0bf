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
 * The `length` bytes that the compressed ones from `start` to `end` (exclusive) stand for, or `undefined` if they stand for
 * something else.
 */
export const expand = (bytes: Buffer, start: number, end: number, length: number): Buffer | undefined => {
  // Memory is taken only for what the bytes can stand for.
  if (length > (end - start) * LONGEST_MATCH) return undefined
  const into = Buffer.allocUnsafe(length)
  let from = start
  let to = 0
  while (from < end) {
    const control = bytes.readUInt8(from++)
    if (control < LITERAL) {
      const count = control + 1
      if (from + count > end || to + count > length) return undefined
      to += bytes.copy(into, to, from, from + count)
      from += count
      continue
    }
    let count = control >> 5
    if (from + (count === LONG ? 2 : 1) > end) return undefined
    if (count === LONG) count += bytes.readUInt8(from++)
    count += 2
    let source = to - ((control & 0x1f) << 8) - bytes.readUInt8(from++) - 1
    if (source < 0 || to + count > length) return undefined
    // The two may overlap: what has just been written is read again.
    for (const done = to + count; to < done;) into.writeUInt8(into.readUInt8(source++), to++)
  }
  return to === length ? into : undefined
}
