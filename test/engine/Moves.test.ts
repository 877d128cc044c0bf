/** What happens to entries besides being set and found: other keys, copies, writes in place, a random one, an observer. */
import { assert, describe, it } from "@effect/vitest"
import { entryBytes, NOT_THERE, OUT_OF_MEMORY, STORED } from "../../src/engine/Engine.ts"
import { STRING } from "../../src/engine/Entry.ts"
import { DELETED, EVICTED, EXPIRED, MAX_VALUE_LENGTH, REPLACED } from "../../src/engine/Limits.ts"
import { checkInvariants } from "./Invariants.ts"
import { seededRandom } from "./SeededRandom.ts"
import { bytesOf, Subject } from "./Subject.ts"

const NEVER = Number.POSITIVE_INFINITY
const PLENTY = { maxKeys: NEVER }
const MIB = 2 ** 20

const one = bytesOf("one")
const other = bytesOf("other")

const stored = (outcome: number): void => assert.strictEqual(outcome, STORED)

const patterned = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 1021) bytes[at] = at / 1021 + 1
  return bytes
}

const isEqual = (actual: Uint8Array | undefined, expected: Uint8Array): void =>
  assert.isTrue(actual !== undefined && Buffer.from(actual).equals(expected))

describe("an entry that gets another key", () => {
  it("keeps value, deadline and type, in another database too", () => {
    const subject = new Subject(PLENTY)
    for (const length of [0, 10, 8000, 300_000]) {
      for (const deadline of [500, NEVER]) {
        stored(subject.set(one, patterned(length), { deadline }))
        stored(subject.set(other, patterned(77), { database: 3 }))
        const replaced = subject.engine.removed(REPLACED)
        stored(subject.rename(one, other, 0, 0, 3))
        assert.strictEqual(subject.find(one), NOT_THERE)
        const entry = subject.find(other, 0, 3)
        isEqual(subject.value(entry), patterned(length))
        assert.strictEqual(subject.engine.deadline(entry), deadline)
        assert.strictEqual(subject.engine.type(entry), STRING)
        assert.strictEqual(subject.engine.removed(REPLACED), replaced + 1)
        assert.strictEqual(subject.engine.size, 1)
        checkInvariants(subject.engine)
        assert.isTrue(subject.delete(other, 0, 3))
      }
    }
    assert.strictEqual(subject.engine.usedBytes, 0)
  })

  it("takes no memory for a long value, which is not copied", () => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: 20 * MIB })
    const large = patterned(15 * MIB)
    stored(subject.set(one, large))
    stored(subject.rename(one, other))
    isEqual(subject.get(other), large)
    assert.strictEqual(subject.engine.removed(EVICTED), 0)
    assert.strictEqual(subject.engine.usedBytes, entryBytes(other.length, large.length, false))
    checkInvariants(subject.engine)
  })

  it("may be given its own key again", () => {
    const subject = new Subject(PLENTY)
    stored(subject.set(one, patterned(100)))
    stored(subject.rename(one, one))
    isEqual(subject.get(one), patterned(100))
    assert.strictEqual(subject.engine.removed(REPLACED), 0)
  })

  it("keeps a value that the longer key displaces from it", () => {
    const subject = new Subject(PLENTY)
    const long = new Uint8Array(4000)
    stored(subject.set(one, patterned(8000), { deadline: 99 }))
    assert.isTrue(subject.engine.isInline(subject.find(one)))
    stored(subject.rename(one, long))
    assert.isFalse(subject.engine.isInline(subject.find(long)))
    isEqual(subject.get(long), patterned(8000))
    stored(subject.rename(long, new Uint8Array(60_000)))
    stored(subject.rename(new Uint8Array(60_000), one))
    isEqual(subject.get(one), patterned(8000))
    checkInvariants(subject.engine)
  })

  it("goes on being read", () => {
    const subject = new Subject(PLENTY)
    const large = patterned(200_000)
    stored(subject.set(one, large))
    const reader = subject.engine.openReader(subject.find(one))
    stored(subject.rename(one, other))
    assert.isTrue(subject.delete(other))
    const bytes = new Uint8Array(large.length)
    assert.strictEqual(reader.read(bytes, 0, bytes.length), bytes.length)
    reader.close()
    isEqual(bytes, large)
    assert.strictEqual(subject.engine.usedBytes, 0)
    checkInvariants(subject.engine)
  })
})

