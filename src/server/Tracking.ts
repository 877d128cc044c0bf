/**
 * Which clients keep copies of which values: they are told when these are no longer true, as Redis tells them
 * (https://redis.io/docs/latest/develop/reference/client-side-caching/).
 *
 * A client that reads a key is remembered with the key, and forgotten with it as soon as it has been told. Keys are known
 * by their names alone, whatever their database is, as in Redis. The table is bounded: beyond the bound, those who keep the
 * key that was remembered first are told that it has changed.
 *
 * Messages follow the replies of the turn in which they arose, so that a client never hears of a change before it has the
 * value from before the change.
 */
import type { ChangeListener, Changes } from "../commands/Changes.ts"
import { commands as table } from "../commands/Commands.ts"
import type { Caller } from "../commands/Execution.ts"
import type { CommandBatch } from "../domain/CommandBatch.ts"
import { RespReplyWriter, type RespVersion } from "../protocol/resp/RespReplyWriter.ts"
import type { Clients } from "./Clients.ts"
import type { Session } from "./Session.ts"

/** Where clients of RESP2 receive invalidations. */
const CHANNEL = "__redis__:invalidate"

/** The most keys that are remembered at first. */
const MAX_TRACKED_KEYS = 1_000_000

/** When reads are remembered: always, or depending on CLIENT CACHING. */
export type TrackingChoice = "all" | "optin" | "optout"

export interface TrackerOptions {
  /** The number of the client that is told in place of this one; 0 for none. */
  readonly redirect: number
  readonly choice: TrackingChoice
  /** The client is not told of its own changes. */
  readonly noLoop: boolean
  /** The client is told of all changes of keys that begin with its prefixes, whether it has read them or not. */
  readonly isBroadcast: boolean
}

/** What a client has asked to be told. */
export class Tracker {
  readonly session: Session
  options: TrackerOptions
  /** Of broadcasts. */
  readonly prefixes = new Set<string>()
  /** Whether the present command follows a CLIENT CACHING. */
  isCachingGiven = false
  /** Whether the client that is told in its place has gone. */
  isBroken = false

  constructor(session: Session, options: TrackerOptions) {
    this.session = session
    this.options = options
  }

  /** The client has had a command performed, with its id. CLIENT CACHING holds for the command that follows it. */
  performed(id: number): void {
    const { isExecuting, transaction } = this.session
    if (!isExecuting && transaction === undefined && !isOfClient[id]) this.isCachingGiven = false
  }
}

const isOfClient: ReadonlyArray<boolean> = table.map(({ name }) => name.startsWith("CLIENT|"))

/** Who is told of keys with a prefix, and which of them have changed since they were, by whom. */
interface Broadcast {
  readonly trackers: Set<Tracker>
  changed: Map<string, Caller | undefined>
}

/** Whether a command's keys are read and nothing is written, by its id. */
const reads: ReadonlyArray<boolean> = table.map(({ flags, keys }) => keys !== undefined && flags.includes("read"))

/**
 * How far, up to `to`, a tracked client's commands from `from` on may be executed together, so that all keys that they
 * read are remembered before any is written.
 */
export const rangeEnd = (commands: CommandBatch, from: number, to: number): number => {
  const isRead = reads[commands.id(from)]
  let end = from + 1
  while (end < to && reads[commands.id(end)] === isRead) end++
  return end
}

export class Tracking implements ChangeListener {
  /** 0 for no bound. */
  maxKeys = MAX_TRACKED_KEYS
  private readonly changes: Changes
  private readonly clients: Clients
  /** Does something when what is executed at present is answered. */
  private readonly later: (task: () => void) => void
  private readonly trackers = new Set<Tracker>()
  // Nearly every key has one client, for which no set is made.
  private readonly keys = new Map<string, Tracker | Set<Tracker>>()
  // Goes through `keys` in the order in which they were remembered, past those that have gone.
  private oldest = this.keys.keys()
  private readonly broadcasts = new Map<string, Broadcast>()
  private isBroadcastDue = false
  private readonly writers: Readonly<Record<RespVersion, RespReplyWriter>> = {
    2: new RespReplyWriter(2),
    3: new RespReplyWriter(3)
  }

  constructor(changes: Changes, clients: Clients, later: (task: () => void) => void) {
    this.changes = changes
    this.clients = clients
    this.later = later
  }

  get clientCount(): number {
    return this.trackers.size
  }

  get keyCount(): number {
    return this.keys.size
  }

  /** The number of clients that are remembered with keys, each as often as it is. */
  get itemCount(): number {
    let count = 0
    for (const remembered of this.keys.values()) count += remembered instanceof Tracker ? 1 : remembered.size
    return count
  }

  get prefixCount(): number {
    return this.broadcasts.size
  }

  /** Begins to track what a client reads, or what has its prefixes; or goes on with other options. */
  start(session: Session, options: TrackerOptions, prefixes: ReadonlyArray<string>): void {
    const tracker = (session.tracker ??= new Tracker(session, options))
    tracker.options = options
    tracker.isBroken = false
    this.trackers.add(tracker)
    this.changes.add(this)
    if (!options.isBroadcast) return
    for (const prefix of prefixes.length === 0 ? [""] : prefixes) {
      tracker.prefixes.add(prefix)
      const broadcast = this.broadcasts.get(prefix)
      if (broadcast === undefined) this.broadcasts.set(prefix, { trackers: new Set([tracker]), changed: new Map() })
      else broadcast.trackers.add(tracker)
    }
  }

