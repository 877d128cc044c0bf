/**
 * Closes idle connections. One fiber watches all of them and sleeps until the first one could be idle.
 *
 * A fiber and a timer for each connection would cost a third of the connection's memory. The connection itself says
 * when it was last active.
 *
 * A process that was stopped, or a machine that was suspended, comes back with requests that wait to be read, and with a
 * timer that is late. So a late timer first lets the event loop read, and only then is judged who is idle.
 */
import * as Effect from "effect/Effect"
import * as EventLoop from "../EventLoop.ts"
import { Roster } from "./Roster.ts"

/** What the watch needs to know of a connection. */
export interface Watched {
  /** When the connection was last active, in ms of the store's clock. Infinite while it waits for the server itself. */
  readonly lastActivity: number
  readonly closeIdle: () => void
}

export class IdleWatch {
  private millis: number
  private readonly now: () => number
  private readonly watched = new Roster<Watched, Watched>()
  // It waits for somebody to watch.
  private isWaiting = false
  private onChanged: () => void = doNothing

  /**
   * Whether a Redis client is idle only with an unfinished request or unread replies. Such clients keep connections for
   * days, as Redis lets them, unless somebody has set a timeout.
   */
  sparesRedis: boolean

  /** `timeout` is in ms, 0 for never. */
  constructor(timeout: number, now: () => number, sparesRedis = false) {
    this.millis = timeout
    this.sparesRedis = sparesRedis
    this.now = now
  }

  /** In ms, 0 for never. */
  get timeout(): number {
    return this.millis
  }

  set timeout(timeout: number) {
    this.millis = timeout
    this.sparesRedis = false
    this.onChanged()
  }

  /** Watches a connection from now on. Must be called again after the connection has waited for the server. */
  add(connection: Watched): void {
    this.watched.set(connection, connection)
    if (this.isWaiting) this.onChanged()
  }

  delete(connection: Watched): void {
    this.watched.delete(connection)
  }

  /** Watches for ever. */
  get run(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const first = this.millis === 0 ? Number.POSITIVE_INFINITY : this.closeAndFindNext()
      if (first === Number.POSITIVE_INFINITY) {
        this.isWaiting = this.millis !== 0
        return this.changed
      }
      const late = Effect.suspend(() => (this.now() > first ? EventLoop.polled : Effect.void))
      return Effect.raceFirst(Effect.sleep(first - this.now()), this.changed).pipe(Effect.andThen(late))
    }).pipe(Effect.forever)
  }

  /** Closes idle connections. Returns when the next one could be idle, in ms. */
  private closeAndFindNext(): number {
    const now = this.now()
    let next = Number.POSITIVE_INFINITY
    for (const connection of this.watched.values()) {
      const idleAt = connection.lastActivity + this.millis
      if (idleAt > now) {
        next = Math.min(next, idleAt)
      } else {
        this.watched.delete(connection)
        connection.closeIdle()
      }
    }
    return next
  }

  private get changed(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.onChanged = () => {
        this.onChanged = doNothing
        this.isWaiting = false
        resume(Effect.void)
      }
    })
  }
}

const doNothing = (): void => {}
