/**
 * The longest wait of a probing client while the server does the work that makes servers stall.
 *
 * A probe waits for the server's event loop, for the requests before its own (a fraction of a ms), and at times for a
 * core. The wait for a core is subtracted for the verdict. One row is the floor: the same load without special work.
 */
import { cpuSeconds, residentBytes } from "../Proc.ts"
import { number, range, spread, table } from "../report/Format.ts"
import { summarize } from "../report/Statistics.ts"
import type { ProbeResult } from "../load/Messages.ts"
import type { Peer, Server } from "../servers/Peers.ts"
import { type Fill, load, POLITE, probed } from "./Driver.ts"
import { megabytes, type Outcome, repeat, type Scenario, type Settings } from "./Scenario.ts"

/** ms */
export const STALL_LIMIT = 15

const MILLION = 1_000_000

/** The most rounds. Each takes about half a minute. */
const MAX_ROUNDS = 3

/** Time between two sweeps in the scenarios of mass expiry, in s. So all keys are due when a sweep comes. */
const SWEEP_INTERVAL = 2

/** Time for the sweep itself, in s, after the last key is due and the sweep must have begun. */
const SWEEP_TIME = 1.5

interface Row {
  readonly name: string
  readonly probes: Array<ProbeResult>
  /** Mass expiry: MB freed, and s of CPU used after the last PUT, in each round. */
  readonly swept: Array<Swept>
}

/** What shows that a sweep has taken place. */
interface Swept {
  readonly freed: number
  readonly cpu: number
}

const GROWN_VALUE_SIZE = 200

type Recorder = (name: string, probe: ProbeResult, swept?: Swept) => void

/** A cache of a million keys: the same values again, then larger values, then new keys that evict others. */
const fullCache = async (kvCache: Peer, record: Recorder, progress: (text: string) => void): Promise<void> => {
  const server = await kvCache.start("--max-keys", String(MILLION))
  const step = async (name: string, fill: Fill): Promise<void> => {
    progress(`stalls: ${name}`)
    const { probe } = await probed(server, () => load(server, { ...fill, nice: POLITE }))
    record(name, probe)
  }
  try {
    await step("filling 1 M keys", { keys: MILLION })
    await step("the same 1 M PUTs again (the floor)", { keys: MILLION })
    await step("growth of 1 M values, 64 to 200 B", { keys: MILLION, valueSize: GROWN_VALUE_SIZE })
    await step("steady eviction, 1 M new keys", { keys: MILLION, firstKey: MILLION, valueSize: GROWN_VALUE_SIZE })
  } finally {
    await server.stop()
  }
}

/** All keys are due within one second and are swept at once. `after`, in s, is longer than the fill takes. */
const massExpiry = async (server: Server, keys: number, after: number, record: Recorder): Promise<void> => {
  const { probe, result } = await probed(server, async () => {
    const startedAt = performance.now()
    await load(server, { keys, expireAfter: after, nice: POLITE })
    const before = { memory: residentBytes(server.pid), cpu: cpuSeconds(server.pid) ?? Number.NaN }
    const end = startedAt + (after + 1 + SWEEP_INTERVAL + SWEEP_TIME) * 1000
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, end - performance.now())))
    return {
      freed: megabytes(before.memory) - megabytes(residentBytes(server.pid)),
      cpu: (cpuSeconds(server.pid) ?? Number.NaN) - before.cpu
    }
  })
  record(`mass expiry of ${number(keys)} keys`, probe, result)
}

const run = async (settings: Settings): Promise<Outcome> => {
  const { kvCache, progress } = settings
  const rows = new Map<string, Row>()
  const record: Recorder = (name, probe, swept) => {
    const row = rows.get(name) ?? { name, probes: [], swept: [] }
    rows.set(name, row)
    row.probes.push(probe)
    if (swept !== undefined) row.swept.push(swept)
  }
  const rounds = Math.min(MAX_ROUNDS, settings.rounds)
  await repeat(settings, rounds, async (round) => {
    progress(`stalls: round ${round + 1} of ${rounds}`)
    await fullCache(kvCache, record, progress)
    const server = await kvCache.start("--max-keys", String(2 * MILLION), "--expire-interval", `${SWEEP_INTERVAL}s`)
    try {
      progress("stalls: mass expiry")
      await massExpiry(server, 300_000, 4, record)
      await massExpiry(server, MILLION, 8, record)
    } finally {
      await server.stop()
    }
  })
  const summaries = [...rows.values()].map(({ name, probes, swept }) => ({
    name,
    longest: summarize(probes.map(({ longest }) => longest)),
    p99: summarize(probes.map(({ p99 }) => p99)),
    stall: summarize(probes.map(({ longestStall }) => longestStall)),
    freed: summarize(swept.map(({ freed }) => freed)),
    cpu: summarize(swept.map(({ cpu }) => cpu))
  }))
  return {
    title: "Longest wait of a probing client (KV-Cache; a probe about every ms beside 4 connections, pipeline 64)",
    text: [
      table([
        ["while", "stall, ms", "wait, ms", "wait p99, ms", "CPU after the fill, s", "memory freed, MB"],
        ...summaries.map(({ cpu, freed, longest, name, p99, stall }) => [
          name,
          spread(stall),
          spread(longest),
          number(p99.median),
          number(cpu.median),
          number(freed.median)
        ])
      ]),
      "The longest of each round, as the median of the rounds (min..max). Stall: the wait without waits for a core."
    ],
    figures: summaries
      .filter(({ name }) => !name.includes("floor"))
      .map(({ longest, name, stall }) => ({
        what: `longest stall: ${name}`,
        bound: "at most" as const,
        target: STALL_LIMIT,
        unit: " ms",
        value: stall.median,
        note: `${range(stall)}; ${number(longest.median)} ms with waits for a core`
      })),
    data: [...rows.values()]
  }
}

export const stalls: Scenario = {
  name: "stalls",
  about: "longest wait of a probing client in filling, growth, steady eviction and mass expiry",
  run
}