  /** Forgets a client. Keys that it has read are forgotten when they change. */
  stop(session: Session): void {
    const { tracker } = session
    if (tracker === undefined) return
    session.tracker = undefined
    this.trackers.delete(tracker)
    for (const prefix of tracker.prefixes) {
      const broadcast = this.broadcasts.get(prefix)
      broadcast?.trackers.delete(tracker)
      if (broadcast?.trackers.size === 0) this.broadcasts.delete(prefix)
    }
    if (this.trackers.size > 0) return
    this.changes.delete(this)
    this.forgetKeys()
  }

  /** Remembers what a client has read with its commands from `from` to `to` (exclusive). */
  remember(tracker: Tracker, commands: CommandBatch, from: number, to: number): void {
    const { choice, isBroadcast } = tracker.options
    if (isBroadcast) return
    for (let command = from; command < to; command++) {
      const isGiven = tracker.isCachingGiven
      // In a transaction it holds for all commands.
      if (!tracker.session.isExecuting) tracker.isCachingGiven = false
      const isChosen = choice === "all" || (choice === "optin") === isGiven
      if (!isChosen || reads[commands.id(command)] !== true) continue
      const first = commands.firstKey(command)
      const end = first + commands.keysOf(command)
      for (let key = first; key < end; key++) {
        const start = commands.keyStart(key)
        this.rememberKey(tracker, commands.bytes.toString("latin1", start, start + commands.keyLength(key)))
      }
    }
    while (this.maxKeys > 0 && this.keys.size > this.maxKeys) this.forgetOldest()
  }

  changed(_database: number, key: string, by: Caller | undefined): void {
    this.tell(key, by)
    for (const [prefix, { changed }] of this.broadcasts) if (key.startsWith(prefix)) changed.set(key, by)
    if (this.broadcasts.size === 0 || this.isBroadcastDue) return
    this.isBroadcastDue = true
    this.later(this.broadcast)
  }

  flushed(): void {
    for (const tracker of this.trackers) this.send(tracker, undefined)
    this.forgetKeys()
  }

  private rememberKey(tracker: Tracker, key: string): void {
    const remembered = this.keys.get(key)
    if (remembered === undefined) this.keys.set(key, tracker)
    else if (remembered instanceof Set) remembered.add(tracker)
    else if (remembered !== tracker) this.keys.set(key, new Set([remembered, tracker]))
  }

  private forgetKeys(): void {
    this.keys.clear()
    this.oldest = this.keys.keys()
  }

  private forgetOldest(): void {
    let next = this.oldest.next()
    if (next.done === true) next = (this.oldest = this.keys.keys()).next()
    if (next.value !== undefined) this.tell(next.value, undefined)
  }

  /** Tells those who have read a key, and forgets it. */
  private tell(key: string, by: Caller | undefined): void {
    const remembered = this.keys.get(key)
    if (remembered === undefined) return
    this.keys.delete(key)
    for (const tracker of remembered instanceof Tracker ? [remembered] : remembered) {
      const { isBroadcast, noLoop } = tracker.options
      // It may have gone, or have changed its mind.
      if (tracker.session.tracker !== tracker || isBroadcast || (noLoop && tracker.session === by)) continue
      this.send(tracker, [key])
    }
  }

  private readonly broadcast = (): void => {
    this.isBroadcastDue = false
    for (const broadcast of this.broadcasts.values()) {
      const { changed, trackers } = broadcast
      if (changed.size === 0) continue
      broadcast.changed = new Map()
      const keys = [...changed.keys()]
      for (const tracker of trackers) {
        const others = tracker.options.noLoop ? keys.filter((key) => changed.get(key) !== tracker.session) : keys
        if (others.length > 0) this.send(tracker, others)
      }
    }
  }

  /** Sends keys to whom a client has named, or itself; or that all keys have gone. */
  private send(tracker: Tracker, keys: ReadonlyArray<string> | undefined): void {
    const { session } = tracker
    const { redirect } = tracker.options
    const receiver = redirect === 0 ? session : this.clients.get(redirect)
    // One that has said QUIT is a client until its peer has closed its side, too.
    if (receiver === undefined || !receiver.link.isOpen) {
      tracker.isBroken = true
      if (session.version === 3) this.sendBroken(session, redirect)
      return
    }
    const writer = this.writers[receiver.version]
    if (receiver.version === 3) {
      writer.push(2)
      writer.text("invalidate")
    } else if (receiver !== session && receiver.isSubscribed) {
      writer.push(3)
      writer.text("message")
      writer.text(CHANNEL)
    } else return
    if (keys === undefined) writer.null()
    else {
      writer.array(keys.length)
      for (const key of keys) writer.bulk(Buffer.from(key, "latin1"), 0, key.length)
    }
    receiver.link.push(Buffer.from(writer.take()))
  }

  private sendBroken(session: Session, redirect: number): void {
    const writer = this.writers[3]
    writer.push(2)
    writer.text("tracking-redir-broken")
    writer.integer(redirect)
    session.link.push(Buffer.from(writer.take()))
  }
}
