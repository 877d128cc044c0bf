/** The loop: a scripted terminal on one side, a real server on the other, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type * as History from "../../src/client/History.ts"
import * as Repl from "../../src/client/Repl.ts"
import type { Terminal, TerminalEvent } from "../../src/client/Terminal.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import { startTestServer } from "../../src/testing.ts"
import { version } from "../../src/Version.ts"
import * as Changes from "../server/Changes.ts"
import * as TestServer from "../server/TestServer.ts"
import { keys } from "./Keys.ts"
import * as Peer from "./Peer.ts"
import * as Screen from "./Screen.ts"

interface Address {
  readonly host: string
  readonly port: number
}

interface Options {
  readonly history?: ReadonlyArray<string>
  readonly colors?: boolean
  readonly raw?: boolean
}

const start = Effect.fnUntraced(function* (address: Address, options: Options = {}) {
  const screen = Screen.make()
  const changes = Changes.make()
  const added: Array<string> = []
  let send: (event: TerminalEvent) => void = () => {}
  const terminal: Terminal = {
    listen: (onEvent) =>
      Effect.sync(() => {
        send = onEvent
      }),
    write: (text) =>
      Effect.sync(() => {
        screen.write(text)
        changes.changed()
      }),
    columns: () => 80
  }
  const history: History.History = {
    load: Effect.succeed(options.history ?? []),
    add: (line) => Effect.sync(() => void added.push(line))
  }
  const fiber = yield* Repl.run({
    connection: { host: address.host, port: address.port },
    protocol: textProtocol,
    terminal,
    history,
    colors: options.colors ?? false,
    raw: options.raw ?? false
  }).pipe(Effect.scoped, Effect.forkChild({ startImmediately: true, uninterruptible: true }))
  const lastRow = () => screen.rows().at(-1) ?? ""
  const shows = (row: string) => changes.until(() => lastRow() === row)
  const session = {
    screen,
    changes,
    added,
    fiber,
    shows,
    /** Waits for any row. */
    says: (text: string) => changes.until(() => screen.rows().includes(text)),
    send: (event: TerminalEvent) => Effect.sync(() => send(event)),
    press: (script: string) =>
      Effect.sync(() => {
        for (const key of keys(script)) send({ _tag: "Key", key })
      }),
    /** Types a line and gives what was printed until the next prompt. */
    enter: Effect.fnUntraced(function* (line: string, prompt = ">>>") {
      const before = screen.rows().length
      for (const key of keys(`${line}[return]`)) send({ _tag: "Key", key })
      yield* changes.until(() => screen.rows().length > before && lastRow() === prompt)
      return screen.rows().slice(before, -1)
    })
  }
  return session
})

const connected = Effect.fnUntraced(function* (options: Options = {}) {
  const server = yield* TestServer.start()
  const session = yield* start(server.address, options)
  yield* session.shows(">>>")
  return { server, ...session }
})

