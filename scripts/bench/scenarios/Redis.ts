/** This server as Redis's clients see it, beside redis-server and beside its own text protocol. */
import { number } from "../report/Format.ts"
import { KV_CACHE, type Peer, REDIS } from "../servers/Peers.ts"
import type { Outcome, Scenario, Settings } from "./Scenario.ts"
import { CONNECTIONS, measure, rates, type Target, throughputTable, toFigure } from "./Throughput.ts"

const KV_CACHE_RESP = "KV-Cache, RESP"

/** The same server, driven by Redis's protocol. */
const overResp = (peer: Peer): Peer => ({
  ...peer,
  name: KV_CACHE_RESP,
  start: async (...flags) => ({ ...(await peer.start(...flags)), wire: "resp" })
})

const scenario = (name: string, pipeline: number, targets: ReadonlyArray<Target>): Scenario => {
  const inFlight = pipeline === 1 ? "one request" : `${pipeline} requests`
  const run = async (settings: Settings): Promise<Outcome> => {
    const redis = settings.peers.filter((peer) => peer.name === REDIS)
    const all = await measure(settings, name, pipeline, [overResp(settings.kvCache), settings.kvCache, ...redis])
    const ours = all.find(({ server }) => server === KV_CACHE_RESP) ?? { server: KV_CACHE_RESP, rounds: [] }
    return {
      title: `Redis's protocol, ${CONNECTIONS} connections, ${inFlight} in flight on each; ${number(64)} B values, half SET`,
      text: throughputTable(KV_CACHE_RESP, ours, all),
      figures: targets.map((target) => toFigure(ours, all, target)),
      data: all
    }
  }
  return { name, about: `throughput over Redis's protocol: ${inFlight} in flight`, run }
}

export const respUnpipelined = scenario("resp", 1, [
  { what: "RESP, unpipelined: of redis-server", bound: "at least", target: 0.92, peer: REDIS, of: rates }
])

export const respPipelined = scenario("resp-pipeline", 16, [
  { what: "RESP, pipeline 16: of redis-server", bound: "at least", target: 1.2, peer: REDIS, of: rates },
  { what: "RESP, pipeline 16: of the text protocol", bound: "at least", target: 0.9, peer: KV_CACHE, of: rates }
])
