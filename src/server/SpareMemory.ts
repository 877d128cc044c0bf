/**
 * Memory that long requests have left, for those that come next. All connections of the process share it.
 *
 * Memory of that size comes from the system page by page, and drives the garbage collector, which counts it: a SET of 256 KB
 * took 700 us of the processor's time with memory of its own, and 300 us with another's.
 */

/** Smaller memory is as quick to get anew. In bytes. */
const SMALLEST = 8 * 1024

/** Larger memory is not kept, since it is rare. In bytes. */
const LARGEST = 1024 * 1024

/** The most bytes that are kept. */
const MOST_KEPT = 8 * 1024 * 1024

/** Memory of so many times what is asked for is left for others. */
const MOST_TOO_LARGE = 2

const isKept = (bytes: number): boolean => bytes >= SMALLEST && bytes <= LARGEST

export class SpareMemory {
  // The last one given is the first one taken, since the processor's cache may still hold it.
  private readonly spares: Array<Buffer> = []
  private kept = 0

  /** Memory of at least so many bytes, with anything in it. It fails as `Buffer.allocUnsafeSlow`. */
  take(bytes: number): Buffer {
    if (!isKept(bytes)) return Buffer.allocUnsafeSlow(bytes)
    const fits = ({ length }: Buffer): boolean => length >= bytes && length <= bytes * MOST_TOO_LARGE
    const spare = this.spares.findLast(fits)
    if (spare === undefined) return Buffer.allocUnsafeSlow(bytes)
    this.spares.splice(this.spares.lastIndexOf(spare), 1)
    this.kept -= spare.length
    return spare
  }

  /** Takes memory that nothing points to any more. */
  give(memory: Buffer): void {
    if (!isKept(memory.length) || this.kept + memory.length > MOST_KEPT) return
    this.spares.push(memory)
    this.kept += memory.length
  }
}

/** That of this process. */
export const spareMemory = new SpareMemory()
