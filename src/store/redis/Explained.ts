/**
 * EXPLAIN where the keys are in an engine: whether a key is kept near, and if not, what became of it there, and whether its
 * server has it. What is near is known at once; else the server is asked, by a PTTL, which is no use of the key.
 */
import { DELETED, EVICTED, EXPIRED, REPLACED } from "../../engine/Limits.ts"
import { duration } from "../../insight/Duration.ts"
import { FLUSHED, type MemoryInsight } from "../../insight/MemoryInsight.ts"
import type { ReplySink } from "../../domain/Reply.ts"
import type { NearCache, NearLook } from "../near/NearCache.ts"
import { integerOf, isError, lineOf } from "./Frames.ts"
import { Forwarded, type Job } from "./Job.ts"
import type { NodeConnection } from "./NodeConnection.ts"
import { type Outbox, prepared } from "./Outbox.ts"

const PTTL = prepared("PTTL")

/** What PTTL says of a key that is not there, and of one that does not expire. */
const NOT_THERE = -2
const NO_DEADLINE = -1

/** What became of a key that was kept near, by the reason. */
const fates: ReadonlyMap<number, string> = new Map([
  [DELETED, "invalidated by its server"],
  [REPLACED, "written through this process"],
  [EXPIRED, "ceased to be fresh"],
  [EVICTED, "evicted to make room (--near-memory)"],
  [FLUSHED, "all that came from its server was dropped (a flush, a lost connection, or slots that moved)"]
])

/** An error's line, as words in a sentence. */
const withoutCode = (line: string): string => line.slice(line.indexOf(" ") + 1)

export class Explained extends Forwarded {
  private readonly look: NearLook | undefined
  private readonly insight: MemoryInsight
  private node: NodeConnection | undefined = undefined
  // What became of its server before it answered.
  private loss: string | undefined = undefined

  constructor(job: Job, command: number, near: NearCache | undefined, insight: MemoryInsight, now: number) {
    super(job, command)
    this.look = near?.look(job.commands, job.commands.firstKey(command), job.caller.database, now)
    this.insight = insight
  }

  override get isDone(): boolean {
    return this.look?._tag === "Fresh" || super.isDone
  }

  override sendTo(node: NodeConnection | undefined): this {
    this.node = node
    return this.look?._tag === "Fresh" ? this : super.sendTo(node)
  }

  /** The server that has the slot now may be another one than was asked at first. */
  override answered(bytes: Buffer, start: number, end: number, from: NodeConnection): void {
    this.node = from
    super.answered(bytes, start, end, from)
  }

  override lost(why: string, wasSent: boolean, from: NodeConnection): void {
    this.loss = `${from.name} ${why}`
    super.lost(why, wasSent, from)
  }

  protected override encodeCommand(out: Outbox): void {
    const { command, commands } = this
    const key = commands.firstKey(command)
    out.begin(2)
    out.raw(PTTL)
    out.word(commands.bytes, commands.keyStart(key), commands.keyLength(key))
  }

  override write(sink: ReplySink): void {
    const { bytes, end, look, start } = this
    const at = this.node === undefined ? "" : ` (${this.node.name})`
    if (look?._tag === "Fresh") {
      const { idle, left } = look
      return sink.simple(
        `hit, kept near: idle ${duration(idle)}, fresh for ${duration(left)}, ${look.bytes} bytes; from the engine${at}`
      )
    }
    if (bytes === undefined) return sink.simple(`unknown, ${this.trouble}; ${this.withoutServer}`)
    if (isError(bytes, start)) {
      const text = withoutCode(lineOf(bytes, start, end))
      return sink.simple(
        `unknown, the engine${at} answered PTTL with an error: ${text}; nothing is kept near without it`
      )
    }
    const left = integerOf(bytes, start, end)
    if (left === NOT_THERE) return sink.simple(`miss, not in the engine${at}; ${this.whyNotNear}`)
    const expiry = left === NO_DEADLINE ? "never expires" : `expires in ${duration(left)}`
    return sink.simple(`hit in the engine${at}, ${expiry}; ${this.whyNotNear}`)
  }

  private get commands() {
    return this.job.commands
  }

  /** Why the server has not answered. */
  private get trouble(): string {
    return this.loss ?? `the cluster does not serve its slot (${withoutCode(this.failure)})`
  }

  /** What a read of the key is answered while its server cannot be asked. */
  private get withoutServer(): string {
    const { context, look } = this
    if (context.down === "miss") return "a read is a miss (--engine-down miss)"
    if (look?._tag !== "Stale") return `a read is an error (--engine-down ${context.down}); ${this.whyNotNear}`
    return `a read is answered with a stale value, ${this.stale(look)}`
  }

  private stale({ left, since }: Extract<NearLook, { _tag: "Stale" }>): string {
    return `${since === 0 ? "" : `not fresh for ${duration(since)}, `}kept for ${duration(left)} more (--stale-ttl)`
  }

  private get whyNotNear(): string {
    const { commands, context, insight, look } = this
    if (look === undefined) return "nothing is kept near (--near-ttl 0)"
    if (look._tag === "Stale") return `kept near, but ${this.stale(look)}`
    if (look._tag === "Fresh" || look.shelf < 0) return "not kept near"
    const key = commands.firstKey(this.command)
    const start = commands.keyStart(key)
    const word = commands.bytes.subarray(start, start + commands.keyLength(key))
    const removal = insight.removalOf(look.shelf, word, context.now())
    return removal === undefined
      ? "not kept near: no GET has read it of late"
      : `not kept near: ${fates.get(removal.reason) ?? "gone"} ${duration(removal.ago)} ago`
  }
}
