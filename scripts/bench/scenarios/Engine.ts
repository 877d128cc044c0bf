/**
 * KV-Cache before redis-server (`--engine`): what is answered from near beside the memory engine, and what is not beside
 * redis-server itself. Each round has new processes of both.
 */
import type { DelayOptions, DelayReady, PacedOptions, PacedResult } from "../load/Messages.ts"
import { ask, Helper } from "../Processes.ts"
import { number, range, spread, table } from "../report/Format.ts"
import { median, ratios, summarize } from "../report/Statistics.ts"
import { KV_CACHE, REDIS, type Server } from "../servers/Peers.ts"
import { drive, load } from "./Driver.ts"
import { type Outcome, repeat, type Scenario, type Settings, VALUE_SIZE, WARMUP } from "./Scenario.ts"
import { CONNECTIONS, rates, throughputTable, toFigure } from "./Throughput.ts"
import { during, filled, find, inFlight, measure, pair, type Started, type Way } from "./Ways.ts"

const FRONT = "KV-Cache before redis-server"
const FAR = "KV-Cache before redis-server, nothing near"

/** How long a helper may take beyond its work, in s. */
const MARGIN = 30

const startRedis = async (settings: Settings, started: Started): Promise<Server> => {
  const redis = settings.peers.find(({ name }) => name === REDIS)
  if (redis === undefined) throw new Error("redis-server is not installed")
  return started.add(await redis.start())
}

/** KV-Cache, as Redis's clients see it. */
const startResp = async (settings: Settings, started: Started, ...flags: ReadonlyArray<string>): Promise<Server> => ({
  ...started.add(await settings.kvCache.start(...flags)),
  wire: "resp"
})

const startFront = (settings: Settings, started: Started, port: number, ...flags: ReadonlyArray<string>) =>
  startResp(settings, started, "--engine", `redis://127.0.0.1:${port}`, ...flags)

// --- what is near

const NEAR_KEYS = 10_000

const memory = filled(KV_CACHE, NEAR_KEYS, startResp)

const front: Way = {
  name: FRONT,
  start: async (settings, started) => {
    const redis = await startRedis(settings, started)
    await load(redis, { keys: NEAR_KEYS })
    return startFront(settings, started, redis.port)
  }
}

const nearHits = (name: string, pipeline: number, what: string): Scenario =>
  pair({
    name,
    about: "throughput of values that are near, beside the memory engine",
    title: `Values that are near; ${number(NEAR_KEYS)} keys, GET`,
    ours: front,
    theirs: memory,
    requests: { keys: NEAR_KEYS, pipeline, putShare: 0 },
    // So that all keys are near.
    warmUp: { connections: CONNECTIONS, pipeline: 64, keys: NEAR_KEYS, putShare: 0, seconds: 1 },
    target: { what, bound: "at least", target: 0.95, of: rates }
  })

export const nearUnpipelined = nearHits("near", 1, "near, unpipelined: of the memory engine")
export const nearPipelined = nearHits("near-pipeline", 16, "near, pipeline 16: of the memory engine")

// --- what is not

const MISS_KEYS = 500_000

/** Room for one key in sixty: what is asked for is never near. */
const LITTLE = ["--near-memory", "1mb"]

const directWay = filled(REDIS, MISS_KEYS, startRedis)

const wayThrough = (name: string, ...flags: ReadonlyArray<string>): Way => ({
  name,
  start: async (settings, started) =>
    startFront(settings, started, (await directWay.start(settings, started)).port, ...flags)
})

const missWays = [wayThrough(FRONT, ...LITTLE), wayThrough(FAR, "--near-ttl", "0"), directWay]

const THROUGH_PIPELINE = 16

export const throughPipelined: Scenario = {
  name: "through-pipeline",
  about: `throughput of values that are not near, beside redis-server: ${inFlight(THROUGH_PIPELINE)} in flight`,
  run: async (settings) => {
    const keys = { keys: MISS_KEYS, pipeline: THROUGH_PIPELINE, putShare: 0 }
    const all = await measure(settings, "through-pipeline", missWays, keys)
    const ours = find(all, FRONT)
    const target = { bound: "at least", target: 0.5, peer: REDIS, of: rates } as const
    return {
      title: `Values that are not near, ${CONNECTIONS} connections, ${inFlight(THROUGH_PIPELINE)} in flight on each; ${number(MISS_KEYS)} keys, GET`,
      text: throughputTable(FRONT, ours, all),
      figures: [
        toFigure(ours, all, { ...target, what: "not near, pipeline 16: of redis-server" }),
        toFigure(find(all, FAR), all, { ...target, what: "nothing near, pipeline 16: of redis-server" })
      ],
      data: all
    }
  }
}

/** What any process of Node adds that stands between. */
const BARE = "bare Node before redis-server"

const bareWay: Way = {
  name: BARE,
  start: async (settings, started) => {
    const redis = await directWay.start(settings, started)
    return { ...redis, port: await startLink(started, redis.port, 0) }
  }
}

const RATE = 1000
const PACED_CONNECTIONS = 10

/** At so few requests a second, a new process would compile its code during the measurement. */
const WARM = { connections: PACED_CONNECTIONS, pipeline: 1, keys: MISS_KEYS, putShare: 0, seconds: 2 }

