/**
 * The invariants of an engine's words between two calls, checked by walking through all of them. It reads the arenas
 * and not the engine, because no state is in objects.
 */
import { assert } from "@effect/vitest"
import { LAST, LENGTH, NEXT, OWNER, PINS as CHAIN_PINS, TOTAL, WRITTEN } from "../../src/engine/Chains.ts"
import type { Engine } from "../../src/engine/Engine.ts"
import {
  contentBytes,
  DEADLINE,
  doubleAt,
  HASH,
  identityOf,
  isPiece,
  keyLengthOf,
  keyOffset,
  LONG_KEY,
  LONG_VALUE,
  META,
  NEWER,
  OLDER,
  TIMED,
  VALUE_LENGTH,
  valueOffset,
  WHEEL_NEXT,
  WHEEL_PREVIOUS,
  wordAt
} from "../../src/engine/Entry.ts"
import { COMMON, CONTINUED, CONTINUES, COUNT, Index, INDEX_BYTES, NO_BUCKET, PREFIX } from "../../src/engine/Index.ts"
import * as Layout from "../../src/engine/Layout.ts"
import { arrayBuffers, Memory } from "../../src/engine/Memory.ts"
import {
  CLASS_COUNT,
  classFor,
  FREE,
  FREE_SLOT,
  FRESH_UNIT,
  IN_USE,
  perPage,
  PINS,
  SIZES,
  WITH_ROOM
} from "../../src/engine/Slots.ts"

const number = (value: number | undefined): number => value ?? assert.fail("a word is outside of its arena")

const same = (what: string, actual: unknown, expected: unknown): void => {
  if (!Object.is(actual, expected)) assert.fail(`${what} is ${String(actual)}, not ${String(expected)}`)
}

class Walk {
  readonly memory: Memory
  readonly header: Int32Array
  readonly entries = new Set<number>()
  readonly pieces = new Set<number>()

  constructor(engine: Engine) {
    this.memory = Memory.attach(engine.arenas, arrayBuffers)
    this.header = this.memory.header
  }

  head(word: number): number {
    return number(this.header[word])
  }

  figure(double: number): number {
    return number(this.memory.figures[double])
  }

  get(address: number, word: number): number {
    return number(this.memory.words[address >>> Layout.ARENA_UNIT_BITS]?.[wordAt(address) + word])
  }

  deadline(entry: number): number {
    return number(this.memory.doubles[entry >>> Layout.ARENA_UNIT_BITS]?.[doubleAt(entry) + DEADLINE])
  }

  table(arena: number, word: number): number {
    return this.head(Layout.ARENA_TABLE + (arena << Layout.ARENA_TABLE_BITS) + word)
  }

  known(page: number, word: number): number {
    return number(this.memory.known(page, word))
  }

  /** The order of use has every entry once. */
  order(): void {
    let newer = 0
    for (let entry = this.head(Layout.NEWEST); entry !== 0; entry = this.get(entry, OLDER)) {
      same(`the newer one of ${entry}`, this.get(entry, NEWER), newer)
      if (this.entries.has(entry)) assert.fail(`entry ${entry} is twice in the order of use`)
      this.entries.add(entry)
      newer = entry
    }
    same("the oldest", this.head(Layout.OLDEST), newer)
    same("entries in the order of use", this.entries.size, this.head(Layout.ENTRIES))
  }

  entriesThemselves(): void {
    const counts = new Map<number, number>()
    let bytes = 0
    let timed = 0
    const index = new Index(this.memory)
    for (const entry of this.entries) {
      const meta = this.get(entry, META)
      if (meta === 0 || isPiece(meta)) assert.fail(`${entry} is no entry`)
      counts.set(identityOf(meta), (counts.get(identityOf(meta)) ?? 0) + 1)
      if (index.bucketOf(this.get(entry, HASH), entry) === NO_BUCKET) assert.fail(`${entry} is not in the index`)
      if ((meta & TIMED) !== 0 && this.deadline(entry) !== Number.POSITIVE_INFINITY) timed++
      const page = entry >>> Layout.PAGE_UNIT_BITS
      const sizeClass = this.known(page, Layout.KIND) - 1
      same(`the class of ${entry}`, sizeClass, classFor(contentBytes(meta, this.get(entry, VALUE_LENGTH))))
      bytes += number(SIZES[sizeClass]) + INDEX_BYTES
      if ((meta & LONG_KEY) !== 0) this.chain(this.get(entry, keyOffset(meta)), entry, keyLengthOf(meta))
      if ((meta & LONG_VALUE) !== 0)
        this.chain(this.get(entry, valueOffset(meta)), entry, this.get(entry, VALUE_LENGTH))
    }
    for (let identity = 0; identity < 256; identity++) {
      same(`entries of ${identity}`, this.head(Layout.IDENTITY_COUNTS + identity), counts.get(identity) ?? 0)
    }
    same("entries with a deadline", this.head(Layout.WITH_DEADLINE), timed)
    for (const piece of this.pieces) bytes += this.sizeAt(piece)
    same("bytes in use", this.figure(Layout.USED_BYTES), bytes + this.figure(Layout.DETACHED_BYTES))
  }

