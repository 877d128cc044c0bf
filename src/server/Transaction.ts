/**
 * What a client has queued since MULTI: copies of its commands, as a batch has them. Of long ones it keeps the memory that
 * they have come in, because to copy it would hold up others. It executes nothing: see `perform/Transactions.ts`.
 */
import { isWrite } from "../commands/Commands.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { blocks } from "./Blocks.ts"

/** The most commands that a transaction may have. */
export const MOST_QUEUED = 1_048_576

const FIRST_BYTES = 256

/**
 * Commands of so many bytes are not copied. They are longer than what all connections share, so that their memory is their
 * client's alone.
 */
export const LONG_COMMAND = 1024 * 1024

/** A command's arguments are copied, and not in one of the memories that are kept. */
const COPIED = -1

/** The bytes of an element of an array of numbers. */
const NUMBER_BYTES = 8

export class Transaction {
  /** Whether a command could not be queued, so that nothing may be executed. */
  isAborted = false
  /** The number of commands. */
  count = 0
  /** Whether one of them writes. */
  isWrite = false
  // The arguments that are copied, one behind the other.
  private bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private length = 0
  // Memory that is kept as it is, where the last command in the last one ends, and the bytes up to the ends of all.
  private readonly kept: Array<Buffer> = []
  private lastEnd = 0
  private keptBytes = 0
  // For each command its id, which of the kept memories it is in, the number of its arguments, and for each of these twice its
  // length, and 1 more for a key. In kept memory, where the argument begins comes before that.
  private readonly words: Array<number> = []

  /** The bytes of memory that it takes. */
  get heldBytes(): number {
    return this.bytes.length + this.keptBytes + this.words.length * NUMBER_BYTES
  }

  /** Whether it has long commands. */
  get isLong(): boolean {
    return this.kept.length > 0
  }

  /** Queues a command: a copy, or where it is if it is long. */
  add(commands: CommandBatch, command: number): void {
    const id = commands.id(command)
    const argc = commands.argc(command)
    if (isWrite[id] === 1) this.isWrite = true
    const isLong = commands.argumentBytes(command) >= LONG_COMMAND
    if (isLong) this.keep(commands.bytes, commands.argStart(command, argc - 1) + commands.argLength(command, argc - 1))
    this.words.push(id, isLong ? this.kept.length - 1 : COPIED, argc)
    let key = commands.firstKey(command)
    const lastKey = key + commands.keysOf(command)
    for (let argument = 0; argument < argc; argument++) {
      const start = commands.argStart(command, argument)
      const length = commands.argLength(command, argument)
      // A key lies where its argument does.
      const isKey = key < lastKey && commands.keyStart(key) === start && commands.keyLength(key) === length
      if (isKey) key++
      if (isLong) this.words.push(start)
      else this.copy(commands.bytes, start, length)
      this.words.push(2 * length + (isKey ? 1 : 0))
    }
    this.count++
  }

  /** Reads it from the beginning. */
  read(): TransactionReader {
    return new TransactionReader(this.bytes, this.kept, this.words)
  }

  /** Keeps the memory of a command that is added, and ends there. What comes behind it is not touched yet. */
  private keep(bytes: Buffer, end: number): void {
    if (this.kept[this.kept.length - 1] !== bytes) {
      blocks.share(bytes)
      this.kept.push(bytes)
      this.lastEnd = 0
    }
    this.keptBytes += end - this.lastEnd
    this.lastEnd = end
  }

  private copy(bytes: Buffer, start: number, length: number): void {
    this.reserve(length)
    this.length += bytes.copy(this.bytes, this.length, start, start + length)
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return
    const before = this.bytes
    this.bytes = blocks.take(Math.max(2 * before.length, this.length + bytes))
    before.copy(this.bytes, 0, 0, this.length)
    blocks.giveDropped(before)
    blocks.drop(this.bytes)
  }
}

export class TransactionReader {
  private readonly bytes: Buffer
  private readonly kept: ReadonlyArray<Buffer>
  private readonly words: ReadonlyArray<number>
  private at = 0
  // How many of the copied bytes were read.
  private done = 0

  constructor(bytes: Buffer, kept: ReadonlyArray<Buffer>, words: ReadonlyArray<number>) {
    this.bytes = bytes
    this.kept = kept
    this.words = words
  }

  /** Fills a batch with what comes next, as far as it is in one memory. Says whether there was something. */
  readInto(commands: CommandBatch): boolean {
    const memory = this.words[this.at + 1] ?? COPIED
    commands.begin(this.kept[memory] ?? this.bytes)
    while (this.at < this.words.length && !commands.isFull && this.words[this.at + 1] === memory) {
      commands.open(this.take())
      // Which memory.
      this.at++
      const argc = this.take()
      for (let argument = 0; argument < argc; argument++) {
        const start = memory === COPIED ? this.done : this.take()
        const word = this.take()
        const length = word >>> 1
        if (word % 2 === 1) commands.key(start, length)
        else commands.argument(start, length)
        if (memory === COPIED) this.done += length
      }
      commands.close()
    }
    return commands.count > 0
  }

  private take(): number {
    return this.words[this.at++] ?? 0
  }
}
