/** Values of every size up to well beyond a page, and keys of every length. */
import { assert, describe, it } from "@effect/vitest"
import { entryBytes, NOT_THERE, OUT_OF_MEMORY, STORED } from "../../src/engine/Engine.ts"
import { EVICTED, MAX_KEY_LENGTH, MAX_VALUE_LENGTH, REPLACED } from "../../src/engine/Limits.ts"
import { SIZES } from "../../src/engine/Slots.ts"
import { checkInvariants } from "./Invariants.ts"
import { seededRandom } from "./SeededRandom.ts"
import { bytesOf, Subject, viewOf } from "./Subject.ts"

const NEVER = Number.POSITIVE_INFINITY
const PLENTY = { maxKeys: NEVER }
const LONGEST = 300_000

const sample = ((): Uint8Array => {
  const random = seededRandom(5)
  return Uint8Array.from({ length: LONGEST + 1024 }, () => random.below(256))
})()

/** A value of this length. Values of neighbouring lengths differ. */
const valueOf = (length: number): Uint8Array => sample.subarray(length % 1021, (length % 1021) + length)

/** Asserts that the key has this value. */
const into = new Uint8Array(LONGEST)
const holds = (subject: Subject, key: Uint8Array, value: Uint8Array): void => {
  const entry = subject.find(key)
  if (entry === NOT_THERE) assert.fail(`a value of ${value.length} bytes is not there`)
  if (subject.engine.valueLength(entry) !== value.length) assert.fail(`a value of ${value.length} has another length`)
  subject.engine.copyValue(entry, 0, value.length, into, 0)
  if (Buffer.compare(into.subarray(0, value.length), value) !== 0) assert.fail(`a value of ${value.length} is damaged`)
}

const stored = (outcome: number): void => assert.strictEqual(outcome, STORED)

describe("values of every size", () => {
  // Eight rounds with an eighth of the lengths each, so that no test takes long.
  const rounds = Array.from({ length: 8 }, (_, round) => round)
  it.each(rounds)("are put, read back, replaced and deleted, part %i of 8", (round) => {
    const subject = new Subject(PLENTY)
    const neighbour = bytesOf("neighbour")
    stored(subject.set(neighbour, valueOf(100)))
    const key = bytesOf("key")
    // Each value replaces one of a very different size, so that each kind of value follows every other kind.
    for (let step = round; step <= LONGEST; step += 8) {
      const length = (step * 7919) % (LONGEST + 1)
      stored(subject.set(key, valueOf(length)))
      holds(subject, key, valueOf(length))
      if (subject.engine.usedBytes !== entryBytes(3, length, false) + entryBytes(9, 100, false)) {
        assert.fail(`${length} bytes are counted as ${subject.engine.usedBytes}`)
      }
      if (step % 3 === 0 && !subject.delete(key)) assert.fail(`a value of ${length} bytes is not deleted`)
    }
    holds(subject, neighbour, valueOf(100))
    checkInvariants(subject.engine)
  })

  it("grow one after the other and shrink again", () => {
    const subject = new Subject(PLENTY)
    const key = bytesOf("key")
    for (let length = 0; length <= 20_000; length++) {
      stored(subject.set(key, valueOf(length)))
      if (length % 7 === 0) holds(subject, key, valueOf(length))
    }
    for (let length = 20_000; length >= 0; length--) stored(subject.set(key, valueOf(length)))
    holds(subject, key, valueOf(0))
    checkInvariants(subject.engine)
  })

  it("replace those of every other size class", () => {
    const subject = new Subject(PLENTY)
    const key = bytesOf("key")
    const lengths = [0, ...SIZES.map((size) => size - 24), 66_000, 131_000, 250_000]
    for (const before of lengths) {
      for (const after of lengths) {
        stored(subject.set(key, valueOf(before)))
        stored(subject.set(key, valueOf(after)))
        holds(subject, key, valueOf(after))
      }
    }
    checkInvariants(subject.engine)
  })

  it("waste little: at most a seventh, and only a few bytes below 1 KB", () => {
    for (let length = 0; length <= LONGEST; length++) {
      const bytes = entryBytes(16, length, true)
      // The entry's header with a deadline, the key, the value, and the share of the index.
      const least = 40 + 16 + length + 16
      const most = length < 900 ? 10 : Math.max(length * 0.15, 200)
      if (bytes - least > most) assert.fail(`${length} bytes take ${bytes}`)
    }
    assert.isAtMost(entryBytes(16, 64, true), 136)
    assert.isAtMost(entryBytes(16, 64, false), 120)
  })
})

