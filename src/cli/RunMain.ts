/**
 * Runs the program as a Unix process: signals interrupt it, and its exit becomes an exit code.
 *
 * It differs from `NodeRuntime.runMain` where users of servers expect something else. A second signal ends the process
 * at once. An interrupted program exits with 128 plus the signal's number. A closed pipe ends it without a message.
 * SIGHUP has files read anew where a program has such files, and else works like SIGTERM. SIGUSR1 opens no inspector.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Tty from "node:tty"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import { CurrentReloads } from "../Reload.ts"
import { systemReason } from "../SystemReason.ts"
import { closeInspector } from "./Inspector.ts"

type Signal = "SIGINT" | "SIGTERM" | "SIGHUP"

const exitCodeOf = (signal: Signal): number => 128 + Os.constants.signals[signal]

/** The exit code of a program whose reader has gone, as if SIGPIPE had ended it. */
const BROKEN_PIPE = 128 + Os.constants.signals.SIGPIPE

/** The exit code of a program whose output could not be written, a full disk for one. What it should have said is lost. */
const OUTPUT_LOST = 2

/** Ends a program whose output nobody gets. That a reader has gone is no trouble, and so needs no message. */
const endWithoutOutput = (error: NodeJS.ErrnoException): never => {
  if (error.code === "EPIPE") return process.exit(BROKEN_PIPE)
  process.stderr.write(`ERROR Cannot write to stdout: ${systemReason(error) ?? error.message}.\n`)
  return process.exit(OUTPUT_LOST)
}

// Under `npm start` a Ctrl-C comes twice: the terminal signals the whole group, and npm forwards the signal.
const isUnderNpm = process.env["npm_lifecycle_event"] === "start"
const ECHO = 500_000_000n

const terminals = [0, 1, 2].filter((descriptor) => Tty.isatty(descriptor))

/**
 * Closes terminals that are gone. At its end Node restores the state of its terminals, and Node 20 aborts if it cannot.
 * It does not touch a closed one.
 */
const leaveLostTerminals = (): void => {
  for (const descriptor of terminals) if (!Tty.isatty(descriptor)) Fs.closeSync(descriptor)
}

/** Whether this process has a terminal that can signal it, be it for none of its streams. */
const hasTerminal = (): boolean =>
  Result.match(
    Result.try(() => Fs.openSync("/dev/tty", Fs.constants.O_RDONLY | Fs.constants.O_NOCTTY)),
    {
      onFailure: () => false,
      onSuccess: (descriptor) => {
        Fs.closeSync(descriptor)
        return true
      }
    }
  )

const hadTerminal = hasTerminal()

/** Whether the terminal is gone from which the program was started. It sends SIGHUP when it closes. */
const hasLostTerminal = (): boolean =>
  (hadTerminal && !hasTerminal()) || terminals.some((descriptor) => !Tty.isatty(descriptor))

/** Node opens the inspector when the event loop polls, however old the signal is. The loop polls between two yields. */
const closeInspectorInTime = Effect.andThen(
  Effect.andThen(Effect.yieldNow, Effect.yieldNow),
  Effect.sync(closeInspector)
)

/**
 * Runs the program and exits the process. The fiber is uninterruptible, and each command says which of its waits a
 * signal may end. So the work after the wait (a drain, a report) is done, and the exit code is the command's own.
 */
export const runMain = <A, E>(program: Effect.Effect<A, E>): void => {
  const reloads = Effect.runSync(Effect.flatMap(CurrentReloads, Effect.succeed))
  let received: { readonly signal: Signal; readonly at: bigint } | undefined
  const fiber = Effect.runFork(program, { uninterruptible: true })

  const onSignal = (signal: Signal): void => {
    if (signal === "SIGHUP" && received === undefined && !hasLostTerminal() && reloads.request()) return
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
  // A second SIGHUP is no reason to hurry: a shell sends it again, and systemd may send it after each SIGTERM.
  process.on("SIGHUP", onSignal)
  Effect.runFork(closeInspectorInTime)
  process.on("exit", leaveLostTerminals)
  process.stdout.on("error", endWithoutOutput)
  // A failing stderr loses the message and ends nothing.
  process.stderr.on("error", () => {})

  fiber.addObserver((exit) => {
    // Node tells of a failed write one turn later, which is too late for a program that ends with it.
    if (process.stdout.errored !== null) endWithoutOutput(process.stdout.errored)
    if (received !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
      process.exit(exitCodeOf(received.signal))
    }
    Runtime.defaultTeardown(exit, (code) => process.exit(code))
  })
}
