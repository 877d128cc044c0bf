/**
 * Commands as numbers: an id, and the places of the arguments in the bytes that they were read from. A protocol passes
 * them to an executor in this form, so that a request needs no string and no object. Pure storage: the table of
 * commands (`commands/`) gives the ids their meaning.
 *
 * The bytes belong to whoever fills the batch. The batch is valid as long as they stay unchanged.
 *
 * Keys are listed separately, for all commands together, because an engine hashes and fetches all keys before it
 * executes the first command. A command with many arguments makes the arrays grow until the next batch begins.
 */
import type { KeyPlaces } from "./KeyPlaces.ts"

/** The number of commands that a batch has room for. */
export const BATCH_COMMANDS = 256

/** So many arguments have room without the arrays being made larger. */
const BATCH_ARGUMENTS = 1024

/** A batch with more arguments than this is full. One that is not has room for a command of a few. */
const FULL_ARGUMENTS = BATCH_ARGUMENTS - BATCH_COMMANDS

// Words of a command.
const ID = 0
const ARGUMENT_COUNT = 1
const FIRST_ARGUMENT = 2
/** In place of the first argument, for a command with a message. */
const MESSAGE = FIRST_ARGUMENT
const FIRST_KEY = 3
const COMMAND_BITS = 2

// The words of an argument.
const START = 0
const LENGTH = 1
const ARGUMENT_BITS = 1

// Words of a key: its place once more, so that hashing and finding all keys is a walk through one array.
const KEY_START = 0
const KEY_LENGTH = 1
const KEY_HASH = 2
const KEY_BITS = 2

