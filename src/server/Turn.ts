/**
 * What the event loop reads in one turn, from all connections together, executed as one batch.
 *
 * The event loop reads every socket that has something before it comes to what is next. Executing all of it then, not
 * read by read, costs one look at the Clock a turn, runs the same code many times over while it is in the processor's
 * cache, and lets a large store fetch the memory of many commands at once: with five million keys, clients that wait for
 * each answer get a quarter more of them.
 *
 * Whatever throws on the way costs the connection whose requests were decoded, executed or answered then, and nobody
 * else: each stage runs through the connections with a cursor that tells whose turn it was, and goes on behind it.
 *
 * It knows in which order bytes came, and nothing of sockets or protocols: what a connection does with its part is said in
 * `Connection.ts`.
 */
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Caller } from "../commands/Execution.ts"
import { CommandBatch } from "../domain/CommandBatch.ts"
import { READ_BYTES } from "../EventLoop.ts"
import type { ReplyWriter } from "../protocol/Protocol.ts"
import type { ExecutorService } from "../store/Executor.ts"
import type { Backlog } from "./Backlog.ts"
import type { SharedWriter } from "./SharedWriter.ts"

/** A connection, as far as a turn is concerned with it. */
export interface Reader {
  /** The turn's own: the last turn in which something was read. */
  lastTurn: number
  /** Whose commands these are. */
  readonly caller: Caller
  /** What it has sent that is not executed. */
  readonly backlog: Backlog
  /** Where its replies are put. */
  readonly writer: SharedWriter
  /** Whether requests may be executed: neither has the input ended, nor is anything waited for. */
  readonly isReady: boolean
  /** Whether commands that were decoded may still be executed: the input has not ended. */
  readonly isOpen: boolean
  /** Whether its commands are to be executed one by one, each with an `answer`, and after whatever `delay` says. */
  readonly isStepped: boolean
  /** The end of what may be executed together of its commands from `from` to `to` (exclusive). */
  readonly rangeEnd: (commands: CommandBatch, from: number, to: number) => number
  /** What a command has to wait for before it is executed, if there is something. */
  readonly delay: (commands: CommandBatch, command: number, now: number) => Effect.Effect<void> | undefined
  /** Adds commands to a batch, as `RequestDecoder.decode`. */
  readonly decode: (commands: CommandBatch, offset: number, end: number) => number
  /** As `RequestDecoder.needed`. */
  readonly needed: number
  /** How many of its commands are to be executed before it is looked whether its peer takes the replies. */
  readonly room: number
  /**
   * Writes the replies to the commands from `from` to `to` (exclusive), which were executed at `now` and have put them into
   * `replies`. Returns nothing if that is done, or else an Effect that does it.
   */
  readonly answer: (
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    replies: ReplyWriter
  ) => Effect.Effect<void> | undefined
  /** Whether it does a command itself, and no executor. */
  readonly performs: (commands: CommandBatch, command: number) => boolean
  /** Does a command that no executor does, and answers it. Returns nothing, or else an Effect that does it. */
  readonly perform: (commands: CommandBatch, command: number, now: number) => Effect.Effect<void> | undefined
  /** Is not ready until `work` is done, which may have put replies into `replies`, and then does what comes next. */
  readonly wait: (work: Effect.Effect<void>, replies: ReplyWriter, then: () => void) => void
  /** Ends because something threw. */
  readonly fail: (defect: unknown) => void
  /** May read again: it has had its share of the turn. */
  readonly readOn: () => void
}

export interface TurnOptions {
  /** The time for the executor, in ms. */
  readonly now: () => number
  /** Runs a task once the event loop has read what there is to read. */
  readonly afterReads: (task: () => void) => void
}

/** Bytes of a turn. What does not fit is executed before the turn is over. */
const TURN_BYTES = 256 * 1024

/** Reads of a turn. */
const TURN_READS = 1024

/** Whoever has more to be executed has it executed where it is kept: what is unfinished is not copied over and over. */
const MOST_COPIED = TURN_BYTES / 2

/**
 * So many of those that have had a full read may read again in the next turn, in the order in which they had it. A turn
 * with more of them would be a long one, and a new client is accepted, and a short request read, once a turn. (Beside 1, 20
 * and 200 clients that pipeline without end, a neighbour's p99 was 1.0, 2.0 and 1.6 ms, and redis-server's 0.7, 7 and 50 in
 * the same rounds.)
 */
export const SHARES = 2

/** Whoever has sent so much is executed behind the others of the turn: they wait for one share less of it. */
const LARGE_BYTES = 32 * 1024

/** So many of them wait at once. */
const MOST_LARGE = TURN_BYTES / READ_BYTES

/** So many desks are kept for turns to come: 4 MB. */
const SPARE_DESKS = 16

