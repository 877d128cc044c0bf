/**
 * The documentation's transcripts, run as they are printed, by the built program.
 *
 * A `console` block is what a terminal shows. A line that begins with `$ ` is a command; what follows it is its output,
 * to the letter. The server that it talks to is on a port of its own, which stands in the place of 7171. There are three
 * kinds of commands:
 * - `serve` is interrupted once it listens.
 * - A client whose output has prompts is a session at a pseudo-terminal: what stands behind a prompt is typed.
 * - Anything else is run by bash. Where redis-cli is not installed, blocks that need it are skipped.
 *
 * Two marks behind `console` change that. `virtual`: the server's time is virtual. `figures`: the output holds figures
 * of another run, so only what stands at the beginning of each line is compared. The run takes a second.
 */
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Program from "../cli/Program.ts"
import * as Session from "../cli/Session.ts"
import * as Pages from "./Pages.ts"

interface Step {
  readonly command: string
  /** The lines that are shown. */
  readonly output: ReadonlyArray<string>
}

const stepsOf = (code: string): ReadonlyArray<Step> => {
  const steps: Array<{ readonly command: string; readonly output: Array<string> }> = []
  for (const line of code.trimEnd().split("\n")) {
    if (line.startsWith("$ ")) steps.push({ command: line.slice("$ ".length), output: [] })
    else steps.at(-1)?.output.push(line)
  }
  return steps
}

/** A block starts several programs, each of which takes a while on a busy machine. */
const TIMEOUT = 120_000

const PORT = /\b7171\b/g
const PROMPT = /^((?:virtual|not connected)?>>>)(?: (.*))?$/
const SERVE = /\bkv-cache serve\b/

const program = Path.join(Pages.root, "dist", "main.js")

/** Where a program is installed, if it is. */
const installed = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(Path.delimiter)
    .map((directory) => Path.join(directory, name))
    .find((file) => Fs.existsSync(file))

const redisCli = installed("redis-cli")

// What a user has installed, or would have npx fetch. `nc` is there for machines without it. redis-cli prints what it
// prints at a terminal.
const COMMANDS = {
  "redis-cli": `FAKETTY=1 exec ${redisCli} "$@"`,
  "kv-cache": `exec "${process.execPath}" "${program}" "$@"`,
  npx: `shift\nexec "${process.execPath}" "${program}" "$@"`,
  nc: `exec "${process.execPath}" -e 'const [host, port] = process.argv.slice(1)
const socket = require("node:net").connect(port, host)
process.stdin.pipe(socket)
socket.pipe(process.stdout)' "$@"`
}

const binaries = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-docs-"))
    for (const [name, script] of Object.entries(COMMANDS)) {
      Fs.writeFileSync(Path.join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    }
    return directory
  }),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
)

/** Variables of the machine that the tests run on must not be settings of the program. */
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KV_CACHE_")))

/** Runs a command as a shell would; `onOutput` sees all that was printed so far. */
const shell = (
  command: string,
  directory: string,
  environment: Readonly<Record<string, string>>,
  onOutput: (output: string, interrupt: () => void) => void = () => {}
): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const child = spawn("bash", ["-c", command], {
      cwd: directory,
      env: { ...inherited, PATH: `${directory}:${process.env["PATH"]}`, NO_COLOR: "1", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: an interruption is for all that the command has started, as at a terminal.
      detached: true
    })
    const interrupt = (signal: NodeJS.Signals) => child.pid !== undefined && process.kill(-child.pid, signal)
    let output = ""
    const onData = (chunk: Buffer) => {
      output += String(chunk)
      onOutput(output, () => interrupt("SIGINT"))
    }
    child.stdout.on("data", onData)
    child.stderr.on("data", onData)
    child.on("close", () => resume(Effect.succeed(output)))
    return Effect.sync(() => interrupt("SIGKILL"))
  })

const runServer = (command: string, directory: string) => {
  let interrupted = false
  return shell(command, directory, { KV_CACHE_PORT: "0", KV_CACHE_LOG_FORMAT: "pretty" }, (output, interrupt) => {
    if (interrupted || !output.includes("listening on ")) return
    interrupted = true
    interrupt()
  }).pipe(
    Effect.map((output) =>
      // Up to the interruption, which no page shows.
      output
        .slice(0, output.search(/^\S+ INFO +stopped/m) >>> 0)
        .replaceAll(/^[\d-]+T[\d:.]+Z/gm, "<time>")
        .replaceAll(/(?<=127\.0\.0\.1:)\d+/g, "7171")
    )
  )
}

const runSession = Effect.fnUntraced(function* (
  command: string,
  output: ReadonlyArray<string>,
  port: number,
  directory: string
) {
  const args = command.slice(command.indexOf(" client")).trim().split(" ")
  const environment = { NO_COLOR: "1", XDG_STATE_HOME: directory, KV_CACHE_PORT: String(port) }
  const { ended, screen, shows, type } = yield* Session.start(args, { terminal: true, environment })
  for (const line of output) {
    const [, prompt, typed] = PROMPT.exec(line) ?? []
    if (prompt === undefined || typed === undefined) continue
    yield* shows(prompt)
    yield* type(`${typed}\r`)
  }
  yield* ended
  return screen.rows().join("\n")
})

/** What each line of figures is about: what stands before the columns. */
const labels = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^ {2}(\S+(?: \S+)*) {2,}\S/gm)].map(([, label = ""]) => label)

const lines = (text: string): string => text.trimEnd().replaceAll(/^[\d-]+T[\d:.]+Z/gm, "<time>")

const run = Effect.fnUntraced(function* (block: Pages.Block) {
  const clock = block.marks.includes("virtual") ? "virtual" : "real"
  const { port } = (yield* Program.serve(["--clock", clock, "--host", "localhost"])).address
  const directory = yield* binaries
  for (const { command, output } of stepsOf(block.code)) {
    const expected = lines(output.join("\n"))
    const here = command.replaceAll(PORT, String(port))
    if (SERVE.test(command)) {
      assert.strictEqual(lines(yield* runServer(command, directory)), expected, command)
    } else if (output.some((line) => PROMPT.test(line))) {
      if (!Session.hasPty) continue
      const screen = yield* runSession(command, output, port, directory)
      assert.strictEqual(lines(screen).replaceAll(String(port), "7171"), expected, command)
    } else if (block.marks.includes("figures")) {
      const short = here.replace(/--duration \S+/, "--duration 1s")
      const printed = yield* shell(`${short} --port ${port}`, directory, {})
      assert.includeMembers([...labels(printed)], [...labels(expected)], command)
    } else {
      const printed = yield* shell(here, directory, { KV_CACHE_PORT: String(port) })
      assert.strictEqual(lines(printed).replaceAll(String(port), "7171"), expected, command)
    }
  }
}, Effect.scoped)

describe("the documentation's transcripts", () => {
  const transcripts = Pages.blocks("console")

  it("are some, and each begins with a command", () => {
    assert.isAtLeast(transcripts.length, 8)
    for (const { code, place } of transcripts) assert.isTrue(code.startsWith("$ "), place)
  })

  for (const block of transcripts) {
    const isSkipped = redisCli === undefined && block.code.includes("redis-cli")
    const title = `show what happens: ${block.place}${isSkipped ? " (skipped: redis-cli is not installed)" : ""}`
    it.live.skipIf(isSkipped)(title, () => run(block), TIMEOUT)
  }
})
