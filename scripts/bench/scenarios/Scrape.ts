/**
 * What a scrape of the metrics costs: its own CPU while nothing else happens, and what it adds to the longest wait of a
 * probing client while others keep the server busy.
 */
import { cpuSeconds } from "../Proc.ts"
import type { ProbeResult } from "../load/Messages.ts"
import { number, range, spread, table } from "../report/Format.ts"
import { summarize } from "../report/Statistics.ts"
import { freePort, type Server } from "../servers/Peers.ts"
import { drive, load, POLITE, probed } from "./Driver.ts"
import { type Outcome, repeat, type Scenario, type Settings } from "./Scenario.ts"
import { during } from "./Ways.ts"

const KEYS = 100_000

/** Time between two scrapes under load, in ms: more often than anybody scrapes, so that a probe meets some. */
const INTERVAL = 100

/** So many scrapes one after the other tell what one costs. */
const ALONE = 50

interface Scraped {
  /** ms */
  readonly took: number
  readonly bytes: number
}

const scrape = async (port: number): Promise<Scraped> => {
  const start = performance.now()
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  const { length } = await response.text()
  if (!response.ok) throw new Error(`the admin port answered ${response.status}`)
  return { took: performance.now() - start, bytes: length }
}

/** Scrapes at an interval until told to stop, and gives what it was told. */
const keepScraping = (port: number): (() => Promise<ReadonlyArray<Scraped>>) => {
  const all: Array<Scraped> = []
  const over = new AbortController()
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      all.push(await scrape(port))
      await new Promise((resolve) => setTimeout(resolve, INTERVAL))
    }
  }
  const looping = loop()
  // Whoever stops it hears of a failure.
  looping.catch(() => {})
  return async () => {
    over.abort()
    await looping
    return all
  }
}

/** CPU time of the server for one scrape, in ms. */
const costAlone = async ({ pid }: Server, port: number): Promise<number> => {
  await scrape(port)
  const before = cpuSeconds(pid) ?? Number.NaN
  for (let i = 0; i < ALONE; i++) await scrape(port)
  return (((cpuSeconds(pid) ?? Number.NaN) - before) / ALONE) * 1000
}

const under = (server: Server, settings: Settings, seed: number): Promise<ProbeResult> =>
  probed(server, () =>
    drive(server, { connections: 10, pipeline: 16, keys: KEYS, seconds: settings.seconds, seed, nice: POLITE })
  ).then(({ probe }) => probe)

const run = (settings: Settings): Promise<Outcome> =>
  during(async (started) => {
    const port = await freePort()
    const server = started.add(await settings.kvCache.start("--admin-port", String(port)))
    await load(server, { keys: KEYS })
    const without: Array<ProbeResult> = []
    const beside: Array<ProbeResult> = []
    const costs: Array<number> = []
    const scrapes: Array<Scraped> = []
    await repeat(settings, settings.rounds, async (round) => {
      settings.progress(`scrape: round ${round + 1} of ${settings.rounds}`)
      costs.push(await costAlone(server, port))
      without.push(await under(server, settings, round + 1))
      const stop = keepScraping(port)
      try {
        beside.push(await under(server, settings, round + 1))
      } finally {
        scrapes.push(...(await stop()))
      }
    })
    const added = summarize(
      beside.map(({ longestStall }, round) => longestStall - (without[round]?.longestStall ?? Number.NaN))
    )
    const row = (name: string, probes: ReadonlyArray<ProbeResult>): ReadonlyArray<string> => [
      name,
      spread(summarize(probes.map(({ longestStall }) => longestStall))),
      spread(summarize(probes.map(({ longest }) => longest))),
      spread(summarize(probes.map(({ p99 }) => p99)))
    ]
    return {
      title: `A scrape of the metrics; ${number(KEYS)} keys, 10 connections with 16 requests in flight on each`,
      text: [
        table([
          ["while", "stall, ms", "wait, ms", "wait p99, ms"],
          row("nobody scrapes", without),
          row(`somebody scrapes every ${INTERVAL} ms`, beside)
        ]),
        "",
        table([
          ["a scrape", "figure"],
          ["CPU ms of the server, alone", spread(summarize(costs))],
          ["ms, under load", spread(summarize(scrapes.map(({ took }) => took)))],
          ["KB", number(summarize(scrapes.map(({ bytes }) => bytes)).median / 1024)]
        ]),
        "The longest of each round, as the median of the rounds (min..max). Stall: the wait without waits for a core."
      ],
      figures: [
        {
          what: "a scrape under load: added to the longest stall",
          bound: "at most",
          target: 2,
          unit: " ms",
          value: added.median,
          note: range(added)
        }
      ],
      data: { without, beside, costs, scrapes }
    }
  })

export const scrapes: Scenario = {
  name: "scrape",
  about: "CPU of a scrape of the metrics, and what it adds to the longest wait under load",
  run
}
