/**
 * What clients hold of the server's memory, all of them together: requests that are unfinished or put off, and replies
 * that their peers have not taken. It is bounded: where they hold more, those that hold most are closed, as in Redis.
 *
 * What is counted is what is held, not what is used of it. A socket does not say when the last of its bytes have left, so
 * the sum may be too large; before anybody is closed, all are asked.
 */

import { Roster } from "./Roster.ts"

/** A connection, as far as it holds memory. */
export interface Holder {
  /** Bytes that it holds at present. */
  readonly heldBytes: number
  /** Whether others are closed in its place, however much it holds. */
  readonly isKept: boolean
  readonly closeForMemory: () => void
  /** Is told when it holds more. */
  readonly onHeld?: (() => void) | undefined
}

export class ClientMemory {
  private readonly limit: number
  private readonly holders = new Roster<Holder, Holder>()
  private held = 0

  /** `limit` is in bytes. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Bytes that all of them hold, or a little more. */
  get heldBytes(): number {
    return this.held
  }

  /** A connection holds so many bytes more, or less. It may be closed before this returns. */
  change(holder: Holder, bytes: number): void {
    this.held += bytes
    if (bytes <= 0) return
    this.holders.set(holder, holder)
    holder.onHeld?.()
    while (this.held > this.limit) {
      const largest = this.recount()
      if (this.held <= this.limit || largest === undefined) return
      this.holders.delete(largest)
      largest.closeForMemory()
    }
  }

  /** A connection has gone, and has told that it holds nothing. */
  delete(holder: Holder): void {
    this.holders.delete(holder)
  }

  /** Who holds most. */
  private recount(): Holder | undefined {
    let largest: Holder | undefined
    let most = 0
    this.held = 0
    for (const holder of this.holders.values()) {
      const { heldBytes } = holder
      this.held += heldBytes
      if (heldBytes === 0) this.holders.delete(holder)
      if (heldBytes <= most || holder.isKept) continue
      most = heldBytes
      largest = holder
    }
    return largest
  }
}
