/**
 * The near cache: copies of values that a server or a cluster has, in the memory of this process, coherent with them.
 * Pure: it is told of what happens (reads sent and answered, writes, invalidations, connections opened and lost, slots
 * moved), takes `now` as an argument, and knows no socket. See `store/redis/` for what tells it.
 *
 * The copies are in a memory engine, which bounds, orders and expires them, and commands are answered from it by the code
 * that answers them in the memory of this process.
 *
 * **Sources.** A value belongs to the source that it was read from: a connection on which the server says what has
 * changed. Of a single server, that is one for each database, by whose number it goes. In a cluster it is one for each
 * master, which has a small number, and a table says which one has a slot. When a source is lost, or a slot leaves
 * it, or nobody is sure, everything of it is dropped at once, in constant time: the values of a source are a
 * database of the engine, called a shelf, and that is cleared. More sources than shelves share them, which drops more
 * than needed, never less.
 *
 * **Deadlines.** A value is fresh until its own deadline, but no longer than `ttl` from when it was asked for. It is
 * kept for `staleTtl` more, and may be answered then, as if it were there, if its server cannot be. What a source loses
 * is set aside for that on a second shelf. Whatever is written or invalidated is gone from both.
 *
 * A miss is not kept: a key that is not there is asked for each time. While there is room, every value that is read is kept;
 * once others have to go for it, only what was asked for twice is (`Doorkeeper.ts`).
 */
import type { Alarm } from "../../commands/Alarm.ts"
import type { Changes } from "../../commands/Changes.ts"
import { commands as table, GET } from "../../commands/Commands.ts"
import { type Caller, Execution } from "../../commands/Execution.ts"
import { answer } from "../../commands/StringValue.ts"
import type { CommandBatch } from "../../domain/CommandBatch.ts"
import type { ReplySink } from "../../domain/Reply.ts"
import { type Engine, NOT_THERE, STORED } from "../../engine/Engine.ts"
import { DATABASES, DELETED, EVICTED, MAX_KEY_LENGTH, REPLACED } from "../../engine/Limits.ts"
import type { CommandStatistics } from "../CommandStatistics.ts"
import { Doorkeeper } from "./Doorkeeper.ts"
import { SLOTS, slotOf } from "./Slot.ts"
import { type PendingRead, Source } from "./Source.ts"

/** The longest value that is kept, in bytes. Copying it takes about 0.3 ms. */
export const MAX_NEAR_VALUE = 1024 * 1024

/** No source has the key, or it is not sure which one. */
export const NO_SOURCE = -1

/** Instead of the ms that a key has left, as PTTL answers it. */
const NO_DEADLINE = -1

/** Commands whose reply follows from the values of their keys alone. Where a key is not there, the server is asked. */
export const ANSWERED: ReadonlySet<string> = new Set([
  "GET",
  "MGET",
  "STRLEN",
  "GETRANGE",
  "SUBSTR",
  "EXISTS",
  "TYPE",
  "GETBIT",
  "BITCOUNT",
  "BITPOS"
])

/** By id. */
const isAnswered = Uint8Array.from(table, ({ name }) => (ANSWERED.has(name) ? 1 : 0))

const MGET = table.findIndex(({ name }) => name === "MGET")

export interface NearOptions {
  /** How long a value may be answered from when it was asked for, in ms. More than 0. */
  readonly ttl: number
  /** How much longer it may be answered in place of a server that cannot answer, in ms; 0 for not at all. */
  readonly staleTtl: number
}

/** The memory that the values are kept in: a `MemoryEngine` of their own. */
export interface NearMemory {
  readonly engine: Engine
  readonly alarm: Alarm
  readonly changes: Changes
  readonly unixTime: (now: number) => number
}

/** What has happened since the start. Levels are named. */
export interface NearStats {
  /** Commands that were answered from here. */
  readonly hits: number
  /** Commands that were answered from here in place of a server that could not. */
  readonly staleHits: number
  /** Keys that were read from servers to be kept. */
  readonly reads: number
  /** Replies to them that were kept. */
  readonly kept: number
  /** Replies to them that were overtaken, and so were not kept. */
  readonly dirty: number
  /** Keys that servers said have changed. */
  readonly invalidations: number
  /** How often a server said that all keys have changed. */
  readonly flushes: number
  /** How often everything of a source was dropped: its connection was lost, slots left it, or nobody was sure. */
  readonly drops: number
  /** A level: keys that are kept. Those set aside count, too, and those that have expired until they are removed. */
  readonly keys: number
  /** A level: the memory that they take, in bytes. */
  readonly bytes: number
  /** A level: reads under way. */
  readonly pending: number
}

