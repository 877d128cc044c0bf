/**
 * What `/stats.json` says: one picture of a running server, which the admin page asks for every second.
 *
 * Counters are totals since the server has started, or since CONFIG RESETSTAT: whoever wants rates takes two pictures and
 * divides. A total that is less than it was in the picture before has begun anew. What this server cannot tell is null.
 *
 * Bytes are bytes, times are ms unless their names say otherwise. Keys and words are latin1: one character a byte.
 */
import * as Schema from "effect/Schema"

/** What a server is doing: it takes clients only while it is `serving`. */
export const Stage = Schema.Literals(["starting", "serving", "draining", "stopped"])

export type Stage = (typeof Stage)["Type"]

/** How late the event loop was, sampled: for so long a client may have waited before its command was even read. */
const LoopDelay = Schema.Struct({
  /** Over the last minute. */
  p50: Schema.Number,
  p99: Schema.Number,
  max: Schema.Number
})

/** The times of one kind of command, in µs, of those that were measured: a sample, unless a command may take long. */
const Times = Schema.Struct({
  count: Schema.Number,
  sum: Schema.Number,
  p50: Schema.Number,
  p90: Schema.Number,
  p99: Schema.Number,
  p999: Schema.Number,
  /**
   * How many times were at most so many µs, ascending and cumulative, only where the count grows. The difference of two
   * pictures gives the percentiles of the time between them.
   */
  upTo: Schema.Array(Schema.Tuple([Schema.Number, Schema.Number]))
})

/** One kind of command that clients have sent, with what became of it. */
const Operation = Schema.Struct({
  /** As the table of commands names it, such as `GET`. */
  command: Schema.String,
  /** All that were executed. Of these so many were answered with an error. */
  calls: Schema.Number,
  failed: Schema.Number,
  /** Refused before they were begun: no memory, no permission. */
  rejected: Schema.Number,
  times: Schema.NullOr(Times)
})

const MissReasons = Schema.Struct({
  /** The key was never there, or so long ago that nobody remembers. */
  cold: Schema.Number,
  expired: Schema.Number,
  evicted: Schema.Number,
  deleted: Schema.Number
})

const Memory = Schema.Struct({
  /** What all entries take; `limit` bounds it. */
  entries: Schema.Number,
  /** The most that it has been. */
  peak: Schema.Number,
  limit: Schema.NullOr(Schema.Number),
  /** What is held for entries, whether used or free. */
  held: Schema.Number,
  /** What clients hold: unfinished requests, replies that were not taken. */
  clients: Schema.Number,
  clientsLimit: Schema.Number,
  /** The whole process, as the system counts it; and JavaScript's heap in it. */
  resident: Schema.Number,
  heap: Schema.Number
})

const Connections = Schema.Struct({
  open: Schema.Number,
  limit: Schema.Number,
  accepted: Schema.Number,
  refused: Schema.Number,
  /** Closed because they were idle, or because clients held too much memory. */
  idled: Schema.Number,
  overMemory: Schema.Number,
  /** Open, and have not said who they are, though they must. Null where nobody must. */
  unauthenticated: Schema.NullOr(Schema.Number),
  /** Wait for a pause to end. */
  blocked: Schema.Number
})

const SlowCommand = Schema.Struct({
  id: Schema.Number,
  /** Unix time, in s. */
  at: Schema.Number,
  micros: Schema.Number,
  /** Values are redacted. */
  words: Schema.Array(Schema.String),
  address: Schema.String,
  name: Schema.String
})

const HotKey = Schema.Struct({
  key: Schema.String,
  database: Schema.Number,
  /** Estimated uses in a recent window; too many by at most `error`. */
  count: Schema.Number,
  error: Schema.Number
})

const BigKey = Schema.Struct({ key: Schema.String, database: Schema.Number, bytes: Schema.Number })

const CurvePoint = Schema.Struct({ bytes: Schema.Number, missRatio: Schema.Number })

/** Which share of reads would miss with so much memory. */
const Curve = Schema.Struct({
  /** By ascending bytes. */
  points: Schema.Array(CurvePoint),
  /** At the present size. */
  here: CurvePoint,
  samples: Schema.Number
})

/** One node of an engine that is spread over several. */
const Node = Schema.Struct({
  address: Schema.String,
  isUp: Schema.Boolean,
  /** Commands that were sent to it, those of them that failed, and the time to the last reply, where known. */
  commands: Schema.Number,
  failed: Schema.Number,
  roundTrip: Schema.NullOr(Schema.Number)
})

/** Copies of entries of a distant engine that this process holds. */
const NearCache = Schema.Struct({
  entries: Schema.Number,
  bytes: Schema.Number,
  hits: Schema.Number,
  misses: Schema.Number,
  /** Copies that were dropped because the engine said that they have changed. */
  invalidated: Schema.Number
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
  at: Schema.Number,
  /** In s. */
  uptime: Schema.Number,
  stage: Stage,
  loopDelay: LoopDelay,
  /** Caught, each of them a bug in kv-cache. */
  defects: Schema.Number,
  engine: Engine,
  /** Commands that clients have sent at least once, the most used first. */
  operations: Schema.Array(Operation),
  /** Reads that found a value, and reads that did not. */
  hits: Schema.Number,
  misses: Schema.Number,
  missReasons: Schema.NullOr(MissReasons),
  memory: Memory,
  keys: Schema.Struct({ count: Schema.Number, limit: Schema.NullOr(Schema.Number), timed: Schema.Number }),
  /** Keys that have gone, by the reason. */
  removals: Schema.Struct({
    deleted: Schema.Number,
    expired: Schema.Number,
    evicted: Schema.Number,
    replaced: Schema.Number
  }),
  connections: Connections,
  /** Bytes from clients and to them. */
  network: Schema.Struct({ in: Schema.Number, out: Schema.Number }),
  /** The newest first. */
  slowCommands: Schema.Array(SlowCommand),
  hotKeys: Schema.NullOr(Schema.Array(HotKey)),
  bigKeys: Schema.NullOr(Schema.Array(BigKey)),
  /** Null also while too little was sampled. */
  curve: Schema.NullOr(Curve)
})

export type Snapshot = (typeof Snapshot)["Type"]
