/**
 * A front over simulated servers, for a model: clients whose commands are answered by a `NearCache` or by servers, as an
 * executor does it, and a judge of every value that is answered. It breaks rules where a defect is asked for.
 */
import { commands as table, GET } from "../../../src/commands/Commands.ts"
import type { Caller } from "../../../src/commands/Execution.ts"
import { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { type Kept, KeptReply } from "../../../src/store/KeptReply.ts"
import type { NearCache } from "../../../src/store/near/NearCache.ts"
import { SLOTS, slotOf } from "../../../src/store/near/Slot.ts"
import type { PendingRead } from "../../../src/store/near/Source.ts"
import { type Answer, History, Link, type Message, type Request, type Schedule, Server } from "./Servers.ts"

/** What a front does wrong. */
export type Mistake =
  | "does not tell of writes when they are answered"
  | "opens a source before changes are told of"
  | "does not tell of lost connections"
  | "drops invalidations"
  | "takes the reply of another source"
  | "has a key tracked after it was read"

export interface Circumstances {
  readonly masters: number
  readonly isTracked: boolean
  readonly ttl: number
  readonly staleTtl: number
}

interface Step {
  readonly batch: CommandBatch
  readonly keys: ReadonlyArray<ReadonlyArray<string>>
}

const SET = table.findIndex(({ name }) => name === "SET")
const DEL = table.findIndex(({ name }) => name === "DEL")
const MGET = table.findIndex(({ name }) => name === "MGET")
const FLUSHALL = table.findIndex(({ name }) => name === "FLUSHALL")

/** Keys of several slots; two of them share one. */
const KEYS = ["a", "b{x}", "c{x}"] as const

const caller: Caller = { database: 0 }

const slots = new Map(
  KEYS.map((key) => {
    const bytes = Buffer.from(key)
    return [key, slotOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)] as const
  })
)
const slotOfKey = (key: string): number => slots.get(key === "a" ? "a" : "b{x}") ?? 0

const tables = new Map<number, Int16Array>()

/** The table of slots by the owners of the two slots that have keys. All others are of source 0. */
const ownersOf = (first: number, second: number): Int16Array => {
  const name = first * 100 + second
  const known = tables.get(name)
  if (known !== undefined) return known
  const owners = new Int16Array(SLOTS)
  owners[slotOfKey("a")] = first
  owners[slotOfKey("b{x}")] = second
  tables.set(name, owners)
  return owners
}

const steps = new Map<string, Step>()

/** A batch of commands, each written as a letter and its keys. Batches are made once: nothing of them changes. */
const step = (...commands: ReadonlyArray<readonly [id: number, ...keys: ReadonlyArray<string>]>): Step => {
  const name = commands.join(";")
  const known = steps.get(name)
  if (known !== undefined) return known
  const batch = new CommandBatch()
  batch.begin(Buffer.from(commands.map(([, ...keys]) => keys.map((key) => `${key}v`).join("")).join("")))
  let at = 0
  for (const [id, ...keys] of commands) {
    batch.open(id)
    for (const key of keys) {
      batch.key(at, key.length)
      if (id === SET) batch.argument(at + key.length, 1)
      at += key.length + 1
    }
    batch.close()
  }
  const made = { batch, keys: commands.map(([, ...keys]) => keys) }
  steps.set(name, made)
  return made
}

/** Keeps the replies of a range of commands. */
class Replies extends KeptReply {
  readonly all: Array<Kept> = []
  private hasBegun = false

  override begin(): void {
    if (this.hasBegun) this.all.push(this.reply)
    this.hasBegun = true
    super.begin()
  }

  end(): ReadonlyArray<Kept> {
    if (this.hasBegun) this.all.push(this.reply)
    return this.all
  }
}

/** What a command waits for. */
interface Waiting {
  /** Nothing is sent: near values are expected to answer it. */
  isNear: boolean
  isDone: boolean
  onDone: (() => void) | undefined
}

interface Sent {
  readonly request: Request
  readonly onAnswer: (answer: Answer | undefined) => void
}

/** The tracked connection of a source. */
interface Connection {
  readonly link: Link
  sent: Array<Sent>
}

