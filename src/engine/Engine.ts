/**
 * The memory engine: a bounded cache of bytes by bytes, with exact LRU and a deadline for each key. Synchronous, and pure
 * but for asking a source for arenas: it takes `now`, in ms, a whole number that never decreases, and the secret of its
 * hash.
 *
 * Its whole state is words in arenas that the garbage collector does not walk (`Layout.ts` is the map): entries and
 * pieces of long values in slots (`Slots.ts`, `Entry.ts`, `Chains.ts`), an index that finds them by hash (`Index.ts`), the
 * order of use (`Recency.ts`) and the timing wheel (`Wheel.ts`) as links between them. Objects here are views of that, so
 * another engine attached to the same arenas is the same engine. Nothing grows in large steps, so no operation waits for
 * another one's growth; what shrinks gives memory back, in slices (`maintain`).
 *
 * Keys and values are bytes where they lie: a view, a start, a length. An entry is named by its address, which is good until
 * the next call that writes, removes, sweeps or maintains: these may move entries. `find` and `touch` move nothing.
 *
 * A write has everything that it needs, slot, pieces, room in the index, before anything is changed. If the limit or the
 * system leaves no room, entries are evicted; if that is not enough, the write says `OUT_OF_MEMORY` and its key is what it
 * was.
 */
import { chainBytes, type ChainReader, Chains, NO_CHAIN } from "./Chains.ts"
import {
  contentBytes,
  HASH,
  IDENTITY_BITS,
  identityOf,
  isPiece,
  keyLengthOf,
  keyOffset,
  LONG_KEY,
  LONG_VALUE,
  MAX_ENTRY_BYTES,
  META,
  metaFor,
  NAME_MASK,
  NEWER,
  OLDER,
  TIMED,
  typeOf,
  VALUE_LENGTH,
  valueOffset,
  wordAt
} from "./Entry.ts"
import { Index, INDEX_BYTES, NO_BUCKET } from "./Index.ts"
import { KeyHash } from "./KeyHash.ts"
import type { KeyPlaces } from "../domain/KeyPlaces.ts"
import {
  ARENA_PAGE_BITS,
  ARENA_TABLE,
  ARENA_UNIT_BITS,
  CLASSES,
  DETACHED_BYTES,
  DIRECTORY_PAGE,
  DOOM_CURSOR,
  DOOMED,
  DOOMED_IDENTITIES,
  ENTRIES,
  EVACUATED_ARENA,
  EVACUATION_CURSOR,
  GIVEN_UP_BYTES,
  IDENTITIES,
  IDENTITY_COUNTS,
  KIND,
  MAX_BYTES,
  MAX_ENTRIES,
  NEWEST,
  OLDEST,
  PAGE_BYTES,
  PAGE_LIMIT,
  PINNED_CHAINS,
  REFUSED,
  REFUSED_SINCE,
  REMOVED,
  SECRET,
  SEGMENT_PAGE,
  SPARE_ARENA,
  SPARE_SINCE,
  SPARSE_CLASS,
  STUCK_AT,
  TOUCHED_PAGES,
  UNUSED_PAGE,
  USED_BYTES,
  USED_PAGES
} from "./Layout.ts"
import {
  DATABASES,
  DELETED,
  EVICTED,
  EXPIRED,
  type Limits,
  MAX_KEY_LENGTH,
  MAX_MEMORY,
  MAX_VALUE_LENGTH,
  MIN_HELD_BYTES,
  REPLACED
} from "./Limits.ts"
import { arrayBuffers, type ArenaSource, Memory } from "./Memory.ts"
import { Recency } from "./Recency.ts"
import { classFor, NO_SLOT, PINS, sizeOfClass, Slots } from "./Slots.ts"
import { BUDGET_SPENT, NEVER, NONE, Wheel } from "./Wheel.ts"
import { copyFromWords, copyToWords, equalsWords } from "./Words.ts"

/** There is no such entry. An entry's address is any other number, and may be negative. */
export const NOT_THERE = 0

/** What became of a write. */
export const OUT_OF_MEMORY = 0
export const STORED = 1

/**
 * How many entries that are not due a write into a full cache may move in the timing wheel while it looks for an expired
 * one to remove. Bounds the time of one write to well under a millisecond. An expired key goes before the least recently
 * used one unless more than this many of nearly the same deadline are in front of it.
 */
const EVICTION_SEARCH_BUDGET = 4096

/** Entries from which on a batch's memory is fetched together, and keys of a batch: below, it is in a cache anyway. */
const FETCHED_ENTRIES = 50_000
const FETCHED_TOGETHER = 4
/** Keys that are fetched at a time: what they need fits into the processor's cache. */
const GROUP = 256
/** Words of a line of the processor's cache. */
const LINE_WORDS = 16

/** Identities of databases, those that were cleared included. */
const ALL_IDENTITIES = 256
/** 2^32 divided by the golden ratio: each identity's entries are elsewhere in the index. */
const IDENTITY_HASH = 0x9e37_79b1 | 0

/** Entries that are looked at for those of cleared databases at a time. */
const DRAINED_AT_ONCE = 256

/** How long a spare arena is kept that nobody needs, and how long a refusal of the system's is believed, in ms. */
const SPARE_TIME = 10_000
const REFUSED_TIME = 1000

/**
 * Pages that a value needs besides those that it fills: a segment of the index and its directory, the entry's, and those
 * of its last pieces.
 */
const OTHER_PAGES = 6

/** What it takes to move a page, in entries. */
const PAGE_EFFORT = 16

