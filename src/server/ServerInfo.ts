/**
 * What INFO says: sections of names and values, named as Redis names them, because clients, exporters and tools look for
 * these. What a cache without a disk, replicas or scripts has nothing of is 0 or off.
 */
import { arch, release, totalmem, type as systemName } from "node:os"
import { commands as table } from "../commands/Commands.ts"
import { DATABASES } from "../engine/Limits.ts"
import { version } from "../Version.ts"
import { engineInfo } from "./EngineFields.ts"
import { REDIS_VERSION } from "./RedisVersion.ts"
import type { Keyspace } from "../store/Keyspace.ts"
import type { Session, SessionContext } from "./Session.ts"

type Value = string | number

type Fields = ReadonlyArray<readonly [name: string, value: Value]>

interface Section {
  readonly name: string
  /** Whether INFO without arguments shows it. */
  readonly isDefault: boolean
  readonly fields: (context: SessionContext, now: number, databases: Keyspace) => Fields
}

const UNITS = ["K", "M", "G", "T"]

/** Bytes as people read them, such as `1.50M`. */
const humanBytes = (bytes: number): string => {
  if (bytes < 1024) return `${bytes}B`
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length)
  return `${(bytes / 1024 ** power).toFixed(2)}${UNITS[power - 1]}`
}

const ratio = (part: number, whole: number): string => (whole === 0 ? 0 : part / whole).toFixed(2)

const percent = (part: number, whole: number): string => `${ratio(100 * part, whole)}%`

/** In MB a second of 10^6 bytes; Redis counts kB of 1024. */
const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(2)

const seconds = (micros: number): string => (micros / 1e6).toFixed(6)

const server: Section = {
  name: "Server",
  isDefault: true,
  fields: ({ executor, instance }, now) => [
    ["redis_version", REDIS_VERSION],
    ["kv_cache_version", version],
    ...engineInfo(executor.engine),
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_build_id", "0"],
    ["redis_mode", "standalone"],
    ["os", `${systemName()} ${release()} ${arch() === "x64" ? "x86_64" : arch()}`],
    ["arch_bits", 64],
    ["monotonic_clock", "POSIX clock_gettime"],
    ["multiplexing_api", "libuv"],
    ["atomicvar_api", "none"],
    ["gcc_version", "0.0.0"],
    ["node_version", process.versions.node],
    ["process_id", process.pid],
    ["process_supervised", "no"],
    ["run_id", instance.runId],
    ["tcp_port", instance.port],
    ["server_time_usec", instance.unixTime(now) * 1000],
    ["uptime_in_seconds", instance.uptime(now)],
    ["uptime_in_days", Math.floor(instance.uptime(now) / 86_400)],
    ["hz", 10],
    ["configured_hz", 10],
    ["lru_clock", Math.floor(instance.unixTime(now) / 1000) % 2 ** 24],
    ["executable", process.argv[1] ?? process.execPath],
    ["config_file", ""],
    ["io_threads_active", 0]
  ]
}

const count = (clients: Iterable<Session>, is: (client: Session) => boolean): number => {
  let found = 0
  for (const client of clients) if (is(client)) found++
  return found
}

const clients: Section = {
  name: "Clients",
  isDefault: true,
  fields: (context) => [
    ["connected_clients", context.clients.size],
    ["cluster_connections", 0],
    ["maxclients", context.running.maxClients],
    ["client_recent_max_input_buffer", 0],
    ["client_recent_max_output_buffer", 0],
    ["blocked_clients", context.pause.size],
    ["tracking_clients", context.tracking.clientCount],
    ["pubsub_clients", count(context.clients, ({ isSubscribed }) => isSubscribed)],
    ["watching_clients", context.transactions.watches.clientCount],
    ["clients_in_timeout_table", 0],
    ["total_watched_keys", context.transactions.watches.keyCount],
    ["total_blocking_keys", 0],
    ["total_blocking_keys_on_nokey", 0]
  ]
}

