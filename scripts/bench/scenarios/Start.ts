/** The time from the start of the process to its first reply. */
import { bundled, start as launch, stop } from "../Processes.ts"
import { range, spread, table } from "../report/Format.ts"
import { summarize } from "../report/Statistics.ts"
import { BARE_NODE, firstReply, freePort, KV_CACHE, kvCacheArgs } from "../servers/Peers.ts"
import type { Outcome, Scenario, Settings } from "./Scenario.ts"

const RUNS = 9

const once = async (args: (port: number) => ReadonlyArray<string>): Promise<number> => {
  const port = await freePort()
  const startedAt = performance.now()
  const process_ = launch(process.execPath, args(port))
  process_.child.stdout?.resume()
  try {
    await firstReply(port, "GET hello\n", process_)
    return performance.now() - startedAt
  } finally {
    await stop(process_)
  }
}

const run = async ({ progress, serverFile }: Settings): Promise<Outcome> => {
  const ours: Array<number> = []
  const bare: Array<number> = []
  for (let i = 0; i < RUNS; i++) {
    progress(`start: run ${i + 1} of ${RUNS}`)
    ours.push(await once((port) => kvCacheArgs(serverFile, port)))
    bare.push(await once((port) => [bundled("bare-node"), String(port)]))
  }
  const summary = summarize(ours)
  return {
    title: `From spawn to the first reply, ${RUNS} runs`,
    text: [
      table([
        ["server", "ms"],
        [KV_CACHE, spread(summary)],
        [BARE_NODE, spread(summarize(bare))]
      ])
    ],
    figures: [
      {
        what: "start to first reply",
        bound: "at most",
        target: 250,
        unit: " ms",
        value: summary.median,
        note: range(summary)
      }
    ],
    data: { kvCache: ours, bareNode: bare }
  }
}

export const start: Scenario = { name: "start", about: "from starting the process to its first reply", run }
