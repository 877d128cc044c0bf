/**
 * The server's metrics: names, types, and where each is read. They are read when somebody asks, and cost nothing else.
 *
 * Those that begin with `redis_` have the names, labels and units of redis_exporter, so that dashboards and alerts for it
 * work. What is said there and here in different ways is said by both.
 */
import { totalmem } from "node:os"
import { DATABASES } from "../engine/Limits.ts"
import { missRatioAt } from "../insight/Insight.ts"
import { REDIS_VERSION } from "../server/RedisVersion.ts"
import type { View } from "../server/Vitals.ts"
import * as LoopDelay from "./LoopDelay.ts"
import type { Snapshot } from "./Snapshot.ts"

export type Labels = Readonly<Record<string, string>>

/** Of a histogram: how many were at most each bound, and of all, how many there were and their sum. */
export interface Distribution {
  readonly upTo: ReadonlyArray<readonly [bound: number, count: number]>
  readonly count: number
  readonly sum: number
}

/** What metrics are read from: all at one instant. */
export interface Reading {
  readonly snapshot: Snapshot
  readonly view: View
  readonly loopDelay: LoopDelay.LoopDelay
}

export type Samples<A> = ReadonlyArray<readonly [labels: Labels, value: A]>

interface Described {
  readonly name: string
  readonly help: string
  /** The names of its labels. */
  readonly labels: ReadonlyArray<string>
}

/** All series of one name. */
export type Family =
  | (Described & { readonly type: "counter" | "gauge"; readonly read: (reading: Reading) => Samples<number> })
  | (Described & {
      readonly type: "histogram"
      readonly bounds: ReadonlyArray<number>
      readonly read: (reading: Reading) => Samples<Distribution>
    })

type Read = (reading: Reading) => number | null

/** Without labels. What cannot be told is left out. */
const one =
  (type: "counter" | "gauge") =>
  (name: string, help: string, read: Read): Family => ({
    name,
    help,
    type,
    labels: [],
    read: (reading) => {
      const value = read(reading)
      return value === null ? [] : [[{}, value]]
    }
  })

const counter = one("counter")
const gauge = one("gauge")

/** One series for each value of a label. */
const by =
  (type: "counter" | "gauge") =>
  (
    label: string,
    name: string,
    help: string,
    read: (reading: Reading) => Iterable<readonly [value: string, number]>
  ): Family => ({
    name,
    help,
    type,
    labels: [label],
    read: (reading) => Array.from(read(reading), ([value, number]) => [{ [label]: value }, number])
  })

const counters = by("counter")
const gauges = by("gauge")

const MICROS = 1e-6
const MILLIS = 1000

const CURVE_HELP = "Estimated share of reads that would miss with so many times the present memory"
const CURVE_SIZES: ReadonlyArray<number> = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4]

/** Powers of four, from 1 µs to 4 s, in s. Times are measured in finer classes, of which these are bounds. */
const TIME_BOUNDS: ReadonlyArray<number> = Array.from({ length: 12 }, (_, power) => 4 ** power / 1e6)

/** `upTo` is ascending and cumulative. */
const countUpTo = (upTo: ReadonlyArray<readonly [number, number]>, bound: number): number =>
  upTo.findLast(([value]) => value <= bound)?.[1] ?? 0

/** Command names as redis_exporter has them. */
const perCommand =
  (read: (operation: Snapshot["operations"][number]) => number) =>
  ({ snapshot }: Reading): ReadonlyArray<readonly [string, number]> =>
    snapshot.operations.map((operation) => [operation.command.toLowerCase(), read(operation)])

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

/** Nothing where the keys are in an engine: each of its fronts would tell of the same ones. */
const databases = ({ view }: Reading) => {
  if (view.executor.engine.keyspace !== undefined) return []
  const { databases } = view.executor.levels()
  return Array.from({ length: DATABASES }, (_, database) => [`db${database}`, databases[database]] as const)
}