/** How a key is kept. Times in ms. */
export type NearLook =
  | { readonly _tag: "Fresh"; readonly idle: number; readonly left: number; readonly bytes: number }
  /** It may be answered in place of a server that cannot be asked. */
  | { readonly _tag: "Stale"; readonly since: number; readonly left: number }
  | { readonly _tag: "Absent"; readonly shelf: number }

/** The key that is looked for, where it comes from no batch. */
const keyBytes = Buffer.allocUnsafeSlow(MAX_KEY_LENGTH)
const keyView = new DataView(keyBytes.buffer)

let lastView: DataView = keyView

/** All memory that some bytes are in. Values that were read together are in the same. */
const viewOf = ({ buffer }: Buffer): DataView => {
  if (lastView.buffer !== buffer) lastView = new DataView(buffer)
  return lastView
}

export class NearCache {
  private readonly engine: Engine
  private readonly alarm: Alarm
  private readonly execution: Execution
  private readonly statistics: CommandStatistics
  private readonly ttl: number
  private readonly staleTtl: number
  /** How many shelves there are. What is set aside of shelf s is in database s + shelves. */
  private readonly shelves: number
  private readonly sources: Array<Source> = []
  // By slot: the source, or NO_SOURCE; and the last one that there was. Absent for a single server.
  private owners: Int16Array | undefined = undefined
  private lastOwners: Int16Array | undefined = undefined
  // The last value that was kept has pushed others out.
  private isFull = false
  private doorkeeper: Doorkeeper | undefined = undefined
  private hits = 0
  private staleHits = 0
  private reads = 0
  private kept = 0
  private dirty = 0
  private invalidations = 0
  private flushes = 0
  private drops = 0

  /** `statistics` counts the commands that are answered from here. */
  constructor(memory: NearMemory, statistics: CommandStatistics, { staleTtl, ttl }: NearOptions) {
    this.engine = memory.engine
    this.alarm = memory.alarm
    this.execution = new Execution(memory.engine, memory.alarm, memory.changes, memory.unixTime)
    this.statistics = statistics
    this.ttl = ttl
    this.staleTtl = staleTtl
    this.shelves = staleTtl > 0 ? DATABASES / 2 : DATABASES
  }

  // --- answering

  /** Sets the hashes of a batch's keys. To be called before anything else is done with it. */
  prepare(commands: CommandBatch): void {
    this.engine.prepare(commands, 0)
  }

  /**
   * Answers commands of a prepared batch from `from` on, in order, up to `to` (exclusive) or to the first one that it
   * cannot answer. Returns that one, or `to`.
   */
  answer(commands: CommandBatch, from: number, to: number, now: number, caller: Caller, sink: ReplySink): number {
    const { engine, execution, statistics } = this
    const { calls } = statistics
    const { view } = commands
    this.enter(now, caller, sink)
    for (let command = from; command < to; command++) {
      const id = commands.id(command)
      if (id !== GET) {
        if (isAnswered[id] === 0 || !this.answerOne(commands, command, now, caller, false)) return command
        continue
      }
      const key = commands.firstKey(command)
      const shelf = this.shelfOf(this.sourceOf(commands, key, caller.database))
      if (shelf === NO_SOURCE) return command
      const start = commands.keyStart(key)
      const entry = engine.find(view, start, commands.keyLength(key), commands.hash(key), shelf, now)
      if (entry === NOT_THERE || !this.isFresh(entry, now)) return command
      statistics.current = id
      calls[id]!++
      this.hits++
      if (execution.touches) engine.touch(entry)
      sink.begin()
      answer(execution, entry)
    }
    return to
  }

  /** Whether `answer` would answer a command now. */
  answers(commands: CommandBatch, command: number, now: number, caller: Caller): boolean {
    return isAnswered[commands.id(command)] === 1 && this.hasAll(commands, command, now, caller.database, false)
  }

  /**
   * Answers a command with values that may be stale, because its server cannot answer. Returns whether it had them all.
   */
  answerStale(commands: CommandBatch, command: number, now: number, caller: Caller, sink: ReplySink): boolean {
    if (this.staleTtl === 0 || isAnswered[commands.id(command)] === 0) return false
    this.enter(now, caller, sink)
    return this.answerOne(commands, command, now, caller, true)
  }

  private enter(now: number, caller: Caller, sink: ReplySink): void {
    const { engine, execution } = this
    if (engine.isBroken) throw new Error("the near cache was left half-changed")
    execution.now = now
    execution.caller = caller
    execution.touches = caller.isUntouching !== true
    execution.sink = sink
  }

