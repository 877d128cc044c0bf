/**
 * Arenas and their pages. Pure, except that it asks its source for arenas.
 *
 * This class holds only views. Words of the arenas record which arenas exist, and which of their pages are in use, were
 * used, or were never touched (`Layout.ts`). The memory held is counted in touched pages, because untouched memory
 * costs the machine nothing.
 *
 * When the last page of an arena is released, the arena is kept as a spare. If there is a spare already, the arena is
 * given up. So a cache whose size swings around the edge of an arena does not request memory at each swing.
 */
import * as Result from "effect/Result"
import {
  ARENA_BYTES,
  ARENA_PAGE_BITS,
  ARENA_PAGE_MASK,
  ARENA_TABLE,
  ARENA_TABLE_BITS,
  ARENA_UNIT_BITS,
  ARENA_UNIT_MASK,
  ARENAS,
  CAPACITY,
  DESCRIPTOR_BITS,
  DESCRIPTORS,
  EVACUATED_ARENA,
  FIRST_ARENA_BYTES,
  FREE_HEAD,
  FREE_PAGES,
  FRESH,
  GIVEN_UP_BYTES,
  KIND,
  MAGIC,
  MAGIC_WORD,
  MAX_ARENAS,
  NEXT_PAGE,
  PAGE_BYTES,
  PAGE_CAPACITY,
  PAGE_LIMIT,
  PAGE_WORD_BITS,
  PAGE_WORDS,
  REFUSED,
  SPARE_ARENA,
  SPARE_SINCE,
  STUCK_AT,
  TOUCHED_PAGES,
  UNUSED_PAGE,
  USED,
  USED_PAGES,
  VERSION,
  VERSION_WORD
} from "./Layout.ts"

/** The provider of arenas. */
export interface ArenaSource {
  /** Zeroed memory. It throws a RangeError if there is none. */
  readonly allocate: (bytes: number) => ArrayBufferLike
}

export const arrayBuffers: ArenaSource = { allocate: (bytes) => new ArrayBuffer(bytes) }

/** There is no page: the limit leaves no room, or the system refused memory. */
export const NO_PAGE = 0

/**
 * To empty an arena, this many pages, half an arena's, must stay free in the others. Fewer suffice in a small memory.
 */
const MARGIN = 1 << (ARENA_PAGE_BITS - 1)

const NO_WORDS = new Int32Array(0)
const NO_DOUBLES = new Float64Array(0)
const NO_BYTES = new Uint8Array(0)

export class Memory {
  /** Three views of each arena's memory, empty if there is no arena. */
  readonly words: Array<Int32Array> = []
  readonly doubles: Array<Float64Array> = []
  readonly bytes: Array<Uint8Array> = []
  /** The words and doubles of the first arena, which begin with the header. */
  readonly header: Int32Array
  readonly figures: Float64Array
  private readonly source: ArenaSource

  private constructor(first: ArrayBufferLike, source: ArenaSource) {
    this.source = source
    this.see(0, first)
    this.header = this.words[0]!
    this.figures = this.doubles[0]!
  }

  /** A memory of one empty arena. Throws if the source refuses even that. */
  static make(source: ArenaSource): Memory {
    const memory = new Memory(source.allocate(FIRST_ARENA_BYTES), source)
    memory.header[MAGIC] = MAGIC_WORD
    memory.header[VERSION] = VERSION_WORD
    memory.format()
    return memory
  }

  /** A new view of existing memory. */
  static attach(arenas: ReadonlyArray<ArrayBufferLike | undefined>, source: ArenaSource): Memory {
    const [first] = arenas
    if (first === undefined) throw new TypeError("an engine's first arena is missing")
    const memory = new Memory(first, source)
    if (memory.header[MAGIC] !== MAGIC_WORD || memory.header[VERSION] !== VERSION_WORD) {
      throw new TypeError("these arenas are no engine's, or another version's")
    }
    for (let arena = 1; arena < memory.header[ARENAS]!; arena++) {
      const buffer = arenas[arena]
      if (memory.table(arena, CAPACITY) === 0) memory.unsee(arena)
      else if (buffer === undefined) throw new TypeError(`an engine's arena ${arena} is missing`)
      else memory.see(arena, buffer)
    }
    return memory
  }

