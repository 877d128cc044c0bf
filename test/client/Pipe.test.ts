/** Commands from a pipe: bytes in, bytes out, in order, however they are cut. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { connect } from "../../src/client/ClientConnection.ts"
import type { ConnectOptions } from "../../src/client/ClientSocket.ts"
import * as Pipe from "../../src/client/Pipe.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import * as Changes from "../server/Changes.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Peer from "./Peer.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const start = Effect.fnUntraced(function* (options: ConnectOptions, input: Stream.Stream<Uint8Array>, raw = false) {
  const connection = yield* connect(options, textProtocol)
  const changes = Changes.make()
  let output = ""
  const write = (chunk: Buffer) =>
    Effect.sync(() => {
      output += chunk.toString("latin1")
      changes.changed()
    })
  const fiber = yield* Effect.forkChild(Pipe.run(connection, input, write, { protocol: textProtocol, raw }))
  return { changes, fiber, output: () => output }
})

const run = Effect.fnUntraced(function* (options: ConnectOptions, chunks: ReadonlyArray<string>, raw = false) {
  const { fiber, output } = yield* start(options, Stream.fromIterable(chunks.map(bytes)), raw)
  const exit = yield* Fiber.await(fiber)
  return { output: output(), failure: Exit.isSuccess(exit) ? undefined : yield* Effect.flip(exit) }
})

const script = [
  "PUT a 1",
  "GET a",
  "BAD",
  "",
  "  exists\ta \r",
  "PUT caf\u00e9 1",
  "PUT a 2 -1",
  "DELETE a",
  "GET a",
  "EXISTS a"
].join("\n")

const answers = [
  "OK stored",
  "OK 1",
  "ERROR unknown command 'BAD': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT",
  "ERROR empty line: expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT",
  "OK 1",
  "ERROR key must be 1 to 256 printable ASCII characters without whitespace",
  "ERROR ttl must be a whole number of seconds from 0 to 2147483647",
  "OK deleted",
  "ERROR key not found",
  "OK 0",
  ""
].join("\n")

describe("a pipe", () => {
  it.effect("is answered line by line, with bad lines in place, and a last line without its newline too", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      assert.deepStrictEqual(yield* run(server.address, [script]), { output: answers, failure: undefined })
    })
  )

  it.effect("may be cut anywhere", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const everyCharacter = yield* run(server.address, Array.from(script))
      assert.deepStrictEqual(everyCharacter, { output: answers, failure: undefined })
    })
  )

  it.effect("is answered in the server's own words", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const raw = yield* server.connect()
      yield* raw.send(`${script}\nQUIT\n`)
      assert.strictEqual((yield* raw.untilEnd).text, answers)
    })
  )

  it.effect("may be empty", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      assert.deepStrictEqual(yield* run(server.address, []), { output: "", failure: undefined })
      assert.deepStrictEqual(yield* run(server.address, [""]), { output: "", failure: undefined })
    })
  )

  it.effect("keeps the order of many batches", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const count = 20_000
      const lines = Array.from({ length: count }, (_, i) => (i % 100 === 99 ? "BAD\n" : `PUT k ${i}\nGET k\n`)).join("")
      const chunks = lines.match(/[^]{1,5000}/g) ?? []
      const expected = Array.from({ length: count }, (_, i) =>
        i % 100 === 99
          ? "ERROR unknown command 'BAD': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT\n"
          : `OK stored\nOK ${i}\n`
      ).join("")
      const { failure, output } = yield* run(server.address, chunks)
      assert.isUndefined(failure)
      assert.isTrue(output === expected)
    })
  )

  it.effect("ends with QUIT", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const result = yield* run(server.address, ["PUT a 1\nGET a\nQUIT\nDELETE a\n", "DELETE a\n"])
      assert.deepStrictEqual(result, { output: "OK stored\nOK 1\n", failure: undefined })
      assert.deepInclude((yield* server.stats).store, { puts: 1, gets: 1, deletes: 0 })
    })
  )

  it.effect("has values only, if raw is wanted", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const { output } = yield* run(server.address, ["PUT a OK\nGET a\nGET b\nEXISTS a\n"], true)
      assert.strictEqual(output, "OK stored\nOK\nERROR key not found\nOK 1\n")
    })
  )

  it.effect("is answered as it comes, before its end", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const input = yield* Queue.unbounded<Uint8Array>()
      const { changes, output } = yield* start(server.address, Stream.fromQueue(input))
      yield* Queue.offer(input, bytes("PUT a 1\nGET "))
      yield* changes.until(() => output() === "OK stored\n")
      yield* Queue.offer(input, bytes("a\n"))
      yield* changes.until(() => output() === "OK stored\nOK 1\n")
    })
  )

  it.effect("is read no faster than its answers are taken", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const connection = yield* connect(server.address, textProtocol)
      let chunks = 0
      const input = Stream.forever(
        Stream.fromEffect(
          Effect.sync(() => {
            chunks++
            return bytes("GET a\n".repeat(1024))
          })
        )
      )
      const taken = Changes.make()
      let writes = 0
      const fiber = yield* Effect.forkChild(
        Pipe.run(
          connection,
          input,
          () =>
            Effect.andThen(
              Effect.sync(() => {
                writes++
                taken.changed()
              }),
              Effect.never
            ),
          { protocol: textProtocol, raw: false }
        )
      )
      yield* taken.until(() => writes === 1)
      // Each round trip is a turn of the event loop in which more would have been read.
      const witness = yield* server.connect()
      for (let i = 0; i < 50; i++) yield* witness.ask("EXISTS a\n")
      assert.isAtMost(chunks, 20)
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("a pipe that is not answered completely", () => {
  it.effect("stops with a count when the connection is lost", () =>
    Effect.gen(function* () {
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", () => socket.end("OK stored\nOK 1\n"))
      })
      const { failure, output } = yield* run(peer, ["PUT a 1\nBAD\nGET a\nGET b\nGET c\n"])
      assert.strictEqual(
        output,
        "OK stored\nERROR unknown command 'BAD': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT\nOK 1\n"
      )
      assert.deepInclude(failure, {
        _tag: "PipeStopped",
        reason: "connection",
        answered: 3,
        message: `The connection to 127.0.0.1:${peer.port} is closed: the server closed it. 3 requests were answered.`
      })
    })
  )

  it.effect("stops when the server goes away between requests", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const input = yield* Queue.unbounded<Uint8Array>()
      const { changes, fiber, output } = yield* start(server.address, Stream.fromQueue(input))
      yield* Queue.offer(input, bytes("PUT a 1\n"))
      yield* changes.until(() => output() === "OK stored\n")
      yield* server.close
      const failure = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(failure, { reason: "connection", answered: 1 })
      assert.match(failure.message, /1 request was answered\.$/)
    })
  )

  it.effect("stops when the server does not answer", () =>
    Effect.gen(function* () {
      const changes = Changes.make()
      let asked = false
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", () => {
          asked = true
          changes.changed()
        })
      })
      const { fiber } = yield* start({ ...peer, requestTimeout: "2 seconds" }, Stream.make(bytes("GET a\n")))
      yield* changes.until(() => asked)
      yield* TestClock.adjust("2 seconds")
      const failure = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(failure.message, `127.0.0.1:${peer.port} did not answer within 2s. 0 requests were answered.`)
    })
  )

  it.effect.each([
    { end: "x".repeat(5000), error: "line too long: a request has fewer than 4096 bytes" },
    { end: "POST /", error: "this server does not speak HTTP" }
  ])("stops at what cannot be read any further: $error", ({ end, error }) =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const { failure, output } = yield* run(server.address, [`PUT a 1\n${end}\nDELETE a\n`, "DELETE a\n"])
      assert.strictEqual(output, `OK stored\nERROR ${error}\n`)
      assert.deepInclude(failure, { reason: "input", answered: 2 })
      assert.strictEqual((yield* server.stats).store.deletes, 0)
    })
  )
})
