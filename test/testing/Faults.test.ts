/** Faults as they are met: by our client, and byte for byte by a raw socket. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Client } from "../../src/client/Client.ts"
import { type Fault, startTestServer, TestServer, type TestServerOptions } from "../../src/testing.ts"
import * as RawClient from "../server/RawClient.ts"
import * as PlainSocket from "./PlainSocket.ts"

const start = Effect.fnUntraced(function* (options?: TestServerOptions) {
  const context = yield* Layer.build(TestServer.layer(options))
  const server = Context.get(context, TestServer)
  return { server, client: Context.get(context, Client), raw: yield* RawClient.connect(server) }
})

const MISS = "ERROR key not found\n"

describe("a delayed reply", () => {
  it.effect("comes at its time and not before, and what follows waits for it", () =>
    Effect.gen(function* () {
      const { raw, server } = yield* start()
      server.faults.set({ kind: "delay", millis: 1000, keys: /^slow$/ })
      yield* raw.send("EXISTS fast\nPUT slow 1\nEXISTS slow\nEXISTS fast\n")
      yield* TestClock.adjust(999)
      assert.strictEqual(yield* raw.lines(1), "OK 0\n")
      // It was executed at once; only the reply is late.
      assert.deepInclude((yield* server.stats).store, { puts: 1, keys: 1, existences: 1 })
      assert.strictEqual((yield* server.stats).bytesOut, "OK 0\n".length)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* raw.lines(1), "OK stored\n")
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* raw.lines(2), "OK 1\nOK 0\n")
    })
  )

  it.effect("of 30 s lets our client time out at its 5", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      yield* client.put("a", "1")
      server.faults.set({ kind: "delay", millis: 30_000, times: 1 })
      const getting = yield* Effect.forkChild(Effect.flip(client.get("a")))
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(getting)
      assert.strictEqual(error._tag, "TimeoutError")
      // The late reply is dropped, and the connection goes on.
      assert.strictEqual(yield* client.get("a"), "1")
      assert.strictEqual((yield* server.stats).accepted, 2)
    })
  )

  it.effect("holds up its own connection only", () =>
    Effect.gen(function* () {
      const { client, raw, server } = yield* start()
      server.faults.set({ kind: "delay", millis: 60_000, times: 1 })
      yield* raw.send("GET a\n")
      yield* TestClock.adjust(1)
      yield* client.put("a", "1")
      assert.strictEqual(yield* client.get("a"), "1")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* raw.lines(1), MISS)
    })
  )

  it.effect("is waited for by a connection that is not idle meanwhile, however long", () =>
    Effect.gen(function* () {
      const { raw, server } = yield* start({ idleTimeout: "10 seconds" })
      server.faults.set({ kind: "delay", millis: 3_600_000, times: 1 })
      yield* raw.send("GET a\n")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* raw.lines(1), MISS)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* raw.ask("GET a\n"), MISS)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* raw.untilEnd, { text: "", reset: false })
    })
  )

  it.effect("of no time at all may come thousands of times in one chunk", () =>
    Effect.gen(function* () {
      const { raw, server } = yield* start()
      server.faults.set({ kind: "delay", millis: 0 })
      assert.strictEqual(yield* raw.ask("EXISTS a\n".repeat(5000)), "OK 0\n".repeat(5000))
    })
  )

  it.effect("is not given to a client that went away, and does nobody harm", () =>
    Effect.gen(function* () {
      const { client, raw, server } = yield* start()
      server.faults.set({ kind: "delay", millis: 1000, times: 1 })
      yield* raw.send("GET a\nPUT b 1\n")
      yield* TestClock.adjust(1)
      yield* raw.destroy
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* server.stats, { open: 0 })
      // What it had sent is executed, as ever.
      assert.isTrue(yield* client.exists("b"))
    })
  )

  it.effect("ends with the input: a QUIT and an end of stream behind it are kept", () =>
    Effect.gen(function* () {
      const { server } = yield* start()
      server.faults.set({ kind: "delay", millis: 1000 })
      const quitting = yield* RawClient.connect(server)
      const ending = yield* RawClient.connect(server)
      yield* quitting.send("GET a\nQUIT\nPUT b 1\n")
      yield* ending.send("GET a\n")
      yield* ending.endSide
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(yield* quitting.untilEnd, { text: MISS, reset: false })
      assert.deepStrictEqual(yield* ending.untilEnd, { text: MISS, reset: false })
      assert.deepInclude((yield* server.stats).store, { puts: 0 })
    })
  )
})

describe("a slow reply", () => {
  it.effect("comes byte by byte", () =>
    Effect.gen(function* () {
      const { raw, server } = yield* start()
      yield* raw.ask("PUT a hello\n")
      server.faults.set({ kind: "slow", millis: 100 })
      yield* raw.send("GET a\n")
      const reply = "OK hello\n"
      for (let i = 0; i < reply.length; i++) {
        yield* TestClock.adjust(i === 0 ? 0 : 99)
        if (i > 0) yield* TestClock.adjust(1)
        assert.strictEqual((yield* raw.bytes(1)).toString("latin1"), reply[i])
        assert.strictEqual((yield* server.stats).bytesOut, "OK stored\n".length + i + 1)
      }
    })
  )

  it.effect("is put together by our client, or given up", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      yield* client.put("a", "hello")
      server.faults.set({ kind: "slow", millis: 100 })
      const getting = yield* Effect.forkChild(client.get("a"))
      yield* TestClock.adjust(800)
      assert.strictEqual(yield* Fiber.join(getting), "hello")
      server.faults.set({ kind: "slow", millis: 1000 })
      const waiting = yield* Effect.forkChild(Effect.flip(client.get("a")))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "TimeoutError")
    })
  )
})

describe("a truncated reply", () => {
  it.effect("ends in the middle, and the connection with it", () =>
    Effect.gen(function* () {
      const { server } = yield* start()
      for (const [bytes, text] of [
        [0, ""],
        [4, "OK s"],
        [1000, "OK stored\n"]
      ] as const) {
        const raw = yield* RawClient.connect(server)
        server.faults.set({ kind: "truncate", bytes })
        yield* raw.send("PUT a 1\nPUT b 1\n")
        assert.deepStrictEqual(yield* raw.untilEnd, { text, reset: false })
      }
      assert.deepInclude((yield* server.stats).store, { puts: 3, keys: 1 })
    })
  )

  it.effect("is a closed connection to our client, which has a new one for its next request", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      server.faults.set({ kind: "truncate", bytes: 4, times: 1 })
      assert.strictEqual((yield* Effect.flip(client.put("a", "1")))._tag, "ConnectionClosedError")
      assert.strictEqual(yield* client.get("a"), "1")
    })
  )
})

describe("a connection that is closed", () => {
  it.effect("ends after so many replies, in the place of the next", () =>
    Effect.gen(function* () {
      const { server } = yield* start()
      server.faults.set({ kind: "close", afterReplies: 3 })
      for (let i = 0; i < 2; i++) {
        const raw = yield* RawClient.connect(server)
        yield* raw.send("EXISTS a\n".repeat(10))
        assert.deepStrictEqual(yield* raw.untilEnd, { text: "OK 0\n".repeat(3), reset: false })
      }
    })
  )

  it.effect("counts the replies of each connection, and fails our client's request once", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      server.faults.set({ kind: "close", afterReplies: 2, times: 1 })
      yield* client.put("a", "1")
      assert.strictEqual(yield* client.get("a"), "1")
      assert.strictEqual((yield* Effect.flip(client.get("a")))._tag, "ConnectionClosedError")
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* client.get("a"), "1")
    })
  )
})

describe("a connection that is refused", () => {
  it.effect("is closed before a word is said, so many times", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      server.faults.set({ kind: "refuse", times: 2 })
      for (let i = 0; i < 2; i++) {
        const raw = yield* RawClient.connect(server)
        assert.strictEqual((yield* raw.untilEnd).text, "")
      }
      const raw = yield* RawClient.connect(server)
      assert.strictEqual(yield* raw.ask("EXISTS a\n"), "OK 0\n")
      // Those that are open stay.
      assert.isFalse(yield* client.exists("a"))
    })
  )

  it.effect("fails our client's requests until it is over", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      yield* TestClock.adjust("1 hour")
      server.faults.set({ kind: "refuse" })
      assert.strictEqual((yield* Effect.flip(client.get("a")))._tag, "ConnectionClosedError")
      server.faults.clear()
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(yield* client.get("a"))
    })
  )
})

describe("faults with a condition", () => {
  it.effect("meet matching keys only", () =>
    Effect.gen(function* () {
      const { client, raw, server } = yield* start()
      server.faults.set({ kind: "close", afterReplies: 0, keys: (key) => key.startsWith("session:") })
      yield* client.put("user:1", "ada")
      assert.strictEqual((yield* Effect.flip(client.get("session:1")))._tag, "ConnectionClosedError")
      assert.strictEqual(yield* client.get("user:1"), "ada")
      yield* raw.send("GET user:1\nGET session:1\nGET user:1\n")
      assert.deepStrictEqual(yield* raw.untilEnd, { text: "OK ada\n", reset: false })
    })
  )

  it.effect("are decided by the seed in the same way each time", () =>
    Effect.gen(function* () {
      const outcome = Effect.fnUntraced(function* (seed: number | undefined) {
        const { client, server } = yield* start({ seed })
        server.faults.set({ kind: "close", afterReplies: 0, probability: 0.5 })
        const results = yield* Effect.forEach(
          Array.from({ length: 40 }, (_, i) => `key${i}`),
          (key) => Effect.exit(client.get(key))
        )
        return results.map(({ _tag }) => (_tag === "Success" ? "+" : "-")).join("")
      }, Effect.scoped)
      const first = yield* outcome(42)
      assert.strictEqual(yield* outcome(42), first)
      assert.notStrictEqual(yield* outcome(43), first)
      assert.strictEqual(yield* outcome(undefined), yield* outcome(1))
      assert.include(first, "+")
      assert.include(first, "-")
    })
  )
})

describe("the plain face", () => {
  const kinds: ReadonlyArray<readonly [Fault, string]> = [
    [{ kind: "delay", millis: 30_000 }, "OK 0\n"],
    [{ kind: "slow", millis: 6000 }, "OK 0\n"],
    [{ kind: "truncate", bytes: 3 }, "OK "],
    [{ kind: "close", afterReplies: 0 }, ""]
  ]

  it.live.each(kinds)("has them on the same clock: %o", ([fault, expected]) =>
    Effect.promise(async () => {
      await using server = await startTestServer()
      await using socket = await PlainSocket.connect(server)
      server.faults.set({ ...fault, times: 1 })
      socket.send("EXISTS a\n")
      await server.advance("30 seconds")
      // What is due has come when the step is over.
      assert.strictEqual(socket.received(), expected)
      assert.strictEqual(socket.hasEnded(), fault.kind === "truncate" || fault.kind === "close")
    })
  )

  it.live("has them in real time too", () =>
    Effect.promise(async () => {
      await using server = await startTestServer({ clock: "real" })
      await using socket = await PlainSocket.connect(server)
      server.faults.set({ kind: "slow", millis: 1 })
      assert.deepStrictEqual(await socket.ask("EXISTS a", "EXISTS b"), ["OK 0", "OK 0"])
      server.faults.set({ kind: "refuse" })
      await using refused = await PlainSocket.connect(server)
      assert.strictEqual(await refused.untilEnd(), "")
    })
  )
})

describe("CLOCK", () => {
  it.live("may be pipelined by the thousand, between requests, each at its time", () =>
    Effect.promise(async () => {
      await using server = await startTestServer({ idleTimeout: "1 second" })
      await using socket = await PlainSocket.connect(server)
      const lines = Array.from({ length: 200 }, (_, i) => [
        `PUT a ${i} 1`,
        "CLOCK ADVANCE 999",
        "GET a",
        "CLOCK ADVANCE 1",
        "GET a"
      ])
      const expected = lines.flatMap((_, i) => [
        "OK stored",
        `OK ${i * 1000 + 999}`,
        `OK ${i}`,
        `OK ${i * 1000 + 1000}`,
        "ERROR key not found"
      ])
      assert.deepStrictEqual(await socket.ask(...lines.flat()), expected)
      assert.deepStrictEqual(
        await socket.ask(...Array.from({ length: 6000 }, () => "CLOCK NOW")),
        Array.from({ length: 6000 }, () => "OK 200000")
      )
    })
  )

  it.live("does not let the connection that moves it become idle, but all others", () =>
    Effect.promise(async () => {
      await using server = await startTestServer()
      await using mover = await PlainSocket.connect(server)
      await using other = await PlainSocket.connect(server)
      await other.ask("EXISTS a")
      assert.deepStrictEqual(await mover.ask("CLOCK ADVANCE 315360000000", "CLOCK NOW"), [
        "OK 315360000000",
        "OK 315360000000"
      ])
      assert.isTrue(other.hasEnded())
      assert.deepInclude(await server.stats(), { open: 1, idled: 1 })
      await server.advance("5 minutes")
      assert.isTrue(mover.hasEnded())
    })
  )
})
