/**
 * Measures whether the product's load tester can saturate the server: its requests per second against those of the
 * benchmark's generator, which does as little as a load generator can.
 */
import { start, stop } from "../Processes.ts"
import { range, spread, table } from "../report/Format.ts"
import { ratios, summarize } from "../report/Statistics.ts"
import type { Server } from "../servers/Peers.ts"
import { drive, load } from "./Driver.ts"
import { type Outcome, repeat, type Scenario, type Settings, WARMUP } from "./Scenario.ts"

const CONNECTIONS = 50
const KEYS = 10_000

/**
 * Requests in flight on each connection, and the share of the generator's requests/s that the load tester must reach.
 */
const LOADS = [
  { pipeline: 1, target: 0.95 },
  { pipeline: 16, target: 0.8 }
]

const MAX_ROUNDS = 3

/** In s, for its start and its preload. */
const MARGIN = 30

/** The load tester's warning that it may have been the limit. */
const LIMIT = "the load generator, not the server, may have been the limit"

interface Run {
  readonly rate: number
  readonly saysLimit: boolean
}

const loadTest = async (file: string, server: Server, pipeline: number, seconds: number): Promise<Run> => {
  const started = start(process.execPath, [
    file,
    "loadtest",
    "--host",
    "127.0.0.1",
    "--port",
    String(server.port),
    "--output",
    "-",
    "--connections",
    String(CONNECTIONS),
    "--pipeline",
    String(pipeline),
    "--keys",
    String(KEYS),
    "--duration",
    `${seconds}s`,
    "--warmup",
    `${WARMUP}s`
  ])
  const timer = setTimeout(() => started.child.kill("SIGKILL"), (seconds + MARGIN) * 1000)
  let output = ""
  started.child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text))
  try {
    await new Promise((resolve) => started.child.on("close", resolve))
    if (output === "") throw new Error(`loadtest: ${started.lastWords()}`)
    const result: { requests_per_second: number; failed_requests: number } = JSON.parse(output)
    if (result.failed_requests > 0) throw new Error(`loadtest: ${result.failed_requests} requests failed`)
    // The load tester breaks lines at the width of a terminal.
    return { rate: result.requests_per_second, saysLimit: started.lastWords().replaceAll(/\s+/g, " ").includes(LIMIT) }
  } finally {
    clearTimeout(timer)
    await stop(started)
  }
}

const ratesOf = (runs: ReadonlyArray<Run>): ReadonlyArray<number> => runs.map(({ rate }) => rate)

const run = async (settings: Settings): Promise<Outcome> => {
  const { kvCache, progress, seconds, serverFile } = settings
  const server = await kvCache.start()
  try {
    await load(server, { keys: KEYS })
    const rounds = Math.min(MAX_ROUNDS, settings.rounds)
    const loads = LOADS.map(({ pipeline, target }) => ({
      pipeline,
      target,
      tester: new Array<Run>(),
      generator: new Array<number>()
    }))
    await repeat(settings, rounds, async (round) => {
      for (const { generator, pipeline, tester } of loads) {
        progress(`loadtest: round ${round + 1} of ${rounds}, pipeline ${pipeline}`)
        const common = { connections: CONNECTIONS, pipeline, keys: KEYS, seconds, seed: round + 1 }
        const { requests, seconds: took } = await drive(server, common)
        generator.push(requests / took)
        tester.push(await loadTest(serverFile, server, pipeline, seconds))
      }
    })
    return {
      title: "The load tester against the benchmark's generator, requests/s (KV-Cache, 50 connections)",
      text: [
        table([
          ["load", "generator", "load tester", "load tester is x"],
          ...loads.map(({ generator, pipeline, tester }) => [
            `pipeline ${pipeline}`,
            spread(summarize(generator)),
            spread(summarize(ratesOf(tester))),
            spread(ratios(ratesOf(tester), generator))
          ])
        ])
      ],
      figures: loads.map(({ generator, pipeline, target, tester }) => {
        const ratio = ratios(ratesOf(tester), generator)
        const saying = tester.filter(({ saysLimit }) => saysLimit).length
        return {
          what: `load tester: of the generator's requests/s, pipeline ${pipeline}`,
          bound: "at least" as const,
          target,
          unit: "",
          value: ratio.median,
          note: `${range(ratio)}; says in ${saying} of ${tester.length} rounds that it may be the limit`
        }
      }),
      data: loads
    }
  } finally {
    await server.stop()
  }
}

export const loadTester: Scenario = {
  name: "loadtest",
  about: "whether the product's load tester saturates the server",
  run
}
