/**
 * Slots of a few sizes, cut from pages, for entries and the pieces of long values. This module does not know their
 * contents, except that word 3 of a free slot is 0. It calls `Tenants` when it moves a slot.
 *
 * Up to 1 KB, sizes are multiples of 8 bytes, so an entry wastes at most 7. Above that, sizes grow by an eighth up to a
 * whole page, and a page holds a whole number of each. The usual problem of size classes is memory that one class holds
 * and another needs. Here, a class with a page and a quarter of free slots moves the contents of one page into its
 * others and returns the page. So no class holds more than that, whatever sizes came before. The quarter keeps a class
 * whose entries come and go from moving them each time.
 *
 * Each page has its own free list and count of used slots, so that a page can be emptied by itself (J. Bonwick, "The
 * slab allocator: an object-caching kernel memory allocator", USENIX 1994). Pages with room are in a list, latest
 * first, because a slot that was just released is still in the processor's cache.
 */
import { META } from "./Entry.ts"
import {
  ARENA_PAGE_BITS,
  ARENA_UNIT_BITS,
  ARENA_UNIT_MASK,
  CLASS_WORDS_BITS,
  CLASSES,
  KIND,
  NEXT_PAGE,
  PAGE_BYTES,
  PAGE_UNIT_BITS,
  PAGE_UNIT_MASK,
  PREVIOUS_PAGE,
  SPARSE_CLASS,
  UNIT_BITS,
  UNIT_BYTES,
  UNUSED_PAGE,
  USED_BYTES
} from "./Layout.ts"
import { type Memory, NO_PAGE } from "./Memory.ts"

/** There is no slot: the limit leaves no room, or the system refused memory. */
export const NO_SLOT = 0

/** The smallest slot in bytes. */
const MIN_SIZE = 24
/** Up to this size, in bytes, sizes are multiples of a unit. */
const MAX_EXACT_SIZE = 1016
/** The slots of a page in the first class above that. */
const MAX_GRADED_SLOTS = 64

/** The sizes of slots, in bytes, ascending. */
export const SIZES: ReadonlyArray<number> = (() => {
  const sizes: Array<number> = []
  for (let size = MIN_SIZE; size <= MAX_EXACT_SIZE; size += UNIT_BYTES) sizes.push(size)
  for (let slots = MAX_GRADED_SLOTS; slots >= 1; slots = Math.min(slots - 1, Math.ceil((slots * 8) / 9))) {
    sizes.push((Math.floor(PAGE_BYTES / slots) >>> UNIT_BITS) << UNIT_BITS)
  }
  return sizes
})()

export const CLASS_COUNT = SIZES.length
const units = Int32Array.from(SIZES, (size) => size >>> UNIT_BITS)
/** The slots of a page, by class. */
export const perPage = Int32Array.from(SIZES, (size) => Math.floor(PAGE_BYTES / size))
/** The number of free slots from which a class is too sparse. */
const sparseFrom = perPage.map((slots) => slots + Math.max(1, slots >> 2))
/** The smallest class for a number of units. */
const classes = (() => {
  const table = new Uint8Array((PAGE_BYTES >>> UNIT_BITS) + 1)
  let sizeClass = 0
  for (let unit = 0; unit < table.length; unit++) {
    if (unit > units[sizeClass]!) sizeClass++
    table[unit] = sizeClass
  }
  return table
})()

/** The class whose slots hold `bytes`, which must not exceed a page. */
export const classFor = (bytes: number): number => classes[(bytes + UNIT_BYTES - 1) >>> UNIT_BITS]!

export const sizeOfClass = (sizeClass: number): number => SIZES[sizeClass]!

// The words of a class in the header.
/** The first page of the class with room; 0 for none. */
export const WITH_ROOM = 0
/** The free slots of all pages of the class. */
export const FREE = 1

// The words of a page's descriptor, besides `KIND` and the links of the pages with room.
export const IN_USE = 3
/** The first free slot: its unit in the page plus 1; 0 for none. */
export const FREE_SLOT = 4
/** Slots from this unit on were never used. */
export const FRESH_UNIT = 5
/** The number of pins, which keep the page's slots where they are. */
export const PINS = 6

/** How many pages are examined to find a nearly empty one. */
const CANDIDATES = 16

export interface Tenants {
  /** The contents of the slot at `from` are at `to` now, and all references must follow. */
  readonly moved: (from: number, to: number) => void
}

export class Slots {
  private readonly memory: Memory
  private readonly tenants: Tenants

  constructor(memory: Memory, tenants: Tenants) {
    this.memory = memory
    this.tenants = tenants
  }