/** What an entry takes, in bytes, as `Engine.usedBytes` counts it. */
export const entryBytes = (keyLength: number, valueLength: number, timed: boolean): number => {
  const meta = metaFor(keyLength, 0, valueLength, timed)
  const chains =
    ((meta & LONG_KEY) === 0 ? 0 : chainBytes(keyLength)) + ((meta & LONG_VALUE) === 0 ? 0 : chainBytes(valueLength))
  return sizeOfClass(classFor(contentBytes(meta, valueLength))) + chains + INDEX_BYTES
}

export class Engine {
  private readonly memory: Memory
  private readonly slots: Slots
  private readonly chains: Chains
  private readonly index: Index
  private readonly recency: Recency
  private readonly wheel: Wheel
  private readonly keyHash: KeyHash
  private readonly hashes = new Int32Array(GROUP)
  private readonly candidates = new Int32Array(GROUP)
  private readonly doomed: Array<number> = []
  // What the write in progress will give back, in bytes.
  private credit = 0
  // Loads whose result is not used might be left out.
  protected seen = 0

  private constructor(memory: Memory) {
    this.memory = memory
    this.slots = new Slots(memory, { moved: (from, to) => this.moved(from, to) })
    this.chains = new Chains(memory, this.slots, (sizeClass, rest, now) => this.takeSlot(sizeClass, 0, 0, now, rest))
    this.index = new Index(memory)
    this.recency = new Recency(memory)
    this.wheel = new Wheel(memory)
    this.keyHash = new KeyHash(memory.header[SECRET]!, memory.header[SECRET + 1]!)
  }

  /** An engine of nothing. `secret` is eight bytes. A source that refuses the first arena, of 1 MB, throws. */
  static make(limits: Limits, secret: Uint8Array, now: number, source: ArenaSource = arrayBuffers): Engine {
    const memory = Memory.make(source)
    const { figures, header } = memory
    const view = new DataView(secret.buffer, secret.byteOffset, secret.byteLength)
    header[SECRET] = view.getInt32(0, true)
    header[SECRET + 1] = view.getInt32(4, true)
    const maxMemory = Math.min(limits.maxMemory ?? MAX_MEMORY, MAX_MEMORY)
    figures[MAX_BYTES] = maxMemory
    figures[MAX_ENTRIES] = limits.maxKeys
    header[PAGE_LIMIT] = Math.floor(Math.max(maxMemory, MIN_HELD_BYTES) / PAGE_BYTES)
    const engine = new Engine(memory)
    engine.start(now)
    return engine
  }

  /** The engine whose `arenas` these are or were, as it was. */
  static attach(arenas: ReadonlyArray<ArrayBufferLike | undefined>, source: ArenaSource = arrayBuffers): Engine {
    return new Engine(Memory.attach(arenas, source))
  }

  /** All that the engine is. */
  get arenas(): ReadonlyArray<ArrayBufferLike | undefined> {
    return this.memory.arenas
  }

  /** Keys held, those that have expired and were not yet removed included. */
  get size(): number {
    const { header } = this.memory
    return header[ENTRIES]! - header[DOOMED]!
  }

  /** The same of one database. */
  keysIn(database: number): number {
    const { header } = this.memory
    return header[IDENTITY_COUNTS + header[IDENTITIES + database]!]!
  }

  /** Keys that have a deadline, in all databases. */
  get timedKeys(): number {
    return this.wheel.size
  }

  /** Bytes that the entries take: their slots, chains and share of the index; values being written are counted too. */
  get usedBytes(): number {
    return this.memory.figures[USED_BYTES]!
  }

  /** Of them, bytes of values that are no key's: those being written, and those that are read after they were removed. */
  get detachedBytes(): number {
    return this.memory.figures[DETACHED_BYTES]!
  }

  /** Bytes of memory that have been touched for entries, used and unused, in the arenas that it has. */
  get heldBytes(): number {
    return this.memory.header[TOUCHED_PAGES]! * PAGE_BYTES
  }

  /** Bytes of memory that it has held and holds no more: the collector's, once it comes. Only ever grows. */
  get givenUpBytes(): number {
    return this.memory.figures[GIVEN_UP_BYTES]!
  }

  /** Entries removed for a reason: `DELETED`, `EXPIRED`, `EVICTED`, `REPLACED`. */
  removed(reason: number): number {
    return this.memory.figures[REMOVED + reason]!
  }

  /** A time in ms before which there is nothing to sweep; infinite if no key has a deadline. */
  get nextDue(): number {
    return this.wheel.nextDue
  }

  /** A time in ms before which `maintain` has nothing to do; 0 for now, infinite for never. */
  get nextMaintenance(): number {
    const { figures, header } = this.memory
    if (header[DOOMED] !== 0 || header[SPARSE_CLASS] !== 0 || header[EVACUATED_ARENA] !== 0) return 0
    if (header[REFUSED] === 1 || this.memory.isSpacious) return 0
    let next = NEVER
    if (header[REFUSED] === 2) next = figures[REFUSED_SINCE]! + REFUSED_TIME
    if (header[SPARE_ARENA] !== 0) {
      const since = figures[SPARE_SINCE]!
      next = Number.isNaN(since) ? 0 : Math.min(next, since + SPARE_TIME)
    }
    return next
  }

  /** The hash of `length` bytes from `start` on; the database is not in it. */
  hashOf(view: DataView, start: number, length: number): number {
    return this.keyHash.hash(view, start, length)
  }

