/** `TestServer.layer`: on the `TestClock` of the suite, with a connected client, and gone with its scope. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Client } from "../../src/client/Client.ts"
import { TestServer, type TestServerOptions } from "../../src/testing.ts"
import * as RawClient from "../server/RawClient.ts"

const withServer = <A, E, R>(effect: Effect.Effect<A, E, R>, options?: TestServerOptions) =>
  Effect.provide(effect, TestServer.layer(options))

const storeStats = Effect.gen(function* () {
  return (yield* (yield* TestServer).stats).store
})

describe("a test on the TestClock", () => {
  it.effect("has a server that is ready and a client that is connected, from its first line on", () =>
    Effect.gen(function* () {
      const server = yield* TestServer
      const client = yield* Client
      assert.strictEqual(server.address, `${server.host}:${server.port}`)
      assert.deepInclude(yield* server.stats, { accepted: 1, open: 1 })
      yield* client.put("a", "1")
      assert.strictEqual(yield* client.get("a"), "1")
    }).pipe(withServer)
  )

  it.effect("lets a session expire after 30 minutes, to the millisecond", () =>
    Effect.gen(function* () {
      const client = yield* Client
      yield* client.put("session:4711", "ada", 1800)
      yield* TestClock.setTime(1_799_999)
      assert.strictEqual(yield* client.get("session:4711"), "ada")
      yield* TestClock.adjust(1)
      assert.isUndefined(yield* client.get("session:4711"))
      assert.isFalse(yield* client.exists("session:4711"))
    }).pipe(withServer)
  )

  it.effect("has swept what expired and closed what was idle before its next line", () =>
    Effect.gen(function* () {
      const server = yield* TestServer
      const client = yield* Client
      const raw = yield* RawClient.connect(server)
      yield* client.put("a", "1", 10)
      yield* raw.ask("PUT b 1 3600\n")
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* storeStats, { keys: 0, expired: 2, gets: 0 })
      assert.deepInclude(yield* server.stats, { accepted: 2, open: 0, idled: 2 })
      assert.deepStrictEqual(yield* raw.untilEnd, { text: "", reset: false })
    }).pipe(withServer)
  )

  it.effect("keeps the connection of its client across a step, and has a new one after the idle timeout", () =>
    Effect.gen(function* () {
      const server = yield* TestServer
      const client = yield* Client
      yield* client.put("a", "1")
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust("299 seconds")
        assert.strictEqual(yield* client.get("a"), "1")
      }
      assert.deepInclude(yield* server.stats, { accepted: 1, idled: 0 })
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust("1 day")
        assert.strictEqual(yield* client.get("a"), "1")
        // By itself, and once.
        assert.deepInclude(yield* server.stats, { accepted: 2 + i, idled: 1 + i, open: 1 })
      }
    }).pipe(withServer)
  )

  it.effect("renews a lock, opens a window of a rate limit, and lets a token expire, all at once", () =>
    Effect.gen(function* () {
      const client = yield* Client
      yield* client.put("lock", "holder", 10)
      yield* client.put("rate:ada", "3", 60)
      yield* client.put("token", "t", 45)
      const renewing = yield* client
        .put("lock", "holder", 10)
        .pipe(Effect.delay("5 seconds"), Effect.forever, Effect.forkChild)
      const see = Effect.gen(function* () {
        return [yield* client.exists("lock"), yield* client.exists("rate:ada"), yield* client.exists("token")]
      })
      yield* TestClock.adjust("44 seconds")
      assert.deepStrictEqual(yield* see, [true, true, true])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* see, [true, true, false])
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* see, [true, false, false])
      yield* Fiber.interrupt(renewing)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* see, [false, false, false])
    }).pipe(withServer)
  )

  it.effect("goes on by ten years, and a thousand times in a row", () =>
    Effect.gen(function* () {
      const client = yield* Client
      yield* client.put("a", "1", 315_360_000)
      yield* client.put("b", "1", 315_361_000)
      yield* TestClock.adjust(Duration.days(3650))
      assert.deepStrictEqual([yield* client.exists("a"), yield* client.exists("b")], [false, true])
      for (let i = 1; i < 1000; i++) yield* TestClock.adjust("1 second")
      assert.isTrue(yield* client.exists("b"))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* client.exists("b"))
    }).pipe(withServer)
  )

  it.effect("has executed what a fiber asked before a step", () =>
    Effect.gen(function* () {
      const server = yield* TestServer
      const client = yield* Client
      for (let i = 0; i < 20; i++) {
        const putting = yield* Effect.forkChild(client.put("a", "1", 60))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(putting)
        assert.deepInclude(yield* storeStats, { keys: 0, puts: i + 1 })
      }
      // The same over a connection that has to be made anew first.
      yield* TestClock.adjust("1 hour")
      const putting = yield* Effect.forkChild(client.put("a", "1", 60))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(putting)
      assert.deepInclude(yield* server.stats, { accepted: 2 })
      assert.deepInclude(yield* storeStats, { keys: 0, puts: 21 })
    }).pipe(withServer)
  )

  it.effect("gives its limits to the server", () =>
    Effect.gen(function* () {
      const server = yield* TestServer
      const client = yield* Client
      yield* client.put("a", "1")
      yield* client.put("b", "1")
      assert.deepInclude(yield* storeStats, { keys: 1, evicted: 1 })
      const second = yield* RawClient.connect(server)
      assert.strictEqual((yield* second.untilEnd).text, "ERROR too many connections: the limit is 1\n")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* server.stats).open, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* server.stats).open, 0)
    }).pipe((effect) => withServer(effect, { maxKeys: 1, maxConnections: 1, idleTimeout: "10 seconds" }))
  )

  it.effect("has no CLOCK: the TestClock is its clock", () =>
    Effect.gen(function* () {
      const raw = yield* RawClient.connect(yield* TestServer)
      assert.strictEqual(
        yield* raw.ask("CLOCK ADVANCE 1\n"),
        "ERROR CLOCK is for servers with virtual time only: start one with serve --clock virtual\n"
      )
    }).pipe(withServer)
  )

  it.effect("may have many servers, 50 at once, on one clock", () =>
    Effect.gen(function* () {
      const contexts = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        () => Layer.build(TestServer.layer()),
        { concurrency: "unbounded" }
      )
      const clients = contexts.map((context) => Effect.provideContext(Client, context))
      for (const [index, client] of clients.entries()) yield* (yield* client).put("key", String(index), index + 1)
      yield* TestClock.adjust("25 seconds")
      for (const [index, client] of clients.entries()) {
        assert.strictEqual(yield* (yield* client).exists("key"), index >= 25)
      }
    })
  )
})

describe("a test in real time", () => {
  it.live("serves in real time", () =>
    Effect.gen(function* () {
      const client = yield* Client
      yield* client.put("a", "1", 60)
      assert.strictEqual(yield* client.get("a"), "1")
    }).pipe(withServer)
  )
})

layer(TestServer.layer())("a suite that shares one server", (it) => {
  it.effect("puts in one test", () =>
    Effect.gen(function* () {
      yield* (yield* Client).put("shared", "1", 60)
      yield* TestClock.adjust("59 seconds")
    })
  )

  it.effect("and finds it in the next, on the same clock", () =>
    Effect.gen(function* () {
      const client = yield* Client
      assert.isTrue(yield* client.exists("shared"))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* client.exists("shared"))
      assert.deepInclude(yield* storeStats, { keys: 0, expired: 1 })
    })
  )
})

describe("the end of the scope", () => {
  const isGone = (port: number) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(RawClient.connect({ host: "127.0.0.1", port }))
      assert.strictEqual(error.code, "ECONNREFUSED")
    })

  it.effect("leaves nothing behind after a test that succeeds", () =>
    Effect.gen(function* () {
      const port = yield* Effect.map(TestServer, (server) => server.port).pipe(withServer)
      yield* isGone(port)
    })
  )

  it.effect("leaves nothing behind after a test that fails or dies, and nobody waits for its peers", () =>
    Effect.gen(function* () {
      for (const end of [Effect.fail("wrong"), Effect.die("worse")]) {
        let port = 0
        // The peer outlives the server.
        const scope = yield* Effect.scope
        const failing = Effect.gen(function* () {
          const server = yield* TestServer
          port = server.port
          server.faults.set({ kind: "delay", millis: 1_000_000 })
          const peer = yield* Scope.provide(RawClient.connect(server, { keepOpen: true }), scope)
          yield* peer.send("GET a\n")
          yield* TestClock.adjust(1)
          return yield* end
        })
        assert.isTrue(Exit.isFailure(yield* Effect.exit(withServer(failing))))
        yield* isGone(port)
      }
    })
  )

  it.effect("leaves nothing behind after a test that is interrupted, in whatever it is doing", () =>
    Effect.gen(function* () {
      for (const millis of [0, 1, 10]) {
        const ready = yield* Deferred.make<number>()
        const test = yield* Effect.gen(function* () {
          const server = yield* TestServer
          const client = yield* Client
          yield* Deferred.succeed(ready, server.port)
          server.faults.set({ kind: "delay", millis: 1000 })
          yield* client.get("a")
        }).pipe(withServer, Effect.forkChild)
        const port = yield* Deferred.await(ready)
        yield* TestClock.adjust(millis)
        yield* Fiber.interrupt(test)
        yield* isGone(port)
      }
    })
  )

  it.effect("may come before the server is there", () =>
    Effect.gen(function* () {
      // At each point at which the building can be interrupted, until it is there.
      let isBuilt = false
      for (let turns = 0; !isBuilt; turns++) {
        const building = yield* Effect.forkChild(Effect.scoped(Layer.build(TestServer.layer())))
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        isBuilt = building.pollUnsafe() !== undefined
        yield* Fiber.interrupt(building)
      }
    })
  )

  it.live("says nothing", () =>
    Effect.gen(function* () {
      const said: Array<unknown> = []
      const outer = yield* Console.Console
      const say = (...words: ReadonlyArray<unknown>) => void said.push(...words)
      const quiet: Console.Console = { ...outer, log: say, error: say, info: say, warn: say, debug: say }
      yield* Effect.gen(function* () {
        const peer = yield* RawClient.connect(yield* TestServer)
        yield* peer.ask("PUT a 1\n")
      }).pipe(withServer, Effect.scoped, Effect.provideService(Console.Console, quiet))
      assert.deepStrictEqual(said, [])
    })
  )
})