  /** The arenas, as `attach` takes them. */
  get arenas(): ReadonlyArray<ArrayBufferLike | undefined> {
    return this.words.map((words) => (words.length === 0 ? undefined : words.buffer))
  }

  /** Gives up all arenas but the first, and frees all pages of the first. */
  reset(): void {
    for (let arena = this.header[ARENAS]! - 1; arena > 0; arena--) {
      if (this.table(arena, CAPACITY) !== 0) this.giveUp(arena)
    }
    this.words.length = 1
    this.doubles.length = 1
    this.bytes.length = 1
    const { header } = this
    const touched = this.table(0, FRESH)
    header.fill(0, DESCRIPTORS, DESCRIPTORS + (this.table(0, CAPACITY) << DESCRIPTOR_BITS))
    this.format()
    // Touched pages remain touched.
    for (let page = touched - 1; page > 0; page--) this.toFreeList(page)
    this.setTable(0, FRESH, touched)
    header[TOUCHED_PAGES] = touched
    header[FREE_PAGES] = touched - 1
  }

  /**
   * Loads the word at each of these addresses into the processor's cache. The result has no meaning. The loop does
   * nothing else, so that the processor sees many of the loads ahead and waits for all of them at once.
   */
  load(addresses: Int32Array, count: number): number {
    const { words } = this
    let seen = 0
    for (let i = 0; i < count; i++) {
      const address = addresses[i]!
      seen ^= words[address >>> ARENA_UNIT_BITS]![(address & ARENA_UNIT_MASK) << 1]!
    }
    return seen
  }

  /** The index of a page's descriptor among the words of its arena. */
  descriptor(page: number): number {
    return DESCRIPTORS + ((page & ARENA_PAGE_MASK) << DESCRIPTOR_BITS)
  }

  /** A word of a page's descriptor. */
  known(page: number, word: number): number {
    return this.words[page >>> ARENA_PAGE_BITS]![this.descriptor(page) + word]!
  }

  setKnown(page: number, word: number, value: number): void {
    this.words[page >>> ARENA_PAGE_BITS]![this.descriptor(page) + word] = value
  }

  /** The number of a page, or `NO_PAGE`. Its descriptor is 0 except for the kind, and its words may hold anything. */
  take(kind: number): number {
    const page = this.find()
    if (page !== NO_PAGE) this.setKnown(page, KIND, kind)
    return page
  }

  /** Releases a page. */
  release(page: number): void {
    const { header } = this
    const arena = page >>> ARENA_PAGE_BITS
    const at = this.descriptor(page)
    this.words[arena]!.fill(0, at, at + (1 << DESCRIPTOR_BITS))
    this.toFreeList(page)
    header[FREE_PAGES]!++
    header[USED_PAGES]!--
    const used = this.table(arena, USED) - 1
    this.setTable(arena, USED, used)
    if (used > 0 || arena === 0) return
    if (header[EVACUATED_ARENA] === arena) header[EVACUATED_ARENA] = 0
    if (header[SPARE_ARENA] !== 0) {
      this.giveUp(arena)
      return
    }
    header[SPARE_ARENA] = arena
    this.figures[SPARE_SINCE] = Number.NaN
  }

  /** Gives up the spare arena, if there is one. */
  giveUpSpare(): void {
    const spare = this.header[SPARE_ARENA]!
    if (spare !== 0) this.giveUp(spare)
  }

  /** The most pages that can ever be in use, as far as is known: arenas' own are not. */
  get mostPages(): number {
    const { header } = this
    const limit = header[PAGE_LIMIT]!
    const others = Math.max(0, limit - FIRST_ARENA_BYTES / PAGE_BYTES)
    const most = limit - 1 - Math.ceil(others / (ARENA_PAGE_MASK + 1))
    return header[REFUSED] === 0 ? most : Math.min(most, header[PAGE_CAPACITY]!)
  }

  /** Whether so much is free that an arena could be emptied into the others, and they would have room for more. */
  get isSpacious(): boolean {
    const { header } = this
    const spare = header[SPARE_ARENA]!
    const capacity = header[PAGE_CAPACITY]! - (spare === 0 ? 0 : ARENA_PAGE_MASK)
    const rest = capacity - ARENA_PAGE_MASK
    const stuck = header[STUCK_AT]!
    if (stuck !== 0 && header[USED_PAGES]! >= stuck) return false
    return rest > 0 && rest - header[USED_PAGES]! >= Math.min(MARGIN, rest >> 1)
  }

