/** One connection over a real socket: bytes in, bytes out, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { entryBytes } from "../../src/engine/Engine.ts"
import { version } from "../../src/Version.ts"
import * as TestServer from "./TestServer.ts"

const EXPECTED_NAMES = "PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT"

/** A session with every command and every kind of answer. */
const session = [
  ["PUT test hello", "OK stored"],
  ["GET test", "OK hello"],
  ["get test", "OK hello"],
  ["EXISTS test", "OK 1"],
  ["PUT test world 60", "OK stored"],
  ["\tGET \t test  ", "OK world"],
  ["DELETE test", "OK deleted"],
  ["DELETE test", "ERROR key not found"],
  ["GET test", "ERROR key not found"],
  ["EXISTS test", "OK 0"],
  ["GET TEST", "ERROR key not found"],
  ["", `ERROR empty line: expected ${EXPECTED_NAMES}`],
  ["FLY away", `ERROR unknown command 'FLY': expected ${EXPECTED_NAMES}`],
  ["GET", "ERROR wrong number of arguments: usage GET <key>"],
  ["PUT a b 1e3", "ERROR ttl must be a whole number of seconds from 0 to 2147483647"],
  ["QUIT now", "ERROR wrong number of arguments: usage QUIT"]
] as const

const requestsWith = (end: string): string => session.map(([request]) => request + end).join("")
const replies = session.map(([, reply]) => `${reply}\n`).join("")

const PUTS = 2
const GETS = 5
const DELETES = 2
const EXISTENCES = 2
const ERRORS = 5

describe("a session", () => {
  it.effect.each([
    { name: "lines that end in LF", end: "\n" },
    { name: "lines that end in CRLF", end: "\r\n" }
  ])("answers every command, byte for byte: $name", ({ end }) =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      for (const [request, reply] of session) assert.strictEqual(yield* client.ask(request + end), `${reply}\n`)
      yield* client.send(`QUIT${end}`)
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })

      const stats = yield* server.stats
      assert.strictEqual(stats.bytesIn, requestsWith(end).length + `QUIT${end}`.length)
      assert.strictEqual(stats.bytesOut, replies.length)
      assert.strictEqual(stats.quits, 1)
      assert.strictEqual(stats.protocolErrors, ERRORS)
      assert.deepInclude(stats.store, {
        keys: 0,
        puts: PUTS,
        gets: GETS,
        hits: 3,
        misses: 2,
        deletes: DELETES,
        existences: EXISTENCES,
        deleted: 1,
        replaced: 1
      })
    })
  )

  it.effect("is the same when it comes one byte at a time", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      for (const byte of requestsWith("\r\n")) {
        yield* client.sendFlushed(byte)
        // Until the server has read it by itself.
        yield* server.quiet
      }
      assert.strictEqual(yield* client.lines(session.length), replies)
      const stats = yield* server.stats
      assert.strictEqual(stats.bytesIn, requestsWith("\r\n").length)
      assert.strictEqual(stats.protocolErrors, ERRORS)
      assert.deepInclude(stats.store, { puts: PUTS, gets: GETS, deletes: DELETES, existences: EXISTENCES })
    })
  )

  it.effect("survives bytes that are no text, and stays usable", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      assert.strictEqual(
        yield* client.ask("\u0000\u00ff\u0007\n"),
        `ERROR unknown command '???': expected ${EXPECTED_NAMES}\n`
      )
      assert.strictEqual(
        yield* client.ask("PUT k\u00e9y v\n"),
        "ERROR key must be 1 to 256 printable ASCII characters without whitespace\n"
      )
      assert.strictEqual(yield* client.ask("PUT a 1\nGET a\n"), "OK stored\nOK 1\n")
      assert.deepInclude((yield* server.stats).store, { keys: 1, puts: 1 })
    })
  )
})

