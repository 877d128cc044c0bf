/** The text protocol in a load test: how it says who it is, and what it understands of an error. */
import { assert, describe, it } from "@effect/vitest"
import { TextWire } from "../../src/loadtest/TextWire.ts"
import { GREETING, MALFORMED, type PlainCredentials } from "../../src/loadtest/Wire.ts"
import { getOf, makeVocabulary } from "../../src/loadtest/Workload.ts"
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

describe("an error", () => {
  it("is a refusal with its text, in which the key has no name of its own", () => {
    const { key } = wordsOf(workloadOf())
    const wire = make()
    const said = (reply: string): string => {
      const bytes = Buffer.from(reply, "latin1")
      assert.strictEqual(wire.read(bytes, 0, bytes.length, getOf(7)), bytes.length)
      return `${wire.outcome}: ${wire.message}`
    }
    assert.strictEqual(said("ERROR key holds a list\n"), "refused: key holds a list")
    assert.strictEqual(said(`ERROR no room for '${key(7)}'\n`), "refused: no room for '<key>'")
    assert.strictEqual(said(`ERROR no room for '${key(8)}'\n`), `refused: no room for '${key(8)}'`)
  })

  it("keeps a text whose key is short enough to be part of a word", () => {
    const workload = workloadOf({ keySize: 1 })
    const wire = new TextWire(makeVocabulary(workload), 0)
    const reply = Buffer.from(`ERROR this is ${wordsOf(workload).key(7).repeat(3)}\n`, "latin1")
    assert.strictEqual(wire.read(reply, 0, reply.length, getOf(7)), reply.length)
    assert.strictEqual(wire.message, `this is ${wordsOf(workload).key(7).repeat(3)}`)
  })
})
