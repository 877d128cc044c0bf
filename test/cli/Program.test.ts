/** The built program as a user runs it: its output, the signals that it obeys, and its exit codes. */
import { execFile, execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { version } from "../../src/Version.ts"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"

const VALUE = "v".repeat(256)

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

const indexes = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

describe("a server", () => {
  it.effect("says where it listens, serves, and exits on SIGTERM with 0 and a line of totals", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--max-keys", "10"])
      assert.strictEqual(server.listening.level, "INFO")
      assert.deepStrictEqual(server.listening.annotations, {
        version,
        clock: "real",
        maxKeys: 10,
        maxMemory: "none",
        maxConnections: 10_000
      })
      const client = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* client.ask("PUT test hello\nGET test\n"), "OK stored\nOK hello\n")
      yield* server.kill("SIGTERM")
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      const { code, signal, stderr, stdout } = yield* server.ended
      assert.deepStrictEqual({ code, signal, stdout }, { code: 0, signal: null, stdout: "" })
      const last = (yield* server.log).at(-1)
      assert.strictEqual(last?.message, "stopped")
      assert.deepInclude(last?.annotations, { accepted: 1, open: 0, puts: 1, hits: 1, keys: 1, bytesOut: 19 })
      assert.notInclude(stderr, "hello")
      assert.strictEqual((yield* Effect.flip(RawClient.connect(server.address))).code, "ECONNREFUSED")
    })
  )

  it.effect("stops on SIGINT in the same way", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      yield* server.kill("SIGINT")
      assert.strictEqual((yield* server.ended).code, 0)
      assert.strictEqual((yield* server.log).at(-1)?.message, "stopped")
    })
  )

  it.effect("takes its settings from the environment", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--max-keys", "7"], {
        environment: { KV_CACHE_PORT: "1", KV_CACHE_MAX_KEYS: "5", KV_CACHE_MAX_CONNECTIONS: "9" }
      })
      assert.deepInclude(server.listening.annotations, { maxKeys: 7, maxConnections: 9 })
    })
  )

  it.effect("reads a password from a pipe, and stops on SIGTERM while nobody writes to it", () =>
    Effect.gen(function* () {
      const script = `exec "$0" "$1" serve --port 0 --password-file <(printf 'two words')`
      const told = yield* Effect.callback<string>((resume) => {
        execFile("bash", ["-c", script, process.execPath, main], (_, _stdout, stderr) => resume(Effect.succeed(stderr)))
      })
      assert.include(told, "what is in it is no password")

      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-pipe-"))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
      )
      const pipe = Path.join(folder, "pipe")
      execFileSync("mkfifo", [pipe])
      const program = yield* Program.start(["serve", "--port", "0", "--password-file", pipe])
      // Waits until it is read.
      const writer = yield* Effect.promise(() => Fs.promises.open(pipe, "w"))
      yield* program.kill("SIGTERM")
      const { code, signal } = yield* program.ended
      yield* Effect.promise(() => writer.close())
      assert.deepStrictEqual({ code, signal }, { code: 143, signal: null })
    })
  )

  it.effect("loses no due reply on SIGTERM under load", () =>
    Effect.gen(function* () {
      const CLIENTS = 20
      const COUNT = 5000
      const server = yield* Program.serve()
      const clients = yield* Effect.forEach(indexes(CLIENTS), () => RawClient.connect(server.address))
      yield* Effect.forEach(clients, (client) => client.ask("EXISTS a\n"))
      yield* Effect.forEach(
        clients,
        (client, i) =>
          client.sendFlushed(
            indexes(COUNT)
              .map((j) => `PUT ${i}/${j} value-${i}-${j}\nGET ${i}/${j}\n`)
              .join("")
          ),
        { concurrency: "unbounded", discard: true }
      )
      yield* server.kill("SIGTERM")
      for (const [i, client] of clients.entries()) {
        const { reset, text } = yield* client.untilEnd
        assert.isFalse(reset)
        const expected = indexes(COUNT).map((j) => `OK stored\nOK value-${i}-${j}\n`)
        assert.isTrue(text === expected.join(""), `client ${i}: ${text.length} bytes`)
      }
      assert.strictEqual((yield* server.ended).code, 0)
      const last = (yield* server.log).at(-1)
      assert.deepInclude(last?.annotations, { puts: CLIENTS * COUNT, hits: CLIENTS * COUNT, open: 0 })
    })
  )

  it.effect("exits on SIGTERM with 0 after the grace period, even if a client never reads", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--shutdown-grace", "1s"])
      const witness = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* witness.ask(`PUT a ${VALUE}\n`), "OK stored\n")
      const stuck = yield* RawClient.connect(server.address, { paused: true })
      yield* stuck.sendFlushed("GET a\n".repeat(100_000))
      yield* witness.ask("EXISTS a\n")
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).code, 0)
      const messages = (yield* server.log).map(({ message }) => message)
      assert.include(messages, "the grace period is over: cutting 1 connection")
      assert.strictEqual(messages.at(-1), "stopped")
    })
  )

  it.effect.each([
    { second: "SIGTERM", code: 143 },
    { second: "SIGINT", code: 130 }
  ] as const)("on a second signal exits at once: $second", ({ code, second }) =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--shutdown-grace", "10m"])
      const witness = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* witness.ask(`PUT a ${VALUE}\n`), "OK stored\n")
      const stuck = yield* RawClient.connect(server.address, { paused: true })
      yield* stuck.sendFlushed("GET a\n".repeat(100_000))
      yield* server.kill("SIGTERM")
      yield* server.logged("shutting down: finishing 2 connections")
      yield* server.kill(second)
      const ending = yield* server.ended
      assert.deepStrictEqual([ending.code, ending.signal], [code, null])
      assert.isUndefined((yield* server.log).find(({ message }) => message === "stopped"))
    })
  )

  it.effect("without file descriptors neither ends nor spins, and serves again when there are some", () =>
    Effect.gen(function* () {
      const LIMIT = 64
      const CLIENTS = 100
      const server = yield* Program.serve([], { descriptors: LIMIT })
      const witness = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* witness.ask("PUT a 1\n"), "OK stored\n")
      const outcomes = yield* Effect.scoped(
        Effect.gen(function* () {
          const clients = yield* Effect.forEach(indexes(CLIENTS), () => RawClient.connect(server.address))
          // Each is either served or closed: nobody is left waiting.
          const answers = yield* Effect.forEach(
            clients,
            (client) =>
              client.ask("GET a\n").pipe(
                Effect.map((text) => {
                  assert.strictEqual(text, "OK 1\n")
                  return true
                }),
                Effect.catchTag("Ended", () => Effect.succeed(false))
              ),
            { concurrency: "unbounded" }
          )
          // The connected clients are still served, the witness among them.
          for (let i = 0; i < 200; i++) assert.strictEqual(yield* witness.ask("GET a\n"), "OK 1\n")
          return answers
        })
      )
      const served = outcomes.filter(Boolean).length
      assert.isAbove(served, 10)
      assert.isBelow(served, LIMIT)
      // This succeeds as soon as the server has seen that they are gone. Until then it closes what it cannot accept.
      const getting = RawClient.connect(server.address).pipe(
        Effect.flatMap((client) => client.ask("GET a\n")),
        Effect.retry({ while: (error) => error._tag === "Ended" })
      )
      const again = yield* Effect.forEach(indexes(10), () => getting)
      for (const answer of again) assert.strictEqual(answer, "OK 1\n")
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).code, 0)
      const log = yield* server.log
      assert.deepInclude(log.at(-1)?.annotations, { accepted: 1 + served + again.length, open: 0, refused: 0 })
      const saying = (beginning: string) => log.filter(({ message }) => message.startsWith(beginning)).length
      assert.strictEqual(saying(`the limit of open files is ${LIMIT}, too few for 10000 clients`), 1)
      assert.strictEqual(saying(`file descriptors have run out with ${served + 1} clients connected: `), 1)
      // A server that spins would log this without end.
      assert.isAtMost(log.length, CLIENTS)
    })
  )
})

