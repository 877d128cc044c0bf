/**
 * Keeps replies as plain data, for callers within this process. A server writes replies as bytes instead: see
 * `protocol/`.
 */
import type { FixedReply, ReplySink } from "../domain/Reply.ts"
import type { ValueReader } from "../domain/ValueReader.ts"

/** The content of a reply. */
export type Kept =
  | { readonly _tag: "Simple"; readonly text: string }
  | { readonly _tag: "Error"; readonly code: string; readonly message: string }
  | { readonly _tag: "Integer"; readonly value: number | bigint }
  | { readonly _tag: "Double"; readonly value: number }
  | { readonly _tag: "Bulk"; readonly bytes: Buffer }
  | { readonly _tag: "Null" }
  /** A map has its keys and values in turn. */
  | { readonly _tag: "Parts"; readonly kind: "array" | "map" | "set" | "push"; readonly parts: Array<Kept> }

export const nothing: Kept = { _tag: "Null" }

export class KeptReply implements ReplySink {
  /** All replies received, in order. */
  readonly kept: Array<Kept> = []
  // What is still to come of the replies with parts, the innermost last.
  private open: Array<{ readonly parts: Array<Kept>; missing: number }> = []

  /** The last reply received. */
  get reply(): Kept {
    return this.kept.at(-1) ?? nothing
  }

  begin(): void {
    this.open = []
  }

  fixed(reply: FixedReply): void {
    reply.write(this)
  }

  simple(text: string): void {
    this.put({ _tag: "Simple", text })
  }

  error(code: string, message: string): void {
    this.put({ _tag: "Error", code, message })
  }

  integer(value: number | bigint): void {
    this.put({ _tag: "Integer", value })
  }

  double(value: number): void {
    this.put({ _tag: "Double", value })
  }

  bulk(bytes: Buffer, start: number, length: number): void {
    this.put({ _tag: "Bulk", bytes: Buffer.from(bytes.subarray(start, start + length)) })
  }

  bulkWords(words: Int32Array, at: number, length: number): void {
    // Writes whole words. The byte order of this machine may differ from the engine's.
    const bytes = Buffer.alloc((length + 3) & ~3)
    for (let to = 0; to < length; to += 4) bytes.writeInt32LE(words[at + (to >> 2)]!, to)
    this.put({ _tag: "Bulk", bytes: bytes.subarray(0, length) })
  }

  bulkReader(value: ValueReader): void {
    const bytes = Buffer.allocUnsafeSlow(value.remaining)
    value.read(bytes, 0, bytes.length)
    value.close()
    this.put({ _tag: "Bulk", bytes })
  }

  text(text: string): void {
    this.put({ _tag: "Bulk", bytes: Buffer.from(text) })
  }

  verbatim(text: string): void {
    this.text(text)
  }

  null(): void {
    this.put(nothing)
  }

  nullArray(): void {
    this.put(nothing)
  }

  array(length: number): void {
    this.keepParts("array", length)
  }

  map(entries: number): void {
    this.keepParts("map", 2 * entries)
  }

  set(length: number): void {
    this.keepParts("set", length)
  }

  push(length: number): void {
    this.keepParts("push", length)
  }

  private keepParts(kind: "array" | "map" | "set" | "push", missing: number): void {
    const parts: Array<Kept> = []
    this.put({ _tag: "Parts", kind, parts })
    if (missing > 0) this.open.push({ parts, missing })
  }

  private put(reply: Kept): void {
    const inner = this.open.at(-1)
    if (inner === undefined) {
      this.kept.push(reply)
      return
    }
    inner.parts.push(reply)
    inner.missing--
    if (inner.missing === 0) this.open.pop()
  }
}
