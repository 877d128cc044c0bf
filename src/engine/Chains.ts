/**
 * Keys and values that are too long for a slot, as chains of pieces. So 512 MB need no contiguous memory beyond a page.
 * A chain can be written, read and let go in slices. While it is being read, it stays, whatever happens to its entry.
 *
 * A piece is a slot, mostly a whole page. The rest at the end takes one to three smaller slots, with at most an eighth
 * wasted. The words of a piece:
 *
 *     word 0  the next piece, 0 for none
 *          1  the previous piece; in the first piece, the entry that owns the chain, 0 for none
 *          2  the number of its bytes
 *          3  the mark of a piece (`Entry.ts`)
 *     only in the first piece:
 *          4  pins: the number of readers, plus one while the chain is being written
 *          5  the last piece
 *          6  the length of the whole chain, in bytes
 *          7  the bytes written so far
 *     then    the bytes
 *
 * A pinned chain does not move, and its bytes stay as they are. If a pinned chain is let go, the last unpin frees it.
 * Freeing is not sliced: it frees at most about 8,192 pages, in a millisecond or two.
 *
 * A chain may be lengthened while it is read, because a reader knows where it ends. Its last piece is replaced by one of
 * twice the size until it is a page, so that a chain to which single bytes are appended does not become many pieces.
 */
import { isPiece, keyOffset, LONG_KEY, META, PIECE_META, valueOffset, wordAt } from "./Entry.ts"
import { ARENA_UNIT_BITS, ARENA_UNIT_MASK, DETACHED_BYTES, PAGE_BYTES, PINNED_CHAINS, UNIT_BITS } from "./Layout.ts"
import type { Memory } from "./Memory.ts"
import { classFor, CLASS_COUNT, NO_SLOT, sizeOfClass, type Slots } from "./Slots.ts"

export const NEXT = 0
export const OWNER = 1
export const LENGTH = 2
export const PINS = 4
export const LAST = 5
export const TOTAL = 6
export const WRITTEN = 7

const HEADER_BYTES = 32
const HEADER_WORDS = HEADER_BYTES / 4

/** The class of slots that are whole pages. */
const WHOLE = CLASS_COUNT - 1

/** A rest that would fill this much of a page gets a whole page. */
const NEARLY_WHOLE = (PAGE_BYTES * 7) / 8

/**
 * In bytes. Up to this size the rest gets a slot that fits it. Above, it fills a smaller slot, and what remains goes to
 * the next piece.
 */
const FITTED = 8192

/** In bytes: how much is filled with zeros or copied at a time. */
const STEP = PAGE_BYTES

/** No slot is to be taken. */
const NO_CLASS = -1

const NO_BYTES = new Uint8Array(0)
const ZEROS = new Uint8Array(STEP)

/** There is no chain: the limit leaves no room, or the system refused memory. */
export const NO_CHAIN = 0

export class Chains {
  private readonly memory: Memory
  private readonly slots: Slots
  private readonly take: (sizeClass: number, rest: number, now: number) => number

  /**
   * `take` gives a slot of a class or `NO_SLOT`; it may make room for it by evicting what is not pinned, if there can be
   * room for all of the `rest` bytes that are to come.
   */
  constructor(memory: Memory, slots: Slots, take: (sizeClass: number, rest: number, now: number) => number) {
    this.memory = memory
    this.slots = slots
    this.take = take
  }

  /** Begins a pinned chain of `total` bytes without an owner. Returns its first piece, or `NO_CHAIN`. */
  begin(total: number, now: number): number {
    const first = this.addPiece(total, now)
    if (first === NO_SLOT) return NO_CHAIN
    this.set(first, OWNER, 0)
    this.set(first, PINS, 1)
    this.set(first, LAST, first)
    this.set(first, TOTAL, total)
    this.set(first, WRITTEN, 0)
    this.memory.header[PINNED_CHAINS]!++
    return first
  }