const redisFamilies: ReadonlyArray<Family> = [
  gauge("redis_up", "1 while the server serves, 0 while it drains", ({ snapshot }) =>
    snapshot.stage === "serving" ? 1 : 0
  ),
  {
    name: "redis_instance_info",
    help: "Facts about the server, in labels",
    type: "gauge",
    labels: [
      "role",
      "redis_version",
      "redis_build_id",
      "redis_mode",
      "os",
      "maxmemory_policy",
      "tcp_port",
      "run_id",
      "process_id"
    ],
    read: ({ view }) => [
      [
        {
          role: "master",
          redis_version: REDIS_VERSION,
          redis_build_id: "0",
          redis_mode: "standalone",
          os: process.platform,
          maxmemory_policy: "allkeys-lru",
          tcp_port: String(view.instance.port),
          run_id: view.instance.runId,
          process_id: String(process.pid)
        },
        1
      ]
    ]
  },
  gauge("redis_uptime_in_seconds", "Time since the start, in seconds", ({ snapshot }) => snapshot.uptime),
  gauge("redis_start_time_seconds", "Unix time of the start, in seconds", ({ snapshot }) =>
    Math.floor(snapshot.at / 1000 - snapshot.uptime)
  ),
  gauge("redis_connected_clients", "Clients that are connected", ({ snapshot }) => snapshot.connections.open),
  gauge(
    "redis_blocked_clients",
    "Clients that wait for a pause to end",
    ({ snapshot }) => snapshot.connections.blocked
  ),
  gauge("redis_tracking_clients", "Clients that are told which keys change", ({ view }) => view.tracking.clientCount),
  gauge("redis_config_maxclients", "Most clients at once", ({ snapshot }) => snapshot.connections.limit),
  gauge("redis_max_clients", "Most clients at once", ({ snapshot }) => snapshot.connections.limit),
  gauge("redis_memory_used_bytes", "Memory of all entries", ({ snapshot }) => snapshot.memory.entries),
  gauge(
    "redis_memory_used_peak_bytes",
    "The most memory that entries have taken",
    ({ snapshot }) => snapshot.memory.peak
  ),
  gauge(
    "redis_memory_used_rss_bytes",
    "Memory of the process, as the system counts it",
    ({ snapshot }) => snapshot.memory.resident
  ),
  gauge(
    "redis_memory_max_bytes",
    "The bound of the memory of entries; 0 if there is none",
    ({ snapshot }) => snapshot.memory.limit ?? 0
  ),
  gauge(
    "redis_config_maxmemory",
    "The bound of the memory of entries; 0 if there is none",
    ({ snapshot }) => snapshot.memory.limit ?? 0
  ),
  gauge("redis_mem_clients_normal", "Memory that clients hold", ({ snapshot }) => snapshot.memory.clients),
  gauge("redis_mem_fragmentation_ratio", "Memory of the process for each byte of entries", ({ snapshot: { memory } }) =>
    memory.entries === 0 ? 0 : memory.resident / memory.entries
  ),
  gauge("redis_total_system_memory_bytes", "Memory of the machine", totalmem),
  counter(
    "redis_connections_received_total",
    "Connections that were accepted",
    ({ snapshot }) => snapshot.connections.accepted
  ),
  counter(
    "redis_rejected_connections_total",
    "Connections that were refused, being too many",
    ({ snapshot }) => snapshot.connections.refused
  ),
  counter("redis_commands_processed_total", "Commands that were executed", ({ snapshot }) =>
    sum(snapshot.operations.map(({ calls }) => calls))
  ),
  counter("redis_net_input_bytes_total", "Bytes from clients", ({ snapshot }) => snapshot.network.in),
  counter("redis_net_output_bytes_total", "Bytes to clients", ({ snapshot }) => snapshot.network.out),
  counter("redis_keyspace_hits_total", "Reads that found a value", ({ snapshot }) => snapshot.hits),
  counter("redis_keyspace_misses_total", "Reads that found none", ({ snapshot }) => snapshot.misses),
  counter("redis_expired_keys_total", "Keys that have expired", ({ snapshot }) => snapshot.removals.expired),
  counter(
    "redis_evicted_keys_total",
    "Keys that were evicted to make room",
    ({ snapshot }) => snapshot.removals.evicted
  ),
  counter(
    "redis_acl_access_denied_auth_total",
    "Users or passwords that were wrong, those at the admin port included",
    ({ snapshot }) => snapshot.connections.authenticationFailures
  ),
  counter(
    "redis_acl_access_denied_cmd_total",
    "Commands that a user's role did not include",
    ({ view }) => view.running.totals().forbidden
  ),
  counter(
    "redis_cpu_sys_seconds_total",
    "Processor time of the system for the process",
    () => process.cpuUsage().system * MICROS
  ),
  counter(
    "redis_cpu_user_seconds_total",
    "Processor time of the process itself",
    () => process.cpuUsage().user * MICROS
  ),
  gauge("redis_slowlog_length", "Slow commands that are kept", ({ view }) => view.observation.slowLog.length),
  gauge(
    "redis_slowlog_last_id",
    "The number of the newest slow command",
    ({ snapshot }) => snapshot.slowCommands[0]?.id ?? 0
  ),
  gauge(
    "redis_last_slow_execution_duration_seconds",
    "How long the newest slow command took",
    ({ snapshot }) => (snapshot.slowCommands[0]?.micros ?? 0) * MICROS
  ),
  gauge("redis_connected_slaves", "Replicas: a cache has none", () => 0),
  gauge("redis_cluster_enabled", "Whether there is a cluster: there is none", () => 0),
  gauge("redis_loading_dump_file", "Whether a dump is loaded: there is none", () => 0),
  gauges("db", "redis_db_keys", "Keys by database; absent with --engine", (reading) =>
    databases(reading).map(([name, level]) => [name, level?.keys ?? 0])
  ),
  gauges("db", "redis_db_keys_expiring", "Keys with a time to live by database; absent with --engine", (reading) =>
    databases(reading).map(([name, level]) => [name, level?.timed ?? 0])
  ),
  counters(
    "cmd",
    "redis_commands_total",
    "Commands that were executed, by name",
    perCommand(({ calls }) => calls)
  ),
  counters(
    "cmd",
    "redis_commands_duration_seconds_total",
    "Time that commands took, by name, estimated from a sample",
    perCommand(({ calls, times }) => (times === null ? 0 : (times.sum / times.count) * calls * MICROS))
  ),
  counters(
    "cmd",
    "redis_commands_failed_calls_total",
    "Commands that were answered with an error, by name",
    perCommand(({ failed }) => failed)
  ),
  counters(
    "cmd",
    "redis_commands_rejected_calls_total",
    "Commands that were refused before they began, by name",
    perCommand(({ rejected }) => rejected)
  ),
  counters(
    "err",
    "redis_errors_total",
    "Errors that were answered, by kind",
    ({ view }) => view.executor.statistics.errors
  )
]

