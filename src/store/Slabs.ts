/**
 * Where the bytes of keys and values lie: slots of a few sizes, packed in pages outside JavaScript's heap. Pure storage:
 * it knows who owns a slot, not what is in it.
 *
 * A slot's size is a multiple of 8 bytes, and each size has pages of its own, so a slot fits its entry within 7 bytes.
 * The trouble with size classes is memory that one class holds and another needs. Here a class whose free slots add up
 * to a page moves the entries of its last page into them, and gives the page back: no class ever holds more than two
 * pages that it does not need, whatever sizes came before. Slots may move because their owners say where they are.
 *
 * Pages are cut from arenas (`Arena.ts`). An address counts 8 bytes, so 2^32 of them reach 32 GB.
 */
import { ARENA_BITS, ARENA_BYTES, arenaBytes, makeArena } from "./Arena.ts"

/** Bytes of a page. */
export const PAGE_BYTES = 1 << 16

const UNIT_BITS = 3
const UNIT = 1 << UNIT_BITS
const PAGE_UNIT_BITS = 16 - UNIT_BITS
const PAGE_UNITS = 1 << PAGE_UNIT_BITS
const ARENA_UNIT_BITS = ARENA_BITS - UNIT_BITS
const ARENA_UNIT_MASK = (1 << ARENA_UNIT_BITS) - 1
const PAGES_BITS = ARENA_UNIT_BITS - PAGE_UNIT_BITS

/** The first word of a slot is its owner. */
const OWNER_BYTES = 4
const WORDS_BITS = UNIT_BITS - 2
const FREE = -1

/** A slot's size for `length` bytes: with its owner, rounded up. */
export const slotBytes = (length: number): number => (length + OWNER_BYTES + UNIT - 1) & ~(UNIT - 1)

/** Words of a cache line. */
const LINE_WORDS = 16

interface SizeClass {
  readonly size: number
  readonly slotsPerPage: number
  /** Pages of this class, by number, in the order in which they were taken; slots beyond `fresh` of the last one were never used. */
  readonly pages: Array<number>
  fresh: number
  /** Addresses of free slots: never more than a page has. */
  readonly free: Array<number>
}

interface Arena {
  readonly words: Int32Array
  /** How many pages there is room for. */
  readonly capacity: number
  /** Pages that have been used, and are not now, by number. */
  readonly unused: Array<number>
  /** Pages of a higher number were never used. */
  fresh: number
}

export class Slabs {
  private readonly arenas: Array<Arena | undefined> = []
  private readonly classes: Array<SizeClass | undefined> = []
  private readonly onMove: (owner: number, address: number) => void
  private readonly onGiveUp: (bytes: number) => void
  private pagesInUse = 0

  /** `onMove` is told of an owner's new address, where the bytes are already; `onGiveUp` of bytes that are held no more. */
  constructor(onMove: (owner: number, address: number) => void, onGiveUp: (bytes: number) => void) {
    this.onMove = onMove
    this.onGiveUp = onGiveUp
  }

  /** Pages in use. */
  get pageCount(): number {
    return this.pagesInUse
  }

  /** Bytes of the arenas that it has. */
  get heldBytes(): number {
    return arenaBytes(this.arenas)
  }

  /** The address of a slot for `length` bytes. */
  take(length: number, owner: number): number {
    const sizeClass = this.classFor(length)
    const address = sizeClass.free.pop() ?? this.takeFresh(sizeClass)
    this.setOwner(address, owner)
    return address
  }

  /** Gives back a slot that was taken for `length` bytes. */
  release(address: number, length: number): void {
    const sizeClass = this.classFor(length)
    this.setOwner(address, FREE)
    sizeClass.free.push(address)
    if (sizeClass.free.length === sizeClass.slotsPerPage) this.compact(sizeClass)
  }

  /** The words that a slot lies in. */
  words(address: number): Int32Array {
    return this.arenas[address >>> ARENA_UNIT_BITS]!.words
  }

  /** The first of those words that is the owner's to use. */
  word(address: number): number {
    return ((address & ARENA_UNIT_MASK) << WORDS_BITS) + 1
  }

