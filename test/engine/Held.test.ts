/**
 * The memory that an engine holds is bounded by its limit, whatever happens, and is given back when it is not needed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Engine, entryBytes, OUT_OF_MEMORY, STORED } from "../../src/engine/Engine.ts"
import { ARENA_UNIT_BITS } from "../../src/engine/Layout.ts"
import { DELETED, EVICTED, MIN_HELD_BYTES } from "../../src/engine/Limits.ts"
import { checkInvariants } from "./Invariants.ts"
import { seededRandom } from "./SeededRandom.ts"
import { bytesOf, CountedArenas, Subject, viewOf } from "./Subject.ts"

const NEVER = Number.POSITIVE_INFINITY
const MIB = 2 ** 20
const ARENA = 32 * MIB

const key = Buffer.alloc(16, "k")
const keyOf = (number: number): Uint8Array => {
  key.writeUInt32BE(number, 12)
  return key
}

const values = new Uint8Array(2 * MIB)

const stored = (outcome: number): void => {
  if (outcome !== STORED) assert.fail("there was no memory")
}

/** Maintains an engine as it is maintained between batches. */
const maintain = (subject: Subject, now: number): void => {
  while (subject.engine.maintain(now, 512));
}

describe("held memory", () => {
  const limit = 17 * MIB
  const transitions: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
    ["small ones give way to large ones and back", [150, 100_000, 150]],
    ["large ones give way to small ones and back", [1_500_000, 120, 1_500_000]],
    ["many sizes come one after the other", [100, 300, 1000, 3000, 9000, 30_000, 70_000, 100]]
  ]
  it.each(transitions)("stays within the limit while %s", (_, lengths) => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: limit })
    const { engine } = subject
    let number = 0
    for (const length of lengths) {
      // One and a half times as many as there is room for.
      const count = Math.ceil((limit * 1.5) / entryBytes(16, length, false))
      for (let i = 0; i < count; i++) {
        stored(subject.set(keyOf(number++), values.subarray(0, length)))
        if (engine.heldBytes > limit) assert.fail(`${engine.heldBytes} bytes are held at values of ${length}`)
        if ((i & 1023) === 0) engine.maintain(0, 512)
      }
      // Most of what is held is in use.
      assert.isAbove(engine.usedBytes, limit * 0.8)
    }
    checkInvariants(engine)
  })

  it("stays within the limit while values of mixed sizes are replaced", () => {
    const random = seededRandom(11)
    const limit = 48 * MIB
    const subject = new Subject({ maxKeys: NEVER, maxMemory: limit })
    const { engine } = subject
    for (let i = 0; i < 60_000; i++) {
      const length = random.chance(0.01) ? random.below(300_000) : random.below(random.below(20_000) + 1)
      stored(subject.set(keyOf(random.below(20_000)), values.subarray(0, length)))
      if (engine.heldBytes > limit) assert.fail(`${engine.heldBytes} bytes are held`)
    }
    assert.isAbove(engine.removed(EVICTED), 1000)
    assert.isAbove(engine.usedBytes, limit * 0.7)
    checkInvariants(engine)
  })

  it("has a floor, below which the limit bounds the entries' memory", () => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: MIB })
    const { engine } = subject
    const random = seededRandom(12)
    for (let i = 0; i < 20_000; i++) {
      stored(subject.set(keyOf(i), values.subarray(0, random.below(9000))))
      if (engine.usedBytes > MIB) assert.fail(`${engine.usedBytes} bytes are in use`)
      if (engine.heldBytes > MIN_HELD_BYTES) assert.fail(`${engine.heldBytes} bytes are held`)
    }
    assert.isAbove(engine.usedBytes, MIB * 0.9)
    stored(subject.setInSlices(keyOf(1), values.subarray(0, 900_000), 65_536))
    assert.strictEqual(subject.set(keyOf(1), values), OUT_OF_MEMORY)
    assert.isAbove(engine.size, 0)
  })

  it("is little for an empty engine", () => {
    const subject = new Subject({ maxKeys: NEVER })
    assert.isBelow(subject.engine.heldBytes, 256 * 1024)
    assert.strictEqual(subject.arenas.count, 1)
  })

  it("counts each entry by its size, with its share of the index", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const count = 100_000
    for (let i = 0; i < count; i++) stored(subject.set(keyOf(i), values.subarray(0, 64), { deadline: 1e9 }))
    assert.strictEqual(subject.engine.usedBytes, count * 136)
    assert.isBelow(subject.engine.heldBytes, count * 145)
  })
})

