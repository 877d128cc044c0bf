/**
 * Runs the program as a Unix process: signals interrupt it, and its exit becomes an exit code.
 *
 * Differs from `NodeRuntime.runMain` in what users of servers expect: a second signal ends the process at once, an
 * interrupted program exits with 128 plus the signal's number, and a closed pipe ends it without a word. SIGHUP is
 * obeyed as SIGTERM is, and SIGUSR1 opens no inspector.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Tty from "node:tty"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import { closeInspector } from "./Inspector.ts"

type Signal = "SIGINT" | "SIGTERM" | "SIGHUP"

const exitCodeOf = (signal: Signal): number => 128 + Os.constants.signals[signal]

/** The exit code of a program whose output's reader went away, as if the signal had ended it. */
const BROKEN_PIPE = 128 + Os.constants.signals.SIGPIPE

// A Ctrl-C under `npm start` comes twice: the terminal signals the whole group, and npm forwards it once more.
const isUnderNpm = process.env["npm_lifecycle_event"] === "start"
const ECHO = 500_000_000n

const terminals = [0, 1, 2].filter((descriptor) => Tty.isatty(descriptor))

/**
 * Lets go of terminals that are gone. At its end Node gives terminals the state back that it found them in, and Node 20
 * aborts where it cannot; it leaves alone what is closed.
 */
const leaveLostTerminals = (): void => {
  for (const descriptor of terminals) if (!Tty.isatty(descriptor)) Fs.closeSync(descriptor)
}

/** Node opens the inspector when the event loop polls, which it does between two yields, however old the signal is. */
const closeInspectorInTime = Effect.andThen(
  Effect.andThen(Effect.yieldNow, Effect.yieldNow),
  Effect.sync(closeInspector)
)

/**
 * Runs the program and exits the process. The fiber is uninterruptible: each command says which of its waits a signal
 * may end, so that what comes after the wait (a drain, a report) is done and the exit code is the command's own.
 */
export const runMain = <A, E>(program: Effect.Effect<A, E>): void => {
  let received: { readonly signal: Signal; readonly at: bigint } | undefined
  const fiber = Effect.runFork(program, { uninterruptible: true })

  const onSignal = (signal: Signal): void => {
    const now = Effect.runSync(Clock.monotonicTimeNanos)
    if (received === undefined) {
      received = { signal, at: now }
      fiber.interruptUnsafe(fiber.id)
    } else if (signal !== "SIGHUP" && (!isUnderNpm || now - received.at > ECHO)) {
      process.exit(exitCodeOf(signal))
    }
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  // A terminal that closes. It is no haste: a shell sends it once more, and systemd may send it after each SIGTERM.
  process.on("SIGHUP", onSignal)
  Effect.runFork(closeInspectorInTime)
  process.on("exit", leaveLostTerminals)
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? BROKEN_PIPE : 1))
  // What cannot be said on stderr is not said, and ends nothing.
  process.stderr.on("error", () => {})

  fiber.addObserver((exit) => {
    if (received !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
      process.exit(exitCodeOf(received.signal))
    }
    Runtime.defaultTeardown(exit, (code) => process.exit(code))
  })
}
