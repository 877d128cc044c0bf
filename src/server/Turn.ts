/**
 * What the event loop reads in one turn, from all connections together, executed as one batch.
 *
 * The event loop reads every socket that has something before it comes to what is next. Executing all of it then, not
 * read by read, costs one look at the Clock a turn, runs the same code many times over while it is in the processor's
 * cache, and lets a large store fetch the memory of many commands at once: with five million keys, clients that wait for
 * each answer get a quarter more of them.
 *
 * It knows in which order bytes came, and nothing of sockets or replies: what a connection does with its part is said in
 * `Connection.ts`.
 */
import type { Caller } from "../commands/Execution.ts"
import { BATCH_COMMANDS, CommandBatch } from "../domain/CommandBatch.ts"
import type { ReplyWriter } from "../protocol/Protocol.ts"
import type { ExecutorService } from "../store/Executor.ts"

/** A connection, as far as a turn is concerned with it. */
export interface Reader {
  /** The turn's own: the last turn in which something was read. */
  lastTurn: number
  /** Whose commands these are. */
  readonly caller: Caller
  /** Whether requests may be executed: neither has the input ended, nor is anything waited for. */
  readonly isReady: boolean
  /** Adds commands to a batch, as `RequestDecoder.decode`. */
  readonly decode: (commands: CommandBatch, offset: number, end: number) => number
  /** Writes the replies to the commands from `from` to `to` (exclusive), which were executed at `now`. */
  readonly answer: (commands: CommandBatch, from: number, to: number, now: number) => void
  /** Does a command that no executor does, and that ended its batch. */
  readonly perform: (commands: CommandBatch, command: number, now: number) => void
  /** Keeps bytes, behind those that it keeps: an unfinished request, or what comes while it is not ready. */
  readonly keep: (bytes: Buffer) => void
  /** The bytes that are kept, which are its no more. */
  readonly takeKept: () => Buffer | undefined
}

export interface TurnOptions {
  /** How many commands are executed together at most, 256 if it is not said. */
  readonly room?: number | undefined
  /** The time for the executor, in ms. */
  readonly now: () => number
  /** Runs a task once the event loop has read what there is to read. */
  readonly afterReads: (task: () => void) => void
}

/** Bytes of a turn. What does not fit is executed before the turn is over. */
const TURN_BYTES = 256 * 1024

/** Reads of a turn. */
const TURN_READS = 1024

/** A read of so many bytes is executed at once: who sends that much may have to be stopped before the next one. */
const LARGE_READ = 64 * 1024

export class Turn {
  private readonly executor: ExecutorService
  private readonly replies: ReplyWriter
  private readonly options: TurnOptions
  private readonly room: number
  private readonly commands = new CommandBatch()
  private readonly bytes = Buffer.allocUnsafeSlow(TURN_BYTES)
  // Who has sent something in this turn, and where that ends: one behind the other in `bytes`, each of them once.
  private readonly readers: Array<Reader> = []
  private readonly ends = new Int32Array(TURN_READS)
  // How many commands of the batch come up to the end of what a reader has sent.
  private readonly commandEnds = new Int32Array(TURN_READS)
  private length = 0
  private number = 1
  private isRunning = false

  /** `replies` is empty whenever no turn is run. */
  constructor(executor: ExecutorService, replies: ReplyWriter, options: TurnOptions) {
    this.executor = executor
    this.replies = replies
    this.options = options
    this.room = options.room ?? BATCH_COMMANDS
  }

  /** Takes what was read, `length` bytes from the beginning of `bytes`, to be executed at the end of the turn. */
  add(reader: Reader, bytes: Buffer, length: number): void {
    for (let offset = 0; offset < length;) {
      if (this.length === TURN_BYTES || !this.place(reader)) this.run()
      else {
        const taken = bytes.copy(this.bytes, this.length, offset, length)
        this.length += taken
        this.ends[this.readers.length - 1] = this.length
        offset += taken
      }
      if (!reader.isReady) return reader.keep(bytes.subarray(offset, length))
    }
    if (length >= LARGE_READ) this.run()
  }

  /** Executes what has been taken, now. */
  run(): void {
    // A connection that ends while its requests are executed asks for it again.
    if (this.isRunning || this.readers.length === 0) return
    this.isRunning = true
    this.executeAll()
    this.readers.length = 0
    this.length = 0
    this.number++
    this.isRunning = false
  }

  private readonly runLater = (): void => this.run()

  /**
   * Makes a reader the last of the turn, behind the bytes that it keeps, so that what it has sent lies in one piece. Says
   * whether that is possible in this turn.
   */
  private place(reader: Reader): boolean {
    const { readers } = this
    if (readers.length > 0 && readers[readers.length - 1] === reader) return true
    if (reader.lastTurn === this.number || readers.length === TURN_READS) return false
    const kept = reader.takeKept()
    if (kept !== undefined) {
      if (this.length + kept.length >= TURN_BYTES) {
        reader.keep(kept)
        return false
      }
      this.length += kept.copy(this.bytes, this.length)
    }
    if (readers.length === 0) this.options.afterReads(this.runLater)
    reader.lastTurn = this.number
    this.ends[readers.length] = this.length
    readers.push(reader)
    return true
  }

  private executeAll(): void {
    const { bytes, commands, ends, executor, readers } = this
    const now = this.options.now()
    for (let read = 0, offset = 0; read < readers.length;) {
      const first = read
      commands.begin(bytes, this.room)
      for (; read < readers.length; read++) {
        const end = ends[read]!
        const reader = readers[read]!
        if (reader.isReady) offset = reader.decode(commands, offset, end)
        this.commandEnds[read] = commands.count
        if (offset === end) continue
        // There is no room for what comes next, or it is unfinished.
        if (reader.isReady && commands.isFull) break
        reader.keep(bytes.subarray(offset, end))
        offset = end
      }
      executor.prepare(commands)
      this.execute(first, Math.min(read + 1, readers.length), now)
    }
  }

  /** Executes the commands of the readers from `first` to `last` (exclusive). */
  private execute(first: number, last: number, now: number): void {
    const { commands, executor, readers, replies } = this
    // The last one is the reader's own to do if it stopped the batch.
    const executable = commands.isStopped ? commands.count - 1 : commands.count
    let command = 0
    for (let read = first; read < last; read++) {
      const reader = readers[read]!
      const end = this.commandEnds[read]!
      const stop = Math.min(end, executable)
      // Whoever is not ready any more is gone.
      if (end > command && reader.isReady) {
        if (stop > command) {
          executor.execute(commands, command, stop, now, reader.caller, replies)
          reader.answer(commands, command, stop, now)
        }
        if (end > stop) reader.perform(commands, stop, now)
      }
      command = end
    }
  }
}