  /** The arena with the fewest pages in use, except the first, among those that `may` accepts; 0 for none. */
  emptiest(may: (arena: number) => boolean): number {
    let best = 0
    for (let arena = 1; arena < this.header[ARENAS]!; arena++) {
      if (this.table(arena, CAPACITY) === 0 || this.table(arena, USED) === 0) continue
      if ((best === 0 || this.table(arena, USED) < this.table(best, USED)) && may(arena)) best = arena
    }
    return best
  }

  /** Pages from this number on were never touched, so only pages below it may be in use. The reserved page counts. */
  pagesOf(arena: number): number {
    return this.table(arena, FRESH)
  }

  /** Copies a page's words to another page. */
  copyPage(from: number, to: number): void {
    const start = (from & ARENA_PAGE_MASK) << PAGE_WORD_BITS
    const source = this.words[from >>> ARENA_PAGE_BITS]!
    this.words[to >>> ARENA_PAGE_BITS]!.set(
      source.subarray(start, start + PAGE_WORDS),
      (to & ARENA_PAGE_MASK) << PAGE_WORD_BITS
    )
  }

  /** Prefers a page that was used before, so that no more memory is held, and an arena that is in use. */
  private find(): number {
    const { header } = this
    const spare = header[SPARE_ARENA]!
    const evacuated = header[EVACUATED_ARENA]!
    // The first arena is never spare and never emptied.
    const isFilled = (arena: number): boolean => arena === 0 || (arena !== spare && arena !== evacuated)
    const isLimited = header[TOUCHED_PAGES]! >= header[PAGE_LIMIT]!
    if (header[FREE_PAGES]! > 0) {
      const arena = this.first((each) => isFilled(each) && this.table(each, FREE_HEAD) !== 0)
      if (arena !== -1) return this.reuse(arena)
    }
    if (!isLimited) {
      const arena = this.first((each) => isFilled(each) && this.table(each, FRESH) < this.table(each, CAPACITY))
      if (arena !== -1) return this.touch(arena)
    }
    for (const arena of [spare, evacuated]) {
      if (arena === 0) continue
      // The page is needed more than an empty arena. This one must not be chosen again at once.
      if (arena === evacuated) {
        header[EVACUATED_ARENA] = 0
        header[STUCK_AT] = header[USED_PAGES]!
      }
      if (this.table(arena, FREE_HEAD) !== 0) return this.reuse(arena)
      if (!isLimited && this.table(arena, FRESH) < this.table(arena, CAPACITY)) return this.touch(arena)
    }
    // A new arena touches its reserved page and the first one.
    if (header[TOUCHED_PAGES]! + 2 > header[PAGE_LIMIT]!) return NO_PAGE
    const arena = this.add()
    return arena === -1 ? NO_PAGE : this.touch(arena)
  }

  /** The lowest arena that `may` accepts, or -1. Using the lowest lets the last ones become empty. */
  private first(may: (arena: number) => boolean): number {
    const count = this.header[ARENAS]!
    for (let arena = 0; arena < count; arena++) if (may(arena)) return arena
    return -1
  }

  private reuse(arena: number): number {
    const page = (arena << ARENA_PAGE_BITS) | this.table(arena, FREE_HEAD)
    this.setTable(arena, FREE_HEAD, this.known(page, NEXT_PAGE))
    this.setKnown(page, NEXT_PAGE, 0)
    this.header[FREE_PAGES]!--
    return this.use(page)
  }

  private touch(arena: number): number {
    const page = (arena << ARENA_PAGE_BITS) | this.table(arena, FRESH)
    this.setTable(arena, FRESH, this.table(arena, FRESH) + 1)
    this.header[TOUCHED_PAGES]!++
    return this.use(page)
  }

  private use(page: number): number {
    const { header } = this
    const arena = page >>> ARENA_PAGE_BITS
    this.setTable(arena, USED, this.table(arena, USED) + 1)
    header[USED_PAGES]!++
    if (header[SPARE_ARENA] === arena) header[SPARE_ARENA] = 0
    return page
  }

