/** An engine for tests: keys and values are byte arrays, hashes can be chosen, and arenas can be refused. */
import { assert } from "@effect/vitest"
import { Engine, NOT_THERE, OUT_OF_MEMORY, STORED } from "../../src/engine/Engine.ts"
import type { Limits } from "../../src/engine/Limits.ts"
import type { ArenaSource } from "../../src/engine/Memory.ts"

const SECRET = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

/** Counts arenas and refuses them on demand. */
export class CountedArenas implements ArenaSource {
  count = 0
  refuses = false

  allocate(bytes: number): ArrayBufferLike {
    if (this.refuses) throw new RangeError("Array buffer allocation failed")
    this.count++
    return new ArrayBuffer(bytes)
  }
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))

export class Subject {
  engine: Engine
  readonly arenas: CountedArenas
  private readonly hash: (key: Uint8Array, hash: number) => number

  /** `hash` replaces the engine's own. */
  constructor(limits: Limits, now = 0, hash: (key: Uint8Array, hash: number) => number = (_, its) => its) {
    this.arenas = new CountedArenas()
    this.engine = Engine.make(limits, SECRET, now, this.arenas)
    this.hash = hash
  }

  /** Another engine over the same arenas. */
  attach(): void {
    this.engine = Engine.attach(this.engine.arenas, this.arenas)
  }

  hashOf(key: Uint8Array): number {
    return this.hash(key, this.engine.hashOf(viewOf(key), 0, key.length))
  }

  find(key: Uint8Array, now = 0, database = 0): number {
    return this.engine.find(viewOf(key), 0, key.length, this.hashOf(key), database, now)
  }

  set(
    key: Uint8Array,
    value: Uint8Array,
    {
      database = 0,
      deadline = Number.POSITIVE_INFINITY,
      now = 0
    }: Partial<{ [K in "database" | "deadline" | "now"]: number }> = {}
  ): number {
    const hash = this.hashOf(key)
    return this.engine.set(viewOf(key), 0, key.length, hash, database, viewOf(value), 0, value.length, deadline, now)
  }

  /** Works like `set`, in slices of `slice` bytes. */
  setInSlices(
    key: Uint8Array,
    value: Uint8Array,
    slice: number,
    {
      database = 0,
      deadline = Number.POSITIVE_INFINITY,
      now = 0
    }: Partial<{ [K in "database" | "deadline" | "now"]: number }> = {},
    onWritten: () => void = () => {}
  ): number {
    const { engine } = this
    const large = engine.beginLarge(value.length, now)
    if (large === 0) return 0
    for (let at = 0; at < value.length; at += slice) {
      const outcome = engine.writeLarge(large, value, at, Math.min(slice, value.length - at), now)
      if (outcome !== 0) continue
      engine.abandonLarge(large)
      return 0
    }
    onWritten()
    const outcome = engine.setLarge(viewOf(key), 0, key.length, this.hashOf(key), database, large, deadline, now)
    if (outcome === 0) engine.abandonLarge(large)
    return outcome
  }

  rename(key: Uint8Array, other: Uint8Array, now = 0, database = 0, otherDatabase = database): number {
    const entry = this.find(key, now, database)
    return this.engine.rename(entry, viewOf(other), 0, other.length, this.hashOf(other), otherDatabase, now)
  }

  copy(key: Uint8Array, other: Uint8Array, now = 0, database = 0, otherDatabase = database): number {
    const entry = this.find(key, now, database)
    return this.engine.copy(entry, viewOf(other), 0, other.length, this.hashOf(other), otherDatabase, now)
  }

  write(key: Uint8Array, offset: number, bytes: Uint8Array, now = 0, database = 0): number {
    return this.engine.writeValue(this.find(key, now, database), offset, viewOf(bytes), 0, bytes.length, now)
  }

  /** Works like `write` at the end, with a value that was written in slices of `slice` bytes. */
  appendInSlices(key: Uint8Array, bytes: Uint8Array, slice: number, now = 0, database = 0): number {
    return this.giveInSlices(key, bytes, slice, now, database, (entry, large) =>
      this.engine.appendLarge(entry, large, now)
    )
  }

  /** Puts a value that was written in slices of `slice` bytes in the place of one that is not inline. */
  exchangeInSlices(key: Uint8Array, bytes: Uint8Array, slice: number, now = 0, database = 0): number {
    return this.giveInSlices(key, bytes, slice, now, database, (entry, large) => {
      this.engine.exchangeLarge(entry, large, now)
      return STORED
    })
  }

  private giveInSlices(
    key: Uint8Array,
    bytes: Uint8Array,
    slice: number,
    now: number,
    database: number,
    give: (entry: number, large: number) => number
  ): number {
    const { engine } = this
    const large = engine.beginLarge(bytes.length, now)
    if (large === OUT_OF_MEMORY) return OUT_OF_MEMORY
    let outcome = STORED
    for (let at = 0; at < bytes.length && outcome === STORED; at += slice) {
      outcome = engine.writeLarge(large, bytes, at, Math.min(slice, bytes.length - at), now)
    }
    // It may have been evicted for what it was to become.
    const entry = outcome === STORED ? this.find(key, now, database) : NOT_THERE
    outcome = entry === NOT_THERE ? OUT_OF_MEMORY : give(entry, large)
    if (outcome !== STORED) engine.abandonLarge(large)
    return outcome
  }

  /** The key of an entry. */
  key(entry: number): Uint8Array {
    const key = new Uint8Array(this.engine.keyLength(entry))
    this.engine.copyKey(entry, key, 0)
    return key
  }

  /** The value of an entry, also read through its inline words. */
  value(entry: number): Uint8Array {
    const { engine } = this
    const bytes = new Uint8Array(engine.valueLength(entry))
    engine.copyValue(entry, 0, bytes.length, bytes, 0)
    if (!engine.isInline(entry)) return bytes
    const words = engine.valueWords(entry)
    const first = engine.valueWord(entry)
    for (let at = 0; at < bytes.length; at++) {
      const byte = ((words[first + (at >>> 2)] ?? 0) >>> ((at & 3) * 8)) & 0xff
      if (byte !== bytes[at]) assert.fail(`byte ${at} is ${bytes[at]} when it is copied, and ${byte} in its word`)
    }
    return bytes
  }

  get(key: Uint8Array, now = 0, database = 0): Uint8Array | undefined {
    const entry = this.find(key, now, database)
    if (entry === NOT_THERE) return undefined
    this.engine.touch(entry)
    return this.value(entry)
  }

  delete(key: Uint8Array, now = 0, database = 0): boolean {
    const entry = this.find(key, now, database)
    if (entry === NOT_THERE) return false
    this.engine.remove(entry, 0)
    return true
  }
}