export class Front {
  readonly history = new History()
  private readonly servers: Array<Server> = []
  /** By key: the server that has it, and the source that this front believes has it. */
  private readonly homes = new Map<string, number>()
  private readonly believed = new Map<string, number>()
  /** By source: the server, whose number does not change, and the connection to it. */
  private readonly connections: Array<Connection | undefined> = []
  // What was acknowledged to any client, and what was told of, by key; and how often that was lost by a failover.
  private readonly acknowledged = new Map<string, number>()
  private readonly told = new Map<string, number>()
  private readonly lineages = new Map<string, number>()
  private readonly schedule: Schedule
  private readonly near: NearCache
  private readonly circumstances: Circumstances
  private readonly mistake: Mistake | undefined
  /** The first thing that was wrong. */
  wrong: string | undefined = undefined
  /** Values that were answered from near, and in place of servers. */
  hits = 0
  staleHits = 0
  private busy = 0
  /** Slots that have another master, of which nobody has told. */
  private readonly takenOver = new Set<number>()
  /** What the near cache was told of slots, if that is still so. */
  private table: Int16Array | undefined = undefined

  constructor(schedule: Schedule, near: NearCache, circumstances: Circumstances, mistake: Mistake | undefined) {
    this.schedule = schedule
    this.near = near
    this.circumstances = circumstances
    this.mistake = mistake
    const { masters } = circumstances
    for (let number = 0; number < masters; number++) {
      this.servers.push(new Server(schedule, this.history, (key, server) => this.serverOf(key) === server))
      this.connections.push(undefined)
    }
    for (const key of KEYS) {
      const home = slotOfKey(key) % masters
      this.homes.set(key, home)
      this.believed.set(key, home)
      this.server(home).set(key, this.anyTtl())
    }
    this.learn()
    for (let number = 0; number < masters; number++) this.connect(number)
  }

  private serverOf(key: string): Server {
    return this.server(this.homes.get(key) ?? 0)
  }

  private server(number: number): Server {
    const server = this.servers[number]
    if (server === undefined) throw new Error(`there is no server ${number}`)
    return server
  }

  // --- what happens

  /** One client that sends so many batches, one after the other. */
  client(batches: number): void {
    const { schedule } = this
    if (batches === 0) return
    this.busy++
    schedule.after(schedule.below(8), () =>
      this.execute(this.anyStep(), () => {
        this.busy--
        this.client(batches - 1)
      })
    )
  }

  /** Another process writes. */
  foreignWrite(): void {
    const key = this.anyKey()
    const server = this.serverOf(key)
    if (!server.isAlive) return
    if (this.schedule.chance(0.1)) server.flush()
    else server.set(key, this.anyTtl())
  }

  /** A connection breaks, which this front finds out later. */
  cut(): void {
    const number = this.schedule.below(this.circumstances.masters)
    const connection = this.connections[number]
    if (connection !== undefined) this.breaks(number, connection)
  }

  /** A master dies. Its replica takes over, with fewer writes maybe. */
  failOver(): void {
    const number = this.schedule.below(this.circumstances.masters)
    const server = this.server(number)
    if (!server.isAlive) return
    server.isAlive = false
    const connection = this.connections[number]
    if (connection !== undefined) this.breaks(number, connection)
    this.schedule.after(this.schedule.below(15), () => {
      this.servers[number] = server.failOver()
      for (const [key, home] of this.homes) {
        if (home !== number) continue
        const { version } = this.server(number).look(key)
        this.acknowledged.set(key, Math.min(this.acknowledged.get(key) ?? 0, version))
        this.told.set(key, 0)
        this.lineages.set(key, this.lineage(key) + 1)
      }
    })
  }

  /** A slot moves to another master, which this front finds out when it is sent elsewhere, or later. */
  migrate(): void {
    const { masters } = this.circumstances
    const slot = slotOfKey(this.anyKey())
    const from = this.homes.get(KEYS.find((key) => slotOfKey(key) === slot) ?? "a") ?? 0
    const to = (from + 1) % masters
    if (to === from || !this.server(from).isAlive || !this.server(to).isAlive) return
    // A slot that was taken over and came back before anybody looked cannot be known of.
    if (this.takenOver.has(slot)) return
    // Keys that are moved one by one are told of; those of a slot that is taken over are not.
    const tells = this.schedule.chance(0.7)
    if (!tells) this.takenOver.add(slot)
    for (const key of KEYS) {
      if (slotOfKey(key) !== slot) continue
      this.server(from).give(key, this.server(to), tells)
      this.homes.set(key, to)
    }
    this.schedule.after(this.schedule.below(40), () => this.learn())
    if (this.schedule.chance(0.4)) this.schedule.after(this.schedule.below(50), () => this.migrate())
  }

  /** Something looks odd, and the table is read again. */
  unsure(): void {
    this.table = undefined
    this.near.unsure(this.schedule.now)
    this.schedule.after(this.schedule.below(5), () => this.learn())
  }

