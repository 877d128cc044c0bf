/**
 * What one batch of a caller's comes to in an engine: a task for each command, of which each is one request, several, or
 * something that is known already. Tasks are done in any order; their answers go into the sink in the order of the commands.
 */
import * as Result from "effect/Result"
import { commands as table, DELETE, EXISTS, GET, isWrite, PUT } from "../../commands/Commands.ts"
import type { Caller } from "../../commands/Execution.ts"
import { ok } from "../../commands/Replies.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import { FixedReply, type ReplySink } from "../../domain/Reply.ts"
import type { CommandStatistics } from "../CommandStatistics.ts"
import type { NearCache } from "../near/NearCache.ts"
import type { Cluster } from "./Cluster.ts"
import { bulkOf, frameEnd, integerOf, isError, isNull, lineOf, partsIn, putError, relay } from "./Frames.ts"
import { NearReads } from "./NearReads.ts"
import type { NodeConnection, Request } from "./NodeConnection.ts"
import { type Outbox, prepared } from "./Outbox.ts"
import * as Routes from "./Routes.ts"

/** What a read is answered with while its server is gone. */
export type DownPolicy = "error" | "miss" | "stale"

/** What tasks need of whoever executes them. */
export interface JobContext {
  readonly cluster: Cluster
  readonly statistics: CommandStatistics
  readonly micros: () => number
  /** A GET has found a value, or none. */
  readonly read: (isHit: boolean) => void
  readonly encode: (commands: CommandBatch, command: number, out: Outbox) => void
  readonly down: DownPolicy
  readonly near: NearCache | undefined
  /** The time in ms. */
  readonly now: () => number
  /** A server gives a value, but refuses to track its key, or to say how long it has left: it cannot be kept near. */
  readonly onRefusedNear: (node: NodeConnection, error: string) => void
}

/** The kind of an error that says that a server is gone. */
export const UNAVAILABLE = "UNAVAILABLE"

const stored = new FixedReply((sink) => sink.simple("stored"))
const deleted = new FixedReply((sink) => sink.simple("deleted"))
const flushed = new FixedReply((sink) => sink.simple("flushed"))

/** One command's share of a job. */
export interface Task {
  readonly isDone: boolean
  readonly write: (sink: ReplySink) => void
}

export class Job {
  readonly context: JobContext
  readonly commands: CommandBatch
  readonly caller: Caller
  /** Called once, when all is answered, or with what threw. */
  onDone: (defect: unknown) => void = () => {}
  isDone = false
  private readonly from: number
  private readonly now: number
  private readonly sink: ReplySink
  private readonly tasks: Array<Task> = []
  private written = 0
  private isOpen = true
  private isWriting = false
  private isMeasured: boolean
  private readonly startedAt: number

  constructor(context: JobContext, commands: CommandBatch, from: number, caller: Caller, sink: ReplySink, now: number) {
    this.context = context
    this.commands = commands
    this.from = from
    this.caller = caller
    this.sink = sink
    this.now = now
    this.isMeasured = --context.statistics.untilMeasured < 0
    this.startedAt = this.isMeasured ? context.micros() : 0
    if (this.isMeasured) context.statistics.restartCount()
  }

  /** Adds the task of the next command. */
  add(task: Task): void {
    this.tasks.push(task)
  }

  /** All tasks are there. */
  close(): void {
    this.isOpen = false
    this.settled()
  }

  /** The sink is not to be used any more. */
  abandon(): void {
    this.isDone = true
  }

  /** Some task is done. */
  settled(): void {
    // A task that is sent while others are written may fail at once.
    if (this.isOpen || this.isDone || this.isWriting) return
    this.isWriting = true
    const result = Result.try(this.write)
    this.isWriting = false
    if (Result.isSuccess(result) && this.written < this.tasks.length) return
    this.isDone = true
    this.onDone(Result.isFailure(result) ? result.failure : undefined)
  }

  private readonly write = (): void => {
    const { commands, context, sink, tasks } = this
    const { statistics } = context
    for (let task = tasks[this.written]; task !== undefined && task.isDone; task = tasks[this.written]) {
      const command = this.from + this.written
      statistics.current = commands.id(command)
      sink.begin()
      // Once more when it is answered: what was read meanwhile may be old.
      if (isWrite[commands.id(command)] === 1) {
        context.near?.written(commands, command, this.caller.database, context.now())
      }
      task.write(sink)
      this.written++
      if (this.isMeasured) {
        statistics.measured(commands, command, this.caller, this.now, context.micros() - this.startedAt)
      }
    }
  }
}

