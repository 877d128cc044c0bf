/** A password is used in every way that there is, and is found in nothing that any of the programs wrote or shows. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"

const SECRET = "S3cretThatNobodySees"

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-secrets-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

const resp = (...words: ReadonlyArray<string>): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`

describe("a password", () => {
  it.live("is in no output, file, or answer", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = Path.join(path, "password")
      Fs.writeFileSync(file, `${SECRET}\n`, { mode: 0o600 })
      const environment = { KV_CACHE_PASSWORD: SECRET, XDG_STATE_HOME: path }
      const server = yield* Program.serve(["--debug"], { environment })
      const { host, port } = server.address
      const said: Array<string> = []
      const run = (args: ReadonlyArray<string>, withVariable = false) =>
        Effect.tap(Program.run(args, withVariable ? { environment } : {}), ({ code, stderr, stdout }) =>
          Effect.sync(() => {
            said.push(stdout, stderr)
            assert.strictEqual(code, 0, stderr)
          })
        )

      // A second connection watches all that the server shows.
      const admin = yield* RawClient.connect(server.address)
      yield* admin.send(resp("AUTH", SECRET))
      assert.strictEqual(yield* admin.lines(1), "+OK\r\n")
      const monitor = yield* RawClient.connect(server.address)
      yield* monitor.send(resp("AUTH", SECRET) + resp("MONITOR"))
      assert.strictEqual(yield* monitor.lines(2), "+OK\r\n+OK\r\n")

      yield* run(["client", "--port", String(port), "PUT", "a", "1"], true)
      yield* run(["client", "--port", String(port), "--password-file", file, "GET", "a"])
      yield* run(["client", "--url", `kv://:${SECRET}@${host}:${port}`, "GET", "a"])
      yield* run(["client", "--url", `kv://default:${SECRET}@${host}:${port}`, "GET", "a"])
      // As the first word of a command it would go to whatever server is the default one.
      const misplaced = yield* Program.run(["client", `kv://:${SECRET}@${host}:${port}`, "GET", "a"])
      said.push(misplaced.stdout, misplaced.stderr)
      assert.strictEqual(misplaced.code, 1)
      assert.include(misplaced.stderr, "A server's URL goes behind --url: kv-cache client --url kv://...@")
      const load = ["--connections", "2", "--requests", "10", "--report", Path.join(path, "run.html")]
      yield* run(["loadtest", `kv://:${SECRET}@${host}:${port}`, ...load, "-o", Path.join(path, "text.json")])
      yield* run(["loadtest", `redis://:${SECRET}@${host}:${port}`, "--protocol", "resp", ...load, "--threads", "2"])
      yield* run(["loadtest", "--port", String(port), "--protocol", "resp", "--resp2", ...load], true)

      for (const words of [
        ["INFO", "everything"],
        ["CLIENT", "LIST"],
        ["CLIENT", "INFO"],
        ["ACL", "LIST"],
        ["CONFIG", "GET", "*"],
        ["SLOWLOG", "GET", "128"],
        ["COMMAND", "DOCS", "AUTH"]
      ]) {
        yield* admin.send(resp(...words))
      }
      yield* admin.send(resp("QUIT"))
      said.push((yield* admin.untilEnd).text)
      const cmdline = Fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))
      for (const pid of cmdline) {
        const shown = Effect.try(() => Fs.readFileSync(`/proc/${pid}/cmdline`, "latin1"))
        said.push(yield* Effect.orElseSucceed(shown, () => ""))
      }
      yield* server.kill("SIGTERM")
      said.push((yield* monitor.untilEnd).text)
      const { code, stderr, stdout } = yield* server.ended
      assert.strictEqual(code, 0)
      said.push(stderr, stdout)
      assert.include(said.join("\n"), "OK 1\n")
      for (const text of said) assert.notInclude(text, SECRET)
      for (const name of Fs.readdirSync(path, { recursive: true, encoding: "utf8" })) {
        const found = Path.join(path, name)
        if (found !== file && Fs.statSync(found).isFile()) assert.notInclude(Fs.readFileSync(found, "latin1"), SECRET)
      }
    }).pipe(Effect.scoped)
  )
})
