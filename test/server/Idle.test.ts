/** The idle timeout, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type * as RawClient from "./RawClient.ts"
import { request } from "./resp/Exchanges.ts"
import * as TestServer from "./TestServer.ts"

const IDLE = 300_000
const options = { idleTimeout: Duration.millis(IDLE), expireInterval: Duration.days(30) }

describe("the idle timeout", () => {
  it.effect("closes a client that never sends anything, exactly then", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start(options)
      const silent = yield* server.connect()
      // Accepted after the silent one, so both are there once it is answered.
      const witness = yield* server.connect()
      yield* witness.ask("EXISTS a\n")
      yield* witness.destroy
      yield* server.logs.waitFor("connection closed by the client")
      yield* TestClock.adjust(IDLE - 1)
      assert.deepInclude(yield* server.stats, { open: 1, idled: 0 })
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* silent.untilEnd, { text: "", reset: false })
      yield* server.logs.waitFor("connection closed as idle")
      assert.deepInclude(yield* server.stats, { open: 0, idled: 1, accepted: 2, bytesOut: 5 })
    })
  )

  it.effect("spares Redis clients that owe nothing, unless it is set", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ expireInterval: Duration.days(30) })
      const exists = request("EXISTS", "a")
      const ask = (client: RawClient.RawClient, request: string, lines = 1) =>
        Effect.andThen(client.send(request), client.lines(lines))
      const client = yield* server.connect()
      assert.strictEqual(yield* ask(client, exists), ":0\r\n")
      yield* TestClock.adjust(Duration.days(400))
      assert.strictEqual(yield* ask(client, exists), ":0\r\n")
      assert.deepInclude(yield* server.stats, { open: 1, idled: 0 })
      // An unfinished request is judged as any other.
      yield* client.send("*2\r\n$6\r\nEXI")
      yield* server.quiet
      yield* TestClock.adjust(Duration.seconds(300))
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      const other = yield* server.connect()
      const get = request("CONFIG", "GET", "timeout")
      assert.strictEqual(yield* ask(other, get, 5), "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n")
      const set = request("CONFIG", "SET", "timeout", "60")
      assert.strictEqual(yield* ask(other, set), "+OK\r\n")
      yield* TestClock.adjust(Duration.seconds(60))
      assert.deepStrictEqual(yield* other.untilEnd, { text: "", reset: false })
    })
  )

  it.effect("counts from the last complete request", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start(options)
      const client = yield* server.connect()
      for (let i = 0; i < 5; i++) {
        assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
        yield* TestClock.adjust(IDLE - 1)
      }
      assert.strictEqual(yield* client.ask("FLY\nGET a\n").pipe(Effect.map((text) => text.slice(-5))), "OK 1\n")
      yield* TestClock.adjust(IDLE - 1)
      assert.deepInclude(yield* server.stats, { open: 1, idled: 0 })
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      yield* server.logs.waitFor("connection closed as idle")
      assert.deepInclude(yield* server.stats, { open: 0, idled: 1 })
    })
  )

  it.effect("is not put off by one byte every ten seconds that never become a line", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start(options)
      const slow = yield* server.connect()
      const busy = yield* server.connect()
      yield* slow.ask("EXISTS a\n")
      for (let i = 0; i < 29; i++) {
        yield* slow.sendFlushed("G")
        // The answer proves that the server has had its turn after the byte was sent.
        assert.strictEqual(yield* busy.ask("EXISTS a\n"), "OK 0\n")
        yield* TestClock.adjust("10 seconds")
      }
      const { bytesIn, store } = yield* server.stats
      assert.strictEqual(bytesIn, 29 + store.existences * "EXISTS a\n".length)
      assert.deepInclude(yield* server.stats, { open: 2, idled: 0 })
      yield* busy.ask("EXISTS a\n")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* slow.untilEnd, { text: "", reset: false })
      yield* server.logs.waitFor("connection closed as idle")
      assert.deepInclude(yield* server.stats, { open: 1, idled: 1, protocolErrors: 0 })
      assert.strictEqual(yield* busy.ask("EXISTS a\n"), "OK 0\n")
    })
  )

  it.effect("of 0 never comes", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ ...options, idleTimeout: Duration.zero })
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      yield* TestClock.adjust("29 days")
      assert.strictEqual(yield* client.ask("GET a\n"), "OK 1\n")
      assert.deepInclude(yield* server.stats, { open: 1, idled: 0 })
    })
  )
})