  private toFreeList(page: number): void {
    const arena = page >>> ARENA_PAGE_BITS
    this.setKnown(page, KIND, UNUSED_PAGE)
    this.setKnown(page, NEXT_PAGE, this.table(arena, FREE_HEAD))
    this.setTable(arena, FREE_HEAD, page & ARENA_PAGE_MASK)
  }

  /** The number of a new arena, or -1. This is the only place where the system may refuse memory. */
  private add(): number {
    const { header } = this
    if (header[REFUSED] !== 0) return -1
    let arena = 1
    while (arena < header[ARENAS]! && this.table(arena, CAPACITY) !== 0) arena++
    if (arena === MAX_ARENAS) return -1
    const buffer = Result.try(() => this.source.allocate(ARENA_BYTES))
    if (Result.isFailure(buffer)) {
      if (!(buffer.failure instanceof RangeError)) throw buffer.failure
      header[REFUSED] = 1
      return -1
    }
    this.see(arena, buffer.success)
    header[ARENAS] = Math.max(header[ARENAS]!, arena + 1)
    this.openTable(arena)
    return arena
  }

  private giveUp(arena: number): void {
    const { figures, header } = this
    const touched = this.table(arena, FRESH)
    header[TOUCHED_PAGES]! -= touched
    header[FREE_PAGES]! -= touched - 1 - this.table(arena, USED)
    header[USED_PAGES]! -= this.table(arena, USED)
    header[PAGE_CAPACITY]! -= this.table(arena, CAPACITY) - 1
    figures[GIVEN_UP_BYTES]! += touched * PAGE_BYTES
    if (header[SPARE_ARENA] === arena) header[SPARE_ARENA] = 0
    if (header[EVACUATED_ARENA] === arena) header[EVACUATED_ARENA] = 0
    header.fill(0, ARENA_TABLE + (arena << ARENA_TABLE_BITS), ARENA_TABLE + ((arena + 1) << ARENA_TABLE_BITS))
    this.unsee(arena)
    while (this.table(header[ARENAS]! - 1, CAPACITY) === 0) header[ARENAS]!--
    this.words.length = header[ARENAS]!
    this.doubles.length = header[ARENAS]!
    this.bytes.length = header[ARENAS]!
    // The system has memory again.
    header[REFUSED] = 0
    header[STUCK_AT] = 0
  }

  /** Resets the header's tables of arenas and pages to the first arena alone. */
  private format(): void {
    const { header } = this
    header[ARENAS] = 1
    for (const word of [
      USED_PAGES,
      TOUCHED_PAGES,
      FREE_PAGES,
      PAGE_CAPACITY,
      SPARE_ARENA,
      EVACUATED_ARENA,
      REFUSED,
      STUCK_AT
    ]) {
      header[word] = 0
    }
    header.fill(0, ARENA_TABLE, ARENA_TABLE + (MAX_ARENAS << ARENA_TABLE_BITS))
    this.openTable(0)
  }

  /** Adds an arena to the table. Its first page is reserved. */
  private openTable(arena: number): void {
    const capacity = this.words[arena]!.length >>> PAGE_WORD_BITS
    this.setTable(arena, CAPACITY, capacity)
    this.setTable(arena, FRESH, 1)
    this.header[TOUCHED_PAGES]!++
    this.header[PAGE_CAPACITY]! += capacity - 1
  }

  private table(arena: number, word: number): number {
    return this.header[ARENA_TABLE + (arena << ARENA_TABLE_BITS) + word]!
  }

  private setTable(arena: number, word: number, value: number): void {
    this.header[ARENA_TABLE + (arena << ARENA_TABLE_BITS) + word] = value
  }

  private see(arena: number, buffer: ArrayBufferLike): void {
    this.words[arena] = new Int32Array(buffer)
    this.doubles[arena] = new Float64Array(buffer)
    this.bytes[arena] = new Uint8Array(buffer)
  }

  private unsee(arena: number): void {
    this.words[arena] = NO_WORDS
    this.doubles[arena] = NO_DOUBLES
    this.bytes[arena] = NO_BYTES
  }
}
