/**
 * The memory engine: a bounded cache from bytes to bytes, with exact LRU and a deadline for each key. It is
 * synchronous. It is pure, except that it asks a source for arenas: it takes the hash's secret and `now`, a whole
 * number of ms that never decreases.
 *
 * Its whole state is words in arenas, which the garbage collector does not walk (`Layout.ts` is the map). Entries and
 * the pieces of long values are in slots (`Slots.ts`, `Entry.ts`, `Chains.ts`). An index finds entries by hash
 * (`Index.ts`). Links between them form the order of use (`Recency.ts`) and the timing wheel (`Wheel.ts`). The objects
 * here are only views, so another engine attached to the same arenas is the same engine. Nothing grows in large steps,
 * so no operation waits for another's growth. `maintain` gives memory back in slices.
 *
 * Keys and values are passed as bytes in place: a view, a start and a length. An entry is named by its address. The
 * address is valid until the next call that writes, removes, sweeps or maintains, because these may move entries.
 * `find` and `touch` move nothing.
 *
 * A write obtains everything it needs (slot, pieces, room in the index) before it changes anything. If the limit or the
 * system leaves no room, entries are evicted, the one to be replaced last. If that is not enough, the write returns
 * `OUT_OF_MEMORY`, and nothing else has changed.
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
  renamed,
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
  CHANGING,
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
  TARGET_BYTES,
  STUCK_AT,
  TOUCHED_PAGES,
  UNIT_BITS,
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
import { Recency, TICK, tickOf } from "./Recency.ts"
import { classFor, NO_SLOT, PINS, sizeOfClass, Slots } from "./Slots.ts"
import { BUDGET_SPENT, NEVER, NONE, Wheel } from "./Wheel.ts"
import { copyFromWords, copyToWords, equalsWords, overwriteWords, wordsOf } from "./Words.ts"

/** There is no such entry. Any other number is the address of an entry. It may be negative. */
export const NOT_THERE = 0

/** The outcomes of a write. */
export const OUT_OF_MEMORY = 0
export const STORED = 1

/**
 * How many entries a write into a full cache may move in the timing wheel in search of an expired one to remove. It
 * bounds a write to well under a millisecond. An expired key goes before the least recently used one, unless more than
 * this many keys with nearly the same deadline precede it.
 */
const EVICTION_SEARCH_BUDGET = 4096

/**
 * The number of entries and the number of keys in a batch from which memory is fetched together. Smaller caches are in
 * the processor's cache anyway.
 */
const FETCHED_ENTRIES = 50_000
const FETCHED_TOGETHER = 4
/** The number of keys fetched at a time. Their memory fits into the processor's cache. */
const GROUP = 256
/** The units of a cache line. */
const LINE_UNITS = 8

/** The number of identities of databases, including cleared ones. */
const ALL_IDENTITIES = 256
/** 2^32 divided by the golden ratio. It puts the entries of each identity elsewhere in the index. */
const IDENTITY_HASH = 0x9e37_79b1 | 0

/** How many entries are examined at a time in search of those of cleared databases. */
const DRAINED_AT_ONCE = 256

/**
 * In ms: how long an unused spare arena is kept, and how long the engine waits after a refusal before it requests
 * memory again.
 */
const SPARE_TIME = 10_000
const REFUSED_TIME = 1000

/**
 * Pages that a value needs besides those that it fills: a segment of the index and its directory, the entry's, and those
 * of its last pieces.
 */
const OTHER_PAGES = 6

/** What it takes to move a page, in entries. */
const PAGE_EFFORT = 16

/** The memory of an entry, in bytes, as `Engine.usedBytes` counts it. */
export const entryBytes = (keyLength: number, valueLength: number, timed: boolean): number => {
  const meta = metaFor(keyLength, 0, valueLength, timed)
  const chains =
    ((meta & LONG_KEY) === 0 ? 0 : chainBytes(keyLength)) + ((meta & LONG_VALUE) === 0 ? 0 : chainBytes(valueLength))
  return sizeOfClass(classFor(contentBytes(meta, valueLength))) + chains + INDEX_BYTES
}

/** Hears of entries that go by themselves or are removed. */
export interface Observer {
  /**
   * Called before an entry is removed because it has expired, is evicted or is removed by `remove`. Its key, database,
   * type and value can be read. Nothing may be written. Not called for entries of cleared databases, nor for those that
   * a write replaces.
   */
  readonly removed: (entry: number, reason: number) => void
}

/** No hash is below this. */
export const NO_SAMPLES = -(2 ** 31)

/**
 * Keeps account of what becomes of keys. It names them by the hashes of their entries (see `Engine.hashIn`) and cannot
 * read them. It must not call the engine while it is told. `now` is in ms, ticks are of 10 ms: see `Recency.ts`.
 */
export interface Witness {
  /** An entry of so many bytes, unused for so long, is removed: `DELETED`, `EXPIRED` or `EVICTED`. */
  readonly removed: (hash: number, reason: number, bytes: number, idleTicks: number, tick: number) => void
  /** All keys of a database are removed at once, or of all databases if none is named. */
  readonly flushed: (database: number | undefined, now: number) => void
  readonly swapped: (one: number, other: number) => void
  /** An entry whose hash is sampled has another value or deadline, which is a use. The deadline is in ms or `NEVER`. */
  readonly written: (hash: number, bytes: number, deadline: number, now: number) => void
  /** Such an entry is used without being read. */
  readonly used: (hash: number) => void
  /** Such an entry has been found by a read. */
  readonly hit: (hash: number, now: number) => void
}

export class Engine {
  /** At most one witness. */
  witness: Witness | undefined = undefined
  /** The witness hears of writes and uses of entries with hashes below this, signed. */
  sampledBelow = NO_SAMPLES
  /** At most one observer. Without one, a removal costs one test more. */
  observer: Observer | undefined = undefined
  private readonly memory: Memory
  private readonly slots: Slots
  private readonly chains: Chains
  private readonly index: Index
  private readonly recency: Recency
  private readonly wheel: Wheel
  private readonly keyHash: KeyHash
  private readonly hashes = new Int32Array(GROUP)
  private readonly places = new Int32Array(GROUP)
  private readonly candidates = new Int32Array(GROUP)
  private readonly ends = new Int32Array(GROUP)
  private readonly newer = new Int32Array(GROUP)
  private readonly older = new Int32Array(GROUP)
  private readonly doomed: Array<number> = []
  // The bytes that the present write will give back.
  private credit = 0
  // How many of the most recently used entries the present write needs. They are not evicted.
  private kept = 0
  // Keeps loads with an unused result from being optimised away.
  protected seen = 0

