/** `kv-cache serve` within this process: its settings reach the server, its log, and its ending. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Command from "effect/cli/Command"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { serveCommand } from "../../src/cli/ServeCommand.ts"
import { CurrentLogOutput, LogOutput } from "../../src/observability/LogOutput.ts"
import { ListenError } from "../../src/server/Listener.ts"
import { CurrentSystemLimits, type SystemLimits } from "../../src/server/SystemLimits.ts"
import { settings } from "../../src/server/ServerConfig.ts"
import { version } from "../../src/Version.ts"
import * as Changes from "../server/Changes.ts"
import { type LogLine, parseLine } from "./LogLine.ts"
import * as RawClient from "../server/RawClient.ts"

const run = (args: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) =>
  Command.runWith(serveCommand, { version })(args).pipe(
    Effect.provide(Layer.merge(NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env: environment }))))
  )

/** Starts the command and waits for the first line on stderr, which says where it listens. */
const start = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  limits: SystemLimits = { descriptors: undefined, memory: undefined }
) {
  const lines: Array<LogLine> = []
  const changes = Changes.make()
  const output = new LogOutput((text, done) => {
    for (const line of text.trimEnd().split("\n"))
      lines.push(parseLine(line) ?? assert.fail(`no line of JSON: ${line}`))
    done(null)
    changes.changed()
  })
  const fiber = yield* run(["--port", "0", "--log-format", "json", ...args], environment).pipe(
    Effect.provideService(CurrentLogOutput, output),
    // The limits of this machine must not matter.
    Effect.provideService(CurrentSystemLimits, limits),
    // Runs it as `RunMain.ts` does: the command says which of its waits a signal may end.
    Effect.forkScoped({ uninterruptible: true })
  )
  yield* changes.until(() => lines.length > 0)
  const first = lines[0] ?? assert.fail("no line")
  const address = /^listening on ([0-9.]+):([0-9]+)$/.exec(first.message)
  assert.isNotNull(address, first.message)
  const [, host = "", port = ""] = address ?? []
  return {
    address: { host, port: Number(port) },
    first,
    lines,
    stop: Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))
  }
})

