/** Collects log lines for tests. A test can wait for a line instead of polling for it. */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel } from "effect/LogLevel"
import * as References from "effect/References"
import * as Changes from "./Changes.ts"

export interface Line {
  readonly level: LogLevel
  readonly message: string
}

export interface Logs {
  /** Everything logged so far. */
  readonly lines: ReadonlyArray<Line>
  /** Lines logged so far whose message begins with this text. */
  readonly startingWith: (start: string) => ReadonlyArray<Line>
  /** Waits until `count` such lines have been logged, counted from the start. */
  readonly waitFor: (start: string, count?: number) => Effect.Effect<void>
  readonly layer: Layer.Layer<never>
}

export const make = (): Logs => {
  const lines: Array<Line> = []
  const changes = Changes.make()
  const startingWith = (start: string) => lines.filter((line) => line.message.startsWith(start))
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push({ level: logLevel, message: Array.isArray(message) ? message.map(String).join(" ") : String(message) })
    changes.changed()
  })
  return {
    lines,
    startingWith,
    waitFor: (start, count = 1) => changes.until(() => startingWith(start).length >= count),
    layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "Debug"))
  }
}
