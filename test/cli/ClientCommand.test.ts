/** The built `kv-cache client`: one shot, pipes, exit codes, and a session in a real pseudo-terminal. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { spawn } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Peer from "../client/Peer.ts"
import * as Program from "./Program.ts"
import * as Session from "./Session.ts"

const at = (port: number, ...words: ReadonlyArray<string>) => ["client", "--port", String(port), ...words]

const OK = (stdout: string) => ({ code: 0, signal: null, stdout, stderr: "" })
const ERROR = (stdout: string) => ({ code: 1, signal: null, stdout, stderr: "" })

const BAD_VALUE = "ERROR value must be 1 to 256 printable ASCII characters without whitespace\n"

describe("one shot", () => {
  it.live("prints the answer, and its exit code separates OK from ERROR", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const run = (...words: ReadonlyArray<string>) => Session.run(at(port, ...words))
      assert.deepStrictEqual(yield* run("PUT", "foo", "bar"), OK("OK stored\n"))
      assert.deepStrictEqual(yield* run("GET", "foo"), OK("OK bar\n"))
      assert.deepStrictEqual(yield* run("--raw", "get", "foo"), OK("bar\n"))
      assert.deepStrictEqual(yield* run("EXISTS", "none"), OK("OK 0\n"))
      assert.deepStrictEqual(yield* run("GET", "none"), ERROR("ERROR key not found\n"))
      assert.deepStrictEqual(yield* run("GET", "none", "--raw"), {
        ...ERROR(""),
        stderr: "ERROR key not found\n"
      })
      assert.deepStrictEqual(yield* run("QUIT"), OK(""))
      assert.deepStrictEqual(yield* run("--", "PUT", "--dash", "-x"), OK("OK stored\n"))
      assert.deepStrictEqual(yield* run("GET", "--", "--dash"), OK("OK -x\n"))
    }).pipe(Effect.scoped)
  )

  it.live("takes a word of the shell as one word, and refuses it as the server would", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      const run = (...words: ReadonlyArray<string>) => Session.run(at(port, ...words))
      assert.deepStrictEqual(yield* run("PUT", "foo", "bar 10"), ERROR(BAD_VALUE))
      assert.deepStrictEqual(yield* run("PUT", "foo", ""), ERROR(BAD_VALUE))
      assert.deepStrictEqual(yield* run("PUT", "foo", "bar\nDELETE foo"), ERROR(BAD_VALUE))
      assert.deepStrictEqual(
        yield* run("PING"),
        ERROR("ERROR unknown command 'PING': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT\n")
      )
    })
  )

  it.live("exits 2 without a connection, with one line on stderr", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      assert.deepStrictEqual(yield* Session.run(at(port, "--host", "127.0.0.1", "GET", "foo")), {
        code: 2,
        signal: null,
        stdout: "",
        stderr: `ERROR Cannot connect to 127.0.0.1:${port}: connection refused; is the server running?\n`
      })
    })
  )

  it.live("exits 2 if the peer does not answer in time, or answers nonsense", () =>
    Effect.gen(function* () {
      const silent = yield* Peer.listen(() => {})
      const { code, stderr } = yield* Session.run(at(silent.port, "--timeout", "50ms", "GET", "foo"))
      assert.strictEqual(code, 2)
      assert.strictEqual(stderr, `ERROR localhost:${silent.port} did not answer within 50ms.\n`)
      const babbling = yield* Peer.listen((socket) => socket.end("SSH-2.0\n"))
      assert.strictEqual((yield* Session.run(at(babbling.port, "GET", "foo"))).code, 2)
    }).pipe(Effect.scoped)
  )

  it.live("takes the port from flag over environment", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const environment = { KV_CACHE_PORT: String(port), KV_CACHE_HOST: "0.0.0.0" }
      assert.deepStrictEqual(yield* Session.run(["client", "EXISTS", "a"], "", { environment }), OK("OK 0\n"))
      const wrong = { KV_CACHE_PORT: "1" }
      assert.deepStrictEqual(yield* Session.run(at(port, "EXISTS", "a"), "", { environment: wrong }), OK("OK 0\n"))
    }).pipe(Effect.scoped)
  )

  it.live.each([
    { flag: "--port", value: "0", expected: "a port from 1 to 65535" },
    { flag: "--port", value: "x", expected: "a port from 1 to 65535" },
    {
      flag: "--timeout",
      value: "0",
      expected: "a duration from 1ms to 1d, such as 500ms, 5s, or a number of seconds"
    }
  ])("refuses $flag $value", ({ expected, flag, value }) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Session.run(["client", flag, value, "GET", "a"])
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
      assert.strictEqual(
        stderr.split("\n")[0],
        `ERROR Invalid value for flag ${flag}: '${value}'. Expected ${expected}.`
      )
    })
  )
})

describe("a pipe", () => {
  it.live("prints replies only, and exits 0 if all were answered", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const commands = "PUT a 1\nGET a\nGET b\nhello\nEXISTS a"
      const replies =
        "OK stored\nOK 1\nERROR key not found\nERROR unknown command 'hello': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT\nOK 1\n"
      assert.deepStrictEqual(yield* Session.run(at(port), commands), OK(replies))
      assert.deepStrictEqual(yield* Session.run(at(port), ""), OK(""))
      assert.deepStrictEqual(yield* Session.run(at(port), "QUIT\nGET a\n"), OK(""))
      assert.deepStrictEqual(yield* Session.run(at(port, "--raw"), "GET a\n"), OK("1\n"))
    }).pipe(Effect.scoped)
  )

  it.live("puts 100,000 keys", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const commands = Array.from({ length: 100_000 }, (_, i) => `PUT key${i} value${i}\n`).join("")
      const { code, stdout } = yield* Session.run(at(port), commands)
      assert.strictEqual(code, 0)
      assert.isTrue(stdout === "OK stored\n".repeat(100_000))
    }).pipe(Effect.scoped)
  )

  it.live("stops when the server dies, says how far it got, and exits 2", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      const session = yield* Session.start(at(server.address.port))
      yield* session.type("PUT a 1\nGET a\n")
      yield* session.prints("OK 1\n")
      yield* server.kill("SIGKILL")
      const { code, stderr, stdout } = yield* session.ended
      assert.deepStrictEqual({ code, stdout }, { code: 2, stdout: "OK stored\nOK 1\n" })
      assert.match(stderr, /^ERROR The connection to localhost:\d+ is closed: [^\n]+\. 2 requests were answered\.\n$/)
    }).pipe(Effect.scoped)
  )

  it.live("exits 2 without a connection, and 1 at a line without an end", () =>
    Effect.gen(function* () {
      const nobody = yield* Session.run(at(yield* Peer.unusedPort), "GET a\n")
      assert.deepStrictEqual({ code: nobody.code, stdout: nobody.stdout }, { code: 2, stdout: "" })
      const { port } = (yield* Program.serve()).address
      assert.deepStrictEqual(yield* Session.run(at(port), `GET a\n${"x".repeat(5000)}\nGET a\n`), {
        code: 1,
        signal: null,
        stdout: "ERROR key not found\nERROR line too long: a request has fewer than 4096 bytes\n",
        stderr: "ERROR What follows is not read, as a server would not read it. 2 requests were answered.\n"
      })
    }).pipe(Effect.scoped)
  )

  it.live("exits 130 on Ctrl-C", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const session = yield* Session.start(at(port))
      yield* session.type("EXISTS a\n")
      yield* session.prints("OK 0\n")
      yield* session.kill("SIGINT")
      const { code, stderr } = yield* session.ended
      assert.deepStrictEqual({ code, stderr }, { code: 130, stderr: "" })
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(!Fs.existsSync("/dev/full"))("says that its output is lost, and exits 2", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const main = new URL("../../dist/main.js", import.meta.url).pathname
      const run = (script: string) =>
        Effect.callback<{ readonly code: number | null; readonly errors: string }>((resume) => {
          const child = spawn("/bin/sh", ["-c", script, process.execPath, main, String(port)])
          let errors = ""
          child.stderr.on("data", (chunk) => {
            errors += String(chunk)
          })
          child.on("close", (code) => resume(Effect.succeed({ code, errors })))
        })
      const lost = { code: 2, errors: "ERROR Cannot write to stdout: no space left on device.\n" }
      assert.deepStrictEqual(yield* run(`"$0" "$1" client --port "$2" EXISTS a > /dev/full`), lost)
      assert.deepStrictEqual(yield* run(`"$0" "$1" client --port "$2" GET a > /dev/full`), lost)
      assert.deepStrictEqual(
        yield* run(`yes 'EXISTS a' | head -n 5000 | "$0" "$1" client --port "$2" > /dev/full`),
        lost
      )
    }).pipe(Effect.scoped)
  )

  it.live("ends silently when its reader goes away", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const main = new URL("../../dist/main.js", import.meta.url).pathname
      const pipeline = `yes 'EXISTS a' | "$0" "$1" client --port "$2" | head -n 1`
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn("/bin/sh", ["-c", pipeline, process.execPath, main, String(port)])),
        (started) => Effect.sync(() => void started.kill("SIGKILL"))
      )
      let output = ""
      let errors = ""
      child.stdout.on("data", (chunk) => {
        output += String(chunk)
      })
      child.stderr.on("data", (chunk) => {
        errors += String(chunk)
      })
      yield* Effect.callback<void>((resume) => {
        child.on("close", () => resume(Effect.void))
      })
      assert.deepStrictEqual({ output, errors }, { output: "OK 0\n", errors: "" })
    }).pipe(Effect.scoped)
  )
})

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-client-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
)

const withoutPty = Session.hasPty ? "" : " (skipped: there is no python3 to make a pseudo-terminal)"

describe.skipIf(!Session.hasPty)(`a terminal${withoutPty}`, () => {
  it.live("shows the transcript, to the letter", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const environment = { XDG_STATE_HOME: yield* temporaryDirectory }
      const { ended, screen, shows, type } = yield* Session.start(at(port), { terminal: true, environment })
      const lines: ReadonlyArray<readonly [string, string]> = [
        ["PUT mykey myvalue", "OK stored"],
        ["GET mykey", "OK myvalue"],
        ["PUT tempkey tempval 10", "OK stored"],
        ["EXISTS tempkey", "OK 1"],
        ["DELETE mykey", "OK deleted"]
      ]
      yield* shows(">>>")
      for (const [line] of lines) {
        yield* type(line)
        yield* shows(`>>> ${line}${line === "PUT mykey myvalue" ? " [ttl]" : ""}`)
        yield* type("\r")
        yield* shows(">>>")
      }
      yield* type("QUIT\r")
      const { code } = yield* ended
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(screen.rows(), [
        `Connected to localhost:${port}. Type 'help' for commands.`,
        ...lines.flatMap(([line, reply]) => [`>>> ${line}`, reply]),
        ">>> QUIT",
        "Goodbye!",
        ""
      ])
    }).pipe(Effect.scoped)
  )

  it.live("keeps its history between runs, searches it, and completes commands", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const state = yield* temporaryDirectory
      const options: Session.Options = { terminal: true, environment: { XDG_STATE_HOME: state, NO_COLOR: "1" } }
      const first = yield* Session.start(at(port), options)
      yield* first.shows(">>>")
      yield* first.type("PUT one 1\rPUT two 2\rGET two\r")
      yield* first.prints("OK 2")
      yield* first.shows(">>>")
      yield* first.type("\x04")
      assert.strictEqual((yield* first.ended).code, 0)
      assert.notMatch(first.screen.written(), /\u001b\[[0-9;]*m/)

      const file = Path.join(state, "kv-cache", "history")
      assert.strictEqual(Fs.readFileSync(file, "utf8"), "PUT one 1\nPUT two 2\nGET two\n")
      assert.strictEqual(Fs.statSync(file).mode & 0o777, 0o600)

      const second = yield* Session.start(at(port), options)
      yield* second.shows(">>>")
      yield* second.type("\x1b[A")
      yield* second.shows(">>> GET two")
      yield* second.type("\x03\x12one")
      yield* second.shows("(reverse-i-search)'one': PUT one 1")
      yield* second.type("\r")
      yield* second.shows(">>>")
      yield* second.type("ex\t")
      yield* second.shows(">>> ex")
      yield* second.type("is\tone\r")
      yield* second.prints("OK 1")
      yield* second.shows(">>>")
      yield* second.type("\x03")
      yield* second.prints("To leave, type QUIT or press Ctrl-D.")
      yield* second.type("exit\r")
      assert.strictEqual((yield* second.ended).code, 0)
      assert.include(second.screen.rows().join("\n"), "EXISTS  EXPLAIN  exit\n>>> EXISTS one\nOK 1\n")
    }).pipe(Effect.scoped)
  )

  it.live("takes a paste line by line", () =>
    Effect.gen(function* () {
      const { port } = (yield* Program.serve()).address
      const environment = { XDG_STATE_HOME: yield* temporaryDirectory }
      const { shows, type, screen } = yield* Session.start(at(port), { terminal: true, environment })
      yield* shows(">>>")
      yield* type("\x1b[200~PUT\ta\t1\rGET a\rGET unfinished\x1b[201~")
      yield* shows(">>> GET unfinished")
      assert.deepStrictEqual(screen.rows().slice(1), [
        ">>> PUT a 1",
        "OK stored",
        ">>> GET a",
        "OK 1",
        ">>> GET unfinished"
      ])
    }).pipe(Effect.scoped)
  )

  it.live("outlives a server that is killed and started again", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      const { port } = server.address
      const environment = { XDG_STATE_HOME: yield* temporaryDirectory }
      const { ended, prints, screen, shows, type } = yield* Session.start(at(port), { terminal: true, environment })
      yield* shows(">>>")
      yield* type("PUT a 1\r")
      yield* prints("OK stored")
      yield* shows(">>>")
      yield* server.kill("SIGKILL")
      yield* shows("not connected>>>")
      yield* type("GET a\r")
      yield* prints("Cannot connect")
      yield* shows("not connected>>>")
      const again = yield* Program.start(["serve", "--port", String(port)])
      yield* again.logged("listening on ")
      yield* type("PUT a 2\r")
      yield* shows(">>>")
      yield* type("GET a\rQUIT\r")
      assert.strictEqual((yield* ended).code, 0)
      assert.deepStrictEqual(screen.rows().slice(1), [
        ">>> PUT a 1",
        "OK stored",
        `The connection to localhost:${port} is closed: the server closed it.`,
        "not connected>>> GET a",
        `Cannot connect to localhost:${port}: connection refused; is the server running?`,
        "not connected>>> PUT a 2",
        `Connected to localhost:${port}.`,
        "OK stored",
        ">>> GET a",
        "OK 2",
        ">>> QUIT",
        "Goodbye!",
        ""
      ])
    }).pipe(Effect.scoped)
  )
})
