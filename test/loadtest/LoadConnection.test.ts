/** How a connection of a load test opens, preloads, and judges its answers. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { merge } from "../../src/loadtest/Histogram.ts"
import { LoadConnection } from "../../src/loadtest/LoadConnection.ts"
import { Recorder } from "../../src/loadtest/Recorder.ts"
import { Outbox } from "../../src/loadtest/Outbox.ts"
import { TextWire } from "../../src/loadtest/TextWire.ts"
import { getOf, makeVocabulary, putOf, type WorkItem } from "../../src/loadtest/Workload.ts"
import * as Peer from "../client/Peer.ts"
import * as Changes from "../server/Changes.ts"
import * as TestServer from "../server/TestServer.ts"
import { wordsOf, workloadOf } from "./Options.ts"
import * as ScriptedServer from "./ScriptedServer.ts"

const make = Effect.fnUntraced(function* (peer: { readonly host: string; readonly port: number }, ttl = 0) {
  const clock = yield* Clock.clockWith(Effect.succeed)
  const now = () => Number(clock.monotonicTimeNanosUnsafe())
  const recorder = new Recorder(() => {})
  const changes = Changes.make()
  const vocabulary = wordsOf(workloadOf())
  const connection = new LoadConnection({
    host: peer.host,
    port: peer.port,
    wire: new TextWire(makeVocabulary(workloadOf()), ttl),
    outbox: new Outbox(),
    recorder,
    timeout: 5e9,
    now,
    onProgress: changes.changed
  })
  recorder.start(now())
  return { connection, recorder, vocabulary, settled: changes.until(() => connection.inFlight === 0) }
})

/** Sends the requests to a server with these answers and gives what was recorded. */
const ask = (items: ReadonlyArray<WorkItem>, answer: (request: ScriptedServer.Request) => ScriptedServer.Answer) =>
  Effect.scoped(
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen(answer)
      const { connection, recorder, settled } = yield* make(peer)
      yield* connection.open
      const row = items.values()
      connection.prepare({ next: () => row.next().value ?? putOf(0) })
      connection.send(items.length)
      yield* settled
      const { get, put, ...counts } = recorder.end()
      return { ...counts, recorded: merge([put, get]).count, lost: connection.lost }
    })
  )

const put = putOf(7)
const get = getOf(7)

describe("opening", () => {
  it.effect("waits for a first answer, which is not recorded", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const { connection, recorder } = yield* make(server.address)
      yield* connection.open
      assert.deepInclude(yield* server.stats, { open: 1 })
      assert.deepInclude((yield* server.stats).store, { existences: 1, puts: 0, gets: 0 })
      assert.deepInclude(recorder.end(), { putCount: 0, getCount: 0, errors: {} })
    })
  )

  it.effect("fails with the message of a server that takes no more connections", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 1 })
      const { connection: first } = yield* make(server.address)
      const { connection: second } = yield* make(server.address)
      yield* first.open
      const error = yield* Effect.flip(second.open)
      const { host, port } = server.address
      assert.strictEqual(error.message, `${host}:${port} refused the connection: too many connections: the limit is 1.`)
      assert.isUndefined(first.lost)
    })
  )

  it.effect("fails if nothing listens", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      const { connection } = yield* make({ host: "127.0.0.1", port })
      const { message } = yield* Effect.flip(connection.open)
      assert.strictEqual(message, `Cannot connect to 127.0.0.1:${port}: connection refused; is the server running?`)
    })
  )

  it.effect("fails if the peer closes, or is not a KV-Cache server", () =>
    Effect.gen(function* () {
      const peers = [
        ["", "The connection to 127.0.0.1:port is closed: the server closed it."],
        [
          "HTTP/1.1 400 Bad Request\r\n\r\n",
          "127.0.0.1:port sent what is no answer of a KV-Cache server: 'HTTP/1.1 400 Bad Request'."
        ]
      ] as const
      for (const [answer, expected] of peers) {
        const peer = yield* Peer.listen((socket) => socket.on("data", () => void socket.end(answer)))
        const { connection } = yield* make(peer)
        const { message } = yield* Effect.flip(connection.open)
        assert.strictEqual(message.replace(String(peer.port), "port"), expected)
      }
    })
  )

  it.effect("fails if the peer accepts but does not answer for five seconds", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const peer = yield* Peer.listen((socket) => socket.on("data", () => Deferred.doneUnsafe(asked, Effect.void)))
      const { connection } = yield* make(peer)
      const opening = yield* Effect.forkChild(Effect.flip(connection.open))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("5 seconds")
      const { message } = yield* Fiber.join(opening)
      assert.strictEqual(message, `127.0.0.1:${peer.port} did not answer within 5s.`)
    })
  )
})