describe("serve", () => {
  it.effect("says where it listens, with limits and version, and gives its totals at the end", () =>
    Effect.gen(function* () {
      const server = yield* start([])
      assert.strictEqual(server.first.level, "INFO")
      assert.deepStrictEqual(server.first.annotations, {
        version,
        clock: "real",
        maxKeys: settings.maxKeys.default,
        maxMemory: "none",
        maxConnections: settings.maxConnections.default
      })
      const client = yield* RawClient.connect(server.address)
      const replies = yield* client.ask("PUT secret hidden\nGET secret\nDELETE x\nFLY\n")
      assert.isTrue(replies.startsWith("OK stored\nOK hidden\nERROR key not found\nERROR unknown command 'FLY'"))
      const exit = yield* server.stop
      assert.isTrue(Exit.isSuccess(exit), String(exit))
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })

      const last = server.lines.at(-1)
      assert.strictEqual(last?.message, "stopped")
      assert.deepInclude(last?.annotations, {
        accepted: 1,
        open: 0,
        refused: 0,
        protocolErrors: 1,
        bytesIn: "PUT secret hidden\nGET secret\nDELETE x\nFLY\n".length,
        bytesOut: replies.length,
        puts: 1,
        deletes: 1,
        hits: 1,
        keys: 1
      })
      // At level info, the log has nothing of what clients sent and no line for each client.
      assert.deepStrictEqual(
        server.lines.map(({ message }) => message),
        [server.first.message, "shutting down: finishing 1 connection", "hit rate 100.0 %", "stopped"]
      )
      assert.notInclude(JSON.stringify(server.lines), "secret")
      assert.notInclude(JSON.stringify(server.lines), "hidden")
      assert.strictEqual((yield* Effect.flip(RawClient.connect(server.address))).code, "ECONNREFUSED")
    })
  )

  it.effect("warns once if the network can connect", () =>
    Effect.gen(function* () {
      const server = yield* start(["--allow-unauthenticated"], { KV_CACHE_HOST: "0.0.0.0" })
      yield* server.stop
      assert.deepStrictEqual(
        server.lines.map(({ level, message }) => [level, message]),
        [
          ["INFO", server.first.message],
          [
            "WARN",
            `0.0.0.0:${server.address.port} is open to the network: whoever can reach it can read and write every key, ` +
              "because nobody is asked who they are (--allow-unauthenticated)"
          ],
          ["INFO", "stopped"]
        ]
      )
    })
  )

  const refused = (host: string) =>
    `Not listening on ${host} (--port), which others can reach, without credentials: give a password ` +
    "(--password-file, KV_CACHE_PASSWORD) or users (--users-file), require TLS client certificates " +
    "(--tls-client-auth yes), or let everyone in with --allow-unauthenticated (KV_CACHE_ALLOW_UNAUTHENTICATED=true)."

  it.effect.each(["0.0.0.0", "::"])("does not start on %s without credentials", (host) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(run(["--port", "0"], { KV_CACHE_HOST: host }))
      assert.include(String(exit), refused(host === "::" ? "[::]:0" : `${host}:0`))
    })
  )

  it.effect("starts on any address with a password, and says nothing of it", () =>
    Effect.gen(function* () {
      const server = yield* start(["--host", "0.0.0.0"], { KV_CACHE_PASSWORD: "HIDDEN" })
      yield* server.stop
      assert.deepStrictEqual(
        server.lines.map(({ message }) => message),
        [server.first.message, "stopped"]
      )
      assert.notInclude(JSON.stringify(server.lines), "HIDDEN")
    })
  )

  it.effect("does not start with credentials that cannot be used", () =>
    Effect.gen(function* () {
      const file = yield* Effect.exit(run(["--port", "0", "--users-file", "/nowhere/users"]))
      assert.include(String(file), "Cannot read '/nowhere/users': no such file or directory.")
      const password = yield* Effect.exit(run(["--port", "0"], { KV_CACHE_PASSWORD: "HIDDEN HIDDEN" }))
      assert.include(String(password), "The password (KV_CACHE_PASSWORD) must be 1 to 256 printable ASCII characters")
      assert.notInclude(String(password), "HIDDEN")
    })
  )

  it.effect("passes its settings to the store and the server, from flags and from the environment", () =>
    Effect.gen(function* () {
      const server = yield* start(["--max-keys", "2", "--idle-timeout", "10"], {
        KV_CACHE_MAX_KEYS: "3",
        KV_CACHE_MAX_CONNECTIONS: "1",
        KV_CACHE_MAX_MEMORY: "64kb",
        KV_CACHE_PORT: "1"
      })
      assert.deepInclude(server.first.annotations, { maxKeys: 2, maxMemory: 65_536, maxConnections: 1 })
      const client = yield* RawClient.connect(server.address)
      assert.strictEqual(
        yield* client.ask("PUT a 1\nPUT b 2\nPUT c 3\nGET a\n"),
        `${"OK stored\n".repeat(3)}ERROR key not found\n`
      )
      const second = yield* RawClient.connect(server.address)
      assert.strictEqual((yield* second.untilEnd).text, "ERROR too many connections: the limit is 1\n")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      yield* server.stop
      assert.deepInclude(server.lines.at(-1)?.annotations, { evicted: 1, refused: 1, idled: 1 })
    })
  )

  it.effect("sweeps expired keys at the interval that was set", () =>
    Effect.gen(function* () {
      const server = yield* start(["--expire-interval", "7s", "--idle-timeout", "0"])
      const client = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* client.ask("PUT a 1 1\n"), "OK stored\n")
      yield* TestClock.adjust("7 seconds")
      yield* server.stop
      // The sweep removed the key: nobody asked for it.
      assert.deepInclude(server.lines.at(-1)?.annotations, { expired: 1, keys: 0, gets: 0 })
    })
  )

  it.effect("waits for clients no longer than the grace period", () =>
    Effect.gen(function* () {
      const server = yield* start(["--shutdown-grace", "100s", "--idle-timeout", "0"])
      const witness = yield* RawClient.connect(server.address)
      yield* witness.ask(`PUT a ${"v".repeat(256)}\n`)
      const stuck = yield* RawClient.connect(server.address, { paused: true })
      yield* stuck.sendFlushed("GET a\n".repeat(100_000))
      const stopping = yield* Effect.forkChild(server.stop)
      assert.deepStrictEqual(yield* witness.untilEnd, { text: "", reset: false })
      yield* TestClock.adjust("80 seconds")
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("20 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(stopping)))
      assert.strictEqual(server.lines.at(-1)?.message, "stopped")
      assert.deepInclude(server.lines.at(-1)?.annotations, { accepted: 2, open: 0 })
    })
  )

  it.effect.each([
    { args: ["--debug"], environment: {}, name: "--debug" },
    { args: ["--log-level", "debug"], environment: {}, name: "--log-level debug" },
    { args: [], environment: { KV_CACHE_DEBUG: "true" }, name: "KV_CACHE_DEBUG" },
    { args: ["--debug"], environment: { KV_CACHE_LOG_LEVEL: "info" }, name: "--debug over a level" }
  ])("logs connections at debug level: $name", ({ args, environment }) =>
    Effect.gen(function* () {
      const server = yield* start(args, environment)
      const client = yield* RawClient.connect(server.address)
      yield* client.ask("PUT secret hidden\n")
      yield* client.send("QUIT\n")
      yield* client.closed
      yield* server.stop
      const peers = server.lines.filter(({ annotations }) => "peer" in annotations)
      assert.deepStrictEqual(
        peers.map(({ level, message }) => [level, message]),
        [
          ["DEBUG", "connection opened"],
          ["DEBUG", "connection closed by the server"]
        ]
      )
      assert.match(String(peers[0]?.annotations["peer"]), /^127\.0\.0\.1:[0-9]+$/)
      assert.notInclude(JSON.stringify(server.lines), "hidden")
    })
  )

  it.effect("logs nothing below the level that was set", () =>
    Effect.gen(function* () {
      let written = ""
      const output = new LogOutput((text, done) => {
        written += text
        done(null)
      })
      const fiber = yield* run(["--port", "0", "--log-level", "error"]).pipe(
        Effect.provideService(CurrentLogOutput, output),
        Effect.forkScoped({ uninterruptible: true })
      )
      const exit = yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))
      assert.isTrue(Exit.isSuccess(exit), String(exit))
      assert.strictEqual(written, "")
      assert.deepStrictEqual(yield* TestConsole.errorLines, [])
    })
  )

  it.effect("fails with an address in use, in a sentence that names it", () =>
    Effect.gen(function* () {
      const occupied = yield* start([])
      const { port } = occupied.address
      const error = yield* Effect.flip(run(["--port", String(port)]))
      assert.strictEqual(error._tag, "UserError")
      assert.instanceOf(error.cause, ListenError)
      assert.include(String(error.cause), `Address already in use: another program listens on 127.0.0.1:${port};`)
    })
  )

  it.effect("fails before anything is opened where two settings name one port", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(run(["--port", "7", "--admin-port", "7"]))
      assert.include(String(error.cause), "--port and --admin-port are both 7: give two ports.")
    })
  )

  it.effect("reports an address in use in a log line if the log is JSON", () =>
    Effect.gen(function* () {
      const occupied = yield* start([])
      const lines: Array<LogLine> = []
      const output = new LogOutput((text, done) => {
        lines.push(parseLine(text) ?? assert.fail(`no line of JSON: ${text}`))
        done(null)
      })
      const { port } = occupied.address
      const error = yield* run(["--port", String(port), "--log-format", "json"]).pipe(
        Effect.provideService(CurrentLogOutput, output),
        Effect.flip
      )
      assert.strictEqual(error._tag, "FailureLogged")
      assert.strictEqual(lines.length, 1)
      assert.strictEqual(lines[0]?.level, "ERROR")
      assert.include(lines[0]?.message, `Address already in use: another program listens on 127.0.0.1:${port};`)
    })
  )

  it.effect("warns of settings that exceed the system's limits, and still serves", () =>
    Effect.gen(function* () {
      const server = yield* start(["--max-memory", "512mb"], {}, { descriptors: 1024, memory: 512 * 2 ** 20 })
      const client = yield* RawClient.connect(server.address)
      yield* client.ask("EXISTS a\n")
      yield* server.stop
      const warnings = server.lines.filter(({ level }) => level === "WARN").map(({ message }) => message)
      assert.strictEqual(warnings.length, 2)
      assert.include(warnings[0], "the limit of open files is 1024")
      assert.include(warnings[1], "--max-memory is 512mb")
    })
  )

  it.effect("shows every setting in its help, with its default and variable", () =>
    Effect.gen(function* () {
      yield* run(["--help"])
      const help = (yield* TestConsole.logLines).join("\n")
      for (const setting of Object.values(settings)) {
        assert.include(help, `--${setting.flag}`)
        assert.include(help, `(default: ${setting.defaultText}; environment: ${setting.environment})`)
      }
    })
  )
})