  /** Brings the beginnings of slots into the processor's cache. The result means nothing. */
  fetch(addresses: Int32Array, count: number): number {
    const { arenas } = this
    let seen = 0
    for (let i = 0; i < count; i++) {
      const address = addresses[i]!
      const { words } = arenas[address >>> ARENA_UNIT_BITS]!
      const first = (address & ARENA_UNIT_MASK) << WORDS_BITS
      seen ^= words[first]!
      if (first + LINE_WORDS < words.length) seen ^= words[first + LINE_WORDS]!
    }
    return seen
  }

  private classFor(length: number): SizeClass {
    const size = slotBytes(length)
    const known = this.classes[size >>> UNIT_BITS]
    if (known !== undefined) return known
    const slotsPerPage = Math.floor(PAGE_BYTES / size)
    const made: SizeClass = { size, slotsPerPage, pages: [], fresh: slotsPerPage, free: [] }
    this.classes[size >>> UNIT_BITS] = made
    return made
  }

  private takeFresh(sizeClass: SizeClass): number {
    if (sizeClass.fresh === sizeClass.slotsPerPage) {
      sizeClass.pages.push(this.takePage())
      sizeClass.fresh = 0
    }
    return slotAddress(sizeClass, sizeClass.pages.at(-1)!, sizeClass.fresh++)
  }

  private takePage(): number {
    this.pagesInUse++
    // The first with room, so that the last ones become empty.
    const number = this.arenas.findIndex((arena) => arena !== undefined && hasRoom(arena))
    return number === -1 ? this.addArena() : pageOf(this.arenas[number]!, number)
  }

  private addArena(): number {
    const hole = this.arenas.indexOf(undefined)
    const number = hole === -1 ? this.arenas.length : hole
    const buffer = makeArena(number)
    const arena = { words: new Int32Array(buffer), capacity: buffer.byteLength / PAGE_BYTES, unused: [], fresh: 0 }
    this.arenas[number] = arena
    return pageOf(arena, number)
  }

  private releasePage(page: number): void {
    this.pagesInUse--
    const number = page >>> PAGES_BITS
    const arena = this.arenas[number]!
    arena.unused.push(page)
    // The first one is small, and stays.
    if (number === 0 || arena.unused.length < arena.fresh) return
    this.arenas[number] = undefined
    this.onGiveUp(ARENA_BYTES)
  }

  /** Empties the class's last page into its free slots. There are as many as the page has, its own included. */
  private compact(sizeClass: SizeClass): void {
    const last = sizeClass.pages.pop()!
    const holes = sizeClass.free.filter((address) => address >>> PAGE_UNIT_BITS !== last)
    sizeClass.free.length = 0
    for (let slot = 0; slot < sizeClass.fresh; slot++) {
      const from = slotAddress(sizeClass, last, slot)
      const owner = this.owner(from)
      if (owner === FREE) continue
      const to = holes.pop()!
      const source = this.words(from)
      const start = (from & ARENA_UNIT_MASK) << WORDS_BITS
      this.words(to).set(source.subarray(start, start + sizeClass.size / 4), (to & ARENA_UNIT_MASK) << WORDS_BITS)
      this.onMove(owner, to)
    }
    // Holes are left where slots of the last page had never been used.
    for (const hole of holes) sizeClass.free.push(hole)
    sizeClass.fresh = sizeClass.slotsPerPage
    this.releasePage(last)
  }

  private owner(address: number): number {
    return this.words(address)[(address & ARENA_UNIT_MASK) << WORDS_BITS]!
  }

  private setOwner(address: number, owner: number): void {
    this.words(address)[(address & ARENA_UNIT_MASK) << WORDS_BITS] = owner
  }
}

const slotAddress = (sizeClass: SizeClass, page: number, slot: number): number =>
  page * PAGE_UNITS + slot * (sizeClass.size >>> UNIT_BITS)

const hasRoom = (arena: Arena): boolean => arena.unused.length > 0 || arena.fresh < arena.capacity

const pageOf = (arena: Arena, number: number): number => arena.unused.pop() ?? (number << PAGES_BITS) + arena.fresh++
