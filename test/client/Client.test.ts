/** The client as a service, against a real server in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { Client, type ClientOptions } from "../../src/client/Client.ts"
import { Key, NO_TTL, type StoreCommand, Value } from "../../src/domain/Command.ts"
import * as Reply from "../../src/domain/Reply.ts"
import { version } from "../../src/Version.ts"
import * as Changes from "../server/Changes.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Peer from "./Peer.ts"

const makeClient = (options: ClientOptions) =>
  Effect.map(Layer.build(Client.layer(options)), (context) => Context.get(context, Client))

const start = Effect.fnUntraced(function* (options: TestServer.Options = {}) {
  const server = yield* TestServer.start(options)
  return { server, client: yield* makeClient(server.address) }
})

describe("the client", () => {
  it.effect("has typed operations, and a miss is a value", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      yield* client.put("a", "1")
      assert.strictEqual(yield* client.get("a"), "1")
      assert.isTrue(yield* client.exists("a"))
      assert.isTrue(yield* client.delete("a"))
      assert.isUndefined(yield* client.get("a"))
      assert.isFalse(yield* client.exists("a"))
      assert.isFalse(yield* client.delete("a"))
    })
  )

  it.effect("empties the cache, and reads its statistics", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      yield* client.put("a", "1")
      assert.deepInclude(yield* client.stats, { version, uptime: "0", keys: "1", connections: "1" })
      yield* client.flush
      assert.deepInclude(yield* client.stats, { keys: "0", bytes: "0" })
      assert.isFalse(yield* client.exists("a"))
    })
  )

  it.effect("sees a key expire", () =>
    Effect.gen(function* () {
      const { client } = yield* start({ expireInterval: "1 hour" })
      yield* client.put("a", "1", 10)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* client.get("a"), "1")
      yield* TestClock.adjust(1)
      assert.isUndefined(yield* client.get("a"))
    })
  )

  it.effect("refuses what no server would accept, without asking one", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      const errors = yield* Effect.all([
        Effect.flip(client.put("two words", "1")),
        Effect.flip(client.put("a", "x".repeat(257))),
        Effect.flip(client.put("a", "1", -1)),
        Effect.flip(client.get("")),
        Effect.flip(client.delete("caf\u00e9")),
        Effect.flip(client.exists("a\nDELETE b"))
      ])
      assert.deepStrictEqual(
        errors.map((error) => [error._tag, error.message.split(" ")[0]]),
        ["key", "value", "ttl", "key", "key", "key"].map((part) => ["InvalidCommand", part])
      )
      assert.strictEqual((yield* server.stats).bytesIn, 0)
    })
  )

  it.effect("executes a pipeline", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const commands = Array.from({ length: 5000 }, (_, i): StoreCommand =>
        i % 2 === 0
          ? { _tag: "Put", key: Key.make(`k${i}`), value: Value.make(`v${i}`), ttl: NO_TTL }
          : { _tag: "Get", key: Key.make(`k${i - 1}`) }
      )
      const expected = commands.map((_, i) => (i % 2 === 0 ? Reply.stored : Reply.found(Value.make(`v${i - 1}`))))
      assert.deepStrictEqual(yield* client.execute(commands), expected)
    })
  )

  it.effect("gives each of 50 fibers its own replies over one connection", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      const work = (fiber: number) =>
        Effect.gen(function* () {
          for (let i = 0; i < 20; i++) {
            yield* client.put(`key-${fiber}-${i}`, `value-${fiber}-${i}`)
            assert.strictEqual(yield* client.get(`key-${fiber}-${i}`), `value-${fiber}-${i}`)
            assert.isUndefined(yield* client.get(`none-${fiber}-${i}`))
            assert.isTrue(yield* client.delete(`key-${fiber}-${i}`))
          }
        })
      yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        work,
        { concurrency: "unbounded", discard: true }
      )
      assert.strictEqual((yield* server.stats).accepted, 1)
    })
  )

  it.effect("gives other fibers their replies when one fiber gives up", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      yield* client.put("a", "1")
      yield* client.put("b", "2")
      const first = yield* Effect.forkChild(client.get("a"), { startImmediately: true })
      const second = yield* Effect.forkChild(client.get("b"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(second), "2")
      assert.strictEqual(yield* client.get("a"), "1")
    })
  )

  it.effect("quits", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      yield* client.put("a", "1")
      yield* client.quit
      assert.strictEqual((yield* server.stats).quits, 1)
      assert.strictEqual((yield* Effect.flip(client.get("a")))._tag, "ConnectionClosedError")
      yield* client.quit
    })
  )

  it.effect("reports the server's message when it is one client too many", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 1 })
      yield* makeClient(server.address)
      const second = yield* makeClient(server.address)
      const error = yield* Effect.flip(second.get("a"))
      assert.strictEqual(error._tag, "RefusedError")
      assert.match(error.message, /too many connections: the limit is 1/)
    })
  )

  it.effect("cannot be made without a server", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      assert.strictEqual((yield* Effect.flip(makeClient({ host: "127.0.0.1", port })))._tag, "ConnectError")
    })
  )

  it.effect("stays without a connection unless reconnection was asked for", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      yield* client.put("a", "1")
      yield* server.close
      yield* TestServer.start({ port: server.address.port })
      assert.strictEqual((yield* Effect.flip(client.get("a")))._tag, "ConnectionClosedError")
    })
  )
})

describe("reconnection", () => {
  const reconnect = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 3 }))

  /** Moves the clock until the fiber is done. The network, not the clock, decides when an attempt to connect ends. */
  const moveUntilDone = <A, E>(fiber: Fiber.Fiber<A, E>, waits: Array<number>) =>
    Effect.gen(function* () {
      for (let millis = 0; fiber.pollUnsafe() === undefined; millis += 50) {
        yield* TestClock.adjust("50 millis")
        yield* attemptSettled
        waits.push(millis)
      }
      return yield* Fiber.join(fiber)
    })

  /** Once another connection has been refused, so has the first. */
  const attemptSettled = Effect.flatMap(Peer.unusedPort, (port) =>
    Effect.ignore(makeClient({ host: "127.0.0.1", port }).pipe(Effect.scoped))
  )

  it.effect("serves the next request, at the same address", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* makeClient({ ...server.address, reconnect })
      yield* client.put("a", "1")
      yield* server.close
      yield* TestServer.start({ port: server.address.port })
      const getting = yield* Effect.forkChild(
        // A request on a connection that is about to close may fail, because it is not sent twice.
        Effect.retry(client.get("a"), { times: 1, while: (error) => error._tag === "ConnectionClosedError" })
      )
      assert.isUndefined(yield* moveUntilDone(getting, []))
      yield* client.put("a", "2")
      assert.strictEqual(yield* client.get("a"), "2")
    })
  )

  it.effect("happens once for all waiting fibers", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* makeClient({ ...server.address, reconnect })
      yield* client.quit
      yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => `key${i}`),
        (key) => client.put(key, key),
        {
          concurrency: "unbounded"
        }
      )
      assert.strictEqual((yield* server.stats).accepted, 2)
    })
  )

  it.effect("backs off and finally gives up", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      const making = yield* Effect.forkChild(Effect.flip(makeClient({ host: "127.0.0.1", port, reconnect })))
      const waits: Array<number> = []
      const error = yield* moveUntilDone(making, waits)
      assert.strictEqual(error._tag, "ConnectError")
      // The pauses between four attempts are 100, 200 and 400 ms.
      assert.isAtLeast(waits.at(-1) ?? 0, 650)
    })
  )

  it.effect("finds a server that comes up late", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      const making = yield* Effect.forkChild(makeClient({ host: "127.0.0.1", port, reconnect }))
      yield* attemptSettled
      yield* TestServer.start({ port })
      const client = yield* moveUntilDone(making, [])
      yield* client.put("a", "1")
      assert.strictEqual(yield* client.get("a"), "1")
    })
  )
})

describe("a client of a peer that never answers", () => {
  it.effect("gives up a request after five seconds by default", () =>
    Effect.gen(function* () {
      const changes = Changes.make()
      let asked = false
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", () => {
          asked = true
          changes.changed()
        })
      })
      const client = yield* makeClient({ host: peer.host, port: peer.port })
      const getting = yield* Effect.forkChild(Effect.flip(client.get("a")), { startImmediately: true })
      yield* changes.until(() => asked)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(getting))._tag, "TimeoutError")
    })
  )
})