describe("a session", () => {
  it.effect("is the transcript, to the letter", () =>
    Effect.gen(function* () {
      const { enter, fiber, press, screen, server } = yield* connected()
      yield* enter("PUT mykey myvalue")
      yield* enter("GET mykey")
      yield* enter("PUT tempkey tempval 10")
      yield* enter("EXISTS tempkey")
      yield* enter("DELETE mykey")
      yield* press("QUIT[return]")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(screen.rows(), [
        `Connected to 127.0.0.1:${server.address.port}. Type 'help' for commands.`,
        ">>> PUT mykey myvalue",
        "OK stored",
        ">>> GET mykey",
        "OK myvalue",
        ">>> PUT tempkey tempval 10",
        "OK stored",
        ">>> EXISTS tempkey",
        "OK 1",
        ">>> DELETE mykey",
        "OK deleted",
        ">>> QUIT",
        "Goodbye!",
        ""
      ])
      assert.strictEqual((yield* server.stats).quits, 1)
    })
  )

  it.effect("sees keys expire", () =>
    Effect.gen(function* () {
      const { enter } = yield* connected()
      assert.deepStrictEqual(yield* enter("PUT tempkey tempval 10"), ["OK stored"])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* enter("GET tempkey"), ["ERROR key not found"])
      assert.deepStrictEqual(yield* enter("EXISTS tempkey"), ["OK 0"])
    })
  )

  it.effect("ends with Ctrl-D, and with exit", () =>
    Effect.gen(function* () {
      for (const script of ["[C-d]", "exit[return]"]) {
        const { fiber, press, screen } = yield* connected()
        yield* press(script)
        yield* Fiber.join(fiber)
        assert.strictEqual(screen.rows().at(-2), "Goodbye!")
      }
    })
  )

  it.effect("ends silently when its terminal is gone", () =>
    Effect.gen(function* () {
      const { fiber, screen, send } = yield* connected()
      yield* send({ _tag: "Gone" })
      yield* Fiber.join(fiber)
      assert.strictEqual(screen.rows().at(-1), ">>>")
    })
  )

  it.effect("ends on a new row when it is interrupted", () =>
    Effect.gen(function* () {
      const { fiber, screen } = yield* connected()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(screen.rows().slice(-2), [">>>", ""])
    })
  )

  it.effect("cancels a line with Ctrl-C, and on an empty line says how to leave", () =>
    Effect.gen(function* () {
      const { press, says, screen, server } = yield* connected()
      yield* press("PUT a 1[C-c]")
      yield* press("[C-c]")
      yield* says("To leave, type QUIT or press Ctrl-D.")
      assert.deepStrictEqual(screen.rows().slice(1, 4), [
        ">>> PUT a 1^C",
        ">>>",
        "To leave, type QUIT or press Ctrl-D."
      ])
      assert.strictEqual((yield* server.stats).store.puts, 0)
    })
  )

  it.effect("shows the candidates, and keeps the line", () =>
    Effect.gen(function* () {
      const { press, screen, shows } = yield* connected()
      yield* press("e[tab]")
      yield* shows(">>> e")
      assert.deepStrictEqual(screen.rows().slice(1), [">>> e", "EXISTS  EXPLAIN  exit", ">>> e"])
    })
  )

  it.effect("clears the screen with the command and with the key", () =>
    Effect.gen(function* () {
      const { press, screen, shows } = yield* connected()
      yield* press("status[return]clear[return]GET a")
      yield* shows(">>> GET a")
      assert.strictEqual(screen.rows().length, 1)
      yield* press("[return][up][C-l]")
      yield* shows(">>> GET a")
      assert.strictEqual(screen.rows().length, 1)
    })
  )

  it.effect("draws again when the terminal has changed its size", () =>
    Effect.gen(function* () {
      const { changes, press, screen, send, shows } = yield* connected()
      yield* press("PUT foo")
      yield* shows(">>> PUT foo <value> [ttl]")
      const before = screen.written().length
      yield* send({ _tag: "Resized" })
      yield* changes.until(() => screen.written().slice(before).includes("PUT foo <value> [ttl]"))
    })
  )

  it.effect("runs pasted lines one by one, in order", () =>
    Effect.gen(function* () {
      const { press, screen, shows } = yield* connected()
      yield* press("PUT a 1[return]GET a[return]PUT a 2[return]GET a[return]GET unfini")
      yield* shows(">>> GET unfini")
      assert.deepStrictEqual(
        screen
          .rows()
          .filter((row) => !row.startsWith(">>>"))
          .slice(1),
        ["OK stored", "OK 1", "OK stored", "OK 2"]
      )
    })
  )
})

describe("its own commands", () => {
  it.effect("time shows how long the answer took", () =>
    Effect.gen(function* () {
      const { enter } = yield* connected()
      assert.deepStrictEqual(yield* enter("time PUT a 1"), ["OK stored", "0.00 ms"])
    })
  )

  it.effect("status shows address, version, uptime and round trip", () =>
    Effect.gen(function* () {
      const { enter, server } = yield* connected()
      const status = (uptime: string) => [
        `127.0.0.1:${server.address.port}: connected, KV-Cache ${version}, up for ${uptime}, round trip 0.00 ms`
      ]
      assert.deepStrictEqual(yield* enter("status"), status("0s"))
      yield* TestClock.adjust("63 seconds")
      assert.deepStrictEqual(yield* enter("status"), status("1m 3s"))
    })
  )

  it.effect("STATS and FLUSH go to the server unchanged", () =>
    Effect.gen(function* () {
      const { enter } = yield* connected()
      assert.deepStrictEqual(yield* enter("PUT a 1"), ["OK stored"])
      const [stats = ""] = yield* enter("STATS")
      assert.match(
        stats,
        /^OK version=\S+ uptime=0 keys=1 bytes=\d+ held=\d+ hits=0 misses=0 misses_cold=0 misses_expired=0 misses_evicted=0 misses_deleted=0 evicted=0 expired=0 connections=1 auth_failures=0 unauthenticated_closed=0 tls_failures=0 defects=0$/
      )
      assert.deepStrictEqual(yield* enter("flush"), ["OK flushed"])
      assert.deepStrictEqual(yield* enter("EXISTS a"), ["OK 0"])
    })
  )

  it.effect("reconnect makes a new connection", () =>
    Effect.gen(function* () {
      const { enter, server } = yield* connected()
      assert.deepStrictEqual(yield* enter("reconnect"), [`Connected to 127.0.0.1:${server.address.port}.`])
      assert.strictEqual((yield* server.stats).accepted, 2)
      assert.deepStrictEqual(yield* enter("EXISTS a"), ["OK 0"])
    })
  )

  it.effect("a bad line is answered in the server's words, without asking it", () =>
    Effect.gen(function* () {
      const { enter, server } = yield* connected()
      // By now the server has read what the client asks on its own when it connects.
      assert.deepStrictEqual(yield* enter("EXISTS a"), ["OK 0"])
      const before = (yield* server.stats).bytesIn
      assert.strictEqual(before, "CLOCK NOW\nEXISTS a\n".length)
      assert.deepStrictEqual(yield* enter("PUT a"), ["ERROR wrong number of arguments: usage PUT <key> <value> [ttl]"])
      assert.deepStrictEqual(yield* enter("   "), [])
      assert.deepStrictEqual(yield* enter("EXISTS a"), ["OK 0"])
      assert.strictEqual((yield* server.stats).bytesIn, before + "EXISTS a\n".length)
    })
  )

  it.effect("raw shows values only", () =>
    Effect.gen(function* () {
      const { enter } = yield* connected({ raw: true })
      assert.deepStrictEqual(yield* enter("PUT a 1"), ["OK stored"])
      assert.deepStrictEqual(yield* enter("GET a"), ["1"])
      assert.deepStrictEqual(yield* enter("GET b"), ["ERROR key not found"])
    })
  )
})

