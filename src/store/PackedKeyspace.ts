/**
 * The keyspace off the heap, in typed arrays that the garbage collector does not walk. Pure: it takes `now` as an
 * argument, and the secret of its hash too.
 *
 * A hash index finds the number of an entry's record; the record holds deadline and links, and the address of a slot
 * that holds the bytes of key and value. All three grow in small steps, so no operation waits for another one's growth, and
 * millions of entries are a few thousand objects to the collector. Slots shrink in small steps too; index and records
 * keep what they have for later keys, and give it back when the last key has gone.
 */
import type { Key, Ttl, Value } from "../domain/Command.ts"
import { LeastRecentlyUsed, NO_SLOT } from "./Eviction.ts"
import { BUDGET_SPENT, Expirations, NEVER, NONE } from "./Expirations.ts"
import { HashIndex, INDEX_BYTES, NOT_THERE } from "./HashIndex.ts"
import { EVICTION_SEARCH_BUDGET, type Keyspace, type Limits, type Removal } from "./Keyspace.ts"
import type { KeyHash } from "./KeyHash.ts"
import { ADDRESS, LENGTHS, RECORD_BYTES, Records } from "./Records.ts"
import { slotBytes, Slabs } from "./Slabs.ts"

/** What an entry with `length` bytes of key and value takes, in bytes: its slot, its record, its share of the index. */
export const entryBytes = (length: number): number => slotBytes(length) + RECORD_BYTES + INDEX_BYTES

/** The most that entries may take, in bytes: addresses of slots reach 32 GB. */
export const MAX_MEMORY = 30 * 2 ** 30

export class PackedKeyspace implements Keyspace {
  readonly removed: Record<Removal, number> = { deleted: 0, expired: 0, evicted: 0, replaced: 0 }
  private readonly maxKeys: number
  private readonly maxMemory: number
  private readonly keyHash: KeyHash
  private index = new HashIndex()
  private records = new Records()
  private slabs = new Slabs((record, address) => this.records.set(record, ADDRESS, address))
  private order = new LeastRecentlyUsed(this.records)
  private expirations: Expirations
  private cost = 0
  // Where `find` found its entry in the index; a field, as a second return value would be an object.
  private position = NOT_THERE

  /** `now` in ms, an integer that never decreases. */
  constructor(limits: Limits, keyHash: KeyHash, now: number) {
    this.maxKeys = limits.maxKeys
    this.maxMemory = Math.min(limits.maxMemory ?? MAX_MEMORY, MAX_MEMORY)
    this.keyHash = keyHash
    this.expirations = new Expirations(now, this.records)
  }

  get size(): number {
    return this.records.size
  }

  get bytes(): number {
    return this.cost
  }

  get nextDue(): number {
    return this.expirations.nextDue
  }

  put(key: Key, value: Value, ttl: Ttl, now: number): void {
    const deadline = ttl === 0 ? NEVER : now + ttl * 1000
    const hash = this.keyHash.hash(key)
    const record = this.find(key, hash, now)
    if (record === NO_SLOT) {
      const cost = entryBytes(key.length + value.length)
      while (this.records.size >= this.maxKeys || this.cost + cost > this.maxMemory) {
        if (!this.makeRoom(now)) break
      }
      this.insert(key, value, hash, deadline)
      return
    }
    this.removed.replaced++
    this.replace(record, key, value)
    this.order.touch(record)
    this.expirations.schedule(record, deadline)
    // The entry itself is the most recently used, so it is the last that could go.
    while (this.cost > this.maxMemory && this.records.size > 1) this.makeRoom(now)
  }

  get(key: Key, now: number): string | undefined {
    const record = this.find(key, this.keyHash.hash(key), now)
    if (record === NO_SLOT) return undefined
    this.order.touch(record)
    return this.valueOf(record)
  }

  has(key: Key, now: number): boolean {
    return this.find(key, this.keyHash.hash(key), now) !== NO_SLOT
  }

  delete(key: Key, now: number): boolean {
    const hash = this.keyHash.hash(key)
    const record = this.find(key, hash, now)
    if (record === NO_SLOT) return false
    this.remove(record, hash, this.position, "deleted")
    return true
  }

  sweep(now: number, budget: number): boolean {
    for (let left = budget; left > 0; left -= 1 + this.expirations.moved) {
      const record = this.expirations.popDue(now, left)
      if (record === NONE) return false
      if (record === BUDGET_SPENT) return true
      this.removeFound(record, "expired")
    }
    return true
  }

  clear(now: number): void {
    this.index = new HashIndex()
    this.records = new Records()
    this.slabs = new Slabs((record, address) => this.records.set(record, ADDRESS, address))
    this.order = new LeastRecentlyUsed(this.records)
    this.expirations = new Expirations(now, this.records)
    this.cost = 0
  }