describe("memory that is not needed", () => {
  it("is given back when all but one of 100 MB of entries are removed", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const { engine } = subject
    const before = engine.heldBytes
    for (let i = 0; i < 200_000; i++) subject.set(keyOf(i), values.subarray(0, 500))
    const most = engine.heldBytes
    assert.isAbove(most, 90 * MIB)
    for (let i = 1; i < 200_000; i++) {
      subject.delete(keyOf(i))
      if ((i & 4095) === 0) engine.maintain(0, 512)
    }
    maintain(subject, 0)
    checkInvariants(engine)
    // The spare arena stays for a while.
    assert.isBelow(engine.heldBytes, ARENA + 2 * MIB)
    assert.isAbove(engine.nextMaintenance, 0)
    assert.isBelow(engine.nextMaintenance, NEVER)
    maintain(subject, engine.nextMaintenance)
    assert.strictEqual(engine.nextMaintenance, NEVER)
    assert.isBelow(engine.heldBytes, before + MIB)
    assert.strictEqual(engine.givenUpBytes >= most - engine.heldBytes, true)
    assert.isDefined(subject.get(keyOf(0)))
    assert.strictEqual(engine.arenas.filter((arena) => arena !== undefined).length, 1)
    checkInvariants(engine)
  })

  it("is given back even if the remaining entries are scattered", () => {
    const random = seededRandom(13)
    const subject = new Subject({ maxKeys: NEVER })
    const { engine } = subject
    const count = 100_000
    for (let i = 0; i < count; i++) subject.set(keyOf(i), values.subarray(0, random.below(2000)), { deadline: 1e6 + i })
    const most = engine.heldBytes
    // One of fifty stays, wherever it is.
    for (let i = 0; i < count; i++) if (i % 50 !== 0) subject.delete(keyOf(i))
    maintain(subject, 0)
    maintain(subject, 20_000)
    checkInvariants(engine)
    assert.isBelow(engine.heldBytes, most / 3)
    for (let i = 0; i < count; i += 50) if (subject.get(keyOf(i)) === undefined) assert.fail(`key ${i} is lost`)
  })

  it("is requested once if a cache swings around an arena's edge", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const { arenas } = subject
    let number = 0
    // Fills up to the edge of the second arena, then adds and removes some thousands for a long time.
    while (arenas.count < 3) subject.set(keyOf(number++), values.subarray(0, 1000))
    const edge = arenas.count
    for (let swing = 0; swing < 50; swing++) {
      for (let i = 1; i <= 500; i++) subject.delete(keyOf(number - i))
      maintain(subject, swing)
      for (let i = 1; i <= 500; i++) stored(subject.set(keyOf(number - i), values.subarray(0, 1000)))
      maintain(subject, swing)
    }
    assert.strictEqual(arenas.count, edge)
  })

  it("is requested once if a small cache swings around the first arena's edge", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const { arenas } = subject
    for (let swing = 0; swing < 50; swing++) {
      for (let i = 0; i < 1500; i++) stored(subject.set(keyOf(i), values.subarray(0, 900)))
      maintain(subject, swing)
      for (let i = 0; i < 1500; i++) subject.delete(keyOf(i))
      maintain(subject, swing)
    }
    assert.strictEqual(arenas.count, 2)
  })

  it("is not moved for ever within the only arena that has room for it", () => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: 40 * MIB })
    const { engine } = subject
    const count = 42_000
    for (let i = 0; i < count; i++) stored(subject.set(keyOf(i), values.subarray(0, 1000)))
    // The second arena is used least, but no page of the others is free or may be touched.
    let left = 5000
    for (let i = 0; i < count; i++) {
      const entry = subject.find(keyOf(i))
      if (entry >>> ARENA_UNIT_BITS === 1 && left-- <= 0) engine.remove(entry, DELETED)
    }
    let slices = 0
    while (engine.maintain(0, 512)) if (++slices > 1000) assert.fail("there is always more to move")
    assert.strictEqual(engine.nextMaintenance > 0, true)
    checkInvariants(engine)
  })

  it("is given back at once by clearing", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const { engine } = subject
    for (let i = 0; i < 60_000; i++) subject.set(keyOf(i), values.subarray(0, 1000))
    engine.clear(0)
    assert.isAtMost(engine.heldBytes, MIB)
    assert.strictEqual(engine.usedBytes, 0)
    assert.strictEqual(engine.size, 0)
    checkInvariants(engine)
    stored(subject.set(keyOf(1), values.subarray(0, 400)))
  })

  it("of a cleared database is given back in slices, and taken by writes that need it", () => {
    const limit = 17 * MIB
    const subject = new Subject({ maxKeys: NEVER, maxMemory: limit })
    const { engine } = subject
    stored(subject.set(keyOf(7), values.subarray(0, 10), { database: 1 }))
    for (let i = 0; i < 30_000; i++) stored(subject.set(keyOf(i), values.subarray(0, 400)))
    assert.strictEqual(engine.removed(EVICTED), 0)
    engine.clearDatabase(0, 0)
    assert.strictEqual(engine.size, 1)
    assert.strictEqual(engine.keysIn(0), 0)
    assert.isUndefined(subject.get(keyOf(9)))
    // As many again. Only entries of the cleared database are evicted for them.
    for (let i = 0; i < 30_000; i++) stored(subject.set(keyOf(i), values.subarray(0, 400), { database: 2 }))
    assert.strictEqual(engine.removed(EVICTED), 0)
    assert.isDefined(subject.get(keyOf(7), 0, 1))
    engine.clearDatabase(2, 0)
    maintain(subject, 0)
    assert.strictEqual(engine.usedBytes, entryBytes(16, 10, false))
    checkInvariants(engine)
  })

  it("does not run out of identities when many databases are cleared quickly", () => {
    const subject = new Subject({ maxKeys: NEVER })
    for (let round = 0; round < 1000; round++) {
      stored(subject.set(keyOf(round), values.subarray(0, 10), { database: round % 15 }))
      stored(subject.set(keyOf(round), values.subarray(0, 10), { database: 15 }))
      subject.engine.clearDatabase(round % 15, 0)
      assert.strictEqual(subject.engine.keysIn(round % 15), 0)
    }
    maintain(subject, 0)
    checkInvariants(subject.engine)
    assert.strictEqual(subject.engine.size, subject.engine.keysIn(15))
  })
})