  /**
   * Appends bytes to a chain that is being written. Returns whether there was room. If not, some of the bytes may have
   * been written.
   */
  write(first: number, bytes: Uint8Array, start: number, length: number, now: number): boolean {
    const total = this.total(first)
    if (length > total - this.get(first, WRITTEN)) throw new RangeError(`a value of ${total} bytes is given more`)
    let at = start
    const end = start + length
    while (at < end) {
      let last = this.get(first, LAST)
      let room = this.capacity(last) - this.get(last, LENGTH)
      if (room === 0) {
        const added = this.addPiece(total - this.get(first, WRITTEN), now)
        if (added === NO_SLOT) return false
        this.set(added, OWNER, last)
        this.set(last, NEXT, added)
        this.set(first, LAST, added)
        last = added
        room = this.capacity(last)
      }
      const count = Math.min(room, end - at)
      const filled = this.get(last, LENGTH)
      this.bytes(last).set(bytes.subarray(at, at + count), bytesAt(last) + filled)
      this.set(last, LENGTH, filled + count)
      this.set(first, WRITTEN, this.get(first, WRITTEN) + count)
      at += count
    }
    return true
  }

  /** Appends zero bytes in the same way. */
  writeZeros(first: number, length: number, now: number): boolean {
    for (let left = length; left > 0; left -= STEP) {
      if (!this.write(first, ZEROS, 0, Math.min(STEP, left), now)) return false
    }
    return true
  }

  /**
   * Appends `gap` zero bytes and then `length` bytes to the chain of an entry, pinned or not. `first` gives the chain's
   * first piece, which may move while room is made. Returns whether there was room. If not, nothing has changed.
   */
  append(first: () => number, gap: number, bytes: Uint8Array, start: number, length: number, now: number): boolean {
    const added = gap + length
    const last = this.get(first(), LAST)
    const filled = this.get(last, LENGTH)
    const capacity = this.capacity(last)
    const isPinned = this.get(first(), PINS) > 0
    // A reader is in the last piece of a pinned chain, so it cannot be replaced.
    const isReplaced = filled + added > capacity && !isPinned && this.slots.classAt(last) !== WHOLE
    const wanted = Math.min(PAGE_BYTES, HEADER_BYTES + Math.max(filled + added, 2 * filled))
    const newClass = isReplaced ? classFor(wanted) : NO_CLASS
    const room = (isReplaced ? sizeOfClass(newClass) - HEADER_BYTES : capacity) - filled
    const here = Math.min(room, added)
    const gapHere = Math.min(gap, here)
    let rest = NO_CHAIN
    if (here < added) {
      rest = this.begin(added - here, now)
      if (rest === NO_CHAIN) return false
      const hasRoom =
        this.writeZeros(rest, gap - gapHere, now) &&
        this.write(rest, bytes, start + here - gapHere, added - here - (gap - gapHere), now)
      if (!hasRoom) {
        this.unpin(rest)
        return false
      }
    }
    const larger = isReplaced ? this.take(newClass, 0, now) : NO_SLOT
    if (isReplaced && larger === NO_SLOT) {
      if (rest !== NO_CHAIN) this.unpin(rest)
      return false
    }
    // Nothing can fail from here on.
    if (isReplaced) this.replace(this.get(first(), LAST), larger)
    const chain = first()
    const end = this.get(chain, LAST)
    const to = bytesAt(end) + filled
    this.bytes(end).fill(0, to, to + gapHere)
    this.bytes(end).set(bytes.subarray(start, start + here - gapHere), to + gapHere)
    this.set(end, LENGTH, filled + here)
    this.set(chain, TOTAL, this.total(chain) + here)
    this.set(chain, WRITTEN, this.total(chain))
    if (rest !== NO_CHAIN) this.link(chain, rest)
    return true
  }

  /** Overwrites bytes of a chain, which must not be pinned. The range must lie within it. */
  overwrite(first: number, from: number, bytes: Uint8Array, start: number, length: number): void {
    let piece = first
    let skipped = from
    while (skipped >= this.get(piece, LENGTH) && this.get(piece, NEXT) !== 0) {
      skipped -= this.get(piece, LENGTH)
      piece = this.get(piece, NEXT)
    }
    for (let written = 0; written < length; piece = this.get(piece, NEXT), skipped = 0) {
      const count = Math.min(this.get(piece, LENGTH) - skipped, length - written)
      const from = start + written
      this.bytes(piece).set(bytes.subarray(from, from + count), bytesAt(piece) + skipped)
      written += count
    }
  }