  /** Looks at everything that is kept when nothing is under way any more. */
  judgeQuiet(): void {
    this.learn()
    for (const key of KEYS) {
      const { batch } = step([GET, key])
      this.near.prepare(batch)
      const replies = new Replies()
      const { now } = this.schedule
      if (this.near.answer(batch, 0, 1, now, caller, replies) === 0) continue
      const value = versionIn(replies.end()[0])
      const { isPresent, version } = this.serverOf(key).look(key)
      if (this.circumstances.isTracked && (!isPresent || value !== version)) {
        this.fail(`${key} is kept as ${value}, and is ${isPresent ? version : "gone"}`)
      }
    }
    const { keys, pending } = this.near.stats()
    if (this.busy > 0) this.fail(`${this.busy} clients wait for ever`)
    if (pending > 0) this.fail(`${pending} reads are under way for ever`)
    if (keys > 2 * this.circumstances.masters * KEYS.length) this.fail(`${keys} keys are kept`)
  }

  // --- connections

  private connect(number: number): void {
    const { schedule } = this
    const link = new Link(schedule, this.server(number), (messages) => this.receive(number, connection, messages))
    const connection: Connection = { link, sent: [] }
    this.connections[number] = connection
    const open = (): void => {
      if (link.isUp) this.near.opened(number, schedule.now)
    }
    if (!this.circumstances.isTracked) return open()
    const isEarly = this.mistake === "opens a source before changes are told of"
    if (isEarly) open()
    // What is read meanwhile is not told of.
    schedule.after(schedule.below(6), () => this.send(connection, { _tag: "Track" }, isEarly ? () => {} : open))
  }

  private breaks(number: number, connection: Connection): void {
    const { link } = connection
    if (!link.isUp) return
    link.isUp = false
    // What a broken connection sends back is lost; who waits for it hears of it when the silence is noticed.
    this.schedule.after(this.schedule.below(12), () => {
      if (this.mistake !== "does not tell of lost connections") this.near.lost(number, this.schedule.now)
      this.connections[number] = undefined
      const { sent } = connection
      connection.sent = []
      for (const { onAnswer } of sent) onAnswer(undefined)
      this.reconnect(number)
    })
  }

  private reconnect(number: number): void {
    this.schedule.after(1 + this.schedule.below(6), () => {
      if (this.server(number).isAlive) this.connect(number)
      else this.reconnect(number)
    })
  }

  private send(
    connection: Connection | undefined,
    request: Request,
    onAnswer: (answer: Answer | undefined) => void
  ): void {
    // Nobody is told at once: whoever asks has not gone on yet.
    if (connection === undefined) return this.schedule.after(0, () => onAnswer(undefined))
    connection.sent.push({ request, onAnswer })
    connection.link.send(request)
  }

  /** What arrived together: invalidations are handled at once, answers as soon as their fibers run. */
  private receive(number: number, connection: Connection, messages: ReadonlyArray<Message>): void {
    const { near, schedule } = this
    for (const message of messages) {
      if (message._tag === "Answer") {
        const sent = connection.sent.shift()
        const isLate = schedule.chance(0.4)
        schedule.after(isLate ? schedule.below(4) : 0, () => sent?.onAnswer(message.answer))
        continue
      }
      if (this.mistake === "drops invalidations") continue
      const { key, version } = message
      near.invalidated(number, key === undefined ? undefined : Buffer.from(key), schedule.now)
      if (this.history.isLost[version] === true) continue
      for (const its of key === undefined ? KEYS : [key]) {
        // A flush is of those of one master.
        if (key === undefined && this.homes.get(its) !== number) continue
        this.told.set(its, Math.max(this.told.get(its) ?? 0, key === undefined ? 0 : version))
      }
    }
  }

  /** Learns which source has which slot. */
  private learn(): void {
    this.takenOver.clear()
    for (const [key, home] of this.homes) this.believed.set(key, home)
    if (this.circumstances.masters === 1) return
    const owners = ownersOf(this.believed.get("a") ?? 0, this.believed.get("b{x}") ?? 0)
    if (owners === this.table) return
    this.table = owners
    this.near.setSlots(owners, this.schedule.now)
  }

  // --- commands

  private anyKey(): string {
    return KEYS[this.schedule.below(KEYS.length)] ?? "a"
  }

  private anyTtl(): number | undefined {
    return this.schedule.chance(0.3) ? 1 + this.schedule.below(40) : undefined
  }

