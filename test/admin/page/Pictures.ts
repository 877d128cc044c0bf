/** Pictures of a server that the test makes up: an idle one, from which each differs as the test says. */
import type { Snapshot } from "../../../src/admin/Snapshot.ts"

const START = 1_700_000_000_000

export interface Change extends Partial<Omit<Snapshot, "memory" | "removals" | "connections" | "keys">> {
  readonly memory?: Partial<Snapshot["memory"]>
  readonly removals?: Partial<Snapshot["removals"]>
  readonly connections?: Partial<Snapshot["connections"]>
  readonly keys?: Partial<Snapshot["keys"]>
}

/** A picture so many seconds after the start. */
export const picture = (
  seconds: number,
  { connections, keys, memory, removals, ...changed }: Change = {}
): Snapshot => ({
  version: "1.0.0",
  runId: "a",
  at: START + seconds * 1000,
  uptime: Math.floor(seconds),
  stage: "serving",
  loopDelay: { p50: 0.1, p99: 1, max: 2 },
  defects: 0,
  engine: { kind: "memory", nodes: [], nearCache: null },
  operations: [],
  hits: 0,
  misses: 0,
  missReasons: null,
  memory: {
    entries: 0,
    peak: 0,
    limit: 1_048_576,
    held: 0,
    clients: 0,
    clientsLimit: 1024,
    resident: 0,
    heap: 0,
    ...memory
  },
  keys: { count: 10, limit: null, timed: 0, ...keys },
  removals: { deleted: 0, expired: 0, evicted: 0, replaced: 0, ...removals },
  connections: {
    open: 1,
    limit: 100,
    accepted: 1,
    refused: 0,
    idled: 0,
    overMemory: 0,
    unauthenticated: null,
    unauthenticatedClosed: 0,
    authenticationFailures: 0,
    tlsFailures: 0,
    blocked: 0,
    ...connections
  },
  network: { in: 0, out: 0 },
  slowCommands: [],
  keysAre: "shown",
  hotKeys: null,
  bigKeys: null,
  curve: null,
  ...changed
})

/** A kind of command that was called so often; of the measured ones so many took at most so many µs. */
export const operation = (
  command: string,
  calls: number,
  upTo: ReadonlyArray<readonly [micros: number, count: number]> = [],
  failed = 0
): Snapshot["operations"][number] => ({
  command,
  calls,
  failed,
  rejected: 0,
  times: upTo.length === 0 ? null : { count: upTo.at(-1)?.[1] ?? 0, sum: 0, p50: 0, p90: 0, p99: 0, p999: 0, upTo }
})