  isPinned(first: number): boolean {
    return this.get(first, PINS) > 0
  }

  /** A completely written chain without an owner with the same bytes as a pinned one, or `NO_CHAIN`. */
  duplicate(first: number, now: number): number {
    const copy = this.begin(this.total(first), now)
    if (copy === NO_CHAIN) return NO_CHAIN
    for (let piece = first; piece !== 0; piece = this.get(piece, NEXT)) {
      if (this.write(copy, this.bytes(piece), bytesAt(piece), this.get(piece, LENGTH), now)) continue
      this.unpin(copy)
      return NO_CHAIN
    }
    return copy
  }

  /** The length of the whole chain, in bytes. */
  total(first: number): number {
    return this.get(first, TOTAL)
  }

  isComplete(first: number): boolean {
    return this.get(first, WRITTEN) === this.get(first, TOTAL)
  }

  /** The memory of the chain, in bytes. */
  sizeOf(first: number): number {
    let size = 0
    for (let piece = first; piece !== 0; piece = this.get(piece, NEXT)) size += this.slots.sizeAt(piece)
    return size
  }

  /** The bytes that `letGo` gives back at once: none while the chain is pinned. */
  bytesGivenBack(first: number): number {
    return this.get(first, PINS) > 0 ? 0 : this.sizeOf(first)
  }

  /** Gives a completely written chain to an entry. */
  attach(first: number, entry: number): void {
    this.set(first, OWNER, entry)
    this.memory.figures[DETACHED_BYTES]! -= this.sizeOf(first)
    this.unpin(first)
  }

  /** Sets the new address of the entry that owns the chain. */
  own(first: number, entry: number): void {
    this.set(first, OWNER, entry)
  }

  /** To be called when the entry no longer needs its chain. */
  letGo(first: number): void {
    if (this.get(first, PINS) > 0) {
      this.set(first, OWNER, 0)
      this.memory.figures[DETACHED_BYTES]! += this.sizeOf(first)
    } else this.free(first)
  }

  /** Keeps a chain as it is until `unpin` has been called as often. */
  pin(first: number): void {
    const pins = this.get(first, PINS)
    this.set(first, PINS, pins + 1)
    if (pins > 0) return
    this.memory.header[PINNED_CHAINS]!++
    for (let piece = first; piece !== 0; piece = this.get(piece, NEXT)) this.slots.pin(piece)
  }

  unpin(first: number): void {
    const pins = this.get(first, PINS) - 1
    this.set(first, PINS, pins)
    if (pins > 0) return
    this.memory.header[PINNED_CHAINS]!--
    for (let piece = first; piece !== 0; piece = this.get(piece, NEXT)) this.slots.unpin(piece)
    if (this.get(first, OWNER) !== 0) return
    this.memory.figures[DETACHED_BYTES]! -= this.sizeOf(first)
    this.free(first)
  }

  /** Copies bytes of a chain. The range must lie within it. */
  copy(first: number, from: number, length: number, into: Uint8Array, at: number): void {
    let piece = first
    let skipped = from
    while (skipped >= this.get(piece, LENGTH) && this.get(piece, NEXT) !== 0) {
      skipped -= this.get(piece, LENGTH)
      piece = this.get(piece, NEXT)
    }
    for (let copied = 0; copied < length; piece = this.get(piece, NEXT), skipped = 0) {
      const count = Math.min(this.get(piece, LENGTH) - skipped, length - copied)
      const start = bytesAt(piece) + skipped
      into.set(this.bytes(piece).subarray(start, start + count), at + copied)
      copied += count
    }
  }

