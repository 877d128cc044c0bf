/**
 * Keeps one reply as plain data, for callers that execute one command at a time. A server writes replies as bytes
 * instead: see `protocol/`.
 */
import type { FixedReply, ReplySink } from "../domain/Reply.ts"
import type { ValueReader } from "../domain/ValueReader.ts"

/** The content of a reply. */
export type Kept =
  | { readonly _tag: "Simple"; readonly text: string }
  | { readonly _tag: "Error"; readonly code: string; readonly message: string }
  | { readonly _tag: "Integer"; readonly value: number }
  | { readonly _tag: "Bulk"; readonly bytes: Buffer }
  | { readonly _tag: "Null" }

const nothing: Kept = { _tag: "Null" }

export class KeptReply implements ReplySink {
  /** The last reply received. */
  reply: Kept = nothing

  begin(): void {}

  fixed(reply: FixedReply): void {
    reply.write(this)
  }

  simple(text: string): void {
    this.reply = { _tag: "Simple", text }
  }

  error(code: string, message: string): void {
    this.reply = { _tag: "Error", code, message }
  }

  integer(value: number): void {
    this.reply = { _tag: "Integer", value }
  }

  bulk(bytes: Buffer, start: number, length: number): void {
    this.reply = { _tag: "Bulk", bytes: Buffer.from(bytes.subarray(start, start + length)) }
  }

  bulkWords(words: Int32Array, at: number, length: number): void {
    // Writes whole words. The byte order of this machine may differ from the engine's.
    const bytes = Buffer.alloc((length + 3) & ~3)
    for (let to = 0; to < length; to += 4) bytes.writeInt32LE(words[at + (to >> 2)]!, to)
    this.reply = { _tag: "Bulk", bytes: bytes.subarray(0, length) }
  }

  bulkReader(value: ValueReader): void {
    const bytes = Buffer.allocUnsafeSlow(value.remaining)
    value.read(bytes, 0, bytes.length)
    value.close()
    this.reply = { _tag: "Bulk", bytes }
  }

  null(): void {
    this.reply = nothing
  }
}
