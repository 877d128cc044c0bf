/** How log lines look: one line each, always on stderr, because stdout belongs to what a command prints. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { Severity } from "effect/LogLevel"
import * as References from "effect/References"
import { CurrentLogOutput, type LogOutput } from "./LogOutput.ts"

export interface LoggingOptions {
  /** The least severe level that is logged. */
  readonly level: Severity
  /** `auto`: pretty on a terminal, json otherwise. */
  readonly format: "auto" | "pretty" | "json"
}

const RESET = "\u001b[0m"
const DIM = "\u001b[2m"
const COLORS: Readonly<Record<string, string>> = {
  FATAL: "\u001b[31m",
  ERROR: "\u001b[31m",
  WARN: "\u001b[33m",
  INFO: "\u001b[32m",
  DEBUG: "\u001b[34m"
}

/** Time, level, message and annotations on one line. A cause follows on lines of its own. */
const makePretty = (colors: boolean) => {
  const paint = (color: string, text: string) => (colors ? color + text + RESET : text)
  return Logger.map(Logger.formatStructured, ({ annotations, cause, level, message, timestamp }) => {
    const fields = Object.entries(annotations).map(([key, value]) => paint(DIM, ` ${key}=${String(value)}`))
    const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
    const label = paint(COLORS[level] ?? "", level.padEnd(5))
    return `${paint(DIM, timestamp)} ${label} ${text}${fields.join("")}${cause === undefined ? "" : `\n${cause}`}`
  })
}

/** Whether lines are written for people. Otherwise they are JSON. */
const isPretty = ({ format }: Pick<LoggingOptions, "format">): boolean =>
  format === "pretty" || (format === "auto" && process.stderr.isTTY === true)

/** How long the end of a program waits for a slow reader of its last lines. */
const LAST_LINES = Duration.millis(500)

/** Completes when all log lines have been written, or when nobody reads them. */
export const written: Effect.Effect<void> = Effect.flatMap(CurrentLogOutput, (output) =>
  Effect.asVoid(Effect.timeoutOption(output.settled, LAST_LINES))
)

/** Reports how many lines were lost, once lines can be written again. */
const tellOfLosses = (output: LogOutput) =>
  Effect.forever(
    Effect.flatMap(output.recovered, (count) =>
      Effect.logWarning(`log lines were lost: stderr failed, or was read too slowly`).pipe(
        Effect.annotateLogs({ lost: count })
      )
    )
  )

/**
 * A logger on stderr that neither fails nor waits (see `LogOutput.ts`). It uses colours only on a terminal, and never
 * with `NO_COLOR`. When its scope closes, all log lines are written, unless nobody reads them.
 */
export const layer = (options: LoggingOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(CurrentLogOutput, (output) => {
      const colors = process.stderr.isTTY === true && !process.env["NO_COLOR"]
      const lines = isPretty(options) ? makePretty(colors) : Logger.formatJson
      return Layer.effectDiscard(
        Effect.andThen(
          Effect.addFinalizer(() => written),
          Effect.forkScoped(tellOfLosses(output), { startImmediately: true })
        )
      ).pipe(
        Layer.provideMerge(
          Layer.mergeAll(
            Logger.layer([Logger.map(lines, (line) => output.write(line))]),
            Layer.succeed(References.MinimumLogLevel, options.level)
          )
        )
      )
    })
  )