type EngineNode = Snapshot["engine"]["nodes"][number]

/** One series for each server of an engine, by its address. */
const eachNode =
  (read: (node: EngineNode) => number | null) =>
  ({ snapshot }: Reading): ReadonlyArray<readonly [string, number]> =>
    snapshot.engine.nodes.flatMap((node) => {
      const value = read(node)
      return value === null ? [] : [[node.address, value] as const]
    })

/** Absent where the keys are in this process. */
const engineFamilies: ReadonlyArray<Family> = [
  {
    name: "kv_cache_engine_node_up",
    help: "With --engine: whether one of its servers is connected",
    type: "gauge",
    labels: ["node", "role"],
    read: ({ snapshot }) =>
      snapshot.engine.nodes.map(({ address, isUp, role }) => [{ node: address, role }, isUp ? 1 : 0])
  },
  counters(
    "node",
    "kv_cache_engine_node_commands_total",
    "With --engine: commands that were sent to a server, those that kv-cache sends for its own purposes included",
    eachNode(({ commands }) => commands)
  ),
  counters(
    "node",
    "kv_cache_engine_node_failed_total",
    "With --engine: of these, those that got no answer",
    eachNode(({ failed }) => failed)
  ),
  gauges(
    "node",
    "kv_cache_engine_node_round_trip_seconds",
    "With --engine: how long a server took to answer when that was last measured",
    eachNode(({ roundTrip }) => (roundTrip === null ? null : roundTrip / MILLIS))
  )
]