  private answerOne(commands: CommandBatch, command: number, now: number, caller: Caller, isStale: boolean): boolean {
    const { database } = caller
    if (!this.hasAll(commands, command, now, database, isStale)) return false
    const { execution, statistics } = this
    const { sink } = execution
    const first = commands.firstKey(command)
    const keys = commands.keysOf(command)
    const id = commands.id(command)
    statistics.begin(id)
    if (isStale) this.staleHits++
    else this.hits++
    sink.begin()
    if (id === MGET) {
      sink.array(keys)
      for (let key = first; key < first + keys; key++) {
        const entry = this.locate(commands, key, now, database, isStale)
        if (execution.touches) this.engine.touch(entry)
        answer(execution, entry)
      }
    } else if (keys > 1) {
      // All that EXISTS asks for are there.
      sink.integer(keys)
    } else {
      execution.database = this.engine.database(this.locate(commands, first, now, database, isStale))
      const slices = table[id]?.execute?.(execution, commands, command)
      // No value is so long that others would have to be served meanwhile.
      if (slices !== undefined) while (slices.next(execution));
    }
    return true
  }

  private hasAll(commands: CommandBatch, command: number, now: number, database: number, isStale: boolean): boolean {
    const first = commands.firstKey(command)
    const end = first + commands.keysOf(command)
    for (let key = first; key < end; key++) {
      if (this.locate(commands, key, now, database, isStale) === NOT_THERE) return false
    }
    return true
  }

  /** The entry of a key, or `NOT_THERE`. Its database is not always that of its shelf if it may be stale. */
  private locate(commands: CommandBatch, key: number, now: number, database: number, isStale: boolean): number {
    const { engine } = this
    const { view } = commands
    const shelf = this.shelfOf(
      isStale ? this.lastSourceOf(commands, key, database) : this.sourceOf(commands, key, database)
    )
    if (shelf === NO_SOURCE) return NOT_THERE
    const start = commands.keyStart(key)
    const length = commands.keyLength(key)
    const hash = commands.hash(key)
    const entry = engine.find(view, start, length, hash, shelf, now)
    if (entry !== NOT_THERE && (isStale || this.isFresh(entry, now))) return entry
    return isStale ? engine.find(view, start, length, hash, shelf + this.shelves, now) : NOT_THERE
  }

  /** Whether a key of a prepared batch is kept, and fresh. */
  has(commands: CommandBatch, key: number, database: number, now: number): boolean {
    return this.locate(commands, key, now, database, false) !== NOT_THERE
  }

  private isFresh(entry: number, now: number): boolean {
    return this.staleTtl === 0 || now < this.engine.deadline(entry) - this.staleTtl
  }

  /** Looks at a key of a prepared batch, which is no use of it. */
  look(commands: CommandBatch, key: number, database: number, now: number): NearLook {
    const { engine, staleTtl } = this
    const fresh = this.locate(commands, key, now, database, false)
    if (fresh !== NOT_THERE) {
      const left = engine.deadline(fresh) - staleTtl - now
      return { _tag: "Fresh", idle: engine.idleTime(fresh), left, bytes: engine.bytesIn(fresh) }
    }
    const stale = staleTtl === 0 ? NOT_THERE : this.locate(commands, key, now, database, true)
    if (stale === NOT_THERE) {
      return { _tag: "Absent", shelf: this.shelfOf(this.sourceOf(commands, key, database)) }
    }
    const left = engine.deadline(stale) - now
    // What was set aside has ceased to be fresh before its time.
    return { _tag: "Stale", since: Math.max(0, staleTtl - left), left }
  }

  // --- where a key belongs

  /** The source that has a key of a batch, or `NO_SOURCE`. Who reads it from another one has nothing to keep. */
  sourceOf(commands: CommandBatch, key: number, database: number): number {
    const { owners } = this
    if (owners === undefined) return database
    return database === 0 ? owners[slotOf(commands.view, commands.keyStart(key), commands.keyLength(key))]! : NO_SOURCE
  }

  private lastSourceOf(commands: CommandBatch, key: number, database: number): number {
    const { lastOwners } = this
    if (lastOwners === undefined) return database
    return database === 0
      ? lastOwners[slotOf(commands.view, commands.keyStart(key), commands.keyLength(key))]!
      : NO_SOURCE
  }

  private shelfOf(source: number): number {
    const { shelves } = this
    if (source < shelves) return source
    return this.owners === undefined ? NO_SOURCE : source % shelves
  }

  private source(number: number): Source {
    for (let next = this.sources.length; next <= number; next++) this.sources.push(this.makeSource(next))
    return this.sources[number]!
  }

