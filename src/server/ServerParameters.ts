/** The settings of a running server that CONFIG GET shows, and what CONFIG SET does with them. */
import { DATABASES, MAX_MEMORY } from "../engine/Limits.ts"
import type { ExecutorService } from "../store/Executor.ts"
import type { IdleWatch } from "./IdleWatch.ts"
import type { Instance } from "./Instance.ts"
import type { Observation } from "./Observation.ts"
import { bytes, choice, constant, type Parameter, Parameters, whole } from "./Parameters.ts"
import type { Running } from "./Running.ts"
import { MIN_MEMORY } from "./ServerConfig.ts"
import type { Tracking } from "./Tracking.ts"

export interface Parts {
  readonly instance: Instance
  readonly executor: ExecutorService
  readonly running: Running
  readonly idleWatch: IdleWatch
  /** The longest argument, in bytes. */
  readonly maxBulk: number
  readonly tracking: Tracking
  readonly observation: Observation
  /** The time in ms. */
  readonly now: () => number
}

/** A setting of Redis's that cannot be otherwise here, and what to do instead if there is anything. */
const fixed = (name: string, value: string, instead = ""): Parameter => ({
  name,
  read: () => value,
  write: (text) => (text.toLowerCase() === value ? () => {} : `it is always '${value}' here${instead}`)
})

const MOST = Number.MAX_SAFE_INTEGER

export const parametersOf = ({
  executor,
  idleWatch,
  instance,
  maxBulk,
  now,
  observation,
  running,
  tracking
}: Parts): Parameters => {
  const { latency, slowLog } = observation
  return new Parameters([
    { name: "bind", read: () => instance.host },
    { name: "port", read: () => String(instance.port) },
    constant("tls-port", "0"),
    constant("unixsocket", ""),
    constant("databases", String(DATABASES)),
    constant("daemonize", "no"),
    constant("cluster-enabled", "no"),
    constant("io-threads", "1"),
    constant("supervised", "no"),
    constant("tcp-backlog", "4096"),
    fixed("save", ""),
    fixed("appendonly", "no"),
    fixed("replicaof", ""),
    fixed("requirepass", "", ": passwords are given at the start (--password-file, KV_CACHE_PASSWORD, --users-file)"),
    fixed("protected-mode", "no"),
    fixed("notify-keyspace-events", ""),
    fixed("lazyfree-lazy-user-flush", "no"),
    fixed("tcp-keepalive", "60"),
    bytes(
      "maxmemory",
      MIN_MEMORY,
      MAX_MEMORY,
      () => executor.levels().maxMemory ?? 0,
      (value) => executor.setMaxMemory(value === 0 ? undefined : value, now())
    ),
    fixed("maxmemory-policy", "allkeys-lru"),
    constant("proto-max-bulk-len", String(maxBulk)),
    whole(
      "timeout",
      0,
      2_147_483_647,
      () => (idleWatch.sparesRedis ? 0 : Math.ceil(idleWatch.timeout / 1000)),
      (value) => (idleWatch.timeout = value * 1000)
    ),
    whole(
      "maxclients",
      1,
      1_000_000,
      () => running.maxClients,
      (value) => (running.maxClients = value)
    ),
    whole(
      "slowlog-log-slower-than",
      -1,
      MOST,
      () => slowLog.threshold,
      (value) => {
        slowLog.threshold = value
        observation.changed()
      }
    ),
    whole(
      "slowlog-max-len",
      0,
      MOST,
      () => slowLog.mostEntries,
      (value) => (slowLog.mostEntries = value)
    ),
    choice(
      "show-values",
      ["yes", "no"],
      () => (observation.showsValues ? "yes" : "no"),
      (value) => (observation.showsValues = value === "yes")
    ),
    whole(
      "latency-monitor-threshold",
      0,
      MOST,
      () => latency.threshold,
      (value) => (latency.threshold = value)
    ),
    whole(
      "tracking-table-max-keys",
      0,
      MOST,
      () => tracking.maxKeys,
      (value) => (tracking.maxKeys = value)
    )
  ])
}
