/**
 * A value that is still to be answered when its entry has changed or gone. One at a time: it is reused, and what it holds
 * must be answered or dropped before the next command.
 */
import type { ReplySink } from "../domain/Reply.ts"
import type { ValueReader } from "../domain/ValueReader.ts"
import { type Engine, NOT_THERE } from "../engine/Engine.ts"
import { MAX_ENTRY_BYTES } from "../engine/Entry.ts"

const NOTHING = -1

export class HeldValue {
  // A copy of the value, or a reader of a long one.
  private readonly bytes = Buffer.allocUnsafeSlow(MAX_ENTRY_BYTES)
  private length = NOTHING
  private reader: ValueReader | undefined = undefined

  /** Holds the value of an entry, or null if there is none. */
  hold(engine: Engine, entry: number): void {
    this.length = NOTHING
    if (entry === NOT_THERE) return
    if (!engine.isInline(entry)) {
      this.reader = engine.openReader(entry)
      return
    }
    this.length = engine.valueLength(entry)
    engine.copyValue(entry, 0, this.length, this.bytes, 0)
  }

  answer(sink: ReplySink): void {
    const { length, reader } = this
    this.reader = undefined
    if (reader !== undefined) sink.bulkReader(reader)
    else if (length === NOTHING) sink.null()
    else sink.bulk(this.bytes, 0, length)
  }

  drop(): void {
    this.reader?.close()
    this.reader = undefined
  }
}
