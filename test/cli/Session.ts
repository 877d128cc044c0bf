/** The built program with a standard input, either a pipe or a real pseudo-terminal. */
import { spawn, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Screen from "../client/Screen.ts"
import * as Changes from "../server/Changes.ts"

/** The built program. */
export const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

/**
 * Runs a program in a pseudo-terminal of 100 columns, connected to it by pipes. It exits with the program's exit code.
 */
const PTY = `
import fcntl, os, pty, select, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
sources = [0, fd]
while True:
    ready = select.select(sources, [], [])[0]
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 65536)
        if data:
            os.write(fd, data)
        else:
            sources.remove(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xff)
`

/** Whether there is a Python with pseudo-terminals that can report an exit code (3.9). */
export const hasPty: boolean =
  spawnSync("python3", ["-c", "import pty, os; os.waitstatus_to_exitcode"], { stdio: "ignore" }).status === 0

/** Environment variables of this machine must not become settings of the program. */
const inherited = (): Record<string, string> => {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    const isSetting = name.startsWith("KV_CACHE_") || name === "NODE_OPTIONS" || name === "NO_COLOR"
    if (value !== undefined && !isSetting) kept[name] = value
  }
  return kept
}

export interface Session {
  readonly type: (text: string) => Effect.Effect<void>
  readonly endInput: Effect.Effect<void>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** The output as a terminal shows it. */
  readonly screen: Screen.Screen
  /** Waits until this is the last row. */
  readonly shows: (row: string) => Effect.Effect<void>
  /** Waits until this text has been printed. */
  readonly prints: (text: string) => Effect.Effect<void>
  readonly ended: Effect.Effect<{
    readonly code: number | null
    readonly signal: NodeJS.Signals | null
    readonly stdout: string
    readonly stderr: string
  }>
}

export interface Options {
  readonly environment?: Readonly<Record<string, string>>
  readonly terminal?: boolean
}

export const start = (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Session, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const node = [process.execPath, main, ...args]
      const [command = "", ...rest] = options.terminal === true ? ["python3", "-c", PTY, ...node] : node
      return spawn(command, rest, {
        env: { ...inherited(), TERM: "xterm", ...options.environment },
        stdio: ["pipe", "pipe", "pipe"]
      })
    }),
    // The end of a pipe's input ends nothing. The end of a pseudo-terminal hangs up on the program in it.
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  ).pipe(
    Effect.map((child) => {
      const screen = Screen.make()
      const changes = Changes.make()
      let stdout = ""
      let stderr = ""
      let closed = false
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text
        if (options.terminal === true) screen.write(text)
        changes.changed()
      })
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text
      })
      child.stdin.on("error", () => {})
      child.on("close", () => {
        closed = true
        changes.changed()
      })
      return {
        screen,
        type: (text) => Effect.sync(() => void child.stdin.write(text)),
        endInput: Effect.sync(() => void child.stdin.end()),
        kill: (signal) => Effect.sync(() => void child.kill(signal)),
        shows: (row) => changes.until(() => screen.rows().at(-1) === row),
        prints: (text) => changes.until(() => stdout.includes(text)),
        ended: Effect.map(
          changes.until(() => closed),
          () => ({ code: child.exitCode, signal: child.signalCode, stdout, stderr })
        )
      }
    })
  )

/** Runs the program to its end with this input in a pipe. */
export const run = (args: ReadonlyArray<string>, input = "", options: Options = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const session = yield* start(args, options)
      yield* session.type(input)
      yield* session.endInput
      return yield* session.ended
    })
  )
