/** The clients of a server, by number. A number is given once: the first client has 1. */
import { Roster } from "./Roster.ts"
import type { Session } from "./Session.ts"

export class Clients {
  private readonly byId = new Roster<number, Session>()
  private last = 0

  get size(): number {
    return this.byId.size
  }

  /** Adds a client and returns its number. */
  enter(client: Session): number {
    this.byId.set(++this.last, client)
    return this.last
  }

  leave(client: Session): void {
    this.byId.delete(client.id)
  }

  get(id: number): Session | undefined {
    return this.byId.get(id)
  }

  /** The bytes that all of them hold: unfinished requests, replies that were not taken. */
  get heldBytes(): number {
    let held = 0
    for (const { link } of this) held += link.heldBytes
    return held
  }

  /** In the order in which they came. */
  [Symbol.iterator](): IterableIterator<Session> {
    return this.byId.values()
  }
}
