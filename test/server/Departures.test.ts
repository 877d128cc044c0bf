/** Garbage is collected when many clients have left, and not because clients come and go. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { blocks } from "../../src/server/Blocks.ts"
import { Departures } from "../../src/server/Departures.ts"
import { CurrentCollector } from "../../src/store/Garbage.ts"
import * as TestServer from "./TestServer.ts"

const MB = 2 ** 20

const start = Effect.gen(function* () {
  let collections = 0
  const departures = new Departures(() => void collections++)
  yield* Effect.forkChild(departures.run)
  yield* Effect.yieldNow
  return { departures, collections: () => collections }
})

describe("clients that leave", () => {
  it.effect("have garbage collected where they held much, once a second at most", () =>
    Effect.gen(function* () {
      const { collections, departures } = yield* start
      departures.add(1000, 31 * MB)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(collections(), 0)
      for (let i = 0; i < 100; i++) departures.add(1000, MB)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(collections(), 0)
      for (let i = 0; i < 100; i++) departures.add(1000, MB)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(collections(), 1)
      departures.add(1000, 32 * MB)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(collections(), 2)
    })
  )

  it.effect("have garbage collected where most of many have left", () =>
    Effect.gen(function* () {
      const { collections, departures } = yield* start
      for (let open = 6000; open > 0; open--) departures.add(open, 0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(collections(), 1)
    })
  )

  it.effect("have nothing collected where others come in their place", () =>
    Effect.gen(function* () {
      const { collections, departures } = yield* start
      for (let i = 0; i < 100_000; i++) departures.add(10 - (i % 10), 100)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(collections(), 0)
    })
  )

  it.effect("are counted with what their unfinished requests held, however they leave", () =>
    Effect.gen(function* () {
      let collections = 0
      const collector = (): void => void collections++
      const server = yield* Effect.provideService(TestServer.start({ inTurns: true }), CurrentCollector, collector)
      const part = Buffer.alloc(17 * MB, "v")
      for (const leaves of ["endSide", "destroy"] as const) {
        const client = yield* server.connect()
        yield* client.sendFlushed(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${2 * part.length}\r\n`)
        yield* client.sendFlushed(part)
        yield* client[leaves]
      }
      yield* server.logs.waitFor("connection closed by the client", 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(collections, 1)
    })
  )

  it.effect("leave no chunk of memory behind that their unfinished requests were in", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ inTurns: true })
      // The process's, in which other tests may have left blocks that wait for the garbage collector.
      blocks.trim()
      const others = blocks.chunkCount
      const begun = `*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$80000\r\n${"v".repeat(40_000)}`
      const begin = Effect.fnUntraced(function* () {
        const client = yield* server.connect()
        yield* client.send(begun)
        assert.strictEqual((yield* client.bytes(7)).toString(), "+PONG\r\n")
        return client
      })
      const clients = yield* Effect.forEach(Array.from({ length: 1000 }), begin, { concurrency: 50 })
      // In blocks of 64 KB, of which a chunk of 32 MB has 512.
      assert.isAtLeast(blocks.chunkCount, 2)
      yield* Effect.forEach(clients, (client) => client.destroy, { concurrency: 50, discard: true })
      yield* server.logs.waitFor("connection closed by the client", 1000)
      yield* TestClock.adjust("1 second")
      assert.isAtMost(blocks.chunkCount, others)
    })
  )
})
