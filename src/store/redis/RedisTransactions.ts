/**
 * Transactions in a Redis server or cluster, within one slot. A transaction is sent whole, in one piece, on the connection
 * that all share: nothing of others can come in between. Only what is watched has a connection of its own, from WATCH to
 * EXEC, since a server watches for a connection.
 */
import * as Effect from "effect/Effect"
import { commands as table, isWrite } from "../../commands/Commands.ts"
import type { Caller } from "../../commands/Execution.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { ReplySink } from "../../domain/Reply.ts"
import type { EngineTransactions, EngineWatch } from "../Executor.ts"
import { slotOf } from "../near/Slot.ts"
import { isError, isNull, lineOf, partsIn, putError } from "./Frames.ts"
import { answer, type JobContext, UNAVAILABLE } from "./Job.ts"
import type { NodeConnection, Request } from "./NodeConnection.ts"
import { prepared } from "./Outbox.ts"
import * as Routes from "./Routes.ts"

/** Connections for watching that are kept for the next who watches, for each server. */
const MOST_IDLE = 8

const MOST_REDIRECTS = 5

const MULTI = prepared("MULTI")
const EXEC = prepared("EXEC")
const UNWATCH = prepared("UNWATCH")

const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot"
const NOT_SERVED = "CLUSTERDOWN Hash slot not served"

/** What any server does within a transaction, although it concerns no key. */
const KEYLESS: ReadonlySet<string> = new Set(["PING", "ECHO", "TIME", "UNWATCH"])

const request = (word: Buffer, answered: Request["answered"], lost: Request["lost"]): Request => ({
  encode: (out) => {
    out.begin(1)
    out.raw(word)
  },
  answered,
  lost
})

const unwatch = request(
  UNWATCH,
  () => {},
  () => {}
)

/** What one client watches: keys of one slot, on a connection of its own. */
class Watch implements EngineWatch {
  slot: number | undefined = undefined
  node: NodeConnection | undefined = undefined
  /** The connection that its server watches for. */
  generation = 0
  /** Whether the server cannot know whether a key has changed. */
  isLost = false
  private isEnded = false
  private readonly giveBack: (node: NodeConnection) => void

  constructor(giveBack: (node: NodeConnection) => void) {
    this.giveBack = giveBack
  }

  end(): void {
    this.isEnded = true
    const { node } = this
    this.node = undefined
    if (node === undefined) return
    node.send(unwatch)
    this.giveBack(node)
  }

  /** Takes a connection for itself, unless it has ended meanwhile. */
  take(node: NodeConnection): void {
    this.node = node
    if (this.isEnded) this.end()
  }

  /** The connection that watches, unless it has been lost. */
  get watching(): NodeConnection | undefined {
    const { node } = this
    return node?.isReady === true && node.generation === this.generation && !this.isLost ? node : undefined
  }
}

export interface Options {
  readonly context: JobContext
  /** Makes a connection besides the one that all share, to the same server. It is ended when it is lost, for good. */
  readonly connect: (node: NodeConnection, onLost: () => void) => NodeConnection
}

export class RedisTransactions implements EngineTransactions {
  private readonly context: JobContext
  private readonly connect: Options["connect"]
  private readonly idle = new Map<string, Array<NodeConnection>>()

  constructor({ connect, context }: Options) {
    this.context = context
    this.connect = connect
  }

  refuses(id: number): string | undefined {
    const entry = table[id]
    const route = Routes.routes[id]
    const isKeyed = (route === Routes.KEYED || route === Routes.SPLIT) && id !== Routes.EXPLAIN
    const isTheirs = isKeyed || (!this.context.cluster.isCluster && route === Routes.EVERYWHERE)
    if ((isTheirs && entry?.execute !== undefined) || KEYLESS.has(entry?.name ?? "")) return undefined
    return `${entry?.name.replace("|", " ")} cannot be in a transaction here: the transaction is executed by the engine`
  }

