import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { families } from "../../src/admin/Metrics.ts"
import * as Exposition from "./Exposition.ts"
import * as Watched from "./Watched.ts"

/** What dashboard 763 of redis_exporter and the redis mixin's alerts and rules ask for. */
const ASKED_BY_DASHBOARDS = [
  "redis_up",
  "redis_uptime_in_seconds",
  "redis_connected_clients",
  "redis_blocked_clients",
  "redis_memory_used_bytes",
  "redis_memory_max_bytes",
  "redis_memory_used_rss_bytes",
  "redis_total_system_memory_bytes",
  "redis_commands_processed_total",
  "redis_commands_total",
  "redis_commands_duration_seconds_total",
  "redis_keyspace_hits_total",
  "redis_keyspace_misses_total",
  "redis_net_input_bytes_total",
  "redis_net_output_bytes_total",
  "redis_db_keys",
  "redis_db_keys_expiring",
  "redis_expired_keys_total",
  "redis_evicted_keys_total",
  "redis_connected_slaves",
  "redis_instance_info",
  "redis_connections_received_total",
  "redis_rejected_connections_total",
  "redis_slowlog_length",
  "redis_config_maxclients",
  "redis_config_maxmemory"
]

const scrape = (server: Watched.Watched) =>
  Effect.map(server.ask("/metrics"), ({ body, headers, status }) => {
    assert.strictEqual(status, 200)
    assert.strictEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
    const found = Exposition.parse(body)
    return {
      found,
      value: (name: string, labels: Readonly<Record<string, string>> = {}) =>
        [...found.values()]
          .flatMap(({ samples }) => samples)
          .find(
            (sample) =>
              sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
          )?.value
    }
  })

describe("the metrics", () => {
  it.effect("are text that Prometheus's strictest reader takes, with nothing and with something to tell", () =>
    Effect.gen(function* () {
      const server = yield* Watched.start()
      yield* scrape(server)
      const client = yield* server.connect()
      yield* client.ask("PUT a 1 100\n")
      yield* scrape(server)
    })
  )

  it.effect("have what dashboards for redis_exporter ask for", () =>
    Effect.gen(function* () {
      const server = yield* Watched.start()
      const client = yield* server.connect()
      yield* client.ask("PUT a 1\n")
      const { found } = yield* scrape(server)
      for (const name of ASKED_BY_DASHBOARDS) assert.isTrue(found.has(name), name)
    })
  )

  it.effect("count what clients do", () =>
    Effect.gen(function* () {
      const server = yield* Watched.start({ maxKeys: 2 })
      const client = yield* server.connect()
      for (const line of ["PUT a 1", "PUT b 1 100", "PUT c 1", "GET c", "GET c", "GET a", "DELETE b", "NONSENSE"]) {
        yield* client.ask(`${line}\n`)
      }
      const { value } = yield* scrape(server)
      assert.strictEqual(value("redis_commands_total", { cmd: "get" }), 3)
      assert.strictEqual(value("redis_commands_total", { cmd: "put" }), 3)
      assert.strictEqual(value("redis_commands_processed_total"), 7)
      assert.strictEqual(value("kv_cache_commands_total", { command: "GET", outcome: "ok" }), 3)
      assert.strictEqual(value("kv_cache_commands_total", { command: "GET", outcome: "failed" }), 0)
      assert.strictEqual(value("redis_keyspace_hits_total"), 2)
      assert.strictEqual(value("redis_keyspace_misses_total"), 1)
      assert.strictEqual(value("redis_evicted_keys_total"), 1)
      assert.strictEqual(value("kv_cache_removals_total", { reason: "evicted" }), 1)
      assert.strictEqual(value("kv_cache_removals_total", { reason: "deleted" }), 1)
      assert.strictEqual(value("redis_db_keys", { db: "db0" }), 1)
      assert.strictEqual(value("redis_connected_clients"), 1)
      assert.strictEqual(value("kv_cache_keys_limit"), 2)
      assert.strictEqual(value("redis_up"), 1)
      assert.strictEqual(value("kv_cache_protocol_errors_total"), 1)
    })
  )

  it.effect("have a histogram for each command that was measured", () =>
    Effect.gen(function* () {
      const server = yield* Watched.start()
      const times = server.overview.vitals.view?.executor.statistics
      times?.measureAll(true)
      const client = yield* server.connect()
      for (let round = 0; round < 5; round++) yield* client.ask("GET a\n")
      const { found, value } = yield* scrape(server)
      assert.strictEqual(value("kv_cache_command_duration_seconds_count", { command: "GET" }), 5)
      // The clock of the test stands still: each took no time.
      assert.strictEqual(value("kv_cache_command_duration_seconds_bucket", { command: "GET", le: "0.000001" }), 5)
      assert.strictEqual(found.get("kv_cache_command_duration_seconds")?.type, "histogram")
    })
  )

  it.effect("are forgotten when what they tell of is no more", () =>
    Effect.gen(function* () {
      const server = yield* Watched.start({ maxMemory: 1_000_000 })
      assert.strictEqual((yield* scrape(server)).value("kv_cache_memory_limit_bytes"), 1_000_000)
      const view = server.overview.vitals.view
      view?.executor.setMaxMemory(undefined, view.now())
      const { value } = yield* scrape(server)
      assert.isUndefined(value("kv_cache_memory_limit_bytes"))
      assert.strictEqual(value("redis_memory_max_bytes"), 0)
    })
  )

  it("have each a name of its own, a help text, and the labels that they say", () => {
    const names = families.map(({ name }) => name)
    assert.deepStrictEqual(names, [...new Set(names)])
    for (const { help, name } of families) assert.match(help, /^[A-Z0-9].*[^.]$/, name)
  })
})
