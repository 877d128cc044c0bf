/** The built program as a child process: its output and its ending. It ends with the test's scope at the latest. */
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Changes from "../server/Changes.ts"
import { type LogLine, parseLine } from "./LogLine.ts"

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

/** The program ended before the awaited output came. */
export class ProgramEnded extends Data.TaggedError("ProgramEnded")<{ readonly stderr: string }> {}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program {
  /** Waits for the first log line whose message begins with this text. */
  readonly logged: (beginning: string) => Effect.Effect<LogLine, ProgramEnded>
  /** The log lines so far. */
  readonly log: Effect.Effect<ReadonlyArray<LogLine>>
  /** Everything read from its stderr so far, log lines and others. */
  readonly stderr: Effect.Effect<string>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Stops reading its stderr until `resumeLog`, like a stopped reader. */
  readonly pauseLog: Effect.Effect<void>
  readonly resumeLog: Effect.Effect<void>
  /** Closes the reading end of its stderr. */
  readonly closeLog: Effect.Effect<void>
  /** Waits until the process has exited and all its output has been read. */
  readonly ended: Effect.Effect<Ending>
}

export interface Options {
  readonly environment?: Readonly<Record<string, string>>
  /** The limit of open file descriptors. */
  readonly descriptors?: number
}

/** Environment variables of this machine must not become settings of the program. */
const inherited = (): Record<string, string> => {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith("KV_CACHE_") && name !== "NODE_OPTIONS") kept[name] = value
  }
  return kept
}

export const start = (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (!Fs.existsSync(main)) throw new Error(`${main} is not there: 'npm run build' makes it`)
      const node = [process.execPath, main, ...args]
      const [command = "", ...rest] =
        options.descriptors === undefined
          ? node
          : ["/bin/sh", "-c", `ulimit -n ${options.descriptors}; exec "$@"`, "sh", ...node]
      return spawn(command, rest, {
        env: { ...inherited(), ...options.environment },
        stdio: ["ignore", "pipe", "pipe"]
      })
    }),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  ).pipe(
    Effect.map((child) => {
      let stdout = ""
      let stderr = ""
      let closed = false
      const changes = Changes.make()
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text
      })
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text
        changes.changed()
      })
      child.on("close", () => {
        closed = true
        changes.changed()
      })
      // The last element is an unfinished line, or empty.
      const log = () =>
        stderr
          .split("\n")
          .slice(0, -1)
          .map(parseLine)
          .filter((line) => line !== undefined)
      const find = (beginning: string) => log().find(({ message }) => message.startsWith(beginning))
      return {
        logged: (beginning) =>
          changes
            .until(() => closed || find(beginning) !== undefined)
            .pipe(
              Effect.andThen(Effect.suspend(() => Effect.fromNullishOr(find(beginning)))),
              Effect.mapError(() => new ProgramEnded({ stderr }))
            ),
        log: Effect.sync(log),
        stderr: Effect.sync(() => stderr),
        kill: (signal) => Effect.sync(() => void child.kill(signal)),
        pauseLog: Effect.sync(() => void child.stderr.pause()),
        resumeLog: Effect.sync(() => void child.stderr.resume()),
        closeLog: Effect.sync(() => void child.stderr.destroy()),
        ended: Effect.map(
          changes.until(() => closed),
          () => ({ code: child.exitCode, signal: child.signalCode, stdout, stderr })
        )
      }
    })
  )

/** Runs the program to its end. */
export const run = (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Ending> =>
  Effect.scoped(Effect.flatMap(start(args, options), (program) => program.ended))

/** Starts a server on a port that the system chooses and reads the port from the first line. */
export const serve = Effect.fnUntraced(function* (args: ReadonlyArray<string> = [], options: Options = {}) {
  const program = yield* start(["serve", "--port", "0", ...args], options)
  const listening = yield* program.logged("listening on ")
  const [, host = "", port = ""] = /^listening on ([^:]*):([0-9]+)/.exec(listening.message) ?? []
  return { ...program, listening, address: { host, port: Number(port) } }
})