  /**
   * Gets ready for a batch of commands: every key's hash is set. In a large cache it also has the processor fetch what
   * the commands will need, all of it at once: one after the other, each of them would wait three times for memory, and
   * that takes longer than everything else together. (S. Chen et al., "Improving hash join performance through
   * prefetching", ICDE 2004: group prefetching. A load whose result nobody waits for serves as the instruction for it.)
   * The database is only for that: a hash is good in every one.
   */
  prepare(keys: KeyPlaces, database: number): void {
    const { keyCount, view } = keys
    const { hashes, keyHash } = this
    const { header } = this.memory
    const isLarge = keyCount >= FETCHED_TOGETHER && header[ENTRIES]! >= FETCHED_ENTRIES
    const its = hashOfIdentity(header[IDENTITIES + database]!)
    for (let from = 0; from < keyCount; from += GROUP) {
      const to = Math.min(from + GROUP, keyCount)
      for (let key = from; key < to; key++) {
        const hash = keyHash.hash(view, keys.keyStart(key), keys.keyLength(key))
        keys.setHash(key, hash)
        hashes[key - from] = hash ^ its
      }
      if (isLarge) this.fetch(to - from)
    }
  }

  /**
   * The entry of a key that is there and has not expired, or `NOT_THERE`; one that has expired is removed. `hash` is
   * what `prepare` or `hashOf` gave for the key. Entries stay where they are.
   */
  find(keys: DataView, start: number, length: number, hash: number, database: number, now: number): number {
    const identity = this.memory.header[IDENTITIES + database]!
    return this.locate(keys, start, length, hash ^ hashOfIdentity(identity), identity, now)
  }

  /** An entry is the most recently used. */
  touch(entry: number): void {
    this.recency.touch(entry)
  }

  /** `STRING`, from `Entry.ts`. */
  type(entry: number): number {
    return typeOf(this.get(entry, META))
  }

  keyLength(entry: number): number {
    return keyLengthOf(this.get(entry, META))
  }

  database(entry: number): number {
    const { header } = this.memory
    const identity = identityOf(this.get(entry, META))
    for (let database = 0; database < DATABASES; database++) {
      if (header[IDENTITIES + database] === identity) return database
    }
    throw new Error(`entry ${entry} is of no database`)
  }

  valueLength(entry: number): number {
    return this.get(entry, VALUE_LENGTH)
  }

  /** Whether the value lies in one piece: at `valueWord` of `valueWords`, the bytes of each word the lowest first. */
  isInline(entry: number): boolean {
    return (this.get(entry, META) & LONG_VALUE) === 0
  }

  valueWords(entry: number): Int32Array {
    return this.memory.words[entry >>> ARENA_UNIT_BITS]!
  }

  valueWord(entry: number): number {
    return wordAt(entry) + valueOffset(this.get(entry, META))
  }

  /**
   * Copies `length` bytes of a value, which has them, from its byte `from` on. Of one that is not inline it takes a step for
   * each 64 KB before `from`: whoever reads all of a long one opens a reader.
   */
  copyValue(entry: number, from: number, length: number, into: Uint8Array, at: number): void {
    const meta = this.get(entry, META)
    this.copyOut(entry, valueOffset(meta), (meta & LONG_VALUE) !== 0, from, length, into, at)
  }

  copyKey(entry: number, into: Uint8Array, at: number): void {
    const meta = this.get(entry, META)
    this.copyOut(entry, keyOffset(meta), (meta & LONG_KEY) !== 0, 0, keyLengthOf(meta), into, at)
  }

  /** When an entry expires, in ms; `NEVER` if it does not. */
  deadline(entry: number): number {
    return (this.get(entry, META) & TIMED) === 0 ? NEVER : this.wheel.deadline(entry)
  }

  /**
   * Stores a value under a key, with a deadline in whole ms or `NEVER`, and replaces both if the key is there.
   * `OUT_OF_MEMORY` if there is no room for it: then nothing has changed but that others were evicted.
   */
  set(
    keys: DataView,
    keyStart: number,
    keyLength: number,
    hash: number,
    database: number,
    values: DataView,
    valueStart: number,
    valueLength: number,
    deadline: number,
    now: number
  ): number {
    checkLengths(keyLength, valueLength)
    const { figures, header } = this.memory
    const identity = header[IDENTITIES + database]!
    const itsHash = hash ^ hashOfIdentity(identity)
    const meta = metaFor(keyLength, identity, valueLength, deadline !== NEVER)
    const entry = this.locate(keys, keyStart, keyLength, itsHash, identity, now)
    if (entry === NOT_THERE) {
      return this.store(false, meta, itsHash, keys, keyStart, values, valueStart, valueLength, deadline, now)
    }
    if (this.fits(entry, meta, valueLength)) {
      this.recency.touch(entry)
      this.overwrite(entry, meta, keys, keyStart, values, valueStart, valueLength, deadline)
    } else if (!this.replace(entry, meta, itsHash, keys, keyStart, values, valueStart, valueLength, deadline, now)) {
      return OUT_OF_MEMORY
    }
    figures[REMOVED + REPLACED]!++
    return STORED
  }

