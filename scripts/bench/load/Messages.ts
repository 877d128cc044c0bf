/** The messages between the benchmark and its helper processes: one JSON argument to them, lines of JSON from them. */
import type { WireName } from "./Wire.ts"

/** Where a helper connects to, and how it speaks. */
export interface Destination {
  readonly port: number
  readonly wire: WireName
  /** Whether the port is for TLS. Any certificate will do. */
  readonly isTls?: boolean | undefined
  /** Said first on each connection, of the user `default`. */
  readonly password?: string | undefined
}

export interface GeneratorOptions extends Destination {
  readonly connections: number
  readonly pipeline: number
  readonly valueSize: number
  /** The server's pid. Its CPU time is read together with the count of requests. */
  readonly serverPid: number
  /** The process's niceness, 0 to 19. */
  readonly nice?: number
  readonly work:
    | {
        readonly kind: "mix"
        readonly keys: number
        readonly putShare: number
        readonly skew: number
        /** The warm-up, in s, which is not measured. */
        readonly warmup: number
        readonly seconds: number
        readonly seed: number
      }
    | {
        readonly kind: "fill"
        readonly firstKey: number
        readonly keys: number
        /** The second after the start in which all keys expire, 0 for never. */
        readonly expireAfter: number
      }
}

export interface GeneratorResult {
  readonly requests: number
  /** s */
  readonly seconds: number
  /** s, while measured. */
  readonly serverCpu: number | undefined
  readonly generatorCpu: number
  /** ms */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface ProbeOptions extends Destination {
  readonly serverPid: number
}

export interface ProbeResult {
  readonly probes: number
  /** The longest wait for a reply, in ms. */
  readonly longest: number
  /**
   * The longest wait, in ms, without the time that server and probe waited for a core: what the server itself caused.
   */
  readonly longestStall: number
  readonly p50: number
  readonly p99: number
  /** The p99 of waits without those for a core. */
  readonly p99Stall: number
}

export interface IdleOptions extends Destination {
  readonly connections: number
}

export interface IdleReady {
  readonly opened: number
}

export interface HeldOptions {
  readonly port: number
  readonly connections: number
  /** What the server is to hold: the beginning of a request, or replies. */
  readonly kind: "request" | "replies"
  /** Of the request that has come, or of a reply. */
  readonly bytes: number
}

export interface HeldReady {
  readonly sent: number
}

export interface ShortOptions extends Destination {
  readonly serverPid: number
  /** The warm-up, in s, which is not measured. */
  readonly warmup: number
  readonly seconds: number
}

export interface ShortResult {
  readonly connections: number
  /** s, while measured. */
  readonly serverCpu: number | undefined
}

export interface BulkOptions extends Destination {
  readonly connections: number
  readonly valueSize: number
  /** The process's niceness, 0 to 19. */
  readonly nice: number
}

export interface BulkResult {
  readonly requestsPerSecond: number
}

export interface PacedOptions extends Destination {
  readonly connections: number
  readonly valueSize: number
  /** Requests a second, whatever the answers take. */
  readonly rate: number
  readonly keys: number
  /** The warm-up, in s, which is not measured. */
  readonly warmup: number
  readonly seconds: number
  readonly seed: number
}

export interface PacedResult {
  readonly requests: number
  /** ms */
  readonly mean: number
  readonly p50: number
  readonly p99: number
}

export interface DelayOptions {
  /** Where connections are passed on to. */
  readonly port: number
  /** How long each byte is on its way in either direction, in ms. */
  readonly delay: number
}

export interface DelayReady {
  readonly port: number
}