/** Puts a server's reply to a command of the table into a sink, in the words that the command has here. */
export const answer = (id: number, bytes: Buffer, start: number, sink: ReplySink): number => {
  if (!isError(bytes, start)) {
    if (id === PUT || id === Routes.PUT_BYTES) {
      sink.fixed(stored)
      return frameEnd(bytes, start)
    }
    if (id === DELETE) {
      const end = frameEnd(bytes, start)
      if (integerOf(bytes, start, end) > 0) sink.fixed(deleted)
      else sink.null()
      return end
    }
  }
  return relay(bytes, start, sink)
}

/** Answers a read whose server is gone, if that is what it is to be answered with and there is something. */
const answerWithout = ({ caller, commands, context }: Job, command: number, sink: ReplySink): boolean => {
  const id = commands.id(command)
  if (context.down === "stale") {
    return context.near?.answerStale(commands, command, context.now(), caller, sink) === true
  }
  if (context.down === "error") return false
  if (id === GET) sink.null()
  else if (id === EXISTS || id === Routes.EXISTS_ALL) sink.integer(0)
  else if (id === Routes.MGET) {
    sink.array(commands.argc(command))
    for (let key = 0; key < commands.argc(command); key++) sink.null()
  } else return false
  return true
}

const MOST_REDIRECTS = 5

const ASKING = prepared("ASKING")
const asking: Request = {
  encode: (out) => {
    out.begin(1)
    out.raw(ASKING)
  },
  answered: () => {},
  lost: () => {}
}

/** One request of a job. */
abstract class Part implements Request {
  isSettled = false
  /** The reply, unless there is none. */
  bytes: Buffer | undefined = undefined
  start = 0
  end = 0
  /** Why there is none. */
  failure = ""
  protected readonly context: JobContext
  private redirects = 0
  // Those of its keys that are to be kept near. Whoever was redirected asks for the values alone.
  private reads: NearReads | undefined = undefined

  constructor(context: JobContext) {
    this.context = context
  }

  encode(out: Outbox): void {
    this.reads?.encode(out)
    this.encodeCommand(out)
  }

  protected abstract encodeCommand(out: Outbox): void

  /** Begins the reads of keys that are to be kept near, if there are any, from a node. */
  protected beginReads(_node: NodeConnection): NearReads | undefined {
    return undefined
  }

  /** It is settled. */
  protected abstract settle(): void

  /** The command's id. */
  protected abstract readonly id: number

  answered(bytes: Buffer, start: number, end: number, from: NodeConnection): void {
    const { reads } = this
    if (reads !== undefined) {
      if (reads.takes(bytes, start, end)) return
      this.reads = undefined
      reads.complete(bytes, start, this.context.now())
      if (reads.refusal !== undefined && !isError(bytes, start)) this.context.onRefusedNear(from, reads.refusal)
    }
    if (isError(bytes, start)) {
      const line = lineOf(bytes, start, end)
      if (this.isRedirected(line, from)) return
      if (line.startsWith("CLUSTERDOWN ")) {
        this.context.cluster.doubt()
        return this.fail(line)
      }
    }
    this.bytes = bytes
    this.start = start
    this.end = end
    this.done()
  }

  lost(why: string, wasSent: boolean, from: NodeConnection): void {
    // All its replies may be.
    if (this.isSettled) return
    this.reads?.abandon()
    this.reads = undefined
    this.context.cluster.doubt()
    const name = Routes.names[this.id]?.text ?? ""
    const outcome =
      isWrite[this.id] !== 1
        ? `no answer to ${name}`
        : wasSent
          ? `${name} may have been executed, or not`
          : `${name} was not executed`
    this.fail(`${UNAVAILABLE} ${from.name} ${why}: ${outcome}`)
  }

  /** Sends it, unless there is no server for it. */
  sendTo(node: NodeConnection | undefined): this {
    if (node === undefined) this.fail("CLUSTERDOWN Hash slot not served")
    else this.send(node)
    return this
  }