  /** Another value for an entry, which is a use. Its deadline stays, and nothing counts as replaced. */
  setValue(entry: number, values: DataView, valueStart: number, valueLength: number, now: number): number {
    const before = this.get(entry, META)
    const keyLength = keyLengthOf(before)
    checkLengths(keyLength, valueLength)
    const meta = metaFor(keyLength, identityOf(before), valueLength, (before & TIMED) !== 0)
    if (this.fits(entry, meta, valueLength)) {
      this.recency.touch(entry)
      this.put(entry, VALUE_LENGTH, valueLength)
      copyToWords(this.valueWords(entry), this.valueWord(entry), values, valueStart, valueLength)
      return STORED
    }
    const key = new Uint8Array(keyLength)
    this.copyKey(entry, key, 0)
    const view = new DataView(key.buffer)
    const hash = this.get(entry, HASH)
    const deadline = this.deadline(entry)
    const its = metaFor(keyLength, identityOf(before), valueLength, deadline !== NEVER)
    return this.replace(entry, its, hash, view, 0, values, valueStart, valueLength, deadline, now)
      ? STORED
      : OUT_OF_MEMORY
  }

  /** Another deadline for an entry, in whole ms, or `NEVER`, which cannot fail. */
  setDeadline(entry: number, deadline: number, now: number): number {
    const meta = this.get(entry, META)
    if ((meta & TIMED) !== 0) {
      this.wheel.cancel(entry)
      if (deadline !== NEVER) this.wheel.schedule(entry, deadline)
      return STORED
    }
    if (deadline === NEVER) return STORED
    const timed = meta | TIMED
    const valueLength = this.get(entry, VALUE_LENGTH)
    if (contentBytes(timed, valueLength) > MAX_ENTRY_BYTES) return this.setDeadlineOfLarge(entry, deadline, now)
    this.recency.touch(entry)
    const slot = this.takeSlot(classFor(contentBytes(timed, valueLength)), 0, 1, now)
    if (slot === NO_SLOT) return OUT_OF_MEMORY
    // It may have been moved, but it is the most recently used.
    const before = this.memory.header[NEWEST]!
    const source = this.memory.words[before >>> ARENA_UNIT_BITS]!
    const target = this.memory.words[slot >>> ARENA_UNIT_BITS]!
    const from = wordAt(before)
    const to = wordAt(slot)
    for (let word = 0; word < keyOffset(meta); word++) target[to + word] = source[from + word]!
    const count = (contentBytes(meta, valueLength) >>> 2) - keyOffset(meta)
    const its = source.subarray(from + keyOffset(meta), from + keyOffset(meta) + count)
    target.set(its, to + keyOffset(timed))
    target[to + META] = timed
    this.wheel.clear(slot)
    this.moved(before, slot)
    this.slots.release(before)
    this.wheel.schedule(slot, deadline)
    this.slots.settle()
    return STORED
  }

  /** Removes an entry, for a reason that is counted: see `removed`. */
  remove(entry: number, reason: number): void {
    this.detach(entry, this.index.bucketOf(this.get(entry, HASH), entry), reason)
    this.slots.settle()
  }

  /**
   * Begins a value of so many bytes that is to be written in slices; memory is taken as they come. Returns its name, or
   * `OUT_OF_MEMORY` where it cannot have room. It must be given to `setLarge` or `abandonLarge`.
   */
  beginLarge(length: number, now: number): number {
    checkLengths(0, length)
    return this.canHold(chainBytes(length)) ? this.chains.begin(length, now) : OUT_OF_MEMORY
  }

  /**
   * Appends bytes to a value that was begun. `OUT_OF_MEMORY` if there is no room for all of them; then it is of no more
   * use. To be quick, slices are of 64 KB at most.
   */
  writeLarge(large: number, bytes: Uint8Array, start: number, length: number, now: number): number {
    return this.chains.write(large, bytes, start, length, now) ? STORED : OUT_OF_MEMORY
  }

  /** As `set`, with a value that was written in slices, all of it. After `OUT_OF_MEMORY` it is still the caller's. */
  setLarge(
    keys: DataView,
    keyStart: number,
    keyLength: number,
    hash: number,
    database: number,
    large: number,
    deadline: number,
    now: number
  ): number {
    checkLengths(keyLength, 0)
    if (!this.chains.isComplete(large)) throw new RangeError("a value is stored before all of it was written")
    const { figures, header } = this.memory
    const identity = header[IDENTITIES + database]!
    const itsHash = hash ^ hashOfIdentity(identity)
    const valueLength = this.chains.total(large)
    const meta = metaFor(keyLength, identity, valueLength, deadline !== NEVER) | LONG_VALUE
    const entry = this.locate(keys, keyStart, keyLength, itsHash, identity, now)
    const isThere = entry !== NOT_THERE
    if (isThere) this.recency.touch(entry)
    else this.makeKeyRoom(now)
    const made = this.place(isThere, meta, itsHash, keys, keyStart, large, valueLength, deadline, now)
    if (made === NO_SLOT) return OUT_OF_MEMORY
    if (isThere) figures[REMOVED + REPLACED]!++
    this.slots.settle()
    return STORED
  }

  /** A value that was begun is not wanted. */
  abandonLarge(large: number): void {
    this.chains.unpin(large)
    this.slots.settle()
  }

  /** Reads a value that is not inline, in slices, whatever becomes of its entry meanwhile. It must be closed. */
  openReader(entry: number): ChainReader {
    return this.chains.read(this.get(entry, valueOffset(this.get(entry, META))))
  }

  /** Removes what has expired, at most `budget` entries looked at or moved; says whether there may be more. */
  sweep(now: number, budget: number): boolean {
    for (let left = budget; left > 0; left -= 1 + this.wheel.moved) {
      const entry = this.wheel.popDue(now, left)
      if (entry === NONE) return false
      if (entry === BUDGET_SPENT) return true
      this.remove(entry, EXPIRED)
    }
    return true
  }