  private anyStep(): Step {
    const kind = this.schedule.below(20)
    const key = this.anyKey()
    if (kind < 9) return step([GET, key])
    if (kind < 12) return step([SET, key])
    if (kind < 14) return step([SET, key], [GET, key])
    if (kind < 16) return step([GET, "a"], [GET, key], [GET, "b{x}"])
    if (kind < 17) return step([MGET, "a", "c{x}"])
    if (kind < 18) return step([DEL, key], [GET, key])
    if (kind < 19) return step([GET, key], [SET, key], [GET, key])
    return this.circumstances.masters === 1 ? step([FLUSHALL]) : step([DEL, key])
  }

  private execute({ batch, keys }: Step, done: () => void): void {
    const { near, schedule } = this
    near.prepare(batch)
    const replies = new Replies()
    const at = near.answer(batch, 0, batch.count, schedule.now, caller, replies)
    this.judge(keys.slice(0, at), replies.end(), false)
    const waiting = keys.slice(at).map((its, index) => this.plan(batch, at + index, its))
    this.settle(batch, keys, at, waiting, done)
  }

  /** Sends a command, unless it is expected to be answered from near. */
  private plan(batch: CommandBatch, command: number, keys: ReadonlyArray<string>): Waiting {
    const id = batch.id(command)
    const waiting: Waiting = { isNear: false, isDone: false, onDone: undefined }
    if (id !== GET && id !== MGET) this.write(batch, command, keys, waiting)
    else if (this.near.answers(batch, command, this.schedule.now, caller)) waiting.isNear = true
    else this.read(batch, command, keys, waiting)
    return waiting
  }

  /** Goes on in order: the answer of a command that near values were to give is theirs if they are still there. */
  private settle(
    batch: CommandBatch,
    keys: ReadonlyArray<ReadonlyArray<string>>,
    at: number,
    waiting: ReadonlyArray<Waiting>,
    done: () => void
  ): void {
    const [first, ...rest] = waiting
    const its = keys[at]
    if (first === undefined || its === undefined) return done()
    const next = (): void => this.settle(batch, keys, at + 1, rest, done)
    if (first.isNear) {
      const replies = new Replies()
      if (this.near.answer(batch, at, at + 1, this.schedule.now, caller, replies) === at + 1) {
        this.judge([its], replies.end(), false)
        return next()
      }
      first.isNear = false
      this.read(batch, at, its, first)
    }
    if (first.isDone) next()
    else first.onDone = next
  }

  private finish(waiting: Waiting): void {
    waiting.isDone = true
    waiting.onDone?.()
  }

  private write(batch: CommandBatch, command: number, keys: ReadonlyArray<string>, waiting: Waiting): void {
    const { circumstances, mistake, near, schedule } = this
    near.written(batch, command, 0, schedule.now)
    const id = batch.id(command)
    const key = keys[0]
    const lineage = this.lineage(key ?? "a")
    const ttl = this.anyTtl()
    const request: Request =
      key === undefined ? { _tag: "Flush" } : id === SET ? { _tag: "Set", key, ttl } : { _tag: "Delete", key }
    const send = (source: number, redirections: number): void =>
      this.send(this.connections[source], request, (answer) => {
        if (answer?._tag === "Moved" && redirections < circumstances.masters) {
          return send(this.homes.get(key ?? "a") ?? 0, redirections + 1)
        }
        if (mistake !== "does not tell of writes when they are answered") {
          near.prepare(batch)
          near.written(batch, command, 0, schedule.now)
        }
        if (answer?._tag === "Done") {
          for (const its of keys) {
            if (lineage !== this.lineage(its) || this.history.isLost[answer.version] === true) continue
            this.acknowledged.set(its, Math.max(this.acknowledged.get(its) ?? 0, answer.version))
          }
        }
        this.finish(waiting)
      })
    send(this.believed.get(key ?? "a") ?? 0, 0)
  }

  private lineage(key: string): number {
    return this.lineages.get(key) ?? 0
  }

  private read(batch: CommandBatch, command: number, keys: ReadonlyArray<string>, waiting: Waiting): void {
    let missing = keys.length
    const end = (): void => {
      missing--
      if (missing === 0) this.finish(waiting)
    }
    keys.forEach((key, index) =>
      this.readKey(batch, batch.firstKey(command) + index, key, this.believed.get(key) ?? 0, 0, end)
    )
    // In place of a server that cannot be reached.
    const source = this.believed.get(keys[0] ?? "a") ?? 0
    if (this.circumstances.staleTtl === 0 || this.connections[source] !== undefined) return
    const replies = new Replies()
    if (this.near.answerStale(batch, command, this.schedule.now, caller, replies))
      this.judge([keys], replies.end(), true)
  }

