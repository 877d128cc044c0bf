/**
 * The keys, their values, their order of use and their deadlines: everything the store knows, as a pure and
 * synchronous data structure. It takes `now` as an argument and does no input or output; `Store.ts` is the service.
 *
 * Entries are numbered slots. A `Map` finds a key's slot; keys, values, order of use and deadlines are arrays indexed
 * by slot, so that a use or a new deadline allocates nothing.
 */
import type { Key, Ttl, Value } from "../domain/Command.ts"
import { LeastRecentlyUsed, NO_SLOT } from "./Eviction.ts"
import { BUDGET_SPENT, Expirations, NEVER, NONE } from "./Expirations.ts"

/**
 * What an entry costs beside the bytes of its key and value: its share of the map, two string headers, a slot in the
 * arrays. Measured at 2^20 + 1 entries of 16 and 64 bytes, on Node 20.20 and 24.21, by `npm run bench:overhead`: 156 bytes
 * just after the arrays have doubled, 108 just before.
 */
export const ENTRY_OVERHEAD_BYTES = 156

/** The bounds of a keyspace. */
export interface Limits {
  /** The most keys that are held. */
  readonly maxKeys: number
  /** The most bytes that entries may cost: key, value and `ENTRY_OVERHEAD_BYTES` each. Absent for no bound. */
  readonly maxMemory?: number | undefined
}

/** Why an entry was removed. */
export type Removal = "deleted" | "expired" | "evicted" | "replaced"

/**
 * How many entries that are not due a PUT into a full keyspace may move in the timing wheel while it looks for an
 * expired one to remove. Bounds the time of one PUT to well under a millisecond. An expired key goes before the least
 * recently used one unless more than this many of nearly the same deadline are in front of it.
 */
const EVICTION_SEARCH_BUDGET = 4096

const INITIAL_CAPACITY = 1024

export class Keyspace {
  /** Entries removed, by reason. */
  readonly removed: Record<Removal, number> = { deleted: 0, expired: 0, evicted: 0, replaced: 0 }
  private readonly maxKeys: number
  private readonly maxMemory: number
  private slots = new Map<Key, number>()
  private keys: Array<Key | undefined> = []
  private values: Array<Value | undefined> = []
  private order: LeastRecentlyUsed
  private expirations: Expirations
  private capacity = INITIAL_CAPACITY
  private unused: Array<number> = []
  private used = 0
  private cost = 0

  /** `now` in ms, an integer, as in every method; it must never decrease. */
  constructor(limits: Limits, now: number) {
    this.maxKeys = limits.maxKeys
    this.maxMemory = limits.maxMemory ?? Number.POSITIVE_INFINITY
    this.order = new LeastRecentlyUsed(INITIAL_CAPACITY)
    this.expirations = new Expirations(now, INITIAL_CAPACITY)
  }

  /** Keys held, those that have expired and were not yet removed included. */
  get size(): number {
    return this.slots.size
  }

  /** Bytes that the entries cost: key, value and `ENTRY_OVERHEAD_BYTES` each. */
  get bytes(): number {
    return this.cost
  }

  /** Stores a value under a key, replaces both value and TTL if it is there, and makes room if there is none. */
  put(key: Key, value: Value, ttl: Ttl, now: number): void {
    const deadline = ttl === 0 ? NEVER : now + ttl * 1000
    const slot = this.find(key, now)
    if (slot === NO_SLOT) {
      const cost = costOf(key, value)
      while (this.slots.size >= this.maxKeys || this.cost + cost > this.maxMemory) {
        if (!this.makeRoom(now)) break
      }
      this.insert(key, value, deadline)
      return
    }
    this.cost += value.length - this.values[slot]!.length
    this.values[slot] = value
    this.removed.replaced++
    this.order.touch(slot)
    this.expirations.schedule(slot, deadline)
    // The entry itself is the most recently used, so it is the last that could go.
    while (this.cost > this.maxMemory && this.slots.size > 1) this.makeRoom(now)
  }

