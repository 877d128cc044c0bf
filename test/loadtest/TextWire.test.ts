/** The text protocol in a load test: how it says who it is. */
import { assert, describe, it } from "@effect/vitest"
import { TextWire } from "../../src/loadtest/TextWire.ts"
import { GREETING, MALFORMED, type PlainCredentials } from "../../src/loadtest/Wire.ts"
import { makeVocabulary } from "../../src/loadtest/Workload.ts"
import { wordsOf, workloadOf } from "./Options.ts"

const make = (credentials?: PlainCredentials) => new TextWire(makeVocabulary(workloadOf()), 0, credentials)

const greeting = (wire: TextWire): string => {
  const bytes = Buffer.alloc(1000)
  return bytes.toString("latin1", 0, wire.write(bytes, 0, GREETING))
}

const read = (wire: TextWire, line: string) => {
  const bytes = Buffer.from(line, "latin1")
  const end = wire.read(bytes, 0, bytes.length, GREETING)
  return end === MALFORMED ? "malformed" : `${wire.outcome} ${wire.message}`
}

describe("the greeting of TextWire", () => {
  it("is an EXISTS, or an AUTH", () => {
    assert.strictEqual(greeting(make()), `EXISTS ${wordsOf(workloadOf()).key(0)}\n`)
    assert.strictEqual(greeting(make({ password: "secret" })), "AUTH secret\n")
    assert.strictEqual(greeting(make({ user: "ada", password: "secret" })), "AUTH ada secret\n")
  })

  it("is accepted by the answer to it, and no other", () => {
    assert.strictEqual(read(make(), "OK 0\n"), "accepted ")
    assert.strictEqual(read(make(), "OK authenticated\n"), "malformed")
    const wire = make({ password: "secret" })
    assert.strictEqual(read(wire, "OK authenticated\n"), "accepted ")
    assert.strictEqual(read(wire, "OK 0\n"), "malformed")
    assert.strictEqual(read(wire, "ERROR wrong user or password\n"), "refused wrong user or password")
  })
})