const memory: Section = {
  name: "Memory",
  isDefault: true,
  fields: ({ clients: all, executor }) => {
    const { bytes, held } = executor.stats()
    const { maxMemory, peak } = executor.levels()
    const { rss, heapUsed } = process.memoryUsage()
    const total = totalmem()
    return [
      ["used_memory", bytes],
      ["used_memory_human", humanBytes(bytes)],
      ["used_memory_rss", rss],
      ["used_memory_rss_human", humanBytes(rss)],
      ["used_memory_peak", peak],
      ["used_memory_peak_human", humanBytes(peak)],
      ["used_memory_peak_perc", percent(bytes, peak)],
      ["used_memory_overhead", heapUsed],
      ["used_memory_startup", 0],
      ["used_memory_dataset", bytes],
      ["used_memory_dataset_perc", percent(bytes, bytes)],
      ["allocator_allocated", bytes],
      ["allocator_active", held],
      ["allocator_resident", held],
      ["allocator_muzzy", 0],
      ["total_system_memory", total],
      ["total_system_memory_human", humanBytes(total)],
      ["used_memory_lua", 0],
      ["used_memory_vm_eval", 0],
      ["used_memory_lua_human", humanBytes(0)],
      ["used_memory_scripts_eval", 0],
      ["number_of_cached_scripts", 0],
      ["number_of_functions", 0],
      ["number_of_libraries", 0],
      ["used_memory_vm_functions", 0],
      ["used_memory_vm_total", 0],
      ["used_memory_vm_total_human", humanBytes(0)],
      ["used_memory_functions", 0],
      ["used_memory_scripts", 0],
      ["used_memory_scripts_human", humanBytes(0)],
      ["maxmemory", maxMemory ?? 0],
      ["maxmemory_human", humanBytes(maxMemory ?? 0)],
      ["maxmemory_policy", "allkeys-lru"],
      ["allocator_frag_ratio", ratio(held, bytes)],
      ["allocator_frag_bytes", held - bytes],
      ["allocator_rss_ratio", ratio(held, held)],
      ["allocator_rss_bytes", 0],
      ["rss_overhead_ratio", ratio(rss, held)],
      ["rss_overhead_bytes", rss - held],
      ["mem_fragmentation_ratio", ratio(rss, bytes)],
      ["mem_fragmentation_bytes", rss - bytes],
      ["mem_not_counted_for_evict", 0],
      ["mem_replication_backlog", 0],
      ["mem_total_replication_buffers", 0],
      ["mem_clients_slaves", 0],
      ["mem_clients_normal", all.heldBytes],
      ["mem_cluster_links", 0],
      ["mem_aof_buffer", 0],
      ["mem_allocator", "kv-cache"],
      ["active_defrag_running", 0],
      ["lazyfree_pending_objects", 0],
      ["lazyfreed_objects", 0]
    ]
  }
}

const persistence: Section = {
  name: "Persistence",
  isDefault: true,
  fields: ({ instance }) => [
    ["loading", 0],
    ["async_loading", 0],
    ["current_cow_peak", 0],
    ["current_cow_size", 0],
    ["current_cow_size_age", 0],
    ["current_fork_perc", "0.00"],
    ["current_save_keys_processed", 0],
    ["current_save_keys_total", 0],
    ["rdb_changes_since_last_save", 0],
    ["rdb_bgsave_in_progress", 0],
    ["rdb_last_save_time", Math.floor(instance.unixTime(instance.startedAt) / 1000)],
    ["rdb_last_bgsave_status", "ok"],
    ["rdb_last_bgsave_time_sec", -1],
    ["rdb_current_bgsave_time_sec", -1],
    ["rdb_saves", 0],
    ["rdb_last_cow_size", 0],
    ["rdb_last_load_keys_expired", 0],
    ["rdb_last_load_keys_loaded", 0],
    ["aof_enabled", 0],
    ["aof_rewrite_in_progress", 0],
    ["aof_rewrite_scheduled", 0],
    ["aof_last_rewrite_time_sec", -1],
    ["aof_current_rewrite_time_sec", -1],
    ["aof_last_bgrewrite_status", "ok"],
    ["aof_rewrites", 0],
    ["aof_rewrites_consecutive_failures", 0],
    ["aof_last_write_status", "ok"],
    ["aof_last_cow_size", 0],
    ["module_fork_in_progress", 0],
    ["module_fork_last_cow_size", 0]
  ]
}

