/**
 * The keyspace off the heap, in typed arrays that the garbage collector does not walk. Pure: it takes `now` as an
 * argument, and the secret of its hash too.
 *
 * A hash index finds the number of an entry's record; the record holds deadline and links, and the address of a slot
 * that holds the bytes of key and value. All three grow in small steps, so no operation waits for another one's growth, and
 * millions of entries are a few dozen objects to the collector. Slots shrink in small steps too; index and records
 * keep what they have for later keys, and give it back when the last key has gone.
 *
 * The operations of the port take texts; those of `KeyPlaces` take bytes where they lie, and are what commands use. The
 * former are the latter for one key.
 */
import { BATCH_COMMANDS, CommandBatch } from "../domain/CommandBatch.ts"
import { type Key, MAX_KEY_LENGTH, MAX_VALUE_LENGTH, type Ttl, type Value } from "../domain/Command.ts"
import type { KeyPlaces } from "../domain/KeyPlaces.ts"
import type { ReplySink } from "../domain/Reply.ts"
import { LeastRecentlyUsed, NO_SLOT } from "./Eviction.ts"
import { BUDGET_SPENT, Expirations, NEVER, NONE } from "./Expirations.ts"
import { HashIndex, INDEX_BYTES, NOT_THERE } from "./HashIndex.ts"
import { EVICTION_SEARCH_BUDGET, type Keyspace, type Limits, type Removal } from "./Keyspace.ts"
import type { KeyHash } from "./KeyHash.ts"
import { ADDRESS, LENGTHS, NEWER, OLDER, RECORD_BYTES, Records } from "./Records.ts"
import { slotBytes, Slabs } from "./Slabs.ts"
import { copyToWords, equalsWords, wordsOf } from "./Words.ts"

/** The first word of an entry is its key's hash; then come the key's words, then the value's. */
const HASH_WORDS = 1

const contentBytes = (keyLength: number, valueLength: number): number =>
  (HASH_WORDS + wordsOf(keyLength) + wordsOf(valueLength)) * 4

/** What an entry takes, in bytes: its slot, its record, its share of the index. Key and value are padded to words. */
export const entryBytes = (keyLength: number, valueLength: number): number =>
  slotBytes(contentBytes(keyLength, valueLength)) + RECORD_BYTES + INDEX_BYTES

/** Keys from which on a batch's memory is fetched together, and commands of a batch: below, it is in a cache anyway. */
const FETCHED_KEYS = 50_000
const FETCHED_TOGETHER = 4

/** The most that entries may take, in bytes: addresses of slots reach 32 GB. */
export const MAX_MEMORY = 30 * 2 ** 30

export class PackedKeyspace implements Keyspace {
  readonly removed: Record<Removal, number> = { deleted: 0, expired: 0, evicted: 0, replaced: 0 }
  private readonly maxKeys: number
  private readonly maxMemory: number
  private readonly keyHash: KeyHash
  private index = new HashIndex()
  private records = new Records()
  private slabs = this.makeSlabs()
  private order = new LeastRecentlyUsed(this.records)
  private expirations: Expirations
  private cost = 0
  // Where `find` found its entry in the index; a field, as a second return value would be an object.
  private position = NOT_THERE
  private readonly candidates = new Int32Array(BATCH_COMMANDS)
  private readonly addresses = new Int32Array(BATCH_COMMANDS)
  // Loads whose result is not used might be left out.
  protected seen = 0
  private readonly text = Buffer.alloc(MAX_KEY_LENGTH + MAX_VALUE_LENGTH)
  private readonly single = new CommandBatch()

  private givenUp = 0
  // Whoever sweeps sleeps until then, unless something is due earlier.
  private wakeTime = Number.NEGATIVE_INFINITY
  private wake = doNothing

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

  /** Bytes of memory that it has for entries, used and unused, as long as no collector has taken what it gave up. */
  get heldBytes(): number {
    return this.index.heldBytes + this.records.heldBytes + this.slabs.heldBytes
  }

  /** Bytes of memory that it has had for entries and holds no more: the collector's, once it comes. Only ever grows. */
  get givenUpBytes(): number {
    return this.givenUp
  }

  get nextDue(): number {
    return this.expirations.nextDue
  }

  /** Calls `wake`, once, when an entry is put that is due before `time`, in ms, or when memory was given up. */
  wakeBefore(time: number, wake: () => void): void {
    this.wakeTime = time
    this.wake = wake
  }

  put(key: Key, value: Value, ttl: Ttl, now: number): void {
    const deadline = ttl === 0 ? NEVER : now + ttl * 1000
    this.putAt(this.placesOf(key, value), 0, key.length, value.length, deadline, now)
  }

