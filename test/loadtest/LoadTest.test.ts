/** Whole load tests in this process, against a real server and scripted ones. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { LoadResultJson, type LoadResult, type Second } from "../../src/loadtest/LoadResult.ts"
import * as LoadTest from "../../src/loadtest/LoadTest.ts"
import { isPut, keyOf, makeSource } from "../../src/loadtest/Workload.ts"
import * as TestServer from "../server/TestServer.ts"
import { optionsOf, wordsOf, workloadOf, type Changes } from "./Options.ts"
import * as ScriptedServer from "./ScriptedServer.ts"

const run = (address: { readonly host: string; readonly port: number }, changes: Changes = {}) =>
  Effect.scoped(Effect.flatMap(LoadTest.prepare(optionsOf(address, changes)), (prepared) => prepared.run))

/** Asserts the relations between figures that hold in every result. */
const assertConsistent = (result: LoadResult) => {
  const { latency } = result
  assert.strictEqual(result.total_requests, result.put_count + result.get_count)
  assert.strictEqual(result.total_requests, result.successful_requests + result.failed_requests)
  assert.strictEqual(result.successful_requests, result.put_success + result.get_success)
  assert.strictEqual(result.get_success, result.cache_hits + result.cache_misses)
  assert.strictEqual(
    Object.values(result.errors).reduce((sum, count) => sum + count, 0),
    result.failed_requests
  )
  assert.strictEqual(latency.all.count, result.successful_requests)
  assert.strictEqual(latency.put.count, result.put_success)
  assert.strictEqual(latency.get.count, result.get_success)
  assert.strictEqual(
    result.histogram.reduce((sum, { count }) => sum + count, 0),
    result.successful_requests
  )
  assert.strictEqual(
    result.seconds.reduce((sum, { requests }) => sum + requests, 0),
    result.successful_requests
  )
  assert.strictEqual(
    result.seconds.reduce((sum, { errors }) => sum + errors, 0),
    result.failed_requests
  )
  assert.deepStrictEqual(
    result.seconds.map(({ second }) => second),
    result.seconds.map((_, index) => index)
  )
  assert.isAtMost(result.seconds.length, Math.ceil(result.total_duration_seconds) + 1)
  assert.strictEqual(
    result.slices.reduce((sum, { requests }) => sum + requests, 0),
    result.successful_requests
  )
  // Charts have 20 points at least. A slice without a request is left out, so their length says it, in s.
  const longest = Math.max(0.001, result.total_duration_seconds / 20)
  for (const { length } of result.slices) assert.isAtMost(length, longest + 1e-9)
  assert.strictEqual(result.service_time.count, latency.all.count)
  if (result.loop === "closed") assert.deepStrictEqual(result.service_time, latency.all)
  const { max, mean, min, p50, p90, p95, p99, p999, p9999, stddev } = latency.all
  const row = [0, min, p50, p90, p95, p99, p999, p9999, max]
  assert.deepStrictEqual(
    row.toSorted((a, b) => a - b),
    row
  )
  assert.deepInclude(result, {
    latency_min: min,
    latency_max: max,
    latency_mean: mean,
    latency_median: p50,
    latency_p95: p95,
    latency_p99: p99,
    latency_p999: p999,
    latency_stddev: stddev
  })
  const [start, end] = [Date.parse(result.start_time), Date.parse(result.end_time)]
  assert.closeTo((end - start) / 1000, result.total_duration_seconds, 0.1)
}