describe("pipelining", () => {
  const COUNT = 10_000
  const requests = Array.from({ length: COUNT / 2 }, (_, i) => `PUT key${i} value${i}\nGET key${i}\n`).join("")
  const answers = Array.from({ length: COUNT / 2 }, (_, i) => `OK stored\nOK value${i}\n`).join("")

  it.effect("answers 10,000 commands of one write, in order", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(requests)
      assert.isTrue((yield* client.lines(COUNT)) === answers)
      const stats = yield* server.stats
      assert.deepInclude(stats, { bytesIn: requests.length, bytesOut: answers.length, protocolErrors: 0 })
      assert.deepInclude(stats.store, { puts: COUNT / 2, gets: COUNT / 2, hits: COUNT / 2, misses: 0 })
    })
  )

  it.effect("answers 10,000 commands that come in pieces that end anywhere", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      // 997 is a prime, so the pieces end at every place of a line.
      for (let at = 0; at < requests.length; at += 997) {
        yield* client.sendFlushed(requests.slice(at, at + 997))
        yield* server.quiet
      }
      assert.isTrue((yield* client.lines(COUNT)) === answers)
      const stats = yield* server.stats
      assert.deepInclude(stats, { bytesIn: requests.length, bytesOut: answers.length, protocolErrors: 0 })
      assert.deepInclude(stats.store, { puts: COUNT / 2, gets: COUNT / 2, hits: COUNT / 2, misses: 0 })
    })
  )
})

describe("QUIT", () => {
  it.effect("sends all earlier replies, closes, and executes nothing after it", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const puts = Array.from({ length: 5000 }, (_, i) => `PUT key${i} value\n`).join("")
      // So much is unread when the server closes its side, that closing the socket at once would reset the connection
      // and lose replies.
      const after = "PUT after QUIT\n".repeat(20_000)
      yield* client.send(`${puts}QUIT\n${after}`)
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      assert.isTrue(text === "OK stored\n".repeat(5000))
      const stats = yield* server.stats
      assert.deepInclude(stats, { quits: 1, protocolErrors: 0, bytesOut: text.length })
      assert.deepInclude(stats.store, { puts: 5000, keys: 5000 })
    })
  )

  it.effect("executes nothing that comes in a later packet either", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect({ keepOpen: true })
      yield* client.send("PUT a 1\nQUIT\n")
      assert.deepStrictEqual(yield* client.untilEnd, { text: "OK stored\n", reset: false })
      yield* client.sendFlushed("DELETE a\n")
      yield* client.endSide
      yield* client.closed
      yield* server.logs.waitFor("connection closed")
      const stats = yield* server.stats
      assert.deepInclude(stats, { quits: 1, open: 0, bytesOut: 10 })
      assert.deepInclude(stats.store, { keys: 1, deletes: 0 })
    })
  )

  it.effect("does not wait for ever for a client that keeps its side open", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect({ keepOpen: true })
      yield* client.send("QUIT\n")
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      assert.strictEqual((yield* server.stats).open, 1)
      yield* TestClock.adjust("1 second")
      yield* server.logs.waitFor("connection closed by the server")
      assert.deepInclude(yield* server.stats, { open: 0, idled: 0 })
    })
  )
})

describe("the end of a client's side", () => {
  it.effect("is answered with all replies; bytes without a newline are not executed", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(`${"PUT a 1\nGET a\n".repeat(1000)}PUT b 2`)
      yield* client.endSide
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      assert.isTrue(text === "OK stored\nOK 1\n".repeat(1000))
      yield* client.closed
      yield* server.logs.waitFor("connection closed by the client")
      const stats = yield* server.stats
      assert.deepInclude(stats, { open: 0, accepted: 1, protocolErrors: 0, bytesOut: text.length })
      assert.deepInclude(stats.store, { puts: 1000, gets: 1000, keys: 1 })
    })
  )

  it.effect("with nothing sent is a close and no error", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.endSide
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      yield* server.logs.waitFor("connection closed by the client")
      assert.deepInclude(yield* server.stats, { open: 0, accepted: 1, bytesIn: 0, bytesOut: 0, protocolErrors: 0 })
    })
  )

  it.effect("as a reset, in the middle of a line, harms nobody else", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const other = yield* server.connect()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* server.connect()
          assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
          yield* client.sendFlushed("PUT b")
        })
      )
      yield* server.logs.waitFor("connection closed by the client")
      assert.strictEqual(yield* other.ask("GET a\nGET b\n"), "OK 1\nERROR key not found\n")
      assert.deepInclude(yield* server.stats, { open: 1, accepted: 2 })
    })
  )
})