  /** Removes every key at once. Nothing is counted as removed. */
  clear(now: number): void {
    if (this.memory.header[PINNED_CHAINS] === 0) {
      this.memory.reset()
      this.start(now)
      return
    }
    // Somebody reads what lies among the rest.
    for (let database = 0; database < DATABASES; database++) this.clearDatabase(database)
  }

  /**
   * Removes every key of a database at once. Nothing is counted as removed. The memory is free later: it is taken by
   * writes that need it, and by `maintain`.
   */
  clearDatabase(database: number): void {
    const { header } = this.memory
    const identity = header[IDENTITIES + database]!
    const count = header[IDENTITY_COUNTS + identity]!
    if (count === 0) return
    if (count === header[ENTRIES] && header[PINNED_CHAINS] === 0) {
      this.memory.reset()
      this.start(this.wheel.time)
      return
    }
    header[DOOMED]! += count
    header[DOOMED_IDENTITIES + (identity >>> 5)]! |= 1 << (identity & 31)
    header[IDENTITIES + database] = this.freeIdentity()
  }

  /** Two databases change places. */
  swapDatabases(one: number, other: number): void {
    const { header } = this.memory
    const identity = header[IDENTITIES + one]!
    header[IDENTITIES + one] = header[IDENTITIES + other]!
    header[IDENTITIES + other] = identity
  }

  /**
   * Visits keys of a database, in the order of their hashes: about `count` of all databases' from a cursor on, 0 for the
   * first. Returns the next cursor, 0 at the end. Whatever is there from the first call to the last is visited; keys that
   * have expired may be, too. `see` is given entries and must not write.
   */
  scan(cursor: number, count: number, database: number, see: (entry: number) => void): number {
    const identity = this.memory.header[IDENTITIES + database]!
    return this.index.visit(cursor, count, (entry) => {
      if (identityOf(this.get(entry, META)) === identity) see(entry)
    })
  }

  /**
   * Gives memory back, in slices: frees what cleared databases had, empties pages of which little is in use, then
   * arenas. Moves about `budget` entries at most, or one page's; says whether there is more to do. See `nextMaintenance`.
   */
  maintain(now: number, budget: number): boolean {
    const { figures, header } = this.memory
    if (header[REFUSED] === 1) {
      header[REFUSED] = 2
      figures[REFUSED_SINCE] = now
    } else if (header[REFUSED] === 2 && now >= figures[REFUSED_SINCE]! + REFUSED_TIME) header[REFUSED] = 0
    let left = budget
    for (; left > 0 && header[DOOMED] !== 0; left -= DRAINED_AT_ONCE) this.drain(DRAINED_AT_ONCE)
    while (left > 0) {
      const moved = this.slots.compactAny()
      if (moved === -1) {
        header[SPARSE_CLASS] = 0
        break
      }
      left -= moved + PAGE_EFFORT
    }
    while (left > 0 && (header[EVACUATED_ARENA] !== 0 || this.memory.isSpacious)) left -= this.evacuate()
    if (header[SPARE_ARENA] !== 0) {
      if (Number.isNaN(figures[SPARE_SINCE])) figures[SPARE_SINCE] = now
      if (now >= figures[SPARE_SINCE]! + SPARE_TIME) this.memory.giveUpSpare()
    }
    return left <= 0 && this.nextMaintenance === 0
  }

  /** Nothing is in it. */
  private start(now: number): void {
    const { figures, header } = this.memory
    for (const word of [NEWEST, OLDEST, ENTRIES, DOOMED, DOOM_CURSOR, SPARSE_CLASS]) header[word] = 0
    header.fill(0, CLASSES, ARENA_TABLE)
    for (let database = 0; database < DATABASES; database++) header[IDENTITIES + database] = database
    figures[USED_BYTES] = 0
    figures[DETACHED_BYTES] = 0
    this.wheel.start(now)
    this.index.start()
  }

  private locate(keys: DataView, start: number, length: number, hash: number, identity: number, now: number): number {
    const { index } = this
    const name = length | (identity << IDENTITY_BITS)
    for (let bucket = index.first(hash); bucket !== NO_BUCKET; bucket = index.next(hash, bucket)) {
      const entry = index.entry(bucket)
      const arena = this.memory.words[entry >>> ARENA_UNIT_BITS]!
      const at = wordAt(entry)
      const meta = arena[at + META]!
      if ((meta & NAME_MASK) !== name) continue
      const key = at + keyOffset(meta)
      if ((meta & LONG_KEY) === 0) {
        if (!equalsWords(arena, key, keys, start, length)) continue
      } else if (!this.chains.equals(arena[key]!, keys, start)) continue
      if ((meta & TIMED) === 0 || now < this.wheel.deadline(entry)) return entry
      this.detach(entry, bucket, EXPIRED)
      return NOT_THERE
    }
    return NOT_THERE
  }

  /** Brings what a group's commands will need of entries into the processor's cache. */
  private fetch(count: number): void {
    const { candidates, hashes, index } = this
    const { words } = this.memory
    let seen = index.fetch(hashes, count)
    index.candidates(hashes, count, candidates)
    for (let i = 0; i < count; i++) {
      const entry = candidates[i]!
      if (entry === 0) continue
      const arena = words[entry >>> ARENA_UNIT_BITS]!
      const at = wordAt(entry)
      seen ^= arena[at]!
      if (at + LINE_WORDS < arena.length) seen ^= arena[at + LINE_WORDS]!
    }
    for (let i = 0; i < count; i++) {
      const entry = candidates[i]!
      if (entry === 0) continue
      const arena = words[entry >>> ARENA_UNIT_BITS]!
      const at = wordAt(entry)
      const newer = arena[at + NEWER]!
      const older = arena[at + OLDER]!
      if (newer !== 0) seen ^= words[newer >>> ARENA_UNIT_BITS]![wordAt(newer)]!
      if (older !== 0) seen ^= words[older >>> ARENA_UNIT_BITS]![wordAt(older)]!
    }
    this.seen = seen
  }