  chain(first: number, owner: number, length: number): void {
    let before = owner
    let bytes = 0
    for (let piece = first; piece !== 0; piece = this.get(piece, NEXT)) {
      same(`the owner of ${piece}`, this.get(piece, OWNER), before)
      same(`that ${piece} is a piece`, isPiece(this.get(piece, META)), true)
      if (this.pieces.has(piece)) assert.fail(`piece ${piece} is in two chains`)
      this.pieces.add(piece)
      bytes += this.get(piece, LENGTH)
      if (this.get(first, CHAIN_PINS) > 0) {
        if (this.known(piece >>> Layout.PAGE_UNIT_BITS, PINS) === 0) assert.fail(`the page of ${piece} is not pinned`)
      }
      before = piece
    }
    same(`bytes of chain ${first}`, bytes, length)
    same(`total of chain ${first}`, this.get(first, TOTAL), length)
    same(`what was written of chain ${first}`, this.get(first, WRITTEN), length)
    same(`the last piece of chain ${first}`, this.get(first, LAST), before)
  }

  sizeAt(address: number): number {
    return number(SIZES[this.known(address >>> Layout.PAGE_UNIT_BITS, Layout.KIND) - 1])
  }

  wheel(): void {
    let count = 0
    for (let bucket = 0; bucket < 9 * 64; bucket++) {
      const head = this.head(Layout.WHEEL_HEADS + bucket)
      const isOccupied = ((this.head(Layout.OCCUPIED + (bucket >>> 5)) >>> (bucket & 31)) & 1) === 1
      same(`the bit of bucket ${bucket}`, isOccupied, head !== 0)
      let before = bucket + 1
      for (let entry = head; entry !== 0; entry = this.get(entry, WHEEL_NEXT)) {
        same(`what is before ${entry} in the wheel`, this.get(entry, WHEEL_PREVIOUS), before)
        if (!this.entries.has(entry)) assert.fail(`${entry} is in the wheel and no entry`)
        if (++count > this.entries.size) assert.fail(`bucket ${bucket} comes to no end`)
        before = entry
      }
    }
    same("entries in the wheel", count, this.head(Layout.WITH_DEADLINE))
  }

  pages(): void {
    const kinds = new Map<number, Array<number>>()
    let used = 0
    let touched = 0
    let free = 0
    let capacity = 0
    for (let arena = 0; arena < this.head(Layout.ARENAS); arena++) {
      if (this.table(arena, Layout.CAPACITY) === 0) continue
      capacity += this.table(arena, Layout.CAPACITY) - 1
      const fresh = this.table(arena, Layout.FRESH)
      touched += fresh
      const listed = new Set<number>()
      for (let page = this.table(arena, Layout.FREE_HEAD); page !== 0;) {
        if (listed.has(page)) assert.fail(`page ${page} of arena ${arena} is free twice`)
        listed.add(page)
        page = this.known((arena << Layout.ARENA_PAGE_BITS) | page, Layout.NEXT_PAGE)
      }
      let usedHere = 0
      for (let page = 1; page < fresh; page++) {
        const its = (arena << Layout.ARENA_PAGE_BITS) | page
        const kind = this.known(its, Layout.KIND)
        same(`that page ${page} of arena ${arena} is free`, listed.has(page), kind === Layout.UNUSED_PAGE)
        if (kind === Layout.UNUSED_PAGE) continue
        usedHere++
        const pages = kinds.get(kind)
        if (pages === undefined) kinds.set(kind, [its])
        else pages.push(its)
      }
      free += listed.size
      used += usedHere
      same(`pages in use of arena ${arena}`, this.table(arena, Layout.USED), usedHere)
      if (arena > 0 && usedHere === 0) same("the empty arena", this.head(Layout.SPARE_ARENA), arena)
    }
    same("pages in use", this.head(Layout.USED_PAGES), used)
    same("pages touched", this.head(Layout.TOUCHED_PAGES), touched)
    same("free pages", this.head(Layout.FREE_PAGES), free)
    same("room for pages", this.head(Layout.PAGE_CAPACITY), capacity)
    if (touched > this.head(Layout.PAGE_LIMIT)) assert.fail(`${touched} pages are held`)
    for (let sizeClass = 0; sizeClass < CLASS_COUNT; sizeClass++) this.slots(sizeClass, kinds.get(sizeClass + 1) ?? [])
    this.index(kinds.get(Layout.SEGMENT_PAGE) ?? [], kinds.get(Layout.DIRECTORY_PAGE) ?? [])
  }