  protected makeSource(number: number): Source {
    return new Source(number)
  }

  // --- reads from servers

  /** Whether a key of a prepared batch is worth keeping when it is read. To be asked once for each read. */
  admits(commands: CommandBatch, key: number): boolean {
    if (!this.isFull) return true
    const { size } = this.engine
    if (this.doorkeeper?.suits(size) !== true) this.doorkeeper = new Doorkeeper(size)
    return this.doorkeeper.admits(commands.hash(key))
  }

  /**
   * A read of a key of a prepared batch is sent to `source`: PTTL and then GET, together, on the source's own connection.
   * What they answer must come to `complete`; or else `abandon` must be called, as when it was redirected elsewhere.
   * A change between the two is told by a server that tracks, since PTTL reads the key, too. Where a server does not, a value
   * may be kept with the TTL of the one before, but for no longer than all that is kept from there.
   */
  begin(source: number, commands: CommandBatch, key: number, database: number, now: number): PendingRead {
    this.reads++
    const mayKeep = this.sourceOf(commands, key, database) === source && this.shelfOf(source) !== NO_SOURCE
    return this.source(source).begin(commands, key, now, mayKeep)
  }

  /**
   * The reply to a read: the value, or nothing if there is none or the key holds something else than a string, and
   * `left`, what PTTL answered. It is kept unless it was overtaken.
   */
  complete(read: PendingRead, value: Buffer | undefined, left: number, now: number): void {
    if (!read.source.end(read)) {
      this.dirty++
      return
    }
    if (value === undefined || value.length > MAX_NEAR_VALUE || (left <= 0 && left !== NO_DEADLINE)) return
    // What is left when the server answers is counted from when it was asked, so that nothing is kept for too long.
    const fresh = read.sentAt + (left === NO_DEADLINE ? this.ttl : Math.min(left, this.ttl))
    if (fresh > now) this.keep(read, value, fresh + this.staleTtl, now)
  }

  /** A read has failed, or was answered by somebody else than its source. */
  abandon(read: PendingRead): void {
    read.source.end(read)
  }

  private keep({ commands, key, source }: PendingRead, value: Buffer, deadline: number, now: number): void {
    const { engine } = this
    const evicted = engine.removed(EVICTED)
    const outcome = engine.set(
      commands.view,
      commands.keyStart(key),
      commands.keyLength(key),
      commands.hash(key),
      this.shelfOf(source.number),
      viewOf(value),
      value.byteOffset,
      value.length,
      deadline,
      now
    )
    if (outcome === STORED) this.kept++
    this.isFull = engine.removed(EVICTED) > evicted
    this.alarm.due(Math.min(deadline, engine.nextMaintenance))
  }

  // --- what makes values old

  /** A server says on a source's connection that a key may have changed; without a key, that all of them may. */
  invalidated(source: number, key: Buffer | undefined, now: number): void {
    if (key === undefined) {
      this.flushes++
      this.source(source).overtakeAll()
      return this.clear(this.shelfOf(source), now)
    }
    this.invalidations++
    if (key.length > MAX_KEY_LENGTH) return
    key.copy(keyBytes)
    const hash = this.engine.hashOf(keyView, 0, key.length)
    this.forget(source, keyView, 0, key.length, hash, DELETED, now)
    // The table may not know yet that the slot has moved to whoever tells of the key.
    const { lastOwners } = this
    const owner = lastOwners === undefined ? source : lastOwners[slotOf(keyView, 0, key.length)]!
    if (owner !== source && owner !== NO_SOURCE) {
      this.forget(owner, keyView, 0, key.length, hash, DELETED, now)
    }
  }

  /**
   * A command that writes is about to be sent, so that a read behind it travels with it. To be called again when it has been
   * answered, before that is passed on, or when it has failed: what was read meanwhile may be older.
   */
  written(commands: CommandBatch, command: number, database: number, now: number): void {
    const { view } = commands
    const first = commands.firstKey(command)
    const end = first + commands.keysOf(command)
    if (first === end) return this.forgetAll(now)
    for (let key = first; key < end; key++) {
      const start = commands.keyStart(key)
      const length = commands.keyLength(key)
      const hash = commands.hash(key)
      if (this.owners !== undefined) {
        this.forget(this.lastSourceOf(commands, key, database), view, start, length, hash, REPLACED, now)
        continue
      }
      // MOVE and COPY also write to another database of a single server.
      for (const { number } of this.sources) {
        this.forget(number, view, start, length, hash, REPLACED, now)
      }
    }
  }