  /** Whether an entry can be what `meta` says, with a value of this length, where it is. */
  private fits(entry: number, meta: number, valueLength: number): boolean {
    const before = this.get(entry, META)
    const lengthBefore = this.get(entry, VALUE_LENGTH)
    if (((before | meta) & (LONG_KEY | LONG_VALUE)) !== 0) return false
    if (before === meta && lengthBefore === valueLength) return true
    return classFor(contentBytes(before, lengthBefore)) === classFor(contentBytes(meta, valueLength))
  }

  private overwrite(
    entry: number,
    meta: number,
    keys: DataView,
    keyStart: number,
    values: DataView,
    valueStart: number,
    valueLength: number,
    deadline: number
  ): void {
    const arena = this.memory.words[entry >>> ARENA_UNIT_BITS]!
    const at = wordAt(entry)
    const before = arena[at + META]!
    if ((before & TIMED) !== 0) this.wheel.cancel(entry)
    if (before !== meta) {
      arena[at + META] = meta
      copyToWords(arena, at + keyOffset(meta), keys, keyStart, keyLengthOf(meta))
    }
    arena[at + VALUE_LENGTH] = valueLength
    copyToWords(arena, at + valueOffset(meta), values, valueStart, valueLength)
    if ((meta & TIMED) !== 0) this.wheel.schedule(entry, deadline)
  }

  /** A value for a key that is not there. */
  private store(
    isThere: boolean,
    meta: number,
    hash: number,
    keys: DataView,
    keyStart: number,
    values: DataView,
    valueStart: number,
    valueLength: number,
    deadline: number,
    now: number
  ): number {
    if (!isThere) this.makeKeyRoom(now)
    let value = NO_CHAIN
    if ((meta & LONG_VALUE) !== 0) {
      value = this.chainOf(values, valueStart, valueLength, now)
      if (value === NO_CHAIN) return OUT_OF_MEMORY
    }
    const made = this.place(isThere, meta, hash, keys, keyStart, value, valueLength, deadline, now)
    if (made === NO_SLOT) {
      if (value !== NO_CHAIN) this.chains.unpin(value)
      return OUT_OF_MEMORY
    }
    if (value === NO_CHAIN) copyToWords(this.valueWords(made), this.valueWord(made), values, valueStart, valueLength)
    this.slots.settle()
    return STORED
  }

  /** A value for an entry that has no room for it where it is; says whether there is memory for it. */
  private replace(
    entry: number,
    meta: number,
    hash: number,
    keys: DataView,
    keyStart: number,
    values: DataView,
    valueStart: number,
    valueLength: number,
    deadline: number,
    now: number
  ): boolean {
    // The last to be evicted, and found again by that.
    this.recency.touch(entry)
    this.credit = this.bytesOf(entry)
    const outcome = this.store(true, meta, hash, keys, keyStart, values, valueStart, valueLength, deadline, now)
    this.credit = 0
    return outcome === STORED
  }

  /**
   * Makes an entry of a key whose value is a chain, or whose value's words the caller fills. Where the key was there (and
   * was used last), the new entry takes the place of the old one. Returns it, or `NO_SLOT`, with nothing changed but that
   * others were evicted.
   */
  private place(
    isThere: boolean,
    meta: number,
    hash: number,
    keys: DataView,
    keyStart: number,
    value: number,
    valueLength: number,
    deadline: number,
    now: number
  ): number {
    const keyLength = keyLengthOf(meta)
    let key = NO_CHAIN
    if ((meta & LONG_KEY) !== 0) {
      key = this.chainOf(keys, keyStart, keyLength, now)
      if (key === NO_CHAIN) return NO_SLOT
    }
    const hasRoom = this.makeIndexRoom(hash, now)
    const slot = hasRoom ? this.takeSlot(classFor(contentBytes(meta, valueLength)), INDEX_BYTES, 0, now) : NO_SLOT
    if (slot === NO_SLOT) {
      if (key !== NO_CHAIN) this.chains.unpin(key)
      return NO_SLOT
    }
    // From here on nothing can fail. The old entry may have been moved or even evicted, but not overtaken.
    const { figures, header } = this.memory
    const before = isThere ? header[NEWEST]! : NOT_THERE
    const arena = this.memory.words[slot >>> ARENA_UNIT_BITS]!
    const at = wordAt(slot)
    arena[at + HASH] = hash
    arena[at + META] = meta
    arena[at + VALUE_LENGTH] = valueLength
    if (key === NO_CHAIN) copyToWords(arena, at + keyOffset(meta), keys, keyStart, keyLength)
    else {
      arena[at + keyOffset(meta)] = key
      this.chains.attach(key, slot)
    }
    if (value !== NO_CHAIN) {
      arena[at + valueOffset(meta)] = value
      this.chains.attach(value, slot)
    }
    if (before === NOT_THERE) {
      this.index.add(hash, slot)
      header[ENTRIES]!++
      header[IDENTITY_COUNTS + identityOf(meta)]!++
      figures[USED_BYTES]! += INDEX_BYTES
    } else {
      this.index.point(this.index.bucketOf(hash, before), slot)
      this.recency.remove(before)
      this.discard(before)
    }
    this.recency.add(slot)
    if ((meta & TIMED) !== 0) this.wheel.schedule(slot, deadline)
    return slot
  }