describe("a copy of an entry", () => {
  it("has its value and deadline, and goes its own way", () => {
    const subject = new Subject(PLENTY)
    for (const length of [3, 8000, 300_000]) {
      stored(subject.set(one, patterned(length), { deadline: 700 }))
      stored(subject.copy(one, other, 0, 0, 5))
      stored(subject.write(one, 0, bytesOf("x")))
      const entry = subject.find(other, 0, 5)
      isEqual(subject.value(entry), patterned(length))
      assert.strictEqual(subject.engine.deadline(entry), 700)
      assert.strictEqual(subject.get(one)?.[0], 0x78)
      checkInvariants(subject.engine)
    }
  })

  it("for which there can be no room costs no other key its place", () => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: 20 * MIB })
    stored(subject.set(one, patterned(11 * MIB)))
    stored(subject.set(other, patterned(5)))
    assert.strictEqual(subject.copy(one, bytesOf("third")), OUT_OF_MEMORY)
    isEqual(subject.get(other), patterned(5))
    isEqual(subject.get(one), patterned(11 * MIB))
    checkInvariants(subject.engine)
  })
})

describe("a write to a part of a value", () => {
  it("appends byte by byte through all sizes, and little is wasted", () => {
    const subject = new Subject(PLENTY)
    const { engine } = subject
    const whole = patterned(400_000)
    stored(subject.set(one, new Uint8Array(0)))
    for (let at = 0; at < whole.length; at++) stored(subject.write(one, at, whole.subarray(at, at + 1)))
    isEqual(subject.get(one), whole)
    assert.isBelow(engine.usedBytes, whole.length * 1.2)
    checkInvariants(engine)
    assert.isTrue(subject.delete(one))
    assert.strictEqual(engine.usedBytes, 0)
  })

  it("fills the gap with zeros, however wide it is", () => {
    const subject = new Subject(PLENTY)
    for (const before of [0, 5, 8100, 70_000]) {
      for (const gap of [0, 1, 3, 9000, 3 * MIB]) {
        stored(subject.set(one, patterned(before)))
        stored(subject.write(one, before + gap, bytesOf("end")))
        const expected = new Uint8Array(before + gap + 3)
        expected.set(patterned(before))
        expected.set(bytesOf("end"), before + gap)
        isEqual(subject.get(one), expected)
      }
    }
    checkInvariants(subject.engine)
  })

  it("leaves the deadline, and readers what they saw", () => {
    const subject = new Subject(PLENTY)
    const large = patterned(300_000)
    stored(subject.set(one, large, { deadline: 40 }))
    const reader = subject.engine.openReader(subject.find(one))
    stored(subject.write(one, large.length, large))
    stored(subject.write(one, 100, bytesOf("changed")))
    stored(subject.write(one, 200_000, bytesOf("changed too")))
    const bytes = new Uint8Array(large.length + 1)
    assert.strictEqual(reader.read(bytes, 0, bytes.length), large.length)
    isEqual(bytes.subarray(0, large.length), large)
    reader.close()
    const expected = new Uint8Array(600_000)
    expected.set(large)
    expected.set(large, large.length)
    expected.set(bytesOf("changed"), 100)
    expected.set(bytesOf("changed too"), 200_000)
    isEqual(subject.get(one), expected)
    assert.strictEqual(subject.engine.deadline(subject.find(one)), 40)
    assert.strictEqual(subject.engine.detachedBytes, 0)
    checkInvariants(subject.engine)
  })

  it("for which there is no room changes nothing, and costs no other key its place", () => {
    const subject = new Subject({ maxKeys: NEVER, maxMemory: 18 * MIB })
    const large = patterned(10 * MIB)
    stored(subject.set(one, large))
    stored(subject.set(other, patterned(9)))
    assert.strictEqual(subject.write(one, 20 * MIB, bytesOf("x")), OUT_OF_MEMORY)
    assert.strictEqual(subject.write(other, 20 * MIB, bytesOf("x")), OUT_OF_MEMORY)
    isEqual(subject.get(one), large)
    isEqual(subject.get(other), patterned(9))
    assert.strictEqual(subject.engine.detachedBytes, 0)
    checkInvariants(subject.engine)
    assert.throws(() => subject.write(one, MAX_VALUE_LENGTH, bytesOf("x")), "a value of 536870913 bytes")
    assert.isFalse(subject.engine.isBroken)
  })
})