  /** Whether the bytes of a chain equal those from `start` on. */
  equals(first: number, bytes: DataView, start: number): boolean {
    let at = start
    for (let piece = first; piece !== 0; piece = this.get(piece, NEXT)) {
      const its = this.bytes(piece)
      const begin = bytesAt(piece)
      const length = this.get(piece, LENGTH)
      for (let i = 0; i < length; i++) if (its[begin + i] !== bytes.getUint8(at + i)) return false
      at += length
    }
    return true
  }

  /** A reader of a chain. It pins the chain. */
  read(first: number): ChainReader {
    return new ChainReader(this.memory, this, first)
  }

  /** To be called when the piece at `from` has been copied to `to`. */
  moved(from: number, to: number): void {
    const next = this.get(to, NEXT)
    if (next !== 0) this.set(next, OWNER, to)
    else this.set(this.firstOf(to), LAST, to)
    const owner = this.get(to, OWNER)
    // A chain without an owner is pinned, so this one has an owner.
    const meta = this.get(owner, META)
    if (isPiece(meta)) {
      this.set(owner, NEXT, to)
      return
    }
    const isKey = (meta & LONG_KEY) !== 0 && this.get(owner, keyOffset(meta)) === from
    this.set(owner, isKey ? keyOffset(meta) : valueOffset(meta), to)
  }

  /** Frees every pinned chain that no entry owns, and unpins all others. Its cost grows with the memory that is held. */
  unpinAll(): void {
    const firsts: Array<number> = []
    this.slots.forEach((slot) => {
      if (isPiece(this.get(slot, META)) && this.isFirst(slot) && this.get(slot, PINS) > 0) firsts.push(slot)
    })
    for (const first of firsts) {
      this.set(first, PINS, 1)
      this.unpin(first)
    }
  }

  /** Replaces the last piece of a chain by an empty slot that is larger. */
  private replace(last: number, larger: number): void {
    const source = this.memory.words[last >>> ARENA_UNIT_BITS]!
    const target = this.memory.words[larger >>> ARENA_UNIT_BITS]!
    const from = wordAt(last)
    const count = HEADER_WORDS + ((this.get(last, LENGTH) + 3) >>> 2)
    target.set(source.subarray(from, from + count), wordAt(larger))
    this.moved(last, larger)
    this.slots.release(last)
  }

  /** Appends all pieces of another chain, which was just written and has no owner, to a chain of an entry. */
  link(chain: number, rest: number): void {
    const end = this.get(chain, LAST)
    const last = this.get(rest, LAST)
    const total = this.total(chain) + this.total(rest)
    this.set(chain, TOTAL, total)
    this.set(chain, WRITTEN, total)
    this.memory.figures[DETACHED_BYTES]! -= this.sizeOf(rest)
    this.memory.header[PINNED_CHAINS]!--
    if (this.get(chain, PINS) === 0) {
      for (let piece = rest; piece !== 0; piece = this.get(piece, NEXT)) this.slots.unpin(piece)
    }
    this.set(end, NEXT, rest)
    this.set(rest, OWNER, end)
    this.set(chain, LAST, last)
  }

  private isFirst(piece: number): boolean {
    const owner = this.get(piece, OWNER)
    return owner === 0 || !isPiece(this.get(owner, META))
  }

  private firstOf(piece: number): number {
    let first = piece
    while (!this.isFirst(first)) first = this.get(first, OWNER)
    return first
  }

  /** An empty, pinned piece for a chain with `rest` bytes to come, or `NO_SLOT`. */
  private addPiece(rest: number, now: number): number {
    const sizeClass = classForRest(rest)
    const piece = this.take(sizeClass, rest, now)
    if (piece === NO_SLOT) return NO_SLOT
    this.set(piece, NEXT, 0)
    this.set(piece, LENGTH, 0)
    this.set(piece, META, PIECE_META)
    this.slots.pin(piece)
    this.memory.figures[DETACHED_BYTES]! += sizeOfClass(sizeClass)
    return piece
  }

  private free(first: number): void {
    for (let piece = first; piece !== 0;) {
      const next = this.get(piece, NEXT)
      this.slots.release(piece)
      piece = next
    }
  }

