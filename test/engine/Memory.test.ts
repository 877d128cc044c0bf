/** The promise of memory at its edges: what is held, what is lost when there is no room, and that giving back ends. */
import { assert, describe, it } from "@effect/vitest"
import { NOT_THERE, OUT_OF_MEMORY, STORED } from "../../src/engine/Engine.ts"
import { checkInvariants } from "./Invariants.ts"
import { bytesOf, Subject } from "./Subject.ts"

const MIB = 2 ** 20

describe("the limit of memory", () => {
  it("holds while a value is read that is replaced", () => {
    const limit = MIB
    const subject = new Subject({ maxKeys: Number.POSITIVE_INFINITY, maxMemory: limit })
    const readers = []
    for (let round = 0; round < 20; round++) {
      const key = bytesOf(`key${round % 3}`)
      subject.set(key, new Uint8Array(60_000).fill(round))
      const entry = subject.find(key)
      if (entry !== NOT_THERE) readers.push(subject.engine.openReader(entry))
      assert.isAtMost(subject.engine.usedBytes, limit)
    }
    for (const reader of readers) reader.close()
    checkInvariants(subject.engine)
    assert.strictEqual(subject.engine.detachedBytes, 0)
  })
})

/** Fills a subject with `count` keys of 1 KB, and says how many are left. */
const fill = (subject: Subject, count: number): (() => number) => {
  for (let i = 0; i < count; i++) subject.set(bytesOf(`small${i}`), new Uint8Array(1000))
  return () => {
    let left = 0
    for (let i = 0; i < count; i++) if (subject.find(bytesOf(`small${i}`)) !== NOT_THERE) left++
    return left
  }
}

describe("a value for which there can be no room", () => {
  const large = new Uint8Array(17 * MIB - 200_000)

  it.each(["whole", "in slices"])("costs no other key its place, given %s", (how) => {
    const subject = new Subject({ maxKeys: Number.POSITIVE_INFINITY, maxMemory: 17 * MIB })
    const left = fill(subject, 1000)
    const outcome =
      how === "whole" ? subject.set(bytesOf("large"), large) : subject.setInSlices(bytesOf("large"), large, 65_536)
    assert.strictEqual(outcome, OUT_OF_MEMORY)
    assert.strictEqual(left(), 1000)
    checkInvariants(subject.engine)
  })

  it.each(["whole", "in slices"])("costs no other key its place if the system refuses memory, given %s", (how) => {
    const subject = new Subject({ maxKeys: Number.POSITIVE_INFINITY })
    const left = fill(subject, 10_000)
    subject.arenas.refuses = true
    const value = new Uint8Array(100 * MIB)
    const outcome =
      how === "whole" ? subject.set(bytesOf("large"), value) : subject.setInSlices(bytesOf("large"), value, 65_536)
    assert.strictEqual(outcome, OUT_OF_MEMORY)
    assert.strictEqual(left(), 10_000)
    // What does fit is stored, though others go for it.
    assert.strictEqual(subject.set(bytesOf("large"), value.subarray(0, 20 * MIB)), STORED)
    assert.isAbove(left(), 8000)
    checkInvariants(subject.engine)
    subject.arenas.refuses = false
    subject.engine.maintain(0, 100)
    subject.engine.maintain(1000, 100)
    assert.strictEqual(subject.set(bytesOf("large"), value), STORED)
    assert.isAbove(left(), 8000)
  })
})
