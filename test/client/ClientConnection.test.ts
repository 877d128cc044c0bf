/** One connection to real servers, and to peers that misbehave. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { connect } from "../../src/client/ClientConnection.ts"
import type { ConnectOptions } from "../../src/client/ClientSocket.ts"
import { Key, NO_TTL, type StoreCommand, Value } from "../../src/domain/Command.ts"
import * as Reply from "../../src/domain/Reply.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import * as Changes from "../server/Changes.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Peer from "./Peer.ts"

const open = (options: ConnectOptions) => connect(options, textProtocol)

const get = (key: string): StoreCommand => ({ _tag: "Get", key: Key.make(key) })

const put = (key: string, value: string): StoreCommand => ({
  _tag: "Put",
  key: Key.make(key),
  value: Value.make(value),
  ttl: NO_TTL
})

describe("a connection to a server", () => {
  it.effect("answers a pipeline in order", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const connection = yield* open(server.address)
      const replies = yield* connection.execute([
        put("a", "1"),
        get("a"),
        { _tag: "Exists", key: Key.make("a") },
        { _tag: "Delete", key: Key.make("a") },
        { _tag: "Exists", key: Key.make("a") },
        get("a")
      ])
      assert.deepStrictEqual(replies, [
        Reply.stored,
        Reply.found(Value.make("1")),
        Reply.present,
        Reply.deleted,
        Reply.absent,
        Reply.notFound
      ])
    })
  )

  it.effect("sends nothing for an empty pipeline", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const connection = yield* open(server.address)
      assert.deepStrictEqual(yield* connection.execute([]), [])
      assert.strictEqual((yield* server.stats).bytesIn, 0)
    })
  )

  it.effect("reads a value that looks like another reply as a value", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const connection = yield* open(server.address)
      const replies = yield* connection.execute([put("a", "stored"), get("a"), put("b", "1"), get("b")])
      assert.deepStrictEqual(replies, [
        Reply.stored,
        Reply.found(Value.make("stored")),
        Reply.stored,
        Reply.found(Value.make("1"))
      ])
    })
  )

  it.effect("ends with QUIT, after the answers to all earlier requests", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const connection = yield* open(server.address)
      const answers = yield* Effect.forkChild(connection.execute([put("a", "1"), get("a")]), { startImmediately: true })
      yield* connection.quit
      assert.strictEqual((yield* Fiber.join(answers)).length, 2)
      assert.strictEqual(connection.closedWith?._tag, "ConnectionClosedError")
      const error = yield* Effect.flip(connection.execute([get("a")]))
      assert.strictEqual(error._tag, "ConnectionClosedError")
      yield* connection.quit
    })
  )

  it.effect("fails with a clear error when the server stops", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const connection = yield* open(server.address)
      yield* connection.execute([put("a", "1")])
      yield* server.close
      const error = yield* connection.closed
      assert.strictEqual(error._tag, "ConnectionClosedError")
      assert.match(error.message, /^The connection to 127\.0\.0\.1:\d+ is closed: [^\n]+\.$/)
      assert.strictEqual(yield* Effect.flip(connection.execute([get("a")])), error)
    })
  )

  it.effect("learns why it is one too many", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 1 })
      yield* open(server.address)
      const second = yield* open(server.address)
      const error = yield* second.closed
      assert.strictEqual(error._tag, "RefusedError")
      assert.match(error.message, /refused the connection: too many connections: the limit is 1\.$/)
    })
  )
})

describe("a connection to a peer that misbehaves", () => {
  it.effect("names an IPv6 address in brackets, so that its port can be told from it", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      const error = yield* Effect.flip(open({ host: "::1", port }))
      assert.include(error.message, `Cannot connect to [::1]:${port}: `)
    })
  )

  it.effect("is refused if nothing listens", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      const error = yield* Effect.flip(open({ host: "127.0.0.1", port }))
      assert.strictEqual(error._tag, "ConnectError")
      assert.strictEqual(
        error.message,
        `Cannot connect to 127.0.0.1:${port}: connection refused; is the server running?`
      )
    })
  )

  it.effect("times out without an answer, and drops the late answer", () =>
    Effect.gen(function* () {
      const changes = Changes.make()
      let received = ""
      let answer: (text: string) => void = () => {}
      const peer = yield* Peer.listen((socket) => {
        answer = (text) => socket.write(text)
        socket.on("data", (chunk) => {
          received += String(chunk)
          changes.changed()
        })
      })
      const connection = yield* open({ ...peer, requestTimeout: "5 seconds" })
      const first = yield* Effect.forkChild(Effect.flip(connection.execute([get("a")])), { startImmediately: true })
      yield* changes.until(() => received === "GET a\n")
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(first.pollUnsafe())
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(first)
      assert.strictEqual(error._tag, "TimeoutError")
      assert.strictEqual(error.message, `127.0.0.1:${peer.port} did not answer within 5s.`)

      const second = yield* Effect.forkChild(connection.execute([get("b")]), { startImmediately: true })
      yield* changes.until(() => received === "GET a\nGET b\n")
      answer("OK late\nOK mine\n")
      assert.deepStrictEqual(yield* Fiber.join(second), [Reply.found(Value.make("mine"))])
    })
  )

  it.effect("does not accept garbage as an answer", () =>
    Effect.gen(function* () {
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", () => socket.write("SSH-2.0-OpenSSH_9.6\r\n"))
      })
      const connection = yield* open(peer)
      const error = yield* Effect.flip(connection.execute([get("a")]))
      assert.strictEqual(error._tag, "MalformedReplyError")
      assert.strictEqual(
        error.message,
        `127.0.0.1:${peer.port} sent what is no answer of a KV-Cache server: 'SSH-2.0-OpenSSH_9.6'.`
      )
      assert.strictEqual(connection.closedWith, error)
    })
  )

  it.effect("does not accept an answer without a request", () =>
    Effect.gen(function* () {
      const peer = yield* Peer.listen((socket) => socket.write("ERROR go away\n"))
      const connection = yield* open(peer)
      assert.strictEqual((yield* connection.closed).message, `127.0.0.1:${peer.port} refused the connection: go away.`)
    })
  )

  it.effect("keeps the answers that came before the connection was lost", () =>
    Effect.gen(function* () {
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", () => socket.end("OK stored\nOK 1\nOK unfini"))
      })
      const connection = yield* open(peer)
      const replies: Array<Reply.Reply> = []
      const error = yield* Effect.flip(connection.execute([put("a", "1"), get("a"), get("b")], replies))
      assert.strictEqual(error._tag, "ConnectionClosedError")
      assert.deepStrictEqual(replies, [Reply.stored, Reply.found(Value.make("1"))])
    })
  )

  it.effect("reports that it was cut", () =>
    Effect.gen(function* () {
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", () => socket.resetAndDestroy())
      })
      const connection = yield* open(peer)
      const error = yield* Effect.flip(connection.execute([get("a")]))
      assert.strictEqual(error.message, `The connection to 127.0.0.1:${peer.port} is closed: the server cut it.`)
    })
  )

  it.effect("does not wait forever for the answer to QUIT", () =>
    Effect.gen(function* () {
      const changes = Changes.make()
      let received = ""
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", (chunk) => {
          received += String(chunk)
          changes.changed()
        })
      })
      const connection = yield* open({ ...peer, requestTimeout: "5 seconds" })
      const quit = yield* Effect.forkChild(connection.quit, { startImmediately: true })
      yield* changes.until(() => received === "QUIT\n")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(quit)
    })
  )
})
