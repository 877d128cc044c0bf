/** Expiry and eviction over a real socket, in virtual time: no key here waits for a real second. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { entryBytes } from "../../src/engine/Engine.ts"
import * as TestServer from "./TestServer.ts"

// Long enough that no sweep comes between: what these tests see is the deadline itself.
const withoutSweeps = { expireInterval: Duration.days(30), idleTimeout: Duration.zero }

describe("expiry over a socket", () => {
  it.effect("is exact at the deadline, for every command", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start(withoutSweeps)
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT a 1 10\nPUT b 2 10\nPUT c 3 10\nPUT d 4\n"), "OK stored\n".repeat(4))
      yield* TestClock.adjust(9999)
      assert.strictEqual(yield* client.ask("GET a\nEXISTS b\nGET c\n"), "OK 1\nOK 1\nOK 3\n")
      assert.strictEqual((yield* server.stats).store.expired, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(
        yield* client.ask("GET a\nEXISTS b\nDELETE c\nGET d\n"),
        "ERROR key not found\nOK 0\nERROR key not found\nOK 4\n"
      )
      const { store } = yield* server.stats
      assert.deepInclude(store, { expired: 3, deleted: 0, keys: 1, hits: 3, misses: 1 })
    })
  )

  it.effect("begins anew with every PUT, and a PUT without ttl clears it", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start(withoutSweeps)
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT reset 1 10\nPUT clear 1 10\nPUT zero 1 10\n"), "OK stored\n".repeat(3))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* client.ask("PUT reset 2 10\nPUT clear 2\nPUT zero 2 0\n"), "OK stored\n".repeat(3))
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* client.ask("GET reset\n"), "OK 2\n")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* client.ask("GET reset\nGET clear\nGET zero\n"), "ERROR key not found\nOK 2\nOK 2\n")
      yield* TestClock.adjust("20 days")
      assert.strictEqual(yield* client.ask("GET clear\nGET zero\n"), "OK 2\nOK 2\n")
      assert.deepInclude((yield* server.stats).store, { expired: 1, replaced: 3, keys: 2 })
    })
  )

  it.effect("frees memory by sweeps, without any request", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ expireInterval: "100 millis" })
      const client = yield* server.connect()
      const puts = Array.from({ length: 5000 }, (_, i) => `PUT key${i} value 2\n`).join("")
      assert.strictEqual(yield* client.ask(`${puts}PUT stays 1\n`), "OK stored\n".repeat(5001))
      yield* TestClock.adjust("1999 millis")
      assert.deepInclude((yield* server.stats).store, { keys: 5001, expired: 0 })
      // The deadline, and the next sweep after it.
      yield* TestClock.adjust("101 millis")
      const { store } = yield* server.stats
      const left = entryBytes("stays".length, "1".length, false)
      assert.deepInclude(store, { keys: 1, expired: 5000, bytes: left, gets: 0, existences: 0 })
      assert.strictEqual(yield* client.ask("GET key0\nGET stays\n"), "ERROR key not found\nOK 1\n")
    })
  )
})

describe("eviction over a socket", () => {
  it.effect("takes the least recently used key: GET hits and PUTs are uses, EXISTS is none", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxKeys: 3 })
      const client = yield* server.connect()
      const exists = "EXISTS a\nEXISTS b\nEXISTS c\nEXISTS d\nEXISTS e\n"
      assert.strictEqual(yield* client.ask("PUT a 1\nPUT b 2\nPUT c 3\n"), "OK stored\n".repeat(3))
      // Use: b, c, a. EXISTS must not save b.
      assert.strictEqual(yield* client.ask("GET a\nEXISTS b\nPUT d 4\n"), "OK 1\nOK 1\nOK stored\n")
      assert.strictEqual(yield* client.ask(exists), "OK 1\nOK 0\nOK 1\nOK 1\nOK 0\n")
      // Use: c, a, d; the PUT saves c, so a goes.
      assert.strictEqual(yield* client.ask("PUT c 5\nPUT e 6\n"), "OK stored\nOK stored\n")
      assert.strictEqual(yield* client.ask(exists), "OK 0\nOK 0\nOK 1\nOK 1\nOK 1\n")
      assert.deepInclude((yield* server.stats).store, { keys: 3, evicted: 2, replaced: 1, expired: 0 })
    })
  )

  it.effect("takes an expired key before a living one", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ ...withoutSweeps, maxKeys: 3 })
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT oldest 1\nPUT brief 2 1\nPUT c 3\n"), "OK stored\n".repeat(3))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* client.ask("PUT d 4\n"), "OK stored\n")
      assert.deepInclude((yield* server.stats).store, { keys: 3, evicted: 0, expired: 1 })
      assert.strictEqual(yield* client.ask("GET oldest\nGET brief\n"), "OK 1\nERROR key not found\n")
    })
  )

  it.effect("keeps the bound of bytes", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxMemory: 2 * entryBytes(1, 1, false) })
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT a 1\nPUT b 2\nPUT c 3\n"), "OK stored\n".repeat(3))
      assert.strictEqual(yield* client.ask("GET a\nGET b\nGET c\n"), "ERROR key not found\nOK 2\nOK 3\n")
      // As much as a slot of the smallest size takes: both stay.
      let longest = 1
      while (entryBytes(1, longest + 1, false) === entryBytes(1, 1, false)) longest++
      const value = "3".repeat(longest)
      assert.strictEqual(yield* client.ask(`PUT c ${value}\nGET b\nGET c\n`), `OK stored\nOK 2\nOK ${value}\n`)
      // One byte more: c itself stays, b has to go.
      assert.strictEqual(
        yield* client.ask(`PUT c ${value}3\nGET b\nGET c\n`),
        `OK stored\nERROR key not found\nOK ${value}3\n`
      )
      const { store } = yield* server.stats
      assert.deepInclude(store, { keys: 1, evicted: 2, bytes: entryBytes(1, longest + 1, false) })
    })
  )
})