  protected send(node: NodeConnection): void {
    const reads = this.beginReads(node)
    this.reads = reads
    node.send(this, reads === undefined ? 1 : 1 + reads.replies)
  }

  /** The reply is an error, or there is none: the line that says so. */
  get errorLine(): string | undefined {
    const { bytes, end, start } = this
    if (bytes === undefined) return this.failure
    return isError(bytes, start) ? lineOf(bytes, start, end) : undefined
  }

  private fail(line: string): void {
    this.failure = line
    this.done()
  }

  private done(): void {
    this.isSettled = true
    this.settle()
  }

  /** The server has not executed it, and says who is to be asked. */
  private isRedirected(line: string, from: NodeConnection): boolean {
    const isMoved = line.startsWith("MOVED ")
    if (!isMoved && !line.startsWith("ASK ")) return false
    if (++this.redirects > MOST_REDIRECTS) return false
    const [, slot = "", to = ""] = line.split(" ")
    const { cluster } = this.context
    const node = isMoved ? cluster.moved(Number(slot), to, from) : cluster.redirected(to, from)
    if (node === undefined) return false
    if (!isMoved) node.send(asking)
    node.send(this)
    return true
  }
}

/** A command that is one request. */
export class Forwarded extends Part implements Task {
  protected readonly id: number
  protected readonly job: Job
  protected readonly command: number

  constructor(job: Job, command: number) {
    super(job.context)
    this.job = job
    this.command = command
    this.id = job.commands.id(command)
  }

  get isDone(): boolean {
    return this.isSettled
  }

  protected encodeCommand(out: Outbox): void {
    this.context.encode(this.job.commands, this.command, out)
  }

  protected settle(): void {
    this.job.settled()
  }

  write(sink: ReplySink): void {
    const { bytes, command, context, id, job, start } = this
    if (bytes === undefined) {
      if (!answerWithout(job, command, sink)) putError(this.failure, sink)
      return
    }
    if (id === GET && !isError(bytes, start)) context.read(!isNull(bytes, start))
    answer(id, bytes, start, sink)
  }
}

/** A GET or an MGET whose values may be kept near. */
export class NearRead extends Forwarded {
  protected override beginReads(node: NodeConnection): NearReads | undefined {
    const { command, context, job } = this
    const { commands } = job
    const first = commands.firstKey(command)
    if (this.id !== GET) {
      return readsOf(
        job,
        Array.from({ length: commands.keysOf(command) }, (_, key) => first + key),
        node
      )
    }
    const { near } = context
    if (near === undefined || !near.admits(commands, first)) return undefined
    const reads = new NearReads(near, node.isTracking)
    reads.add(true, node.source, commands, first, job.caller.database, context.now())
    return reads
  }
}

/** Begins the reads of keys of a batch, of which some may be kept. */
const readsOf = (
  { caller, commands, context }: Job,
  keys: ReadonlyArray<number>,
  node: NodeConnection
): NearReads | undefined => {
  const { near } = context
  if (near === undefined) return undefined
  const now = context.now()
  const reads = new NearReads(near, node.isTracking)
  for (const key of keys) {
    const isKept = !near.has(commands, key, caller.database, now) && near.admits(commands, key)
    reads.add(isKept, node.source, commands, key, caller.database, now)
  }
  return reads.replies === 0 ? undefined : reads
}

/** What was known when the job began. What the near cache had was kept then: commands behind it may change it. */
export class Known implements Task {
  readonly isDone = true
  readonly write: (sink: ReplySink) => void

  constructor(write: (sink: ReplySink) => void) {
    this.write = write
  }
}

/** The part of a command that concerns the keys of one slot. */
class SplitPart extends Part {
  /** The places of its arguments. */
  readonly arguments: Array<number> = []
  /** Where the next element of its reply is. */
  at = 0
  protected readonly id: number
  private readonly split: Split
  private readonly job: Job
  private readonly command: number

  constructor(split: Split, job: Job, command: number) {
    super(job.context)
    this.split = split
    this.job = job
    this.command = command
    this.id = job.commands.id(command)
  }

  protected override beginReads(node: NodeConnection): NearReads | undefined {
    if (this.id !== Routes.MGET) return undefined
    const first = this.job.commands.firstKey(this.command)
    return readsOf(
      this.job,
      this.arguments.map((argument) => first + argument),
      node
    )
  }