  watch(
    before: EngineWatch | undefined,
    database: number,
    keys: ReadonlyArray<Buffer>
  ): { readonly watch: EngineWatch; readonly done: Effect.Effect<string | undefined> } {
    const watch = before instanceof Watch ? before : new Watch((node) => this.giveBack(node))
    const slots = new Set(
      keys.map((key) => this.slot(new DataView(key.buffer, key.byteOffset, key.length), 0, key.length))
    )
    if (watch.slot !== undefined) slots.add(watch.slot)
    const [slot = 0] = slots
    if (slots.size > 1) return { watch, done: Effect.succeed(CROSS_SLOT) }
    watch.slot = slot
    return { watch, done: this.watchKeys(watch, database, slot, keys, 0) }
  }

  private watchKeys(
    watch: Watch,
    database: number,
    slot: number,
    keys: ReadonlyArray<Buffer>,
    redirects: number
  ): Effect.Effect<string | undefined> {
    return Effect.suspend(() => {
      const owner = this.context.cluster.owner(slot, database)
      if (owner === undefined) return Effect.succeed(NOT_SERVED)
      if (watch.node?.isUsable === false) {
        watch.isLost = true
        watch.node = undefined
      }
      if (watch.node === undefined) watch.take(this.takeFor(owner))
      const { node } = watch
      // The client has gone, so nobody reads this.
      if (node === undefined) return Effect.succeed("")
      return Effect.callback<string | undefined>((resume) =>
        node.send({
          encode: (out) => {
            out.begin(keys.length + 1)
            out.text("WATCH")
            for (const key of keys) out.word(key, 0, key.length)
          },
          answered: (bytes, start, end) => {
            if (!isError(bytes, start)) {
              if (watch.generation !== 0 && watch.generation !== node.generation) watch.isLost = true
              watch.generation = node.generation
              return resume(Effect.succeed(undefined))
            }
            const line = lineOf(bytes, start, end)
            const [kind, , to = ""] = line.split(" ")
            if (kind !== "MOVED" || redirects === MOST_REDIRECTS) return resume(Effect.succeed(line))
            this.context.cluster.moved(slot, to, node)
            // What was watched there is watched no more.
            if (watch.generation !== 0) watch.isLost = true
            node.send(unwatch)
            this.giveBack(node)
            watch.node = undefined
            resume(this.watchKeys(watch, database, slot, keys, redirects + 1))
          },
          lost: (why) => {
            watch.isLost = true
            resume(Effect.succeed(`${UNAVAILABLE} ${node.name} ${why}: no answer to WATCH`))
          }
        })
      )
    })
  }

  execute(
    batches: ReadonlyArray<CommandBatch>,
    held: EngineWatch | undefined,
    caller: Caller,
    sink: ReplySink
  ): Effect.Effect<void> {
    const watch = held instanceof Watch ? held : undefined
    return Effect.callback<void>((resume) => {
      const execution = new Execution(this.context, batches, caller, sink, watch, () => resume(Effect.void))
      const slots = new Set(watch?.slot === undefined ? [] : [watch.slot])
      for (const batch of batches) {
        for (let key = 0; key < batch.keyCount; key++) {
          slots.add(this.slot(batch.view, batch.keyStart(key), batch.keyLength(key)))
        }
      }
      const [slot = 0] = slots
      if (slots.size > 1) execution.refuse(CROSS_SLOT)
      else if (watch !== undefined && watch.watching === undefined) execution.abort()
      else execution.send(watch?.watching ?? this.context.cluster.owner(slot, caller.database))
      return Effect.sync(() => execution.abandon())
    })
  }

  private slot(view: DataView, start: number, length: number): number {
    return this.context.cluster.isCluster ? slotOf(view, start, length) : 0
  }

  private takeFor(owner: NodeConnection): NodeConnection {
    const idle = this.idle.get(keyOf(owner))?.pop()
    if (idle !== undefined) return idle
    const node = this.connect(owner, () => this.forget(node))
    return node
  }

  private forget(node: NodeConnection): void {
    const left = this.idle.get(keyOf(node))?.filter((other) => other !== node) ?? []
    if (left.length === 0) this.idle.delete(keyOf(node))
    else this.idle.set(keyOf(node), left)
  }

  private giveBack(node: NodeConnection): void {
    if (!node.isUsable) return
    const idle = this.idle.get(keyOf(node))
    if (idle === undefined) this.idle.set(keyOf(node), [node])
    else if (idle.length < MOST_IDLE) idle.push(node)
    else node.end()
  }
}

