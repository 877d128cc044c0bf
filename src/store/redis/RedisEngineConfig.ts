/** What a Redis engine has to be told, and what holds where it is not told. It reads no settings and connects to nothing. */
import * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { DownPolicy } from "./Job.ts"

export interface RedisEngineConfig {
  /**
   * `redis://user@host:7000,host:7001`, with any servers of a cluster, or a single one; `rediss://` for TLS. If it
   * contains a password, let it be redacted.
   */
  readonly url: string | Redacted.Redacted
  /** In place of the one in the URL. */
  readonly password?: Redacted.Redacted | undefined
  /** The certificates of who may have signed the servers', as PEM, for TLS; the system's if absent. */
  readonly ca?: string | undefined
  /** The longest silence of a server that owes an answer: 1 s if absent. */
  readonly timeout?: Duration.Input | undefined
  /** What reads are answered with while their server is gone: an error if absent. Writes always fail. */
  readonly down?: DownPolicy | undefined
  /** How long a value may be stale, if reads may be answered so: 5 minutes if absent. */
  readonly staleTtl?: Duration.Input | undefined
  /** The most memory of the near cache, in bytes: 256 MiB if absent. */
  readonly nearMemory?: number | undefined
  /** How long a value may be answered from the near cache: 60 s if absent; 0 for none. */
  readonly nearTtl?: Duration.Input | undefined
}

/** What holds where nothing is said. */
export const defaults = {
  timeout: Duration.seconds(1),
  down: "error",
  staleTtl: Duration.minutes(5),
  nearMemory: 256 * 1024 * 1024,
  nearTtl: Duration.seconds(60)
} as const satisfies Partial<RedisEngineConfig>
