/** Requests per second, CPU per request and latency of every server, side by side in alternating rounds. */
import type { GeneratorResult } from "../load/Messages.ts"
import type { Figure } from "../report/Figure.ts"
import { number, percent, range, spread, table } from "../report/Format.ts"
import { median, ratios, summarize } from "../report/Statistics.ts"
import { BARE_NODE, KV_CACHE, MEMCACHED, type Peer, REDIS, type Server } from "../servers/Peers.ts"
import { drive, load } from "./Driver.ts"
import { type Outcome, repeat, type Scenario, type Settings } from "./Scenario.ts"

export const CONNECTIONS = 50
const KEYS = 10_000

/** The rounds of one server. */
export interface Rounds {
  readonly server: string
  readonly rounds: Array<GeneratorResult>
}

export const rates = ({ rounds }: Rounds): ReadonlyArray<number> => rounds.map((it) => it.requests / it.seconds)

/** CPU time of the server for one request, in microseconds. */
export const costs = ({ rounds }: Rounds): ReadonlyArray<number> =>
  rounds.map((it) => ((it.serverCpu ?? Number.NaN) / it.requests) * 1e6)

/** A share of one core. */
const serverBusy = ({ rounds }: Rounds): number => median(rounds.map((it) => (it.serverCpu ?? Number.NaN) / it.seconds))
const generatorBusy = ({ rounds }: Rounds): number => median(rounds.map((it) => it.generatorCpu / it.seconds))

/** Below this share of a core, a process had time to spare. */
const SATURATED = 0.9

const isGeneratorBound = (it: Rounds): boolean => generatorBusy(it) >= SATURATED && serverBusy(it) < SATURATED

const isDisturbed = (it: Rounds): boolean => generatorBusy(it) < SATURATED && serverBusy(it) < SATURATED

const mark = (it: Rounds): string => (isGeneratorBound(it) ? " *" : isDisturbed(it) ? " !" : "")

/** One line for each server. The ratios, under the name `label`, are ours divided by that server's. */
export const throughputTable = (label: string, ours: Rounds, all: ReadonlyArray<Rounds>): ReadonlyArray<string> => {
  const rows = all.map((it) => {
    const latency = (pick: (result: GeneratorResult) => number): string => number(median(it.rounds.map(pick)))
    return [
      `${it.server}${mark(it)}`,
      spread(summarize(rates(it))),
      it === ours ? "" : spread(ratios(rates(ours), rates(it))),
      number(median(costs(it))),
      it === ours ? "" : spread(ratios(costs(ours), costs(it))),
      latency(({ p50 }) => p50),
      latency(({ p99 }) => p99),
      latency(({ p999 }) => p999),
      percent(serverBusy(it)),
      percent(generatorBusy(it))
    ]
  })
  const header = [
    "server",
    "requests/s",
    `${label} is x`,
    "CPU us/req",
    `${label} is x`,
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "server busy",
    "generator busy"
  ]
  return [
    table([header, ...rows]),
    ...(all.some(isGeneratorBound) ? ["* the load generator was the limit: this server could do more"] : []),
    ...(all.some(isDisturbed) ? ["! neither the server nor the generator was busy: the machine had other work"] : [])
  ]
}

/** The rounds of every server, side by side. */
export const measure = async (
  settings: Settings,
  name: string,
  pipeline: number,
  peers: ReadonlyArray<Peer> = [settings.kvCache, ...settings.peers]
): Promise<ReadonlyArray<Rounds>> => {
  const servers: Array<Server> = []
  try {
    const results: Array<Rounds & { readonly at: Server }> = []
    for (const peer of peers) {
      const at = await peer.start()
      servers.push(at)
      await load(at, { keys: KEYS })
      results.push({ server: peer.name, at, rounds: [] })
    }
    await repeat(settings, settings.rounds, async (round) => {
      for (const { at, rounds, server } of results) {
        settings.progress(`${name}: round ${round + 1} of ${settings.rounds}, ${server}`)
        const { seconds } = settings
        rounds.push(await drive(at, { connections: CONNECTIONS, pipeline, keys: KEYS, seconds, seed: round + 1 }))
      }
    })
    return results.map(({ rounds, server }) => ({ server, rounds }))
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

export interface Target extends Pick<Figure, "what" | "bound" | "target"> {
  readonly peer: string
  readonly of: (it: Rounds) => ReadonlyArray<number>
}

export const toFigure = (ours: Rounds, all: ReadonlyArray<Rounds>, target: Target): Figure => {
  const { bound, of, peer, what } = target
  const figure = { what, bound, target: target.target, unit: "" }
  const theirs = all.find(({ server }) => server === peer)
  if (theirs === undefined) return { ...figure, value: Number.NaN, note: `${peer} is not installed` }
  const ratio = ratios(of(ours), of(theirs))
  const limit = of === rates && isGeneratorBound(theirs) ? ", generator-bound" : ""
  return { ...figure, value: ratio.median, note: range(ratio) + limit }
}

const scenario = (name: string, pipeline: number, targets: ReadonlyArray<Target>): Scenario => {
  const about = `${CONNECTIONS} connections, ${pipeline === 1 ? "one request" : `${pipeline} requests`} in flight on each`
  const run = async (settings: Settings): Promise<Outcome> => {
    const all = await measure(settings, name, pipeline)
    const ours = all.find(({ server }) => server === KV_CACHE) ?? { server: KV_CACHE, rounds: [] }
    return {
      title: `Throughput, ${about}; ${number(KEYS)} keys, 16 B keys, 64 B values, half PUT`,
      text: throughputTable(KV_CACHE, ours, all),
      figures: targets.map((target) => toFigure(ours, all, target)),
      data: all
    }
  }
  return { name, about: `throughput: ${about}`, run }
}

export const unpipelined = scenario("unpipelined", 1, [
  { what: "unpipelined: of bare Node", bound: "at least", target: 1.3, peer: BARE_NODE, of: rates },
  { what: "unpipelined: of redis-server", bound: "at least", target: 0.75, peer: REDIS, of: rates },
  { what: "unpipelined: CPU of redis-server's", bound: "at most", target: 1.4, peer: REDIS, of: costs }
])

export const pipelined = scenario("pipeline", 16, [
  { what: "pipeline 16: of redis-server", bound: "at least", target: 1.2, peer: REDIS, of: rates },
  { what: "pipeline 16: of memcached -t 1", bound: "at least", target: 2, peer: MEMCACHED, of: rates }
])
