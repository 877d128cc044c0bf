/**
 * The image is built from what `.dockerignore` lets through and nothing else: whatever the Dockerfile takes out of the
 * building stage is made there. No Docker is needed: the stage's steps are done in a folder with the same files.
 */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

const root = fileURLToPath(new URL("../..", import.meta.url))

const read = (name: string): string => Fs.readFileSync(Path.join(root, name), "utf8")

const lines = (text: string): ReadonlyArray<string> =>
  text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))

/** The names at the root that match, where `*` stands for any part of a name; others are paths. */
const matches = (pattern: string): ReadonlyArray<string> => {
  if (!pattern.includes("*")) return Fs.existsSync(Path.join(root, pattern)) ? [pattern] : []
  const expression = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`)
  return Fs.readdirSync(root).filter((name) => expression.test(name))
}

/** The paths that are let through. */
const letThrough = (): ReadonlyArray<string> => {
  const [first, ...others] = lines(read(".dockerignore"))
  assert.strictEqual(first, "*", "everything is left out")
  return others.flatMap((line) => {
    assert.match(line, /^![\w./*-]+$/, "but what is named")
    const found = matches(line.slice(1))
    assert.isNotEmpty(found, `${line} names something`)
    return found
  })
}

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-image-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

describe("the image", () => {
  it.live("is made of what its building stage has", () =>
    Effect.gen(function* () {
      const stage = yield* folder
      for (const name of letThrough()) {
        Fs.cpSync(Path.join(root, name), Path.join(stage, name), { recursive: true })
      }
      Fs.symlinkSync(Path.join(root, "node_modules"), Path.join(stage, "node_modules"))
      execFileSync("npm", ["run", "--silent", "build"], { cwd: stage, stdio: "pipe" })
      const copies = [...read("Dockerfile").matchAll(/^COPY --from=build \/build\/(\S+) \S+$/gm)]
      assert.isNotEmpty(copies)
      for (const [, path = ""] of copies) assert.isTrue(Fs.existsSync(Path.join(stage, path)), path)
      const version = execFileSync(process.execPath, ["dist/main.js", "--version"], { cwd: stage, encoding: "utf8" })
      assert.match(version, /[0-9]+\.[0-9]+\.[0-9]+/)
    }).pipe(Effect.scoped)
  )
})
