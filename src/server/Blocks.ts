/**
 * Memory for what clients have sent and not been answered, in blocks that are cut out of large chunks. All connections of
 * the process share it. It knows nothing of what is in the blocks.
 *
 * The C library keeps what is freed of memory that it has not got from the system for that purpose: below a bound, which
 * grows up to 32 MB by itself, it takes it from one heap, and a single small allocation at the end of that holds all of it.
 * After 6,000 clients with 38 KB each had left, 265 MB were free and still resident. Chunks are beyond that bound, so the
 * system has them back as soon as they are garbage. And blocks that are used again neither come from the system page by
 * page nor drive the garbage collector: a SET of 256 KB took 700 us of the processor's time with memory of its own, and 300 us
 * with another's.
 *
 * A chunk is a buddy system (Knowlton, "A fast storage allocator", 1965): blocks are powers of two, and two free halves of
 * a block are one again. The system gives pages when they are touched, so the rest of a block costs nothing.
 */
import * as Result from "effect/Result"

/** Of this size, memory comes from the system and goes back to it, whatever the C library has learnt. In bytes. */
export const CHUNK_BYTES = 32 * 1024 * 1024

/** A page of the system's: the smallest block. In bytes. */
const UNIT_BITS = 12
export const SMALLEST_BLOCK = 1 << UNIT_BITS

/** More is memory of its own. In bytes. */
export const LARGEST_BLOCK = 8 * 1024 * 1024

/** A chunk has `1 << TOP` units. A block of the order `n` has `1 << n`. */
const TOP = 25 - UNIT_BITS
const UNITS = 1 << TOP

const orderOf = (bytes: number): number => 32 - Math.clz32((bytes - 1) >>> UNIT_BITS)

/** The free blocks of a chunk, by their places in units. */
class Buddies {
  // A binary tree: the root is 1, the halves of `node` are `2 * node` and the next one. Each has the order of the largest
  // free block in it plus 1, or 0 if there is none.
  private readonly free = new Uint8Array(2 * UNITS)

  constructor() {
    for (let node = 1; node < 2 * UNITS; node++) this.free[node] = TOP + 1 - (31 - Math.clz32(node))
  }

  get isEmpty(): boolean {
    return this.free[1] === TOP + 1
  }

  has(order: number): boolean {
    return this.free[1]! > order
  }

  /** There must be one. */
  take(order: number): number {
    const { free } = this
    let node = 1
    for (let level = TOP; level > order; level--) {
      const left = free[2 * node]!
      const right = free[2 * node + 1]!
      // The smaller one that is large enough, so that large ones stay whole.
      node = 2 * node + (left > order && (right <= order || left <= right) ? 0 : 1)
    }
    free[node] = 0
    this.update(node, order)
    return (node << order) - UNITS
  }

  give(unit: number, order: number): void {
    const node = (unit + UNITS) >> order
    this.free[node] = order + 1
    this.update(node, order)
  }

  /** Brings those up to date that `node` of the order `order` is in. */
  private update(node: number, order: number): void {
    const { free } = this
    for (let above = node >> 1, level = order + 1; above > 0; above >>= 1, level++) {
      const left = free[2 * above]!
      const right = free[2 * above + 1]!
      free[above] = left === level && right === level ? level + 1 : Math.max(left, right)
    }
  }
}

interface Chunk {
  readonly memory: ArrayBufferLike
  readonly buddies: Buddies
}

/** Where a block is. */
interface Block {
  readonly chunk: Chunk
  readonly unit: number
  readonly order: number
}

export class Blocks {
  // In the order in which they were made: the first that has room is used, so that the others become empty.
  private chunks: Array<Chunk> = []
  private readonly shared = new WeakSet<Buffer>()
  private readonly dropped = new FinalizationRegistry<Block>((block) => this.free(block))

  /** Chunks that are kept, whether blocks of them are in use or not. */
  get chunkCount(): number {
    return this.chunks.length
  }

  /** Memory of at least so many bytes, with anything in it. It fails as `Buffer.allocUnsafeSlow`. */
  take(bytes: number): Buffer {
    if (bytes <= SMALLEST_BLOCK / 2) return Buffer.allocUnsafeSlow(bytes)
    if (bytes > LARGEST_BLOCK) return Buffer.allocUnsafeSlow(Math.max(bytes, CHUNK_BYTES))
    const order = orderOf(bytes)
    const chunk = this.chunks.find(({ buddies }) => buddies.has(order)) ?? this.add()
    if (chunk === undefined) return Buffer.allocUnsafeSlow(bytes)
    return Buffer.from(chunk.memory, chunk.buddies.take(order) << UNIT_BITS, SMALLEST_BLOCK << order)
  }

  /** Whoever gives this memory back is not the only one who reads it: it is taken back once it is garbage. */
  share(memory: Buffer): void {
    this.shared.add(memory)
  }

  /** Takes memory back that nobody reads any more, and that was not dropped. */
  give(memory: Buffer): void {
    if (this.shared.has(memory)) return this.drop(memory)
    const block = this.blockOf(memory)
    if (block !== undefined) this.free(block)
  }

  /**
   * Takes memory back once it is garbage. Whoever reads it must have this very buffer as long as it does, not only another
   * view of its memory.
   */
  drop(memory: Buffer): void {
    const block = this.blockOf(memory)
    if (block !== undefined) this.dropped.register(memory, block, memory)
  }

  /** As `give`, of memory that was dropped. */
  giveDropped(memory: Buffer): void {
    if (!this.shared.has(memory) && this.dropped.unregister(memory)) this.give(memory)
  }

  /** Keeps no chunk that is not in use. The next garbage collection frees them. */
  trim(): void {
    this.chunks = this.chunks.filter(({ buddies }) => !buddies.isEmpty)
  }

  private blockOf(memory: Buffer): Block | undefined {
    const chunk = this.chunks.find((known) => known.memory === memory.buffer)
    if (chunk === undefined) return undefined
    return { chunk, unit: memory.byteOffset >>> UNIT_BITS, order: orderOf(memory.length) }
  }

  /** A new chunk, if the system has memory for one. */
  private add(): Chunk | undefined {
    const memory = Result.try(() => Buffer.allocUnsafeSlow(CHUNK_BYTES).buffer)
    if (Result.isFailure(memory)) return undefined
    const chunk = { memory: memory.success, buddies: new Buddies() }
    this.chunks.push(chunk)
    return chunk
  }

  private free({ chunk, order, unit }: Block): void {
    chunk.buddies.give(unit, order)
    // One is kept for whoever comes next.
    if (chunk.buddies.isEmpty && this.chunks.some((other) => other !== chunk && other.buddies.isEmpty)) {
      this.chunks = this.chunks.filter((other) => other !== chunk)
    }
  }
}

/** Those of this process. */
export const blocks = new Blocks()
