/**
 * What a client has queued since MULTI: copies of its commands, as a batch has them. It executes nothing: see
 * `perform/Transactions.ts`.
 */
import { commands as table } from "../commands/Commands.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { blocks } from "./Blocks.ts"

/** The most commands that a transaction may have. */
export const MOST_QUEUED = 1_048_576

const FIRST_BYTES = 256

/** Whether a command writes, by its id. */
const writes: ReadonlyArray<boolean> = table.map(({ flags }) => flags.includes("write"))

/** The bytes of an element of an array of numbers. */
const NUMBER_BYTES = 8

export class Transaction {
  /** Whether a command could not be queued, so that nothing may be executed. */
  isAborted = false
  /** The number of commands. */
  count = 0
  /** Whether one of them writes. */
  isWrite = false
  // Their arguments, one behind the other.
  private bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private length = 0
  // For each command its id, the number of its arguments, and for each of these twice its length, and 1 more for a key.
  private readonly words: Array<number> = []

  /** The bytes of memory that it takes. */
  get heldBytes(): number {
    return this.bytes.length + this.words.length * NUMBER_BYTES
  }

  /** Queues a copy of a command. */
  add(commands: CommandBatch, command: number): void {
    const id = commands.id(command)
    const argc = commands.argc(command)
    if (writes[id] === true) this.isWrite = true
    this.words.push(id, argc)
    let key = commands.firstKey(command)
    const lastKey = key + commands.keysOf(command)
    for (let argument = 0; argument < argc; argument++) {
      const start = commands.argStart(command, argument)
      const length = commands.argLength(command, argument)
      // A key lies where its argument does.
      const isKey = key < lastKey && commands.keyStart(key) === start && commands.keyLength(key) === length
      if (isKey) key++
      this.words.push(2 * length + (isKey ? 1 : 0))
      this.reserve(length)
      this.length += commands.bytes.copy(this.bytes, this.length, start, start + length)
    }
    this.count++
  }

  /** Reads it from the beginning. */
  read(): TransactionReader {
    return new TransactionReader(this.bytes, this.words)
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
  private readonly words: ReadonlyArray<number>
  private at = 0
  private offset = 0

  constructor(bytes: Buffer, words: ReadonlyArray<number>) {
    this.bytes = bytes
    this.words = words
  }

  /** Fills a batch with what comes next. Says whether there was something. */
  readInto(commands: CommandBatch): boolean {
    commands.begin(this.bytes)
    while (this.at < this.words.length && !commands.isFull) {
      commands.open(this.take())
      const argc = this.take()
      for (let argument = 0; argument < argc; argument++) {
        const word = this.take()
        const length = word >>> 1
        if (word % 2 === 1) commands.key(this.offset, length)
        else commands.argument(this.offset, length)
        this.offset += length
      }
      commands.close()
    }
    return commands.count > 0
  }

  private take(): number {
    return this.words[this.at++] ?? 0
  }
}
