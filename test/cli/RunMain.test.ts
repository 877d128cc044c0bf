/** The signals that do not end a server in the usual way. */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"
import * as Session from "./Session.ts"

describe("SIGHUP", () => {
  it.effect("drains like SIGTERM, however often it comes", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      const client = yield* RawClient.connect(server.address)
      yield* client.ask("EXISTS a\n")
      yield* client.sendFlushed("EXISTS a\n".repeat(50_000))
      yield* server.kill("SIGHUP")
      yield* server.logged("shutting down: finishing 1 connection")
      yield* server.kill("SIGHUP")
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      assert.isTrue(text === "OK 0\n".repeat(50_000), `${text.length} bytes`)
      assert.strictEqual((yield* server.ended).code, 0)
      assert.strictEqual((yield* server.log).at(-1)?.message, "stopped")
    })
  )

  it.effect("does not hurry a drain, but SIGTERM does", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--shutdown-grace", "10m"])
      const witness = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* witness.ask(`PUT a ${"v".repeat(256)}\n`), "OK stored\n")
      const stuck = yield* RawClient.connect(server.address, { paused: true })
      yield* stuck.sendFlushed("GET a\n".repeat(100_000))
      yield* server.kill("SIGHUP")
      yield* server.logged("shutting down: finishing 2 connections")
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).code, 143)
    })
  )
})

describe("SIGHUP of a server with files that can change", () => {
  const withPasswordFile = Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-hangup-"))),
      (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const file = Path.join(folder, "password")
      Fs.writeFileSync(file, "secret\n", { mode: 0o600 })
      return file
    }
  )

  it.effect("reads them anew, and drops nobody", () =>
    Effect.gen(function* () {
      const file = yield* withPasswordFile
      const server = yield* Program.serve(["--password-file", file])
      const client = yield* RawClient.connect(server.address)
      yield* server.kill("SIGHUP")
      yield* server.logged("users reloaded: 1 user")
      Fs.writeFileSync(file, "HIDDEN two\n")
      yield* server.kill("SIGHUP")
      yield* server.logged(
        `users not reloaded, those from before stay: Cannot use '${file}': what is in it is no password`
      )
      yield* client.send("QUIT\n")
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      yield* server.kill("SIGTERM")
      const { code, stderr } = yield* server.ended
      assert.strictEqual(code, 0)
      assert.notInclude(stderr, "secret")
      assert.notInclude(stderr, "HIDDEN")
    })
  )

  it.live.skipIf(!Session.hasPty)("stops it where its terminal has closed", () =>
    Effect.gen(function* () {
      const file = yield* withPasswordFile
      const log = `${file}.log`
      // None of its streams is the terminal, as after `serve >log 2>&1 </dev/null &`.
      const script =
        "import os, pty, sys, time\n" +
        "pid, fd = pty.fork()\n" +
        "if pid == 0:\n" +
        "    null, out = os.open('/dev/null', 0), os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n" +
        "    os.dup2(null, 0); os.dup2(out, 1); os.dup2(out, 2)\n" +
        "    os.execvp(sys.argv[2], sys.argv[2:])\n" +
        "while b'listening' not in open(sys.argv[1], 'rb').read(): time.sleep(0.02)\n" +
        "os.close(fd)\n" +
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xff)\n"
      Fs.writeFileSync(log, "")
      const args = ["-c", script, log, process.execPath, Session.main, "serve", "--port", "0", "--password-file", file]
      const { status } = ChildProcess.spawnSync("python3", args, { encoding: "utf8" })
      assert.strictEqual(status, 0)
      assert.notInclude(Fs.readFileSync(log, "utf8"), "reloaded")
      assert.include(Fs.readFileSync(log, "utf8"), "stopped")
    }).pipe(Effect.scoped)
  )
})

describe("SIGUSR1", () => {
  it.effect("opens no inspector", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      const client = yield* RawClient.connect(server.address)
      yield* server.kill("SIGUSR1")
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      yield* server.kill("SIGTERM")
      const { code, stderr } = yield* server.ended
      assert.strictEqual(code, 0)
      assert.notInclude(stderr, "Debugger")
    })
  )

  it.effect("leaves no inspector open if it comes before the program has begun", () =>
    Effect.gen(function* () {
      const early = `
        import { url } from "node:inspector"
        process.kill(process.pid, "SIGUSR1")
        while (url() === undefined) await new Promise((resolve) => setImmediate(resolve))
      `
      const server = yield* Program.serve([], {
        environment: { NODE_OPTIONS: `--inspect-port=0 --import=data:text/javascript,${encodeURIComponent(early)}` }
      })
      // The inspector was open, or this would show nothing.
      const [, port = ""] = /^Debugger listening on ws:\/\/127\.0\.0\.1:([0-9]+)/m.exec(yield* server.stderr) ?? []
      assert.match(port, /^[0-9]+$/)
      const inspector = yield* Effect.promise(() =>
        fetch(`http://127.0.0.1:${port}/json/version`).then(
          (response) => response.text(),
          (error: unknown) => (error instanceof Error ? String(error.cause) : "")
        )
      )
      // Usually the connection is refused. But the port is free now, and another program may have taken it.
      assert.notInclude(inspector, "Protocol-Version")
    })
  )
})