  slots(sizeClass: number, pages: ReadonlyArray<number>): void {
    const size = number(SIZES[sizeClass])
    const slotsPerPage = number(perPage[sizeClass])
    const state = Layout.CLASSES + (sizeClass << Layout.CLASS_WORDS_BITS)
    const withRoom = new Set<number>()
    let previous = 0
    for (let page = this.head(state + WITH_ROOM); page !== 0; page = this.known(page, Layout.NEXT_PAGE)) {
      if (withRoom.has(page)) assert.fail(`page ${page} is twice in the list of class ${sizeClass}`)
      withRoom.add(page)
      same(`what is before page ${page}`, this.known(page, Layout.PREVIOUS_PAGE), previous)
      previous = page
    }
    let free = 0
    for (const page of pages) {
      const first = page << Layout.PAGE_UNIT_BITS
      const units = new Set<number>()
      for (let next = this.known(page, FREE_SLOT); next !== 0; next = this.get(first | (next - 1), 0)) {
        if (units.has(next - 1)) assert.fail(`a slot of page ${page} is free twice`)
        units.add(next - 1)
      }
      let used = 0
      for (let unit = 0; unit < this.known(page, FRESH_UNIT); unit += size >>> Layout.UNIT_BITS) {
        const address = first | unit
        const meta = this.get(address, META)
        same(`that ${address} is free`, units.has(unit), meta === 0)
        if (meta === 0) continue
        used++
        if (isPiece(meta)) {
          // Pieces of detached chains are only counted.
          if (!this.pieces.has(address) && this.known(page, PINS) === 0) assert.fail(`piece ${address} is lost`)
        } else if (!this.entries.has(address)) assert.fail(`entry ${address} is lost`)
      }
      same(`slots in use of page ${page}`, this.known(page, IN_USE), used)
      if (used === 0) assert.fail(`page ${page} is empty and not given back`)
      same(`that page ${page} has room`, withRoom.has(page), used < slotsPerPage)
      free += slotsPerPage - used
    }
    same(`free slots of class ${sizeClass}`, this.head(state + FREE), free)
  }

  index(segments: ReadonlyArray<number>, directory: ReadonlyArray<number>): void {
    const depth = this.head(Layout.DEPTH)
    const depths = new Map<number, number>()
    const entries = new Set<number>()
    for (const page of segments) {
      const common = this.known(page, COMMON)
      depths.set(common, (depths.get(common) ?? 0) + 1)
      let count = 0
      for (let bucket = 0; bucket < 8192; bucket++) {
        const address = (page << Layout.PAGE_UNIT_BITS) | bucket
        const entry = this.get(address, 0)
        if (entry === 0) continue
        count++
        entries.add(entry)
        const hash = this.get(address, 1)
        same(`the hash of ${entry}`, hash, this.get(entry, HASH))
        if (common > 0) same(`the prefix of ${entry}`, hash >>> (32 - common), this.known(page, PREFIX))
      }
      same(`entries of segment ${page}`, count, this.known(page, COUNT))
      const next = this.known(page, CONTINUED)
      if (next !== 0) same(`what ${next} continues`, this.known(next, CONTINUES), page)
    }
    for (let at = 0; at <= 18; at++) {
      same(`segments of depth ${at}`, this.head(Layout.SEGMENTS_OF_DEPTH + at), depths.get(at) ?? 0)
      if (at > depth) same(`segments of depth ${at} at ${depth}`, depths.get(at) ?? 0, 0)
    }
    same("entries in the index", entries.size, this.entries.size)
    const size = 2 ** depth
    same("pages of the directory", directory.length, Math.ceil(size / Layout.PAGE_WORDS))
    for (let at = 0; at < size; at++) {
      const part = this.head(Layout.DIRECTORY + Math.floor(at / Layout.PAGE_WORDS))
      const word = at % Layout.PAGE_WORDS
      const page = this.get((part << Layout.PAGE_UNIT_BITS) | (word >>> 1), word & 1)
      same(`the kind of page ${page}`, this.known(page, Layout.KIND), Layout.SEGMENT_PAGE)
      same(`the segment of ${at}`, at >>> (depth - this.known(page, COMMON)), this.known(page, PREFIX))
    }
  }
}

/** Fails with what is wrong unless all invariants hold. */
export const checkInvariants = (engine: Engine): void => {
  if (engine.isBroken) assert.fail("a change was begun and not completed")
  const walk = new Walk(engine)
  walk.order()
  walk.entriesThemselves()
  walk.wheel()
  walk.pages()
}
