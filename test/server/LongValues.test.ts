/** Values that are too long to be read, stored or written at once: whole, in order, in slices, and nobody waits for them. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { VALUE_SLICE } from "../../src/commands/LargeValue.ts"
import { Protocol } from "../../src/protocol/Protocol.ts"
import { CurrentFaults, Faults } from "../../src/server/Faults.ts"
import { SLICE_BYTES } from "../../src/server/Output.ts"
import { seededRandom } from "../engine/SeededRandom.ts"
import * as LongProtocol from "./LongProtocol.ts"
import type { RawClient } from "./RawClient.ts"
import * as TestServer from "./TestServer.ts"

const MEGABYTE = 1024 * 1024

/** A server of the long protocol, and what is seen of it. */
const start = Effect.fnUntraced(function* (options: TestServer.Options = {}) {
  const { protocol, seen } = LongProtocol.make()
  const server = yield* TestServer.start({ protocol: Layer.succeed(Protocol, protocol), inTurns: true, ...options })
  return { seen, server }
})

const valueOf = (length: number): Buffer => {
  const random = seededRandom(length)
  const part = Buffer.from(Array.from({ length: 4099 }, () => random.below(256)))
  return Buffer.alloc(length, part)
}

const put = (key: string, value: Buffer): Buffer => Buffer.concat([Buffer.from(`PUT ${key} ${value.length}\n`), value])

const store = (client: RawClient, key: string, value: Buffer) =>
  Effect.andThen(
    client.send(put(key, value)),
    Effect.map(client.lines(1), (reply) => assert.strictEqual(reply, "OK stored\n"))
  )

const replyOf = (value: Buffer): Buffer => Buffer.concat([Buffer.from(`${value.length}\n`), value, Buffer.from("\n")])

const assertBytes = (actual: Buffer, expected: Buffer): void => {
  assert.strictEqual(actual.length, expected.length)
  assert.isTrue(actual.equals(expected))
}

describe("a long value", () => {
  it.effect("is stored and shown byte by byte as it is, among other requests, in any pieces", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* start()
      const client = yield* server.connect()
      const random = seededRandom(3)
      const lengths = [0, 1, 9000, 65_536, 65_537, SLICE_BYTES, MEGABYTE - 1, MEGABYTE, 3 * MEGABYTE + 5]
      const values = lengths.map(valueOf)
      const requests = Buffer.concat([
        ...values.map((value, i) => put(`k${i}`, value)),
        ...values.map((_, i) => Buffer.from(`GET k${i}\nGET none\n`)),
        // Replaced while it is being shown.
        Buffer.from("GET k8\nGET k8\n"),
        put("k8", valueOf(2 * MEGABYTE)),
        Buffer.from("GET k8\nGET k1\nQUIT\n")
      ])
      const miss = Buffer.from("ERROR key not found\n")
      const long = replyOf(valueOf(3 * MEGABYTE + 5))
      const answers = Buffer.concat([
        Buffer.from("OK stored\n".repeat(values.length)),
        ...values.flatMap((value) => [replyOf(value), miss]),
        long,
        long,
        Buffer.from("OK stored\n"),
        replyOf(valueOf(2 * MEGABYTE)),
        replyOf(valueOf(1))
      ])
      const received = yield* Effect.forkChild(client.bytes(answers.length))
      for (let at = 0; at < requests.length;) {
        const end = at + 1 + random.below(random.pick([10, 5000, 400_000]))
        yield* client.sendFlushed(requests.subarray(at, end))
        at = end
      }
      assertBytes(yield* Fiber.join(received), answers)
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      assert.strictEqual(seen.open, 0)
      assert.isAtMost(Math.max(...seen.slices), SLICE_BYTES)
    })
  )

  it.effect("costs a read of a part of it no more than its copy", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* start()
      const client = yield* server.connect()
      const value = valueOf(8 * MEGABYTE)
      yield* store(client, "a", value)
      // With its first line, perhaps once more as the line comes in pieces, and whole; and with the end of the second one.
      assert.isAtMost(seen.decodes, 4)
      yield* client.send("GET a\n")
      assertBytes(yield* client.bytes(replyOf(value).length), replyOf(value))
    })
  )

  it.effect("is stored in slices: others are served between them, and see the old value until it is whole", () =>
    Effect.gen(function* () {
      const { server } = yield* start({ expireInterval: Duration.days(30) })
      const writer = yield* server.connect()
      const other = yield* server.connect()
      const before = valueOf(70_000)
      yield* store(writer, "a", before)
      const value = valueOf(64 * VALUE_SLICE)
      const storing = yield* Effect.forkChild(store(writer, "a", value))
      let seenBefore = 0
      while (storing.pollUnsafe() === undefined) {
        yield* other.send("GET a\n")
        const length = Number(yield* other.lines(1))
        assertBytes(
          yield* other.bytes(length + 1),
          Buffer.concat([length === value.length ? value : before, Buffer.from("\n")])
        )
        if (length !== value.length) seenBefore++
      }
      assert.isAbove(seenBefore, 0)
      assert.deepInclude((yield* server.stats).store, { keys: 1, replaced: 1 })
    })
  )

  it.effect("for which there is no room changes nothing, and the connection goes on", () =>
    Effect.gen(function* () {
      const { server } = yield* start({ maxMemory: 4 * MEGABYTE })
      const client = yield* server.connect()
      yield* store(client, "a", valueOf(MEGABYTE))
      yield* client.send(Buffer.concat([put("a", valueOf(5 * MEGABYTE)), Buffer.from("GET a\n")]))
      assert.match(yield* client.lines(1), /^ERROR out of memory/)
      assertBytes(yield* client.bytes(replyOf(valueOf(MEGABYTE)).length), replyOf(valueOf(MEGABYTE)))
    })
  )
})

