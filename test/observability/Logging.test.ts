/** Log lines: one line each, on stderr, in either format. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { CurrentLogOutput, LogOutput } from "../../src/observability/LogOutput.ts"
import * as Logging from "../../src/observability/Logging.ts"

/** The lines that a program logs. */
const linesOf = (program: Effect.Effect<void>, options: Logging.LoggingOptions) =>
  Effect.gen(function* () {
    let written = ""
    const output = new LogOutput((text, done) => {
      written += text
      done(null)
    })
    yield* program.pipe(Effect.provide(Logging.layer(options)), Effect.provideService(CurrentLogOutput, output))
    // Stdout belongs to what a command prints.
    assert.deepStrictEqual(yield* TestConsole.logLines, [])
    return written === "" ? [] : written.trimEnd().split("\n")
  })

const logAll = (options: Logging.LoggingOptions) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(Date.UTC(2026, 0, 2, 3, 4, 5, 678))
    return yield* linesOf(
      Effect.gen(function* () {
        yield* Effect.logDebug("a detail")
        yield* Effect.logInfo("listening").pipe(Effect.annotateLogs({ port: 7171, host: "127.0.0.1" }))
        yield* Effect.logWarning("beware", "of this")
      }),
      options
    )
  })

describe("the log", () => {
  it.effect("is json, with one object per line", () =>
    Effect.gen(function* () {
      const lines = yield* logAll({ level: "Info", format: "json" })
      assert.strictEqual(lines.length, 2)
      for (const line of lines) assert.notInclude(line, "\n")
      const parsed: unknown = JSON.parse(lines[0] ?? "")
      assert.deepInclude(parsed, {
        message: "listening",
        level: "INFO",
        timestamp: "2026-01-02T03:04:05.678Z",
        annotations: { port: 7171, host: "127.0.0.1" }
      })
      assert.deepInclude(JSON.parse(lines[1] ?? ""), { level: "WARN", message: ["beware", "of this"] })
    })
  )

  it.effect("is pretty: time, level, message and annotations on one line", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* logAll({ level: "Info", format: "pretty" }), [
        "2026-01-02T03:04:05.678Z INFO  listening port=7171 host=127.0.0.1",
        "2026-01-02T03:04:05.678Z WARN  beware of this"
      ])
    })
  )

  it.effect("has lines from the given level on", () =>
    Effect.gen(function* () {
      const lines = yield* logAll({ level: "Debug", format: "pretty" })
      assert.strictEqual(lines.length, 3)
      assert.strictEqual(lines[0], "2026-01-02T03:04:05.678Z DEBUG a detail")
    })
  )

  it.effect("has only lines that are severe enough", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* logAll({ level: "Error", format: "pretty" }), [])
    })
  )

  it.effect("is json by default if stderr is not a terminal", () =>
    Effect.gen(function* () {
      const lines = yield* logAll({ level: "Warn", format: "auto" })
      assert.strictEqual(lines.length, 1)
      assert.strictEqual(lines[0]?.startsWith("{"), process.stderr.isTTY !== true)
    })
  )

  it.effect.each([{ format: "json" }, { format: "pretty" }] as const)("names a cause: $format", ({ format }) =>
    Effect.gen(function* () {
      const failure = Effect.fail("the reason").pipe(Effect.catchCause((cause) => Effect.logError("it failed", cause)))
      const lines = yield* linesOf(failure, { level: "Info", format })
      // Of the pretty ones, the cause has lines of its own.
      if (format === "json") assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "it failed")
      assert.include(lines.join("\n"), "the reason")
    })
  )
})
