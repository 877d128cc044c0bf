/**
 * A protocol for tests whose values have any length and any bytes: `PUT <key> <length>` and a newline, then the value. A value
 * in a reply is its length, a newline, its bytes, and a newline. All else is as in the text protocol.
 */
import { assert } from "@effect/vitest"
import { GET, PUT, QUIT, STATS } from "../../src/commands/Commands.ts"
import type { CommandBatch } from "../../src/domain/CommandBatch.ts"
import type { FixedReply } from "../../src/domain/Reply.ts"
import type { ValueReader } from "../../src/domain/ValueReader.ts"
import type { PlacedValue, ProtocolService, ReplyWriter, RequestDecoder } from "../../src/protocol/Protocol.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"

/** What was seen of the long values and requests of a protocol. */
export interface Seen {
  /** Readers that are not closed. */
  open: number
  /** The lengths of the slices that were read. */
  readonly slices: Array<number>
  /** Calls of a decoder. */
  decodes: number
  /** The number of the slice whose reading throws. */
  throwsAt: number
}

/** Values up to this length are copied. */
const SHORT = 64 * 1024

class LongDecoder implements RequestDecoder {
  needed = 0
  private readonly seen: Seen

  constructor(seen: Seen) {
    this.seen = seen
  }

  restrict(): void {}

  decode(commands: CommandBatch, offset: number, end: number): number {
    this.seen.decodes++
    this.needed = 0
    let at = offset
    while (at < end && !commands.isFull) {
      const newline = commands.bytes.indexOf("\n", at)
      if (newline === -1 || newline >= end) break
      const [name = "", key = "", length = ""] = commands.bytes.toString("latin1", at, newline).split(" ")
      const keyStart = at + name.length + 1
      if (name === "PUT") {
        const next = newline + 1 + Number(length)
        if (next > end) {
          this.needed = next - at
          break
        }
        commands.open(PUT)
        commands.key(keyStart, key.length)
        commands.argument(newline + 1, Number(length))
        commands.close()
        at = next
        continue
      }
      if (name === "GET") {
        commands.open(GET)
        commands.key(keyStart, key.length)
        commands.close()
      } else {
        commands.open(name === "QUIT" ? QUIT : name === "STATS" ? STATS : assert.fail(`a request '${name}'`))
        commands.closeAndStop()
      }
      at = newline + 1
    }
    return at
  }
}

class SeenReader implements ValueReader {
  private readonly reader: ValueReader
  private readonly seen: Seen
  private isOpen = true

  constructor(reader: ValueReader, seen: Seen) {
    this.reader = reader
    this.seen = seen
    seen.open++
  }

  get remaining(): number {
    return this.reader.remaining
  }

  read(into: Uint8Array, at: number, most: number): number {
    if (this.seen.slices.length === this.seen.throwsAt) throw new Error("broken on purpose")
    const count = this.reader.read(into, at, most)
    this.seen.slices.push(count)
    return count
  }

  close(): void {
    if (this.isOpen) this.seen.open--
    this.isOpen = false
    this.reader.close()
  }
}

const unused = (): void => assert.fail("no command answers that")

class LongWriter implements ReplyWriter {
  values: Array<PlacedValue> = []
  private readonly seen: Seen
  private bytes = Buffer.alloc(0)
  private begun = 0
  private begunValues = 0

  constructor(seen: Seen) {
    this.seen = seen
  }

  get length(): number {
    return this.bytes.length
  }

  get capacity(): number {
    return this.bytes.length
  }

  begin(): void {
    this.begun = this.bytes.length
    this.begunValues = this.values.length
  }

  rewind(): void {
    this.bytes = this.bytes.subarray(0, this.begun)
    for (const { value } of this.values.splice(this.begunValues)) value.close()
  }

  fixed(reply: FixedReply): void {
    reply.write(this)
  }

  simple(text: string): void {
    this.add(`OK ${text}\n`)
  }

  error(_code: string, message: string): void {
    this.add(`ERROR ${message}\n`)
  }

  integer(value: number | bigint): void {
    this.add(`OK ${value}\n`)
  }

  readonly double = unused
  readonly text = unused
  readonly verbatim = unused
  readonly nullArray = unused
  readonly array = unused
  readonly map = unused
  readonly set = unused
  readonly push = unused

  bulk(bytes: Buffer, start: number, length: number): void {
    this.add(`${length}\n`, bytes.subarray(start, start + length), "\n")
  }

  bulkWords(words: Int32Array, at: number, length: number): void {
    const bytes = Buffer.alloc((length + 3) & ~3)
    for (let word = 0; word * 4 < length; word++) bytes.writeInt32LE(words[at + word] ?? 0, word * 4)
    this.bulk(bytes, 0, length)
  }

  bulkReader(reader: ValueReader): void {
    const value = new SeenReader(reader, this.seen)
    this.add(`${value.remaining}\n`)
    if (value.remaining <= SHORT) {
      const copy = Buffer.alloc(value.remaining)
      value.read(copy, 0, copy.length)
      value.close()
      this.add(copy)
    } else this.values.push({ at: this.bytes.length, value })
    this.add("\n")
  }

  null(): void {
    this.add("ERROR key not found\n")
  }

  refuseHttp(message: string): void {
    this.add(message)
  }

  take(): Buffer {
    const { bytes } = this
    this.renew()
    this.values = []
    return bytes
  }

  renew(): void {
    this.bytes = Buffer.alloc(0)
    this.begun = 0
    this.begunValues = 0
  }

  private add(...parts: ReadonlyArray<string | Buffer>): void {
    this.bytes = Buffer.concat([this.bytes, ...parts.map((part) => Buffer.from(part))])
  }
}

export const make = (): { readonly seen: Seen; readonly protocol: ProtocolService } => {
  const seen: Seen = { open: 0, slices: [], decodes: 0, throwsAt: -1 }
  return {
    seen,
    protocol: {
      ...textProtocol,
      makeRequestDecoder: () => new LongDecoder(seen),
      makeReplyWriter: () => new LongWriter(seen)
    }
  }
}
