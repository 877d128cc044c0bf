/**
 * Where the bytes of keys and values lie: slots of a few sizes, packed in pages outside JavaScript's heap. Pure storage:
 * it knows who owns a slot, not what is in it.
 *
 * A slot's size is a multiple of 8 bytes, and each size has pages of its own, so a slot fits its entry within 7 bytes.
 * The trouble with size classes is memory that one class holds and another needs. Here a class whose free slots add up
 * to a page moves the entries of its last page into them, and gives the page back: no class ever holds more than one
 * page that it does not need, whatever sizes came before. Slots may move because their owners say where they are.
 *
 * Pages are allocated one by one, and copied never: growing takes microseconds. An address counts 8 bytes, so 2^32 of
 * them reach 32 GB.
 */

/** Bytes of a page. */
export const PAGE_BYTES = 1 << 16

const UNIT_BITS = 3
const UNIT = 1 << UNIT_BITS
const PAGE_UNIT_BITS = 16 - UNIT_BITS
const PAGE_UNIT_MASK = (1 << PAGE_UNIT_BITS) - 1

/** The first word of a slot is its owner. */
const OWNER_BYTES = 4
const OWNER_WORDS_BITS = UNIT_BITS - 2
const FREE = -1

/** A slot's size for `length` bytes: with its owner, rounded up. */
export const slotBytes = (length: number): number => (length + OWNER_BYTES + UNIT - 1) & ~(UNIT - 1)

interface Page {
  readonly bytes: Buffer
  readonly words: Int32Array
}

interface SizeClass {
  readonly size: number
  readonly slotsPerPage: number
  /** Pages of this class, by number, in the order in which they were taken; slots beyond `fresh` of the last one were never used. */
  readonly pages: Array<number>
  fresh: number
  /** Addresses of free slots: never more than a page has. */
  readonly free: Array<number>
}

export class Slabs {
  private readonly pages: Array<Page | undefined> = []
  private readonly unusedNumbers: Array<number> = []
  private readonly classes: Array<SizeClass | undefined> = []
  private readonly onMove: (owner: number, address: number) => void

  /** `onMove` is told of an owner's new address; the bytes are there already. */
  constructor(onMove: (owner: number, address: number) => void) {
    this.onMove = onMove
  }

  /** Pages in use. */
  get pageCount(): number {
    return this.pages.length - this.unusedNumbers.length
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

  /** The page of an address, as bytes. */
  bytes(address: number): Buffer {
    return this.pages[address >>> PAGE_UNIT_BITS]!.bytes
  }

  /** Where in its page the bytes of a slot begin. */
  offset(address: number): number {
    return ((address & PAGE_UNIT_MASK) << UNIT_BITS) + OWNER_BYTES
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
      const number = this.unusedNumbers.pop() ?? this.pages.length
      const buffer = new ArrayBuffer(PAGE_BYTES)
      this.pages[number] = { bytes: Buffer.from(buffer), words: new Int32Array(buffer) }
      sizeClass.pages.push(number)
      sizeClass.fresh = 0
    }
    return slotAddress(sizeClass, sizeClass.pages.at(-1)!, sizeClass.fresh++)
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
      const source = (from & PAGE_UNIT_MASK) << UNIT_BITS
      this.bytes(from).copy(this.bytes(to), (to & PAGE_UNIT_MASK) << UNIT_BITS, source, source + sizeClass.size)
      this.onMove(owner, to)
    }
    // Holes are left where slots of the last page had never been used.
    for (const hole of holes) sizeClass.free.push(hole)
    sizeClass.fresh = sizeClass.slotsPerPage
    this.pages[last] = undefined
    this.unusedNumbers.push(last)
  }

  private owner(address: number): number {
    return this.pages[address >>> PAGE_UNIT_BITS]!.words[(address & PAGE_UNIT_MASK) << OWNER_WORDS_BITS]!
  }

  private setOwner(address: number, owner: number): void {
    this.pages[address >>> PAGE_UNIT_BITS]!.words[(address & PAGE_UNIT_MASK) << OWNER_WORDS_BITS] = owner
  }
}

const slotAddress = (sizeClass: SizeClass, page: number, slot: number): number =>
  page * (PAGE_UNIT_MASK + 1) + slot * (sizeClass.size >>> UNIT_BITS)
