/**
 * Commands as numbers: an id, and the places of their arguments in the bytes that they were read from. This is what a
 * protocol passes to an executor, so that no request makes a string or an object. Pure storage: what an id means is said
 * by the table of commands (`commands/`).
 *
 * The bytes belong to whoever fills the batch, and a batch is good for as long as they stay.
 *
 * Keys are listed apart, whatever their commands are: an engine hashes and fetches all of them before the first command
 * is executed. A command of many arguments makes the arrays grow for as long as it is there.
 */
import type { KeyPlaces } from "./KeyPlaces.ts"

/** How many commands a batch has room for. */
export const BATCH_COMMANDS = 256

/** A batch with so many arguments is full, and so many have room without the arrays being made larger. */
const BATCH_ARGUMENTS = 1024

// Words of a command.
const ID = 0
const ARGUMENT_COUNT = 1
const FIRST_ARGUMENT = 2
/** Of a command that has a message, and so no argument. */
const MESSAGE = FIRST_ARGUMENT
const FIRST_KEY = 3
const COMMAND_BITS = 2

// Words of an argument.
const START = 0
const LENGTH = 1
/** Of an argument that is a key. */
const HASH = 2
const ARGUMENT_BITS = 2

const NO_BYTES = Buffer.alloc(0)

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class CommandBatch implements KeyPlaces {
  /** The bytes that the places are in. */
  bytes: Buffer = NO_BYTES
  view = viewOf(NO_BYTES)
  /** Commands in the batch. */
  count = 0
  keyCount = 0
  /** Nothing may be added behind the last command before it is done. */
  isStopped = false
  private room = BATCH_COMMANDS
  private argumentCount = 0
  // Those of the command that is being added are not counted above before it is whole.
  private openArguments = 0
  private openKeys = 0
  private readonly commands = new Int32Array(BATCH_COMMANDS << COMMAND_BITS)
  private arguments = new Int32Array(BATCH_ARGUMENTS << ARGUMENT_BITS)
  // The argument that each key is.
  private keys = new Int32Array(BATCH_ARGUMENTS)
  private messages: Array<string> = []

  /** Whether no further command can be added. */
  get isFull(): boolean {
    return this.count >= this.room
  }

  /** Begins a new batch, of at most `room` commands that are in `bytes`. */
  begin(bytes: Buffer, room: number = BATCH_COMMANDS): void {
    this.count = 0
    this.keyCount = 0
    this.argumentCount = 0
    this.isStopped = false
    this.room = room
    if (this.messages.length > 0) this.messages = []
    if (this.arguments.length > BATCH_ARGUMENTS << ARGUMENT_BITS) this.shrink()
    if (bytes === this.bytes) return
    this.bytes = bytes
    this.view = viewOf(bytes)
  }

  // --- adding a command: `open`, its arguments in order, `close`

  /** Begins a command. One that was begun before and not closed is given up. */
  open(id: number): void {
    const at = this.count << COMMAND_BITS
    this.commands[at + ID] = id
    this.commands[at + FIRST_ARGUMENT] = this.openArguments = this.argumentCount
    this.commands[at + FIRST_KEY] = this.openKeys = this.keyCount
  }

  /** Adds an argument; offset and length in bytes. */
  argument(start: number, length: number): void {
    if (this.openArguments << ARGUMENT_BITS === this.arguments.length) this.grow()
    const at = this.openArguments++ << ARGUMENT_BITS
    this.arguments[at + START] = start
    this.arguments[at + LENGTH] = length
  }

  /** Adds an argument that is a key. */
  key(start: number, length: number): void {
    this.argument(start, length)
    this.keys[this.openKeys++] = this.openArguments - 1
  }

  /** The command is whole. */
  close(): void {
    const at = this.count++ << COMMAND_BITS
    this.commands[at + ARGUMENT_COUNT] = this.openArguments - this.argumentCount
    this.argumentCount = this.openArguments
    this.keyCount = this.openKeys
    if (this.openArguments > BATCH_ARGUMENTS - BATCH_COMMANDS) this.room = 0
  }

  /** As `close`, for a command that has to be done before the next one is looked at. */
  closeAndStop(): void {
    this.close()
    this.room = 0
    this.isStopped = true
  }

  /** Adds a command that has a message instead of arguments, to be closed. */
  openWithMessage(id: number, message: string): void {
    this.open(id)
    this.commands[(this.count << COMMAND_BITS) + MESSAGE] = this.messages.push(message) - 1
  }

  // --- what the commands are

  id(command: number): number {
    return this.commands[(command << COMMAND_BITS) + ID]!
  }

  /** How many arguments a command has, its name not counted. */
  argc(command: number): number {
    return this.commands[(command << COMMAND_BITS) + ARGUMENT_COUNT]!
  }

  /** The offset in `bytes` of an argument's first byte; arguments are counted from 0. */
  argStart(command: number, argument: number): number {
    return this.arguments[
      ((this.commands[(command << COMMAND_BITS) + FIRST_ARGUMENT]! + argument) << ARGUMENT_BITS) + START
    ]!
  }

  /** An argument's length in bytes. */
  argLength(command: number, argument: number): number {
    return this.arguments[
      ((this.commands[(command << COMMAND_BITS) + FIRST_ARGUMENT]! + argument) << ARGUMENT_BITS) + LENGTH
    ]!
  }

  /** An argument as text, a character for each byte: for errors, logs and typed faces. */
  text(command: number, argument: number): string {
    const start = this.argStart(command, argument)
    return this.bytes.toString("latin1", start, start + this.argLength(command, argument))
  }

  /** The number of a command's first key, if it has any. */
  firstKey(command: number): number {
    return this.commands[(command << COMMAND_BITS) + FIRST_KEY]!
  }

  /** How many keys a command has. */
  keysOf(command: number): number {
    const next = command + 1 === this.count ? this.keyCount : this.firstKey(command + 1)
    return next - this.firstKey(command)
  }

  /** A command's first key as text, if it has any. */
  keyText(command: number): string | undefined {
    if (this.keysOf(command) === 0) return undefined
    const key = this.firstKey(command)
    const start = this.keyStart(key)
    return this.bytes.toString("latin1", start, start + this.keyLength(key))
  }

  /** How many commands have a message. */
  get messageCount(): number {
    return this.messages.length
  }

  /** A command's message, if it was opened with one. */
  message(command: number): string {
    return this.messages[this.commands[(command << COMMAND_BITS) + MESSAGE]!]!
  }

  /** The commands from `from` to `to` (exclusive) as a batch of their own, over the same bytes. */
  part(from: number, to: number): CommandBatch {
    const part = new CommandBatch()
    part.begin(this.bytes)
    for (let command = from; command < to; command++) {
      part.open(this.id(command))
      const first = this.commands[(command << COMMAND_BITS) + FIRST_ARGUMENT]!
      const argc = this.argc(command)
      // What has no argument may have a message.
      if (argc === 0 && this.messages.length > 0) part.openWithMessage(this.id(command), this.message(command))
      let key = this.firstKey(command)
      for (let argument = 0; argument < argc; argument++) {
        const start = this.argStart(command, argument)
        const length = this.argLength(command, argument)
        if (this.keys[key] !== first + argument) part.argument(start, length)
        else {
          part.key(start, length)
          key++
        }
      }
      if (this.isStopped && command === this.count - 1) part.closeAndStop()
      else part.close()
    }
    return part
  }

  keyStart(key: number): number {
    return this.arguments[(this.keys[key]! << ARGUMENT_BITS) + START]!
  }

  keyLength(key: number): number {
    return this.arguments[(this.keys[key]! << ARGUMENT_BITS) + LENGTH]!
  }

  /** A key's hash, a signed 32-bit integer, once an engine has set it. */
  hash(key: number): number {
    return this.arguments[(this.keys[key]! << ARGUMENT_BITS) + HASH]!
  }

  setHash(key: number, hash: number): void {
    this.arguments[(this.keys[key]! << ARGUMENT_BITS) + HASH] = hash
  }

  private grow(): void {
    const { arguments: before, keys } = this
    this.arguments = new Int32Array(before.length * 2)
    this.arguments.set(before)
    this.keys = new Int32Array(keys.length * 2)
    this.keys.set(keys)
  }

  private shrink(): void {
    this.arguments = new Int32Array(BATCH_ARGUMENTS << ARGUMENT_BITS)
    this.keys = new Int32Array(BATCH_ARGUMENTS)
  }
}
