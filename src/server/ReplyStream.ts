/**
 * Replies with long values among them, read in slices as one run of bytes. It closes each value that it has read, and the
 * rest when it is closed.
 */
import type { PlacedValue, ReplyWriter } from "../protocol/Protocol.ts"

export class ReplyStream {
  /** The bytes not read yet. */
  remaining: number
  private readonly bytes: Buffer
  private readonly values: ReadonlyArray<PlacedValue>
  // The bytes that were read, and the values.
  private done = 0
  private doneValues = 0

  /** `bytes` must stay as they are. */
  constructor(bytes: Buffer, values: ReadonlyArray<PlacedValue>) {
    this.bytes = bytes
    this.values = values
    this.remaining = values.reduce((sum, { value }) => sum + value.remaining, bytes.length)
  }

  /** Bytes of memory that it holds, without the values. */
  get heldBytes(): number {
    return this.bytes.length
  }

  /** Copies some of the bytes, at most `most`, to `into[at]` and following, and returns how many. */
  read(into: Buffer, at: number, most: number): number {
    let placed = this.values[this.doneValues]
    if (placed?.at === this.done && placed.value.remaining === 0) {
      placed.value.close()
      placed = this.values[++this.doneValues]
    }
    const isValue = placed?.at === this.done
    const count =
      placed !== undefined && isValue ? placed.value.read(into, at, most) : this.readBytes(into, at, most, placed?.at)
    this.remaining -= count
    return count
  }

  /** The next bytes, at most `most`. */
  next(most: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(Math.min(most, this.remaining))
    for (let at = 0; at < bytes.length;) at += this.read(bytes, at, bytes.length - at)
    return bytes
  }

  close(): void {
    this.remaining = 0
    for (const { value } of this.values) value.close()
  }

  private readBytes(into: Buffer, at: number, most: number, end: number = this.bytes.length): number {
    const count = Math.min(most, end - this.done)
    this.bytes.copy(into, at, this.done, this.done + count)
    this.done += count
    return count
  }
}

/** Takes what a writer has, which it may overwrite or give away from then on. */
export const takeStream = (replies: ReplyWriter): ReplyStream => {
  const { values } = replies
  const bytes = replies.take()
  // Of its own memory: it would keep a pool of others, or the writer's whole output.
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return new ReplyStream(copy, values)
}

/** Drops what a writer has. */
export const discard = (replies: ReplyWriter): void => {
  for (const { value } of replies.values) value.close()
  replies.take()
}
