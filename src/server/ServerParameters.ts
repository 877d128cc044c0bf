/** The settings of a running server that CONFIG GET shows, and what CONFIG SET does with them. */
import * as Duration from "effect/Duration"
import { DATABASES, MAX_VALUE_LENGTH } from "../engine/Limits.ts"
import type { ExecutorService } from "../store/Executor.ts"
import type { IdleWatch } from "./IdleWatch.ts"
import type { Instance } from "./Instance.ts"
import { choice, constant, type Parameter, Parameters, whole } from "./Parameters.ts"
import type { Running } from "./Running.ts"
import type { ServerConfig } from "./ServerConfig.ts"
import type { Tracking } from "./Tracking.ts"

export interface Parts {
  readonly config: ServerConfig
  readonly instance: Instance
  readonly executor: ExecutorService
  readonly running: Running
  readonly idleWatch: IdleWatch
  readonly tracking: Tracking
}

/** A setting of Redis's that cannot be otherwise here. */
const fixed = (name: string, value: string): Parameter => choice(name, [value], () => value)

export const parametersOf = ({ config, executor, instance, running, tracking }: Parts): Parameters =>
  new Parameters([
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
    fixed("requirepass", ""),
    fixed("protected-mode", "no"),
    fixed("notify-keyspace-events", ""),
    fixed("lazyfree-lazy-user-flush", "no"),
    fixed("tcp-keepalive", "60"),
    { name: "maxmemory", read: () => String(executor.levels().maxMemory ?? 0) },
    fixed("maxmemory-policy", "allkeys-lru"),
    constant("proto-max-bulk-len", String(MAX_VALUE_LENGTH)),
    { name: "timeout", read: () => String(Duration.toSeconds(config.idleTimeout)) },
    whole(
      "maxclients",
      1,
      1_000_000,
      () => running.maxClients,
      (value) => (running.maxClients = value)
    ),
    whole(
      "tracking-table-max-keys",
      0,
      Number.MAX_SAFE_INTEGER,
      () => tracking.maxKeys,
      (value) => (tracking.maxKeys = value)
    )
  ])