  get(key: Key, now: number): string | undefined {
    const record = this.useAt(this.placesOf(key), 0, now)
    if (record === NO_SLOT) return undefined
    const { view } = this.single
    const lengths = this.records.get(record, LENGTHS)
    const length = valueLength(lengths)
    const address = this.records.get(record, ADDRESS)
    const words = this.slabs.words(address)
    const at = this.slabs.word(address) + HASH_WORDS + wordsOf(keyLength(lengths))
    for (let word = 0; word < wordsOf(length); word++) view.setInt32(word * 4, words[at + word]!, true)
    return this.text.toString("latin1", 0, length)
  }

  has(key: Key, now: number): boolean {
    return this.hasAt(this.placesOf(key), 0, now)
  }

  delete(key: Key, now: number): boolean {
    return this.deleteAt(this.placesOf(key), 0, now)
  }

  /**
   * Gets ready to use keys: the hash of each is set. In a large keyspace it also has the processor fetch what they will
   * need, all of it at once: one after the other, each of them would wait four times for memory, and that takes longer
   * than everything else together. (S. Chen et al., "Improving hash join performance through prefetching", ICDE 2004:
   * group prefetching. A load whose result nobody waits for serves as the instruction for it.)
   */
  prepare(places: KeyPlaces): void {
    const { keyCount } = places
    for (let key = 0; key < keyCount; key++) {
      places.setHash(key, this.keyHash.hash(places.view, places.keyStart(key), places.keyLength(key)))
    }
    if (keyCount < FETCHED_TOGETHER || this.records.size < FETCHED_KEYS) return
    const { addresses, candidates, index, records, slabs } = this
    const count = Math.min(keyCount, BATCH_COMMANDS)
    let seen = index.fetch(places, count)
    index.candidates(places, count, candidates)
    seen ^= records.fetch(candidates, count)
    seen ^= slabs.fetch(addresses, records.gather(candidates, count, ADDRESS, addresses))
    seen ^= records.fetchLinked(candidates, count, NEWER, OLDER)
    this.seen = seen
  }

  /** Stores a value, whose bytes are in the view of the keys too, under a key that has been prepared. */
  putAt(places: KeyPlaces, key: number, valueStart: number, valueBytes: number, deadline: number, now: number): void {
    const record = this.find(places, key, now)
    if (record !== NO_SLOT) {
      this.removed.replaced++
      this.replace(record, places, key, valueStart, valueBytes)
      this.order.touch(record)
      this.schedule(record, deadline)
      // The entry itself is the most recently used, so it is the last that could go.
      while (this.cost > this.maxMemory && this.records.size > 1) this.makeRoom(now)
      return
    }
    const cost = entryBytes(places.keyLength(key), valueBytes)
    while (this.records.size >= this.maxKeys || this.cost + cost > this.maxMemory) {
      if (!this.makeRoom(now)) break
    }
    const added = this.records.take()
    this.index.add(places.hash(key), added)
    this.write(added, places, key, valueStart, valueBytes)
    this.order.add(added)
    this.schedule(added, deadline)
  }

  /** Gives the value of a key that has been prepared to `replies`; says whether there is one. */
  getAt(places: KeyPlaces, key: number, now: number, replies: ReplySink): boolean {
    const record = this.useAt(places, key, now)
    if (record === NO_SLOT) return false
    const words = this.records.wordsOf(record)
    const first = this.records.first(record)
    const address = words[first + ADDRESS]!
    const lengths = words[first + LENGTHS]!
    const word = this.slabs.word(address) + HASH_WORDS + wordsOf(keyLength(lengths))
    replies.bulkWords(this.slabs.words(address), word, valueLength(lengths))
    return true
  }

  /** Whether a key that has been prepared is there. */
  hasAt(places: KeyPlaces, key: number, now: number): boolean {
    return this.find(places, key, now) !== NO_SLOT
  }

  /** Removes a key that has been prepared; says whether it was there. */
  deleteAt(places: KeyPlaces, key: number, now: number): boolean {
    const record = this.find(places, key, now)
    if (record === NO_SLOT) return false
    this.remove(record, this.position, "deleted")
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
    const held = this.heldBytes
    this.index = new HashIndex()
    this.records = new Records()
    this.slabs = this.makeSlabs()
    this.order = new LeastRecentlyUsed(this.records)
    this.expirations = new Expirations(now, this.records)
    this.cost = 0
    this.giveUp(held - this.heldBytes)
  }

  private makeSlabs(): Slabs {
    return new Slabs(
      (record, address) => this.records.set(record, ADDRESS, address),
      (bytes) => this.giveUp(bytes)
    )
  }

  private giveUp(bytes: number): void {
    if (bytes <= 0) return
    this.givenUp += bytes
    this.wakeUp()
  }

  private wakeUp(): void {
    this.wakeTime = Number.NEGATIVE_INFINITY
    this.wake()
  }

