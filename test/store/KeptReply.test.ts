/** What a sink keeps of a reply is its own: it stays when the bytes that it came from are used for something else. */
import { assert, describe, it } from "@effect/vitest"
import { Engine } from "../../src/engine/Engine.ts"
import { NEVER } from "../../src/engine/Wheel.ts"
import { KeptReply } from "../../src/store/KeptReply.ts"

const SECRET = Buffer.from("8 bytes.")
const LONG = 300_000

describe("KeptReply", () => {
  it("keeps an error with its code", () => {
    const kept = new KeptReply()
    kept.error("OOM", "out of memory")
    assert.deepStrictEqual(kept.reply, { _tag: "Error", code: "OOM", message: "out of memory" })
  })

  it("keeps a part of bytes, whatever becomes of them", () => {
    const kept = new KeptReply()
    const bytes = Buffer.from("one value and another")
    kept.bulk(bytes, 4, 5)
    bytes.fill("x")
    assert.deepStrictEqual(kept.reply, { _tag: "Bulk", bytes: Buffer.from("value") })
  })

  it("reads a long value to its end, and lets go of it", () => {
    const engine = Engine.make({ maxKeys: 10 }, SECRET, 0)
    const value = Buffer.from(Uint8Array.from({ length: LONG }, (_, at) => at % 251))
    const key = new DataView(Uint8Array.from([1]).buffer)
    const hash = engine.hashOf(key, 0, 1)
    engine.set(key, 0, 1, hash, 0, new DataView(value.buffer, value.byteOffset, LONG), 0, LONG, NEVER, 0)
    const entry = engine.find(key, 0, 1, hash, 0, 0)
    assert.isFalse(engine.isInline(entry))
    const kept = new KeptReply()
    kept.bulkReader(engine.openReader(entry))
    engine.clear(0)
    assert.strictEqual(engine.detachedBytes, 0, "a value that is still read is not given back")
    assert.isTrue(kept.reply._tag === "Bulk" && kept.reply.bytes.equals(value))
  })

  it("keeps the parts of a reply, and their parts", () => {
    const kept = new KeptReply()
    kept.begin()
    kept.array(4)
    kept.map(1)
    kept.simple("a")
    kept.double(1.5)
    kept.set(0)
    kept.push(2)
    kept.nullArray()
    kept.verbatim("text")
    kept.null()
    assert.deepStrictEqual(kept.reply, {
      _tag: "Parts",
      kind: "array",
      parts: [
        {
          _tag: "Parts",
          kind: "map",
          parts: [
            { _tag: "Simple", text: "a" },
            { _tag: "Double", value: 1.5 }
          ]
        },
        { _tag: "Parts", kind: "set", parts: [] },
        { _tag: "Parts", kind: "push", parts: [{ _tag: "Null" }, { _tag: "Bulk", bytes: Buffer.from("text") }] },
        { _tag: "Null" }
      ]
    })
  })
})