describe("a server in virtual time", () => {
  const onVirtual = Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => startTestServer()),
      ({ stop }) => Effect.promise(stop)
    )
    const session = yield* start(server)
    yield* session.shows("virtual>>>")
    return { server, ...session }
  })

  it.live("has its own prompt, and a line that says why", () =>
    Effect.gen(function* () {
      const { screen, server } = yield* onVirtual
      assert.deepStrictEqual(screen.rows(), [
        `Connected to 127.0.0.1:${server.port}. Type 'help' for commands.`,
        "Time is virtual here: it is 0 ms until CLOCK moves it. See 'help CLOCK'.",
        "virtual>>>"
      ])
    }).pipe(Effect.scoped)
  )

  it.live("is moved by CLOCK, which is completed, hinted and explained there", () =>
    Effect.gen(function* () {
      const { enter, press, server, shows } = yield* onVirtual
      const ask = (line: string) => enter(line, "virtual>>>")
      assert.deepStrictEqual(yield* ask("PUT a 1 60"), ["OK stored"])
      assert.deepStrictEqual(yield* ask("CLOCK ADVANCE 59999"), ["OK 59999"])
      assert.deepStrictEqual(yield* ask("GET a"), ["OK 1"])
      assert.deepStrictEqual(yield* ask("clock set 60000"), ["OK 60000"])
      assert.deepStrictEqual(yield* ask("GET a"), ["ERROR key not found"])
      assert.deepStrictEqual(yield* ask("CLOCK SET 0"), ["ERROR the clock goes forward only: it is 60000 ms"])
      assert.deepStrictEqual(yield* ask("CLOCK"), [
        "ERROR wrong arguments: usage CLOCK NOW, CLOCK ADVANCE <ms>, CLOCK SET <ms>, CLOCK RUN [factor], CLOCK FREEZE, or CLOCK RESET"
      ])
      assert.isTrue((yield* ask("help")).some((row) => row.startsWith("  CLOCK <action>")))
      assert.strictEqual(server.now(), 60_000)
      assert.deepStrictEqual(yield* ask("CLOCK RESET"), ["OK 0"])
      assert.strictEqual(server.now(), 0)
      yield* press("cl[tab]")
      yield* shows("virtual>>> cl")
      yield* press("o[tab]a[tab]")
      yield* shows("virtual>>> CLOCK ADVANCE <ms>")
    }).pipe(Effect.scoped)
  )
})

describe("its history", () => {
  it.effect("has the lines of earlier runs and of this one, and saves the new ones", () =>
    Effect.gen(function* () {
      const { added, enter, press, shows } = yield* connected({ history: ["GET earlier"] })
      yield* enter("GET now")
      yield* enter("GET now")
      yield* enter("")
      yield* press("[up][up]")
      yield* shows(">>> GET earlier")
      yield* press("[C-c][C-r]now")
      yield* shows("(reverse-i-search)'now': GET now")
      assert.deepStrictEqual(added, ["GET now"])
    })
  )
})