/**
 * What a turn works on: its bytes, and the batches of commands in them. Whoever waits with commands of it keeps it. Then the
 * next turn takes another one, and this one is used again when the last of those has had his answer: memory of this size
 * drives the garbage collector, which took 40 % of the processor's time where each turn had its own.
 */
class Desk {
  readonly bytes = Buffer.allocUnsafeSlow(TURN_BYTES)
  /** How many wait with commands of it. */
  waiting = 0
  private readonly batches = [new CommandBatch()]
  private used = 1

  /** A batch that nobody waits with, unless somebody does with this one. */
  another(): CommandBatch {
    const batch = this.batches[this.used++]
    if (batch !== undefined) return batch
    const made = new CommandBatch()
    this.batches.push(made)
    return made
  }

  /** Begins anew, with its first batch. */
  clear(): CommandBatch {
    this.used = 0
    // Memory of clients that was read from is theirs.
    for (const batch of this.batches) batch.begin(this.bytes)
    return this.another()
  }
}

export class Turn {
  private readonly executor: ExecutorService
  private readonly options: TurnOptions
  private desk = new Desk()
  private commands = this.desk.clear()
  private readonly spareDesks: Array<Desk> = []
  // Who has sent something in this turn, and where that ends: one behind the other in the desk's bytes, each of them once.
  private readonly readers: Array<Reader> = []
  private readonly ends = new Int32Array(TURN_READS)
  // How many commands of the batch come up to the end of what a reader has sent.
  private readonly commandEnds = new Int32Array(TURN_READS)
  private length = 0
  private number = 1
  // What is to be done at the end of a run.
  private tasks: Array<() => void> = []
  private isAtTasks = false
  // Those that have sent so much that the others are executed first. It is in their backlogs.
  private large: Array<Reader> = []
  // Those that have had their share, in order.
  private served: Array<Reader> = []
  private isPutOff = false
  private isShared = true
  // --- where a run is
  private isRunning = false
  private now = 0
  private source: Buffer = this.desk.bytes
  // The reader whose bytes are decoded, and where in them.
  private decoded = 0
  private offset = 0
  // The readers of the batch, up to `last` (exclusive), and the one of them whose commands are executed.
  private first = 0
  private last = 0
  private executed = 0
  // Somebody waits with commands of the batch.
  private isBatchLent = false
  // The same for any that are executed where their reader keeps them.
  private isSourceLent = false

  constructor(executor: ExecutorService, options: TurnOptions) {
    this.executor = executor
    this.options = options
  }

  /** Takes what was read, `length` bytes from the beginning of `bytes`, to be executed at the end of the turn. */
  add(reader: Reader, bytes: Buffer, length: number): void {
    const { backlog } = reader
    if (backlog.awaits(length)) return backlog.append(bytes, 0, length)
    if (length >= LARGE_BYTES && this.mayWait(reader, length)) {
      backlog.append(bytes, 0, length)
      this.putOff()
      if (this.large.push(reader) === MOST_LARGE) this.run()
      return
    }
    if (reader.isReady && this.place(reader, length)) {
      this.length += bytes.copy(this.desk.bytes, this.length, 0, length)
      this.ends[this.readers.length - 1] = this.length
      return
    }
    backlog.append(bytes, 0, length)
    if (reader.isReady) this.runFor(reader)
  }

  /** Whether `length` bytes more of a reader can be executed behind the other readers of the turn. */
  private mayWait(reader: Reader, length: number): boolean {
    // What it has sent before in this turn comes first.
    return reader.isReady && reader.lastTurn !== this.number && reader.backlog.length + length <= MOST_COPIED
  }

  /** Executes what a reader has kept, now. */
  runFor(reader: Reader): void {
    this.run()
    if (!reader.isReady || reader.backlog.length === 0) return
    if (reader.backlog.length <= MOST_COPIED) {
      this.place(reader, 0)
      return this.run()
    }
    this.runInPlace(reader)
  }

  /** Executes what a reader has kept where that is, now. It must be ready, and nobody else to be executed. */
  private runInPlace(reader: Reader): void {
    const { end, start, wasLent } = reader.backlog
    const bytes = reader.backlog.read()
    this.readers.push(reader)
    this.ends[0] = end
    this.isSourceLent = false
    this.runFrom(bytes, start)
    if (!this.isSourceLent && !wasLent) reader.backlog.readUp(bytes)
  }

  /** Has a reader read on when its share of a turn has come. Says whether it must stop until then. */
  readOnLater(reader: Reader): boolean {
    if (!this.isShared) return false
    this.served.push(reader)
    this.putOff()
    return true
  }

  /** From now on all may read as much as there is: the server is at its end, and what has arrived is to be answered. */
  shareNoMore(): void {
    this.isShared = false
    for (const reader of this.served.splice(0)) reader.readOn()
  }

