/**
 * Servers as a near cache sees them, on a clock of their own: masters with replicas that lag, the keys that each has,
 * connections that deliver in order with any delay, and Redis's tracking of what it is asked to: a server remembers who has
 * asked how long which key has left, and tells of its next change, once, on the same connection as replies. Pure: everything
 * follows from the seed.
 */
import { seededRandom } from "../../../src/domain/SeededRandom.ts"

/** Runs what is to happen, in the order of its time. */
export class Schedule {
  now: number
  private readonly times: Array<number> = []
  private readonly actions: Array<() => void> = []
  readonly random: () => number

  constructor(seed: number, now: number) {
    this.random = seededRandom(seed)
    this.now = now
  }

  /** A whole number from 0 to `limit`, exclusive. */
  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  after(millis: number, action: () => void): void {
    // Sorted with the next one last; of the same time, the first comes first.
    const time = this.now + millis
    let at = this.times.length
    while (at > 0 && time >= (this.times[at - 1] ?? 0)) at--
    this.times.splice(at, 0, time)
    this.actions.splice(at, 0, action)
  }

  run(): void {
    for (let action = this.actions.pop(); action !== undefined; action = this.actions.pop()) {
      this.now = this.times.pop() ?? this.now
      action()
    }
  }
}

/** What a server knows of a key. Each change of any key has a version of its own, and later ones are larger. */
interface State {
  readonly version: number
  readonly isPresent: boolean
  /** In ms. */
  readonly deadline: number
}

export type Request =
  | { readonly _tag: "Track" }
  | { readonly _tag: "Pttl" | "Get" | "Delete"; readonly key: string }
  | { readonly _tag: "Set"; readonly key: string; readonly ttl: number | undefined }
  | { readonly _tag: "Flush" }

export type Answer =
  | { readonly _tag: "Done"; readonly version: number }
  | { readonly _tag: "Found"; readonly version: number }
  | { readonly _tag: "Left"; readonly millis: number }
  | { readonly _tag: "NotThere" }
  | { readonly _tag: "Moved" }

/** What comes from a server: an answer, in the order of requests, or that a key has changed, or all of them. */
export type Message =
  | { readonly _tag: "Answer"; readonly answer: Answer }
  | { readonly _tag: "Invalidate"; readonly key: string | undefined; readonly version: number }

const NEVER = Number.POSITIVE_INFINITY

/** What has become of the versions, for whoever judges what was read. */
export class History {
  private versions = 0
  /** By version: when it was replaced, was deleted or expired, and when it was to expire. */
  readonly endedAt: Array<number> = [NEVER]
  readonly deadlines: Array<number> = [NEVER]
  /** By version: its key had another value before, or none, though that may have been lost since. */
  readonly hasPredecessor: Array<boolean> = [false]
  /** By version: it was on a master that died, and on no replica. */
  readonly isLost: Array<boolean> = [false]
  private readonly byKey = new Map<string, Array<number>>()

  next(key: string, deadline: number): number {
    this.versions++
    this.endedAt.push(NEVER)
    this.deadlines.push(deadline)
    this.isLost.push(false)
    const its = this.byKey.get(key)
    this.hasPredecessor.push(its !== undefined)
    if (its === undefined) this.byKey.set(key, [this.versions])
    else its.push(this.versions)
    return this.versions
  }

  end(version: number, now: number): void {
    if (this.endedAt[version] === NEVER) this.endedAt[version] = now
  }

  /** A version is the last one again: what came after it is lost. */
  restore(key: string, version: number, now: number): void {
    for (const later of this.byKey.get(key) ?? []) {
      if (later <= version) continue
      this.isLost[later] = true
      this.end(later, now)
    }
    this.endedAt[version] = NEVER
  }
}

/** A connection of this process. What is under way when it is cut may still be executed, but is not answered. */
export class Link {
  isUp = true
  isTracking = false
  private sentUntil = 0
  private toldUntil = 0
  private readonly told: Array<{ readonly at: number; readonly message: Message }> = []
  private readonly schedule: Schedule
  readonly server: Server
  /** Given all messages that arrived together. */
  private readonly receive: (messages: ReadonlyArray<Message>) => void

  constructor(schedule: Schedule, server: Server, receive: (messages: ReadonlyArray<Message>) => void) {
    this.schedule = schedule
    this.server = server
    this.receive = receive
    server.links.push(this)
  }

  send(request: Request): void {
    const { schedule } = this
    this.sentUntil = Math.max(this.sentUntil, schedule.now + schedule.below(4))
    schedule.after(this.sentUntil - schedule.now, () => this.server.execute(request, this))
  }

  /** Whether it is on its way to tell that a key may have changed. */
  isTelling(key: string): boolean {
    return this.told.some(
      ({ message }) => message._tag === "Invalidate" && (message.key === key || message.key === undefined)
    )
  }

  tell(message: Message): void {
    const { schedule } = this
    if (!this.isUp) return
    this.toldUntil = Math.max(this.toldUntil, schedule.now + schedule.below(5))
    this.told.push({ at: this.toldUntil, message })
    schedule.after(this.toldUntil - schedule.now, () => {
      const count = this.told.findIndex(({ at }) => at > schedule.now)
      const messages = this.told.splice(0, count === -1 ? this.told.length : count)
      if (this.isUp && messages.length > 0) this.receive(messages.map(({ message }) => message))
    })
  }
}

