/**
 * `npm run bench:store`: store engines without a server: ours, a plain Map, lru-cache.
 *
 * Each engine and size has a process of its own (`store/engine.ts`); rounds alternate between the engines.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { ask } from "./Processes.ts"
import { number, spread, table } from "./report/Format.ts"
import { describeMachine, thisMachine } from "./report/Machine.ts"
import { summarize } from "./report/Statistics.ts"
import { ENGINE_NAMES, type EngineName } from "./store/Engines.ts"
import { type EngineOptions, type EngineResult, PHASES } from "./store/Work.ts"

const HELP = `Measures store engines in-process, side by side.

npm run bench:store -- [flags]

  --rounds COUNT    Alternating rounds (default: 3; sizes above 1 M have one)
  --seconds COUNT   Time of one phase (default: 1)
  --entries COUNT   Only this number of entries; may be repeated (default: 10000, 1000000, 5000000)
  --only NAME       Only this engine, of ${ENGINE_NAMES.join(", ")}; may be repeated
  --json FILE       Write everything that was measured
  --limit SECONDS   Begin nothing new after this time (default: 220)
`

const DEFAULT_ENTRIES = ["10000", "1000000", "5000000"]

/** Above this size there is one round, which takes a minute already. */
const LARGE = 1_000_000

/** Below this size an engine takes less memory than a process's memory varies by. */
const WEIGHABLE = 1_000_000

/** How long one engine may take at one size, in s. */
const ENGINE_LIMIT = 75

/** A heap large enough for a Map of five million entries. */
const NODE_FLAGS = ["--expose-gc", "--max-old-space-size=8192"]

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "1" },
    entries: { type: "string", multiple: true, default: DEFAULT_ENTRIES },
    only: { type: "string", multiple: true, default: [...ENGINE_NAMES] },
    json: { type: "string" },
    limit: { type: "string", default: "220" },
    help: { type: "boolean", default: false }
  }
})
if (flags.help) {
  console.log(HELP)
  process.exit(0)
}

const elapsed = (): number => performance.now() / 1000

interface Measured {
  readonly engine: EngineName
  readonly entries: number
  readonly rounds: Array<EngineResult>
}

const failures: Array<string> = []

const measure = async (entries: number): Promise<ReadonlyArray<Measured>> => {
  const all = ENGINE_NAMES.filter((name) => flags.only.includes(name)).map((engine): Measured => ({
    engine,
    entries,
    rounds: []
  }))
  const rounds = entries > LARGE ? 1 : Number(flags.rounds)
  for (let round = 0; round < rounds; round++) {
    for (const { engine, rounds: done } of all) {
      if (elapsed() > Number(flags.limit)) {
        failures.push(`${engine} at ${number(entries)} entries: round ${round + 1} left out, as the time was over`)
        continue
      }
      console.error(`${elapsed().toFixed(0).padStart(4)} s  ${number(entries)} entries: round ${round + 1}, ${engine}`)
      const options: EngineOptions = { engine, entries, seconds: Number(flags.seconds) }
      try {
        done.push(await ask<EngineResult>("engine", options, ENGINE_LIMIT, NODE_FLAGS))
      } catch (error) {
        failures.push(`${engine} at ${number(entries)} entries: ${String(error)}`)
      }
    }
  }
  return all
}

const LABELS: Readonly<Record<EngineName, string>> = {
  packed: "KV-Cache (PackedKeyspace)",
  map: "Map of objects, delete + set",
  "lru-cache": "lru-cache",
  nothing: "(nothing: keys and values only)"
}

const nanosAndStalls = (measured: ReadonlyArray<Measured>): string => {
  return table([
    ["engine", ...PHASES.map((name) => `${name}, ns`), "longest stall, ms", "bytes an entry"],
    ...measured
      .filter(({ rounds }) => rounds.length > 0)
      .map(({ engine, entries, rounds }) => [
        LABELS[engine],
        ...PHASES.map((name) => spread(summarize(rounds.map((it) => it[name].nanos)))),
        spread(summarize(rounds.map((it) => Math.max(...PHASES.map((name) => it[name].longest))))),
        entries < WEIGHABLE || engine === "nothing" ? "" : spread(summarize(rounds.map((it) => it.bytesPerEntry)))
      ])
  ])
}

const machine = thisMachine()
console.log(describeMachine(machine))
console.log(
  "16 B keys, 64 B values, TTL of an hour. fill: PUT of new keys; get: hits; overwrite: PUT of keys that are there;\n" +
    "evict: PUT of new keys into a full cache. Times hold the making of the strings; the last row is that alone.\n" +
    "Longest stall: the longest slice of 256 operations, with collections, without waits for a core. Bytes: of the process, key and value included."
)
const results: Array<Measured> = []
for (const text of flags.entries) {
  const measured = await measure(Number(text))
  results.push(...measured)
  console.log(`\n## ${number(Number(text))} entries\n\n${nanosAndStalls(measured)}`)
}
for (const failure of failures) console.log(`FAILED ${failure}`)
if (flags.json !== undefined) {
  const document = { date: new Date().toISOString(), machine, failures, results }
  writeFileSync(flags.json, `${JSON.stringify(document, null, 2)}\n`)
}
process.exit(failures.length > 0 ? 1 : 0)
