/** Real Redis servers for tests: one alone, or a cluster. They are on free ports, keep nothing, and end with the scope. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

/** Whether this machine has what is needed. */
export const isInstalled =
  spawnSync("redis-server", ["--version"]).status === 0 && spawnSync("redis-cli", ["--version"]).status === 0

const READY = /ready to accept connections/i

/** A cluster's servers listen on one more port each, which is this much higher. */
const BUS = 10_000

export interface RedisProcess {
  readonly port: number
  /** Sends a signal. */
  readonly signal: (signal: NodeJS.Signals) => void
  /** Kills it at once, and waits until it is gone. */
  readonly kill: Effect.Effect<void>
  /** Starts it again, on the same port and with what it knows of the cluster. */
  readonly start: Effect.Effect<void>
  /** What redis-cli answers. */
  readonly cli: (...words: ReadonlyArray<string>) => string
}

const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const server = Net.createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/** So that two processes of the test runner do not look at the same ports at the same time. */
let next = 20_000 + (process.pid % 900) * 10

/** A port that nobody listens on. */
export const freePort: Effect.Effect<number> = Effect.gen(function* () {
  while (true) {
    next = next >= 40_000 ? 20_000 : next + 1
    if ((yield* isFree(next)) && (yield* isFree(next + BUS))) return next
  }
})

/** A folder that is deleted with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "redis-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

/** Runs redis-cli. */
const redisCli = (port: number, ...words: ReadonlyArray<string>): string =>
  spawnSync("redis-cli", ["-p", String(port), ...words], { encoding: "utf8" }).stdout.trim()

const makeProcess = Effect.fnUntraced(function* (
  options: ReadonlyArray<string>
): Effect.fn.Return<RedisProcess, never, Scope.Scope> {
  const folder = yield* temporaryFolder
  const port = yield* freePort
  let child: ChildProcess | undefined = undefined
  const words = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
  const start = Effect.callback<void>((resume) => {
    const started = spawn("redis-server", [...words, ...options], { stdio: ["ignore", "pipe", "ignore"] })
    child = started
    let log = ""
    started.stdout.on("data", (chunk: Buffer) => {
      log += chunk.toString("latin1")
      if (READY.test(log)) resume(Effect.void)
    })
    started.once("exit", () => resume(Effect.die(new Error(`redis-server ended:\n${log}`))))
  })
  const kill = Effect.callback<void>((resume) => {
    const its: ChildProcess | undefined = child
    if (its === undefined || its.exitCode !== null || its.signalCode !== null) return resume(Effect.void)
    its.once("exit", () => resume(Effect.void))
    its.kill("SIGKILL")
  })
  yield* Effect.addFinalizer(() => kill)
  yield* start
  return {
    port,
    start,
    kill,
    signal: (signal) => void child?.kill(signal),
    cli: (...asked) => redisCli(port, ...asked)
  }
})

/** One server. */
export const single = (...options: ReadonlyArray<string>): Effect.Effect<RedisProcess, never, Scope.Scope> =>
  makeProcess(options)

export interface RedisCluster {
  readonly nodes: ReadonlyArray<RedisProcess>
  /** The server that is the master of a key's slot now. */
  readonly masterOf: (key: string) => RedisProcess
}

const CLUSTER = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no"]

/** A cluster of three masters, with a replica for each if asked for. */
export const cluster = Effect.fnUntraced(function* (
  replicas: 0 | 1,
  ...options: ReadonlyArray<string>
): Effect.fn.Return<RedisCluster, never, Scope.Scope> {
  const nodes = yield* Effect.forEach(
    Array.from({ length: 3 * (replicas + 1) }, (_, index) => index),
    () => makeProcess([...CLUSTER, ...options])
  )
  const places = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const made = spawnSync(
    "redis-cli",
    ["--cluster", "create", ...places, "--cluster-replicas", String(replicas), "--cluster-yes"],
    { encoding: "utf8" }
  )
  if (made.status !== 0) return yield* Effect.die(new Error(`no cluster was made:\n${made.stdout}${made.stderr}`))
  const isWhole = (): boolean =>
    nodes.every((node) => {
      const info = node.cli("cluster", "info")
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${nodes.length}`)
    }) &&
    (replicas === 0 ||
      nodes.filter((node) => node.cli("info", "replication").includes("master_link_status:up")).length === 3)
  yield* until(isWhole)
  return {
    nodes,
    masterOf: (key) => {
      const slot = Number(askAny(nodes, "cluster", "keyslot", key))
      const lines = askAny(nodes, "cluster", "nodes").split("\n")
      const line = lines.find((each) => each.includes("master") && !each.includes("fail") && hasSlot(each, slot)) ?? ""
      const port = Number(/:([0-9]+)@/.exec(line)?.[1])
      const node = nodes.find((each) => each.port === port)
      if (node === undefined) throw new Error(`nobody has slot ${slot}:\n${lines.join("\n")}`)
      return node
    }
  }
})

/** What the first one answers that answers. */
const askAny = (nodes: ReadonlyArray<RedisProcess>, ...words: ReadonlyArray<string>): string => {
  for (const node of nodes) {
    const answer = node.cli(...words)
    if (answer !== "") return answer
  }
  return ""
}

const hasSlot = (line: string, slot: number): boolean =>
  line
    .split(" ")
    .slice(8)
    .some((range) => {
      const [first, last = first] = range.split("-").map(Number)
      return first !== undefined && last !== undefined && slot >= first && slot <= last
    })

/** Waits until something holds, which is looked at ten times a second; fails after a minute. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.fail("not yet" as const))).pipe(
    Effect.retry({ times: 600, schedule: Schedule.spaced("100 millis") }),
    Effect.orDie
  )
