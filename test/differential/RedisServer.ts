/** A real redis-server on a socket of its own, with nothing stored on disk. It ends with the scope. */
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The version of the redis-server of this machine, or nothing if it has none. */
export const installed = /v=([0-9.]+)/.exec(
  spawnSync("redis-server", ["--version"], { encoding: "utf8" }).stdout ?? ""
)?.[1]

const READY = "ready to accept connections"

/** Starts the server. Returns the path of its socket. */
export const start: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "redis-"))),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
  )
  const path = Path.join(folder, "socket")
  const options = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", "--appendonly", "no"]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn("redis-server", options, { stdio: ["ignore", "pipe", "ignore"] })),
    (process) =>
      Effect.callback<void>((resume) => {
        if (process.exitCode !== null || process.signalCode !== null) return resume(Effect.void)
        process.once("exit", () => resume(Effect.void))
        process.kill("SIGKILL")
      })
  )
  yield* Effect.callback<void>((resume) => {
    let log = ""
    child.stdout.on("data", (chunk: Buffer) => {
      log += chunk.toString("latin1")
      if (log.includes(READY)) resume(Effect.void)
    })
    child.once("exit", () => resume(Effect.die(new Error(`redis-server ended:\n${log}`))))
  })
  return path
})