describe("a refused start", () => {
  it.effect("with an address in use gives one sentence and exit code 1", () =>
    Effect.gen(function* () {
      const { address } = yield* Program.serve()
      const { code, stderr, stdout } = yield* Program.run(["serve", "--port", String(address.port)])
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.strictEqual(
        stderr,
        `ERROR Address already in use: another program listens on 127.0.0.1:${address.port}; ` +
          "stop it, or choose another port with --port.\n"
      )
    })
  )

  it.effect.each([
    {
      name: "a bad value of a flag",
      args: ["serve", "--port", "70000"],
      environment: {},
      said: "ERROR Invalid value for flag --port: '70000'. Expected a port from 0 to 65535, or off.\n"
    },
    {
      name: "a bad URL with a password",
      args: ["serve"],
      environment: { KV_CACHE_ENGINE: "redis://u:secret@host:99999" },
      said:
        "ERROR Invalid value for environment variable KV_CACHE_ENGINE: 'redis://...@host:99999'. " +
        "Expected redis:// or rediss://, then user@ if there is one, then host:port, or several with commas between, and no database.\n"
    },
    {
      name: "a bad value of a variable",
      args: ["serve"],
      environment: { KV_CACHE_MAX_KEYS: "lots" },
      said:
        "ERROR Invalid value for environment variable KV_CACHE_MAX_KEYS: 'lots'. " +
        "Expected a number of keys from 1 to 500000000.\n"
    },
    {
      name: "an unknown flag",
      args: ["serve", "--prot", "1"],
      environment: {},
      said: "ERROR Unrecognized flag: --prot"
    },
    { name: "an unknown command", args: ["sevre"], environment: {}, said: 'ERROR Unknown subcommand "sevre"' }
  ])("$name: said in a line, exit code 1, nothing started", ({ args, environment, said }) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.run(args, { environment })
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.isTrue(stderr.startsWith(said), stderr)
      assert.match(stderr, /\nTry 'kv-cache( serve)? --help'\.\n$/)
      assert.notMatch(stderr, /^ +at /m)
      assert.notInclude(stderr, "listening")
    })
  )
})

