/** The built `kv-cache serve --clock virtual`, for tests in any language, over a raw socket and with the client. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"
import * as Session from "./Session.ts"

const serve = (...args: ReadonlyArray<string>) => Program.serve(["--clock", "virtual", ...args])

const MISS = "ERROR key not found\n"

describe("a server in virtual time", () => {
  it.live("says so in its first line, and stands still until CLOCK moves it", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      assert.match(
        server.listening.message,
        /^listening on 127\.0\.0\.1:\d+, in virtual time: it is 0 ms until CLOCK moves it$/
      )
      assert.deepInclude(server.listening.annotations, { clock: "virtual" })
      const raw = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* raw.ask("CLOCK NOW\nPUT a 1 60\n"), "OK 0\nOK stored\n")
      assert.strictEqual(yield* raw.ask("CLOCK ADVANCE 59999\nGET a\n"), "OK 59999\nOK 1\n")
      assert.strictEqual(yield* raw.ask("CLOCK ADVANCE 1\nGET a\n"), `OK 60000\n${MISS}`)
      assert.strictEqual(yield* raw.ask("PUT a 1 10\nCLOCK SET 70000\nGET a\n"), `OK stored\nOK 70000\n${MISS}`)
      assert.strictEqual(yield* raw.ask("CLOCK SET 69999\n"), "ERROR the clock goes forward only: it is 70000 ms\n")
      assert.strictEqual(yield* raw.ask("CLOCK NOW\nCLOCK FREEZE\n"), "OK 70000\nOK 70000\n")
      // Ten years later, the connection that moved time is still there.
      assert.strictEqual(yield* raw.ask("CLOCK ADVANCE 315360000000\nEXISTS a\n"), "OK 315360070000\nOK 0\n")
    }).pipe(Effect.scoped)
  )

  it.live("is not for keys in an engine, whose time cannot be moved", () =>
    Effect.gen(function* () {
      const args = ["serve", "--port", "0", "--clock", "virtual", "--engine", "redis://127.0.0.1:1"]
      const { code, stderr } = yield* Program.run(args)
      assert.strictEqual(code, 1)
      assert.include(stderr, "--clock virtual cannot be used with --engine: the time of its servers cannot be moved")
    })
  )

  it.live("answers ADVANCE when everything due has run: keys are swept, idle connections closed", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const idle = yield* RawClient.connect(server.address)
      const raw = yield* RawClient.connect(server.address)
      yield* idle.ask("PUT a 1 10\n")
      yield* raw.ask("CLOCK ADVANCE 300000\n")
      assert.deepStrictEqual(yield* idle.untilEnd, { text: "", reset: false })
      yield* server.kill("SIGTERM")
      const { code } = yield* server.ended
      assert.strictEqual(code, 0)
      const stopped = (yield* server.log).find(({ message }) => message === "stopped")
      assert.deepInclude(stopped?.annotations, { idled: 1, expired: 1, keys: 0 })
    }).pipe(Effect.scoped)
  )

  it.live("lets time flow with RUN, a minute each second with 60, until FREEZE", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const raw = yield* RawClient.connect(server.address)
      yield* raw.ask("PUT a 1 30\nCLOCK RUN 60\n")
      const millis = Effect.map(raw.ask("CLOCK NOW\n"), (reply) => Number(reply.slice("OK ".length)))
      // Half a second of the machine's time.
      yield* Effect.repeat(millis, { until: (now) => now >= 30_000 })
      assert.strictEqual(yield* raw.ask("GET a\n"), MISS)
      const frozen = yield* raw.ask("CLOCK FREEZE\n")
      for (let i = 0; i < 100; i++) assert.strictEqual(yield* raw.ask("CLOCK NOW\n"), frozen)
    }).pipe(Effect.scoped)
  )

  it.live("starts again with RESET for all its clients, as often as a suite needs", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const other = yield* RawClient.connect(server.address)
      for (let test = 0; test < 3; test++) {
        const raw = yield* RawClient.connect(server.address)
        assert.strictEqual(yield* raw.ask("CLOCK RESET\nPUT lock holder 10\n"), "OK 0\nOK stored\n")
        assert.strictEqual(yield* raw.ask("CLOCK ADVANCE 9999\nEXISTS lock\n"), "OK 9999\nOK 1\n")
        assert.strictEqual(yield* raw.ask("CLOCK ADVANCE 1\nEXISTS lock\nPUT left 1\n"), "OK 10000\nOK 0\nOK stored\n")
        assert.strictEqual(yield* other.ask("EXISTS left\nCLOCK NOW\n"), "OK 1\nOK 10000\n")
      }
    }).pipe(Effect.scoped)
  )

  it.live("can be chosen by the environment too", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve([], { environment: { KV_CACHE_CLOCK: "virtual" } })
      const raw = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* raw.ask("CLOCK ADVANCE 1\n"), "OK 1\n")
    }).pipe(Effect.scoped)
  )

  it.live("is not the default, and other servers refuse CLOCK by name", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      assert.match(server.listening.message, /^listening on 127\.0\.0\.1:\d+$/)
      const raw = yield* RawClient.connect(server.address)
      for (const line of ["CLOCK NOW", "CLOCK ADVANCE 1", "CLOCK SET 1", "CLOCK RUN", "CLOCK FREEZE", "CLOCK RESET"]) {
        assert.strictEqual(
          yield* raw.ask(`${line}\nEXISTS a\n`),
          "ERROR CLOCK is for servers with virtual time only: start one with serve --clock virtual\nOK 0\n"
        )
      }
    }).pipe(Effect.scoped)
  )
})

describe("the end of such a server", () => {
  it.live("comes with SIGTERM and exit code 0, whatever its clock does", () =>
    Effect.gen(function* () {
      for (const line of ["CLOCK FREEZE\n", "CLOCK RUN 1000\n", "CLOCK RUN 0.000001\n"]) {
        const server = yield* serve("--shutdown-grace", "1s")
        const raw = yield* RawClient.connect(server.address)
        yield* raw.ask(line)
        yield* server.kill("SIGTERM")
        const { code, signal } = yield* server.ended
        assert.deepStrictEqual({ code, signal }, { code: 0, signal: null })
        assert.deepStrictEqual(yield* raw.untilEnd, { text: "", reset: false })
      }
    }).pipe(Effect.scoped)
  )

  it.live("comes within the grace period, even if a client never reads and another stops time", () =>
    Effect.gen(function* () {
      const server = yield* serve("--shutdown-grace", "1s")
      const witness = yield* RawClient.connect(server.address)
      yield* witness.ask(`PUT a ${"x".repeat(256)}\n`)
      const stalled = yield* RawClient.connect(server.address, { paused: true })
      // More replies than the kernel takes. The server reads the FREEZE from the other client during its shutdown.
      yield* stalled.send("GET a\n".repeat(100_000))
      yield* witness.ask("GET a\n".repeat(1000))
      yield* witness.send("CLOCK FREEZE\n".repeat(100))
      yield* server.kill("SIGTERM")
      const { code, signal } = yield* server.ended
      assert.deepStrictEqual({ code, signal }, { code: 0, signal: null })
      assert.isTrue((yield* server.log).some(({ message }) => message.startsWith("the grace period is over")))
    }).pipe(Effect.scoped)
  )
})

describe("the client of a server in virtual time", () => {
  const at = (port: number, ...words: ReadonlyArray<string>) => ["client", "--port", String(port), ...words]

  it.live("takes CLOCK as one command, and from a pipe", () =>
    Effect.gen(function* () {
      const { port } = (yield* serve()).address
      assert.deepInclude(yield* Session.run(at(port, "CLOCK", "ADVANCE", "60000")), { code: 0, stdout: "OK 60000\n" })
      assert.deepInclude(yield* Session.run(at(port, "CLOCK", "SET", "1")), {
        code: 1,
        stdout: "ERROR the clock goes forward only: it is 60000 ms\n"
      })
      const piped = "PUT a 1 10\nCLOCK ADVANCE 9999\nGET a\nclock advance 1\nGET a\nCLOCK HALT\n"
      assert.deepStrictEqual((yield* Session.run(at(port), piped)).stdout.split("\n"), [
        "OK stored",
        "OK 69999",
        "OK 1",
        "OK 70000",
        "ERROR key not found",
        "ERROR wrong arguments: usage CLOCK NOW, CLOCK ADVANCE <ms>, CLOCK SET <ms>, CLOCK RUN [factor], CLOCK FREEZE, or CLOCK RESET",
        ""
      ])
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(!Session.hasPty)("shows in its prompt at a terminal that time is virtual", () =>
    Effect.gen(function* () {
      const { port } = (yield* serve()).address
      const state = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-client-"))),
        (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
      )
      const { ended, screen, shows, type } = yield* Session.start(at(port), {
        terminal: true,
        environment: { XDG_STATE_HOME: state }
      })
      yield* shows("virtual>>>")
      yield* type("PUT a 1 60\r")
      yield* shows("virtual>>>")
      yield* type("CLOCK ADVANCE 60000\r")
      yield* shows("virtual>>>")
      yield* type("GET a\rQUIT\r")
      assert.strictEqual((yield* ended).code, 0)
      assert.deepStrictEqual(screen.rows(), [
        `Connected to localhost:${port}. Type 'help' for commands.`,
        "Time is virtual here: it is 0 ms until CLOCK moves it. See 'help CLOCK'.",
        "virtual>>> PUT a 1 60",
        "OK stored",
        "virtual>>> CLOCK ADVANCE 60000",
        "OK 60000",
        "virtual>>> GET a",
        "ERROR key not found",
        "virtual>>> QUIT",
        "Goodbye!",
        ""
      ])
    }).pipe(Effect.scoped)
  )
})
