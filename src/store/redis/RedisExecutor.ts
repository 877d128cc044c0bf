/**
 * Executes commands in a Redis server or a cluster: encodes each one for the server that has its keys, and puts the
 * answers into the caller's sink, in order. What it knows of commands is in `Routes.ts`, of servers in `Cluster.ts`.
 *
 * A command is sent again only where a server has said that it did not execute it (MOVED, ASK). What was sent when a
 * connection was lost may have been executed, so it fails, and says so.
 *
 * All commands of a batch are encoded before the first answer comes, and a client's next batch only after the last one. So
 * the commands of a client reach a server in their order.
 */
import * as Effect from "effect/Effect"
import type { Changes } from "../../commands/Changes.ts"
import { commands as table, GET, isWrite, PUT } from "../../commands/Commands.ts"
import { parseDigits } from "../../commands/Entry.ts"
import { type Caller, Execution } from "../../commands/Execution.ts"
import { wrongArity } from "../../commands/Replies.ts"
import { MAX_TTL_SECONDS, TTL_MESSAGE } from "../../domain/Command.ts"
import { CommandBatch } from "../../domain/CommandBatch.ts"
import { ERR, FixedReply, type ReplySink } from "../../domain/Reply.ts"
import { DATABASES } from "../../engine/Limits.ts"
import type { Insight } from "../../insight/Insight.ts"
import type { CommandStatistics } from "../CommandStatistics.ts"
import type { EngineDescription, EngineTransactions, ExecutorService, StoreLevels, StoreStats } from "../Executor.ts"
import { type Kept, KeptReply } from "../KeptReply.ts"
import type { MemoryEngineService } from "../MemoryEngine.ts"
import type { NearCache } from "../near/NearCache.ts"
import { slotOf } from "../near/Slot.ts"
import type { Cluster } from "./Cluster.ts"
import { Explained } from "./Explained.ts"
import {
  AnyKey,
  type DownPolicy,
  Everywhere,
  Forwarded,
  Job,
  type JobContext,
  Known,
  NearRead,
  Scan,
  Split,
  type Task
} from "./Job.ts"
import type { NodeConnection } from "./NodeConnection.ts"
import { type Outbox, prepared } from "./Outbox.ts"
import { keyspaceOf } from "./Keyspace.ts"
import { RedisTransactions } from "./RedisTransactions.ts"
import * as Routes from "./Routes.ts"

const wrongTtl = new FixedReply((sink) => sink.error(ERR, TTL_MESSAGE))
const crossSlot = new FixedReply((sink) => sink.error("CROSSSLOT", "Keys in request don't hash to the same slot"))

const oddMset = wrongArity("mset")

const EX = prepared("EX")

/** Commands whose answer would be about this process, where it is the engine's that is asked for. */
const refusals: ReadonlyMap<string, string> = new Map([
  ["WAIT", "WAIT is not possible here: all clients share the connections to the engine"]
])

export interface RedisExecutorOptions {
  readonly cluster: Cluster
  /** What is kept in this process. */
  readonly memory: MemoryEngineService
  /** Counts the commands, those that are answered near, too. */
  readonly statistics: CommandStatistics
  /** The same memory as a near cache, unless there is none. */
  readonly near: NearCache | undefined
  readonly down: DownPolicy
  readonly onRefusedNear: JobContext["onRefusedNear"]
  /** Makes a connection besides the one that all share, to the same server. It is ended when it is lost, for good. */
  readonly connect: (node: NodeConnection, onLost: () => void) => NodeConnection
}

export class RedisExecutor implements ExecutorService, JobContext {
  readonly changes: Changes
  readonly engine: EngineDescription
  readonly transactions: EngineTransactions
  readonly statistics: CommandStatistics
  readonly insight: Insight | undefined = undefined
  readonly cluster: Cluster
  readonly near: NearCache | undefined
  readonly now: () => number
  readonly down: DownPolicy
  readonly micros: () => number
  readonly onRefusedNear: JobContext["onRefusedNear"]
  private readonly execution: Execution
  private readonly memory: MemoryEngineService
  private hits = 0
  private misses = 0
  private turn = 0

