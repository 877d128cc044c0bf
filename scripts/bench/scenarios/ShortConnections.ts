/** Connections that live for one request: what each costs the server, beside bare Node and redis-server. */
import { ask } from "../Processes.ts"
import type { ShortOptions, ShortResult } from "../load/Messages.ts"
import { range, spread, table } from "../report/Format.ts"
import { ratios, summarize } from "../report/Statistics.ts"
import { BARE_NODE, KV_CACHE, REDIS, type Server } from "../servers/Peers.ts"
import { type Outcome, repeat, type Scenario, type Settings, WARMUP } from "./Scenario.ts"

/** How long a helper may take beyond its work, in s. */
const MARGIN = 30

interface Row {
  readonly name: string
  /** CPU µs of the server for each connection, in each round. */
  readonly costs: Array<number>
  /** Connections a second, in each round. */
  readonly rates: Array<number>
}

const measureOne = async ({ pid, port, wire }: Server, seconds: number, row: Row): Promise<void> => {
  const options: ShortOptions = { port, wire, serverPid: pid, warmup: WARMUP, seconds }
  const { connections, serverCpu = Number.NaN } = await ask<ShortResult>("short", options, WARMUP + seconds + MARGIN)
  row.costs.push((serverCpu / connections) * 1e6)
  row.rates.push(connections / seconds)
}

const run = async (settings: Settings): Promise<Outcome> => {
  const { kvCache, peers, progress, rounds, seconds } = settings
  const servers: Array<Server> = []
  try {
    for (const peer of [kvCache, ...peers.filter(({ name }) => name === BARE_NODE || name === REDIS)]) {
      servers.push(await peer.start())
    }
    const rows: ReadonlyArray<Row> = servers.map(({ name }) => ({ name, costs: [], rates: [] }))
    await repeat(settings, rounds, async (round) => {
      for (const [index, row] of rows.entries()) {
        progress(`short: round ${round + 1} of ${rounds}, ${row.name}`)
        const server = servers[index]
        if (server !== undefined) await measureOne(server, seconds, row)
      }
    })
    const ours = rows.find(({ name }) => name === KV_CACHE)?.costs ?? []
    const bare = rows.find(({ name }) => name === BARE_NODE)?.costs ?? []
    const ratio = ratios(ours, bare)
    return {
      title: "Connections that live for one request, ten at once: connect, ask, end",
      text: [
        table([
          ["server", "CPU us a connection", "KV-Cache is x", "connections/s"],
          ...rows.map(({ costs, name, rates }) => [
            name,
            spread(summarize(costs)),
            name === KV_CACHE ? "" : spread(ratios(ours, costs)),
            spread(summarize(rates))
          ])
        ])
      ],
      figures: [
        {
          what: "a connection for one request: CPU of bare Node's",
          bound: "at most",
          target: 1.3,
          unit: "",
          value: ratio.median,
          note: range(ratio)
        }
      ],
      data: rows
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

export const shortConnections: Scenario = {
  name: "short",
  about: "CPU of a connection that lives for one request",
  run
}