describe("preloading", () => {
  it.effect("puts keys with their values and TTL, and records nothing", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const { connection, recorder, vocabulary } = yield* make(peer, 60)
      yield* connection.open
      yield* connection.put([3, 4])
      assert.deepStrictEqual(
        peer.requests.map(({ line }) => line),
        [3, 4].map((key) => `PUT ${vocabulary.key(key)} ${vocabulary.value(key)} 60`)
      )
      assert.deepInclude(recorder.end(), { putCount: 0, errors: {} })
    })
  )

  it.effect("fails if the server refuses a PUT, or goes away", () =>
    Effect.gen(function* () {
      for (const [answer, expected] of [
        ["ERROR out of memory", /refused a PUT of the preload: out of memory\.$/],
        ["close", /is closed: the server closed it\.$/]
      ] as const) {
        const peer = yield* ScriptedServer.listen(({ number }) => (number === 1 ? answer : "OK stored"))
        const { connection } = yield* make(peer)
        yield* connection.open
        const error = yield* Effect.flip(connection.put([0, 1, 2]))
        assert.match(error.message, expected)
      }
    })
  )
})

describe("answers", () => {
  it.effect("are hits, misses and stored values", () =>
    Effect.gen(function* () {
      const result = yield* ask([put, get, getOf(8)], ScriptedServer.asCache())
      assert.deepInclude(result, { putCount: 1, getCount: 2, hits: 1, misses: 1, errors: {}, recorded: 3 })
    })
  )

  it.effect("with a value other than the one put are failures", () =>
    Effect.gen(function* () {
      const wrong = yield* ask([put, get, get], ({ number }) => (number === 0 ? "OK stored" : `OK ${"x".repeat(64)}`))
      assert.deepInclude(wrong, { getCount: 2, getErrors: 2, hits: 0, errors: { wrong_value: 2 }, recorded: 1 })
      const shortened = yield* ask([get], () => "OK x")
      assert.deepStrictEqual(shortened.errors, { wrong_value: 1 })
    })
  )

  it.effect("that are errors are failures, and the connection goes on", () =>
    Effect.gen(function* () {
      const result = yield* ask([put, get, put], ({ number }) => (number === 2 ? "OK stored" : "ERROR out of memory"))
      assert.deepInclude(result, { errors: { refused: 2 }, putErrors: 1, getErrors: 1, recorded: 1, lost: undefined })
      assert.deepStrictEqual(result.errorMessages, [{ kind: "refused", message: "out of memory", count: 2 }])
    })
  )

  it.effect("that cannot be understood fail everything in flight", () =>
    Effect.gen(function* () {
      const result = yield* ask([put, get, put], ({ number }) => (number === 0 ? "OK stored" : "Hello"))
      assert.deepInclude(result, { errors: { malformed_reply: 2 }, recorded: 1, lost: "malformed_reply" })
      assert.deepStrictEqual(result.errorMessages, [{ kind: "malformed_reply", message: "Hello", count: 2 }])
    })
  )

  it.effect("without a request lose the connection, as refused", () =>
    Effect.gen(function* () {
      const result = yield* ask([put], () => "OK stored\nERROR shutting down")
      assert.deepInclude(result, { recorded: 1, lost: "refused" })
    })
  )

  it.effect("that never come fail as closed, and so do later requests", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen(() => "close")
      const { connection, recorder, settled } = yield* make(peer)
      yield* connection.open
      connection.prepare({ next: () => get })
      connection.send(2)
      yield* settled
      assert.strictEqual(connection.lost, "closed")
      connection.send(3)
      const recording = recorder.end()
      assert.deepInclude(recording, { getCount: 5, getErrors: 5, errors: { closed: 5 } })
      assert.deepStrictEqual(recording.errorMessages, [{ kind: "closed", message: "the server closed it", count: 5 }])
      assert.strictEqual(connection.inFlight, 0)
    })
  )
})

describe("requests", () => {
  it.effect("are exactly as many as asked for, in several writes if needed, with answers in pieces of any size", () =>
    Effect.gen(function* () {
      // More bytes than one write takes and one read gives.
      const items = Array.from({ length: 3000 }, (_, index) => (index % 2 === 0 ? putOf(index) : getOf(index - 1)))
      const result = yield* ask(items, ScriptedServer.asCache())
      assert.deepInclude(result, { putCount: 1500, getCount: 1500, hits: 1500, errors: {}, recorded: 3000 })
    })
  )

  it.effect("count from their moment and from their sending", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      peer.hold()
      const { connection, recorder, settled } = yield* make(peer)
      yield* connection.open
      yield* TestClock.adjust(30)
      connection.prepare({ next: () => put })
      connection.send(1, 10e6)
      yield* peer.received(1)
      yield* TestClock.adjust(5)
      peer.release(1)
      yield* settled
      const { lag, put: latency, service } = recorder.end()
      assert.deepStrictEqual([latency.max, service.max, lag.max], [25e6, 5e6, 20e6])
    })
  )
})