  /** As `setDeadline` of an entry whose value is to be a chain because of it. */
  private setDeadlineOfLarge(entry: number, deadline: number, now: number): number {
    const meta = this.get(entry, META)
    const key = new Uint8Array(keyLengthOf(meta))
    const value = new Uint8Array(this.get(entry, VALUE_LENGTH))
    this.copyKey(entry, key, 0)
    this.copyValue(entry, 0, value.length, value, 0)
    const keys = new DataView(key.buffer)
    const values = new DataView(value.buffer)
    const itsMeta = metaFor(key.length, identityOf(meta), value.length, true)
    const hash = this.get(entry, HASH)
    return this.replace(entry, itsMeta, hash, keys, 0, values, 0, value.length, deadline, now) ? STORED : OUT_OF_MEMORY
  }

  /** A chain of these bytes, or `NO_CHAIN`. */
  private chainOf(view: DataView, start: number, length: number, now: number): number {
    if (!this.canHold(chainBytes(length))) return NO_CHAIN
    const chain = this.chains.begin(length, now)
    if (chain === NO_CHAIN) return NO_CHAIN
    const bytes = new Uint8Array(view.buffer, view.byteOffset + start, length)
    if (this.chains.write(chain, bytes, 0, length, now)) return chain
    this.chains.unpin(chain)
    return NO_CHAIN
  }

  /**
   * Whether pieces of so many bytes can be had at all, if every entry is evicted for them. Nothing should be for those
   * that cannot.
   */
  private canHold(bytes: number): boolean {
    const { figures, mostPages } = this.memory
    const needed = figures[DETACHED_BYTES]! + bytes
    return needed <= figures[MAX_BYTES]! && needed <= (mostPages - OTHER_PAGES) * PAGE_BYTES
  }

  /**
   * A slot, for which entries are evicted as long as there are more than `keep`; or `NO_SLOT`. It is of little use unless
   * `rest` bytes come to have room, too.
   */
  private takeSlot(sizeClass: number, extra: number, keep: number, now: number, rest = 0): number {
    const { figures, header } = this.memory
    const size = sizeOfClass(sizeClass) + extra
    if (figures[DETACHED_BYTES]! + size > figures[MAX_BYTES]!) return NO_SLOT
    for (;;) {
      // An entry that is replaced counts no more, as long as it is there.
      const credit = header[ENTRIES] === 0 ? 0 : this.credit
      if (figures[USED_BYTES]! - credit + size <= figures[MAX_BYTES]!) {
        const slot = this.slots.take(sizeClass)
        if (slot !== NO_SLOT) return slot
        if (header[REFUSED] !== 0 && !this.canHold(rest)) return NO_SLOT
      }
      if (header[ENTRIES]! <= keep) return NO_SLOT
      this.evict(now)
    }
  }

  private makeIndexRoom(hash: number, now: number): boolean {
    while (!this.index.makeRoom(hash)) {
      if (this.memory.header[ENTRIES] === 0) return false
      this.evict(now)
    }
    return true
  }

  /** Makes room for one more key. */
  private makeKeyRoom(now: number): void {
    const { figures, header } = this.memory
    while (header[ENTRIES]! >= figures[MAX_ENTRIES]! && header[ENTRIES] !== 0) this.evict(now)
  }

  /** Removes an entry at least, of which there is one: of a cleared database, else expired, else the least recently used. */
  private evict(now: number): void {
    if (this.memory.header[DOOMED] !== 0 && this.drain(DRAINED_AT_ONCE) > 0) {
      this.slots.settle()
      return
    }
    const due = this.wheel.popDue(now, EVICTION_SEARCH_BUDGET)
    if (due !== NONE && due !== BUDGET_SPENT) {
      this.remove(due, EXPIRED)
      return
    }
    const victim = this.recency.oldest
    this.remove(victim, now < this.deadline(victim) ? EVICTED : EXPIRED)
  }

  /** Takes an entry out of everything. */
  private detach(entry: number, bucket: number, reason: number): void {
    const { figures, header } = this.memory
    const identity = identityOf(this.get(entry, META))
    this.index.remove(this.get(entry, HASH), bucket)
    this.recency.remove(entry)
    this.discard(entry)
    figures[USED_BYTES]! -= INDEX_BYTES
    header[ENTRIES]!--
    const left = --header[IDENTITY_COUNTS + identity]!
    if (!this.isDoomed(identity)) {
      figures[REMOVED + reason]!++
      return
    }
    header[DOOMED]!--
    if (left === 0) header[DOOMED_IDENTITIES + (identity >>> 5)]! &= ~(1 << (identity & 31))
  }

  /** Gives back what an entry takes: it is in the index and the order of use no more. */
  private discard(entry: number): void {
    const meta = this.get(entry, META)
    if ((meta & TIMED) !== 0) this.wheel.cancel(entry)
    if ((meta & LONG_KEY) !== 0) this.chains.letGo(this.get(entry, keyOffset(meta)))
    if ((meta & LONG_VALUE) !== 0) this.chains.letGo(this.get(entry, valueOffset(meta)))
    this.slots.release(entry)
  }