type NearCache = NonNullable<Snapshot["engine"]["nearCache"]>

/** Absent where there is no near cache. */
const ofNear =
  (read: (near: NearCache) => number): Read =>
  ({ snapshot: { engine } }) =>
    engine.nearCache === null ? null : read(engine.nearCache)

const nearFamilies: ReadonlyArray<Family> = [
  counters(
    "freshness",
    "kv_cache_near_hits_total",
    "Commands that were answered from the near cache: fresh, or stale in place of a server that could not be asked",
    ({ snapshot: { engine } }) =>
      engine.nearCache === null
        ? []
        : [
            ["fresh", engine.nearCache.hits],
            ["stale", engine.nearCache.staleHits]
          ]
  ),
  counter(
    "kv_cache_near_misses_total",
    "Keys that were read from the engine because they were not near",
    ofNear(({ misses }) => misses)
  ),
  counter(
    "kv_cache_near_invalidations_total",
    "Keys that the engine said have changed",
    ofNear(({ invalidated }) => invalidated)
  ),
  counter(
    "kv_cache_near_flushes_total",
    "How often the engine said that all keys have changed",
    ofNear(({ flushes }) => flushes)
  ),
  counter(
    "kv_cache_near_dirty_total",
    "Values that were answered and not kept near, because they may have changed on their way",
    ofNear(({ dirty }) => dirty)
  ),
  counter(
    "kv_cache_near_drops_total",
    "How often all that came from a server was dropped: its connection was lost, or slots left it",
    ofNear(({ drops }) => drops)
  ),
  gauge(
    "kv_cache_near_entries",
    "Values in the near cache",
    ofNear(({ entries }) => entries)
  ),
  gauge(
    "kv_cache_near_bytes",
    "Memory of the near cache",
    ofNear(({ bytes }) => bytes)
  )
]