  constructor({ cluster, connect, down, memory, near, onRefusedNear, statistics }: RedisExecutorOptions) {
    this.cluster = cluster
    this.memory = memory
    this.near = near
    this.statistics = statistics
    this.now = memory.now
    this.changes = memory.changes
    this.down = down
    this.onRefusedNear = onRefusedNear
    this.transactions = new RedisTransactions({ context: this, connect })
    this.engine = {
      name: cluster.isCluster ? "redis-cluster" : "redis",
      databases: cluster.isCluster ? 1 : DATABASES,
      tellsChanges: false,
      nodes: () => cluster.described,
      near: () => near?.stats(),
      isReady: () => down !== "error" || cluster.isReachable,
      keyspace: keyspaceOf(cluster),
      explain: (database, key, now) => this.explain(database, key, now)
    }
    this.micros = memory.micros
    this.execution = new Execution(memory.engine, memory.alarm, memory.changes, memory.unixTime)
  }

  prepare(commands: CommandBatch): void {
    this.near?.prepare(commands)
  }

  execute(
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    caller: Caller,
    sink: ReplySink
  ): Effect.Effect<void> | undefined {
    const { near, statistics } = this
    const first = near === undefined ? from : near.answer(commands, from, to, now, caller, sink)
    if (first === to) return undefined
    const { calls } = statistics
    const job = new Job(this, commands, first, caller, sink, now)
    for (let command = first; command < to; command++) {
      const id = commands.id(command)
      // The first one is known not to be near.
      if (near !== undefined && command > first && near.answers(commands, command, now, caller)) {
        const kept = new KeptReply()
        near.answer(commands, command, command + 1, now, caller, kept)
        job.add(new Known((sink) => put(kept.reply, sink)))
        continue
      }
      calls[id] = (calls[id] ?? 0) + 1
      if (isWrite[id] === 1) near?.written(commands, command, caller.database, now)
      job.add(this.begin(job, command, id, now))
    }
    job.close()
    return job.isDone ? undefined : waitFor(job)
  }

  /** Sends what can be sent of a command. */
  private begin(job: Job, command: number, id: number, now: number): Task {
    const { caller, commands } = job
    switch (Routes.routes[id]) {
      case Routes.SPLIT:
        return this.split(job, command, id)
      case Routes.KEYED:
        return this.keyed(job, command, id)
      case Routes.EVERYWHERE: {
        const masters = this.cluster.all(caller.database)
        if (id === Routes.SCAN) return new Scan(job, command).send(masters)
        if (id === Routes.RANDOMKEY) return new AnyKey(job, command).ask(masters, this.turn++)
        return new Everywhere(job, command).send(masters)
      }
      case Routes.ANYWHERE:
        return new Forwarded(job, command).sendTo(this.cluster.all(caller.database)[0])
      default:
        return new Known((sink) => this.executeHere(commands, command, caller, now, sink))
    }
  }

  private keyed(job: Job, command: number, id: number): Task {
    const { commands } = job
    if (id === Routes.PUT_BYTES && commands.argc(command) > 2) {
      const isTtl = parseDigits(commands.text(command, 2)) <= MAX_TTL_SECONDS
      if (!isTtl) return new Known((sink) => sink.fixed(wrongTtl))
    }
    const slot = this.slotOfAll(commands, command)
    if (slot === undefined) return new Known((sink) => sink.fixed(crossSlot))
    if (id === Routes.EXPLAIN) {
      const { cluster, memory, near } = this
      return new Explained(job, command, near, memory.insight, this.now()).sendTo(
        cluster.owner(slot, job.caller.database)
      )
    }
    return this.forward(job, command, id, slot)
  }

  private split(job: Job, command: number, id: number): Task {
    const { commands } = job
    const slot = this.slotOfAll(commands, command)
    if (slot !== undefined) return this.forward(job, command, id, slot)
    if (id === Routes.MSET && commands.argc(command) % 2 === 1) return new Known((sink) => sink.fixed(oddMset))
    const first = commands.firstKey(command)
    const slots = Array.from({ length: commands.keysOf(command) }, (_, key) => this.slot(commands, first + key))
    return new Split(job, command, slots).send()
  }

  private forward(job: Job, command: number, id: number, slot: number): Task {
    const isKept = this.near !== undefined && (id === GET || id === Routes.MGET)
    const task = isKept ? new NearRead(job, command) : new Forwarded(job, command)
    return task.sendTo(this.cluster.owner(slot, job.caller.database))
  }

