/** Many connections: each is served alone, they are limited in number, and they are drained at the end. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as RawClient from "./RawClient.ts"
import * as TestServer from "./TestServer.ts"

const indexes = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

describe("many clients", () => {
  it.effect("at once see only their own replies", () =>
    Effect.gen(function* () {
      const CLIENTS = 200
      const ROUNDS = 50
      const server = yield* TestServer.start()
      yield* Effect.forEach(
        indexes(CLIENTS),
        Effect.fnUntraced(function* (i) {
          const client = yield* server.connect()
          const rounds = indexes(ROUNDS)
          const puts = rounds.map((round) => `PUT ${i}/${round} client-${i}-round-${round}\nGET ${i}/${round}\n`)
          const wanted = rounds.map((round) => `OK stored\nOK client-${i}-round-${round}\n`)
          // Some at once, the rest one by one, so that the clients' requests are mixed on the server.
          assert.strictEqual(yield* client.ask(puts.slice(10).join("")), wanted.slice(10).join(""))
          for (const [round, put] of puts.slice(0, 10).entries()) {
            assert.strictEqual(yield* client.ask(put), wanted[round])
          }
        }),
        { concurrency: "unbounded", discard: true }
      )
      const stats = yield* server.stats
      assert.deepInclude(stats, { accepted: CLIENTS, open: CLIENTS, refused: 0, protocolErrors: 0 })
      assert.deepInclude(stats.store, { puts: CLIENTS * ROUNDS, hits: CLIENTS * ROUNDS, keys: CLIENTS * ROUNDS })
    })
  )
})

describe("the limit of connections", () => {
  const REFUSAL = "ERROR too many connections: the limit is 2\n"

  it.effect("refuses with one line, counts, and lets in again when a place is free", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 2 })
      const first = yield* server.connect()
      const second = yield* server.connect()
      yield* first.ask("EXISTS a\n")
      yield* second.ask("EXISTS a\n")
      for (let i = 0; i < 3; i++) {
        const third = yield* server.connect()
        assert.deepStrictEqual(yield* third.untilEnd, { text: REFUSAL, reset: false })
        yield* third.closed
      }
      assert.deepInclude(yield* server.stats, { accepted: 2, open: 2, refused: 3, protocolErrors: 0 })
      assert.strictEqual(yield* first.ask("PUT a 1\n"), "OK stored\n")

      yield* second.destroy
      yield* server.logs.waitFor("connection closed by the client")
      const fourth = yield* server.connect()
      assert.strictEqual(yield* fourth.ask("GET a\n"), "OK 1\n")
      assert.deepInclude(yield* server.stats, { accepted: 3, open: 2, refused: 3 })
    })
  )

  it.effect("executes nothing that a refused client sends", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 1 })
      const first = yield* server.connect()
      yield* first.ask("EXISTS a\n")
      const second = yield* server.connect()
      yield* second.send("PUT a 1\nQUIT\n".repeat(10_000))
      const { text } = yield* second.untilEnd
      assert.strictEqual(text, "ERROR too many connections: the limit is 1\n")
      assert.strictEqual(yield* first.ask("GET a\n"), "ERROR key not found\n")
      const stats = yield* server.stats
      assert.deepInclude(stats, { accepted: 1, open: 1, refused: 1, quits: 0 })
      assert.deepInclude(stats.store, { puts: 0, keys: 0 })
    })
  )
})

describe("the drain", () => {
  it.effect("answers all that was sent before, then ends every connection", () =>
    Effect.gen(function* () {
      const CLIENTS = 20
      const COUNT = 2000
      const server = yield* TestServer.start()
      const clients = yield* Effect.forEach(indexes(CLIENTS), () => server.connect())
      yield* Effect.forEach(clients, (client) => client.ask("EXISTS a\n"))
      for (const [i, client] of clients.entries()) {
        yield* client.sendFlushed(
          indexes(COUNT)
            .map((j) => `PUT ${i}/${j} value-${i}-${j}\n`)
            .join("")
        )
        yield* client.sendFlushed(
          indexes(COUNT)
            .map((j) => `GET ${i}/${j}\n`)
            .join("")
        )
      }
      yield* server.close
      for (const [i, client] of clients.entries()) {
        const { reset, text } = yield* client.untilEnd
        assert.isFalse(reset)
        const values = indexes(COUNT).map((j) => `OK value-${i}-${j}\n`)
        assert.isTrue(text === "OK stored\n".repeat(COUNT) + values.join(""), `client ${i}: ${text.length} bytes`)
      }
      const stats = yield* server.stats
      assert.deepInclude(stats, { accepted: CLIENTS, open: 0, idled: 0 })
      assert.deepInclude(stats.store, { puts: CLIENTS * COUNT, hits: CLIENTS * COUNT })
      assert.strictEqual(server.logs.startingWith("the grace period is over").length, 0)
    })
  )

  it.effect("answers megabytes that the kernel had received and the server had not read", () =>
    Effect.gen(function* () {
      const COUNT = 30_000
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.ask("EXISTS a\n")
      yield* client.sendFlushed(`EXISTS ${"k".repeat(250)}\n`.repeat(COUNT))
      yield* server.close
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      assert.strictEqual(text.length, "OK 0\n".length * COUNT)
      assert.strictEqual((yield* server.stats).store.existences, COUNT + 1)
    })
  )

  it.effect("waits for slow readers, and refuses new connections meanwhile", () =>
    Effect.gen(function* () {
      const COUNT = 100_000
      const value = "v".repeat(256)
      const server = yield* TestServer.start()
      const witness = yield* server.connect()
      yield* witness.ask(`PUT a ${value}\n`)
      const slow = yield* server.connect({ paused: true })
      yield* slow.sendFlushed("GET a\n".repeat(COUNT))
      yield* TestServer.settled(server, witness)
      const closing = yield* Effect.forkChild(server.close)
      assert.deepStrictEqual(yield* witness.untilEnd, { text: "", reset: false })
      assert.strictEqual((yield* Effect.flip(RawClient.connect(server.address))).code, "ECONNREFUSED")
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(closing.pollUnsafe())
      // It takes 2.1 MB at a time, and stalls between until the server is stuck again.
      const replies = Buffer.from(`OK ${value}\n`.repeat(COUNT), "latin1")
      const AT_ONCE = 2_100_000
      for (let at = 0; at < replies.length - AT_ONCE; at += AT_ONCE) {
        yield* slow.resume
        const received = yield* slow.bytes(AT_ONCE)
        yield* slow.pause
        assert.isTrue(received.equals(replies.subarray(at, at + AT_ONCE)), `from byte ${at} on`)
        yield* server.quiet
      }
      yield* slow.resume
      const { reset, text } = yield* slow.untilEnd
      assert.isFalse(reset)
      assert.isTrue(text === replies.toString("latin1", replies.length - text.length))
      assert.strictEqual(text.length, replies.length % AT_ONCE)
      yield* Fiber.join(closing)
      assert.deepInclude(yield* server.stats, { open: 0, idled: 0, accepted: 2 })
    })
  )

  it.effect("waits no longer than the grace period for a client that never reads", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ shutdownGrace: Duration.seconds(5) })
      const witness = yield* server.connect()
      yield* witness.ask(`PUT a ${"v".repeat(256)}\n`)
      const stuck = yield* server.connect({ paused: true })
      yield* stuck.send("GET a\n".repeat(1_000_000))
      yield* TestServer.settled(server, witness)
      const closing = yield* Effect.forkChild(server.close)
      // Its end says that the drain has begun.
      assert.deepStrictEqual(yield* witness.untilEnd, { text: "", reset: false })
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(closing.pollUnsafe())
      assert.strictEqual((yield* server.stats).open, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.deepInclude(yield* server.stats, { open: 0, accepted: 2 })
      assert.strictEqual(server.logs.startingWith("the grace period is over: cutting 1 ").length, 1)
    })
  )

  it.effect("without a grace period cuts at once", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ shutdownGrace: Duration.zero })
      const witness = yield* server.connect()
      yield* witness.ask(`PUT a ${"v".repeat(256)}\n`)
      const stuck = yield* server.connect({ paused: true })
      yield* stuck.send("GET a\n".repeat(1_000_000))
      yield* TestServer.settled(server, witness)
      yield* server.close
      assert.deepInclude(yield* server.stats, { open: 0, accepted: 2 })
    })
  )

  it.effect("cuts a client that keeps its side open within the grace period", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ shutdownGrace: Duration.seconds(5) })
      const client = yield* server.connect({ keepOpen: true })
      yield* client.ask("PUT a 1\n")
      const closing = yield* Effect.forkChild(server.close)
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      assert.deepInclude(yield* server.stats, { open: 0 })
    })
  )

  it.effect("executes nothing that is sent after it began", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect({ keepOpen: true })
      yield* client.ask("PUT a 1\n")
      const closing = yield* Effect.forkChild(server.close)
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      yield* client.send("DELETE a\n")
      yield* client.endSide
      yield* Fiber.join(closing)
      const { store } = yield* server.stats
      assert.deepInclude(store, { keys: 1, deletes: 0 })
    })
  )
})
