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
import { commands as table, PUT } from "../../commands/Commands.ts"
import { parseDigits } from "../../commands/Entry.ts"
import { type Caller, Execution } from "../../commands/Execution.ts"
import { MAX_TTL_SECONDS, TTL_MESSAGE } from "../../domain/Command.ts"
import { CommandBatch } from "../../domain/CommandBatch.ts"
import { ERR, FixedReply, type ReplySink } from "../../domain/Reply.ts"
import { CommandStatistics } from "../CommandStatistics.ts"
import type { ExecutorService, StoreLevels, StoreStats } from "../Executor.ts"
import type { MemoryEngineService } from "../MemoryEngine.ts"
import type { Cluster } from "./Cluster.ts"
import { slotOf } from "./EngineSlots.ts"
import { AnyKey, type DownPolicy, Everywhere, Forwarded, Job, type JobContext, Known, Scan, Split } from "./Job.ts"
import { type Outbox, prepared } from "./Outbox.ts"
import * as Routes from "./Routes.ts"

const wrongTtl = new FixedReply((sink) => sink.error(ERR, TTL_MESSAGE))
const crossSlot = new FixedReply((sink) => sink.error("CROSSSLOT", "Keys in request don't hash to the same slot"))

const EX = prepared("EX")

/** Commands whose answer would be about this process, where it is the engine's that is asked for. */
const refusals: ReadonlyMap<string, string> = new Map([
  ["WAIT", "WAIT is not possible here: all clients share the connections to the engine"]
])

export interface RedisExecutorOptions {
  readonly cluster: Cluster
  /** What is kept in this process. */
  readonly memory: MemoryEngineService
  readonly down: DownPolicy
}

export class RedisExecutor implements ExecutorService, JobContext {
  readonly changes: Changes
  readonly statistics = new CommandStatistics()
  readonly cluster: Cluster
  readonly down: DownPolicy
  readonly micros: () => number
  private readonly execution: Execution
  private readonly memory: MemoryEngineService
  private hits = 0
  private misses = 0
  private turn = 0

  constructor({ cluster, down, memory }: RedisExecutorOptions) {
    this.cluster = cluster
    this.memory = memory
    this.changes = memory.changes
    this.down = down
    this.micros = memory.micros
    this.execution = new Execution(memory.engine, memory.alarm, memory.changes, memory.unixTime)
  }

  prepare(): void {}

  execute(
    commands: CommandBatch,
    from: number,
    to: number,
    now: number,
    caller: Caller,
    sink: ReplySink
  ): Effect.Effect<void> | undefined {
    const { calls } = this.statistics
    const job = new Job(this, commands, from, caller, sink, now)
    for (let command = from; command < to; command++) {
      const id = commands.id(command)
      calls[id] = (calls[id] ?? 0) + 1
      this.begin(job, commands, command, id, now)
    }
    job.close()
    return job.isDone ? undefined : waitFor(job)
  }

  /** Everything that can be sent of a command is sent. */
  private begin(job: Job, commands: CommandBatch, command: number, id: number, now: number): void {
    const { caller } = job
    const { database } = caller
    switch (Routes.routes[id]) {
      case Routes.SPLIT:
        return this.split(job, commands, command)
      case Routes.KEYED:
        return this.keyed(job, commands, command, id)
      case Routes.EVERYWHERE: {
        const masters = this.cluster.all(database)
        if (id === Routes.SCAN) return add(job, new Scan(job, command), (task) => task.send(masters))
        if (id === Routes.RANDOMKEY) {
          return add(job, new AnyKey(job, command), (task) => task.ask(masters, this.turn++))
        }
        return add(job, new Everywhere(job, command), (task) => task.send(masters))
      }
      case Routes.ANYWHERE: {
        const [master] = this.cluster.all(database)
        return add(job, new Forwarded(job, command), (task) => (master === undefined ? task.unserved() : master.send(task)))
      }
      default:
        return job.add(new Known((sink) => this.executeHere(commands, command, caller, now, sink)))
    }
  }