  /** The slot that all keys of a command have; nothing if there are several. */
  private slotOfAll(commands: CommandBatch, command: number): number | undefined {
    if (!this.cluster.isCluster) return 0
    const first = commands.firstKey(command)
    const count = commands.keysOf(command)
    if (count === 0) return 0
    const slot = this.slot(commands, first)
    for (let key = first + 1; key < first + count; key++) if (this.slot(commands, key) !== slot) return undefined
    return slot
  }

  private slot(commands: CommandBatch, key: number): number {
    return slotOf(commands.view, commands.keyStart(key), commands.keyLength(key))
  }

  private executeHere(commands: CommandBatch, command: number, caller: Caller, now: number, sink: ReplySink): void {
    const entry = table[commands.id(command)]
    const refusal = refusals.get(entry?.name ?? "")
    if (refusal !== undefined) return sink.error(ERR, refusal)
    const { execution } = this
    execution.now = now
    execution.caller = caller
    execution.database = caller.database
    execution.sink = sink
    entry?.execute?.(execution, commands, command)
  }

  // --- what tasks need

  read(isHit: boolean): void {
    if (isHit) this.hits++
    else this.misses++
  }

  encode(commands: CommandBatch, command: number, out: Outbox): void {
    const id = commands.id(command)
    const isPut = id === PUT || id === Routes.PUT_BYTES
    const argc = id === Routes.FLUSH ? 0 : commands.argc(command)
    const ttl = isPut && argc > 2 ? parseDigits(commands.text(command, 2)) : 0
    const words = isPut ? 2 : argc
    Routes.begin(id, words + (ttl > 0 ? 2 : 0), out)
    for (let argument = 0; argument < words; argument++) out.argument(commands, command, argument)
    if (ttl === 0) return
    out.raw(EX)
    out.text(String(ttl))
  }

  // --- what is known of the whole

  clear(now: number): Effect.Effect<void> | undefined {
    const commands = new CommandBatch()
    commands.open(Routes.FLUSH)
    commands.close()
    return this.execute(commands, 0, 1, now, { database: 0 }, new KeptReply())
  }

  stats(): StoreStats {
    const { engine } = this.memory
    return {
      keys: engine.size,
      bytes: Math.min(engine.usedBytes, engine.heldBytes),
      held: engine.heldBytes,
      ...this.statistics.counts,
      hits: this.hits + (this.near?.stats().hits ?? 0),
      misses: this.misses,
      deleted: 0,
      expired: 0,
      evicted: 0,
      replaced: 0
    }
  }

  levels(): StoreLevels {
    const { engine } = this.memory
    return {
      databases: [{ keys: engine.size, timed: engine.timedKeys }],
      peak: engine.usedBytes,
      maxMemory: engine.maxMemory
    }
  }

  setMaxMemory(maxMemory: number | undefined): void {
    this.memory.engine.setMaxMemory(maxMemory)
  }

  /** For who asks in other ways than by a command. */
  private explain(database: number, key: Buffer, now: number): Effect.Effect<string> {
    return Effect.suspend(() => {
      const commands = new CommandBatch()
      const kept = new KeptReply()
      commands.begin(key)
      commands.addKeyed(Routes.EXPLAIN, 0, key.length)
      this.prepare(commands)
      const pending = this.execute(commands, 0, 1, now, { database }, kept)
      return Effect.map(pending ?? Effect.void, () => {
        const { reply } = kept
        return reply._tag === "Simple" ? reply.text : reply._tag === "Error" ? reply.message : ""
      })
    })
  }
}

/** Puts a reply that was kept. What is answered from near has no maps and no errors of several lines. */
const put = (reply: Kept, sink: ReplySink): void => {
  switch (reply._tag) {
    case "Simple":
      return sink.simple(reply.text)
    case "Error":
      return sink.error(reply.code, reply.message)
    case "Integer":
      return sink.integer(reply.value)
    case "Double":
      return sink.double(reply.value)
    case "Bulk":
      return sink.bulk(reply.bytes, 0, reply.bytes.length)
    case "Null":
      return sink.null()
    case "Parts":
      sink.array(reply.parts.length)
      for (const part of reply.parts) put(part, sink)
  }
}

const waitFor = (job: Job): Effect.Effect<void> =>
  Effect.callback((resume) => {
    job.onDone = (defect) => resume(defect === undefined ? Effect.void : Effect.die(defect))
    if (job.isDone) resume(Effect.void)
    return Effect.sync(() => job.abandon())
  })
