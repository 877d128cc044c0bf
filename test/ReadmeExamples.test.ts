/** The README's examples of time that tests can move, run as they are printed. They import the build in `dist`. */
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Program from "./cli/Program.ts"
import * as Session from "./cli/Session.ts"

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const readme = Fs.readFileSync(path("../README.md"), "utf8")

/** The code blocks of the section, by language. */
const blocks = (language: string): ReadonlyArray<string> => {
  const start = readme.indexOf("## Time that tests can move")
  assert.isAtLeast(start, 0)
  const section = readme.slice(start, readme.indexOf("\n## ", start))
  return [...section.matchAll(/```(\w+)\n([^]*?)```/g)].flatMap(([, name, code = ""]) =>
    name === language ? [code] : []
  )
}

/** Runs a program to its end. */
const run = (command: string, args: ReadonlyArray<string>, input = "") =>
  Effect.callback<{ readonly code: number | null; readonly output: string }>((resume) => {
    const child = spawn(command, args, { cwd: path(".."), env: { ...process.env, NO_COLOR: "1" } })
    let output = ""
    const onData = (chunk: Buffer) => {
      output += String(chunk)
    }
    child.stdout.on("data", onData)
    child.stderr.on("data", onData)
    child.on("close", (code) => resume(Effect.succeed({ code, output })))
    child.stdin.end(input)
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("the README's examples", () => {
  it.live("for Effect and for plain Vitest are suites that pass", () =>
    Effect.gen(function* () {
      const examples = blocks("ts")
      assert.strictEqual(examples.length, 2)
      // Beside the build, whose package they import by its name.
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(path("../dist/readme-"))),
        (created) => Effect.sync(() => Fs.rmSync(created, { recursive: true }))
      )
      for (const [index, code] of examples.entries()) Fs.writeFileSync(`${directory}/example${index}.test.ts`, code)
      Fs.writeFileSync(`${directory}/vitest.config.js`, `export default { test: { include: ["*.test.ts"] } }\n`)
      const vitest = [path("../node_modules/vitest/vitest.mjs"), "run", "--root", directory]
      const { code, output } = yield* run(process.execPath, vitest)
      assert.strictEqual(code, 0, output)
      assert.match(output, /Tests +2 passed/)
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(!Session.hasPty)("for any language is a program that succeeds", () =>
    Effect.gen(function* () {
      const [code = "", ...others] = blocks("python")
      assert.strictEqual(others.length, 0)
      assert.include(code, "7171")
      const { port } = (yield* Program.serve(["--clock", "virtual", "--host", "localhost"])).address
      assert.deepStrictEqual(yield* run("python3", ["-"], code.replace("7171", String(port))), { code: 0, output: "" })
    }).pipe(Effect.scoped)
  )
})