  /** The address of a slot whose word 3 is 0, or `NO_SLOT`. The caller must fill the slot before any other call. */
  take(sizeClass: number): number {
    const { header, words } = this.memory
    const known = CLASSES + (sizeClass << CLASS_WORDS_BITS)
    let page = header[known + WITH_ROOM]!
    if (page === 0) {
      page = this.addPage(sizeClass)
      if (page === NO_PAGE) return NO_SLOT
    }
    const arena = words[page >>> ARENA_PAGE_BITS]!
    const at = this.memory.descriptor(page)
    const free = arena[at + FREE_SLOT]!
    let address = page << PAGE_UNIT_BITS
    if (free === 0) {
      const fresh = arena[at + FRESH_UNIT]!
      arena[at + FRESH_UNIT] = fresh + units[sizeClass]!
      address |= fresh
      arena[((address & ARENA_UNIT_MASK) << 1) + META] = 0
    } else {
      address |= free - 1
      arena[at + FREE_SLOT] = arena[(address & ARENA_UNIT_MASK) << 1]!
    }
    header[known + FREE]!--
    if (++arena[at + IN_USE]! === perPage[sizeClass]!) this.unlink(page)
    this.memory.figures[USED_BYTES]! += SIZES[sizeClass]!
    return address
  }

  /** Releases a slot. It moves nothing: see `settle`. */
  release(address: number): void {
    const { figures, header, words } = this.memory
    const arena = words[address >>> ARENA_UNIT_BITS]!
    const page = address >>> PAGE_UNIT_BITS
    const at = this.memory.descriptor(page)
    const sizeClass = arena[at + KIND]! - 1
    const known = CLASSES + (sizeClass << CLASS_WORDS_BITS)
    figures[USED_BYTES]! -= SIZES[sizeClass]!
    const word = (address & ARENA_UNIT_MASK) << 1
    arena[word] = arena[at + FREE_SLOT]!
    arena[word + META] = 0
    arena[at + FREE_SLOT] = (address & PAGE_UNIT_MASK) + 1
    const free = ++header[known + FREE]!
    const used = --arena[at + IN_USE]!
    if (used === perPage[sizeClass]! - 1) this.link(page, sizeClass)
    if (used === 0) this.releasePage(page, sizeClass)
    else if (free >= sparseFrom[sizeClass]!) header[SPARSE_CLASS] = sizeClass + 1
  }

  /** The class of the slot at an address. */
  classAt(address: number): number {
    return this.memory.known(address >>> PAGE_UNIT_BITS, KIND) - 1
  }

  /** The size in bytes of the slot at an address. */
  sizeAt(address: number): number {
    return SIZES[this.classAt(address)]!
  }

  /** Keeps the slot at an address where it is until `unpin` has been called as often. */
  pin(address: number): void {
    const page = address >>> PAGE_UNIT_BITS
    this.memory.setKnown(page, PINS, this.memory.known(page, PINS) + 1)
  }

  unpin(address: number): void {
    const page = address >>> PAGE_UNIT_BITS
    this.memory.setKnown(page, PINS, this.memory.known(page, PINS) - 1)
  }

  /** Visits every slot in use. `see` must not change anything. */
  forEach(see: (address: number) => void): void {
    const { memory } = this
    for (let arena = 0; arena < memory.words.length; arena++) {
      const words = memory.words[arena]!
      if (words.length === 0) continue
      for (
        let page = (arena << ARENA_PAGE_BITS) + 1;
        page < (arena << ARENA_PAGE_BITS) + memory.pagesOf(arena);
        page++
      ) {
        const kind = memory.known(page, KIND)
        if (kind === UNUSED_PAGE || kind > CLASS_COUNT) continue
        const end = memory.known(page, FRESH_UNIT)
        for (let unit = 0; unit < end; unit += units[kind - 1]!) {
          const address = (page << PAGE_UNIT_BITS) | unit
          if (words[((address & ARENA_UNIT_MASK) << 1) + META] !== 0) see(address)
        }
      }
    }
  }

  /** Empties a page of the class that was found too sparse, if it still is. Moves at most the slots of one page. */
  settle(): void {
    const { header } = this.memory
    const sizeClass = header[SPARSE_CLASS]! - 1
    if (sizeClass < 0) return
    header[SPARSE_CLASS] = 0
    this.compact(sizeClass)
  }

  /**
   * Empties a page of the first class that is too sparse. Returns the number of moved slots, or -1 if no class is too
   * sparse.
   */
  compactAny(): number {
    for (let sizeClass = 0; sizeClass < CLASS_COUNT; sizeClass++) {
      const moved = this.compact(sizeClass)
      if (moved >= 0) return moved
    }
    return -1
  }

