/** What the benchmark asks of its helper processes (one JSON argument) and what they answer (lines of JSON). */
import type { WireName } from "./Wire.ts"

/** Where a helper connects to, and how it speaks. */
export interface Destination {
  readonly port: number
  readonly wire: WireName
}

export interface GeneratorOptions extends Destination {
  readonly connections: number
  readonly pipeline: number
  readonly valueSize: number
  /** The server, whose CPU time is taken with the requests. */
  readonly serverPid: number
  /** How much the process yields to others, 0 to 19. */
  readonly nice?: number
  readonly work:
    | {
        readonly kind: "mix"
        readonly keys: number
        readonly putShare: number
        /** s; what happens before is not measured. */
        readonly warmup: number
        readonly seconds: number
        readonly seed: number
      }
    | {
        readonly kind: "fill"
        readonly firstKey: number
        readonly keys: number
        /** All keys expire this many seconds after the start, to the second; 0 for never. */
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
  /** ms: the longest wait for a reply. */
  readonly longest: number
  /** ms: the longest, where the time that server and probe waited for a core is left out: what the server itself did. */
  readonly longestStall: number
  readonly p50: number
  readonly p99: number
}

export interface IdleOptions extends Destination {
  readonly connections: number
}

export interface IdleReady {
  readonly opened: number
}
