/** Ten thousand open connections: how much memory they take, and how much they slow down the active ones. */
import { Helper } from "../Processes.ts"
import { maxOpenFiles, residentBytes } from "../Proc.ts"
import type { IdleReady } from "../load/Messages.ts"
import { number, range, table } from "../report/Format.ts"
import { ratios } from "../report/Statistics.ts"
import { drive, load } from "./Driver.ts"
import { megabytes, type Outcome, repeat, type Scenario, type Settings } from "./Scenario.ts"
import { rates, type Rounds, throughputTable } from "./Throughput.ts"

const WANTED = 10_000
const ACTIVE = 100
const KEYS = 10_000

/** How many files a process needs besides its idle connections. */
const OTHER_FILES = 300

/** How long opening all of them may take, in s. */
const OPEN_LIMIT = 60

/** The time until the garbage of opening them is collected, in ms. */
const SETTLE = 1000

const run = async (settings: Settings): Promise<Outcome> => {
  const { kvCache, progress, rounds, seconds } = settings
  const limit = maxOpenFiles()
  const count = Math.max(0, Math.min(WANTED, limit - OTHER_FILES))
  const flags = ["--max-connections", String(count + 1000), "--idle-timeout", "0"]
  const alone = await kvCache.start(...flags)
  const crowded = await kvCache.start(...flags)
  const helper = new Helper("idle", { port: crowded.port, wire: crowded.wire, connections: count })
  try {
    await load(alone, { keys: KEYS })
    await load(crowded, { keys: KEYS })
    const before = residentBytes(crowded.pid) ?? Number.NaN
    progress(`connections: opening ${number(count)}`)
    const { opened } = await helper.next<IdleReady>(OPEN_LIMIT)
    await new Promise((resolve) => setTimeout(resolve, SETTLE))
    const after = residentBytes(crowded.pid) ?? Number.NaN
    const each = (after - before) / opened / 1024

    const without: Rounds = { server: `${ACTIVE} active alone`, rounds: [] }
    const beside: Rounds = { server: `beside ${number(opened)} open`, rounds: [] }
    await repeat(settings, rounds, async (round) => {
      progress(`connections: round ${round + 1} of ${rounds}`)
      const common = { connections: ACTIVE, pipeline: 1, keys: KEYS, seconds, seed: round + 1 }
      without.rounds.push(await drive(alone, common))
      beside.rounds.push(await drive(crowded, common))
    })
    const ratio = ratios(rates(beside), rates(without))
    const fewer =
      count < WANTED ? [`Fewer than ${number(WANTED)}: \`ulimit -Hn\` allows ${number(limit)} open files here.`] : []
    return {
      title: `${number(opened)} open connections, each served once, and ${ACTIVE} active ones (KV-Cache)`,
      text: [
        ...fewer,
        ...throughputTable("with them", beside, [without, beside]),
        "",
        table([
          ["memory", "figure"],
          ["resident before, MB", number(megabytes(before))],
          ["resident with them open, MB", number(megabytes(after))],
          ["KB a connection", number(each)]
        ])
      ],
      figures: [
        {
          what: `${number(opened)} open connections: throughput of that without`,
          bound: "at least",
          target: 0.9,
          unit: "",
          value: ratio.median,
          note: range(ratio)
        },
        {
          what: `${number(opened)} open connections: memory of each`,
          bound: "at most",
          target: 15,
          unit: " KB",
          value: each,
          note: "RSS with less RSS without"
        }
      ],
      data: { opened, openFiles: Number.isFinite(limit) ? limit : null, before, after, alone: without, crowded: beside }
    }
  } finally {
    await helper.stop()
    await Promise.all([alone.stop(), crowded.stop()])
  }
}

export const connections: Scenario = {
  name: "connections",
  about: "10,000 open connections: memory of each, throughput of 100 active ones beside them",
  run
}
