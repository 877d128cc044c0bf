/**
 * What is known of commands by their ids: how often they ran, how often they failed, how long they took. It measures
 * nothing itself.
 */
import { commands as table } from "../commands/Commands.ts"
import type { Counter } from "../commands/Entry.ts"
import type { Caller } from "../commands/Execution.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"

/**
 * The upper bounds of the classes of times grow by this factor, which is the fourth root of 2: a time read from them is
 * at most 19 % too long.
 */
const GROWTH = 2 ** 0.25

/** Times up to this many µs are in the first class. */
const FIRST = 0.25

/** Up to 2^25 s. */
const CLASSES = 190

/** The times of one command, in µs. */
export class Times {
  count = 0
  sum = 0
  private readonly classes = new Uint32Array(CLASSES)

  add(micros: number): void {
    this.count++
    this.sum += micros
    const index = micros <= FIRST ? 0 : Math.ceil(Math.log(micros / FIRST) / Math.log(GROWTH))
    count(this.classes, Math.min(index, CLASSES - 1))
  }

  /** A time, in µs, that this share of all times does not exceed. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(this.count * share))
    let seen = 0
    const index = this.classes.findIndex((count) => (seen += count) >= rank)
    return index === -1 ? 0 : bound(index)
  }

  /** How many times are below powers of two of µs, for each power between whose neighbours there is one. */
  get belowPowersOfTwo(): ReadonlyArray<readonly [micros: number, count: number]> {
    const counts: Array<readonly [number, number]> = []
    let seen = 0
    let before = 0
    let power = 1
    this.classes.forEach((number, index) => {
      while (bound(index) > power * 1.0001) {
        if (seen > before) counts.push([power, (before = seen)])
        power *= 2
      }
      seen += number
    })
    if (seen > before) counts.push([power, seen])
    return counts
  }
}

const bounds = Float64Array.from({ length: CLASSES }, (_, index) => FIRST * GROWTH ** index)

const bound = (index: number): number => bounds[index] ?? Number.POSITIVE_INFINITY

const count = (counts: Float64Array | Uint32Array, index: number): void => {
  counts[index] = (counts[index] ?? 0) + 1
}

/** The kind of an error that says that a command was not even begun. */
const REJECTED: ReadonlySet<string> = new Set(["OOM", "NOAUTH", "NOPERM"])

/** One in so many pieces of work is measured. */
const MEASURED_ONE_IN = 512

/** Is told of each command that was measured, which took so many µs. */
export type OnMeasured = (commands: CommandBatch, command: number, caller: Caller, now: number, micros: number) => void

export class CommandStatistics {
  /** Pieces of work, each executed for one caller, until the next one that is measured. */
  untilMeasured = MEASURED_ONE_IN
  onMeasured: OnMeasured = () => {}
  private measuresAll = false
  /** The number of executions since the start, by id. */
  readonly calls = new Float64Array(table.length)
  private readonly callsAtReset = new Float64Array(table.length)
  /** What failed since `reset`, by id: executions, and those that were not even begun. */
  readonly failed = new Float64Array(table.length)
  readonly rejected = new Float64Array(table.length)
  /** How often each kind of error was answered. */
  readonly errors = new Map<string, number>()
  /** The command that is executed: what fails now is its. */
  current = 0
  private times: Array<Times | undefined> = []

  /** The times of a command that were measured, if any were. */
  timesOf(id: number): Times | undefined {
    return this.times[id]
  }

  /** An error is answered. `code` is its kind, such as `ERR`. */
  readonly answeredError = (code: string): void => {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
    const counts = REJECTED.has(code) ? this.rejected : this.failed
    count(counts, this.current)
  }

  /** From now on every command is measured, or a sample of them. */
  measureAll(isAll: boolean): void {
    this.measuresAll = isAll
    this.restartCount()
  }

  /** The next piece of work to be measured is counted down to. */
  restartCount(): void {
    this.untilMeasured = this.measuresAll ? 0 : MEASURED_ONE_IN
  }

  /** A command of a batch was executed at `now` and took so long. */
  measured(commands: CommandBatch, command: number, caller: Caller, now: number, micros: number): void {
    const id = commands.id(command)
    const times = (this.times[id] ??= new Times())
    times.add(micros)
    this.onMeasured(commands, command, caller, now, micros)
  }

  /** A command is executed now. */
  begin(id: number): void {
    this.current = id
    count(this.calls, id)
  }

  /** The number of executions since the start of the commands that have a counter. */
  get counts(): Readonly<Record<Counter, number>> {
    const counts = { puts: 0, gets: 0, deletes: 0, existences: 0, flushes: 0 }
    table.forEach(({ counter }, id) => {
      if (counter !== undefined) counts[counter] += this.calls[id] ?? 0
    })
    return counts
  }

  /** The number of executions since `reset`. */
  callsOf(id: number): number {
    return (this.calls[id] ?? 0) - (this.callsAtReset[id] ?? 0)
  }

  /** The number of executions of all commands that clients can send, since `reset`. */
  get allCalls(): number {
    return table.reduce((sum, { protocols }, id) => sum + (protocols.length === 0 ? 0 : this.callsOf(id)), 0)
  }

  reset(): void {
    this.callsAtReset.set(this.calls)
    this.failed.fill(0)
    this.rejected.fill(0)
    this.errors.clear()
    this.times = []
  }
}
