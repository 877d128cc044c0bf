/**
 * The output that all connections share that speak one protocol: they are answered one after the other, so it is empty
 * whenever nothing is executed.
 */
import type { ReplyWriter } from "../protocol/Protocol.ts"

/** So many are kept that have been lent: most have 16 KB. */
const SPARES = 64

export class SharedWriter {
  current: ReplyWriter
  private readonly make: () => ReplyWriter
  private readonly spares: Array<ReplyWriter> = []

  constructor(make: () => ReplyWriter) {
    this.make = make
    this.current = make()
  }

  /** The current one is another's from now on: an executor's that has not ended yet. */
  lend(): void {
    this.current = this.spares.pop() ?? this.make()
  }

  /** One that was lent has been written, and is empty. */
  takeBack(writer: ReplyWriter): void {
    if (this.spares.length < SPARES) this.spares.push(writer)
  }
}