/** What became of the keys that were missing; nothing where nobody keeps that. */
const missesByReason = ({ executor: { insight } }: SessionContext): Fields =>
  Object.entries(insight?.misses() ?? {}).map(([reason, misses]) => [`kv_cache_misses_${reason}`, misses])

const stats: Section = {
  name: "Stats",
  isDefault: true,
  fields: (context, now) => {
    const { errors, refused, accepted, bytesIn, bytesOut, overMemory, commands, store, ...totals } =
      context.running.totals()
    const rates = context.running.rates(now)
    return [
      ["total_connections_received", accepted],
      ["total_commands_processed", commands],
      ["instantaneous_ops_per_sec", Math.round(rates.commands)],
      ["total_net_input_bytes", bytesIn],
      ["total_net_output_bytes", bytesOut],
      ["total_net_repl_input_bytes", 0],
      ["total_net_repl_output_bytes", 0],
      ["instantaneous_input_kbps", kilobytes(rates.bytesIn)],
      ["instantaneous_output_kbps", kilobytes(rates.bytesOut)],
      ["instantaneous_input_repl_kbps", "0.00"],
      ["instantaneous_output_repl_kbps", "0.00"],
      ["rejected_connections", refused],
      ["sync_full", 0],
      ["sync_partial_ok", 0],
      ["sync_partial_err", 0],
      ["expired_subkeys", 0],
      ["expired_keys", store.expired],
      ["expired_stale_perc", "0.00"],
      ["expired_time_cap_reached_count", 0],
      ["expire_cycle_cpu_milliseconds", 0],
      ["evicted_keys", store.evicted],
      ["evicted_clients", overMemory],
      ["evicted_scripts", 0],
      ["total_eviction_exceeded_time", 0],
      ["current_eviction_exceeded_time", 0],
      ["keyspace_hits", store.hits],
      ["keyspace_misses", store.misses],
      ...missesByReason(context),
      ["pubsub_channels", 0],
      ["pubsub_patterns", 0],
      ["pubsubshard_channels", 0],
      ["latest_fork_usec", 0],
      ["total_forks", 0],
      ["migrate_cached_sockets", 0],
      ["slave_expires_tracked_keys", 0],
      ["active_defrag_hits", 0],
      ["active_defrag_misses", 0],
      ["active_defrag_key_hits", 0],
      ["active_defrag_key_misses", 0],
      ["total_active_defrag_time", 0],
      ["current_active_defrag_time", 0],
      ["tracking_total_keys", context.tracking.keyCount],
      ["tracking_total_items", context.tracking.itemCount],
      ["tracking_total_prefixes", context.tracking.prefixCount],
      ["unexpected_error_replies", 0],
      ["total_error_replies", errors],
      ["dump_payload_sanitizations", 0],
      ["total_reads_processed", 0],
      ["total_writes_processed", 0],
      ["io_threaded_reads_processed", 0],
      ["io_threaded_writes_processed", 0],
      ["reply_buffer_shrinks", 0],
      ["reply_buffer_expands", 0],
      ["eventloop_cycles", 0],
      ["eventloop_duration_sum", 0],
      ["eventloop_duration_cmd_sum", 0],
      ["instantaneous_eventloop_cycles_per_sec", 0],
      ["instantaneous_eventloop_duration_usec", 0],
      ["acl_access_denied_auth", totals.authenticationFailures],
      ["acl_access_denied_cmd", totals.forbidden],
      ["acl_access_denied_key", 0],
      ["acl_access_denied_channel", 0],
      ["kv_cache_unauthenticated_closed", totals.strangersClosed],
      ["kv_cache_tls_failures", totals.tlsFailures]
    ]
  }
}

