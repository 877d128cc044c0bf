/**
 * Checks a server's answers byte for byte, however they are cut into chunks. Pure.
 *
 * It does not parse. It compares with the expected bytes and counts the complete replies.
 */
import type { Batch } from "./Batch.ts"

/** How many bytes of a wrong reply are shown. */
const EXCERPT = 120

export class ReplyCheck {
  private batch: Batch | undefined
  /** The place of the next expected byte in the batch's replies. */
  private at = 0
  /** How many replies of the batch are complete. */
  private complete = 0

  /** Whether all replies of the last batch have come. */
  get isDone(): boolean {
    return this.batch === undefined || this.complete === this.batch.count
  }

  /** Expects the replies of a batch. Those of the batch before must be complete. */
  expect(batch: Batch): void {
    this.batch = batch
    this.at = batch.first === 0 ? 0 : (batch.ends[batch.first - 1] ?? 0)
    this.complete = 0
  }

  /** Takes the first `length` bytes of a chunk. Returns how many replies they complete, or what is wrong with them. */
  accept(chunk: Buffer, length: number): number | string {
    if (this.batch === undefined) return `not asked for: ${excerpt(chunk, 0, length)}`
    const { count, ends, first, replies } = this.batch
    const end = ends[first + count - 1] ?? 0
    const expected = Math.min(length, end - this.at)
    if (chunk.compare(replies, this.at, this.at + expected, 0, expected) !== 0) {
      return `expected ${excerpt(replies, this.at, end)}, got ${excerpt(chunk, 0, length)}`
    }
    if (length > expected) return `not asked for: ${excerpt(chunk, expected, length)}`
    this.at += length
    const before = this.complete
    while (this.complete < count && (ends[first + this.complete] ?? 0) <= this.at) this.complete++
    return this.complete - before
  }
}

const excerpt = (bytes: Buffer, from: number, to: number): string =>
  JSON.stringify(bytes.toString("latin1", from, Math.min(to, from + EXCERPT)))