  private readKey(
    batch: CommandBatch,
    place: number,
    key: string,
    source: number,
    redirections: number,
    end: () => void,
    redirected?: PendingRead
  ): void {
    const { near, schedule } = this
    const floor = this.acknowledged.get(key) ?? 0
    const lineage = this.lineage(key)
    const read = redirected ?? near.begin(source, batch, place, 0, schedule.now)
    const connection = this.connections[source]
    // By mistake, another source is asked for the value alone.
    let left: Answer | undefined = redirected && { _tag: "Left", millis: -1 }
    let value: Answer | undefined
    let missing = redirected === undefined ? 2 : 1
    const answered = (): void => {
      const { now } = schedule
      if ((value?._tag === "Moved" || left?._tag === "Moved") && redirections < this.circumstances.masters) {
        const other = this.homes.get(key) ?? 0
        if (this.mistake === "takes the reply of another source") {
          return this.readKey(batch, place, key, other, redirections + 1, end, read)
        }
        near.abandon(read)
        return this.readKey(batch, place, key, other, redirections + 1, end)
      }
      if (value?._tag === "Found" && left?._tag === "Left") {
        near.complete(read, Buffer.from(String(value.version)), left.millis, now)
      } else if (value?._tag === "NotThere") near.complete(read, undefined, -2, now)
      else near.abandon(read)
      if (value?._tag === "Found" && value.version < floor && lineage === this.lineage(key)) {
        this.fail(`a server answered ${value.version} for ${key} after ${floor} was acknowledged`)
      }
      end()
    }
    const ask = (tag: "Pttl" | "Get") =>
      this.send(connection, { _tag: tag, key }, (answer) => {
        if (tag === "Pttl") left = answer
        else value = answer
        missing--
        if (missing === 0) answered()
      })
    const isLate = this.mistake === "has a key tracked after it was read"
    if (redirected === undefined && !isLate) ask("Pttl")
    ask("Get")
    if (redirected === undefined && isLate) ask("Pttl")
  }

  // --- judging

  private judge(keys: ReadonlyArray<ReadonlyArray<string>>, replies: ReadonlyArray<Kept>, isStale: boolean): void {
    keys.forEach((its, index) => {
      const reply = replies[index]
      if (reply?._tag !== "Parts") this.judgeValue(its[0] ?? "", reply, isStale)
      else its.forEach((key, part) => this.judgeValue(key, reply.parts[part], isStale))
    })
  }

  private judgeValue(key: string, reply: Kept | undefined, isStale: boolean): void {
    const { history, schedule } = this
    const { staleTtl, ttl } = this.circumstances
    const version = versionIn(reply)
    if (isStale) this.staleHits++
    else this.hits++
    const extra = isStale ? staleTtl : 0
    const acknowledged = this.acknowledged.get(key) ?? 0
    const told = this.told.get(key) ?? 0
    const ended = history.endedAt[version] ?? 0
    const deadline = history.deadlines[version] ?? 0
    const what = `${key} was answered as ${version} at ${schedule.now}`
    if (version < acknowledged) this.fail(`${what}, after ${acknowledged} had been acknowledged`)
    if (version < told) this.fail(`${what}, after a server had told of ${told}`)
    // Without tracking, the TTL that is read may be that of the key's value before.
    const isSure = this.circumstances.isTracked || history.hasPredecessor[version] !== true
    const most = deadline + extra + (isSure ? 0 : ttl)
    if (schedule.now >= most) this.fail(`${what}, and had expired at ${deadline}`)
    if (!isStale && ended <= schedule.now && this.knowsOfChanges(key)) {
      this.fail(`${what}, had been replaced at ${ended}, and nobody was about to tell`)
    }
    if (schedule.now >= ended + ttl + extra) this.fail(`${what}, and had been replaced at ${ended}`)
  }

  /** Whether a change of a key would be known here: nothing is on its way, broken or moved that this front cannot know of. */
  private knowsOfChanges(key: string): boolean {
    if (!this.circumstances.isTracked || this.homes.get(key) !== this.believed.get(key)) return false
    const link = this.connections[this.believed.get(key) ?? 0]?.link
    return link === undefined || (link.isUp && link.server.isAlive && !link.isTelling(key))
  }

  private fail(what: string): void {
    this.wrong ??= what
  }
}

const versionIn = (reply: Kept | undefined): number =>
  reply?._tag === "Bulk" ? Number(reply.bytes.toString("latin1")) : Number.NaN
