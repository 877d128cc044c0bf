/** Takes a picture of a running server. What it says is in `Snapshot.ts`. */
import { commands as table, isKey } from "../commands/Commands.ts"
import type { Entry } from "../commands/Entry.ts"
import type { Stage, View } from "../server/Vitals.ts"
import type { Times } from "../store/CommandStatistics.ts"
import type { EngineDescription } from "../store/Executor.ts"
import { version } from "../Version.ts"
import type { KeyNames } from "./KeyNames.ts"
import type { LoopDelay } from "./LoopDelay.ts"
import type { Snapshot } from "./Snapshot.ts"

/** What is known of a server besides what it says itself. */
export interface Surroundings {
  readonly stage: Stage
  readonly loopDelay: LoopDelay
  readonly maxKeys: number | null
  readonly keyNames: KeyNames
}

const SHOWN_SLOW = 32
const SHOWN_KEYS = 20

const byName: ReadonlyMap<string, Entry> = new Map(table.map((entry) => [entry.name.toLowerCase(), entry]))

/** The words of a slow command, its keys named as `keyNames` does. */
export const withKeysNamed = (words: ReadonlyArray<string>, keyNames: KeyNames): ReadonlyArray<string> => {
  const [first = "", second = ""] = words
  const container = byName.get(`${first}|${second}`)
  const entry = container ?? byName.get(first)
  if (entry?.keys === undefined) return words
  const nameWords = container === undefined ? 1 : 2
  const argc = words.length - nameWords
  return words.map((word, index) => {
    const argument = index - nameWords
    return argument >= 0 && isKey(entry, argument, argc) ? keyNames.of(word) : word
  })
}

const timesOf = (times: Times) => ({
  count: times.count,
  sum: times.sum,
  p50: times.quantile(0.5),
  p90: times.quantile(0.9),
  p99: times.quantile(0.99),
  p999: times.quantile(0.999),
  upTo: times.belowPowersOfTwo
})

const operationsOf = ({ executor: { statistics } }: View): Snapshot["operations"] =>
  table
    .flatMap(({ name, protocols }, id) => {
      const calls = statistics.callsOf(id)
      if (calls === 0 || protocols.length === 0) return []
      const times = statistics.timesOf(id)
      return [
        {
          command: name,
          calls,
          failed: statistics.failed[id] ?? 0,
          rejected: statistics.rejected[id] ?? 0,
          times: times === undefined ? null : timesOf(times)
        }
      ]
    })
    .toSorted((a, b) => b.calls - a.calls)

const engineOf = ({ name, near, nodes }: EngineDescription): Snapshot["engine"] => {
  const kept = near()
  return {
    kind: name,
    nodes: nodes(),
    nearCache:
      kept === undefined
        ? null
        : {
            entries: kept.keys,
            bytes: kept.bytes,
            hits: kept.hits,
            staleHits: kept.staleHits,
            misses: kept.reads,
            invalidated: kept.invalidations,
            flushes: kept.flushes,
            dirty: kept.dirty,
            drops: kept.drops,
            pending: kept.pending
          }
  }
}

/** `process.memoryUsage` costs little but for a walk of the system's own tables: tens of µs. */
export const takeSnapshot = (view: View, { keyNames, loopDelay, maxKeys, stage }: Surroundings): Snapshot => {
  const { clients, counters, executor, instance, observation, pause, running } = view
  const now = view.now()
  const totals = running.totals()
  const { insight } = executor
  const store = executor.stats()
  const levels = executor.levels()
  const named = <K extends { readonly key: string }>(entry: K): K => ({ ...entry, key: keyNames.of(entry.key) })
  const { heapUsed, rss } = process.memoryUsage()
  return {
    version,
    runId: instance.runId,
    at: instance.unixTime(now),
    uptime: instance.uptime(now),
    stage,
    loopDelay: loopDelay.lastMinute,
    defects: view.defects(),
    engine: engineOf(executor.engine),
    operations: operationsOf(view),
    hits: totals.store.hits,
    misses: totals.store.misses,
    missReasons: insight?.misses() ?? null,
    memory: {
      entries: store.bytes,
      peak: levels.peak,
      limit: levels.maxMemory ?? null,
      held: store.held,
      clients: clients.heldBytes,
      clientsLimit: view.maxClientMemory,
      resident: rss,
      heap: heapUsed
    },
    keys: {
      count: store.keys,
      limit: maxKeys,
      timed: levels.databases.reduce((sum, { timed }) => sum + timed, 0)
    },
    removals: {
      deleted: store.deleted,
      expired: totals.store.expired,
      evicted: totals.store.evicted,
      replaced: store.replaced
    },
    connections: {
      open: counters.open,
      limit: running.maxClients,
      accepted: totals.accepted,
      refused: totals.refused,
      idled: counters.idled,
      overMemory: totals.overMemory,
      unauthenticated: view.authentication.isRequired ? counters.unauthenticated : null,
      unauthenticatedClosed: totals.strangersClosed,
      authenticationFailures: totals.authenticationFailures,
      tlsFailures: totals.tlsFailures,
      blocked: pause.size
    },
    network: { in: totals.bytesIn, out: totals.bytesOut },
    slowCommands: observation.slowLog.newest(SHOWN_SLOW).map(({ address, at, id, micros, name, words }) => ({
      id,
      at,
      micros,
      words: withKeysNamed(words, keyNames),
      address,
      name
    })),
    keysAre: keyNames.are,
    hotKeys: insight?.hotKeys(SHOWN_KEYS).map(named) ?? null,
    bigKeys: insight?.bigKeys(SHOWN_KEYS).map(named) ?? null,
    curve: insight?.curve(now) ?? null
  }
}
