/**
 * The documentation's examples, compiled and run as they are printed. Those in TypeScript import the build in `dist` by
 * the package's name, as a project that has installed it does. What an example logs is what it says behind the line:
 * `console.log(value) // what is printed`.
 */
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Program from "../cli/Program.ts"
import * as Pages from "./Pages.ts"

const main = (module: string): string => Path.join(Pages.root, "node_modules", module)

/** A compiler and another Vitest take a while on a busy machine. */
const TIMEOUT = 120_000

/** Runs a program to its end. */
const run = (command: string, args: ReadonlyArray<string>, input = "") =>
  Effect.callback<{ readonly code: number | null; readonly output: string }>((resume) => {
    const child = spawn(command, args, { cwd: Pages.root, env: { ...process.env, NO_COLOR: "1" } })
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

const isSuite = (code: string): boolean => /from "(?:vitest|@effect\/vitest)"/.test(code)

/** The first Python that has these modules. Debian's packages are modules of its own Python, whichever comes first. */
const pythonWith = (modules: ReadonlyArray<string>): string | undefined =>
  ["python3", "/usr/bin/python3"].find(
    (command) => spawnSync(command, ["-c", `import ${modules.join(", ")}`]).status === 0
  )

/** What an example says that it logs. */
const logged = (code: string): ReadonlyArray<string> =>
  [...code.matchAll(/^.*console\.log\(.*\) \/\/ (.*)$/gm)].map(([, text = ""]) => text)

const examples = Pages.blocks("ts")

const commonJs = Pages.blocks("js")

/** The module that an example becomes, without its extension. */
const moduleOf = ({ code, place }: Pages.Block): string =>
  place.replaceAll(/[^a-z0-9]+/gi, "-") + (isSuite(code) ? ".test" : "")

/**
 * A project with the examples in it, compiled, which has installed this package. It lies inside the project, so that it
 * finds all else that examples import.
 */
const project = Effect.fnUntraced(function* (port: number) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Pages.root, "dist", "docs-"))),
    (created) => Effect.sync(() => Fs.rmSync(created, { recursive: true }))
  )
  const write = (name: string, text: string) => Fs.writeFileSync(Path.join(directory, name), text)
  Fs.mkdirSync(Path.join(directory, "node_modules"))
  Fs.symlinkSync(Pages.root, Path.join(directory, "node_modules", "effect-kv-cache"), "dir")
  for (const example of examples) write(`${moduleOf(example)}.ts`, example.code.replaceAll(/\b7171\b/g, String(port)))
  for (const example of commonJs) write(`${moduleOf(example)}.cjs`, example.code)
  const compilerOptions = {
    noEmit: false,
    // `await using` is described by the compiler's newest library, and compiled away: Node 20 does not know it.
    target: "ES2022",
    lib: ["ES2023", "ESNext.Disposable"],
    paths: {}
  }
  write("tsconfig.json", JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["*.ts"] }))
  write("vitest.config.js", `export default { test: { include: ["*.test.js"], maxWorkers: 1, isolate: false } }\n`)
  const compiled = yield* run(process.execPath, [main("typescript/bin/tsc"), "--project", directory])
  assert.strictEqual(compiled.code, 0, compiled.output)
  return directory
})

describe("the documentation's examples", () => {
  it("in TypeScript are some", () => {
    assert.isAtLeast(examples.length, 6)
    for (const { code, place } of examples) {
      assert.isTrue(isSuite(code) || logged(code).length > 0, `${place} neither tests nor says what it logs`)
    }
  })

  it.live(
    "compile; the suites among them pass, and the programs log what they say",
    () =>
      Effect.gen(function* () {
        const { port } = (yield* Program.serve(["--host", "localhost"])).address
        const directory = yield* project(port)
        for (const example of examples.filter(({ code }) => !isSuite(code))) {
          const output = `${logged(example.code).join("\n")}\n`
          const ended = yield* run(process.execPath, [Path.join(directory, `${moduleOf(example)}.js`)])
          assert.deepStrictEqual(ended, { code: 0, output }, example.place)
        }
        for (const example of commonJs) {
          const { code, output } = yield* run(process.execPath, [Path.join(directory, `${moduleOf(example)}.cjs`)])
          assert.strictEqual(code, 0, `${example.place}: ${output}`)
        }
        const suites = examples.filter(({ code }) => isSuite(code))
        const vitest = [main("vitest/vitest.mjs"), "run", "--root", directory]
        const { code, output } = yield* run(process.execPath, vitest)
        assert.strictEqual(code, 0, output)
        assert.match(output, new RegExp(`Test Files +${suites.length} passed`))
      }).pipe(Effect.scoped),
    TIMEOUT
  )

  for (const { code, place } of Pages.blocks("python")) {
    const modules = [...code.matchAll(/^import (\w+)/gm)].map(([, name = ""]) => name)
    const python = pythonWith(modules)
    const needs = python === undefined ? ` (skipped: no Python here has ${modules.join(" and ")})` : ""
    it.live.skipIf(python === undefined)(`in Python, ${place}, succeed as often as they are run${needs}`, () =>
      Effect.gen(function* () {
        assert.include(code, "7171")
        const { port } = (yield* Program.serve(["--clock", "virtual", "--host", "localhost"])).address
        assert.deepStrictEqual(yield* run(python ?? "", ["-"], code.replace("7171", String(port))), {
          code: 0,
          output: ""
        })
      }).pipe(Effect.scoped)
    )
  }
})