describe("colours", () => {
  const written = (colors: boolean) =>
    Effect.gen(function* () {
      const { enter, press, screen, shows } = yield* connected({ colors })
      yield* enter("GET none")
      yield* enter("time EXISTS none")
      yield* press("PUT foo")
      yield* shows(">>> PUT foo <value> [ttl]")
      return screen.written()
    })

  it.effect("set off errors and hints", () =>
    Effect.gen(function* () {
      const text = yield* written(true)
      assert.include(text, "\u001b[31mERROR key not found\u001b[0m\n")
      assert.include(text, "\u001b[2m <value> [ttl]\u001b[0m")
    })
  )

  it.effect("are absent if they are not wanted", () =>
    Effect.gen(function* () {
      assert.notMatch(yield* written(false), /\u001b\[[0-9;]*m/)
    })
  )
})

describe("a server that comes and goes", () => {
  it.effect("may be down at the start: the next command connects", () =>
    Effect.gen(function* () {
      const port = yield* Peer.unusedPort
      const { enter, screen, shows } = yield* start({ host: "127.0.0.1", port })
      const refused = `Cannot connect to 127.0.0.1:${port}: connection refused; is the server running?`
      yield* shows("not connected>>>")
      assert.deepStrictEqual(screen.rows(), [refused, "Type 'help' for commands.", "not connected>>>"])
      assert.deepStrictEqual(yield* enter("GET a", "not connected>>>"), [refused])
      assert.deepStrictEqual(yield* enter("reconnect", "not connected>>>"), [refused])
      assert.deepStrictEqual(yield* enter("status", "not connected>>>"), [
        `127.0.0.1:${port}: not connected. Type 'reconnect', or any command of the server, to connect.`
      ])
      yield* TestServer.start({ port })
      assert.deepStrictEqual(yield* enter("PUT a 1"), [`Connected to 127.0.0.1:${port}.`, "OK stored"])
    })
  )

  it.effect("is reported in one sentence when it stops, and the line being typed stays", () =>
    Effect.gen(function* () {
      const { enter, press, screen, server, shows } = yield* connected()
      const { port } = server.address
      yield* press("GET a")
      yield* shows(">>> GET a")
      const before = screen.rows().length
      yield* server.close
      yield* shows("not connected>>> GET a")
      assert.deepStrictEqual(screen.rows().slice(before - 1, -1), [
        `The connection to 127.0.0.1:${port} is closed: the server closed it.`
      ])
      yield* TestServer.start({ port })
      assert.deepStrictEqual(yield* enter(""), [`Connected to 127.0.0.1:${port}.`, "ERROR key not found"])
    })
  )

  it.effect("is reported once when it stops in the middle of a command", () =>
    Effect.gen(function* () {
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", (chunk) => {
          if (String(chunk).includes("GET")) socket.destroy()
        })
      })
      const { enter, shows } = yield* start(peer)
      yield* shows(">>>")
      assert.deepStrictEqual(yield* enter("GET a", "not connected>>>"), [
        `The connection to 127.0.0.1:${peer.port} is closed: the server closed it.`
      ])
      assert.deepStrictEqual(yield* enter("status", "not connected>>>"), [
        `127.0.0.1:${peer.port}: not connected. Type 'reconnect', or any command of the server, to connect.`
      ])
    })
  )

  it.effect("may refuse one client too many, and says why", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 1 })
      yield* server.connect()
      const { says, shows } = yield* start(server.address)
      yield* says(`127.0.0.1:${server.address.port} refused the connection: too many connections: the limit is 1.`)
      yield* shows("not connected>>>")
    })
  )

  it.effect("cannot write control characters to the screen", () =>
    Effect.gen(function* () {
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", () => socket.write("ERROR \u001b[2Jgotcha\n"))
      })
      const { enter, shows } = yield* start(peer)
      yield* shows(">>>")
      assert.deepStrictEqual(yield* enter("GET a"), ["ERROR ?[2Jgotcha"])
    })
  )

  it.effect("may not answer: Ctrl-C gives up, and so does the timeout", () =>
    Effect.gen(function* () {
      const changes = Changes.make()
      let received = ""
      const peer = yield* Peer.listen((socket) => {
        socket.on("data", (chunk) => {
          received += String(chunk)
          changes.changed()
        })
      })
      const { press, says, shows } = yield* start(peer)
      yield* shows(">>>")
      yield* changes.until(() => received === "CLOCK NOW\n")
      yield* press("GET a[return]")
      yield* changes.until(() => received === "CLOCK NOW\nGET a\n")
      // The line that was typed ahead is cancelled with it.
      yield* press("GET x[return][C-c]")
      yield* says("Not waiting for the answer any more; the command may still be executed.")
      yield* shows(">>>")
      yield* press("GET b[return]")
      yield* changes.until(() => received === "CLOCK NOW\nGET a\nGET b\n")
      yield* TestClock.adjust("5 seconds")
      yield* says(`127.0.0.1:${peer.port} did not answer within 5s.`)
      yield* shows(">>>")
    })
  )
})