describe("keys of every length", () => {
  it("are put, found, given a deadline and deleted", () => {
    const subject = new Subject(PLENTY)
    const { engine } = subject
    for (let length = 0; length <= MAX_KEY_LENGTH; length += length < 9000 ? 1 : 97) {
      const key = valueOf(length)
      stored(subject.set(key, valueOf(length % 777)))
      holds(subject, key, valueOf(length % 777))
      if (length % 5 === 0) {
        stored(engine.setDeadline(subject.find(key), 1e15, 0))
        holds(subject, key, valueOf(length % 777))
        assert.strictEqual(engine.deadline(subject.find(key)), 1e15)
      }
      const its = new Uint8Array(length)
      engine.copyKey(subject.find(key), its, 0)
      if (Buffer.compare(its, key) !== 0) assert.fail(`the key of ${length} bytes is damaged`)
      if (length % 3 === 0) assert.isTrue(subject.delete(key))
    }
    checkInvariants(engine)
  })

  it("differ even if they begin alike", () => {
    const subject = new Subject(PLENTY, 0, () => 1)
    const keys = [0, 1, 2, 3, 4, 5, 4095, 4096, 4097, 8191, 65_534, 65_535].map((length) => new Uint8Array(length))
    for (const key of keys) stored(subject.set(key, valueOf(key.length)))
    for (const key of keys) holds(subject, key, valueOf(key.length))
    const other = new Uint8Array(65_535)
    other[65_534] = 1
    assert.strictEqual(subject.find(other), NOT_THERE)
  })
})

describe("impossible sizes", () => {
  const subject = new Subject(PLENTY)
  const view = new DataView(new ArrayBuffer(8))

  it("throw", () => {
    const { engine } = subject
    assert.throws(() => engine.set(view, 0, MAX_KEY_LENGTH + 1, 0, 0, view, 0, 1, NEVER, 0), "a key of 65536 bytes")
    assert.throws(
      () => engine.set(view, 0, 1, 0, 0, view, 0, MAX_VALUE_LENGTH + 1, NEVER, 0),
      "a value of 536870913 bytes"
    )
    assert.throws(() => engine.set(view, 0, -1, 0, 0, view, 0, 1, NEVER, 0), "a key of -1 bytes")
    assert.throws(() => engine.beginLarge(MAX_VALUE_LENGTH + 1, 0), "a value of 536870913 bytes")
    assert.strictEqual(engine.size, 0)
    checkInvariants(engine)
  })

  it("throw for values written in slices too", () => {
    const { engine } = subject
    const large = engine.beginLarge(5, 0)
    assert.throws(() => engine.writeLarge(large, new Uint8Array(6), 0, 6, 0), "a value of 5 bytes is given more")
    assert.throws(() => engine.setLarge(view, 0, 1, 0, 0, large, NEVER, 0), "before all of it was written")
    engine.abandonLarge(large)
    assert.strictEqual(engine.usedBytes, 0)
    checkInvariants(engine)
  })
})