  /** The record of a key that is there and has not expired; one that has expired is removed. */
  private find(key: Key, hash: number, now: number): number {
    for (let at = this.index.first(hash); at !== NOT_THERE; at = this.index.next(hash, at)) {
      const record = this.index.record(hash, at)
      if (!this.hasKey(record, key)) continue
      if (now < this.expirations.deadline(record)) {
        this.position = at
        return record
      }
      this.remove(record, hash, at, "expired")
      return NO_SLOT
    }
    return NO_SLOT
  }

  private insert(key: Key, value: Value, hash: number, deadline: number): void {
    const record = this.records.take()
    this.index.add(hash, record)
    this.write(record, key, value)
    this.order.add(record)
    this.expirations.schedule(record, deadline)
  }

  private replace(record: number, key: Key, value: Value): void {
    const lengths = this.records.get(record, LENGTHS)
    const before = keyLength(lengths) + valueLength(lengths)
    if (slotBytes(before) === slotBytes(key.length + value.length)) {
      const address = this.records.get(record, ADDRESS)
      write(this.slabs.bytes(address), this.slabs.offset(address) + key.length, value)
      this.records.set(record, LENGTHS, toLengths(key, value))
      return
    }
    this.cost -= entryBytes(keyLength(lengths) + valueLength(lengths))
    this.slabs.release(this.records.get(record, ADDRESS), before)
    this.write(record, key, value)
  }

  /** Gives a record a slot with the bytes of its key and value. */
  private write(record: number, key: Key, value: Value): void {
    const length = key.length + value.length
    const address = this.slabs.take(length, record)
    const bytes = this.slabs.bytes(address)
    const offset = this.slabs.offset(address)
    write(bytes, offset, key)
    write(bytes, offset + key.length, value)
    this.records.set(record, ADDRESS, address)
    this.records.set(record, LENGTHS, toLengths(key, value))
    this.cost += entryBytes(length)
  }

  private remove(record: number, hash: number, position: number, reason: Removal): void {
    this.index.remove(hash, position)
    this.order.remove(record)
    this.expirations.cancel(record)
    const lengths = this.records.get(record, LENGTHS)
    const length = keyLength(lengths) + valueLength(lengths)
    this.slabs.release(this.records.get(record, ADDRESS), length)
    this.cost -= entryBytes(length)
    this.removed[reason]++
    this.records.release(record)
    // A large index is not kept for an empty keyspace; of records and pages little is left by itself.
    if (this.records.size === 0) this.index.clear()
  }

  /** Removes an entry that was not found by its key. */
  private removeFound(record: number, reason: Removal): void {
    const hash = this.keyHash.hash(this.keyOf(record))
    let at = this.index.first(hash)
    while (this.index.record(hash, at) !== record) at = this.index.next(hash, at)
    this.remove(record, hash, at, reason)
  }

  /** Removes one entry: one that has expired, else the least recently used. Says whether there was any. */
  private makeRoom(now: number): boolean {
    const due = this.expirations.popDue(now, EVICTION_SEARCH_BUDGET)
    if (due >= 0) {
      this.removeFound(due, "expired")
      return true
    }
    const victim = this.order.victim()
    if (victim === NO_SLOT) return false
    this.removeFound(victim, now < this.expirations.deadline(victim) ? "evicted" : "expired")
    return true
  }

  private hasKey(record: number, key: Key): boolean {
    if (keyLength(this.records.get(record, LENGTHS)) !== key.length) return false
    const address = this.records.get(record, ADDRESS)
    const bytes = this.slabs.bytes(address)
    const offset = this.slabs.offset(address)
    for (let i = 0; i < key.length; i++) if (bytes[offset + i] !== key.charCodeAt(i)) return false
    return true
  }

  private keyOf(record: number): string {
    const address = this.records.get(record, ADDRESS)
    const offset = this.slabs.offset(address)
    return this.slabs.bytes(address).toString("latin1", offset, offset + keyLength(this.records.get(record, LENGTHS)))
  }

  private valueOf(record: number): string {
    const address = this.records.get(record, ADDRESS)
    const lengths = this.records.get(record, LENGTHS)
    const offset = this.slabs.offset(address) + keyLength(lengths)
    return this.slabs.bytes(address).toString("latin1", offset, offset + valueLength(lengths))
  }
}

const toLengths = (key: Key, value: Value): number => (key.length << 16) | value.length

const keyLength = (lengths: number): number => lengths >>> 16

const valueLength = (lengths: number): number => lengths & 0xffff

const write = (bytes: Buffer, offset: number, text: string): void => {
  // Faster than a call into native code up to a few dozen bytes.
  if (text.length > 24) bytes.write(text, offset, "latin1")
  else for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i)
}