describe("what is printed", () => {
  it.effect("--version", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.run(["--version"])
      assert.deepStrictEqual({ code, stderr, stdout }, { code: 0, stderr: "", stdout: `kv-cache v${version}\n` })
    })
  )

  it.effect("--help", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.run(["--help"])
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(stdout, /^ {2}serve +Serve the cache over TCP$/m)
    })
  )

  it.effect("serve --help", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.run(["serve", "--help"])
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.include(stdout, "(default: 7171; environment: KV_CACHE_PORT)")
    })
  )

  it.effect.each([
    { args: ["help"], same: ["--help"] },
    { args: ["help", "serve"], same: ["serve", "--help"] },
    { args: ["help", "loadtest", "compare"], same: ["loadtest", "compare", "--help"] },
    { args: ["help", "help"], same: ["help", "--help"] }
  ])("$args is $same, and ends with two examples", ({ args, same }) =>
    Effect.gen(function* () {
      const help = yield* Program.run(args)
      assert.deepStrictEqual({ code: help.code, stderr: help.stderr }, { code: 0, stderr: "" })
      assert.strictEqual(help.stdout, (yield* Program.run(same)).stdout)
      assert.match(help.stdout, /\n\nEXAMPLES\n {2}# .+\n {2}kv-cache .+\n\n {2}# .+\n {2}kv-cache .+\n$/)
    })
  )

  it.effect("help of a command below another one says where it is", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* Program.run(["help", "compare"]), {
        code: 1,
        stdout: "",
        stderr: "ERROR No help for 'compare'. Try 'kv-cache help loadtest compare'.\n"
      })
    })
  )

  it.effect.each([{ args: ["help", "nope"] }, { args: ["help", "serve", "nope"] }])("$args", ({ args }) =>
    Effect.gen(function* () {
      assert.deepInclude(yield* Program.run(args), {
        code: 1,
        stdout: "",
        stderr: "ERROR No help for 'nope'. 'kv-cache help' lists the commands.\n"
      })
    })
  )

  it.effect.each([
    { typed: ["serve", "--clock", ""], offered: ["real", "virtual"] },
    { typed: ["serve", "--log-level", ""], offered: ["trace", "debug", "info", "warn", "error"] },
    { typed: ["serve", "--log-format", "p"], offered: ["pretty"] },
    { typed: ["loadtest", "--report", "package-l"], offered: ["package-lock.json"] },
    { typed: ["loadtest", "-o", "package-l"], offered: ["package-lock.json"] },
    { typed: ["loadtest", "compare", "package-l"], offered: ["package-lock.json"] },
    { typed: ["cl"], offered: ["client"] },
    { typed: ["--completions", ""], offered: ["bash", "zsh", "fish", "powershell"] },
    { typed: ["help", ""], offered: ["serve", "client", "loadtest", "compare", "user", "help"] }
  ])("--completions bash: $typed is completed by $offered", ({ offered, typed }) =>
    Effect.gen(function* () {
      const { stdout: script } = yield* Program.run(["--completions", "bash"])
      const completed = yield* Effect.callback<string>((resume) => {
        const ask =
          'eval "$0"; COMP_WORDS=(kv-cache "$@"); COMP_CWORD=$#; COMP_LINE="kv-cache $*"; COMP_POINT=${#COMP_LINE}; ' +
          '_kv_cache kv-cache "${!#}" "${COMP_WORDS[COMP_CWORD-1]}"; printf "%s\\n" "${COMPREPLY[@]}"'
        execFile("bash", ["--norc", "-c", ask, script, ...typed], (_, stdout) => resume(Effect.succeed(stdout)))
      })
      assert.deepStrictEqual(completed.trim().split("\n").toSorted(), offered.toSorted())
    })
  )

  it.effect("-p is --port", () =>
    Effect.gen(function* () {
      const free = yield* Program.serve()
      const { stdout } = yield* Program.run(["client", "-p", String(free.address.port), "PUT", "a", "1"])
      assert.strictEqual(stdout, "OK stored\n")
    }).pipe(Effect.scoped)
  )

  it.effect("--completions bash: a script that bash can read", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.run(["--completions", "bash"])
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.include(stdout, "complete ")
      assert.include(stdout, "serve")
      assert.include(stdout, "--port")
      const complaint = yield* Effect.callback<string>((resume) => {
        const bash = execFile("bash", ["-n"], (error, _, said) => resume(Effect.succeed(error === null ? "" : said)))
        bash.stdin?.end(stdout)
      })
      assert.strictEqual(complaint, "")
    })
  )

  it.effect.each([{ args: ["--help"] }, { args: ["serve", "--help"] }, { args: ["--completions", "bash"] }])(
    "to a reader that has gone: no word of it ($args)",
    ({ args }) =>
      Effect.gen(function* () {
        // The reader ends without reading. A program that waits for that is sure to write to a closed pipe.
        const script = `exec 3>&1; { "$@"; echo "$?" >&3; } | exec true`
        const { said, status } = yield* Effect.callback<{ readonly said: string; readonly status: string }>(
          (resume) => {
            const shell = ["-c", script, "sh", process.execPath, main, ...args]
            execFile("/bin/sh", shell, (_, stdout, stderr) => resume(Effect.succeed({ said: stderr, status: stdout })))
          }
        )
        assert.strictEqual(said, "")
        assert.match(status, /^(0|141)\n$/)
      })
  )
})