  private constructor(memory: Memory) {
    this.memory = memory
    this.slots = new Slots(memory, { moved: (from, to) => this.moved(from, to) })
    this.chains = new Chains(memory, this.slots, (sizeClass, rest, now) => this.takeSlot(sizeClass, 0, now, rest))
    this.index = new Index(memory)
    this.recency = new Recency(memory)
    this.wheel = new Wheel(memory)
    this.keyHash = new KeyHash(memory.header[SECRET]!, memory.header[SECRET + 1]!)
  }

  /** Makes an empty engine. `secret` has eight bytes. Throws if the source refuses the first arena of 1 MB. */
  static make(limits: Limits, secret: Uint8Array, now: number, source: ArenaSource = arrayBuffers): Engine {
    const memory = Memory.make(source)
    const { figures, header } = memory
    const view = new DataView(secret.buffer, secret.byteOffset, secret.byteLength)
    header[SECRET] = view.getInt32(0, true)
    header[SECRET + 1] = view.getInt32(4, true)
    const maxMemory = Math.min(limits.maxMemory ?? MAX_MEMORY, MAX_MEMORY)
    figures[MAX_BYTES] = figures[TARGET_BYTES] = maxMemory
    figures[MAX_ENTRIES] = limits.maxKeys
    header[PAGE_LIMIT] = Math.floor(Math.max(maxMemory, MIN_HELD_BYTES) / PAGE_BYTES)
    const engine = new Engine(memory)
    engine.start(now)
    return engine
  }

  /** Attaches to the engine in these arenas, in its present state. */
  static attach(arenas: ReadonlyArray<ArrayBufferLike | undefined>, source: ArenaSource = arrayBuffers): Engine {
    return new Engine(Memory.attach(arenas, source))
  }

  /** The arenas, which are the engine's whole state. */
  get arenas(): ReadonlyArray<ArrayBufferLike | undefined> {
    return this.memory.arenas
  }

  /**
   * Whether a change was begun and not completed, because something threw in the middle of it. Then the engine's words
   * may contradict each other, and it must not be used any more. Valid between two calls.
   */
  get isBroken(): boolean {
    return this.memory.header[CHANGING] !== 0
  }

  /** The number of keys, including expired ones that are not yet removed. */
  get size(): number {
    const { header } = this.memory
    return header[ENTRIES]! - header[DOOMED]!
  }

  /** The number of keys of one database, counted in the same way. */
  keysIn(database: number): number {
    const { header } = this.memory
    return header[IDENTITY_COUNTS + header[IDENTITIES + database]!]!
  }

  /** The number of keys with a deadline, in all databases. */
  get timedKeys(): number {
    return this.wheel.size
  }

  /**
   * The memory of all entries, in bytes: their slots, chains and shares of the index. Values that are being written
   * count too.
   */
  get usedBytes(): number {
    return this.memory.figures[USED_BYTES]!
  }

  /**
   * The part of `usedBytes` that belongs to no key: values being written, and removed values that are still being read.
   */
  get detachedBytes(): number {
    return this.memory.figures[DETACHED_BYTES]!
  }

  /** The most that `usedBytes` may be, or nothing if only addresses bound it. */
  get maxMemory(): number | undefined {
    const bytes = this.memory.figures[TARGET_BYTES]!
    return bytes === MAX_MEMORY ? undefined : bytes
  }

  /** The most keys that there may be. */
  get maxKeys(): number {
    return this.memory.figures[MAX_ENTRIES]!
  }

  /**
   * Sets the most that `usedBytes` may be, in bytes; nothing for what can be addressed. If more are in use, they may
   * still be, but no more than now, until `maintain` has evicted what is over the bound, in slices.
   */
  setMaxMemory(maxMemory: number | undefined): void {
    this.memory.figures[TARGET_BYTES] = Math.min(maxMemory ?? MAX_MEMORY, MAX_MEMORY)
    this.approachBound()
  }

  /** Brings the bound as near to where it is to be as what is in use allows. */
  private approachBound(): void {
    const { figures, header } = this.memory
    const target = figures[TARGET_BYTES]!
    figures[MAX_BYTES] = Math.max(target, figures[USED_BYTES]!)
    if (figures[MAX_BYTES] === target) header[PAGE_LIMIT] = Math.floor(Math.max(target, MIN_HELD_BYTES) / PAGE_BYTES)
  }

  /** The touched memory of the present arenas, in bytes, whether used or free. */
  get heldBytes(): number {
    return this.memory.header[TOUCHED_PAGES]! * PAGE_BYTES
  }

  /**
   * The memory that was held and has been given up, in bytes. It is free when the garbage collector has run. This
   * figure only grows.
   */
  get givenUpBytes(): number {
    return this.memory.figures[GIVEN_UP_BYTES]!
  }

  /** The number of entries removed for a reason: `DELETED`, `EXPIRED`, `EVICTED` or `REPLACED`. */
  removed(reason: number): number {
    return this.memory.figures[REMOVED + reason]!
  }

  /** A time in ms before which `sweep` has nothing to do; infinite if no key has a deadline. */
  get nextDue(): number {
    return this.wheel.nextDue
  }

