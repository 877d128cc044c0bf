/**
 * What a connection has sent that is not executed yet: an unfinished request, or what came while something was waited for.
 *
 * Bytes never move within its memory: a batch may still point to those in front of the ones that are kept.
 */
import type { ClientMemory, Holder } from "./ClientMemory.ts"

const NONE = Buffer.alloc(0)

export class Backlog {
  /** The memory that the bytes are in, from `start` to `end` (exclusive). */
  bytes = NONE
  start = 0
  end = 0
  // Bytes that the memory knows of.
  private counted = 0
  private readonly memory: ClientMemory
  private readonly owner: Holder

  constructor(memory: ClientMemory, owner: Holder) {
    this.memory = memory
    this.owner = owner
  }

  get length(): number {
    return this.end - this.start
  }

  /** Bytes of memory that are held. */
  get capacity(): number {
    return this.bytes.length
  }

  /**
   * Keeps `bytes` from `start` to `end` (exclusive), behind what is kept; what is its own stays where it is, and is all that
   * is kept then.
   */
  keep(bytes: Buffer, start: number, end: number): void {
    if (bytes === this.bytes) {
      this.start = start
      this.end = end
      if (start === end) this.clear()
      return
    }
    if (end === start) return
    if (this.end + end - start > this.bytes.length) this.grow(end - start)
    this.end += bytes.copy(this.bytes, this.end, start, end)
    this.count()
  }

  /** Moves all bytes to another place, and says how many they are. */
  moveTo(bytes: Buffer, at: number): number {
    const moved = this.bytes.copy(bytes, at, this.start, this.end)
    this.clear()
    return moved
  }

  clear(): void {
    this.bytes = NONE
    this.start = 0
    this.end = 0
    this.count()
  }

  /** Tells how much is held, which may have its owner closed. */
  private count(): void {
    const change = this.capacity - this.counted
    this.counted = this.capacity
    if (change !== 0) this.memory.change(this.owner, change)
  }

  private grow(more: number): void {
    const { length } = this
    // Exact for half a line, which is what most clients leave if any; doubled for what comes in many reads. Of its own
    // memory, or half a line would hold a whole pool of others.
    const grown = Buffer.allocUnsafeSlow(length === 0 ? more : Math.max(2 * length, length + more))
    this.bytes.copy(grown, 0, this.start, this.end)
    this.bytes = grown
    this.start = 0
    this.end = length
  }
}
