/** The built server's log, written to real pipes and terminals. Their trouble must not affect anything else. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Address } from "../../src/server/Listener.ts"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"
import { hasPty } from "./Session.ts"

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

/** Each visit logs two lines at level debug. */
const visits = (address: Address, count: number) =>
  Effect.forEach(
    Array.from({ length: count }),
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const client = yield* RawClient.connect(address)
          assert.strictEqual(yield* client.ask("EXISTS a\n"), "OK 0\n")
        })
      ),
    { concurrency: 20, discard: true }
  )

describe("the log", () => {
  it.effect("with a reader that has gone ends neither the server nor a drain", () =>
    Effect.gen(function* () {
      const COUNT = 100_000
      const server = yield* Program.serve(["--debug"])
      yield* server.closeLog
      yield* visits(server.address, 100)
      const client = yield* RawClient.connect(server.address)
      yield* client.sendFlushed("EXISTS a\n".repeat(COUNT))
      yield* server.kill("SIGTERM")
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      assert.isTrue(text === "OK 0\n".repeat(COUNT), `${text.length} bytes`)
      const { code, signal } = yield* server.ended
      assert.deepStrictEqual({ code, signal }, { code: 0, signal: null })
    })
  )

  it.effect("with a stopped reader holds nobody up, and later says how many lines were lost", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--debug"])
      yield* server.pauseLog
      // More than the pipe, its two ends and the lines held for a slow reader take together.
      yield* visits(server.address, 5000)
      yield* server.resumeLog
      const told = yield* server.logged("log lines were lost")
      assert.isAbove(Number(told.annotations["lost"]), 0)
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).code, 0)
      const log = yield* server.log
      const last = log.at(-1)
      assert.strictEqual(last?.message, "stopped")
      const connections = log.filter(({ message }) => message.startsWith("connection ")).length
      assert.strictEqual(Number(last?.annotations["logLinesLost"]), 10_000 - connections)
    })
  )

  it.effect.skipIf(!hasPty)("with a terminal that is closed lets the server drain and exit with 0", () =>
    Effect.gen(function* () {
      const script = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while b"listening on" not in seen:
    seen += os.read(fd, 4096)
os.close(fd)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`
      const said = yield* Effect.callback<string>((resume) => {
        const args = ["-c", script, process.execPath, main, "serve", "--port", "0", "--debug"]
        execFile("python3", args, (_, stdout) => resume(Effect.succeed(stdout)))
      })
      assert.strictEqual(said, "0\n")
    })
  )

  it.effect.each([
    {
      args: ["--port", "70000"],
      said: "Invalid value for flag --port: '70000'. Expected a port from 0 to 65535, or off."
    },
    { args: ["--host", "192.0.2.1", "--port", "0"], said: "Address not available: 192.0.2.1" }
  ])("as JSON has what keeps the server from starting too: $args", ({ args, said }) =>
    Effect.gen(function* () {
      const program = yield* Program.start(["serve", "--log-format", "json", ...args])
      const { code, stderr } = yield* program.ended
      assert.strictEqual(code, 1)
      const log = yield* program.log
      assert.strictEqual(stderr.split("\n").length, 2)
      assert.strictEqual(log[0]?.level, "ERROR")
      assert.isTrue(log[0]?.message.startsWith(said), stderr)
    })
  )

  it.effect("has the address of each connection, or the reason why there is none", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--debug"])
      const alive = yield* RawClient.connect(server.address)
      yield* alive.ask("EXISTS a\n")
      // While the server is stopped, the kernel accepts connections for it.
      yield* server.kill("SIGSTOP")
      for (let i = 0; i < 10; i++) yield* Effect.scoped(RawClient.connect(server.address))
      yield* server.kill("SIGCONT")
      // This connection comes after them.
      const last = yield* RawClient.connect(server.address)
      yield* last.ask("EXISTS a\n")
      yield* server.kill("SIGTERM")
      yield* server.ended
      const peers = (yield* server.log).flatMap(({ annotations: { peer } }) =>
        peer === undefined ? [] : [String(peer)]
      )
      assert.strictEqual(peers.length, 24)
      for (const peer of peers) assert.match(peer, /^(127\.0\.0\.1:[0-9]+|unknown \(reset before it was accepted\))$/)
    })
  )

  it.effect("reports a crash in one line, and the process fails", () =>
    Effect.gen(function* () {
      const code = `process.on("SIGUSR2", () => { throw new Error("boom") })`
      const server = yield* Program.serve([], {
        environment: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
      })
      yield* server.kill("SIGUSR2")
      const ending = yield* server.ended
      assert.strictEqual(ending.code, 1)
      const last = (yield* server.log).at(-1)
      assert.deepInclude(last, { level: "FATAL", message: "this is a bug in kv-cache" })
      assert.strictEqual(ending.stderr.trimEnd().split("\n").length, (yield* server.log).length)
      assert.include(ending.stderr, "boom")
    })
  )
})
