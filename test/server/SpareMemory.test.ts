import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { array } from "../protocol/resp/Requests.ts"
import { SpareMemory } from "../../src/server/SpareMemory.ts"
import * as TestServer from "./TestServer.ts"

describe("SpareMemory", () => {
  it("gives memory again, to those who need nearly as much", () => {
    const spare = new SpareMemory()
    const memory = spare.take(100_000)
    spare.give(memory)
    assert.notStrictEqual(spare.take(40_000), memory)
    assert.notStrictEqual(spare.take(100_001), memory)
    assert.strictEqual(spare.take(60_000), memory)
    assert.notStrictEqual(spare.take(60_000), memory)
  })

  it("keeps neither little memory nor much of it", () => {
    const spare = new SpareMemory()
    for (const length of [1000, 2_000_000]) {
      const memory = spare.take(length)
      assert.strictEqual(memory.length, length)
      spare.give(memory)
      assert.notStrictEqual(spare.take(length), memory)
    }
    const many = Array.from({ length: 20 }, () => spare.take(1_000_000))
    for (const memory of many) spare.give(memory)
    const again = new Set(many.map(({ length }) => spare.take(length)))
    assert.isAtMost([...again].filter((memory) => many.includes(memory)).length, 8)
  })

  it.live("clients that share it have their own bytes", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const store = Effect.fnUntraced(function* (client: number) {
        const connection = yield* server.connect()
        for (let round = 0; round < 20; round++) {
          const length = [9000, 20_000, 140_000, 300_000][(client + round) % 4] ?? 0
          const value = `${client} ${round} `.repeat(length).slice(0, length)
          // In pieces, so that they wait in memory of their own.
          const request = array("SET", `key ${client}`, value) + array("GET", `key ${client}`)
          for (let at = 0; at < request.length; at += 70_000) {
            yield* connection.sendFlushed(request.slice(at, at + 70_000))
          }
          const reply = `+OK\r\n$${length}\r\n${value}\r\n`
          assert.isTrue(
            (yield* connection.bytes(reply.length)).equals(Buffer.from(reply, "latin1")),
            `${client} ${round}`
          )
        }
      })
      yield* Effect.forEach([0, 1, 2, 3, 4, 5], store, { concurrency: "unbounded", discard: true })
    })
  )
})