  /** A time in ms before which `maintain` has nothing to do; 0 for now, infinite for never. */
  get nextMaintenance(): number {
    const { figures, header } = this.memory
    // What is over the bound without an entry is still being read or written.
    const isOver = figures[USED_BYTES]! > figures[TARGET_BYTES]! && header[ENTRIES] === 0
    if (figures[MAX_BYTES] !== figures[TARGET_BYTES] && !isOver) return 0
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

  /** The hash of the `length` bytes from `start` on. It does not depend on the database. */
  hashOf(view: DataView, start: number, length: number): number {
    return this.keyHash.hash(view, start, length)
  }

  /**
   * Prepares for a batch of commands by setting the hash of every key. In a large cache it also fetches the memory that
   * the commands will need, all at once. Otherwise each command would wait for memory twice, one command after the
   * other, which takes longer than everything else together. (S. Chen et al., "Improving hash join performance through
   * prefetching", ICDE 2004: group prefetching. A load with an unused result replaces the prefetch instruction.)
   * `database` only matters for fetching: the hashes are valid in every database.
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
   * The entry of a key, or `NOT_THERE`. An expired entry is removed and not returned. `hash` comes from `prepare` or
   * `hashOf`. No entry moves.
   */
  find(keys: DataView, start: number, length: number, hash: number, database: number, now: number): number {
    const identity = this.memory.header[IDENTITIES + database]!
    return this.locate(keys, start, length, hash ^ hashOfIdentity(identity), identity, now)
  }

  /** Makes an entry the most recently used one. */
  touch(entry: number): void {
    const hash = this.get(entry, HASH)
    if (hash < this.sampledBelow) this.witness?.used(hash)
    this.recency.touch(entry)
  }

  /** To be called when a read has found an entry. `touches` says whether it is a use. */
  hit(entry: number, touches: boolean): void {
    const hash = this.get(entry, HASH)
    if (hash < this.sampledBelow) this.witness?.hit(hash, this.recency.now)
    if (touches) this.recency.touch(entry)
  }

  /** The hash of a key in a database, by which an entry is found; `hash` is as from `hashOf`. */
  hashIn(hash: number, database: number): number {
    return hash ^ hashOfIdentity(this.memory.header[IDENTITIES + database]!)
  }

  /** Whether there is an entry with such a hash, expired or not. */
  has(hashInDatabase: number): boolean {
    return this.index.first(hashInDatabase) !== NO_BUCKET
  }

  /** For how many ms an entry has not been used, to 10 ms. `find` must have been called with the present time. */
  idleTime(entry: number): number {
    return this.recency.idleTicks(entry) * TICK
  }

  /** The memory of an entry in bytes, as `entryBytes` counts it. */
  bytesIn(entry: number): number {
    const meta = this.get(entry, META)
    return entryBytes(keyLengthOf(meta), this.get(entry, VALUE_LENGTH), (meta & TIMED) !== 0)
  }

  /** The type of an entry: `STRING`, from `Entry.ts`. */
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

  /**
   * Whether the value is contiguous: at `valueWord` of `valueWords`, with the first byte of each word in its lowest
   * bits.
   */
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
   * Copies `length` bytes of a value from its byte `from` on. The range must lie within the value. If the value is not
   * inline, it takes a step for each 64 KB before `from`. To read a whole long value, open a reader.
   */
  copyValue(entry: number, from: number, length: number, into: Uint8Array, at: number): void {
    const meta = this.get(entry, META)
    this.copyOut(entry, valueOffset(meta), (meta & LONG_VALUE) !== 0, from, length, into, at)
  }

  copyKey(entry: number, into: Uint8Array, at: number): void {
    const meta = this.get(entry, META)
    this.copyOut(entry, keyOffset(meta), (meta & LONG_KEY) !== 0, 0, keyLengthOf(meta), into, at)
  }

  /** The deadline of an entry in ms; `NEVER` if it has none. */
  deadline(entry: number): number {
    return (this.get(entry, META) & TIMED) === 0 ? NEVER : this.wheel.deadline(entry)
  }

  /**
   * Stores a value under a key with a deadline in whole ms, or `NEVER`. If the key exists, both are replaced. Returns
   * `OUT_OF_MEMORY` if there is no room. Then nothing has changed, except that entries were evicted, the key's own one
   * last.
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
    let outcome = STORED
    header[CHANGING]!++
    if (entry === NOT_THERE) {
      outcome = this.store(false, meta, itsHash, keys, keyStart, values, valueStart, valueLength, deadline, now)
    } else if (this.fits(entry, meta, valueLength)) {
      this.recency.touch(entry)
      this.overwrite(entry, meta, keys, keyStart, values, valueStart, valueLength, deadline)
      figures[REMOVED + REPLACED]!++
    } else {
      outcome = this.replace(true, entry, meta, itsHash, keys, keyStart, values, valueStart, valueLength, deadline, now)
    }
    header[CHANGING]!--
    if (itsHash < this.sampledBelow) this.written(outcome, itsHash, keyLength, valueLength, deadline, now)
    return outcome
  }

  /**
   * Sets another value for an entry, which counts as a use. The deadline stays, and the counter of replacements does
   * not change.
   */
  setValue(entry: number, values: DataView, valueStart: number, valueLength: number, now: number): number {
    const before = this.get(entry, META)
    const keyLength = keyLengthOf(before)
    checkLengths(keyLength, valueLength)
    const meta = metaFor(keyLength, identityOf(before), valueLength, (before & TIMED) !== 0)
    if (this.fits(entry, meta, valueLength)) {
      this.touch(entry)
      this.put(entry, VALUE_LENGTH, valueLength)
      copyToWords(this.valueWords(entry), this.valueWord(entry), values, valueStart, valueLength)
      return STORED
    }
    const { header } = this.memory
    const view = this.keyOf(entry)
    const hash = this.get(entry, HASH)
    const deadline = this.deadline(entry)
    const its = metaFor(keyLength, identityOf(before), valueLength, deadline !== NEVER)
    header[CHANGING]!++
    const outcome = this.replace(false, entry, its, hash, view, 0, values, valueStart, valueLength, deadline, now)
    header[CHANGING]!--
    this.written(outcome, hash, keyLength, valueLength, deadline, now)
    return outcome
  }

  /**
   * Writes bytes over a part of a value, beginning with its byte `offset`, which counts as a use. The value grows as
   * needed, with zero bytes up to `offset`. With the value's length as `offset`, it appends. The deadline stays.
   *
   * Neither the value's length nor its readers matter, with these exceptions. It takes a step for each 64 KB before
   * `offset`, except to append. If a part of a long value is overwritten while somebody reads it, the whole value is
   * copied first. Zero bytes are written like others. To make a value grow by many MB, write another one in slices.
   */
  writeValue(entry: number, offset: number, values: DataView, start: number, length: number, now: number): number {
    const { header } = this.memory
    const meta = this.get(entry, META)
    const before = this.get(entry, VALUE_LENGTH)
    const after = Math.max(before, offset + length)
    checkLengths(0, after)
    this.recency.touch(entry)
    const hash = this.get(entry, HASH)
    if (hash < this.sampledBelow) this.written(STORED, hash, keyLengthOf(meta), after, this.deadline(entry), now)
    const size = contentBytes(meta, after)
    if ((meta & LONG_VALUE) === 0 && size <= MAX_ENTRY_BYTES) {
      if (classFor(size) === classFor(contentBytes(meta, before))) {
        const words = this.valueWords(entry)
        const at = this.valueWord(entry)
        words.fill(0, at + wordsOf(before), at + wordsOf(after))
        this.put(entry, VALUE_LENGTH, after)
        overwriteWords(words, at, offset, values, start, length)
        return STORED
      }
      const value = new Uint8Array(after)
      this.copyValue(entry, 0, before, value, 0)
      value.set(new Uint8Array(values.buffer, values.byteOffset + start, length), offset)
      return this.setValue(entry, new DataView(value.buffer), 0, after, now)
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    header[CHANGING]!++
    this.kept = 1
    const isWritten =
      (meta & LONG_VALUE) === 0
        ? this.lengthen(entry, offset, bytes, start, length, after, now)
        : this.writeLong(entry, offset, bytes, start, length, after, now)
    this.kept = 0
    this.slots.settle()
    header[CHANGING]!--
    return isWritten ? STORED : OUT_OF_MEMORY
  }

  /**
   * Sets another deadline for an entry, in whole ms, which counts as a use. `NEVER` removes the deadline and cannot
   * fail.
   */
  setDeadline(entry: number, deadline: number, now: number): number {
    const meta = this.get(entry, META)
    this.recency.touch(entry)
    const hash = this.get(entry, HASH)
    if (hash < this.sampledBelow) {
      this.written(STORED, hash, keyLengthOf(meta), this.get(entry, VALUE_LENGTH), deadline, now)
    }
    if ((meta & TIMED) !== 0) {
      this.wheel.cancel(entry)
      if (deadline !== NEVER) this.wheel.schedule(entry, deadline)
      return STORED
    }
    if (deadline === NEVER) return STORED
    const timed = meta | TIMED
    const valueLength = this.get(entry, VALUE_LENGTH)
    if (contentBytes(timed, valueLength) > MAX_ENTRY_BYTES) return this.setDeadlineOfLarge(entry, deadline, now)
    const { header } = this.memory
    header[CHANGING]!++
    this.kept = 1
    const slot = this.takeSlot(classFor(contentBytes(timed, valueLength)), 0, now)
    this.kept = 0
    if (slot === NO_SLOT) {
      header[CHANGING]!--
      return OUT_OF_MEMORY
    }
    // The entry may have moved, but it is the most recently used one.
    const before = header[NEWEST]!
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
    header[CHANGING]!--
    return STORED
  }

  /**
   * Gives an entry another key, in the same or another database, which counts as a use. Value, deadline and type stay.
   * An entry that has the new key is replaced and counts as such. The length of the value does not matter. Returns
   * `OUT_OF_MEMORY` if there is no room. Then nothing has changed, except that other entries were evicted.
   */
  rename(
    entry: number,
    keys: DataView,
    keyStart: number,
    keyLength: number,
    hash: number,
    database: number,
    now: number
  ): number {
    checkLengths(keyLength, 0)
    const { header } = this.memory
    const identity = header[IDENTITIES + database]!
    const itsHash = hash ^ hashOfIdentity(identity)
    const other = this.locate(keys, keyStart, keyLength, itsHash, identity, now)
    // If the other entry must be evicted, then as the last but this one.
    if (other !== NOT_THERE) this.recency.touch(other)
    this.recency.touch(entry)
    if (other === entry) return STORED
    const hashBefore = this.get(entry, HASH)
    const valueLength = this.get(entry, VALUE_LENGTH)
    const deadline = this.deadline(entry)
    header[CHANGING]!++
    this.kept = 1
    const outcome = this.rehang(entry, keys, keyStart, keyLength, itsHash, identity, now)
    this.kept = 0
    this.slots.settle()
    header[CHANGING]!--
    if (outcome === STORED) {
      const { tick } = this.recency
      this.witness?.removed(hashBefore, DELETED, entryBytes(keyLength, valueLength, deadline !== NEVER), 0, tick)
      this.written(outcome, itsHash, keyLength, valueLength, deadline, now)
    }
    return outcome
  }

  /**
   * Stores a copy of an entry's value, with its deadline, under another key. This counts as a use of the entry and works
   * like `set`. Above a MB it takes several ms, mostly for memory that was never touched. To copy such a value without holding anybody up, keep its deadline, open
   * a reader, and write what it reads in slices: `beginLarge`, `writeLarge`, `setLarge`.
   */
  copy(
    entry: number,
    keys: DataView,
    keyStart: number,
    keyLength: number,
    hash: number,
    database: number,
    now: number
  ): number {
    const length = this.get(entry, VALUE_LENGTH)
    const deadline = this.deadline(entry)
    this.recency.touch(entry)
    if (this.isInline(entry)) {
      const value = new Uint8Array(length)
      this.copyValue(entry, 0, length, value, 0)
      return this.set(keys, keyStart, keyLength, hash, database, new DataView(value.buffer), 0, length, deadline, now)
    }
    if (!this.canHold(2 * chainBytes(length))) return OUT_OF_MEMORY
    const { header } = this.memory
    const source = this.get(entry, valueOffset(this.get(entry, META)))
    header[CHANGING]!++
    // It stays while it is copied, though its entry may be evicted.
    this.chains.pin(source)
    const large = this.chains.duplicate(source, now)
    this.chains.unpin(source)
    let outcome = OUT_OF_MEMORY
    if (large !== NO_CHAIN) {
      outcome = this.setLarge(keys, keyStart, keyLength, hash, database, large, deadline, now)
      if (outcome === OUT_OF_MEMORY) this.chains.unpin(large)
    }
    this.slots.settle()
    header[CHANGING]!--
    return outcome
  }

  /** Removes an entry and counts the reason: see `removed`. */
  remove(entry: number, reason: number): void {
    this.drop(entry, this.index.bucketOf(this.get(entry, HASH), entry), reason)
    this.slots.settle()
  }

  /**
   * Begins a value of `length` bytes that will be written in slices. Memory is taken as they come. Returns a name for
   * the value, or `OUT_OF_MEMORY` if there cannot be room for it. The value must end in `setLarge` or `abandonLarge`.
   */
  beginLarge(length: number, now: number): number {
    checkLengths(0, length)
    return this.canHold(chainBytes(length)) ? this.chains.begin(length, now) : OUT_OF_MEMORY
  }

  /** Whether there can be room for a value of so many bytes, if every entry is evicted for it. */
  hasRoomFor(length: number): boolean {
    return this.canHold(chainBytes(length))
  }

  /**
   * Appends bytes to such a value. Returns `OUT_OF_MEMORY` if there is no room for all of them. Then the value can only
   * be abandoned. Slices of at most 64 KB keep each call short.
   */
  writeLarge(large: number, bytes: Uint8Array, start: number, length: number, now: number): number {
    return this.chains.write(large, bytes, start, length, now) ? STORED : OUT_OF_MEMORY
  }

  /**
   * Works like `set`, with a value that was written in slices and is complete. After `OUT_OF_MEMORY` the caller still
   * owns the value.
   */
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
    const { header } = this.memory
    const identity = header[IDENTITIES + database]!
    const itsHash = hash ^ hashOfIdentity(identity)
    const valueLength = this.chains.total(large)
    const meta = metaFor(keyLength, identity, valueLength, deadline !== NEVER) | LONG_VALUE
    const entry = this.locate(keys, keyStart, keyLength, itsHash, identity, now)
    const isThere = entry !== NOT_THERE
    header[CHANGING]!++
    if (isThere) this.protect(entry)
    else this.makeKeyRoom(now)
    const made = this.place(isThere, meta, itsHash, keys, keyStart, large, valueLength, deadline, now)
    this.unprotect(made !== NO_SLOT)
    this.slots.settle()
    header[CHANGING]!--
    const outcome = made === NO_SLOT ? OUT_OF_MEMORY : STORED
    this.written(outcome, itsHash, keyLength, valueLength, deadline, now)
    return outcome
  }

  /**
   * Appends such a value, which is complete, to that of an entry, which counts as a use. The deadline stays. It takes no
   * time for either's length. After `OUT_OF_MEMORY` the caller still owns the value, and nothing has changed.
   */
  appendLarge(entry: number, large: number, now: number): number {
    if (!this.chains.isComplete(large)) throw new RangeError("a value is appended before all of it was written")
    const { header } = this.memory
    const before = this.get(entry, VALUE_LENGTH)
    const after = before + this.chains.total(large)
    checkLengths(0, after)
    this.recency.touch(entry)
    header[CHANGING]!++
    this.kept = 1
    const isChain = !this.isInline(entry) || this.lengthen(entry, before, NO_BYTES, 0, 0, before, now)
    this.kept = 0
    if (isChain) {
      // The entry may have moved, but it is the most recently used one.
      const its = header[NEWEST]!
      this.chains.link(this.get(its, valueOffset(this.get(its, META))), large)
      this.put(its, VALUE_LENGTH, after)
      this.written(STORED, this.get(its, HASH), keyLengthOf(this.get(its, META)), after, this.deadline(its), now)
    }
    this.slots.settle()
    header[CHANGING]!--
    return isChain ? STORED : OUT_OF_MEMORY
  }

  /**
   * Puts such a value, which is complete, in the place of an entry's value, which must not be inline. It counts as a use,
   * and not as replaced. The deadline stays. It cannot fail.
   */
  exchangeLarge(entry: number, large: number, now: number): void {
    if (!this.chains.isComplete(large)) throw new RangeError("a value is exchanged before all of it was written")
    const { header } = this.memory
    const meta = this.get(entry, META)
    const before = this.get(entry, valueOffset(meta))
    const length = this.chains.total(large)
    this.recency.touch(entry)
    header[CHANGING]!++
    this.put(entry, valueOffset(meta), large)
    this.put(entry, VALUE_LENGTH, length)
    this.chains.attach(large, entry)
    this.chains.letGo(before)
    this.written(STORED, this.get(entry, HASH), keyLengthOf(meta), length, this.deadline(entry), now)
    this.slots.settle()
    header[CHANGING]!--
  }

  /** Abandons a value that was begun. */
  abandonLarge(large: number): void {
    this.chains.unpin(large)
    this.slots.settle()
  }

  /** Reads a value that is not inline in slices, whatever happens to its entry meanwhile. The reader must be closed. */
  openReader(entry: number): ChainReader {
    return this.chains.read(this.get(entry, valueOffset(this.get(entry, META))))
  }

  /** Whether somebody reads an entry's value in slices. To write over a part of it, all of it is copied then. */
  isBeingRead(entry: number): boolean {
    return !this.isInline(entry) && this.chains.isPinned(this.get(entry, valueOffset(this.get(entry, META))))
  }

  /** Whether an entry's value is still the one that a reader reads, which had `length` bytes. */
  isRead(entry: number, reader: ChainReader, length: number): boolean {
    const meta = this.get(entry, META)
    if (this.isInline(entry) || this.get(entry, VALUE_LENGTH) !== length) return false
    return reader.reads(this.get(entry, valueOffset(meta)))
  }

  /**
   * Lets go of every value that is being read or written. For an engine that was attached to the arenas of one whose
   * readers are gone, as nobody else would close them. It looks at everything that is held.
   */
  releaseReaders(): void {
    this.chains.unpinAll()
    this.slots.settle()
  }

  /** Removes expired entries. At most `budget` entries are removed or moved. Returns whether there may be more. */
  sweep(now: number, budget: number): boolean {
    this.recency.at(now)
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
    this.recency.at(now)
    this.witness?.flushed(undefined, now)
    if (this.memory.header[PINNED_CHAINS] === 0) {
      this.empty(now)
      return
    }
    // A reader still needs values among them.
    for (let database = 0; database < DATABASES; database++) this.doom(database)
  }

  /**
   * Removes every key of a database at once. Nothing is counted as removed. The memory is freed later, by writes that
   * need it and by `maintain`.
   */
  clearDatabase(database: number, now: number): void {
    this.recency.at(now)
    this.witness?.flushed(database, now)
    this.doom(database)
  }

  private doom(database: number): void {
    const { header } = this.memory
    const identity = header[IDENTITIES + database]!
    const count = header[IDENTITY_COUNTS + identity]!
    if (count === 0) return
    if (count === header[ENTRIES] && header[PINNED_CHAINS] === 0) {
      this.empty(this.wheel.time)
      return
    }
    header[DOOMED]! += count
    header[DOOMED_IDENTITIES + (identity >>> 5)]! |= 1 << (identity & 31)
    header[IDENTITIES + database] = this.freeIdentity()
  }

  /** Exchanges two databases. */
  swapDatabases(one: number, other: number): void {
    const { header } = this.memory
    const identity = header[IDENTITIES + one]!
    header[IDENTITIES + one] = header[IDENTITIES + other]!
    header[IDENTITIES + other] = identity
    this.witness?.swapped(one, other)
  }

  /**
   * Visits keys of a database in the order of their hashes. Each call covers about `count` keys of all databases from
   * `cursor` on, 0 for the first call. Returns the next cursor, or 0 at the end. A key that exists from the first call
   * to the last is visited. Expired keys may be visited too. `see` receives entries and must not write.
   */
  scan(cursor: number, count: number, database: number, see: (entry: number) => void): number {
    const identity = this.memory.header[IDENTITIES + database]!
    return this.index.visit(cursor, count, (entry) => {
      if (identityOf(this.get(entry, META)) === identity) see(entry)
    })
  }

  /** Visits keys of all databases, otherwise like `scan`. */
  walk(cursor: number, count: number, see: (entry: number) => void): number {
    return this.index.visit(cursor, count, (entry) => {
      if (!this.isDoomed(identityOf(this.get(entry, META)))) see(entry)
    })
  }

  /**
   * A key of a database that has not expired, or `NOT_THERE` if there is none. `random` is 32 random bits. Each key is
   * about as likely as any other. It takes a few steps if a fair part of all keys are such. If they are few among many
   * of other databases, it looks at up to all of those, which takes 0.1 to 0.3 s for a million. In that case a caller
   * that nobody may wait for goes through `scan` in slices from a random cursor instead.
   */
  randomEntry(random: number, database: number, now: number): number {
    if (this.keysIn(database) === 0) return NOT_THERE
    const identity = this.memory.header[IDENTITIES + database]!
    return this.index.random(
      random,
      (entry) => identityOf(this.get(entry, META)) === identity && now < this.deadline(entry)
    )
  }

  /**
   * Gives memory back in slices. It frees the entries of cleared databases, then empties sparsely used pages, then
   * arenas. Moves at most about `budget` entries, or those of one page. Returns whether there is more to do. See
   * `nextMaintenance`.
   */
  maintain(now: number, budget: number): boolean {
    const { figures, header } = this.memory
    this.recency.at(now)
    if (header[REFUSED] === 1) {
      header[REFUSED] = 2
      figures[REFUSED_SINCE] = now
    } else if (header[REFUSED] === 2 && now >= figures[REFUSED_SINCE]! + REFUSED_TIME) header[REFUSED] = 0
    let left = budget
    if (figures[MAX_BYTES] !== figures[TARGET_BYTES]) {
      for (; left > 0 && header[ENTRIES] !== 0 && figures[USED_BYTES]! > figures[TARGET_BYTES]!; left--) this.evict(now)
      this.approachBound()
    }
    header[CHANGING]!++
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
    header[CHANGING]!--
    return left <= 0 && this.nextMaintenance === 0
  }

  /** Removes everything, which nobody may be reading. */
  private empty(now: number): void {
    const { header } = this.memory
    header[CHANGING]!++
    this.memory.reset()
    this.start(now)
    header[CHANGING]!--
  }

  /** Resets everything to an empty engine. */
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
    this.recency.at(now)
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
      this.drop(entry, bucket, EXPIRED)
      return NOT_THERE
    }
    return NOT_THERE
  }

  /**
   * Loads what a group of commands will need into the processor's cache: of the index, of the entries, and of the
   * entries' neighbours in the order of use, to which a use writes. Memory is slow, and waiting for one line after the
   * other takes ten times as long as waiting for many at once. So each step loads one line for all keys.
   */
  private fetch(count: number): void {
    const { candidates, ends, hashes, index, memory, newer, older, places } = this
    const { words } = memory
    index.places(hashes, count, places, ends)
    let seen = memory.load(places, count) ^ memory.load(ends, count)
    index.candidates(hashes, places, count, candidates)
    // The words of an entry that are read below may be in two lines.
    for (let i = 0; i < count; i++) ends[i] = candidates[i]! + (VALUE_LENGTH >>> 1)
    seen ^= memory.load(candidates, count) ^ memory.load(ends, count)
    for (let i = 0; i < count; i++) {
      const entry = candidates[i]!
      const arena = words[entry >>> ARENA_UNIT_BITS]!
      const at = wordAt(entry)
      const isThere = entry !== NOT_THERE
      const last = isThere ? (contentBytes(arena[at + META]!, arena[at + VALUE_LENGTH]!) - 1) >>> UNIT_BITS : 0
      // The line in the middle.
      places[i] = entry + Math.min(last, LINE_UNITS)
      ends[i] = entry + last
      newer[i] = isThere ? arena[at + NEWER]! : 0
      older[i] = isThere ? arena[at + OLDER]! : 0
    }
    seen ^= memory.load(places, count) ^ memory.load(ends, count)
    this.seen = seen ^ memory.load(newer, count) ^ memory.load(older, count)
  }

  /** Whether an entry can take this meta word and a value of this length where it is. */
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

  /** Writes the words of an entry in front of its value. `key` is the chain that has the key, or `NO_CHAIN`. */
  private writeHead(
    slot: number,
    hash: number,
    meta: number,
    valueLength: number,
    key: number,
    keys: DataView,
    keyStart: number
  ): void {
    const arena = this.memory.words[slot >>> ARENA_UNIT_BITS]!
    const at = wordAt(slot)
    arena[at + HASH] = hash
    arena[at + META] = meta
    arena[at + VALUE_LENGTH] = valueLength
    if (key === NO_CHAIN) return copyToWords(arena, at + keyOffset(meta), keys, keyStart, keyLengthOf(meta))
    arena[at + keyOffset(meta)] = key
    this.chains.attach(key, slot)
  }

  /** Stores a value under a key that does not exist, or, with `isThere`, whose entry has no room for it. */
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

  /** Replaces an entry that has no room for the new value where it is. `counts` says whether it counts as replaced. */
  private replace(
    counts: boolean,
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
  ): number {
    this.protect(entry)
    const outcome = this.store(true, meta, hash, keys, keyStart, values, valueStart, valueLength, deadline, now)
    this.unprotect(counts && outcome === STORED)
    return outcome
  }

  /**
   * Prepares the replacement of an entry. It becomes the most recently used one, so that it is evicted last and can be
   * found again, and its memory no longer counts.
   */
  private protect(entry: number): void {
    this.recency.touch(entry)
    this.credit = this.bytesOf(entry)
  }

  /** Ends a replacement and counts it if it succeeded, unless the old entry was evicted for it. */
  private unprotect(isReplaced: boolean): void {
    if (isReplaced && this.credit > 0) this.memory.figures[REMOVED + REPLACED]!++
    this.credit = 0
  }

  /**
   * Makes an entry for a key. Its value is a chain, or the caller fills the words of the value. With `isThere`, the new
   * entry replaces the most recently used one, which must have the same key. Returns the new entry, or `NO_SLOT`. In
   * that case nothing has changed, except that entries were evicted, the key's own one last.
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
    const slot = hasRoom ? this.takeSlot(classFor(contentBytes(meta, valueLength)), INDEX_BYTES, now) : NO_SLOT
    if (slot === NO_SLOT) {
      if (key !== NO_CHAIN) this.chains.unpin(key)
      return NO_SLOT
    }
    // Nothing can fail from here on. The old entry may have moved or been evicted, but it has not been overtaken.
    const { figures, header } = this.memory
    const before = isThere ? header[NEWEST]! : NOT_THERE
    this.writeHead(slot, hash, meta, valueLength, key, keys, keyStart)
    const arena = this.memory.words[slot >>> ARENA_UNIT_BITS]!
    const at = wordAt(slot)
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

  /** Works like `setDeadline`, for an entry whose value must become a chain to make room for the deadline. */
  private setDeadlineOfLarge(entry: number, deadline: number, now: number): number {
    const meta = this.get(entry, META)
    const { header } = this.memory
    const value = new Uint8Array(this.get(entry, VALUE_LENGTH))
    const keys = this.keyOf(entry)
    this.copyValue(entry, 0, value.length, value, 0)
    const values = new DataView(value.buffer)
    const itsMeta = metaFor(keyLengthOf(meta), identityOf(meta), value.length, true)
    const hash = this.get(entry, HASH)
    header[CHANGING]!++
    const outcome = this.replace(false, entry, itsMeta, hash, keys, 0, values, 0, value.length, deadline, now)
    header[CHANGING]!--
    return outcome
  }

  /** Moves an entry, which must be the most recently used one, to another key: see `rename`. */
  private rehang(
    entry: number,
    keys: DataView,
    keyStart: number,
    keyLength: number,
    hash: number,
    identity: number,
    now: number
  ): number {
    const before = this.get(entry, META)
    const valueLength = this.get(entry, VALUE_LENGTH)
    const isLong = (before & LONG_VALUE) !== 0
    const meta = renamed(before, keyLength, identity, valueLength)
    let key = NO_CHAIN
    if ((meta & LONG_KEY) !== 0) {
      key = this.chainOf(keys, keyStart, keyLength, now)
      if (key === NO_CHAIN) return OUT_OF_MEMORY
    }
    let value = NO_CHAIN
    if (!isLong && (meta & LONG_VALUE) !== 0) {
      // The longer key leaves no room for the value.
      const bytes = new Uint8Array(valueLength)
      this.copyValue(this.memory.header[NEWEST]!, 0, valueLength, bytes, 0)
      value = this.chainOf(new DataView(bytes.buffer), 0, valueLength, now)
    }
    const hasValue = value !== NO_CHAIN || isLong || (meta & LONG_VALUE) === 0
    const hasRoom = hasValue && this.makeIndexRoom(hash, now)
    const slot = hasRoom ? this.takeSlot(classFor(contentBytes(meta, valueLength)), 0, now) : NO_SLOT
    if (slot === NO_SLOT) {
      if (key !== NO_CHAIN) this.chains.unpin(key)
      if (value !== NO_CHAIN) this.chains.unpin(value)
      return OUT_OF_MEMORY
    }
    // Nothing can fail from here on. The entry may have moved, but it has not been overtaken.
    const { header } = this.memory
    const source = header[NEWEST]!
    this.writeHead(slot, hash, meta, valueLength, key, keys, keyStart)
    const arena = this.memory.words[slot >>> ARENA_UNIT_BITS]!
    const at = wordAt(slot)
    const from = this.valueWord(source)
    const to = at + valueOffset(meta)
    const its = this.valueWords(source)
    if (value !== NO_CHAIN) {
      arena[to] = value
      this.chains.attach(value, slot)
    } else if (isLong) {
      arena[to] = its[from]!
      this.chains.own(its[from]!, slot)
    } else arena.set(its.subarray(from, from + wordsOf(valueLength)), to)
    if ((meta & TIMED) !== 0) {
      const deadline = this.wheel.deadline(source)
      this.wheel.cancel(source)
      if (deadline === NEVER) this.wheel.clear(slot)
      else this.wheel.schedule(slot, deadline)
    }
    // The other entry goes before the new one can be found in its place.
    const other = this.locate(keys, keyStart, keyLength, hash, identity, now)
    this.index.add(hash, slot)
    if (other !== NOT_THERE) this.detach(other, this.index.bucketOf(hash, other), REPLACED)
    const oldHash = this.get(source, HASH)
    this.index.remove(oldHash, this.index.bucketOf(oldHash, source))
    this.recency.remove(source)
    this.recency.add(slot)
    header[IDENTITY_COUNTS + identityOf(before)]!--
    header[IDENTITY_COUNTS + identity]!++
    if ((before & LONG_KEY) !== 0) this.chains.letGo(this.get(source, keyOffset(before)))
    this.slots.release(source)
    return STORED
  }

  /**
   * Writes to a value that is not a chain and becomes one, of an entry that is the most recently used one. Returns
   * whether there was room.
   */
  private lengthen(
    entry: number,
    offset: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    after: number,
    now: number
  ): boolean {
    const meta = this.get(entry, META)
    const hash = this.get(entry, HASH)
    const deadline = this.deadline(entry)
    const keys = this.keyOf(entry)
    const old = new Uint8Array(this.get(entry, VALUE_LENGTH))
    this.copyValue(entry, 0, old.length, old, 0)
    const kept = Math.min(old.length, offset)
    if (!this.canHold(chainBytes(after))) return false
    const value = this.chains.begin(after, now)
    if (value === NO_CHAIN) return false
    const hasRoom =
      this.chains.write(value, old, 0, kept, now) &&
      this.chains.writeZeros(value, offset - kept, now) &&
      this.chains.write(value, bytes, start, length, now)
    let made = NO_SLOT
    if (hasRoom) {
      const its = metaFor(keyLengthOf(meta), identityOf(meta), after, deadline !== NEVER) | LONG_VALUE
      this.kept = 0
      this.protect(this.memory.header[NEWEST]!)
      made = this.place(true, its, hash, keys, 0, value, after, deadline, now)
      this.unprotect(false)
    }
    if (made === NO_SLOT) this.chains.unpin(value)
    return made !== NO_SLOT
  }

  /** Writes to a value that is a chain: see `lengthen`. */
  private writeLong(
    entry: number,
    offset: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    after: number,
    now: number
  ): boolean {
    const { chains } = this
    const { header } = this.memory
    const at = valueOffset(this.get(entry, META))
    const before = this.get(entry, VALUE_LENGTH)
    const overwritten = Math.max(0, Math.min(length, before - offset))
    const chain = this.get(entry, at)
    if (overwritten > 0 && chains.isPinned(chain)) {
      const copy = this.canHold(2 * chainBytes(before)) ? chains.duplicate(chain, now) : NO_CHAIN
      if (copy === NO_CHAIN) return false
      const owner = header[NEWEST]!
      this.put(owner, at, copy)
      chains.attach(copy, owner)
      chains.letGo(chain)
    }
    const first = (): number => this.get(header[NEWEST]!, at)
    if (after > before) {
      const gap = Math.max(0, offset - before)
      const from = start + overwritten
      if (!this.canHold(chainBytes(after))) return false
      if (!chains.append(first, gap, bytes, from, length - overwritten, now)) return false
      this.put(header[NEWEST]!, VALUE_LENGTH, after)
    }
    if (overwritten > 0) chains.overwrite(first(), offset, bytes, start, overwritten)
    return true
  }

  /** Tells the witness of a write, if it succeeded and the hash is sampled. */
  private written(
    outcome: number,
    hash: number,
    keyLength: number,
    valueLength: number,
    deadline: number,
    now: number
  ): void {
    if (outcome !== STORED || hash >= this.sampledBelow) return
    this.witness?.written(hash, entryBytes(keyLength, valueLength, deadline !== NEVER), deadline, now)
  }

  /** A copy of an entry's key. */
  private keyOf(entry: number): DataView {
    const key = new Uint8Array(this.keyLength(entry))
    this.copyKey(entry, key, 0)
    return new DataView(key.buffer)
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
   * A slot, for which entries are evicted except those that are kept; or `NO_SLOT`. It is of little use unless `rest`
   * bytes come to have room, too.
   */
  private takeSlot(sizeClass: number, extra: number, now: number, rest = 0): number {
    const { figures, header } = this.memory
    const size = sizeOfClass(sizeClass) + extra
    if (figures[DETACHED_BYTES]! + size > figures[MAX_BYTES]!) return NO_SLOT
    for (;;) {
      if (header[ENTRIES] === 0) this.credit = 0
      if (figures[USED_BYTES]! - this.credit + size <= figures[MAX_BYTES]!) {
        const slot = this.slots.take(sizeClass)
        if (slot !== NO_SLOT) return slot
        if (header[REFUSED] !== 0 && !this.canHold(rest)) return NO_SLOT
      }
      if (header[ENTRIES]! <= this.kept) return NO_SLOT
      this.evict(now)
    }
  }

  private makeIndexRoom(hash: number, now: number): boolean {
    while (!this.index.makeRoom(hash)) {
      if (this.memory.header[ENTRIES]! <= this.kept) return false
      this.evict(now)
    }
    return true
  }

  /** Makes room for one more key. */
  private makeKeyRoom(now: number): void {
    const { figures, header } = this.memory
    while (header[ENTRIES]! >= figures[MAX_ENTRIES]! && header[ENTRIES] !== 0) this.evict(now)
  }

  /**
   * Removes at least one entry. Entries of cleared databases go first, then an expired one, then the least recently
   * used one. There must be an entry.
   */
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

  /** The deadline of an entry that has expired. Who comes from `popDue` has it no more. */
  private lastDeadline(entry: number): number {
    const deadline = this.wheel.deadline(entry)
    return deadline === NEVER ? this.wheel.popped : deadline
  }

  /** Removes an entry that its observer hears of. */
  private drop(entry: number, bucket: number, reason: number): void {
    const { header } = this.memory
    const { observer, recency, witness } = this
    if ((witness !== undefined || observer !== undefined) && !this.isDoomed(identityOf(this.get(entry, META)))) {
      // An expired entry has been gone since its deadline.
      const tick = reason === EXPIRED ? tickOf(this.lastDeadline(entry)) : recency.tick
      witness?.removed(this.get(entry, HASH), reason, this.bytesIn(entry), recency.idleTicks(entry), tick)
      observer?.removed(entry, reason)
    }
    header[CHANGING]!++
    this.detach(entry, bucket, reason)
    header[CHANGING]!--
  }

  /** Removes an entry from all structures. */
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

  /** Frees the memory of an entry that is no longer in the index and the order of use. */
  private discard(entry: number): void {
    const meta = this.get(entry, META)
    if ((meta & TIMED) !== 0) this.wheel.cancel(entry)
    if ((meta & LONG_KEY) !== 0) this.chains.letGo(this.get(entry, keyOffset(meta)))
    if ((meta & LONG_VALUE) !== 0) this.chains.letGo(this.get(entry, valueOffset(meta)))
    this.slots.release(entry)
  }

  /** Updates all references after the contents of the slot at `from` have moved to `to`. */
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

  /** An identity that no database has and that has no entries left. */
  private freeIdentity(): number {
    const { header } = this.memory
    for (;;) {
      for (let identity = 0; identity < ALL_IDENTITIES; identity++) {
        const isUsed = header[IDENTITY_COUNTS + identity] !== 0 || this.isDoomed(identity) || this.hasDatabase(identity)
        if (!isUsed) return identity
      }
      // Too many databases were cleared in a short time. Entries of cleared ones are removed to free an identity.
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

  /** Examines about `count` entries and removes those of cleared databases. Returns how many it removed. */
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

  /** Empties a page of the arena that is being emptied, or chooses an arena. Returns the effort, in entries. */
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
      // All pages were tried, and some are still in use.
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

  /** Whether everything in an arena can be moved. */
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

const NO_BYTES = new Uint8Array(0)

const checkLengths = (keyLength: number, valueLength: number): void => {
  if (keyLength < 0 || keyLength > MAX_KEY_LENGTH) throw new RangeError(`a key of ${keyLength} bytes`)
  if (valueLength < 0 || valueLength > MAX_VALUE_LENGTH) throw new RangeError(`a value of ${valueLength} bytes`)
}
