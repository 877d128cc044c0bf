/**
 * The connections that have yet to say who they are, where that is required. Whoever reaches the port can make one, so they
 * get little: few at a time, seconds to live, a fixed number of answers. What they may send is bounded by the decoders, and
 * the answers themselves are in `perform/Authentication.ts`.
 */
import type * as Effect from "effect/Effect"
import { networkOf } from "../auth/Network.ts"
import { IdleWatch, type Watched } from "./IdleWatch.ts"
import { Roster } from "./Roster.ts"
import type { ServerCounters } from "./ServerCounters.ts"

/** The most strangers at a time. They take no place of those who have said who they are. */
export const MOST_STRANGERS = 1024

/** How long a client may take to say who it is, in ms, without the time that its password takes to be checked. */
const STRANGER_MILLIS = 5000

/** A connection is closed with so many failures. */
export const MOST_FAILURES = 3

/** A stranger's connection is closed with so many answers. */
export const MOST_ANSWERS = 100

/** Why a connection with a stranger is closed. */
export type StrangerEnd = "closed without credentials in time" | "closed for another without credentials"

export class Stranger implements Watched {
  /** How many commands were answered. */
  answers = 0
  /** The network it comes from. */
  readonly network: string
  private readonly close: (reason: StrangerEnd) => void
  // When it came, and later by as much as it has waited for the server.
  private since: number
  private waitsSince: number | undefined = undefined

  constructor(network: string, now: number, close: (reason: StrangerEnd) => void) {
    this.network = network
    this.since = now
    this.close = close
  }

  get lastActivity(): number {
    return this.isWaiting ? Number.POSITIVE_INFINITY : this.since
  }

  /** Whether its password is being checked. */
  get isWaiting(): boolean {
    return this.waitsSince !== undefined
  }

  /** Its password is checked from `now` on. */
  wait(now: number): void {
    this.waitsSince ??= now
  }

  /** It is still a stranger. */
  waited(now: number): void {
    if (this.waitsSince !== undefined) this.since += now - this.waitsSince
    this.waitsSince = undefined
  }

  closeIdle(): void {
    this.close("closed without credentials in time")
  }

  giveWay(): void {
    this.close("closed for another without credentials")
  }
}

export class Strangers {
  private readonly strangers = new Roster<Stranger, Stranger>()
  private readonly watch: IdleWatch
  private readonly counters: ServerCounters
  private readonly now: () => number

  constructor(counters: ServerCounters, now: () => number) {
    this.counters = counters
    this.now = now
    this.watch = new IdleWatch(STRANGER_MILLIS, now)
  }

  /** A stranger's connection is closed, whatever it sends next. */
  turnAway(): void {
    this.counters.strangersClosed++
  }

  /** Closes those whose time is over, for ever. */
  get run(): Effect.Effect<void> {
    return this.watch.run
  }

  /**
   * Whether there is room for one more from an address. The one that has been silent for longest makes room: whoever has
   * sent a password is not kept out, or thrown out, by those that send nothing. Where all have sent one, the network that
   * has most of them makes room for others: a thousand wrong passwords from one address would keep all others out.
   */
  makeRoom(address: string): boolean {
    if (this.strangers.size < MOST_STRANGERS) return true
    const leaves = this.silentLongest() ?? this.newestOfMost(networkOf(address))
    if (leaves === undefined) return false
    this.leave(leaves)
    leaves.giveWay()
    return true
  }

  private silentLongest(): Stranger | undefined {
    for (const stranger of this.strangers.values()) if (!stranger.isWaiting) return stranger
    return undefined
  }

  /** The last that came from the network that has most, if one more from `network` does not make that one as large. */
  private newestOfMost(network: string): Stranger | undefined {
    const newest = new Map<string, { readonly stranger: Stranger; readonly count: number }>()
    for (const stranger of this.strangers.values()) {
      newest.set(stranger.network, { stranger, count: (newest.get(stranger.network)?.count ?? 0) + 1 })
    }
    let most = (newest.get(network)?.count ?? 0) + 1
    let leaves: Stranger | undefined
    for (const { count, stranger } of newest.values()) {
      if (count <= most) continue
      most = count
      leaves = stranger
    }
    return leaves
  }

  /** From an address there is one more. */
  enter(address: string, close: (reason: StrangerEnd) => void): Stranger {
    const stranger = new Stranger(networkOf(address), this.now(), (reason) => {
      this.turnAway()
      close(reason)
    })
    this.strangers.set(stranger, stranger)
    this.counters.unauthenticated = this.strangers.size
    this.watch.add(stranger)
    return stranger
  }

  leave(stranger: Stranger): void {
    this.strangers.delete(stranger)
    this.counters.unauthenticated = this.strangers.size
    this.watch.delete(stranger)
  }

  /** A stranger's password is being checked. */
  waits(stranger: Stranger): void {
    stranger.wait(this.now())
  }

  /** A stranger's password was wrong. */
  stays(stranger: Stranger): void {
    stranger.waited(this.now())
    if (this.strangers.get(stranger) !== undefined) this.watch.add(stranger)
  }
}