  /** Executes what has been taken, now. */
  run(): void {
    // A connection that ends while its requests are executed asks for it again.
    if (this.isRunning) return
    if (this.readers.length > 0) this.runFrom(this.desk.bytes, 0)
    if (this.large.length > 0) this.runLarge()
  }

  private runLarge(): void {
    for (const reader of this.large.splice(0)) {
      // Tasks of the run before may have brought something.
      this.run()
      if (reader.isReady && reader.backlog.length > 0) this.runInPlace(reader)
    }
  }

  /** Does a task when the present run has ended, or once the event loop has read what there is to read. */
  afterRun(task: () => void): void {
    this.tasks.push(task)
    if (!this.isRunning) this.putOff()
  }

  private runTasks(): void {
    // A task may run what brings the next one, thousands of times: not so many calls deep.
    if (this.isAtTasks) return
    this.isAtTasks = true
    const result = Result.try(this.doTasks)
    this.isAtTasks = false
    if (Result.isFailure(result)) throw result.failure
  }

  private readonly doTasks = (): void => {
    while (this.tasks.length > 0) for (const task of this.tasks.splice(0)) task()
  }

  private putOff(): void {
    if (this.isPutOff) return
    this.isPutOff = true
    this.options.afterReads(this.runLater)
  }

  private readonly runLater = (): void => {
    this.isPutOff = false
    this.run()
    if (!this.isRunning) this.runTasks()
    if (this.served.length === 0) return
    for (const reader of this.served.splice(0, SHARES)) reader.readOn()
    if (this.served.length > 0) this.putOff()
  }

  /**
   * Makes a reader the last of the turn, behind the bytes that it keeps, so that what it has sent lies in one piece, with
   * room for `length` bytes more. Others may have to be executed first: says whether the reader is still ready then, and
   * there is room for all that it keeps by then.
   */
  private place(reader: Reader, length: number): boolean {
    const { readers } = this
    const isLast = readers.length > 0 && readers[readers.length - 1] === reader
    const needed = isLast ? length : reader.backlog.length + length
    const isFull = this.length + needed > TURN_BYTES || readers.length === TURN_READS
    if (isLast && !isFull) return true
    // Each reader has one piece in a turn.
    if (isFull || reader.lastTurn === this.number) this.run()
    // What was placed before it may be the beginning of a long request, and is its backlog now.
    if (!reader.isReady || reader.backlog.length + length > MOST_COPIED) return false
    this.putOff()
    reader.lastTurn = this.number
    this.length += reader.backlog.moveTo(this.desk.bytes, this.length)
    this.ends[readers.length] = this.length
    readers.push(reader)
    return true
  }

  /** Executes what the readers have sent, from `offset` of `source` on. It does not throw, whatever does. */
  private runFrom(source: Buffer, offset: number): void {
    const { readers } = this
    this.isRunning = true
    this.now = this.options.now()
    this.source = source
    this.offset = offset
    for (this.decoded = 0; this.decoded < readers.length;) {
      this.first = this.executed = this.decoded
      if (this.isBatchLent) this.commands = this.desk.another()
      this.isBatchLent = false
      this.commands.begin(source)
      const result = Result.try(this.decode)
      if (Result.isFailure(result)) this.commandEnds[this.decoded] = this.commands.count
      this.last = Math.min(this.decoded + 1, readers.length)
      if (this.commands.count > 0) this.execute()
      if (Result.isFailure(result)) this.dropRest(result.failure)
    }
    if (this.desk.waiting > 0) {
      this.desk = this.spareDesks.pop() ?? new Desk()
      this.commands = this.desk.clear()
      this.isBatchLent = false
    }
    readers.length = 0
    this.length = 0
    this.number++
    this.isRunning = false
    if (this.tasks.length > 0) this.runTasks()
  }

  /** Decodes up to the end, or until the batch is full; `decoded` and `offset` tell where that was. */
  private readonly decode = (): void => {
    const { commandEnds, commands, ends, readers, source } = this
    for (; this.decoded < readers.length; this.decoded++) {
      const end = ends[this.decoded]!
      const reader = readers[this.decoded]!
      const { isReady } = reader
      if (isReady) {
        commands.limit(reader.room)
        this.offset = reader.decode(commands, this.offset, end)
      }
      commandEnds[this.decoded] = commands.count
      const isUnfinished = this.offset < end
      // There is no room for what comes next.
      if (isUnfinished && isReady && commands.isFull) return
      if (reader.isOpen) reader.backlog.keep(source, this.offset, end, isUnfinished && isReady ? reader.needed : 0)
      this.offset = end
    }
  }

  /** What was decoded before something threw has been executed: nothing behind it can be understood. */
  private dropRest(defect: unknown): void {
    this.readers[this.decoded]!.fail(defect)
    this.offset = this.ends[this.decoded]!
    this.decoded++
  }

