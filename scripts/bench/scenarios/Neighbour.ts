/**
 * How long a client that asks once a millisecond waits beside clients that send requests without end, beside
 * redis-server.
 */
import { Helper } from "../Processes.ts"
import type { BulkOptions, BulkResult } from "../load/Messages.ts"
import { range, spread, table } from "../report/Format.ts"
import { ratios, summarize } from "../report/Statistics.ts"
import { KV_CACHE, type Peer, REDIS } from "../servers/Peers.ts"
import { POLITE, probed } from "./Driver.ts"
import { type Outcome, repeat, type Scenario, type Settings, VALUE_SIZE } from "./Scenario.ts"

/** How many clients send without end. */
const CROWDS = [1, 20, 200]

/** How long a helper may take beyond its work, in s. */
const MARGIN = 30

interface Row {
  readonly server: string
  readonly crowd: number
  /** ms, in each round. */
  readonly p50: Array<number>
  readonly p99: Array<number>
  /** The p99 without what server and client have waited for a core. */
  readonly p99Stall: Array<number>
  /** Requests a second of the crowd, in each round. */
  readonly rates: Array<number>
}

const measureOne = async (peer: Peer, seconds: number, row: Row): Promise<void> => {
  const server = await peer.start()
  try {
    const { port, wire } = server
    const options: BulkOptions = { port, wire, connections: row.crowd, valueSize: VALUE_SIZE, nice: POLITE }
    const bulk = new Helper("bulk", options)
    try {
      await bulk.next<object>(MARGIN)
      const { probe } = await probed(server, () => new Promise((resolve) => setTimeout(resolve, seconds * 1000)))
      bulk.release()
      const { requestsPerSecond } = await bulk.next<BulkResult>(MARGIN)
      row.p50.push(probe.p50)
      row.p99.push(probe.p99)
      row.p99Stall.push(probe.p99Stall)
      row.rates.push(requestsPerSecond)
    } finally {
      await bulk.stop()
    }
  } finally {
    await server.stop()
  }
}

const run = async (settings: Settings): Promise<Outcome> => {
  const { progress, rounds, seconds } = settings
  const peers = [settings.kvCache, ...settings.peers.filter(({ name }) => name === REDIS)]
  const cases = CROWDS.flatMap((crowd) =>
    peers.map((peer) => ({
      peer,
      row: { server: peer.name, crowd, p50: [], p99: [], p99Stall: [], rates: [] } satisfies Row
    }))
  )
  await repeat(settings, rounds, async (round) => {
    for (const { peer, row } of cases) {
      progress(`neighbour: round ${round + 1} of ${rounds}, ${row.server} beside ${row.crowd}`)
      await measureOne(peer, seconds, row)
    }
  })
  const rows: ReadonlyArray<Row> = cases.map(({ row }) => row)
  const of = (server: string, crowd: number) => rows.find((row) => row.server === server && row.crowd === crowd)?.p99
  return {
    title: "A client that asks about every ms, beside clients that send requests without end",
    text: [
      table([
        ["server and crowd", "p50 ms", "p99 ms", "without waits for a core", "requests/s of the crowd"],
        ...rows.map(({ crowd, p50, p99, p99Stall, rates, server }) => [
          `${server}, beside ${crowd}`,
          spread(summarize(p50)),
          spread(summarize(p99)),
          spread(summarize(p99Stall)),
          spread(summarize(rates))
        ])
      ])
    ],
    figures: CROWDS.map((crowd) => {
      const ratio = ratios(of(KV_CACHE, crowd) ?? [], of(REDIS, crowd) ?? [])
      return {
        what: `a neighbour's p99 beside ${crowd}: of redis-server's`,
        bound: "at most" as const,
        target: 1.5,
        unit: "",
        value: ratio.median,
        note: range(ratio)
      }
    }),
    data: rows
  }
}

export const neighbour: Scenario = {
  name: "neighbour",
  about: "p99 of one client beside 1, 20 and 200 that send without end",
  run
}
