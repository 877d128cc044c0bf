/**
 * What `/stats.json` says: one picture of a running server, which the admin page asks for every second.
 *
 * Counters are totals since the server has started, or since CONFIG RESETSTAT: whoever wants rates takes two pictures and
 * divides. A total that is less than it was in the picture before has begun anew. What this server cannot tell is null.
 *
 * Bytes are bytes, times are ms unless their names say otherwise. Keys and words are latin1: one character a byte.
 */
import * as Schema from "effect/Schema"
import { ADMIN_KEYS } from "../server/ServerConfig.ts"
import { STAGES } from "../server/Vitals.ts"

/** How late the event loop was, sampled: for so long a client may have waited before its command was even read. */
const LoopDelay = Schema.Struct({
  /** Over the last minute. */
  p50: Schema.Finite,
  p99: Schema.Finite,
  max: Schema.Finite
})

/** The times of one kind of command, in µs, of those that were measured: a sample, unless a command may take long. */
const Times = Schema.Struct({
  count: Schema.Finite,
  sum: Schema.Finite,
  p50: Schema.Finite,
  p90: Schema.Finite,
  p99: Schema.Finite,
  p999: Schema.Finite,
  /**
   * How many times were at most so many µs, ascending and cumulative, only where the count grows. The difference of two
   * pictures gives the percentiles of the time between them.
   */
  upTo: Schema.Array(Schema.Tuple([Schema.Finite, Schema.Finite]))
})

/** One kind of command that clients have sent, with what became of it. */
const Operation = Schema.Struct({
  /** As the table of commands names it, such as `GET`. */
  command: Schema.String,
  /** All that were executed. Of these so many were answered with an error. */
  calls: Schema.Finite,
  failed: Schema.Finite,
  /** Refused before they were begun: no memory, no permission. */
  rejected: Schema.Finite,
  times: Schema.NullOr(Times)
})

const MissReasons = Schema.Struct({
  /** The key was never there, or so long ago that nobody remembers. */
  cold: Schema.Finite,
  expired: Schema.Finite,
  evicted: Schema.Finite,
  deleted: Schema.Finite
})

const Memory = Schema.Struct({
  /** What all entries take; `limit` bounds it. */
  entries: Schema.Finite,
  /** The most that it has been. */
  peak: Schema.Finite,
  limit: Schema.NullOr(Schema.Finite),
  /** What is held for entries, whether used or free. */
  held: Schema.Finite,
  /** What clients hold: unfinished requests, replies that were not taken. */
  clients: Schema.Finite,
  clientsLimit: Schema.Finite,
  /** The whole process, as the system counts it; and JavaScript's heap in it. */
  resident: Schema.Finite,
  heap: Schema.Finite
})

const Connections = Schema.Struct({
  open: Schema.Finite,
  limit: Schema.Finite,
  accepted: Schema.Finite,
  refused: Schema.Finite,
  /** Closed because they were idle, or because clients held too much memory. */
  idled: Schema.Finite,
  overMemory: Schema.Finite,
  /** Open, and have not said who they are, though they must. Null where nobody must. */
  unauthenticated: Schema.NullOr(Schema.Finite),
  /** Closed because their client did not say who it is: not in time, or with too many mistakes. */
  unauthenticatedClosed: Schema.Finite,
  /** Users or passwords that were wrong, those at the admin port included. */
  authenticationFailures: Schema.Finite,
  /** TLS connections that have failed in their handshake. */
  tlsFailures: Schema.Finite,
  /** Wait for a pause to end. */
  blocked: Schema.Finite
})

const SlowCommand = Schema.Struct({
  id: Schema.Finite,
  /** Unix time, in s. */
  at: Schema.Finite,
  micros: Schema.Finite,
  /** Of values that are stored only the lengths, unless CONFIG SET show-values says otherwise. */
  words: Schema.Array(Schema.String),
  address: Schema.String,
  name: Schema.String
})

const HotKey = Schema.Struct({
  key: Schema.String,
  database: Schema.Finite,
  /** Estimated uses in a recent window; too many by at most `error`. */
  count: Schema.Finite,
  error: Schema.Finite
})

const BigKey = Schema.Struct({ key: Schema.String, database: Schema.Finite, bytes: Schema.Finite })

const CurvePoint = Schema.Struct({ bytes: Schema.Finite, missRatio: Schema.Finite })

/** Which share of reads would miss with so much memory. */
const Curve = Schema.Struct({
  /** By ascending bytes. */
  points: Schema.Array(CurvePoint),
  /** At the present size. */
  here: CurvePoint,
  samples: Schema.Finite
})

/** One node of an engine that is spread over several. */
const Node = Schema.Struct({
  address: Schema.String,
  isUp: Schema.Boolean,
  /** Commands that were sent to it, those of them that failed, and the time to the last reply, where known. */
  commands: Schema.Finite,
  failed: Schema.Finite,
  roundTrip: Schema.NullOr(Schema.Finite)
})

/** Copies of entries of a distant engine that this process holds. */
const NearCache = Schema.Struct({
  entries: Schema.Finite,
  bytes: Schema.Finite,
  hits: Schema.Finite,
  misses: Schema.Finite,
  /** Copies that were dropped because the engine said that they have changed. */
  invalidated: Schema.Finite
})

const Engine = Schema.Struct({
  /** `memory`: the keys are in this process. */
  kind: Schema.String,
  /** Empty for the memory of this process. */
  nodes: Schema.Array(Node),
  nearCache: Schema.NullOr(NearCache)
})

export const Snapshot = Schema.Struct({
  version: Schema.String,
  /** Another one at each start of the server. */
  runId: Schema.String,
  /** Unix time of this picture. */
  at: Schema.Finite,
  /** In s. */
  uptime: Schema.Finite,
  /** It takes clients only while it is `serving`. */
  stage: Schema.Literals(STAGES),
  loopDelay: LoopDelay,
  /** Caught, each of them a bug in kv-cache. */
  defects: Schema.Finite,
  engine: Engine,
  /** Commands that clients have sent at least once, the most used first. */
  operations: Schema.Array(Operation),
  /** Reads that found a value, and reads that did not. */
  hits: Schema.Finite,
  misses: Schema.Finite,
  missReasons: Schema.NullOr(MissReasons),
  memory: Memory,
  keys: Schema.Struct({ count: Schema.Finite, limit: Schema.NullOr(Schema.Finite), timed: Schema.Finite }),
  /** Keys that have gone, by the reason. */
  removals: Schema.Struct({
    deleted: Schema.Finite,
    expired: Schema.Finite,
    evicted: Schema.Finite,
    replaced: Schema.Finite
  }),
  connections: Connections,
  /** Bytes from clients and to them. */
  network: Schema.Struct({ in: Schema.Finite, out: Schema.Finite }),
  /** The newest first. */
  slowCommands: Schema.Array(SlowCommand),
  /** Whether keys are themselves, or hashes of them, others in each run, here and in slow commands. */
  keysAre: Schema.Literals(ADMIN_KEYS),
  hotKeys: Schema.NullOr(Schema.Array(HotKey)),
  bigKeys: Schema.NullOr(Schema.Array(BigKey)),
  /** Null also while too little was sampled. */
  curve: Schema.NullOr(Curve)
})

export type Snapshot = (typeof Snapshot)["Type"]