  /**
   * A key of a source may have changed. It is dropped, and so is what is set aside of it. `reason` is `DELETED` if the
   * source says so, and `REPLACED` if it is written through here: what is told of the key differs.
   */
  private forget(
    source: number,
    view: DataView,
    start: number,
    length: number,
    hash: number,
    reason: number,
    now: number
  ): void {
    const { engine } = this
    const shelf = this.shelfOf(source)
    if (shelf === NO_SOURCE) return
    this.source(source).overtake(hash)
    for (let database = shelf; database < DATABASES; database += this.shelves) {
      const entry = engine.find(view, start, length, hash, database, now)
      if (entry !== NOT_THERE) engine.remove(entry, reason)
    }
  }

  /** Any key may have changed, wherever it is. */
  forgetAll(now: number): void {
    for (const source of this.sources) {
      source.overtakeAll()
      this.clear(this.shelfOf(source.number), now)
    }
  }

  /** Drops everything of a shelf, and what is set aside of it. */
  private clear(shelf: number, now: number): void {
    if (shelf === NO_SOURCE) return
    this.isFull = false
    for (let database = shelf; database < DATABASES; database += this.shelves) this.engine.clearDatabase(database, now)
    this.alarm.due(this.engine.nextMaintenance)
  }

  // --- connections and slots

  /**
   * A source has a new connection, whose server tells of changes from now on, if it can. What is read from it is kept.
   * Returns its generation.
   */
  opened(source: number, now: number): number {
    this.setAside(source, now)
    const its = this.source(source)
    its.setOpen(true)
    return its.generation
  }

  /** A source's connection is lost, or has been silent for too long. Nothing of it is kept until it is opened again. */
  lost(source: number, now: number): void {
    this.setAside(source, now)
    this.source(source).setOpen(false)
  }

  /**
   * The source of each slot, or `NO_SOURCE` where it is not known. What has another source now is dropped, with
   * everything else of the source that had it. Without a table, the server is a single one, as it is before the first
   * call. Numbers of sources are small: those that are no longer used are used again.
   */
  setSlots(owners: Int16Array, now: number): void {
    const lastOwners = (this.lastOwners ??= new Int16Array(SLOTS).fill(NO_SOURCE))
    const before = this.owners ?? lastOwners
    // By source: whether it is not sure of a slot any more, or has lost one to another source.
    const unsure = new Uint8Array(this.sources.length)
    const left = new Uint8Array(this.sources.length)
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = owners[slot]!
      if (owner === before[slot]) continue
      const last = lastOwners[slot]!
      if (owner === NO_SOURCE) unsure[last] = 1
      else if (last !== owner) {
        if (last !== NO_SOURCE) left[last] = 1
        lastOwners[slot] = owner
      }
    }
    this.owners = owners.slice()
    unsure.forEach((isIt, source) => {
      if (isIt === 1) this.setAside(source, now)
    })
    left.forEach((isIt, source) => {
      if (isIt === 1) this.abandonSource(source, now)
    })
  }

  /** It is not sure which source has which slot, until `setSlots` says so. */
  unsure(now: number): void {
    if (this.owners !== undefined) return this.setSlots(new Int16Array(SLOTS).fill(NO_SOURCE), now)
    for (const { number } of this.sources) this.setAside(number, now)
  }

  protected abandonSource(source: number, now: number): void {
    this.drops++
    this.source(source).overtakeAll()
    this.clear(this.shelfOf(source), now)
  }

  /** Drops everything of a source, which may be answered only where stale values may. */
  protected setAside(source: number, now: number): void {
    const { engine, shelves } = this
    const shelf = this.shelfOf(source)
    this.source(source).overtakeAll()
    if (shelf === NO_SOURCE || engine.keysIn(shelf) === 0) return
    this.drops++
    const aside = shelf + shelves
    // A connection that comes and goes has read little in between.
    if (aside < DATABASES && engine.keysIn(shelf) >= engine.keysIn(aside)) engine.swapDatabases(shelf, aside)
    engine.clearDatabase(shelf, now)
    this.alarm.due(engine.nextMaintenance)
  }

  // --- figures

  stats(): NearStats {
    const { engine } = this
    return {
      hits: this.hits,
      staleHits: this.staleHits,
      reads: this.reads,
      kept: this.kept,
      dirty: this.dirty,
      invalidations: this.invalidations,
      flushes: this.flushes,
      drops: this.drops,
      keys: engine.size,
      bytes: Math.min(engine.usedBytes, engine.heldBytes),
      pending: this.sources.reduce((sum, { pending }) => sum + pending, 0)
    }
  }
}