  /** Executes the batch, which is of the readers from `first` to `last` (exclusive). */
  private execute(): void {
    if (Result.isFailure(Result.try(this.prepare))) return this.executeApart()
    while (this.executed < this.last) {
      const result = Result.try(this.executeRest)
      if (Result.isSuccess(result)) return
      this.readers[this.executed]!.fail(result.failure)
      this.executed++
    }
  }

  private readonly prepare = (): void => this.executor.prepare(this.commands)

  private readonly executeRest = (): void => {
    for (; this.executed < this.last; this.executed++) {
      const from = this.executed === this.first ? 0 : this.commandEnds[this.executed - 1]!
      const reader = this.readers[this.executed]!
      // Whoever is not ready any more is gone.
      if (reader.isReady) this.executeRange(reader, this.desk, this.commands, from, this.commandEnds[this.executed]!)
    }
  }

  /** As `execute`, each reader by itself: one of them has commands that cannot be prepared. */
  private executeApart(): void {
    let from = 0
    for (let read = this.first; read < this.last; read++) {
      const reader = this.readers[read]!
      const part = this.commands.part(from, (from = this.commandEnds[read]!))
      const result = Result.try(() => {
        this.executor.prepare(part)
        if (reader.isReady) this.executeRange(reader, this.desk, part, 0, part.count)
      })
      if (Result.isFailure(result)) reader.fail(result.failure)
    }
  }

  /** Executes a reader's commands from `from` to `to` (exclusive) of a batch, until one has to be waited for. */
  private executeRange(reader: Reader, desk: Desk, commands: CommandBatch, from: number, to: number): void {
    // The last one may be the reader's own to do if it stopped the batch.
    const last = to - 1
    const own = commands.isStopped && to === commands.count && reader.performs(commands, last) ? last : to
    for (let command = from; command < to && reader.isOpen;) {
      const delay = reader.isStepped ? reader.delay(commands, command, this.now) : undefined
      if (delay !== undefined) {
        this.lend(reader, desk, commands)
        const goOn = (): void => this.executeRange(reader, desk, commands, command, to)
        return reader.wait(delay, reader.writer.current, () => this.resume(reader, desk, goOn))
      }
      if (command === own) {
        const pending = reader.perform(commands, command, this.now)
        if (pending !== undefined) reader.wait(pending, reader.writer.current, doNothing)
        return
      }
      const next = reader.isStepped ? command + 1 : reader.rangeEnd(commands, command, own)
      const { writer } = reader
      const replies = writer.current
      const pending = this.executor.execute(commands, command, next, this.now, reader.caller, replies)
      const begin = command
      if (pending !== undefined) {
        writer.lend()
        this.lend(reader, desk, commands)
        const goOn = (): void => {
          if (!this.answer(reader, desk, commands, begin, next, to, replies)) return
          writer.takeBack(replies)
          this.executeRange(reader, desk, commands, next, to)
        }
        return reader.wait(pending, replies, () => this.resume(reader, desk, goOn))
      }
      if (!this.answer(reader, desk, commands, command, next, to, replies)) return
      command = next
    }
  }

  /** Answers the commands from `from` to `next`; says whether those up to `to` may be executed at once. */
  private answer(
    reader: Reader,
    desk: Desk,
    commands: CommandBatch,
    from: number,
    next: number,
    to: number,
    replies: ReplyWriter
  ): boolean {
    const pending = reader.answer(commands, from, next, this.now, replies)
    if (pending === undefined) return true
    this.lend(reader, desk, commands)
    const goOn = (): void => this.executeRange(reader, desk, commands, next, to)
    reader.wait(pending, replies, () => this.resume(reader, desk, goOn))
    return false
  }

  /** Goes on where a reader has waited. Whoever never comes here, because he has left, takes the desk with him. */
  private resume(reader: Reader, desk: Desk, goOn: () => void): void {
    this.isRunning = true
    this.now = this.options.now()
    const result = Result.try(goOn)
    this.isRunning = false
    // What threw may have sent commands that are still to be answered.
    if (Result.isFailure(result)) reader.fail(result.failure)
    else if (--desk.waiting === 0 && this.spareDesks.length < SPARE_DESKS) this.spareDesks.push(desk)
    if (this.tasks.length > 0) this.runTasks()
  }

  /** Leaves a batch and its bytes as they are: a reader waits with commands of it. */
  private lend(reader: Reader, desk: Desk, commands: CommandBatch): void {
    desk.waiting++
    if (commands === this.commands) this.isBatchLent = true
    this.isSourceLent = true
    if (commands.bytes !== desk.bytes) reader.backlog.lend(commands.bytes)
  }
}

const doNothing = (): void => {}