const paced = (server: Server, settings: Settings, seed: number): Promise<PacedResult> => {
  const { port, wire } = server
  const options: PacedOptions = {
    port,
    wire,
    connections: PACED_CONNECTIONS,
    valueSize: VALUE_SIZE,
    rate: RATE,
    keys: MISS_KEYS,
    warmup: WARMUP,
    seconds: settings.seconds,
    seed
  }
  return ask<PacedResult>("paced", options, WARMUP + settings.seconds + MARGIN)
}

export const through: Scenario = {
  name: "through",
  about: `latency of values that are not near, beside redis-server, at ${number(RATE)} requests/s`,
  run: async (settings): Promise<Outcome> => {
    const ways = [...missWays, bareWay]
    const all = ways.map(({ name }) => ({ server: name, rounds: new Array<PacedResult>() }))
    await repeat(settings, settings.rounds, async (round) => {
      for (const [index, way] of ways.entries()) {
        settings.progress(`through: round ${round + 1} of ${settings.rounds}, ${way.name}`)
        const result = await during(async (started) => {
          const server = await way.start(settings, started)
          await drive(server, { ...WARM, seed: 1000 + round })
          return paced(server, settings, round + 1)
        })
        all[index]?.rounds.push(result)
      }
    })
    const means = (server: string): ReadonlyArray<number> =>
      (all.find((it) => it.server === server)?.rounds ?? []).map(({ mean }) => mean)
    const direct = means(REDIS)
    const more = (server: string) => summarize(means(server).map((mean, round) => mean - (direct[round] ?? Number.NaN)))
    const added = (what: string, server: string) => {
      const its = more(server)
      return { what, bound: "at most" as const, target: 0.15, unit: " ms", value: its.median, note: range(its) }
    }
    return {
      title: `Latency of values that are not near: ${number(RATE)} requests/s over ${PACED_CONNECTIONS} connections; ${number(MISS_KEYS)} keys, GET`,
      text: [
        table([
          ["server", "mean ms", "p50 ms", "p99 ms"],
          ...all.map(({ rounds, server }) => [
            server,
            spread(summarize(rounds.map(({ mean }) => mean))),
            spread(summarize(rounds.map(({ p50 }) => p50))),
            spread(summarize(rounds.map(({ p99 }) => p99)))
          ])
        ]),
        `${BARE} adds ${spread(more(BARE))} ms to the mean.`
      ],
      figures: [
        added("not near: mean latency added to redis-server's", FRONT),
        added("nothing near: mean latency added to redis-server's", FAR)
      ],
      data: all
    }
  }
}

// --- over a link

const LINK_KEYS = 1_000_000

/** As YCSB has it. */
const SKEW = 0.99

/** ms, each way. */
const DELAY = 1

/** A tenth of the keys: 136 bytes each, with their deadlines. */
const TENTH = ["--near-memory", String(0.1 * LINK_KEYS * 136)]

/** `delay` is in ms, each way. */
const startLink = async (started: Started, port: number, delay: number): Promise<number> => {
  const link = started.add(new Helper("delay", { port, delay } satisfies DelayOptions))
  return (await link.next<DelayReady>(MARGIN)).port
}

export const overLink: Scenario = {
  name: "link",
  about: `throughput over a link with ${DELAY} ms of delay each way, keys chosen by Zipf's law, a tenth of them near`,
  run: (settings) =>
    during(async (outer) => {
      // It is the same one in all rounds: a million keys take a while. What stands before it is new.
      const redis = await startRedis(settings, outer)
      settings.progress(`link: ${number(LINK_KEYS)} keys`)
      await load(redis, { keys: LINK_KEYS })
      const direct: Way = {
        name: REDIS,
        start: async (_, started) => ({ ...redis, port: await startLink(started, redis.port, DELAY) })
      }
      const front: Way = {
        name: FRONT,
        start: async (settings, started) =>
          startFront(settings, started, await startLink(started, redis.port, DELAY), ...TENTH)
      }
      const reads = { keys: LINK_KEYS, pipeline: 1, skew: SKEW, putShare: 0 }
      const warmUp = { connections: CONNECTIONS, pipeline: 64, keys: LINK_KEYS, skew: SKEW, putShare: 0, seconds: 5 }
      const all = await measure(settings, "link", [front, direct], reads, warmUp)
      const ours = find(all, FRONT)
      const ratio = ratios(rates(ours), rates(find(all, REDIS)))
      return {
        title: `Over a link with ${DELAY} ms of delay each way, ${CONNECTIONS} connections, one request in flight on each; ${number(LINK_KEYS)} keys by Zipf's law (${SKEW}), a tenth of them near, GET`,
        text: [
          ...throughputTable(FRONT, ours, all),
          `redis-server's median wait: ${number(median(find(all, REDIS).rounds.map(({ p50 }) => p50)))} ms`
        ],
        figures: [
          {
            what: "over a link, a tenth near: of redis-server",
            bound: "at least",
            target: 3,
            unit: "",
            value: ratio.median,
            note: range(ratio)
          }
        ],
        data: all
      }
    })
}
