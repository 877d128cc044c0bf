/** An executor that takes its time: order, pipelining, backpressure, idle timeout and drain are as with one that does not. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { seededRandom } from "../engine/SeededRandom.ts"
import type { Executor } from "../../src/store/Executor.ts"
import * as EventLoop from "../../src/EventLoop.ts"
import * as Executors from "./Executors.ts"
import * as TestServer from "./TestServer.ts"

/** Never answers at once, and after exactly that time. */
const always = (millis: number): Layer.Layer<Executor> => Executors.slow(() => millis)

describe("an executor that answers later", () => {
  it.effect("answers each of many clients in order, whatever is sent in which pieces", () =>
    Effect.gen(function* () {
      const CLIENTS = 12
      const REQUESTS = 200
      const random = seededRandom(7)
      const server = yield* TestServer.start({
        executor: Executors.slow(() => (random.chance(0.1) ? undefined : random.below(21))),
        inTurns: true
      })
      const clients = yield* Effect.forEach(
        Array.from({ length: CLIENTS }, (_, i) => i),
        Effect.fnUntraced(function* (client) {
          const values = Array.from({ length: REQUESTS / 2 }, (_, i) =>
            `${client}-${i}`.padEnd(1 + random.below(200), "x")
          )
          return {
            socket: yield* server.connect(),
            requests: values.map((value, i) => `PUT ${client}/${i % 7} ${value}\nGET ${client}/${i % 7}\n`).join(""),
            answers: values.map((value) => `OK stored\nOK ${value}\n`).join("")
          }
        })
      )
      const receiving = yield* Effect.forkChild(
        Effect.forEach(clients, ({ socket }) => socket.lines(REQUESTS), { concurrency: "unbounded" })
      )
      const sent = clients.map(() => 0)
      while (receiving.pollUnsafe() === undefined) {
        for (const [i, { requests, socket }] of clients.entries()) {
          const end = (sent[i] ?? 0) + random.below(6000)
          yield* socket.send(requests.slice(sent[i], end))
          sent[i] = end
        }
        yield* TestClock.adjust(5)
      }
      const received = yield* Fiber.join(receiving)
      for (const [i, { answers }] of clients.entries()) assert.isTrue(received[i] === answers, `client ${i}`)
      assert.deepInclude((yield* server.stats).store, { hits: (CLIENTS * REQUESTS) / 2, misses: 0 })
    })
  )

  it.effect("may have the answer at once, thousands of times for what was read together", () =>
    Effect.gen(function* () {
      const PAIRS = 5000
      const atOnce = Executors.over((executor) =>
        Effect.succeed({
          execute: (commands, from, to, now, caller, sink) =>
            Effect.suspend(() => executor.execute(commands, from, to, now, caller, sink) ?? Effect.void)
        })
      )
      const server = yield* TestServer.start({ executor: atOnce, inTurns: true })
      const client = yield* server.connect()
      // STATS ends a batch, so each GET is one.
      yield* client.send("GET a\nSTATS HOT\n".repeat(PAIRS))
      const received = yield* client.lines(2 * PAIRS)
      assert.lengthOf(received.match(/^ERROR key not found$/gm) ?? [], PAIRS)
      assert.strictEqual((yield* server.stats).defects, 0)
    })
  )

  it.effect("is waited for by a QUIT behind it, by a STATS, and by the end of the client's side", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ executor: always(1000) })
      const quitting = yield* server.connect()
      const asking = yield* server.connect()
      const ending = yield* server.connect()
      yield* quitting.send("PUT a 1\nQUIT\nPUT a 2\n")
      yield* asking.send("PUT b 1\nSTATS\n")
      yield* ending.send("PUT c 1\n")
      yield* ending.endSide
      yield* server.quiet
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* quitting.untilEnd, { text: "OK stored\n", reset: false })
      assert.match(yield* asking.lines(2), /^OK stored\nOK version=.*\n$/)
      assert.deepStrictEqual(yield* ending.untilEnd, { text: "OK stored\n", reset: false })
      assert.deepInclude((yield* server.stats).store, { puts: 3, keys: 3 })
    })
  )

  it.effect("stops the reading of its connection meanwhile, and of no other", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ executor: always(1000), shutdownGrace: Duration.zero })
      const flooding = yield* server.connect()
      const other = yield* server.connect()
      yield* flooding.send("EXISTS a\n".repeat(2_000_000))
      yield* server.quiet
      const { bytesIn } = yield* server.stats
      assert.isBelow(bytesIn, 2 * 1024 * 1024)
      const asking = yield* Effect.forkChild(other.ask("PUT b 1\n"))
      yield* server.quiet
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(asking), "OK stored\n")
    })
  )

  it.effect("does not keep a client that has left", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ executor: always(1e12), shutdownGrace: Duration.zero })
      const client = yield* server.connect()
      const ahead = yield* server.connect()
      yield* client.send("PUT a 1\n")
      // What is read ahead does not change that.
      yield* ahead.send(`PUT a 1\n${"GET a\n".repeat(1000)}`)
      yield* server.quiet
      assert.strictEqual((yield* server.stats).open, 2)
      yield* client.reset
      yield* ahead.reset
      const polledStats = Effect.andThen(EventLoop.polled, server.stats)
      const { open } = yield* Effect.repeat(polledStats, { until: (stats) => stats.open === 0 })
      assert.strictEqual(open, 0)
    })
  )

  it.effect("keeps its connection from being idle, however long it takes", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ executor: always(3_600_000), idleTimeout: Duration.seconds(10) })
      const client = yield* server.connect()
      yield* client.send("PUT a 1\n")
      yield* server.quiet
      yield* TestClock.adjust("59 minutes")
      assert.deepInclude(yield* server.stats, { open: 1, idled: 0 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* client.lines(1), "OK stored\n")
      yield* server.quiet
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
    })
  )

  it.effect("is waited for by a drain, within the grace period", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ executor: always(1000), shutdownGrace: Duration.minutes(1) })
      const client = yield* server.connect()
      yield* client.send("PUT a 1\nGET a\n")
      yield* server.quiet
      const closing = yield* Effect.forkChild(server.close)
      // What the kernel had is answered; then it ends.
      yield* Effect.repeat(TestClock.adjust("1 second"), { while: () => closing.pollUnsafe() === undefined })
      assert.deepStrictEqual(yield* client.untilEnd, { text: "OK stored\nOK 1\n", reset: false })
    })
  )

  it.effect("that never answers is given up at the end of the grace period", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ executor: always(1e12), shutdownGrace: Duration.seconds(5) })
      const client = yield* server.connect()
      yield* client.send("PUT a 1\n")
      yield* server.quiet
      const closing = yield* Effect.forkChild(server.close)
      yield* Effect.repeat(TestClock.adjust("1 second"), { while: () => closing.pollUnsafe() === undefined })
      assert.strictEqual((yield* client.untilEnd).text, "")
      assert.strictEqual(server.logs.startingWith("the grace period is over: cutting 1 ").length, 1)
    })
  )
})