const NO_BYTES = Buffer.alloc(0)

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class CommandBatch implements KeyPlaces {
  /** The bytes that contain the arguments. */
  bytes: Buffer = NO_BYTES
  view = viewOf(NO_BYTES)
  /** The number of commands in the batch. */
  count = 0
  keyCount = 0
  /** Nothing may be added until the last command has been executed. */
  isStopped = false
  private room = BATCH_COMMANDS
  private argumentCount = 0
  // The counts above exclude the command that is being added until it is complete.
  private openArguments = 0
  private openKeys = 0
  private readonly commands = new Int32Array(BATCH_COMMANDS << COMMAND_BITS)
  private arguments = new Int32Array(BATCH_ARGUMENTS << ARGUMENT_BITS)
  private keys = new Int32Array(BATCH_ARGUMENTS << KEY_BITS)
  private messages: Array<string> = []

  /** Whether there is no room for another command. */
  get isFull(): boolean {
    return this.count >= this.room || this.argumentCount > FULL_ARGUMENTS
  }

  /** Begins a new batch of at most `room` commands in `bytes`. */
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

  /** Has room for at most `more` commands more, until the next batch begins or this is said anew. */
  limit(more: number): void {
    if (!this.isStopped) this.room = Math.min(BATCH_COMMANDS, this.count + more)
  }

  // --- adding a command: `open`, its arguments in order, `close`; or `addKeyed` and `append`, for what has few of them

  /** Begins a command. It drops a command that was begun and not closed. */
  open(id: number): void {
    const at = this.count << COMMAND_BITS
    this.commands[at + ID] = id
    this.commands[at + FIRST_ARGUMENT] = this.openArguments = this.argumentCount
    this.commands[at + FIRST_KEY] = this.openKeys = this.keyCount
  }

  /** Adds an argument. Offset and length are in bytes. */
  argument(start: number, length: number): void {
    if (this.openArguments << ARGUMENT_BITS === this.arguments.length) this.grow()
    const at = this.openArguments++ << ARGUMENT_BITS
    this.arguments[at + START] = start
    this.arguments[at + LENGTH] = length
  }

  /** Adds an argument that is a key. */
  key(start: number, length: number): void {
    this.argument(start, length)
    const at = this.openKeys++ << KEY_BITS
    this.keys[at + KEY_START] = start
    this.keys[at + KEY_LENGTH] = length
  }

  /** Completes the command. */
  close(): void {
    const at = this.count++ << COMMAND_BITS
    this.commands[at + ARGUMENT_COUNT] = this.openArguments - this.argumentCount
    this.argumentCount = this.openArguments
    this.keyCount = this.openKeys
  }

  /** Works like `close`, for a command that must be executed before the next one is read. */
  closeAndStop(): void {
    this.close()
    this.room = 0
    this.isStopped = true
  }

  /** Adds a command whose only argument, so far, is a key. A batch that is not full has room for it and for a few more. */
  addKeyed(id: number, start: number, length: number): void {
    const { arguments: places, commands, keys } = this
    const at = this.count++ << COMMAND_BITS
    const argument = this.argumentCount++
    const key = this.keyCount++
    commands[at + ID] = id
    commands[at + ARGUMENT_COUNT] = 1
    commands[at + FIRST_ARGUMENT] = argument
    commands[at + FIRST_KEY] = key
    places[(argument << ARGUMENT_BITS) + START] = start
    places[(argument << ARGUMENT_BITS) + LENGTH] = length
    keys[(key << KEY_BITS) + KEY_START] = start
    keys[(key << KEY_BITS) + KEY_LENGTH] = length
  }

  /** Adds an argument, which is no key, to the last command. */
  append(start: number, length: number): void {
    const argument = this.argumentCount++
    this.commands[((this.count - 1) << COMMAND_BITS) + ARGUMENT_COUNT]!++
    this.arguments[(argument << ARGUMENT_BITS) + START] = start
    this.arguments[(argument << ARGUMENT_BITS) + LENGTH] = length
  }

  /** Adds a command that has a message instead of arguments, to be closed. */
  openWithMessage(id: number, message: string): void {
    this.open(id)
    this.commands[(this.count << COMMAND_BITS) + MESSAGE] = this.messages.push(message) - 1
  }

  /** Makes a command one with a message instead of arguments. */
  replace(command: number, id: number, message: string): void {
    const at = command << COMMAND_BITS
    this.commands[at + ID] = id
    this.commands[at + ARGUMENT_COUNT] = 0
    this.commands[at + MESSAGE] = this.messages.push(message) - 1
  }

  // --- reading the commands

  id(command: number): number {
    return this.commands[(command << COMMAND_BITS) + ID]!
  }

  /** The number of a command's arguments, without its name. */
  argc(command: number): number {
    return this.commands[(command << COMMAND_BITS) + ARGUMENT_COUNT]!
  }

  /** The offset of an argument's first byte in `bytes`. Arguments are counted from 0. */
  argStart(command: number, argument: number): number {
    return this.arguments[
      ((this.commands[(command << COMMAND_BITS) + FIRST_ARGUMENT]! + argument) << ARGUMENT_BITS) + START
    ]!
  }

  /** The length of an argument in bytes. */
  argLength(command: number, argument: number): number {
    return this.arguments[
      ((this.commands[(command << COMMAND_BITS) + FIRST_ARGUMENT]! + argument) << ARGUMENT_BITS) + LENGTH
    ]!
  }

  /** The length of all of a command's arguments together. */
  argumentBytes(command: number): number {
    let bytes = 0
    for (let argument = this.argc(command) - 1; argument >= 0; argument--) bytes += this.argLength(command, argument)
    return bytes
  }

  /** An argument as text, one character for each byte: for errors, logs and typed commands. */
  text(command: number, argument: number): string {
    const start = this.argStart(command, argument)
    return this.bytes.toString("latin1", start, start + this.argLength(command, argument))
  }

  /** The number of a command's first key, if it has keys. */
  firstKey(command: number): number {
    return this.commands[(command << COMMAND_BITS) + FIRST_KEY]!
  }

  /** The number of a command's keys. */
  keysOf(command: number): number {
    const next = command + 1 === this.count ? this.keyCount : this.firstKey(command + 1)
    return next - this.firstKey(command)
  }

  /** The text of a command's first key, if it has keys. */
  keyText(command: number): string | undefined {
    if (this.keysOf(command) === 0) return undefined
    const key = this.firstKey(command)
    const start = this.keyStart(key)
    return this.bytes.toString("latin1", start, start + this.keyLength(key))
  }

  /** The number of commands with a message. */
  get messageCount(): number {
    return this.messages.length
  }

  /** The message of a command that was opened with one. */
  message(command: number): string {
    return this.messages[this.commands[(command << COMMAND_BITS) + MESSAGE]!]!
  }

  /** A batch with the commands from `from` to `to` (exclusive), over the same bytes. */
  part(from: number, to: number): CommandBatch {
    const part = new CommandBatch()
    part.begin(this.bytes)
    for (let command = from; command < to; command++) {
      part.open(this.id(command))
      const argc = this.argc(command)
      // A command without arguments may have a message.
      if (argc === 0 && this.messages.length > 0) part.openWithMessage(this.id(command), this.message(command))
      let key = this.firstKey(command)
      for (let argument = 0; argument < argc; argument++) {
        const start = this.argStart(command, argument)
        const length = this.argLength(command, argument)
        // A key lies where its argument does.
        const isKey = key < this.keyCount && this.keyStart(key) === start && this.keyLength(key) === length
        if (isKey) {
          part.key(start, length)
          key++
        } else part.argument(start, length)
      }
      if (this.isStopped && command === this.count - 1) part.closeAndStop()
      else part.close()
    }
    return part
  }

  keyStart(key: number): number {
    return this.keys[(key << KEY_BITS) + KEY_START]!
  }

  keyLength(key: number): number {
    return this.keys[(key << KEY_BITS) + KEY_LENGTH]!
  }

  /** The hash of a key, a signed 32-bit integer, after an engine has set it. */
  hash(key: number): number {
    return this.keys[(key << KEY_BITS) + KEY_HASH]!
  }

  setHash(key: number, hash: number): void {
    this.keys[(key << KEY_BITS) + KEY_HASH] = hash
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
    this.keys = new Int32Array(BATCH_ARGUMENTS << KEY_BITS)
  }
}
