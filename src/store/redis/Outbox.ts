/**
 * Requests to a Redis server as bytes, one behind the other, to be written at once. Arguments are copied from where they
 * were read: the bytes that a client has sent are the bytes that the server gets.
 */
import type { CommandBatch } from "../../domain/CommandBatch.ts"

const FIRST_BYTES = 16 * 1024

/** A larger buffer is given up once it is empty. */
const MOST_KEPT = 1024 * 1024

/** The longest header: its type, the digits of a length, the end of its line; and the end of the line before. */
const HEADER_BYTES = 24

const ARRAY = 0x2a
const BULK = 0x24
const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30

/** A word of a request, prepared: its header, its bytes, the end of the line. */
export const prepared = (text: string): Buffer => Buffer.from(`$${text.length}\r\n${text}\r\n`, "latin1")

export class Outbox {
  length = 0
  private bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)

  /** Begins a request of so many words. */
  begin(words: number): void {
    this.reserve(HEADER_BYTES)
    this.header(ARRAY, words)
  }

  /** Adds a word that was prepared, or several. */
  raw(bytes: Buffer): void {
    this.reserve(bytes.length)
    if (bytes.length > 32) this.length += bytes.copy(this.bytes, this.length)
    else for (let at = 0; at < bytes.length; at++) this.bytes[this.length++] = bytes[at] ?? 0
  }

  /** Adds a word: `length` bytes from `start` on. */
  word(bytes: Buffer, start: number, length: number): void {
    this.reserve(length + HEADER_BYTES)
    this.header(BULK, length)
    const to = this.length
    if (length > 32) bytes.copy(this.bytes, to, start, start + length)
    else for (let at = 0; at < length; at++) this.bytes[to + at] = bytes[start + at] ?? 0
    this.length = to + length
    this.endLine()
  }

  /** Adds an argument of a command, as it was read. */
  argument(commands: CommandBatch, command: number, argument: number): void {
    this.word(commands.bytes, commands.argStart(command, argument), commands.argLength(command, argument))
  }

  /** Adds a word with one byte for each character. */
  text(text: string): void {
    const bytes = Buffer.from(text, "latin1")
    this.word(bytes, 0, bytes.length)
  }

  /** All bytes. They are overwritten by what is added next, unless `renew` is called. */
  peek(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  /** Forgets all bytes. */
  clear(): void {
    this.length = 0
    if (this.bytes.length > MOST_KEPT) this.renew()
  }

  /** Forgets the first bytes. */
  drop(length: number): void {
    this.bytes.copyWithin(0, length, this.length)
    this.length -= length
  }

  /** The bytes so far are somebody else's from now on. */
  renew(): void {
    this.length = 0
    this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  private header(type: number, number: number): void {
    this.bytes[this.length++] = type
    if (number < 10) this.bytes[this.length++] = ZERO + number
    else if (number < 100) {
      this.bytes[this.length++] = ZERO + Math.floor(number / 10)
      this.bytes[this.length++] = ZERO + (number % 10)
    } else this.length += this.bytes.write(String(number), this.length, "latin1")
    this.endLine()
  }

  private endLine(): void {
    this.bytes[this.length++] = CR
    this.bytes[this.length++] = LF
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return
    const before = this.bytes
    this.bytes = Buffer.allocUnsafeSlow(Math.max(2 * before.length, this.length + bytes))
    before.copy(this.bytes, 0, 0, this.length)
  }
}
