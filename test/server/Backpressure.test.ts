/** Clients that do not take their replies: they are not read from, they hold no memory, and they lose nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { begin, bulk, requests, textOf, wire } from "./resp/Exchanges.ts"
import * as TestServer from "./TestServer.ts"

const VALUE = "v".repeat(256)
const REPLY = `OK ${VALUE}\n`

/** Requests of 6 MB whose replies are 260 MB. */
const flood = Buffer.from("GET a\n".repeat(1_000_000), "latin1")

/** More than any kernel holds of a connection on its own, in the buffers of both sides. */
const KERNEL_BYTES = 64 * 1024 * 1024

describe("a client that never reads", () => {
  it.effect("is not read from, while others are served, and is cut after the idle timeout", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ idleTimeout: Duration.minutes(5), expireInterval: Duration.days(30) })
      const witness = yield* server.connect()
      assert.strictEqual(yield* witness.ask(`PUT a ${VALUE}\n`), "OK stored\n")
      const stuck = yield* server.connect({ paused: true })
      yield* stuck.send(flood)
      yield* TestServer.settled(server, witness)
      const before = yield* server.stats
      assert.isAbove(before.store.gets, 256)
      assert.isBelow(before.bytesOut, KERNEL_BYTES)
      assert.isBelow(before.bytesIn, 2 * 1024 * 1024)
      assert.isBelow(before.bytesIn, flood.length)

      yield* TestClock.adjust("4 minutes")
      assert.strictEqual(yield* witness.ask("GET a\n"), REPLY)
      yield* TestClock.adjust(59_999)
      assert.deepInclude(yield* server.stats, { open: 2, idled: 0 })
      yield* TestClock.adjust(1)
      yield* server.logs.waitFor("connection closed as idle")
      assert.strictEqual(yield* witness.ask("GET a\n"), REPLY)
      const after = yield* server.stats
      assert.deepInclude(after, { open: 1, idled: 1, protocolErrors: 0 })
      // Nothing more was executed for it: only the witness's two GETs came since.
      assert.strictEqual(after.store.gets, before.store.gets + 2)
      yield* stuck.resume
      const { text } = yield* stuck.untilEnd
      assert.isBelow(text.length, before.bytesOut)
      assert.isTrue(text === REPLY.repeat(Math.ceil(text.length / REPLY.length)).slice(0, text.length))
    })
  )

  it.effect("holds few replies, however long they are", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ idleTimeout: Duration.minutes(5), expireInterval: Duration.days(30) })
      const witness = yield* server.connect()
      const stuck = yield* server.connect()
      const value = "v".repeat(4000)
      yield* begin(stuck, requests(`SET a ${value}`, "GET a"), wire("+OK") + bulk(value))
      yield* stuck.pause
      yield* stuck.send(requests("GET a").repeat(KERNEL_BYTES / value.length))
      yield* TestServer.settled(server, witness)
      const observer = yield* server.connect()
      const client = (yield* textOf(observer, "CLIENT LIST")).split("\n").find((line) => line.includes("cmd=get"))
      const held = Number(/omem=(\d+)/.exec(client ?? "")?.[1])
      // Those of one look, and what its buffer has grown to for others.
      assert.isAbove(held, 0)
      assert.isBelow(held, 128 * 1024)
    })
  )

  it.effect("is not saved by ending its side", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ idleTimeout: Duration.minutes(5), expireInterval: Duration.days(30) })
      const witness = yield* server.connect()
      assert.strictEqual(yield* witness.ask(`PUT a ${VALUE}\n`), "OK stored\n")
      const stuck = yield* server.connect({ paused: true })
      // Few enough requests to be read whole, too many replies to be taken.
      yield* stuck.sendFlushed(flood.subarray(0, 6 * 100_000))
      yield* Effect.forkChild(stuck.endSide)
      yield* TestServer.settled(server, witness)
      yield* TestClock.adjust("4 minutes")
      yield* witness.ask("GET a\n")
      yield* TestClock.adjust("1 minute")
      yield* server.logs.waitFor("connection closed as idle")
      assert.deepInclude(yield* server.stats, { open: 1, idled: 1 })
    })
  )

  it.effect("that begins to read in time gets everything and is not cut", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ idleTimeout: Duration.minutes(5), expireInterval: Duration.days(30) })
      const witness = yield* server.connect()
      assert.strictEqual(yield* witness.ask(`PUT a ${VALUE}\n`), "OK stored\n")
      const late = yield* server.connect({ paused: true })
      const count = 100_000
      yield* late.send(flood.subarray(0, 6 * count))
      yield* Effect.forkChild(late.endSide)
      yield* TestServer.settled(server, witness)
      assert.isBelow((yield* server.stats).store.gets, count)
      yield* TestClock.adjust("4 minutes")
      yield* late.resume
      const { reset, text } = yield* late.untilEnd
      assert.isFalse(reset)
      assert.isTrue(text === REPLY.repeat(count))
      yield* server.logs.waitFor("connection closed by the client")
      const stats = yield* server.stats
      assert.deepInclude(stats, { open: 1, idled: 0 })
      assert.strictEqual(stats.store.gets, count)
    })
  )
})

describe("slow readers", () => {
  it.effect("get a million replies in all, in order, byte for byte", () =>
    Effect.gen(function* () {
      const CLIENTS = 8
      const ROUNDS = 1250
      const server = yield* TestServer.start()
      const witness = yield* server.connect()
      // Each client has 100 keys of its own, with values of all lengths, and asks for them over and over.
      const clients = yield* Effect.forEach(
        Array.from({ length: CLIENTS }, (_, i) => i),
        Effect.fnUntraced(function* (i) {
          const values = Array.from({ length: 100 }, (_, j) => `${i}-${j}-`.padEnd(1 + ((j * 37 + i) % 256), "x"))
          const puts = values.map((value, j) => `PUT c${i}k${j} ${value.slice(0, 256)}\n`).join("")
          assert.strictEqual(yield* witness.ask(puts), "OK stored\n".repeat(100))
          const client = yield* server.connect({ paused: true })
          const requests = values.map((_, j) => `GET c${i}k${j}\n`).join("")
          yield* client.send(Buffer.from(requests.repeat(ROUNDS), "latin1"))
          const answer = Buffer.from(values.map((value) => `OK ${value.slice(0, 256)}\n`).join(""), "latin1")
          return { client, answer }
        })
      )
      yield* TestServer.settled(server, witness)
      const { bytesOut } = yield* server.stats
      const due = clients.reduce((sum, { answer }) => sum + answer.length * ROUNDS, 0)
      // The stalls are real: there is more than the sockets hold.
      assert.isBelow(bytesOut, due)

      const AT_ONCE = 250
      const readers = clients.map(({ answer, client }) => ({
        client,
        wanted: Buffer.concat(Array.from({ length: AT_ONCE }, () => answer))
      }))
      for (let round = 0; round < ROUNDS; round += AT_ONCE) {
        for (const [i, { client, wanted }] of readers.entries()) {
          yield* client.resume
          const received = yield* client.bytes(wanted.length)
          yield* client.pause
          assert.isTrue(received.equals(wanted), `client ${i}, from reply ${round * 100} on`)
        }
      }
      const stats = yield* server.stats
      assert.strictEqual(stats.store.hits, CLIENTS * ROUNDS * 100)
      assert.strictEqual(stats.store.misses, 0)
      assert.deepInclude(stats, { protocolErrors: 0, idled: 0, open: CLIENTS + 1 })
    })
  )
})
