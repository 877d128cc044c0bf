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
import { CommandBatch } from "../domain/CommandBatch.ts"
import type { ReplyWriter } from "../protocol/Protocol.ts"
import type { StoreService } from "../store/Store.ts"

/** A connection, as far as a turn is concerned with it. */
export interface Reader {
  /** Whether requests may be executed: neither has the input ended, nor is anything waited for. */
  readonly isReady: boolean
  /** Adds well-formed commands to a batch, as `RequestDecoder.recognise`. */
  readonly recognise: (commands: CommandBatch, offset: number, end: number) => number
  /** Writes the replies to what was executed, at `now`, if there are any. */
  readonly answer: (now: number) => void
  /** Executes the request at `offset` of `text`, which was not recognised, and returns the offset behind it. */
  readonly executeNext: (text: string, offset: number, now: number) => number
  /** Keeps bytes until it is ready again. */
  readonly putOff: (bytes: Buffer) => void
}

/** Bytes of a turn. What does not fit is executed before the turn is over. */
const TURN_BYTES = 256 * 1024

/** Reads of a turn. */
const TURN_READS = 1024

/** A read of so many bytes is executed at once: who sends that much may have to be stopped before the next one. */
const LARGE_READ = 64 * 1024

export class Turn {
  private readonly store: StoreService["unsafe"]
  private readonly replies: ReplyWriter
  private readonly afterReads: (task: () => void) => void
  private readonly commands = new CommandBatch()
  private readonly bytes = Buffer.allocUnsafeSlow(TURN_BYTES)
  // The reads of this turn, one behind the other in `bytes`.
  private readonly readers: Array<Reader> = []
  private readonly ends = new Int32Array(TURN_READS)
  // How many commands of the batch come up to the end of a read.
  private readonly commandEnds = new Int32Array(TURN_READS)
  private length = 0
  private isRunning = false

  /**
   * `replies` is empty whenever no turn is run. `afterReads` runs a task once the event loop has read what there is to
   * read.
   */
  constructor(store: StoreService["unsafe"], replies: ReplyWriter, afterReads: (task: () => void) => void) {
    this.store = store
    this.replies = replies
    this.afterReads = afterReads
  }

  /** Takes what was read, `length` bytes from the beginning of `bytes`, to be executed at the end of the turn. */
  add(reader: Reader, bytes: Buffer, length: number): void {
    for (let offset = 0; offset < length;) {
      if (this.length === TURN_BYTES || this.readers.length === TURN_READS) this.run()
      if (this.readers.length === 0) this.afterReads(this.runLater)
      const taken = bytes.copy(this.bytes, this.length, offset, length)
      this.length += taken
      this.ends[this.readers.length] = this.length
      this.readers.push(reader)
      offset += taken
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
    this.isRunning = false
  }

  private readonly runLater = (): void => this.run()

  private executeAll(): void {
    const { bytes, commands, ends, readers, replies, store } = this
    const now = store.now()
    let text = ""
    let textRead = -1
    let textStart = 0
    for (let read = 0, offset = 0; read < readers.length;) {
      const first = read
      const start = offset
      commands.begin(bytes)
      // As many commands as there is room for, but none behind a line that is not recognised: that one comes first.
      for (; read < readers.length; read++) {
        const end = ends[read]!
        const reader = readers[read]!
        offset = reader.isReady ? reader.recognise(commands, offset, end) : end
        this.commandEnds[read] = commands.count
        if (offset < end) break
      }
      store.prepare(commands)
      this.execute(first, Math.min(read + 1, readers.length), start, offset, now)
      const reader = readers[read]
      if (reader === undefined) return
      if (reader.isReady && !commands.isFull) {
        if (textRead !== read) {
          // A character for each byte, so that an offset is the same in both.
          text = bytes.toString("latin1", offset, ends[read])
          textRead = read
          textStart = offset
        }
        offset = textStart + reader.executeNext(text, offset - textStart, now)
        if (offset === ends[read] || replies.isFull) reader.answer(now)
      }
      // What a reader that is not ready any more has sent is put off with the next batch.
      if (offset === ends[read]) read++
    }
  }

  /** Executes the commands of the reads from `first` to `last` (exclusive), whose bytes are those from `start` to `end`. */
  private execute(first: number, last: number, start: number, end: number, now: number): void {
    let begin = start
    let command = 0
    for (let read = first; read < last; read++) {
      const reader = this.readers[read]!
      const commandEnd = this.commandEnds[read]!
      const stop = Math.min(end, this.ends[read]!)
      if (!reader.isReady) reader.putOff(this.bytes.subarray(begin, stop))
      else if (commandEnd > command) {
        this.store.executeBatch(this.commands, command, commandEnd, now, this.replies)
        reader.answer(now)
      }
      command = commandEnd
      begin = stop
    }
  }
}