describe("a line that has no end", () => {
  it.effect("of 4096 bytes gets one ERROR, and the connection is closed", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(`PUT a 1\n${"x".repeat(4096)}`)
      const expected = "OK stored\nERROR line too long: a request has fewer than 4096 bytes\n"
      assert.deepStrictEqual(yield* client.untilEnd, { text: expected, reset: false })
      assert.deepInclude(yield* server.stats, { protocolErrors: 1, bytesOut: expected.length })
    })
  )

  it.effect("ends the connection even if its newline follows, and nothing after it is executed", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(`${"x".repeat(4096)}\n${"PUT a 1\n".repeat(10_000)}`)
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      assert.strictEqual(text, "ERROR line too long: a request has fewer than 4096 bytes\n")
      const stats = yield* server.stats
      assert.strictEqual(stats.protocolErrors, 1)
      assert.deepInclude(stats.store, { puts: 0, keys: 0 })
    })
  )

  it.effect("of 4095 bytes is only a bad line", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      assert.strictEqual(
        yield* client.ask(`${"x".repeat(4095)}\nPUT a 1\n`),
        `ERROR unknown command '${"x".repeat(32)}': expected ${EXPECTED_NAMES}\nOK stored\n`
      )
      assert.deepInclude(yield* server.stats, { protocolErrors: 1, open: 1 })
    })
  )
})

describe("STATS", () => {
  it.effect("says on one line what the server is and holds", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxKeys: 3, expireInterval: Duration.days(30) })
      const client = yield* server.connect()
      const { held: heldEmpty } = (yield* server.stats).store
      assert.isAbove(heldEmpty, 0)
      const turnedAway = "auth_failures=0 unauthenticated_closed=0 tls_failures=0"
      const empty = `keys=0 bytes=0 held=${heldEmpty} hits=0 misses=0 misses_cold=0 misses_expired=0 misses_evicted=0 misses_deleted=0 evicted=0 expired=0`
      assert.strictEqual(
        yield* client.ask("STATS\n"),
        `OK version=${version} uptime=0 ${empty} connections=1 ${turnedAway} defects=0\n`
      )
      yield* TestClock.adjust("1999 millis")
      yield* server.connect()
      yield* client.ask("PUT a 1 1\nPUT b 2\nPUT c 3\nGET b\nGET b\nGET x\n")
      yield* TestClock.adjust("2 seconds")
      yield* client.ask("EXISTS a\nPUT d 4\nPUT e 5\n")
      const bytes = 3 * entryBytes(1, 1, false)
      const { held } = (yield* server.stats).store
      assert.strictEqual(
        yield* client.ask("stats\n"),
        `OK version=${version} uptime=3 keys=3 bytes=${bytes} held=${held} hits=2 misses=1 misses_cold=1 misses_expired=0 misses_evicted=0 misses_deleted=0 evicted=1 expired=1 connections=2 ${turnedAway} defects=0\n`
      )
    })
  )

  it.effect("is answered in its place", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const text = yield* client.ask("PUT a 1\nSTATS\nDELETE a\nSTATS\nGET a\n")
      const keys = text.split("\n").map((line) => /keys=\d+/.exec(line)?.[0] ?? line)
      assert.deepStrictEqual(keys, ["OK stored", "keys=1", "OK deleted", "keys=0", "ERROR key not found", ""])
    })
  )

  it.effect("may be asked for many times in one write", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const count = 3000
      const lines = (yield* client.ask("STATS\nEXISTS a\n".repeat(count))).split("\n")
      assert.strictEqual(lines.length, 2 * count + 1)
      assert.strictEqual(new Set(lines).size, 3)
    })
  )
})