  protected encodeCommand(out: Outbox): void {
    Routes.begin(this.id, this.arguments.length, out)
    for (const argument of this.arguments) out.argument(this.job.commands, this.command, argument)
  }

  protected settle(): void {
    this.split.partSettled()
  }
}

/** A command with keys of several slots: one request for each slot, and one answer. */
export class Split implements Task {
  private readonly job: Job
  private readonly command: number
  private readonly id: number
  // By slot, and in the order of the keys.
  private readonly parts = new Map<number, SplitPart>()
  private readonly order: Array<SplitPart> = []
  private missing: number

  /** `slots` are those of its keys; each key comes with what follows it up to the next one. */
  constructor(job: Job, command: number, slots: ReadonlyArray<number>) {
    const { commands } = job
    this.job = job
    this.command = command
    this.id = commands.id(command)
    const step = table[this.id]?.keys?.step ?? 1
    for (const [key, slot] of slots.entries()) {
      let part = this.parts.get(slot)
      if (part === undefined) this.parts.set(slot, (part = new SplitPart(this, job, command)))
      for (let argument = key * step; argument < (key + 1) * step; argument++) part.arguments.push(argument)
      this.order.push(part)
    }
    this.missing = this.parts.size
  }

  get isDone(): boolean {
    return this.missing === 0
  }

  send(): this {
    const { caller, context } = this.job
    for (const [slot, part] of this.parts) part.sendTo(context.cluster.owner(slot, caller.database))
    return this
  }

  partSettled(): void {
    this.missing--
    if (this.missing === 0) this.job.settled()
  }

  write(sink: ReplySink): void {
    const { command, id, job } = this
    const parts = [...this.parts.values()]
    const isMissable = job.context.down === "miss" && (id === Routes.MGET || id === Routes.EXISTS_ALL)
    const failed = parts.find((part) => part.errorLine !== undefined && !(isMissable && part.bytes === undefined))
    if (failed !== undefined) {
      if (failed.bytes !== undefined || !answerWithout(job, command, sink)) putError(failed.errorLine ?? "", sink)
      return
    }
    if (this.id === Routes.MSET) return sink.fixed(ok)
    if (this.id !== Routes.MGET) return sink.integer(sumOf(parts))
    sink.array(this.order.length)
    for (const part of parts) if (part.bytes !== undefined) part.at = partsIn(part.bytes, part.start).first
    for (const part of this.order) {
      if (part.bytes === undefined) sink.null()
      else part.at = relay(part.bytes, part.at, sink)
    }
  }
}

const sumOf = (parts: ReadonlyArray<Part>): number =>
  parts.reduce((sum, { bytes, end, start }) => sum + (bytes === undefined ? 0 : integerOf(bytes, start, end)), 0)

/** A command's request to one of the masters. */
class MasterPart extends Part {
  protected readonly id: number
  private readonly onSettled: () => void
  private readonly write: (out: Outbox) => void

  constructor(context: JobContext, id: number, write: (out: Outbox) => void, onSettled: () => void) {
    super(context)
    this.id = id
    this.write = write
    this.onSettled = onSettled
  }

  encodeCommand(out: Outbox): void {
    this.write(out)
  }

  protected settle(): void {
    this.onSettled()
  }
}

/** A command that all masters are asked, at once. */
export class Everywhere implements Task {
  private readonly job: Job
  private readonly command: number
  private readonly id: number
  private parts: ReadonlyArray<MasterPart> = []
  private missing = 0

  constructor(job: Job, command: number) {
    this.job = job
    this.command = command
    this.id = job.commands.id(command)
  }

  get isDone(): boolean {
    return this.missing === 0
  }

  send(masters: ReadonlyArray<NodeConnection>): this {
    const { job } = this
    const encode = (out: Outbox): void => job.context.encode(job.commands, this.command, out)
    const settled = (): void => {
      this.missing--
      if (this.missing === 0) job.settled()
    }
    this.missing = masters.length
    this.parts = masters.map(() => new MasterPart(job.context, this.id, encode, settled))
    for (const [index, part] of this.parts.entries()) part.sendTo(masters[index])
    return this
  }