describe("a system that refuses memory", () => {
  it("makes the engine evict, until it asks again a second later", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const { arenas, engine } = subject
    let number = 0
    while (arenas.count < 2) stored(subject.set(keyOf(number++), values.subarray(0, 500)))
    arenas.refuses = true
    for (let i = 0; i < 15_000; i++) stored(subject.set(keyOf(number++), values.subarray(0, 5000)))
    assert.isAbove(engine.removed(EVICTED), 1000)
    checkInvariants(engine)
    arenas.refuses = false
    engine.maintain(5000, 512)
    assert.strictEqual(engine.nextMaintenance, 6000)
    engine.maintain(6000, 512)
    const evicted = engine.removed(EVICTED)
    for (let i = 0; i < 1000; i++) stored(subject.set(keyOf(number++), values.subarray(0, 5000)))
    assert.strictEqual(engine.removed(EVICTED), evicted)
    assert.strictEqual(arenas.count, 3)
  })

  it("makes a write fail that has no room, and the engine stays consistent", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const { arenas, engine } = subject
    stored(subject.set(bytesOf("small"), bytesOf("value")))
    arenas.refuses = true
    const size = engine.usedBytes
    assert.strictEqual(engine.set(viewOf(keyOf(1)), 0, 16, 1, 0, viewOf(values), 0, 2 * MIB, NEVER, 0), OUT_OF_MEMORY)
    // The engine had to try, so it may have evicted the small value.
    assert.isAtMost(engine.usedBytes, size)
    assert.strictEqual(engine.detachedBytes, 0)
    checkInvariants(engine)
    stored(subject.set(bytesOf("small"), bytesOf("value")))
  })

  it("makes the creation of an engine fail", () => {
    const refusing = new CountedArenas()
    refusing.refuses = true
    assert.throws(() => Engine.make({ maxKeys: 1 }, new Uint8Array(8), 0, refusing), RangeError)
  })

  it("is not mistaken for a defect of the source", () => {
    const broken = {
      allocate: (bytes: number): ArrayBufferLike => {
        if (bytes > MIB) throw new TypeError("broken")
        return new ArrayBuffer(bytes)
      }
    }
    const engine = Engine.make({ maxKeys: NEVER }, new Uint8Array(8), 0, broken)
    assert.throws(() => engine.set(viewOf(keyOf(1)), 0, 16, 1, 0, viewOf(values), 0, 2 * MIB, NEVER, 0), "broken")
  })
})

describe("attaching", () => {
  it("refuses arenas that are not an engine's", () => {
    assert.throws(() => Engine.attach([]), "first arena is missing")
    assert.throws(() => Engine.attach([new ArrayBuffer(MIB)]), "no engine's")
    const subject = new Subject({ maxKeys: NEVER })
    for (let i = 0; i < 10_000; i++) stored(subject.set(keyOf(i), values.subarray(0, 200)))
    assert.throws(() => Engine.attach(subject.engine.arenas.slice(0, 1)), "arena 1 is missing")
  })

  it("works over shared memory", () => {
    const subject = new Subject({ maxKeys: NEVER })
    const shared = { allocate: (bytes: number): ArrayBufferLike => new SharedArrayBuffer(bytes) }
    subject.engine = Engine.make({ maxKeys: NEVER }, new Uint8Array(8), 0, shared)
    for (let i = 0; i < 10_000; i++) stored(subject.set(keyOf(i), values.subarray(0, 200)))
    subject.engine = Engine.attach(subject.engine.arenas, shared)
    assert.strictEqual(subject.engine.size, 10_000)
    assert.isDefined(subject.get(keyOf(77)))
    checkInvariants(subject.engine)
  })
})