  private capacity(piece: number): number {
    return this.slots.sizeAt(piece) - HEADER_BYTES
  }

  private bytes(piece: number): Uint8Array {
    return this.memory.bytes[piece >>> ARENA_UNIT_BITS]!
  }

  private get(piece: number, word: number): number {
    return this.memory.words[piece >>> ARENA_UNIT_BITS]![wordAt(piece) + word]!
  }

  private set(piece: number, word: number, value: number): void {
    this.memory.words[piece >>> ARENA_UNIT_BITS]![wordAt(piece) + word] = value
  }
}

/** Reads a chain from its beginning in slices. The chain stays until the reader is closed. */
export class ChainReader {
  /** The bytes not read yet. */
  remaining: number
  private readonly memory: Memory
  private readonly chains: Chains
  private first: number
  private piece: number
  // The bytes of the present piece that were read.
  private done = 0

  constructor(memory: Memory, chains: Chains, first: number) {
    this.memory = memory
    this.chains = chains
    this.first = first
    this.piece = first
    this.remaining = chains.total(first)
    chains.pin(first)
  }

  /** Copies at most `most` bytes to `into[at]` and following. Returns how many. After `close` it copies none. */
  read(into: Uint8Array, at: number, most: number): number {
    const count = Math.min(most, this.remaining)
    for (let copied = 0; copied < count;) {
      const words = this.memory.words[this.piece >>> ARENA_UNIT_BITS]!
      const word = wordAt(this.piece)
      const length = words[word + LENGTH]!
      if (this.done === length) {
        this.piece = words[word + NEXT]!
        this.done = 0
        continue
      }
      const part = Math.min(length - this.done, count - copied)
      const bytes = this.memory.bytes[this.piece >>> ARENA_UNIT_BITS] ?? NO_BYTES
      const start = bytesAt(this.piece) + this.done
      into.set(bytes.subarray(start, start + part), at + copied)
      this.done += part
      copied += part
    }
    this.remaining -= count
    return count
  }

  /**
   * Leaves out the next `count` bytes and all but `length` of those after them. There must be as many. It takes a step for
   * each 64 KB that are left out.
   */
  limit(count: number, length: number): void {
    for (let left = count; left > 0;) {
      const words = this.memory.words[this.piece >>> ARENA_UNIT_BITS]!
      const word = wordAt(this.piece)
      const part = Math.min(words[word + LENGTH]! - this.done, left)
      left -= part
      this.done += part
      if (left === 0) break
      this.piece = words[word + NEXT]!
      this.done = 0
    }
    this.remaining = length
  }

  /** Whether it reads this chain. */
  reads(first: number): boolean {
    return first === this.first
  }

  /** Unpins the chain. */
  close(): void {
    if (this.first === NO_CHAIN) return
    this.chains.unpin(this.first)
    this.first = NO_CHAIN
    this.remaining = 0
  }
}

/** The memory of a chain of `length` bytes, in bytes. */
export const chainBytes = (length: number): number => {
  // Those that are whole pages for certain are not counted one by one.
  const pages = Math.max(0, Math.floor(length / (PAGE_BYTES - HEADER_BYTES)) - 1)
  let size = pages * PAGE_BYTES
  let rest = length - pages * (PAGE_BYTES - HEADER_BYTES)
  do {
    const piece = sizeOfClass(classForRest(rest))
    size += piece
    rest -= piece - HEADER_BYTES
  } while (rest > 0)
  return size
}

/** The class of the next piece of a chain with `rest` bytes to come. */
const classForRest = (rest: number): number => {
  const size = rest + HEADER_BYTES
  if (size >= NEARLY_WHOLE) return WHOLE
  const fitting = classFor(size)
  // Above this size, classes are far apart. So the next piece fills a smaller slot, and what remains gets another one.
  return size <= FITTED || sizeOfClass(fitting) === size ? fitting : fitting - 1
}

/** The index of a piece's first byte in its arena. */
const bytesAt = (piece: number): number => ((piece & ARENA_UNIT_MASK) << UNIT_BITS) + HEADER_BYTES