  private schedule(record: number, deadline: number): void {
    this.expirations.schedule(record, deadline)
    if (deadline < this.wakeTime) this.wakeUp()
  }

  private placesOf(key: Key, value = ""): KeyPlaces {
    const { single, text } = this
    text.write(key, 0, "latin1")
    text.write(value, key.length, "latin1")
    single.begin(text)
    single.open(0)
    single.key(0, key.length)
    single.close()
    this.prepare(single)
    return single
  }

  /** The record of a key that is there and has not expired; one that has expired is removed. */
  private find(places: KeyPlaces, key: number, now: number): number {
    const hash = places.hash(key)
    for (let position = this.index.first(hash); position !== NOT_THERE; position = this.index.next(hash, position)) {
      const record = this.index.record(position)
      if (!this.hasKey(record, places, key)) continue
      if (now < this.expirations.deadline(record)) {
        this.position = position
        return record
      }
      this.remove(record, position, "expired")
      return NO_SLOT
    }
    return NO_SLOT
  }

  /** As `find`, for a use: the entry becomes the most recently used. */
  private useAt(places: KeyPlaces, key: number, now: number): number {
    const record = this.find(places, key, now)
    if (record !== NO_SLOT) this.order.touch(record)
    return record
  }

  private hasKey(record: number, places: KeyPlaces, key: number): boolean {
    const words = this.records.wordsOf(record)
    const first = this.records.first(record)
    const length = places.keyLength(key)
    if (keyLength(words[first + LENGTHS]!) !== length) return false
    const address = words[first + ADDRESS]!
    const word = this.slabs.word(address) + HASH_WORDS
    return equalsWords(this.slabs.words(address), word, places.view, places.keyStart(key), length)
  }

  private replace(record: number, places: KeyPlaces, key: number, valueStart: number, valueBytes: number): void {
    const words = this.records.wordsOf(record)
    const first = this.records.first(record)
    const length = keyLength(words[first + LENGTHS]!)
    const bytesBefore = valueLength(words[first + LENGTHS]!)
    const address = words[first + ADDRESS]!
    const before = contentBytes(length, bytesBefore)
    if (valueBytes === bytesBefore || slotBytes(before) === slotBytes(contentBytes(length, valueBytes))) {
      const word = this.slabs.word(address) + HASH_WORDS + wordsOf(length)
      copyToWords(this.slabs.words(address), word, places.view, valueStart, valueBytes)
      words[first + LENGTHS] = toLengths(length, valueBytes)
      return
    }
    this.cost -= entryBytes(length, bytesBefore)
    this.slabs.release(address, before)
    this.write(record, places, key, valueStart, valueBytes)
  }

  /** Gives a record a slot with a key and its value. */
  private write(record: number, places: KeyPlaces, key: number, valueStart: number, valueBytes: number): void {
    const { view } = places
    const keyBytes = places.keyLength(key)
    const address = this.slabs.take(contentBytes(keyBytes, valueBytes), record)
    const words = this.slabs.words(address)
    const word = this.slabs.word(address)
    words[word] = places.hash(key)
    copyToWords(words, word + HASH_WORDS, view, places.keyStart(key), keyBytes)
    copyToWords(words, word + HASH_WORDS + wordsOf(keyBytes), view, valueStart, valueBytes)
    this.records.set(record, ADDRESS, address)
    this.records.set(record, LENGTHS, toLengths(keyBytes, valueBytes))
    this.cost += entryBytes(keyBytes, valueBytes)
  }

  private remove(record: number, position: number, reason: Removal): void {
    this.index.remove(position)
    this.order.remove(record)
    this.expirations.cancel(record)
    const lengths = this.records.get(record, LENGTHS)
    this.slabs.release(this.records.get(record, ADDRESS), contentBytes(keyLength(lengths), valueLength(lengths)))
    this.cost -= entryBytes(keyLength(lengths), valueLength(lengths))
    this.removed[reason]++
    if (this.records.size > 1) {
      this.records.release(record)
      return
    }
    // What a large keyspace needed is not kept for an empty one.
    const held = this.heldBytes
    this.records.release(record)
    this.index.clear()
    this.giveUp(held - this.heldBytes)
  }

  /** Removes an entry that was not found by its key. */
  private removeFound(record: number, reason: Removal): void {
    const address = this.records.get(record, ADDRESS)
    const hash = this.slabs.words(address)[this.slabs.word(address)]!
    let at = this.index.first(hash)
    while (this.index.record(at) !== record) at = this.index.next(hash, at)
    this.remove(record, at, reason)
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
}

const doNothing = (): void => {}

const toLengths = (key: number, value: number): number => (key << 16) | value

const keyLength = (lengths: number): number => lengths >>> 16

const valueLength = (lengths: number): number => lengths & 0xffff