describe("a random entry", () => {
  it("is any of few or many keys, each about as often", () => {
    for (const count of [1, 7, 300, 20_000]) {
      const subject = new Subject(PLENTY)
      const random = seededRandom(count)
      for (let i = 0; i < count; i++) stored(subject.set(bytesOf(`key${i}`), one))
      const draws = count * 50
      const drawn = new Map<number, number>()
      for (let draw = 0; draw < draws; draw++) {
        const entry = subject.engine.randomEntry(random.below(2 ** 32) | 0, 0, 0)
        drawn.set(entry, (drawn.get(entry) ?? 0) + 1)
      }
      assert.isFalse(drawn.has(NOT_THERE))
      assert.strictEqual(drawn.size, count)
      // 50 draws a key, with a deviation of 7.
      assert.isBelow(Math.max(...drawn.values()), count === 1 ? 51 : 100)
      assert.isAbove(Math.min(...drawn.values()), 15)
    }
  })

  it("is the only one of its database among many others", () => {
    const subject = new Subject(PLENTY)
    for (let i = 0; i < 20_000; i++) stored(subject.set(bytesOf(`key${i}`), one))
    stored(subject.set(one, one, { database: 9 }))
    stored(subject.set(other, one, { database: 9, deadline: 10 }))
    for (let draw = 0; draw < 50; draw++) {
      assert.strictEqual(subject.engine.randomEntry(draw * 0x1234_5678, 9, 10), subject.find(one, 0, 9))
    }
    assert.strictEqual(subject.engine.randomEntry(5, 8, 10), NOT_THERE)
    assert.isTrue(subject.delete(one, 0, 9))
    assert.strictEqual(subject.engine.randomEntry(5, 9, 10), NOT_THERE)
  })
})

describe("an observer", () => {
  const observed = (subject: Subject): ReadonlyArray<string> => {
    const heard: Array<string> = []
    subject.engine.observer = {
      removed: (entry, reason) =>
        heard.push(`${reason} ${subject.engine.database(entry)} ${Buffer.from(subject.key(entry)).toString()}`)
    }
    return heard
  }

  it("hears of what expires, is evicted or removed, and not of what is replaced or cleared", () => {
    const subject = new Subject({ maxKeys: 3 })
    const heard = observed(subject)
    stored(subject.set(bytesOf("found"), one, { database: 2, deadline: 10 }))
    assert.strictEqual(subject.find(bytesOf("found"), 10, 2), NOT_THERE)
    stored(subject.set(bytesOf("swept"), one, { deadline: 20, now: 10 }))
    subject.engine.sweep(20, NEVER)
    for (const key of ["first", "second", "third", "fourth"]) stored(subject.set(bytesOf(key), one, { now: 20 }))
    subject.delete(bytesOf("third"), 20)
    stored(subject.set(bytesOf("second"), patterned(9000), { now: 20 }))
    stored(subject.rename(bytesOf("second"), bytesOf("fourth"), 20))
    const reader = subject.engine.openReader(subject.find(bytesOf("fourth"), 20))
    subject.engine.clear(20)
    while (subject.engine.maintain(20, 100));
    reader.close()
    assert.deepStrictEqual(heard, [
      `${EXPIRED} 2 found`,
      `${EXPIRED} 0 swept`,
      `${EVICTED} 0 first`,
      `${DELETED} 0 third`
    ])
  })

  it("that throws while an entry makes room for another leaves an engine that says that it is broken", () => {
    const subject = new Subject({ maxKeys: 1 })
    stored(subject.set(one, one))
    subject.engine.observer = {
      removed: () => {
        throw new Error("an observer's defect")
      }
    }
    assert.throws(() => subject.delete(one), "an observer's defect")
    assert.isFalse(subject.engine.isBroken)
    checkInvariants(subject.engine)
    assert.throws(() => subject.set(other, one), "an observer's defect")
    assert.isTrue(subject.engine.isBroken)
    subject.attach()
    assert.isTrue(subject.engine.isBroken)
  })
})

describe("an engine that is attached to the arenas of one that is gone", () => {
  it("lets go of what that one read and wrote", () => {
    const subject = new Subject(PLENTY)
    const large = patterned(500_000)
    stored(subject.set(one, large))
    stored(subject.set(other, large))
    subject.engine.openReader(subject.find(one))
    subject.engine.openReader(subject.find(other))
    subject.delete(other)
    const written = subject.engine.beginLarge(large.length, 0)
    stored(subject.engine.writeLarge(written, large, 0, 100_000, 0))
    subject.attach()
    assert.isAbove(subject.engine.detachedBytes, 600_000)
    subject.engine.releaseReaders()
    assert.strictEqual(subject.engine.detachedBytes, 0)
    assert.strictEqual(subject.engine.usedBytes, entryBytes(one.length, large.length, false))
    isEqual(subject.get(one), large)
    checkInvariants(subject.engine)
    subject.engine.clear(0)
    assert.strictEqual(subject.engine.usedBytes, 0)
    checkInvariants(subject.engine)
  })
})
