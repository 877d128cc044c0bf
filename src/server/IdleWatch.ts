/**
 * Closes idle connections. One fiber watches all of them and sleeps until the first one could be idle.
 *
 * A fiber and a timer for each connection would cost a third of the connection's memory. The connection itself says
 * when it was last active.
 */
import * as Effect from "effect/Effect"

/** What the watch needs to know of a connection. */
export interface Watched {
  /** When the connection was last active, in ms of the store's clock. Infinite while it waits for the server itself. */
  readonly lastActivity: number
  readonly closeIdle: () => void
}

export class IdleWatch {
  private readonly timeout: number
  private readonly now: () => number
  private readonly watched = new Set<Watched>()
  private onAdded: () => void = doNothing

  /** `timeout` is in ms, 0 for never. */
  constructor(timeout: number, now: () => number) {
    this.timeout = timeout
    this.now = now
  }

  /** Watches a connection from now on. Must be called again after the connection has waited for the server. */
  add(connection: Watched): void {
    this.watched.add(connection)
    this.onAdded()
  }

  delete(connection: Watched): void {
    this.watched.delete(connection)
  }

  /** Watches for ever. */
  get run(): Effect.Effect<void> {
    if (this.timeout === 0) return Effect.void
    return Effect.suspend(() => {
      const first = this.closeAndFindNext()
      return first === Number.POSITIVE_INFINITY ? this.added : Effect.sleep(first - this.now())
    }).pipe(Effect.forever)
  }

  /** Closes idle connections. Returns when the next one could be idle, in ms. */
  private closeAndFindNext(): number {
    const now = this.now()
    let next = Number.POSITIVE_INFINITY
    for (const connection of this.watched) {
      const idleAt = connection.lastActivity + this.timeout
      if (idleAt > now) {
        next = Math.min(next, idleAt)
      } else {
        this.watched.delete(connection)
        connection.closeIdle()
      }
    }
    return next
  }

  private get added(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.onAdded = () => {
        this.onAdded = doNothing
        resume(Effect.void)
      }
    })
  }
}

const doNothing = (): void => {}
