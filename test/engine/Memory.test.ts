/** The promise of memory at its edges: what is held, what is lost when there is no room, and that giving back ends. */
import { assert, describe, it } from "@effect/vitest"
import { NOT_THERE } from "../../src/engine/Engine.ts"
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
