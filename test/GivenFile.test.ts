/** Files that settings name, some of which are pipes. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as GivenFile from "../src/GivenFile.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "kv-cache-file-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
)

/** A pipe with a name, which nobody has opened. */
const fifo = Effect.map(folder, (path) => {
  const file = Path.join(path, "pipe")
  execFileSync("mkfifo", [file])
  return file
})

/** Opens a pipe for writing, which waits until somebody reads it. */
const writer = (file: string) =>
  Effect.acquireRelease(
    Effect.promise(() => Fs.open(file, "w")),
    (handle) => Effect.promise(() => handle.close())
  )

const textOf = (file: string, most?: number) =>
  Effect.map(GivenFile.read(file, most), ({ bytes }) => bytes.toString("latin1"))

describe("GivenFile", () => {
  it.live("has all bytes of a file, up to a bound", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* folder, "file")
      const text = "0123456789abcdef".repeat(200_000)
      yield* Effect.promise(() => Fs.writeFile(file, text))
      assert.isTrue((yield* textOf(file)) === text)
      assert.strictEqual((yield* Effect.flip(GivenFile.read(file, 3))).message, "it is longer than 3mb")
      yield* Effect.promise(() => Fs.writeFile(file, ""))
      assert.strictEqual(yield* textOf(file), "")
    })
  )

  it.effect("waits for who writes to a pipe, and for all of it, whatever the clock says", () =>
    Effect.gen(function* () {
      const file = yield* fifo
      const reading = yield* Effect.forkChild(textOf(file))
      // It is read, and there is nothing yet: neither that nor the first part is its end.
      const pipe = yield* writer(file)
      yield* Effect.promise(() => pipe.write("secret "))
      yield* Effect.promise(() => pipe.write("word"))
      assert.isUndefined(reading.pollUnsafe())
      yield* Effect.promise(() => pipe.close())
      assert.strictEqual(yield* Fiber.join(reading), "secret word")
    })
  )

  it.live("stops waiting for a pipe when it is interrupted, even where nothing else may be", () =>
    Effect.gen(function* () {
      const file = yield* fifo
      const reading = yield* Effect.forkChild(Effect.uninterruptible(GivenFile.read(file)))
      yield* writer(file)
      yield* Fiber.interrupt(reading)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(reading)))
    })
  )
})
