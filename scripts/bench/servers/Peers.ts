/** The servers to compare: how to find each on this machine, and how to start it on a free port of 127.0.0.1. */
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import type { Destination } from "../load/Messages.ts"
import type { WireName } from "../load/Wire.ts"
import { bundled, start, type Started, stop } from "../Processes.ts"

export interface Server extends Destination {
  readonly name: string
  readonly pid: number
  readonly stop: () => Promise<void>
}

export interface Peer {
  readonly name: string
  readonly version: string
  /** Starts the server with the flags that every benchmark needs, and these. */
  readonly start: (...flags: ReadonlyArray<string>) => Promise<Server>
}

export const KV_CACHE = "KV-Cache"
export const REDIS = "redis-server"
export const MEMCACHED = "memcached -t 1"
export const BARE_NODE = "bare Node"

interface Definition {
  readonly name: string
  readonly wire: WireName
  readonly file: string
  readonly args: (port: number) => ReadonlyArray<string>
}

/** ms */
const START_LIMIT = 15_000
const RETRY = 2

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no free port")
  return address.port
}

/** Tries every 2 ms until the server answers: a fresh connection, one request, any reply. */
export const firstReply = async (port: number, request: string, started: Started): Promise<void> => {
  const deadline = performance.now() + START_LIMIT
  while (!(await answers(port, request))) {
    if (started.child.exitCode !== null || started.pid === 0) {
      throw new Error(`${started.child.spawnfile} did not start: ${started.lastWords()}`)
    }
    if (performance.now() > deadline) throw new Error(`${started.child.spawnfile} did not answer`)
    await new Promise((resolve) => setTimeout(resolve, RETRY))
  }
}

const answers = (port: number, request: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true })
    const done = (answered: boolean) => (): void => {
      resolve(answered)
      socket.destroy()
    }
    socket.on("connect", () => socket.write(request))
    socket.on("data", done(true))
    socket.on("error", done(false))
    socket.on("close", done(false))
  })

/** A request that an empty server answers too. */
const hello: Readonly<Record<WireName, string>> = {
  text: "GET hello\n",
  resp: "*1\r\n$4\r\nPING\r\n",
  memcached: "version\r\n"
}

const launch = async (definition: Definition, flags: ReadonlyArray<string>): Promise<Server> => {
  const { args, file, name, wire } = definition
  const port = await freePort()
  const started = start(file, [...args(port), ...flags])
  // The output is not needed, but a process whose output nobody reads blocks in the end.
  started.child.stdout?.resume()
  try {
    await firstReply(port, hello[wire], started)
  } catch (error) {
    await stop(started)
    throw error
  }
  return { name, wire, pid: started.pid, port, stop: () => stop(started) }
}

/** The version that a program prints. Nothing if the program is not installed. */
const installed = (file: string, flag: string): string | undefined => {
  const { error, stdout } = spawnSync(file, [flag], { encoding: "utf8", timeout: START_LIMIT })
  return error === undefined ? /\d+(\.\d+)+/.exec(stdout)?.[0] : undefined
}

/** How to start our server; more flags follow. */
export const kvCacheArgs = (file: string, port: number): ReadonlyArray<string> => [
  file,
  "serve",
  "--host",
  "127.0.0.1",
  "--port",
  String(port),
  "--log-level",
  "error"
]

/** KV-Cache from a built `main.js`. */
export const kvCache = (file: string): Peer => {
  const { version }: { version: string } = JSON.parse(readFileSync("package.json", "utf8"))
  const definition: Definition = {
    name: KV_CACHE,
    wire: "text",
    file: process.execPath,
    args: (port) => kvCacheArgs(file, port)
  }
  return { name: KV_CACHE, version, start: (...flags) => launch(definition, flags) }
}

const bareNode: Definition = {
  name: BARE_NODE,
  wire: "text",
  file: process.execPath,
  args: (port) => [bundled("bare-node"), String(port)]
}

const redis: Definition = {
  name: REDIS,
  wire: "resp",
  file: "redis-server",
  args: (port) => ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
}

const memcached: Definition = {
  name: MEMCACHED,
  wire: "memcached",
  file: "memcached",
  args: (port) => [
    "-l",
    "127.0.0.1",
    "-p",
    String(port),
    "-U",
    "0",
    "-t",
    "1",
    "-m",
    "256",
    // memcached refuses to run as root without it.
    ...(process.getuid?.() === 0 ? ["-u", "nobody"] : [])
  ]
}

/** The peers that are installed, and the names of those that are not. */
export const findPeers = (): { readonly peers: ReadonlyArray<Peer>; readonly missing: ReadonlyArray<string> } => {
  const missing: Array<string> = []
  const peers: Array<Peer> = []
  const add = (definition: Definition, version: string | undefined): void => {
    if (version === undefined) missing.push(definition.name)
    else peers.push({ name: definition.name, version, start: (...flags) => launch(definition, flags) })
  }
  add(bareNode, process.versions.node)
  add(redis, installed("redis-server", "--version"))
  add(memcached, installed("memcached", "-V"))
  return { peers, missing }
}
