/**
 * What a connection has sent that is not executed yet: an unfinished request, or what came while something was waited for.
 *
 * A request that says how long it is gets memory for all of it at once. The system gives memory when it is touched, so
 * what is counted as held is what has come. The memory is a block of those that all connections share.
 *
 * Bytes never move within its memory: a batch may still point to those in front of the ones that are kept.
 */
import * as Result from "effect/Result"
import { READ_BYTES } from "../EventLoop.ts"
import { blocks } from "./Blocks.ts"
import type { ClientMemory, Holder } from "./ClientMemory.ts"

const NONE = Buffer.alloc(0)

/** The rest behind a long request does not keep its memory if it is shorter than this part of it. */
const WORTH_KEEPING = 1 / 4

export class Backlog {
  /** The memory that the bytes are in, from `start` to `end` (exclusive). */
  bytes: Buffer = NONE
  start = 0
  end = 0
  // Whether a batch may point to its memory, because it is read where it is.
  private isRead = false
  /** Whether such a batch may be somebody's who waits with it. */
  wasLent = false
  // The bytes that the request at `start` has at least; 0 if that is not known.
  private needed = 0
  // Bytes of memory that commands are in which are executed while their connection waits.
  private lent = 0
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
  get heldBytes(): number {
    return this.end + this.lent
  }

  /** Whether the request is known to be unfinished with `more` bytes, too. */
  awaits(more: number): boolean {
    return this.needed > this.length + more
  }

  /** Keeps `bytes` from `start` to `end` (exclusive), behind what is kept. */
  append(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    if (this.end + end - start > this.bytes.length && !this.move(end - start)) return
    this.end += bytes.copy(this.bytes, this.end, start, end)
    this.count()
  }

  /**
   * Keeps `bytes` from `start` to `end` (exclusive), and nothing else: a request of at least `needed` bytes begins there, if
   * that is known. What is its own stays where it is, unless it is little.
   */
  keep(bytes: Buffer, start: number, end: number, needed: number): void {
    this.needed = needed
    if (bytes !== this.bytes) return this.append(bytes, start, end)
    this.start = start
    this.end = end
    if (start === end) return this.clear()
    if (this.length < this.bytes.length * WORTH_KEEPING) this.move(0)
    this.count()
  }

  /** Has its memory read where it is, until `readUp`. */
  read(): Buffer {
    this.isRead = true
    return this.bytes
  }

  /** Nobody reads `bytes` any more, which `read` gave. */
  readUp(bytes: Buffer): void {
    if (bytes === this.bytes) this.isRead = false
    else blocks.giveDropped(bytes)
  }

  /** Moves all bytes to another place, and says how many they are. */
  moveTo(bytes: Buffer, at: number): number {
    const moved = this.bytes.copy(bytes, at, this.start, this.end)
    this.clear()
    return moved
  }

  clear(): void {
    this.letGo()
    this.bytes = NONE
    this.start = 0
    this.end = 0
    this.needed = 0
    this.lent = 0
    this.count()
  }

  /** Its owner waits for commands that are in `bytes`, which were its own. */
  lend(bytes: Buffer): void {
    if (bytes === this.bytes) this.wasLent = true
    this.lent = bytes === this.bytes ? 0 : bytes.length
    this.count()
  }

  /** What was lent is not needed any more. */
  takeBack(): void {
    this.lent = 0
    this.count()
  }

  /** Tells how much is held, which may have its owner closed. */
  private count(): void {
    const change = this.heldBytes - this.counted
    this.counted = this.heldBytes
    if (change !== 0) this.memory.change(this.owner, change)
  }

  /** Goes on in other memory, with room for `more` bytes. Where there is none, its owner is closed, and it returns false. */
  private move(more: number): boolean {
    const { length } = this
    const moved = Result.try(() => blocks.take(this.capacityFor(more)))
    if (Result.isFailure(moved)) {
      this.owner.closeForMemory()
      return false
    }
    this.bytes.copy(moved.success, 0, this.start, this.end)
    this.letGo()
    this.bytes = moved.success
    this.start = 0
    this.end = length
    return true
  }

  /** Its memory is others' as soon as nobody reads it. */
  private letGo(): void {
    if (this.isRead) blocks.drop(this.bytes)
    else blocks.give(this.bytes)
    this.isRead = false
    this.wasLent = false
  }

  /**
   * Exact for half a line, which is what most clients leave if any; doubled for what comes in many reads, if it does not say
   * how long it is. Of its own memory, or half a line would hold a whole pool of others.
   */
  private capacityFor(more: number): number {
    const { length } = this
    // The read that ends a long request may bring as much of the next ones. A shorter one is moved to a turn's memory then.
    if (this.needed > length + more)
      return Math.max(this.needed + (this.needed > READ_BYTES ? READ_BYTES : 0), 2 * length)
    return length === 0 || more === 0 ? length + more : Math.max(2 * length, length + more)
  }
}