describe("FLUSH", () => {
  it.effect("removes every key, for all clients, and nothing is left of their deadlines", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ expireInterval: Duration.millis(1) })
      const client = yield* server.connect()
      const other = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT a 1\nPUT b 2 10\nPUT c 3 1\n"), "OK stored\n".repeat(3))
      assert.strictEqual(
        yield* client.ask("GET a\nFLUSH\nGET a\nPUT b 4\n"),
        "OK 1\nOK flushed\nERROR key not found\nOK stored\n"
      )
      assert.strictEqual(yield* other.ask("EXISTS a\nGET b\n"), "OK 0\nOK 4\n")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* other.ask("GET b\nflush\nFLUSH\n"), "OK 4\nOK flushed\nOK flushed\n")
      assert.deepInclude((yield* server.stats).store, {
        keys: 0,
        bytes: 0,
        flushes: 3,
        expired: 0,
        deleted: 0,
        evicted: 0
      })
    })
  )

  it.effect("leaves a cache in which keys expire as before, also those that are due earlier than what was there", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ expireInterval: Duration.millis(1) })
      const client = yield* server.connect()
      yield* client.ask("PUT a 1 3600\nFLUSH\nPUT b 2 5\n")
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude((yield* server.stats).store, { keys: 0, expired: 1 })
    })
  )
})

describe("a browser", () => {
  const REPLY = "ERROR this server does not speak HTTP\n"
  const TEXT = "This port speaks KV-Cache's protocol, not HTTP: lines such as PUT <key> <value> and GET <key>.\n"
  const RESPONSE = [
    "HTTP/1.1 400 Bad Request",
    "Content-Type: text/plain",
    `Content-Length: ${TEXT.length}`,
    "Connection: close",
    "",
    TEXT
  ].join("\r\n")

  it.effect.each([
    { name: "GET", request: "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", reply: RESPONSE },
    { name: "POST", request: "POST / HTTP/1.1\r\n\r\n", reply: RESPONSE },
    { name: "a method that is a command", request: "DELETE a HTTP/1.1\r\n\r\n", reply: RESPONSE },
    { name: "a Host header as first line", request: "hOsT: localhost\r\n\r\n", reply: REPLY }
  ])("cannot write: $name", ({ reply, request }) =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(`${request}PUT a 1\nPUT b 2\n`)
      assert.deepStrictEqual(yield* client.untilEnd, { text: reply, reset: false })
      const stats = yield* server.stats
      assert.deepInclude(stats, { protocolErrors: 1, bytesOut: reply.length })
      assert.deepInclude(stats.store, { puts: 0, gets: 0, deletes: 0, keys: 0 })
    })
  )

  it.effect.each([{ method: "GET" }, { method: "HEAD" }, { method: "POST", body: "PUT a 1\n".repeat(1000) }])(
    "is told what this port is, as it is used to: $method",
    (request) =>
      Effect.gen(function* () {
        const { address, stats } = yield* TestServer.start()
        const [response, text] = yield* Effect.promise(async () => {
          const answer = await fetch(`http://${address.host}:${address.port}/`, request)
          return [answer, await answer.text()] as const
        })
        assert.strictEqual(response.status, 400)
        assert.strictEqual(response.headers.get("content-type"), "text/plain")
        assert.strictEqual(text, request.method === "HEAD" ? "" : TEXT)
        assert.deepInclude((yield* stats).store, { puts: 0, keys: 0 })
      })
  )

  it.effect("is cut off in the middle of a session too, and the log says it once for all of them", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      for (const request of ["POST /\n", "Host: x\n", "post\n"]) {
        const client = yield* server.connect()
        assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
        yield* client.send(`${request}DELETE a\n`)
        assert.deepStrictEqual(yield* client.untilEnd, { text: REPLY, reset: false })
      }
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("GET a\n"), "OK 1\n")
      const warnings = server.logs.lines.filter((line) => line.level === "Warn")
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0]?.message, "HTTP")
      const stats = yield* server.stats
      assert.strictEqual(stats.protocolErrors, 3)
      assert.deepInclude(stats.store, { puts: 3, deletes: 0, keys: 1 })
    })
  )
})