describe("a client that does not take its long reply", () => {
  it.effect("holds slices only, holds up nobody, and lets go of the value when it leaves", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* start({ maxClientMemory: 4 * MEGABYTE })
      const witness = yield* server.connect()
      yield* store(witness, "a", valueOf(3 * MEGABYTE))
      const stuck = yield* Effect.forEach([1, 2, 3, 4], () => server.connect({ paused: true }))
      // More than any kernel holds of a connection.
      for (const client of stuck) yield* client.send("GET a\n".repeat(30))
      for (let still = 0, before = -1; still < 20;) {
        yield* witness.send("GET none\n")
        yield* witness.lines(1)
        still = seen.slices.length === before ? still + 1 : 0
        before = seen.slices.length
      }
      assert.isBelow((yield* server.stats).bytesOut, 4 * 60 * MEGABYTE)
      assert.isAtLeast(seen.open, 4)
      assert.deepInclude(yield* server.stats, { open: 5, overMemory: 0 })
      for (const client of stuck) yield* client.destroy
      yield* server.logs.waitFor("connection closed by the client", 4)
      assert.strictEqual(seen.open, 0)
    })
  )

  it.effect("is closed as idle, as any that takes nothing, and not while it takes something", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* start({ idleTimeout: Duration.seconds(10), inTurns: false })
      const client = yield* server.connect({ paused: true })
      yield* store(yield* server.connect(), "a", valueOf(60 * MEGABYTE))
      yield* client.send("GET a\n")
      yield* server.quiet
      yield* TestClock.adjust("9 seconds")
      const taking = yield* Effect.forkChild(client.bytes(20 * MEGABYTE))
      yield* client.resume
      yield* Fiber.join(taking)
      yield* client.pause
      yield* TestClock.adjust("2 seconds")
      assert.isAtLeast(seen.open, 1)
      yield* TestClock.adjust("10 seconds")
      yield* server.logs.waitFor("connection closed as idle", 2)
      assert.strictEqual(seen.open, 0)
    })
  )

  it.effect("gets it whole where it takes it during the shutdown, with all that it has asked for", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* start({ shutdownGrace: Duration.minutes(1) })
      const client = yield* server.connect({ paused: true })
      const value = valueOf(20 * MEGABYTE)
      yield* store(yield* server.connect(), "a", value)
      yield* client.sendFlushed("GET a\nGET none\nGET a\n")
      const closing = yield* Effect.forkChild(server.close)
      yield* server.logs.waitFor("shutting down")
      yield* client.resume
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      const reply = replyOf(value)
      assertBytes(Buffer.from(text, "latin1"), Buffer.concat([reply, Buffer.from("ERROR key not found\n"), reply]))
      yield* Fiber.join(closing)
      assert.strictEqual(seen.open, 0)
    })
  )
})

describe("a long request", () => {
  it.effect("counts as client memory as it comes, and not as it is announced", () =>
    Effect.gen(function* () {
      const { server } = yield* start({ maxClientMemory: 2 * MEGABYTE })
      const announcing = yield* Effect.forEach([1, 2, 3], () => server.connect())
      const whole = put("a", valueOf(3 * MEGABYTE))
      for (const client of announcing) yield* client.sendFlushed(whole.subarray(0, 300_000))
      const other = yield* server.connect()
      yield* store(other, "b", valueOf(1000))
      assert.deepInclude(yield* server.stats, { open: 4, overMemory: 0 })
      const [greedy] = announcing
      yield* greedy?.send(whole.subarray(300_000)) ?? assert.fail("there is nobody")
      yield* greedy?.closed ?? Effect.void
      assert.deepInclude(yield* server.stats, { open: 3, overMemory: 1 })
      yield* store(other, "b", valueOf(1000))
    })
  )

  it.effect("of more bytes than there are closes its connection, and no other", () =>
    Effect.gen(function* () {
      const { server } = yield* start()
      const client = yield* server.connect()
      const other = yield* server.connect()
      yield* client.send(`PUT a ${2 ** 50}\nsome`)
      yield* client.closed
      yield* store(other, "b", valueOf(1000))
      assert.deepInclude(yield* server.stats, { open: 1, overMemory: 1, defects: 0 })
    })
  )

  it.effect("whose client leaves meanwhile is stored, and one that is not whole is not", () =>
    Effect.gen(function* () {
      const { server } = yield* start()
      const whole = yield* server.connect()
      const half = yield* server.connect()
      const other = yield* server.connect()
      const value = valueOf(2 * MEGABYTE)
      yield* half.sendFlushed(put("b", value).subarray(0, MEGABYTE))
      yield* half.destroy
      yield* whole.sendFlushed(put("a", value))
      yield* whole.destroy
      yield* server.logs.waitFor("connection closed by the client", 2)
      for (let isThere = false; !isThere;) {
        yield* other.send("GET a\n")
        const first = yield* other.lines(1)
        isThere = first === `${value.length}\n`
      }
      assertBytes(yield* other.bytes(value.length + 1), Buffer.concat([value, Buffer.from("\n")]))
      assert.deepInclude((yield* server.stats).store, { keys: 1 })
    })
  )
})