  private keyed(job: Job, commands: CommandBatch, command: number, id: number): void {
    if (id === Routes.PUT_BYTES && commands.argc(command) > 2) {
      const isTtl = parseDigits(commands.text(command, 2)) <= MAX_TTL_SECONDS
      if (!isTtl) return job.add(new Known((sink) => sink.fixed(wrongTtl)))
    }
    const slot = this.slotOfAll(commands, command)
    if (slot === undefined) return job.add(new Known((sink) => sink.fixed(crossSlot)))
    this.forward(job, command, slot)
  }

  private split(job: Job, commands: CommandBatch, command: number): void {
    const slot = this.slotOfAll(commands, command)
    if (slot !== undefined) return this.forward(job, command, slot)
    // An odd number of arguments of an MSET is the server's to refuse.
    const argc = commands.argc(command)
    if (commands.id(command) === Routes.MSET && argc % 2 === 1) return this.forward(job, command, 0)
    const first = commands.firstKey(command)
    const slots = Array.from({ length: commands.keysOf(command) }, (_, key) => this.slot(commands, first + key))
    add(job, new Split(job, command, slots), (task) => task.send())
  }

  private forward(job: Job, command: number, slot: number): void {
    const node = this.cluster.owner(slot, job.caller.database)
    add(job, new Forwarded(job, command), (task) => (node === undefined ? task.unserved() : node.send(task)))
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
    return slotOf(commands.bytes, commands.keyStart(key), commands.keyLength(key))
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
    const name = Routes.names[id]
    if (name === undefined) return
    const isPut = id === PUT || id === Routes.PUT_BYTES
    const argc = id === Routes.FLUSH ? 0 : commands.argc(command)
    const ttl = isPut && argc > 2 ? parseDigits(commands.text(command, 2)) : 0
    const words = isPut ? 2 : argc
    out.begin(name.words + words + (ttl > 0 ? 2 : 0))
    out.raw(name.bytes)
    for (let argument = 0; argument < words; argument++) {
      out.word(commands.bytes, commands.argStart(command, argument), commands.argLength(command, argument))
    }
    if (ttl === 0) return
    out.raw(EX)
    out.text(String(ttl))
  }

  // --- what is known of the whole

  clear(now: number): Effect.Effect<void> | undefined {
    const commands = new CommandBatch()
    commands.open(Routes.FLUSH)
    commands.close()
    return this.execute(commands, 0, 1, now, { database: 0 }, nowhere)
  }

  stats(): StoreStats {
    const { engine } = this.memory
    return {
      keys: engine.size,
      bytes: Math.min(engine.usedBytes, engine.heldBytes),
      held: engine.heldBytes,
      puts: this.count("puts"),
      gets: this.count("gets"),
      deletes: this.count("deletes"),
      existences: this.count("existences"),
      flushes: this.count("flushes"),
      hits: this.hits,
      misses: this.misses,
      deleted: 0,
      expired: 0,
      evicted: 0,
      replaced: 0
    }
  }

  levels(): StoreLevels {
    const { engine } = this.memory
    return { databases: [{ keys: engine.size, timed: engine.timedKeys }], peak: engine.usedBytes, maxMemory: engine.maxMemory }
  }

  setMaxMemory(maxMemory: number | undefined): void {
    this.memory.engine.setMaxMemory(maxMemory)
  }

  private count(counter: "puts" | "gets" | "deletes" | "existences" | "flushes"): number {
    return table.reduce((sum, entry, id) => sum + (entry.counter === counter ? (this.statistics.calls[id] ?? 0) : 0), 0)
  }
}

const add = <A extends Known | Forwarded | Split | Everywhere | AnyKey | Scan>(
  job: Job,
  task: A,
  send: (task: A) => void
): void => {
  job.add(task)
  send(task)
}

const waitFor = (job: Job): Effect.Effect<void> =>
  Effect.callback((resume) => {
    job.onDone = (defect) => resume(defect === undefined ? Effect.void : Effect.die(defect))
    if (job.isDone) resume(Effect.void)
    return Effect.sync(() => job.abandon())
  })
