/** What EXPLAIN, STATS, INFO and the admin port tell of a real engine: near hits and others, its server gone and back. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Watched from "../../admin/Watched.ts"
import * as RedisServers from "../../support/RedisServers.ts"
import * as Engines from "./Engines.ts"

/** Between two looks at whether something has come about. */
const pause = Effect.sleep("10 millis")

describe.skipIf(!RedisServers.isInstalled)("what a server over an engine tells", () => {
  it.live(
    "tells near hits from hits in the engine, and why a key is not near",
    Effect.fnUntraced(function* () {
      const engine = yield* RedisServers.single()
      const at = `127.0.0.1:${engine.port}`
      const server = yield* Watched.start({ inTurns: true, executor: Engines.executor({ ports: [engine.port] }) })
      const client = yield* server.connect()
      const ask = (line: string) => client.ask(`${line}\n`)

      const never = "not kept near: no GET has read it of late"
      assert.strictEqual(yield* ask("EXPLAIN a"), `OK miss, not in the engine (${at}); ${never}\n`)
      yield* ask("PUT a 1 100")
      assert.match(
        yield* ask("EXPLAIN a"),
        new RegExp(`^OK hit in the engine \\(${at}\\), expires in \\d+.*; ${never}\n$`)
      )
      yield* ask("GET a")
      assert.match(
        yield* ask("EXPLAIN a"),
        new RegExp(`^OK hit, kept near: idle .* s, fresh for .* s, \\d+ bytes; from the engine \\(${at}\\)\n$`)
      )
      yield* ask("GET a")
      yield* ask("PUT a 2")
      assert.match(yield* ask("EXPLAIN a"), /, never expires; not kept near: written through this process .* s ago\n$/)
      yield* ask("GET a")
      engine.cli("set", "a", "3")
      const told = yield* Effect.repeat(ask("EXPLAIN a"), { until: (story) => !story.includes("kept near: idle") })
      assert.match(told, /; not kept near: invalidated by its server .* s ago\n$/)
      assert.match((yield* server.ask("/explain?key=a")).body, /^hit in the engine/)
      assert.strictEqual((yield* server.ask("/explain?key=a&database=16")).status, 400)

      const snapshot = server.overview.snapshot() ?? assert.fail("there is no picture")
      const { kind, nearCache, nodes } = snapshot.engine
      assert.strictEqual(kind, "redis")
      assert.deepInclude(nearCache, { hits: 1, misses: 2, staleHits: 0, dirty: 0, pending: 0 })
      // A server tells of our own writes, too.
      assert.isAtLeast(nearCache?.invalidated ?? 0, 1)
      assert.deepStrictEqual(
        nodes.map(({ address, failed, isUp, role, state }) => ({ address, failed, isUp, role, state })),
        [{ address: at, failed: 0, isUp: true, role: "server", state: "connected" }]
      )
      assert.isAbove(nodes[0]?.commands ?? 0, 5)
      assert.isAbove(nodes[0]?.roundTrip ?? 0, 0)
      const stats = yield* ask("STATS")
      assert.include(stats, `engine=redis engine_nodes=1 engine_nodes_up=1 engine_node0=server,${at},up near_hits=1 `)
      const { body } = yield* server.ask("/metrics")
      assert.include(body, `kv_cache_engine_node_up{node="${at}",role="server"} 1\n`)
      assert.include(body, 'kv_cache_near_hits_total{freshness="fresh"} 1\n')
      assert.include(body, "kv_cache_near_misses_total 2\n")
      // What is near would pass for the keys of the engine.
      assert.notInclude(body, "redis_db_keys")

      // --- the server goes, and comes back
      assert.strictEqual((yield* server.ask("/readyz")).status, 200)
      yield* engine.kill
      const gone = yield* Effect.repeat(server.ask("/readyz"), { until: ({ status }) => status !== 200 })
      assert.deepInclude(gone, { status: 503, body: "no server of the engine can be reached\n" })
      assert.strictEqual((yield* server.ask("/healthz")).status, 200)
      assert.match(
        yield* ask("EXPLAIN a"),
        new RegExp(
          `^OK unknown, ${at} (?:closed the connection|cannot be reached)[^:;]*; a read is an error \\(--engine-down error\\); `
        )
      )
      const down = server.overview.snapshot()?.engine.nodes[0]
      assert.deepInclude(down, { isUp: false })
      assert.match(down?.state ?? "", /closed the connection|cannot be reached/)
      yield* engine.start
      yield* Effect.repeat(server.ask("/readyz"), { until: ({ status }) => status === 200 })
    }, Effect.scoped)
  )

  it.live(
    "is ready without an engine if it may answer stale values, and tells which they are",
    Effect.fnUntraced(function* () {
      const engine = yield* RedisServers.single()
      const executor = Engines.executor({ ports: [engine.port], down: "stale" })
      const server = yield* Watched.start({ inTurns: true, executor })
      const client = yield* server.connect()
      yield* client.ask("PUT a 1\n")
      yield* client.ask("GET a\n")
      yield* engine.kill
      yield* Effect.repeat(
        Effect.andThen(
          pause,
          Effect.sync(() => server.overview.snapshot()?.engine.nodes[0]?.isUp)
        ),
        { until: (isUp) => isUp === false }
      )
      assert.strictEqual(yield* client.ask("GET a\n"), "OK 1\n")
      assert.match(
        yield* client.ask("EXPLAIN a\n"),
        /^OK unknown, 127\.0\.0\.1:\d+ [^:]*; a read is answered with a stale value, .*kept for .* more \(--stale-ttl\)\n$/
      )
      assert.deepInclude(server.overview.snapshot()?.engine.nearCache, { staleHits: 1, hits: 0 })
      assert.strictEqual((yield* server.ask("/readyz")).status, 200)
    }, Effect.scoped)
  )

  it.live(
    "answers what is under way at the engine before it stops",
    Effect.fnUntraced(function* () {
      const engine = yield* RedisServers.single()
      const executor = Engines.executor({ ports: [engine.port], timeout: Duration.seconds(30) })
      const server = yield* Watched.start({ inTurns: true, executor, shutdownGrace: Duration.seconds(30) })
      const client = yield* server.connect()
      yield* client.ask("PUT a 1\n")
      engine.signal("SIGSTOP")
      const answers = yield* Effect.forkChild(client.ask("GET a\nPUT b 2\nGET b\n"))
      yield* Effect.repeat(
        Effect.andThen(
          pause,
          Effect.sync(() => server.overview.snapshot()?.engine.nodes[0]?.commands ?? 0)
        ),
        { until: (commands) => commands >= 6 }
      )
      const closing = yield* Effect.forkChild(server.close)
      yield* Effect.repeat(
        Effect.andThen(
          pause,
          Effect.sync(() => server.overview.vitals.stage)
        ),
        { until: (stage) => stage === "draining" }
      )
      engine.signal("SIGCONT")
      assert.strictEqual(yield* Fiber.join(answers), "OK 1\nOK stored\nOK 2\n")
      yield* Fiber.join(closing)
      assert.strictEqual(engine.cli("get", "b"), "2")
    }, Effect.scoped)
  )
})