  write(sink: ReplySink): void {
    const { id, parts } = this
    const error = parts.find(({ errorLine }) => errorLine !== undefined)?.errorLine
    if (error !== undefined) return putError(error, sink)
    if (id === Routes.DBSIZE) return sink.integer(sumOf(parts))
    if (id === Routes.FLUSH) return sink.fixed(flushed)
    if (id !== Routes.KEYS) return sink.fixed(ok)
    const headers = parts.map(({ bytes, start }) =>
      bytes === undefined ? { count: 0, first: 0 } : partsIn(bytes, start)
    )
    sink.array(headers.reduce((sum, { count }) => sum + count, 0))
    for (const [index, { count, first }] of headers.entries()) {
      const bytes = parts[index]?.bytes
      if (bytes === undefined) continue
      let at = first
      for (let key = 0; key < count; key++) at = relay(bytes, at, sink)
    }
  }
}

/** RANDOMKEY: the masters are asked one after the other, from any one on, until one has a key. */
export class AnyKey implements Task {
  isDone = false
  private readonly job: Job
  private readonly command: number
  private part: MasterPart | undefined = undefined

  constructor(job: Job, command: number) {
    this.job = job
    this.command = command
  }

  ask(masters: ReadonlyArray<NodeConnection>, first: number, asked = 0): this {
    const { command, job } = this
    const { context } = job
    const master = masters[(first + asked) % Math.max(1, masters.length)]
    const part = new MasterPart(
      context,
      job.commands.id(command),
      (out) => context.encode(job.commands, command, out),
      () => {
        const isNone = part.bytes !== undefined && isNull(part.bytes, part.start)
        if (isNone && asked + 1 < masters.length) this.ask(masters, first, asked + 1)
        else {
          this.isDone = true
          job.settled()
        }
      }
    )
    this.part = part
    part.sendTo(master)
    return this
  }

  write(sink: ReplySink): void {
    const { part } = this
    if (part?.bytes === undefined) return putError(part?.failure ?? "", sink)
    relay(part.bytes, part.start, sink)
  }
}

/**
 * The cursors of a SCAN over several masters: the master's own cursor, times this, plus the number of the master, counted
 * from 0. Masters are numbered by their first slots.
 */
const CURSORS = 1024n

/** SCAN: one master after the other. The cursor says which. */
export class Scan implements Task {
  isDone = false
  private readonly job: Job
  private readonly command: number
  private masters = 0
  private master = 0
  private part: MasterPart | undefined = undefined

  constructor(job: Job, command: number) {
    this.job = job
    this.command = command
  }

  send(masters: ReadonlyArray<NodeConnection>): this {
    const { command, job } = this
    const { commands, context } = job
    const id = commands.id(command)
    const text = commands.text(command, 0)
    const isCursor = /^[0-9]{1,20}$/.test(text) && masters.length > 1
    const cursor = isCursor ? BigInt(text) : 0n
    this.masters = masters.length
    this.master = Number(cursor % CURSORS)
    const encode = (out: Outbox): void => {
      if (!isCursor) return context.encode(commands, command, out)
      Routes.begin(id, commands.argc(command), out)
      out.text(String(cursor / CURSORS))
      for (let argument = 1; argument < commands.argc(command); argument++) out.argument(commands, command, argument)
    }
    const part = new MasterPart(context, id, encode, () => {
      this.isDone = true
      job.settled()
    })
    this.part = part
    // A cursor of another time may name a master that there is no more: what is left is nothing.
    part.sendTo(masters[this.master])
    return this
  }

  write(sink: ReplySink): void {
    const { part } = this
    const error = part === undefined ? "" : part.errorLine
    if (part?.bytes === undefined || error !== undefined) return putError(error ?? "", sink)
    if (this.masters <= 1) {
      relay(part.bytes, part.start, sink)
      return
    }
    const { first } = partsIn(part.bytes, part.start)
    const inner = BigInt(bulkOf(part.bytes, first)?.toString("latin1") ?? "0")
    const isLast = inner === 0n && this.master + 1 === this.masters
    const master = inner === 0n ? this.master + 1 : this.master
    sink.array(2)
    sink.text(isLast ? "0" : String(inner * CURSORS + BigInt(master)))
    relay(part.bytes, frameEnd(part.bytes, first), sink)
  }
}