const replication: Section = {
  name: "Replication",
  isDefault: true,
  fields: ({ instance }) => [
    ["role", "master"],
    ["connected_slaves", 0],
    ["master_failover_state", "no-failover"],
    ["master_replid", instance.runId],
    ["master_replid2", "0".repeat(40)],
    ["master_repl_offset", 0],
    ["second_repl_offset", -1],
    ["repl_backlog_active", 0],
    ["repl_backlog_size", 0],
    ["repl_backlog_first_byte_offset", 0],
    ["repl_backlog_histlen", 0]
  ]
}

const cpu: Section = {
  name: "CPU",
  isDefault: true,
  fields: () => {
    const { system, user } = process.cpuUsage()
    return [
      ["used_cpu_sys", seconds(system)],
      ["used_cpu_user", seconds(user)],
      ["used_cpu_sys_children", seconds(0)],
      ["used_cpu_user_children", seconds(0)]
    ]
  }
}

const modules: Section = { name: "Modules", isDefault: true, fields: () => [] }

const commandStats: Section = {
  name: "Commandstats",
  isDefault: false,
  fields: ({ executor: { statistics } }) =>
    table.flatMap(({ name, protocols }, id) => {
      const calls = statistics.callsOf(id)
      if (calls === 0 || protocols.length === 0) return []
      const times = statistics.timesOf(id)
      const each = times === undefined ? 0 : times.sum / times.count
      const counts = `rejected_calls=${statistics.rejected[id]},failed_calls=${statistics.failed[id]}`
      const value = `calls=${calls},usec=${Math.round(each * calls)},usec_per_call=${each.toFixed(2)},${counts}`
      return [[`cmdstat_${name.toLowerCase()}`, value]]
    })
}

const errorStats: Section = {
  name: "Errorstats",
  isDefault: true,
  fields: ({ executor: { statistics } }) =>
    Array.from(statistics.errors, ([code, count]) => [`errorstat_${code}`, `count=${count}`])
}

const latencyStats: Section = {
  name: "Latencystats",
  isDefault: false,
  fields: ({ executor: { statistics } }) =>
    table.flatMap(({ name }, id) => {
      const times = statistics.timesOf(id)
      if (times === undefined) return []
      const parts = [50, 99, 99.9].map((share) => `p${share}=${times.quantile(share / 100).toFixed(3)}`)
      return [[`latency_percentiles_usec_${name.toLowerCase()}`, parts.join(",")]]
    })
}

const cluster: Section = { name: "Cluster", isDefault: true, fields: () => [["cluster_enabled", 0]] }

const keyspace: Section = {
  name: "Keyspace",
  isDefault: true,
  fields: (_context, _now, databases) =>
    Array.from({ length: DATABASES }, (_, database) => database).flatMap((database) => {
      const { keys = 0, timed = 0 } = databases[database] ?? {}
      return keys === 0 ? [] : [[`db${database}`, `keys=${keys},expires=${timed},avg_ttl=0,subexpiry=0`]]
    })
}

const sections: ReadonlyArray<Section> = [
  server,
  clients,
  memory,
  persistence,
  stats,
  replication,
  cpu,
  modules,
  commandStats,
  errorStats,
  latencyStats,
  cluster,
  keyspace
]

/** The sections that the arguments of INFO ask for. Unknown ones are nothing. */
export const sectionsOf = (names: ReadonlyArray<string>): ReadonlyArray<Section> => {
  const asked = new Set(names.map((name) => name.toLowerCase()))
  const isEverything = asked.has("everything")
  const isAll = isEverything || asked.has("all")
  const isDefault = asked.size === 0 || asked.has("default")
  return sections.filter((section) => {
    if (asked.has(section.name.toLowerCase())) return true
    if (section === modules) return isEverything || isDefault
    return isAll || (isDefault && section.isDefault)
  })
}

/** Whether the sections tell of the keys of each database. */
export const tellsKeys = (wanted: ReadonlyArray<Section>): boolean => wanted.includes(keyspace)

export const writeInfo = (
  context: SessionContext,
  now: number,
  wanted: ReadonlyArray<Section>,
  databases: Keyspace
): string =>
  wanted
    .map(
      ({ fields, name }) =>
        `# ${name}\r\n${fields(context, now, databases)
          .map(([field, value]) => `${field}:${value}\r\n`)
          .join("")}`
    )
    .join("\r\n")
