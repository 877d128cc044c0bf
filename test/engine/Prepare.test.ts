/** The preparation of a batch in a large cache, which reads ahead and must change nothing, whatever entries it meets. */
import { assert, describe, it } from "@effect/vitest"
import { NOT_THERE, STORED } from "../../src/engine/Engine.ts"
import { CommandBatch } from "../../src/domain/CommandBatch.ts"
import { checkInvariants } from "./Invariants.ts"
import { seededRandom } from "./SeededRandom.ts"
import { bytesOf, Subject } from "./Subject.ts"

describe("prepare", () => {
  it("sets the hashes of keys that are there and of others, among entries of all sizes", () => {
    const subject = new Subject({ maxKeys: Number.POSITIVE_INFINITY })
    const { engine } = subject
    const random = seededRandom(3)
    const keys = 60_000
    for (let i = 0; i < keys; i++) {
      const value = new Uint8Array(i % 500 === 0 ? random.below(70_000) : random.below(80))
      const deadline = random.chance(0.5) ? Number.POSITIVE_INFINITY : 1000
      if (subject.set(bytesOf(`key${i}`), value, { deadline }) !== STORED) assert.fail("there was no memory")
    }
    checkInvariants(engine)
    const batch = new CommandBatch()
    for (let round = 0; round < 50; round++) {
      const texts = Array.from({ length: 250 }, () => `key${random.below(keys * 2)}`)
      batch.begin(Buffer.from(texts.join(""), "latin1"))
      let start = 0
      for (const { length } of texts) {
        batch.addKeyed(0, start, length)
        start += length
      }
      engine.prepare(batch, round % 2 === 0 ? 0 : 7)
      for (const [i, text] of texts.entries()) {
        if (batch.hash(i) !== subject.hashOf(bytesOf(text))) assert.fail(`the hash of ${text}`)
        const entry = engine.find(batch.view, batch.keyStart(i), batch.keyLength(i), batch.hash(i), 0, 0)
        if ((entry === NOT_THERE) !== Number(text.slice(3)) >= keys) assert.fail(`${text} is there or not`)
      }
    }
    checkInvariants(engine)
  })
})