describe("large values", () => {
  const MIB = 2 ** 20
  const large = ((): Uint8Array => {
    const bytes = new Uint8Array(10 * MIB + 12_345)
    for (let at = 0; at < bytes.length; at += 1021) bytes[at] = at / 1021
    return bytes
  })()
  const key = bytesOf("large")

  const readAll = (subject: Subject, entry: number, meanwhile: (part: number) => void): Uint8Array => {
    const reader = subject.engine.openReader(entry)
    const bytes = new Uint8Array(reader.remaining)
    for (let part = 0; reader.remaining > 0; part++) {
      reader.read(bytes, bytes.length - reader.remaining, 65_536)
      meanwhile(part)
    }
    reader.close()
    return bytes
  }

  it("are written and read in slices", () => {
    const subject = new Subject(PLENTY)
    stored(subject.setInSlices(key, large, 60_000))
    assert.isTrue(Buffer.from(large).equals(readAll(subject, subject.find(key), () => {})))
    assert.isTrue(subject.delete(key))
    assert.strictEqual(subject.engine.usedBytes, 0)
  })

  it("stay for their readers even if they are deleted, replaced, evicted or cleared", () => {
    const ways: ReadonlyArray<(subject: Subject) => void> = [
      (subject) => subject.delete(key),
      (subject) => stored(subject.set(key, valueOf(9))),
      (subject) => stored(subject.setInSlices(key, large, 65_536)),
      (subject) => stored(subject.set(bytesOf("other"), valueOf(9))),
      (subject) => subject.engine.clear(0),
      (subject) => subject.engine.clearDatabase(0, 0),
      (subject) => subject.engine.sweep(1000, NEVER)
    ]
    for (const way of ways) {
      const subject = new Subject({ maxKeys: 1 })
      stored(subject.setInSlices(key, large, 65_536, { deadline: 500 }))
      const bytes = readAll(subject, subject.find(key), (part) => {
        if (part === 3) way(subject)
        if (part === 5) while (subject.engine.maintain(0, 100));
        if (part === 7) checkInvariants(subject.engine)
      })
      assert.isTrue(Buffer.from(large).equals(bytes))
      assert.strictEqual(subject.engine.detachedBytes, 0)
      subject.delete(key)
      subject.delete(bytesOf("other"))
      while (subject.engine.maintain(0, 100));
      assert.strictEqual(subject.engine.usedBytes, 0)
      checkInvariants(subject.engine)
    }
  })

  it("that are abandoned leave nothing behind", () => {
    const subject = new Subject(PLENTY)
    const name = subject.engine.beginLarge(large.length, 0)
    stored(subject.engine.writeLarge(name, large, 0, 5 * MIB, 0))
    assert.isAbove(subject.engine.detachedBytes, 5 * MIB)
    checkInvariants(subject.engine)
    subject.engine.abandonLarge(name)
    assert.strictEqual(subject.engine.usedBytes, 0)
    assert.strictEqual(subject.engine.detachedBytes, 0)
    checkInvariants(subject.engine)
  })

  it("do not fit if they exceed the limit, and then nothing is evicted", () => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: 8 * MIB })
    stored(subject.set(bytesOf("small"), valueOf(10)))
    assert.strictEqual(subject.engine.beginLarge(large.length, 0), OUT_OF_MEMORY)
    const view = viewOf(large)
    assert.strictEqual(
      subject.engine.set(viewOf(key), 0, key.length, 1, 0, view, 0, large.length, NEVER, 0),
      OUT_OF_MEMORY
    )
    holds(subject, bytesOf("small"), valueOf(10))
  })

  it("replace an entry that must be evicted first, and it counts as evicted", () => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: 18 * MIB })
    for (let round = 0; round < 4; round++) stored(subject.setInSlices(key, large, 65_536))
    const view = viewOf(large)
    const hash = subject.hashOf(key)
    stored(subject.engine.set(viewOf(key), 0, key.length, hash, 0, view, 0, large.length - 1, NEVER, 0))
    assert.strictEqual(subject.engine.removed(EVICTED), 4)
    assert.strictEqual(subject.engine.removed(REPLACED), 0)
    assert.strictEqual(subject.engine.size, 1)
    checkInvariants(subject.engine)
  })
})
