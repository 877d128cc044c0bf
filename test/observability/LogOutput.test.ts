/** The output of log lines, when its receiver is slow, full or gone. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { CurrentLogOutput, LogOutput, toFile } from "../../src/observability/LogOutput.ts"
import * as Logging from "../../src/observability/Logging.ts"
import * as Changes from "../server/Changes.ts"

/** A place whose writes end when and how the test says. */
const makePlace = () => {
  const texts: Array<string> = []
  let ends: (error: Error | null) => void = () => assert.fail("no write is under way")
  const output = new LogOutput((text, done) => {
    texts.push(text)
    ends = done
  })
  return { output, texts, end: (error: Error | null = null) => ends(error) }
}

const failure = new Error("EPIPE")

describe("the log's output", () => {
  it("makes one write at a time, and joins the lines that came in the meantime", () => {
    const { end, output, texts } = makePlace()
    output.write("1")
    output.write("2")
    output.write("3")
    assert.deepStrictEqual(texts, ["1\n"])
    end()
    assert.deepStrictEqual(texts, ["1\n", "2\n3\n"])
    end()
    output.write("4")
    assert.deepStrictEqual(texts, ["1\n", "2\n3\n", "4\n"])
    assert.strictEqual(output.lost, 0)
  })

  it("loses lines that the system refuses, counts them, and tries again", () => {
    const { end, output, texts } = makePlace()
    output.write("1")
    output.write("2")
    output.write("3")
    end(failure)
    end(failure)
    assert.strictEqual(output.lost, 3)
    output.write("4")
    end()
    assert.deepStrictEqual(texts, ["1\n", "2\n3\n", "4\n"])
    assert.strictEqual(output.lost, 3)
  })

  it("holds a bounded number of lines for a slow reader, and counts those beyond", () => {
    const { end, output, texts } = makePlace()
    const line = "x".repeat(1023)
    for (let i = 0; i < 5000; i++) output.write(line)
    assert.strictEqual(output.lost, 5000 - 1024)
    let read = 0
    while (read < texts.length) {
      assert.isAtMost(texts[read]?.length ?? 0, 64 * 1024)
      read++
      end()
    }
    assert.strictEqual(texts.join(""), `${line}\n`.repeat(1024))
    // There is room again.
    output.write("last")
    assert.strictEqual(texts.at(-1), "last\n")
    assert.strictEqual(output.lost, 5000 - 1024)
  })

  it("accepts a line that is longer than a write", () => {
    const { end, output, texts } = makePlace()
    output.write("short")
    output.write("x".repeat(100_000))
    end()
    assert.strictEqual(texts[1]?.length, 100_001)
  })

  it.effect("is settled when everything is written", () =>
    Effect.gen(function* () {
      const { end, output } = makePlace()
      yield* output.settled
      output.write("1")
      output.write("2")
      const waiting = yield* Effect.forkChild(output.settled, { startImmediately: true })
      end()
      assert.isUndefined(waiting.pollUnsafe())
      end()
      yield* Fiber.join(waiting)
    })
  )

  it.effect("says in the log how many lines were lost, once it works again", () =>
    Effect.gen(function* () {
      let isBroken = false
      const texts: Array<string> = []
      const changes = Changes.make()
      const output = new LogOutput((text, done) => {
        if (!isBroken) texts.push(text)
        done(isBroken ? failure : null)
        changes.changed()
      })
      yield* Effect.gen(function* () {
        yield* Effect.logInfo("before")
        isBroken = true
        yield* Effect.logInfo("lost")
        yield* Effect.logInfo("lost too")
        isBroken = false
        yield* Effect.logInfo("after")
        yield* changes.until(() => texts.length === 3)
        yield* Effect.logInfo("later")
      }).pipe(
        Effect.provide(Logging.layer({ level: "Info", format: "pretty" })),
        Effect.provideService(CurrentLogOutput, output)
      )
      const messages = texts.map((text) => text.slice("1970-01-01T00:00:00.000Z ".length))
      assert.deepStrictEqual(messages, [
        "INFO  before\n",
        "INFO  after\n",
        "WARN  log lines were lost: stderr failed, or was read too slowly lost=2\n",
        "INFO  later\n"
      ])
    })
  )

  it.effect("does not keep a program from ending when nobody reads its last lines", () =>
    Effect.gen(function* () {
      const { output } = makePlace()
      const program = yield* Effect.logInfo("the end").pipe(
        Effect.provide(Logging.layer({ level: "Info", format: "json" })),
        Effect.provideService(CurrentLogOutput, output),
        Effect.forkChild({ startImmediately: true })
      )
      assert.isUndefined(program.pollUnsafe())
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(program)
    })
  )
})

describe("a file", () => {
  const written = (write: ReturnType<typeof toFile>, text: string) =>
    Effect.callback<Error | null | undefined>((resume) => write(text, (error) => resume(Effect.succeed(error))))

  it.effect("is written to as it is", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "log-"))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
      )
      const file = Path.join(folder, "log")
      const descriptor = Fs.openSync(file, "a")
      const write = toFile(descriptor)
      assert.isNull(yield* written(write, "one\n"))
      assert.isNull(yield* written(write, "två\n"))
      Fs.closeSync(descriptor)
      assert.strictEqual(Fs.readFileSync(file, "utf8"), "one\ntvå\n")
    })
  )

  it.effect.skipIf(!Fs.existsSync("/dev/full"))("says that its disk is full", () =>
    Effect.gen(function* () {
      const descriptor = Fs.openSync("/dev/full", "w")
      const error = yield* written(toFile(descriptor), "one\n")
      Fs.closeSync(descriptor)
      assert.include(error?.message, "ENOSPC")
    })
  )
})
