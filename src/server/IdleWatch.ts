/**
 * Closes the connections that are idle: one fiber for all of them, which sleeps until the first one could be.
 *
 * A fiber and a timer for each connection would cost a third of its memory. What idle means is the connection's to say.
 */
import * as Effect from "effect/Effect"

/** A connection, as far as it can be idle. */
export interface Watched {
  /** When it was last active, in ms of the store's clock; infinite while it waits for the server itself. */
  readonly lastActivity: number
  readonly closeIdle: () => void
}

export class IdleWatch {
  private readonly timeout: number
  private readonly now: () => number
  private readonly watched = new Set<Watched>()
  private onAdded: () => void = doNothing

  /** `timeout` in ms; 0 for never. */
  constructor(timeout: number, now: () => number) {
    this.timeout = timeout
    this.now = now
  }

  /** Watches a connection from now on. To be called again when it has waited for the server. */
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

  /** Closes what is idle, and says when the next one could be, in ms. */
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
