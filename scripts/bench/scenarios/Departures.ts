/** Many clients that hold memory of the server's, and leave: what is resident before, meanwhile, and afterwards. */
import type { HeldOptions, HeldReady } from "../load/Messages.ts"
import { residentBytes } from "../Proc.ts"
import { Helper } from "../Processes.ts"
import type { Figure } from "../report/Figure.ts"
import { number, table } from "../report/Format.ts"
import type { Peer } from "../servers/Peers.ts"
import { load } from "./Driver.ts"
import { megabytes, type Outcome, type Scenario, type Settings } from "./Scenario.ts"

const CLIENTS = 6000
const WAVES = 2

/** How long opening all of them may take, in s. */
const OPEN_LIMIT = 60

/** The time until the garbage of what has happened is collected, in ms. */
const SETTLE = 3000

/** How much more than an empty server's may be left, in MB. */
const MOST_LEFT = 50

const CASES: ReadonlyArray<Pick<HeldOptions, "bytes" | "connections" | "kind"> & { readonly name: string }> = [
  { name: "an unfinished request of 38 KB each", kind: "request", bytes: 38_000, connections: CLIENTS },
  { name: "an unfinished request of 200 KB each", kind: "request", bytes: 200_000, connections: 1000 },
  { name: "256 replies of 15 KB each that they do not read", kind: "replies", bytes: 15_000, connections: 200 }
]

interface Row {
  readonly name: string
  readonly clients: number
  readonly before: number
  readonly held: number
  readonly after: number
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE))

const measure = async (
  kvCache: Peer,
  { name, ...options }: (typeof CASES)[number],
  progress: Settings["progress"]
): Promise<Row> => {
  const server = await kvCache.start("--max-connections", String(CLIENTS + 1000), "--max-client-memory", "1gb")
  const resident = (): number => megabytes(residentBytes(server.pid) ?? Number.NaN)
  try {
    await load(server, { keys: 1 })
    await settle()
    const before = resident()
    let held = 0
    for (let wave = 1; wave <= WAVES; wave++) {
      progress(`departures: ${name}, wave ${wave} of ${WAVES}`)
      const helper = new Helper("held", { ...options, port: server.port })
      try {
        await helper.next<HeldReady>(OPEN_LIMIT)
        await settle()
        held = Math.max(held, resident())
      } finally {
        await helper.stop()
      }
      await settle()
    }
    return { name, clients: options.connections, before, held, after: resident() }
  } finally {
    await server.stop()
  }
}

const run = async ({ kvCache, progress }: Settings): Promise<Outcome> => {
  const rows: Array<Row> = []
  for (const each of CASES) rows.push(await measure(kvCache, each, progress))
  return {
    title: `Clients that hold memory and leave, ${WAVES} waves of them: resident memory, in MB (KV-Cache)`,
    text: [
      table([
        ["clients", "what they hold", "before", "meanwhile", "after they left"],
        ...rows.map(({ after, before, clients, held, name }) => [
          clients.toLocaleString("en"),
          name,
          number(before),
          number(held),
          number(after)
        ])
      ])
    ],
    figures: rows.map(({ after, before, clients, name }): Figure => ({
      what: `${clients.toLocaleString("en")} clients with ${name} have left: memory kept`,
      bound: "at most",
      target: MOST_LEFT,
      unit: " MB",
      value: after - before,
      note: "RSS after less RSS before"
    })),
    data: rows
  }
}

export const departures: Scenario = {
  name: "departures",
  about: "thousands of clients that hold memory, and leave: what of it the system gets back",
  run
}
