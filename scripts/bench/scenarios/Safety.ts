/**
 * What safety costs: a client that has said who it is beside one that need not, and TLS beside none: CPU of a request,
 * memory of a connection. The secrets are made for each measurement, and deleted after it.
 */
import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Helper } from "../Processes.ts"
import { maxOpenFiles, residentBytes } from "../Proc.ts"
import type { IdleOptions, IdleReady } from "../load/Messages.ts"
import { number, range, spread, table } from "../report/Format.ts"
import { type Summary, summarize } from "../report/Statistics.ts"
import { freePort, type Server } from "../servers/Peers.ts"
import { type Outcome, repeat, type Scenario, type Settings } from "./Scenario.ts"
import { costs, rates } from "./Throughput.ts"
import { during, filled, pair, type Started } from "./Ways.ts"

const KEYS = 10_000

/** A folder for secrets, until the measurement is over. */
const makeFolder = (started: Started): string => {
  const folder = mkdtempSync(join(tmpdir(), "kv-cache-bench-"))
  started.add({ stop: async () => rmSync(folder, { recursive: true }) })
  return folder
}

type Start = (settings: Settings, started: Started, ...flags: ReadonlyArray<string>) => Promise<Server>

const startPlain: Start = async ({ kvCache }, started, ...flags) => started.add(await kvCache.start(...flags))

const startWithPassword: Start = async ({ kvCache }, started, ...flags) => {
  const file = join(makeFolder(started), "password")
  const password = randomBytes(24).toString("hex")
  writeFileSync(file, password, { mode: 0o600 })
  return { ...started.add(await kvCache.start("--password-file", file, ...flags)), password }
}

const startTls: Start = async ({ kvCache }, started, ...flags) => {
  const folder = makeFolder(started)
  const [cert, key] = [join(folder, "server.crt"), join(folder, "server.key")]
  const curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256"
  const made = spawnSync(
    "openssl",
    [..."req -x509 -nodes -days 2 -subj /CN=localhost".split(" "), ...curve.split(" "), "-keyout", key, "-out", cert],
    { encoding: "utf8" }
  )
  if (made.status !== 0) throw new Error(`no certificate: ${made.error?.message ?? made.stderr}`)
  const port = await freePort()
  const tls = ["--tls-port", String(port), "--tls-cert", cert, "--tls-key", key]
  return { ...started.add(await kvCache.start(...tls, ...flags)), port, isTls: true }
}

const WITH_PASSWORD = filled("with a password", KEYS, startWithPassword)
const WITHOUT_PASSWORD = filled("without a password", KEYS, startPlain)

const auth = (name: string, pipeline: number, what: string): Scenario =>
  pair({
    name,
    about: "clients that have said who they are, beside clients that need not",
    title: `With a password and without; ${number(KEYS)} keys, half PUT`,
    ours: WITH_PASSWORD,
    theirs: WITHOUT_PASSWORD,
    requests: { keys: KEYS, pipeline },
    target: { what, bound: "at least", target: 0.99, of: rates }
  })

export const authUnpipelined = auth("auth", 1, "with a password, unpipelined: of none")
export const authPipelined = auth("auth-pipeline", 16, "with a password, pipeline 16: of none")

const tls = (name: string, pipeline: number, what: string): Scenario =>
  pair({
    name,
    about: "CPU of a request over TLS, beside one without",
    title: `With TLS and without; ${number(KEYS)} keys, half PUT`,
    ours: filled("TLS", KEYS, startTls),
    theirs: filled("plain", KEYS, startPlain),
    requests: { keys: KEYS, pipeline },
    target: { what, bound: "at most", target: 1.45, of: costs }
  })

export const tlsUnpipelined = tls("tls", 1, "TLS, unpipelined: CPU of plain")
export const tlsPipelined = tls("tls-pipeline", 16, "TLS, pipeline 16: CPU of plain")

// --- memory of connections

const WANTED = 2000

/** How many files a process needs besides its connections. */
const OTHER_FILES = 300

/** How long opening all of them may take, in s. */
const OPEN_LIMIT = 60

/** The time until the garbage of the handshakes is collected, in ms. */
const SETTLE = 2000

/** The resident memory of each of so many connections, in KB. */
const memoryOfEach = (settings: Settings, start: Start, count: number): Promise<number> =>
  during(async (started) => {
    const server = await start(settings, started, "--max-connections", String(count + 1000), "--idle-timeout", "0")
    const hold = async (connections: number): Promise<void> => {
      const { isTls, port, wire } = server
      const helper = started.add(new Helper("idle", { isTls, port, wire, connections } satisfies IdleOptions))
      await helper.next<IdleReady>(OPEN_LIMIT)
      await new Promise((resolve) => setTimeout(resolve, SETTLE))
    }
    // What the first connections bring, the compiled code of the handshake for one, is not theirs.
    await hold(100)
    const before = residentBytes(server.pid) ?? Number.NaN
    await hold(count)
    return ((residentBytes(server.pid) ?? Number.NaN) - before) / count / 1024
  })

export const tlsConnections: Scenario = {
  name: "tls-connections",
  about: `memory of each of ${number(WANTED)} connections over TLS, and of as many without`,
  run: async (settings): Promise<Outcome> => {
    const count = Math.max(1, Math.min(WANTED, maxOpenFiles() - OTHER_FILES))
    const rows = [
      { name: "TLS", start: startTls, each: new Array<number>() },
      { name: "plain", start: startPlain, each: new Array<number>() }
    ]
    await repeat(settings, settings.rounds, async (round) => {
      for (const { each, name, start } of rows) {
        settings.progress(`tls-connections: round ${round + 1} of ${settings.rounds}, ${name}`)
        each.push(await memoryOfEach(settings, start, count))
      }
    })
    const overTls: Summary = summarize(rows[0]?.each ?? [])
    return {
      title: `Memory of ${number(count)} open connections, each served once`,
      text: [table([["connections", "KB each"], ...rows.map(({ each, name }) => [name, spread(summarize(each))])])],
      figures: [
        {
          what: `${number(count)} connections over TLS: memory of each`,
          bound: "at most",
          target: 45,
          unit: " KB",
          value: overTls.median,
          note: `${range(overTls)}; RSS with less RSS without`
        }
      ],
      data: { count, rows: rows.map(({ each, name }) => ({ name, each })) }
    }
  }
}
