/** Millions of entries: how long a fill makes others wait, how much memory they take, how much throughput they cost. */
import { residentBytes } from "../Proc.ts"
import { number, range, spread, table } from "../report/Format.ts"
import { ratios } from "../report/Statistics.ts"
import { drive, load, POLITE, probed } from "./Driver.ts"
import { megabytes, type Outcome, repeat, type Scenario, type Settings } from "./Scenario.ts"
import { STALL_LIMIT } from "./Stalls.ts"
import { rates, type Rounds, throughputTable } from "./Throughput.ts"

const SMALL = 10_000
const CONNECTIONS = 50
const PIPELINES = [1, 16]

/** The time until the garbage of a fill is collected and given back, in ms. */
const SETTLE = 2000

const run = async (settings: Settings): Promise<Outcome> => {
  const { entries, kvCache, progress, rounds, seconds } = settings
  const small = await kvCache.start()
  const large = await kvCache.start("--max-keys", String(entries + 1000))
  try {
    await load(small, { keys: SMALL })
    const empty = residentBytes(large.pid) ?? Number.NaN
    progress(`large: filling ${number(entries)} entries`)
    const { probe, result } = await probed(large, () => load(large, { keys: entries, nice: POLITE }))
    await new Promise((resolve) => setTimeout(resolve, SETTLE))
    const full = residentBytes(large.pid) ?? Number.NaN
    const perEntry = (full - empty) / entries

    const loads = PIPELINES.map(
      (pipeline): { readonly pipeline: number; readonly few: Rounds; readonly many: Rounds } => ({
        pipeline,
        few: { server: `${number(SMALL)} keys`, rounds: [] },
        many: { server: `${number(entries)} keys`, rounds: [] }
      })
    )
    await repeat(settings, rounds, async (round) => {
      for (const { few, many, pipeline } of loads) {
        progress(`large: round ${round + 1} of ${rounds}, pipeline ${pipeline}`)
        const common = { connections: CONNECTIONS, pipeline, seconds, seed: round + 1 }
        few.rounds.push(await drive(small, { ...common, keys: SMALL }))
        many.rounds.push(await drive(large, { ...common, keys: entries }))
      }
    })

    const million = `${number(entries / 1e6)} M`
    return {
      title: `${number(entries)} entries of 16 B + 64 B (KV-Cache)`,
      text: [
        table([
          ["filling", "figure"],
          ["PUTs a second", number(result.requests / result.seconds)],
          ["longest wait of a probing client, ms", number(probe.longest)],
          ["the same, without waits for a core, ms", number(probe.longestStall)],
          ["resident, empty, MB", number(megabytes(empty))],
          ["resident, full, MB", number(megabytes(full))],
          ["resident bytes an entry", number(perEntry)]
        ]),
        ...loads.flatMap(({ few, many, pipeline }) => [
          "",
          `${CONNECTIONS} connections, pipeline ${pipeline}:`,
          ...throughputTable(million, many, [few, many])
        ])
      ],
      figures: [
        {
          what: `${million} entries: resident bytes an entry`,
          bound: "at most",
          target: 165,
          unit: " B",
          value: perEntry,
          note: "RSS full less RSS empty"
        },
        {
          what: `${million} entries: longest stall while filling`,
          bound: "at most",
          target: STALL_LIMIT,
          unit: " ms",
          value: probe.longestStall,
          note: `${number(probe.longest)} ms with waits for a core`
        },
        ...loads.map(({ few, many, pipeline }) => {
          const ratio = ratios(rates(many), rates(few))
          return {
            what: `${million} keys: throughput of that at 10 k, pipeline ${pipeline}`,
            bound: "at least" as const,
            target: 0.8,
            unit: "",
            value: ratio.median,
            note: range(ratio)
          }
        })
      ],
      data: {
        entries,
        fill: result,
        probe,
        residentEmpty: empty,
        residentFull: full,
        bytesPerEntry: perEntry,
        throughput: loads.map((it) => ({ ...it, ratio: spread(ratios(rates(it.many), rates(it.few))) }))
      }
    }
  } finally {
    await Promise.all([small.stop(), large.stop()])
  }
}

export const large: Scenario = {
  name: "large",
  about: "5 M entries: longest stall while filling, bytes an entry, throughput against 10 k",
  run
}