const keyOf = ({ database, name }: NodeConnection): string => `${name}/${database}`

/** One EXEC. */
class Execution {
  private readonly context: JobContext
  private readonly batches: ReadonlyArray<CommandBatch>
  private readonly caller: Caller
  private readonly sink: ReplySink
  private readonly watch: Watch | undefined
  private readonly onDone: () => void
  private isAbandoned = false
  private redirects = 0
  // The first error before EXEC: nothing is executed.
  private refusal = ""

  constructor(
    context: JobContext,
    batches: ReadonlyArray<CommandBatch>,
    caller: Caller,
    sink: ReplySink,
    watch: Watch | undefined,
    onDone: () => void
  ) {
    this.context = context
    this.batches = batches
    this.caller = caller
    this.sink = sink
    this.watch = watch
    this.onDone = onDone
  }

  abandon(): void {
    this.isAbandoned = true
    this.watch?.end()
  }

  refuse(line: string): void {
    this.end(() => putError(line, this.sink))
  }

  /** A watched key has changed, or may have. */
  abort(): void {
    this.end(() => this.sink.nullArray())
  }

  /** Sends all of it, in one piece. */
  send(node: NodeConnection | undefined): void {
    if (node === undefined) return this.refuse(NOT_SERVED)
    this.refusal = ""
    this.forget()
    node.send(request(MULTI, this.queued, doNothing))
    for (const batch of this.batches) {
      for (let command = 0; command < batch.count; command++) {
        node.send({
          encode: (out) => this.context.encode(batch, command, out),
          answered: this.queued,
          lost: doNothing
        })
      }
    }
    node.send(
      request(
        EXEC,
        (bytes, start, end) => this.executed(bytes, start, end, node),
        (why, wasSent) => {
          const outcome = wasSent
            ? "the transaction may have been executed, or not"
            : "the transaction was not executed"
          this.forget()
          this.refuse(`${UNAVAILABLE} ${node.name} ${why}: ${outcome}`)
        }
      )
    )
  }

  private readonly queued = (bytes: Buffer, start: number, end: number): void => {
    if (isError(bytes, start) && this.refusal === "") this.refusal = lineOf(bytes, start, end)
  }

  private executed(bytes: Buffer, start: number, end: number, from: NodeConnection): void {
    this.forget()
    if (isNull(bytes, start)) return this.abort()
    if (isError(bytes, start)) return this.notExecuted(lineOf(bytes, start, end), from)
    this.end(() => {
      const { sink } = this
      const { statistics } = this.context
      const { count, first } = partsIn(bytes, start)
      sink.array(count)
      let at = first
      for (const batch of this.batches) {
        for (let command = 0; command < batch.count; command++) {
          statistics.begin(batch.id(command))
          at = answer(batch.id(command), bytes, at, sink)
        }
      }
    })
  }

  private notExecuted(line: string, from: NodeConnection): void {
    const why = this.refusal === "" ? line : this.refusal
    const [kind, slot, to = ""] = why.split(" ")
    if (kind === "ASK") return this.refuse("TRYAGAIN the keys of the transaction are being moved to another server")
    if (kind !== "MOVED" || ++this.redirects > MOST_REDIRECTS) {
      return this.refuse(this.refusal === "" ? line : `EXECABORT Transaction discarded because of: ${why}`)
    }
    const node = this.context.cluster.moved(Number(slot), to, from)
    // Whether a key has changed is known to nobody now.
    if (this.watch === undefined) this.send(node)
    else this.abort()
  }

  /** What it writes is old from now on: before it is sent, and once it is answered. */
  private forget(): void {
    const { near, now } = this.context
    if (near === undefined) return
    for (const batch of this.batches) {
      for (let command = 0; command < batch.count; command++) {
        if (isWrite[batch.id(command)] === 1) near.written(batch, command, this.caller.database, now())
      }
    }
  }

  private end(write: () => void): void {
    this.watch?.end()
    if (this.isAbandoned) return
    write()
    this.onDone()
  }
}

const doNothing = (): void => {}
