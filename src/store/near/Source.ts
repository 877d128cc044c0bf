/**
 * A source of near values: one connection to a master, on which the master says which of the keys that were read have
 * changed since. It knows the reads that are under way, and which of them have been overtaken. Pure: it knows no socket
 * and no value.
 *
 * A reply and what was said after it may be seen in any order: an invalidation is handled as soon as it is parsed, but
 * whoever waits for the reply runs later. So each key with reads under way has one flight, and what overtakes it makes
 * all of its reads dirty. A dirty reply may be answered, but not kept.
 *
 * Nothing is remembered of a key once its reads have ended: who reads which keys is known to the master only.
 */

/** All reads of one key that are under way and have not been overtaken. */
interface Flight {
  isDirty: boolean
  reads: number
}

/** A read that is under way. */
export interface PendingRead {
  readonly source: Source
  /** One character for each byte. */
  readonly key: string
  readonly flight: Flight
  /** When it was sent, in ms: what it will find is no older. */
  readonly sentAt: number
}

export class Source {
  /** A small number: see `NearCache`. */
  readonly number: number
  /** How often it has been opened or lost. */
  generation = 0
  /** Whether what is read from it may be kept. */
  isOpen = false
  private flights = new Map<string, Flight>()

  constructor(number: number) {
    this.number = number
  }

  /** The number of keys with reads under way that may be kept. */
  get pending(): number {
    return this.flights.size
  }

  /** A read of a key is sent at `now`. If it `mayKeep`, and is not overtaken, its reply may be kept. */
  begin(key: string, now: number, mayKeep: boolean): PendingRead {
    if (!mayKeep || !this.isOpen) return { source: this, key, flight: { isDirty: true, reads: 0 }, sentAt: now }
    let flight = this.flights.get(key)
    if (flight === undefined) this.flights.set(key, (flight = { isDirty: false, reads: 0 }))
    flight.reads++
    return { source: this, key, flight, sentAt: now }
  }

  /** A read has ended, in whatever way. To be called once for each. Returns whether its reply may be kept. */
  end({ flight, key }: PendingRead): boolean {
    // A flight that was made dirty has been forgotten, and there may be another one of its key.
    if (flight.isDirty) return false
    if (--flight.reads === 0) this.flights.delete(key)
    return true
  }

  /** A key may have changed. */
  overtake(key: string): void {
    const flight = this.flights.get(key)
    if (flight === undefined) return
    flight.isDirty = true
    this.flights.delete(key)
  }

  /** Any key may have changed. */
  overtakeAll(): void {
    for (const flight of this.flights.values()) flight.isDirty = true
    this.flights = new Map()
  }

  /** What is read from now on may be kept, or may not. */
  setOpen(isOpen: boolean): void {
    this.generation++
    this.isOpen = isOpen
    this.overtakeAll()
  }
}