  /**
   * Moves the contents of a page elsewhere and returns the page. Gives the number of moved slots, or -1 if there was no
   * room for the rest of them.
   */
  evacuate(page: number): number {
    const { header, words } = this.memory
    const arena = words[page >>> ARENA_PAGE_BITS]!
    const at = this.memory.descriptor(page)
    const sizeClass = arena[at + KIND]! - 1
    const known = CLASSES + (sizeClass << CLASS_WORDS_BITS)
    const capacity = perPage[sizeClass]!
    const step = units[sizeClass]!
    // The free slots of this page must not be taken.
    if (arena[at + IN_USE]! < capacity) this.unlink(page)
    header[known + FREE]! -= capacity - arena[at + IN_USE]!
    const end = arena[at + FRESH_UNIT]!
    let moved = 0
    for (let unit = 0; unit < end && arena[at + IN_USE]! > 0; unit += step) {
      const from = (page << PAGE_UNIT_BITS) | unit
      const word = (from & ARENA_UNIT_MASK) << 1
      if (arena[word + META] === 0) continue
      const to = this.take(sizeClass)
      if (to === NO_SLOT) {
        header[known + FREE]! += capacity - arena[at + IN_USE]!
        if (arena[at + IN_USE]! < capacity) this.link(page, sizeClass)
        return -1
      }
      copy(arena, word, words[to >>> ARENA_UNIT_BITS]!, (to & ARENA_UNIT_MASK) << 1, step << 1)
      arena[word] = arena[at + FREE_SLOT]!
      arena[word + META] = 0
      arena[at + FREE_SLOT] = unit + 1
      arena[at + IN_USE]!--
      this.memory.figures[USED_BYTES]! -= SIZES[sizeClass]!
      this.tenants.moved(from, to)
      moved++
    }
    this.memory.release(page)
    return moved
  }

  private compact(sizeClass: number): number {
    const { header } = this.memory
    const known = CLASSES + (sizeClass << CLASS_WORDS_BITS)
    if (header[known + FREE]! < sparseFrom[sizeClass]!) return -1
    // The emptiest page of some is chosen. Whichever it is, the other pages have room for its contents.
    let best = 0
    let page = header[known + WITH_ROOM]!
    for (let looked = 0; looked < CANDIDATES && page !== 0; looked++) {
      if (
        this.memory.known(page, PINS) === 0 &&
        (best === 0 || this.memory.known(page, IN_USE) < this.memory.known(best, IN_USE))
      ) {
        best = page
      }
      page = this.memory.known(page, NEXT_PAGE)
    }
    return best === 0 ? -1 : this.evacuate(best)
  }

  private addPage(sizeClass: number): number {
    const page = this.memory.take(sizeClass + 1)
    if (page === NO_PAGE) return NO_PAGE
    this.memory.header[CLASSES + (sizeClass << CLASS_WORDS_BITS) + FREE]! += perPage[sizeClass]!
    this.link(page, sizeClass)
    return page
  }

  private releasePage(page: number, sizeClass: number): void {
    this.unlink(page)
    this.memory.header[CLASSES + (sizeClass << CLASS_WORDS_BITS) + FREE]! -= perPage[sizeClass]!
    this.memory.release(page)
  }

  /** Adds a page to those of its class with room. */
  private link(page: number, sizeClass: number): void {
    const { header } = this.memory
    const head = CLASSES + (sizeClass << CLASS_WORDS_BITS) + WITH_ROOM
    const next = header[head]!
    this.memory.setKnown(page, NEXT_PAGE, next)
    this.memory.setKnown(page, PREVIOUS_PAGE, 0)
    if (next !== 0) this.memory.setKnown(next, PREVIOUS_PAGE, page)
    header[head] = page
  }

  private unlink(page: number): void {
    const next = this.memory.known(page, NEXT_PAGE)
    const previous = this.memory.known(page, PREVIOUS_PAGE)
    if (next !== 0) this.memory.setKnown(next, PREVIOUS_PAGE, previous)
    if (previous !== 0) this.memory.setKnown(previous, NEXT_PAGE, next)
    else {
      const sizeClass = this.memory.known(page, KIND) - 1
      this.memory.header[CLASSES + (sizeClass << CLASS_WORDS_BITS) + WITH_ROOM] = next
    }
  }
}

/** In words. Shorter slots are copied word by word, because making a view takes longer. */
const SHORT = 64

const copy = (source: Int32Array, from: number, target: Int32Array, to: number, count: number): void => {
  if (count > SHORT) target.set(source.subarray(from, from + count), to)
  else for (let word = 0; word < count; word++) target[to + word] = source[from + word]!
}
