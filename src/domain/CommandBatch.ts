/**
 * Well-formed commands as places in the bytes that they were read from. The server's hot path passes them from the
 * protocol to the store in this form, so that no request makes a string or an object. This file only stores them: what
 * a command means is said in `Command.ts`, whose Schema accepts all of them.
 *
 * The bytes belong to whoever fills the batch. A batch is valid as long as they do not change.
 */

/** The most commands that a batch holds. */
export const BATCH_COMMANDS = 256

/** Kinds of commands. */
export const PUT = 0
export const GET = 1
export const DELETE = 2
export const EXISTS = 3

// The words of a command. With one spare they are eight, half a cache line.
const KIND = 0
const KEY_START = 1
const KEY_LENGTH = 2
const VALUE_START = 3
const VALUE_LENGTH = 4
const TTL = 5
const HASH = 6
const WORDS_BITS = 3

const NO_BYTES = new Uint8Array(0)

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class CommandBatch {
  /** The bytes that the places refer to. */
  view = viewOf(NO_BYTES)
  /** How many commands are in the batch. */
  count = 0
  private bytes: Uint8Array = NO_BYTES
  private readonly words = new Int32Array(BATCH_COMMANDS << WORDS_BITS)

  get isFull(): boolean {
    return this.count === BATCH_COMMANDS
  }

  /** Begins a new batch of commands that lie in `bytes`. */
  begin(bytes: Uint8Array): void {
    this.count = 0
    if (bytes === this.bytes) return
    this.bytes = bytes
    this.view = viewOf(bytes)
  }

  /**
   * Adds a command. Offsets and lengths are in bytes, `ttl` in seconds, 0 for none. Only a PUT has a value and a TTL.
   */
  add(kind: number, keyStart: number, keyLength: number, valueStart: number, valueLength: number, ttl: number): void {
    const at = this.count++ << WORDS_BITS
    this.words[at + KIND] = kind
    this.words[at + KEY_START] = keyStart
    this.words[at + KEY_LENGTH] = keyLength
    this.words[at + VALUE_START] = valueStart
    this.words[at + VALUE_LENGTH] = valueLength
    this.words[at + TTL] = ttl
  }

  kind(index: number): number {
    return this.words[(index << WORDS_BITS) + KIND]!
  }

  keyStart(index: number): number {
    return this.words[(index << WORDS_BITS) + KEY_START]!
  }

  keyLength(index: number): number {
    return this.words[(index << WORDS_BITS) + KEY_LENGTH]!
  }

  valueStart(index: number): number {
    return this.words[(index << WORDS_BITS) + VALUE_START]!
  }

  valueLength(index: number): number {
    return this.words[(index << WORDS_BITS) + VALUE_LENGTH]!
  }

  ttl(index: number): number {
    return this.words[(index << WORDS_BITS) + TTL]!
  }

  /** The key's hash, once the store has set it. */
  hash(index: number): number {
    return this.words[(index << WORDS_BITS) + HASH]!
  }

  setHash(index: number, hash: number): void {
    this.words[(index << WORDS_BITS) + HASH] = hash
  }
}