describe("against a server", () => {
  it.live("counts every request, and each GET is a hit", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const seconds: Array<Second> = []
      const result = yield* run(server.address, {
        pipeline: 4,
        workload: { connections: 5, ratio: 0.3 },
        requests: 200,
        onSecond: (second) => seconds.push(second)
      })
      assertConsistent(result)
      assert.deepInclude(result, {
        total_requests: 1000,
        failed_requests: 0,
        error_rate: 0,
        hit_rate: 1,
        ended: "complete",
        loop: "closed",
        requests_per_connection: 200,
        connections: 5,
        seed: 42
      })
      assert.deepStrictEqual(seconds.at(-1), result.seconds.at(-1))
      const { store } = yield* server.stats
      assert.deepInclude(store, { puts: result.put_count, gets: result.get_count, hits: result.get_count, misses: 0 })
      assert.closeTo(result.requests_per_second * result.total_duration_seconds, 1000, 1e-6)
    })
  )

  it.live("sends exactly what the workload says, whatever the pipeline, after a warm-up that is not counted", () =>
    Effect.gen(function* () {
      const expected = [0, 1].map((connection) => {
        const source = makeSource(workloadOf(), connection)
        const { key, value } = wordsOf(workloadOf())
        return Array.from({ length: 50 }, () => source.next()).map((item) =>
          isPut(item) ? `PUT ${key(keyOf(item))} ${value(keyOf(item))} 9` : `GET ${key(keyOf(item))}`
        )
      })
      const puts = expected.flat().filter((line) => line.startsWith("PUT")).length
      for (const changes of [{}, { pipeline: 7 }, { warmup: 1000, warmupRequests: 3 }, { rate: 5000 }]) {
        const peer = yield* ScriptedServer.listen()
        const result = yield* run(peer, { ttl: 9, ...changes })
        const warmup = changes.warmupRequests ?? 0
        assert.strictEqual(peer.requests.length, 2 * (50 + warmup))
        const sent = [0, 1].map((connection) =>
          peer.requests.filter((request) => request.connection === connection).map(({ line }) => line)
        )
        // Connections may be accepted in any order.
        const measured = sent.map((lines) => lines.slice(warmup))
        if (measured[0]?.[0] !== expected[0]?.[0]) measured.reverse()
        assert.deepStrictEqual(measured, expected)
        assert.deepInclude(result, { put_count: puts, total_requests: 100 })
        assertConsistent(result)
      }
    })
  )

  it.live("preloads a shared key space, so that the first GET is a hit", () =>
    Effect.gen(function* () {
      for (const distribution of ["uniform", "zipf"] as const) {
        const server = yield* TestServer.start()
        const workload = { connections: 3, keys: 1000, distribution, ratio: 0.1 }
        const result = yield* run(server.address, { workload })
        assertConsistent(result)
        assert.deepInclude(result, { hit_rate: 1, failed_requests: 0 })
        assert.deepInclude(result.settings, { keys: 1000, distribution })
        const { store } = yield* server.stats
        assert.deepInclude(store, { keys: 1000, puts: 1000 + result.put_count })
      }
    })
  )

  it.live("that only reads preloads what it reads", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const result = yield* run(server.address, { workload: { ratio: 0 } })
      assert.deepInclude(result, { put_count: 0, get_count: 100, hit_rate: 1 })
      assert.strictEqual(result.settings.keys, 10_000)
    })
  )

  it.live("that only writes has no hit rate to fail", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const result = yield* run(server.address, { workload: { ratio: 1 } })
      assert.deepInclude(result, { put_count: 100, get_count: 0, hit_rate: 1 })
      assert.strictEqual(result.latency.get.count, 0)
    })
  )

  it.live("that evicts shows its true hit rate, and no failure", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxKeys: 100 })
      const result = yield* run(server.address, { requests: 500, workload: { keys: 1000, ratio: 0.1 } })
      assertConsistent(result)
      assert.strictEqual(result.failed_requests, 0)
      // The server holds a tenth of the keys.
      assert.isBelow(result.hit_rate, 0.2)
      assert.isAbove(result.cache_hits, 0)
      const { store } = yield* server.stats
      assert.deepInclude(store, { hits: result.cache_hits, misses: result.cache_misses })
    })
  )

  it.live("compares values even if keys are so short that they repeat", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const sizes = [
        [1, 1],
        [1, 256],
        [2, 3],
        [256, 256]
      ] as const
      for (const [keySize, valueSize] of sizes) {
        for (const keys of [undefined, 200]) {
          const workload = { connections: 4, keySize, valueSize, keys }
          const result = yield* run(server.address, { requests: 200, workload })
          assert.deepInclude(result, { errors: {}, hit_rate: 1 })
        }
      }
    })
  )

  it.live("can run twice at the same time: each run compares with its own values", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const results = yield* Effect.forEach([1, 2], (seed) => run(server.address, { workload: { seed, keys: 50 } }), {
        concurrency: 2
      })
      for (const result of results) assert.deepInclude(result, { errors: {}, hit_rate: 1 })
    })
  )

  it.live("with a duration runs for that long", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const result = yield* run(server.address, { requests: undefined, duration: 300, rate: 500, warmup: 100 })
      assertConsistent(result)
      assert.deepInclude(result, { total_requests: 150, requests_per_connection: null, loop: "open" })
      assert.isAtLeast(result.total_duration_seconds, 0.3)
      assert.deepInclude(result.settings, { duration_seconds: 0.3, rate: 500, warmup_seconds: 0.1 })
    })
  )
})