/** More keys than this are forgotten by a server that tracks them, which tells of them as if they had changed. */
const TRACKED_KEYS = 2

export class Server {
  isAlive = true
  links: Array<Link> = []
  private readonly states = new Map<string, State>()
  private readonly replica: Map<string, State>
  private readonly trackers = new Map<string, Set<Link>>()
  private replicatedUntil = 0
  private readonly schedule: Schedule
  private readonly history: History
  /** Whether this server has the slot of a key. */
  private readonly owns: (key: string, server: Server) => boolean

  constructor(schedule: Schedule, history: History, owns: (key: string, server: Server) => boolean) {
    this.schedule = schedule
    this.history = history
    this.owns = owns
    this.replica = new Map()
  }

  execute(request: Request, link: Link): void {
    if (!this.isAlive) return
    const answer = this.answerTo(request, link)
    link.tell({ _tag: "Answer", answer })
  }

  private answerTo(request: Request, link: Link): Answer {
    switch (request._tag) {
      case "Track": {
        link.isTracking = true
        return { _tag: "Done", version: 0 }
      }
      case "Flush":
        return { _tag: "Done", version: this.flush() }
      case "Set": {
        if (!this.owns(request.key, this)) return { _tag: "Moved" }
        return { _tag: "Done", version: this.set(request.key, request.ttl) }
      }
      case "Delete": {
        if (!this.owns(request.key, this)) return { _tag: "Moved" }
        return { _tag: "Done", version: this.change(request.key, false, NEVER) }
      }
      case "Get":
      case "Pttl": {
        const { key } = request
        if (!this.owns(key, this)) return { _tag: "Moved" }
        this.expire(key)
        if (link.isTracking && request._tag === "Pttl") this.track(key, link)
        const state = this.states.get(key)
        if (state === undefined || !state.isPresent) return { _tag: "NotThere" }
        if (request._tag === "Get") return { _tag: "Found", version: state.version }
        return { _tag: "Left", millis: state.deadline === NEVER ? -1 : state.deadline - this.schedule.now }
      }
    }
  }

  set(key: string, ttl: number | undefined): number {
    const version = this.change(key, true, ttl === undefined ? NEVER : this.schedule.now + ttl)
    // Servers remove some expired keys by themselves, sooner or later.
    if (ttl !== undefined) this.schedule.after(ttl + this.schedule.below(10), () => this.expire(key))
    return version
  }

  flush(): number {
    let version = 0
    for (const key of this.states.keys()) version = this.put(key, false, NEVER)
    this.trackers.clear()
    for (const link of this.links) {
      if (link.isTracking) link.tell({ _tag: "Invalidate", key: undefined, version })
    }
    return version
  }

  /** The version of a key, whether it is there or not, and whether it is. */
  look(key: string): { readonly version: number; readonly isPresent: boolean } {
    this.expire(key)
    return this.states.get(key) ?? { version: 0, isPresent: false }
  }

  /** The slot of a key goes to another master. If it `tells`, whoever read the key hears that it is gone from here. */
  give(key: string, other: Server, tells: boolean): void {
    const state = this.states.get(key)
    if (state !== undefined) {
      other.states.set(key, state)
      other.replica.set(key, state)
    }
    this.states.delete(key)
    this.replica.delete(key)
    if (tells) this.invalidate(key, 0)
    else this.trackers.delete(key)
  }

  /** It dies, and its replica takes over with what it has. */
  failOver(): Server {
    const { history, schedule } = this
    this.isAlive = false
    const next = new Server(schedule, history, this.owns)
    for (const key of this.states.keys()) {
      const state = this.replica.get(key) ?? { version: 0, isPresent: false, deadline: NEVER }
      history.restore(key, state.version, schedule.now)
      next.states.set(key, state)
      next.replica.set(key, state)
    }
    return next
  }

  /** A server may forget a key that it tracks, and says so. */
  private track(key: string, link: Link): void {
    const its = this.trackers.get(key)
    if (its === undefined) this.trackers.set(key, new Set([link]))
    else its.add(link)
    if (this.trackers.size <= TRACKED_KEYS) return
    for (const other of this.trackers.keys()) {
      if (other === key) continue
      this.invalidate(other, 0)
      return
    }
  }

  private expire(key: string): void {
    const state = this.states.get(key)
    if (this.isAlive && state !== undefined && state.isPresent && this.schedule.now >= state.deadline) {
      this.change(key, false, NEVER)
    }
  }

  private change(key: string, isPresent: boolean, deadline: number): number {
    const version = this.put(key, isPresent, deadline)
    this.invalidate(key, version)
    return version
  }

  private put(key: string, isPresent: boolean, deadline: number): number {
    const { history, schedule } = this
    const before = this.states.get(key)
    if (before !== undefined) history.end(before.version, Math.min(schedule.now, before.deadline))
    const state = { version: history.next(key, deadline), isPresent, deadline }
    this.states.set(key, state)
    this.replicatedUntil = Math.max(this.replicatedUntil, schedule.now + schedule.below(6))
    schedule.after(this.replicatedUntil - schedule.now, () => {
      if (this.isAlive && this.states.has(key)) this.replica.set(key, state)
    })
    return state.version
  }

  private invalidate(key: string, version: number): void {
    for (const link of this.trackers.get(key) ?? []) link.tell({ _tag: "Invalidate", key, version })
    this.trackers.delete(key)
  }
}