const ownFamilies: ReadonlyArray<Family> = [
  {
    name: "kv_cache_build_info",
    help: "Versions and the kind of engine, in labels",
    type: "gauge",
    labels: ["version", "node_version", "engine"],
    read: ({ snapshot }) => [
      [{ version: snapshot.version, node_version: process.versions.node, engine: snapshot.engine.kind }, 1]
    ]
  },
  {
    name: "kv_cache_commands_total",
    help: "Commands by name and by what became of them: ok, failed (answered with an error), rejected (not begun)",
    type: "counter",
    labels: ["command", "outcome"],
    read: ({ snapshot }) =>
      snapshot.operations.flatMap(({ calls, command, failed, rejected }) => [
        [{ command, outcome: "ok" }, Math.max(0, calls - failed - rejected)] as const,
        [{ command, outcome: "failed" }, failed] as const,
        [{ command, outcome: "rejected" }, rejected] as const
      ])
  },
  {
    name: "kv_cache_command_duration_seconds",
    help: "Time that commands took, by name: of a sample, and of all that may take long",
    type: "histogram",
    labels: ["command"],
    bounds: TIME_BOUNDS,
    read: ({ snapshot }) =>
      snapshot.operations.flatMap(({ command, times }) =>
        times === null
          ? []
          : [
              [
                { command },
                {
                  upTo: TIME_BOUNDS.map((bound) => [bound, countUpTo(times.upTo, Math.round(bound / MICROS))] as const),
                  count: times.count,
                  sum: times.sum * MICROS
                }
              ] as const
            ]
      )
  },
  counter("kv_cache_hits_total", "Reads that found a value", ({ snapshot }) => snapshot.hits),
  counters(
    "reason",
    "kv_cache_misses_total",
    "Reads that found none, by what became of the key; unknown where nobody remembers",
    ({ snapshot: { missReasons, misses } }) =>
      missReasons === null ? [["unknown", misses]] : Object.entries(missReasons)
  ),
  counters("reason", "kv_cache_removals_total", "Keys that have gone, by the reason", ({ snapshot }) =>
    Object.entries(snapshot.removals)
  ),
  {
    name: "kv_cache_victim_idle_seconds",
    help: "How long evicted keys had not been used",
    type: "histogram",
    labels: [],
    bounds: [],
    read: ({ view }) => {
      const idle = view.executor.insight?.victimIdle()
      if (idle === undefined) return []
      const upTo = idle.bounds.map((bound, index) => [bound / MILLIS, idle.counts[index] ?? 0] as const)
      return [[{}, { upTo, count: idle.counts.at(-1) ?? 0, sum: idle.sum / MILLIS }]]
    }
  },
  gauges("size", "kv_cache_miss_ratio", CURVE_HELP, ({ snapshot: { curve } }) =>
    curve === null ? [] : CURVE_SIZES.map((size) => [String(size), missRatioAt(curve.points, size * curve.here.bytes)])
  ),
  gauges(
    "use",
    "kv_cache_memory_bytes",
    "Memory by use: entries, what is held for them (used or free), clients, JavaScript's heap, the whole process",
    ({ snapshot: { memory } }) => [
      ["entries", memory.entries],
      ["held", memory.held],
      ["clients", memory.clients],
      ["heap", memory.heap],
      ["resident", memory.resident]
    ]
  ),
  gauge(
    "kv_cache_memory_limit_bytes",
    "The bound of the memory of entries; absent if there is none",
    ({ snapshot }) => snapshot.memory.limit
  ),
  gauge(
    "kv_cache_client_memory_limit_bytes",
    "The bound of the memory that clients hold",
    ({ snapshot }) => snapshot.memory.clientsLimit
  ),
  gauge("kv_cache_keys", "Keys that are held", ({ snapshot }) => snapshot.keys.count),
  gauge("kv_cache_keys_limit", "Most keys that are held", ({ snapshot }) => snapshot.keys.limit),
  ...engineFamilies,
  ...nearFamilies,
  gauge("kv_cache_connections", "Connections that are open", ({ snapshot }) => snapshot.connections.open),
  gauge(
    "kv_cache_connections_unauthenticated",
    "Of these, those that must say who they are, and have not; absent where nobody must",
    ({ snapshot }) => snapshot.connections.unauthenticated
  ),
  counters(
    "reason",
    "kv_cache_connections_closed_total",
    "Connections that the server has closed: idle, holding too much memory, or not saying who they are as they must",
    ({ snapshot: { connections } }) => [
      ["idle", connections.idled],
      ["memory", connections.overMemory],
      ["unauthenticated", connections.unauthenticatedClosed]
    ]
  ),
  counter(
    "kv_cache_authentication_failures_total",
    "Users or passwords that were wrong, those at the admin port included",
    ({ snapshot }) => snapshot.connections.authenticationFailures
  ),
  counter(
    "kv_cache_tls_errors_total",
    "TLS connections that have failed, mostly in their handshake",
    ({ snapshot }) => snapshot.connections.tlsFailures
  ),
  counter(
    "kv_cache_protocol_errors_total",
    "Requests that were no valid command",
    ({ view }) => view.counters.protocolErrors
  ),
  {
    name: "kv_cache_event_loop_delay_seconds",
    help: "By how much a timer was late, looked at ten times a second",
    type: "histogram",
    labels: [],
    bounds: LoopDelay.BOUNDS,
    read: ({ loopDelay: { count, sum, upTo } }) => [[{}, { upTo, count, sum }]]
  },
  counter("kv_cache_defects_total", "Defects that were caught, each a bug", ({ snapshot }) => snapshot.defects)
]

/** All metrics. */
export const families: ReadonlyArray<Family> = [...redisFamilies, ...ownFamilies]