describe("a run that goes wrong", () => {
  it.live("counts wrong values", () =>
    Effect.gen(function* () {
      const cache = ScriptedServer.asCache()
      const peer = yield* ScriptedServer.listen((request) => {
        const answer = cache(request)
        return request.line.startsWith("GET ") && answer.startsWith("OK ") ? `OK ${"y".repeat(64)}` : answer
      })
      const result = yield* run(peer)
      assertConsistent(result)
      assert.deepStrictEqual(result.errors, { wrong_value: result.get_count })
      assert.strictEqual(result.error_rate, result.get_count / 100)
      assert.strictEqual(result.ended, "complete")
    })
  )

  it.live("keeps what the server said of the requests that it refused", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen(({ line, number }) =>
        line.startsWith("GET ") ? `ERROR no room for '${line.slice(4)}' (${number})` : "OK stored"
      )
      const result = yield* run(peer)
      assertConsistent(result)
      assert.deepStrictEqual(result.errors, { refused: result.get_count })
      assert.deepStrictEqual(result.error_messages, [
        { kind: "refused", message: "no room for '<key>' (#)", count: result.get_count }
      ])
    })
  )

  it.live("ends when the server is lost, with what was measured and the errors by kind", () =>
    Effect.gen(function* () {
      const cache = ScriptedServer.asCache()
      const peer = yield* ScriptedServer.listen((request) => (request.number >= 60 ? "close" : cache(request)))
      const result = yield* run(peer, { requests: 1000 })
      assertConsistent(result)
      assert.deepInclude(result, { ended: "server lost", successful_requests: 60, errors: { closed: 2 } })
    })
  )

  it.live("goes on with the connections that are left", () =>
    Effect.gen(function* () {
      const cache = ScriptedServer.asCache()
      const peer = yield* ScriptedServer.listen((request) => (request.number === 10 ? "close" : cache(request)))
      const result = yield* run(peer)
      assertConsistent(result)
      assert.deepInclude(result, { ended: "complete", errors: { closed: 1 } })
      assert.isAtLeast(result.successful_requests, 50)
    })
  )

  it.live("does not start if connections are refused", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 3 })
      const error = yield* Effect.flip(run(server.address, { workload: { connections: 4 } }))
      assert.match(error.message, /refused the connection: too many connections: the limit is 3\.$/)
      assert.deepInclude((yield* server.stats).store, { puts: 0, gets: 0 })
    })
  )
})

describe("stopping", () => {
  it.live("ends the run and gives what was measured so far", () =>
    Effect.gen(function* () {
      for (const rate of [undefined, 1000]) {
        const peer = yield* ScriptedServer.listen()
        const stop = yield* Deferred.make<void>()
        const options: Changes = { requests: 1_000_000, rate, stop: Deferred.await(stop) }
        const running = yield* Effect.forkScoped(run(peer, options))
        yield* peer.received(100)
        yield* Deferred.succeed(stop, undefined)
        const result = yield* Fiber.join(running)
        assertConsistent(result)
        assert.strictEqual(result.ended, "interrupted")
        assert.isAtLeast(result.successful_requests, 90)
        assert.strictEqual(result.failed_requests, 0)
      }
    })
  )
})

describe("the JSON document", () => {
  it.live("of a real result decodes with its Schema", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const result = yield* run(server.address)
      const json = yield* Schema.encodeEffect(LoadResultJson)(result)
      assert.deepStrictEqual(yield* Schema.decodeEffect(LoadResultJson)(json), result)
      assert.deepInclude(result.versions, { node: process.version })
      assert.isAbove(result.machine.cores, 0)
      const again = yield* run(server.address)
      assert.strictEqual(again.put_count, result.put_count)
      const other = yield* run(server.address, { workload: { seed: 43 }, requests: 500 })
      assert.notStrictEqual(other.put_count / 10, result.put_count)
    })
  )
})
