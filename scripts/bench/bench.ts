/**
 * `npm run bench`: KV-Cache and its peers under the same load, side by side, and the figures that KV-Cache should
 * reach.
 *
 * This file reads the options, runs the scenarios one after the other and prints. What is measured, and how, is in
 * `scenarios/`. `npm run bench:store` measures stores without a server.
 */
import { existsSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { parseArgs } from "node:util"
import { type Figure, figureTable, isReached } from "./report/Figure.ts"
import { percent } from "./report/Format.ts"
import { describeMachine, thisMachine } from "./report/Machine.ts"
import { connections } from "./scenarios/Connections.ts"
import { departures } from "./scenarios/Departures.ts"
import { nearPipelined, nearUnpipelined, overLink, through, throughPipelined } from "./scenarios/Engine.ts"
import { large } from "./scenarios/LargeKeyspace.ts"
import { loadTester } from "./scenarios/LoadTester.ts"
import { neighbour } from "./scenarios/Neighbour.ts"
import { authPipelined, authUnpipelined, tlsConnections, tlsPipelined, tlsUnpipelined } from "./scenarios/Safety.ts"
import type { Scenario, Settings } from "./scenarios/Scenario.ts"
import { scrapes } from "./scenarios/Scrape.ts"
import { shortConnections } from "./scenarios/ShortConnections.ts"
import { sightPipelined, sightUnpipelined } from "./scenarios/Sight.ts"
import { stalls } from "./scenarios/Stalls.ts"
import { respPipelined, respUnpipelined } from "./scenarios/Redis.ts"
import { start } from "./scenarios/Start.ts"
import { pipelined, unpipelined } from "./scenarios/Throughput.ts"
import { stolenSeconds } from "./Proc.ts"
import { findPeers, kvCache } from "./servers/Peers.ts"

const SCENARIOS: ReadonlyArray<Scenario> = [
  unpipelined,
  pipelined,
  respUnpipelined,
  respPipelined,
  large,
  stalls,
  connections,
  departures,
  shortConnections,
  neighbour,
  nearUnpipelined,
  nearPipelined,
  through,
  throughPipelined,
  overLink,
  start,
  loadTester,
  sightUnpipelined,
  sightPipelined,
  scrapes,
  authUnpipelined,
  authPipelined,
  tlsUnpipelined,
  tlsPipelined,
  tlsConnections
]

/** A share of the machine's CPU time. Stolen time above it is reported. */
const NOTABLE = 0.01

/** How long a scenario under way may go on after the time limit, in s. */
const OVERTIME = 60

const HELP = `Measures KV-Cache and what else is installed, side by side.

npm run bench -- [flags]

  --rounds COUNT    Alternating rounds of each measurement (default: 5)
  --seconds COUNT   Time of one measurement (default: 2)
  --only NAME       Only this scenario; may be repeated
  --json FILE       Write everything that was measured
  --entries COUNT   Entries of the large key space (default: 5000000)
  --server FILE     The server to measure (default: dist/main.js)
  --limit SECONDS   Begin nothing new after this time (default: 500)

Scenarios:
${SCENARIOS.map(({ about, name }) => `  ${name.padEnd(17)} ${about}`).join("\n")}
`

const refuse = (reason: string): never => {
  console.error(reason)
  process.exit(2)
}

const positive = (flag: string, text: string): number => {
  const value = Number(text)
  return value > 0 && Number.isFinite(value) ? value : refuse(`--${flag} '${text}': expected a number above 0`)
}

const readFlags = () => {
  try {
    return parseArgs({
      options: {
        rounds: { type: "string", default: "5" },
        seconds: { type: "string", default: "2" },
        only: { type: "string", multiple: true, default: [] },
        json: { type: "string" },
        entries: { type: "string", default: "5000000" },
        server: { type: "string", default: "dist/main.js" },
        limit: { type: "string", default: "500" },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch (error) {
    return refuse(`${String(error)}\n\n${HELP}`)
  }
}

const flags = readFlags()
if (flags.help) {
  console.log(HELP)
  process.exit(0)
}
const unknown = flags.only.find((name) => SCENARIOS.every((scenario) => scenario.name !== name))
if (unknown !== undefined) refuse(`--only '${unknown}': expected ${SCENARIOS.map(({ name }) => name).join(", ")}`)
if (!existsSync(flags.server)) refuse(`--server '${flags.server}': there is no such file`)
const limit = positive("limit", flags.limit)

const elapsed = (): number => performance.now() / 1000
// Ends the benchmark even if something hangs.
setTimeout(
  () => {
    console.error(`ended after ${limit + OVERTIME} s, unfinished`)
    process.exit(1)
  },
  (limit + OVERTIME) * 1000
).unref()

const settings: Settings = {
  rounds: Math.ceil(positive("rounds", flags.rounds)),
  seconds: positive("seconds", flags.seconds),
  entries: Math.ceil(positive("entries", flags.entries)),
  serverFile: flags.server,
  kvCache: kvCache(flags.server),
  ...findPeers(),
  hasTime: () => elapsed() < limit,
  progress: (text) => console.error(`${elapsed().toFixed(0).padStart(4)} s  ${text}`)
}

const machine = thisMachine()
const versions = [settings.kvCache, ...settings.peers].map(({ name, version }) => `${name} ${version}`)
console.log(describeMachine(machine))
console.log(versions.join(", "))
if (settings.missing.length > 0) console.log(`Not installed, left out: ${settings.missing.join(", ")}`)
const [load = 0] = loadavg()
if (load > 0.5) console.log(`The machine is not quiet: its load average is ${load.toFixed(1)}.`)

const figures: Array<Figure> = []
const results: Record<string, unknown> = {}
const failures: Array<string> = []
for (const scenario of SCENARIOS) {
  if (flags.only.length > 0 && !flags.only.includes(scenario.name)) continue
  if (!settings.hasTime()) {
    failures.push(`${scenario.name}: left out, as ${limit} s were over`)
    continue
  }
  try {
    const before = { at: elapsed(), stolen: stolenSeconds() }
    const outcome = await scenario.run(settings)
    const stolen = (stolenSeconds() - before.stolen) / (elapsed() - before.at) / machine.cores
    console.log(`\n## ${outcome.title}\n\n${outcome.text.join("\n")}`)
    if (stolen > NOTABLE) console.log(`The host kept ${percent(stolen)} of this machine's CPU time from it meanwhile.`)
    figures.push(...outcome.figures)
    results[scenario.name] = outcome.data
  } catch (error) {
    failures.push(`${scenario.name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

console.log(`\n## Figures to reach\n\n${figureTable(figures)}`)
for (const failure of failures) console.log(`FAILED ${failure}`)
if (flags.json !== undefined) {
  const { rounds, seconds } = settings
  const options = { rounds, seconds, entries: settings.entries }
  const reached = figures.map((figure) => ({ ...figure, isReached: isReached(figure) }))
  const date = new Date().toISOString()
  const document = { date, machine, versions, missing: settings.missing, options, figures: reached, failures, results }
  writeFileSync(flags.json, `${JSON.stringify(document, null, 2)}\n`)
}
process.exit(failures.length > 0 ? 1 : 0)
