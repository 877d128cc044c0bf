/** What clients hold together is bounded: by closing those that hold most, and nobody who holds little. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ClientMemory, type Holder } from "../../src/server/ClientMemory.ts"
import * as TestServer from "./TestServer.ts"

class Client implements Holder {
  heldBytes = 0
  readonly isKept: boolean
  isClosed = false
  private readonly memory: ClientMemory

  constructor(memory: ClientMemory, isKept = false) {
    this.memory = memory
    this.isKept = isKept
  }

  hold(bytes: number): void {
    this.heldBytes += bytes
    this.memory.change(this, bytes)
  }

  closeForMemory(): void {
    this.isClosed = true
    this.hold(-this.heldBytes)
  }
}

describe("what clients hold", () => {
  it("may reach the limit; beyond it the largest is closed, and no more than need be", () => {
    const memory = new ClientMemory(1000)
    const clients = [300, 400, 300].map((bytes) => {
      const client = new Client(memory)
      client.hold(bytes)
      return client
    })
    const closed = () => clients.map(({ isClosed }) => isClosed)
    assert.deepStrictEqual(closed(), [false, false, false])
    clients[0]?.hold(1)
    assert.deepStrictEqual(closed(), [false, true, false])
    clients[2]?.hold(398)
    assert.deepStrictEqual(closed(), [false, true, false])
    // The one that asks may be the one that goes.
    clients[2]?.hold(2)
    assert.deepStrictEqual(closed(), [false, true, true])
  })

  it("is asked for before anybody is closed: what sockets have sent meanwhile does not count", () => {
    const memory = new ClientMemory(1000)
    const sent = new Client(memory)
    const other = new Client(memory)
    sent.hold(900)
    sent.heldBytes = 0
    other.hold(900)
    assert.deepStrictEqual([sent.isClosed, other.isClosed], [false, false])
    sent.hold(200)
    assert.deepStrictEqual([sent.isClosed, other.isClosed], [false, true])
  })

  it("closes another in the place of a client that is to be kept", () => {
    const memory = new ClientMemory(1000)
    const kept = new Client(memory, true)
    const other = new Client(memory)
    other.hold(100)
    kept.hold(1000)
    assert.deepStrictEqual([kept.isClosed, other.isClosed], [false, true])
  })

  it.effect("is bounded in a server, whose other clients are served on", () =>
    Effect.gen(function* () {
      const LIMIT = 1024 * 1024
      const server = yield* TestServer.start({ maxClientMemory: LIMIT })
      const witness = yield* server.connect()
      const value = "v".repeat(256)
      assert.strictEqual(yield* witness.ask(`PUT a ${value}\n`), "OK stored\n")
      const clients = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => i),
        () => server.connect({ paused: true })
      )
      const flood = Buffer.from("GET a\n".repeat(100_000), "latin1")
      for (const client of clients) yield* client.send(flood)
      yield* TestServer.settled(server, witness)
      const { open, overMemory } = yield* server.stats
      assert.isAbove(overMemory, 0)
      assert.strictEqual(open, clients.length + 1 - overMemory)
      // Those that are left hold a read and a batch of replies each at most.
      assert.isAtMost(open - 1, LIMIT / (16 * 1024))
      assert.strictEqual(yield* witness.ask("GET a\n"), `OK ${value}\n`)
      assert.strictEqual(server.logs.startingWith("clients held more than").length, 1)
    })
  )
})