  /** The value of a key, or nothing; a hit makes it the most recently used. */
  get(key: Key, now: number): Value | undefined {
    const slot = this.find(key, now)
    if (slot === NO_SLOT) return undefined
    this.order.touch(slot)
    return this.values[slot]
  }

  /** Whether a key is there. Its place in the order of use stays. */
  has(key: Key, now: number): boolean {
    return this.find(key, now) !== NO_SLOT
  }

  /** Removes a key and says whether it was there. */
  delete(key: Key, now: number): boolean {
    const slot = this.find(key, now)
    if (slot === NO_SLOT) return false
    this.remove(slot, "deleted")
    return true
  }

  /**
   * Removes entries that have expired, looks at `budget` entries at most, those that are not due included, and says
   * whether there may be more: the caller cuts a long sweep into slices.
   */
  sweep(now: number, budget: number): boolean {
    for (let left = budget; left > 0; left -= 1 + this.expirations.moved) {
      const slot = this.expirations.popDue(now, left)
      if (slot === NONE) return false
      if (slot === BUDGET_SPENT) return true
      this.remove(slot, "expired")
    }
    return true
  }

  /** Removes every key; nothing is counted as removed. */
  clear(now: number): void {
    this.slots = new Map()
    this.keys = []
    this.values = []
    this.unused = []
    this.used = 0
    this.cost = 0
    this.capacity = INITIAL_CAPACITY
    this.order = new LeastRecentlyUsed(INITIAL_CAPACITY)
    this.expirations = new Expirations(now, INITIAL_CAPACITY)
  }

  /** The slot of a key that is there and has not expired; one that has expired is removed. */
  private find(key: Key, now: number): number {
    const slot = this.slots.get(key)
    if (slot === undefined) return NO_SLOT
    if (now < this.expirations.deadline(slot)) return slot
    this.remove(slot, "expired")
    return NO_SLOT
  }

  private insert(key: Key, value: Value, deadline: number): void {
    const slot = this.unused.pop() ?? this.used++
    if (slot >= this.capacity) {
      this.capacity *= 2
      this.order.grow(this.capacity)
      this.expirations.grow(this.capacity)
    }
    this.slots.set(key, slot)
    this.keys[slot] = key
    this.values[slot] = value
    this.cost += costOf(key, value)
    this.order.add(slot)
    this.expirations.schedule(slot, deadline)
  }

  private remove(slot: number, reason: Removal): void {
    const key = this.keys[slot]!
    this.cost -= costOf(key, this.values[slot]!)
    this.slots.delete(key)
    this.keys[slot] = undefined
    this.values[slot] = undefined
    this.order.remove(slot)
    this.expirations.cancel(slot)
    this.removed[reason]++
    this.unused.push(slot)
    // What a large keyspace needed is given back when it is empty.
    if (this.slots.size === 0 && this.capacity > INITIAL_CAPACITY) this.shrink()
  }

  private shrink(): void {
    this.keys = []
    this.values = []
    this.unused = []
    this.used = 0
    this.capacity = INITIAL_CAPACITY
    this.order = new LeastRecentlyUsed(INITIAL_CAPACITY)
    this.expirations = this.expirations.emptied(INITIAL_CAPACITY)
  }

  /** Removes one entry: one that has expired, else the least recently used. Says whether there was any. */
  private makeRoom(now: number): boolean {
    const due = this.expirations.popDue(now, EVICTION_SEARCH_BUDGET)
    if (due >= 0) {
      this.remove(due, "expired")
      return true
    }
    const victim = this.order.victim()
    if (victim === NO_SLOT) return false
    this.remove(victim, now < this.expirations.deadline(victim) ? "evicted" : "expired")
    return true
  }
}

const costOf = (key: Key, value: Value): number => key.length + value.length + ENTRY_OVERHEAD_BYTES
