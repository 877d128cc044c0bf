/**
 * A keyspace on the heap: a `Map` from keys to records, and arrays of strings. The tests compare the packed keyspace
 * with it. It is slower with millions of entries, but so simple that it is plainly right.
 */
import type { Key, Ttl, Value } from "../../src/domain/Command.ts"
import { LeastRecentlyUsed, NO_SLOT } from "../../src/store/Eviction.ts"
import { BUDGET_SPENT, Expirations, NEVER, NONE } from "../../src/store/Expirations.ts"
import { EVICTION_SEARCH_BUDGET, type Keyspace, type Limits, type Removal } from "../../src/store/Keyspace.ts"
import { entryBytes } from "../../src/store/PackedKeyspace.ts"
import { Records } from "../../src/store/Records.ts"

const costOf = (key: Key, value: Value): number => entryBytes(key.length, value.length)

export class HeapKeyspace implements Keyspace {
  readonly removed: Record<Removal, number> = { deleted: 0, expired: 0, evicted: 0, replaced: 0 }
  private readonly maxKeys: number
  private readonly maxMemory: number
  private slots = new Map<Key, number>()
  private entries = new Map<number, { readonly key: Key; readonly value: Value }>()
  private records = new Records()
  private order = new LeastRecentlyUsed(this.records)
  private expirations: Expirations
  private cost = 0

  constructor(limits: Limits, now: number) {
    this.maxKeys = limits.maxKeys
    this.maxMemory = limits.maxMemory ?? Number.POSITIVE_INFINITY
    this.expirations = new Expirations(now, this.records)
  }

  get size(): number {
    return this.slots.size
  }

  get bytes(): number {
    return this.cost
  }

  get nextDue(): number {
    return this.expirations.nextDue
  }

  put(key: Key, value: Value, ttl: Ttl, now: number): void {
    const deadline = ttl === 0 ? NEVER : now + ttl * 1000
    const slot = this.find(key, now)
    if (slot === NO_SLOT) {
      while (this.slots.size >= this.maxKeys || this.cost + costOf(key, value) > this.maxMemory) {
        if (!this.makeRoom(now)) break
      }
      const added = this.records.take()
      this.slots.set(key, added)
      this.entries.set(added, { key, value })
      this.cost += costOf(key, value)
      this.order.add(added)
      this.expirations.schedule(added, deadline)
      return
    }
    const before = this.entries.get(slot)
    if (before !== undefined) this.cost += costOf(key, value) - costOf(key, before.value)
    this.entries.set(slot, { key, value })
    this.removed.replaced++
    this.order.touch(slot)
    this.expirations.schedule(slot, deadline)
    while (this.cost > this.maxMemory && this.slots.size > 1) this.makeRoom(now)
  }

  get(key: Key, now: number): string | undefined {
    const slot = this.find(key, now)
    if (slot === NO_SLOT) return undefined
    this.order.touch(slot)
    return this.entries.get(slot)?.value
  }

  has(key: Key, now: number): boolean {
    return this.find(key, now) !== NO_SLOT
  }

  delete(key: Key, now: number): boolean {
    const slot = this.find(key, now)
    if (slot === NO_SLOT) return false
    this.remove(slot, "deleted")
    return true
  }

  sweep(now: number, budget: number): boolean {
    for (let left = budget; left > 0; left -= 1 + this.expirations.moved) {
      const slot = this.expirations.popDue(now, left)
      if (slot === NONE) return false
      if (slot === BUDGET_SPENT) return true
      this.remove(slot, "expired")
    }
    return true
  }

  clear(now: number): void {
    this.slots = new Map()
    this.entries = new Map()
    this.records = new Records()
    this.order = new LeastRecentlyUsed(this.records)
    this.expirations = new Expirations(now, this.records)
    this.cost = 0
  }

  private find(key: Key, now: number): number {
    const slot = this.slots.get(key)
    if (slot === undefined) return NO_SLOT
    if (now < this.expirations.deadline(slot)) return slot
    this.remove(slot, "expired")
    return NO_SLOT
  }

  private remove(slot: number, reason: Removal): void {
    const entry = this.entries.get(slot)
    if (entry === undefined) return
    this.cost -= costOf(entry.key, entry.value)
    this.slots.delete(entry.key)
    this.entries.delete(slot)
    this.order.remove(slot)
    this.expirations.cancel(slot)
    this.removed[reason]++
    this.records.release(slot)
  }

  private makeRoom(now: number): boolean {
    const due = this.expirations.popDue(now, EVICTION_SEARCH_BUDGET)
    const victim = due >= 0 ? due : this.order.victim()
    if (victim === NO_SLOT) return false
    this.remove(victim, due >= 0 || now >= this.expirations.deadline(victim) ? "expired" : "evicted")
    return true
  }
}