describe("what goes wrong with a long reply", () => {
  it.effect("in its midst costs its connection, and nobody else", () =>
    Effect.gen(function* () {
      const { seen, server } = yield* start()
      const bad = yield* server.connect()
      const other = yield* server.connect()
      const value = valueOf(3 * MEGABYTE)
      yield* store(other, "a", value)
      for (const [round, slice] of [0, 5].entries()) {
        const client = round === 0 ? bad : yield* server.connect()
        seen.slices.length = 0
        seen.throwsAt = slice
        yield* client.send("GET none\nGET a\nGET none\n")
        const { text } = yield* client.untilEnd
        // The replies before it are intact.
        assert.match(text, /^ERROR key not found\n3145728\n/)
        assert.isBelow(text.length, value.length)
        assert.strictEqual(seen.open, 0)
        seen.throwsAt = -1
        assert.deepInclude(yield* server.stats, { defects: round + 1 })
        yield* other.send("GET a\n")
        assertBytes(yield* other.bytes(replyOf(value).length), replyOf(value))
      }
    })
  )

  it.effect("on purpose is what goes wrong with any", () =>
    Effect.gen(function* () {
      const faults = new Faults(1)
      const { seen, server } = yield* Effect.provideService(start({ inTurns: false }), CurrentFaults, faults)
      const client = yield* server.connect()
      const value = valueOf(2 * MEGABYTE)
      const reply = replyOf(value)
      yield* store(client, "a", value)
      faults.set({ kind: "delay", millis: 1000 })
      yield* client.send("GET a\nGET none\n")
      yield* server.quiet
      yield* TestClock.adjust("1 second")
      assertBytes(yield* client.bytes(reply.length), reply)
      yield* server.quiet
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* client.lines(1), "ERROR key not found\n")
      faults.set({ kind: "truncate", bytes: MEGABYTE })
      yield* client.send("GET a\n")
      const { text } = yield* client.untilEnd
      assertBytes(Buffer.from(text, "latin1"), reply.subarray(0, MEGABYTE))
      faults.set({ kind: "close", afterReplies: 0 })
      const cut = yield* server.connect()
      yield* cut.send("GET a\n")
      assert.strictEqual((yield* cut.untilEnd).text, "")
      assert.strictEqual(seen.open, 0)
    })
  )
})

describe("a long value in Redis's protocol", () => {
  const set = (value: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${value.length}\r\n`), value, Buffer.from("\r\n")])

  it.effect("is stored and shown whole, alone and within arrays", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ inTurns: true })
      const client = yield* server.connect()
      const value = valueOf(3 * MEGABYTE + 1)
      const bulk = Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from("\r\n")])
      const expected = Buffer.concat([
        Buffer.from("+OK\r\n"),
        bulk,
        Buffer.from("*3\r\n"),
        bulk,
        Buffer.from("$-1\r\n"),
        bulk,
        Buffer.from("$-1\r\n"),
        bulk,
        Buffer.from(":1\r\n")
      ])
      yield* client.send(set(value))
      yield* client.send("*2\r\n$3\r\nGET\r\n$1\r\na\r\nMGET a b a\r\n")
      // Conditions and options hold for a value that is stored in slices, too.
      const nx = Buffer.concat([Buffer.from("*4"), set(value).subarray(2), Buffer.from("$2\r\nNX\r\n")])
      const get = Buffer.concat([Buffer.from("*4"), set(value).subarray(2), Buffer.from("$3\r\nGET\r\n")])
      yield* client.send(nx)
      yield* client.send(get)
      yield* client.send("DEL a\r\n")
      assertBytes(yield* client.bytes(expected.length), expected)
    })
  )

  it.effect("that is longer than is allowed is refused, whatever of it has come", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ inTurns: true, maxValueSize: MEGABYTE })
      const client = yield* server.connect()
      yield* client.send(set(valueOf(MEGABYTE)))
      assert.strictEqual(yield* client.lines(1), "+OK\r\n")
      yield* client.send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1048577\r\nab")
      assert.match((yield* client.untilEnd).text, /^-ERR Protocol error: invalid bulk length/)
    })
  )
})