  /** What was in the slot at `from` is in the one at `to`. */
  private moved(from: number, to: number): void {
    const meta = this.get(to, META)
    if (isPiece(meta)) {
      this.chains.moved(from, to)
      return
    }
    this.index.point(this.index.bucketOf(this.get(to, HASH), from), to)
    this.recency.moved(to)
    if ((meta & TIMED) !== 0) this.wheel.relocated(to)
    if ((meta & LONG_KEY) !== 0) this.chains.own(this.get(to, keyOffset(meta)), to)
    if ((meta & LONG_VALUE) !== 0) this.chains.own(this.get(to, valueOffset(meta)), to)
  }

  /** An identity that no database has or had of which there are entries. */
  private freeIdentity(): number {
    const { header } = this.memory
    for (;;) {
      for (let identity = 0; identity < ALL_IDENTITIES; identity++) {
        const isUsed = header[IDENTITY_COUNTS + identity] !== 0 || this.isDoomed(identity) || this.hasDatabase(identity)
        if (!isUsed) return identity
      }
      // So many databases were cleared in a short time: one of them goes for good.
      this.drain(ALL_IDENTITIES)
    }
  }

  private hasDatabase(identity: number): boolean {
    const { header } = this.memory
    for (let database = 0; database < DATABASES; database++) {
      if (header[IDENTITIES + database] === identity) return true
    }
    return false
  }

  private isDoomed(identity: number): boolean {
    return ((this.memory.header[DOOMED_IDENTITIES + (identity >>> 5)]! >>> (identity & 31)) & 1) !== 0
  }

  /** Looks at about `count` entries, and removes those of cleared databases; returns how many these were. */
  private drain(count: number): number {
    const { header } = this.memory
    const { doomed } = this
    doomed.length = 0
    header[DOOM_CURSOR] = this.index.visit(header[DOOM_CURSOR]! >>> 0, count, (entry) => {
      if (this.isDoomed(identityOf(this.get(entry, META)))) doomed.push(entry)
    })
    for (const entry of doomed) this.detach(entry, this.index.bucketOf(this.get(entry, HASH), entry), DELETED)
    return doomed.length
  }

  /** Empties a page of the arena that is being emptied, or chooses one; returns the effort, in entries. */
  private evacuate(): number {
    const { header } = this.memory
    if (header[EVACUATED_ARENA] === 0) {
      const chosen = this.memory.emptiest((arena) => this.isFree(arena))
      if (chosen === 0) header[STUCK_AT] = header[USED_PAGES]!
      header[EVACUATED_ARENA] = chosen
      header[EVACUATION_CURSOR] = 1
      return PAGE_EFFORT
    }
    const arena = header[EVACUATED_ARENA]!
    const page = (arena << ARENA_PAGE_BITS) | header[EVACUATION_CURSOR]!
    if (header[EVACUATION_CURSOR]! >= this.memory.pagesOf(arena)) {
      // It came to its end, and something is left.
      header[EVACUATED_ARENA] = 0
      header[STUCK_AT] = header[USED_PAGES]!
      return PAGE_EFFORT
    }
    header[EVACUATION_CURSOR]!++
    const kind = this.memory.known(page, KIND)
    if (kind === UNUSED_PAGE) return 1
    if (kind === SEGMENT_PAGE || kind === DIRECTORY_PAGE) {
      this.index.relocate(page, kind)
      return PAGE_EFFORT
    }
    if (this.memory.known(page, PINS) > 0) return 1
    return PAGE_EFFORT + Math.max(0, this.slots.evacuate(page))
  }

  /** Whether everything in an arena may be moved. */
  private isFree(arena: number): boolean {
    const first = arena << ARENA_PAGE_BITS
    for (let page = first + 1; page < first + this.memory.pagesOf(arena); page++) {
      const kind = this.memory.known(page, KIND)
      if (kind !== SEGMENT_PAGE && kind !== DIRECTORY_PAGE && this.memory.known(page, PINS) > 0) return false
    }
    return true
  }

  /** Bytes that an entry gives back when it goes: what somebody reads of it stays. */
  private bytesOf(entry: number): number {
    const meta = this.get(entry, META)
    let bytes = this.slots.sizeAt(entry)
    if ((meta & LONG_KEY) !== 0) bytes += this.chains.bytesGivenBack(this.get(entry, keyOffset(meta)))
    if ((meta & LONG_VALUE) !== 0) bytes += this.chains.bytesGivenBack(this.get(entry, valueOffset(meta)))
    return bytes
  }

  private copyOut(
    entry: number,
    offset: number,
    isChain: boolean,
    from: number,
    length: number,
    into: Uint8Array,
    at: number
  ): void {
    const arena = this.memory.words[entry >>> ARENA_UNIT_BITS]!
    const word = wordAt(entry) + offset
    if (isChain) this.chains.copy(arena[word]!, from, length, into, at)
    else copyFromWords(arena, word, from, length, into, at)
  }

  private get(entry: number, word: number): number {
    return this.memory.words[entry >>> ARENA_UNIT_BITS]![wordAt(entry) + word]!
  }

  private put(entry: number, word: number, value: number): void {
    this.memory.words[entry >>> ARENA_UNIT_BITS]![wordAt(entry) + word] = value
  }
}

const hashOfIdentity = (identity: number): number => Math.imul(identity, IDENTITY_HASH)

const checkLengths = (keyLength: number, valueLength: number): void => {
  if (keyLength < 0 || keyLength > MAX_KEY_LENGTH) throw new RangeError(`a key of ${keyLength} bytes`)
  if (valueLength < 0 || valueLength > MAX_VALUE_LENGTH) throw new RangeError(`a value of ${valueLength} bytes`)
}
