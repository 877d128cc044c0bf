/** Where log lines go and how they look: one line each, always on stderr, as stdout belongs to what a command prints. */
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { Severity } from "effect/LogLevel"
import * as References from "effect/References"

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

/** Time, level, message and annotations on one line; a cause follows on lines of its own. */
const makePretty = (colors: boolean) => {
  const paint = (color: string, text: string) => (colors ? color + text + RESET : text)
  return Logger.map(Logger.formatStructured, ({ annotations, cause, level, message, timestamp }) => {
    const fields = Object.entries(annotations).map(([key, value]) => paint(DIM, ` ${key}=${String(value)}`))
    const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
    const label = paint(COLORS[level] ?? "", level.padEnd(5))
    return `${paint(DIM, timestamp)} ${label} ${text}${fields.join("")}${cause === undefined ? "" : `\n${cause}`}`
  })
}

/** A logger on stderr. Colours only on a terminal, and never with `NO_COLOR`. */
export const layer = (options: LoggingOptions): Layer.Layer<never> => {
  const isTerminal = process.stderr.isTTY === true
  const isPretty = options.format === "pretty" || (options.format === "auto" && isTerminal)
  const colors = isTerminal && !process.env["NO_COLOR"]
  return Layer.mergeAll(
    Logger.layer([Logger.withConsoleError(isPretty ? makePretty(colors) : Logger.formatJson)]),
    Layer.succeed(References.MinimumLogLevel, options.level)
  )
}
