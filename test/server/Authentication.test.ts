/** Who a client says it is: AUTH in both protocols, what strangers may do, and what each role may. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { commands as table } from "../../src/commands/Commands.ts"
import { roleFor } from "../../src/server/Permissions.ts"
import { MOST_ANSWERS, MOST_STRANGERS } from "../../src/server/Strangers.ts"
import { bulk, converse, exchange, request, requests, wire } from "./resp/Exchanges.ts"
import * as TestServer from "./TestServer.ts"
import * as Users from "./Users.ts"

const NOAUTH = "-NOAUTH Authentication required."
const NOAUTH_HELLO =
  "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> " +
  "option can be used to authenticate the client and select the RESP protocol version at the same time"
const WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled."
const NOT_YET = "ERROR not authenticated: send AUTH <password>, or AUTH <user> <password>"
const WRONG = "ERROR wrong user or password"

const start = (options: TestServer.Options = {}) => TestServer.start({ authentication: Users.make(), ...options })

describe("AUTH in the text protocol", () => {
  it.effect("lets in whoever has a password, with a user or as the default one", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const one = yield* server.connect()
      assert.strictEqual(yield* one.ask("AUTH secret\n"), "OK authenticated\n")
      assert.strictEqual(yield* one.ask("PUT a b\nGET a\n"), "OK stored\nOK b\n")
      const two = yield* server.connect()
      assert.strictEqual(yield* two.ask("auth boss a\r\n"), "OK authenticated\n")
      assert.strictEqual(yield* two.ask("GET a\n"), "OK b\n")
    })
  )

  it.effect("answers everything else with the same line until then", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      const tried = ["GET a", "PUT a b", "NOPE", "", "STATS", "AUTH", "AUTH a b c", "PUT", "CLOCK NOW", "PING"]
      assert.strictEqual(
        yield* client.ask(tried.map((line) => `${line}\n`).join("")),
        `${NOT_YET}\n`.repeat(tried.length)
      )
      assert.strictEqual((yield* server.stats).store.keys, 0)
      assert.strictEqual(yield* client.ask("AUTH secret\nEXISTS a\n"), "OK authenticated\nOK 0\n")
    })
  )

  it.effect("closes after three failures, with one answer whether the user exists or not", () =>
    Effect.gen(function* () {
      const users = Users.make()
      const server = yield* start({ authentication: users })
      const client = yield* server.connect()
      yield* client.send("AUTH x\nAUTH boss x\nAUTH nobody a\nAUTH secret\nPUT a b\n")
      assert.deepStrictEqual(yield* client.untilEnd, { text: `${WRONG}\n`.repeat(3), reset: false })
      assert.deepStrictEqual(
        users.asked.map(({ name, password }) => [name, password]),
        [
          ["default", "x"],
          ["boss", "x"],
          ["nobody", "a"]
        ]
      )
      assert.deepStrictEqual([...new Set(users.asked.map(({ address }) => address))], ["127.0.0.1"])
      yield* server.logs.waitFor("wrong users or passwords: 1, the last one from 127.0.0.1")
    })
  )

  it.effect("has no answer but QUIT's for those who leave", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* client.send("QUIT\nAUTH secret\n")
      assert.strictEqual((yield* client.untilEnd).text, "")
    })
  )

  it.effect("says where there are no passwords", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      assert.strictEqual(
        yield* client.ask("AUTH x\nEXISTS a\n"),
        "ERROR this server has no passwords: whoever connects may do everything\nOK 0\n"
      )
    })
  )
})

describe("AUTH and HELLO in RESP", () => {
  it.effect("lets in whoever has a password", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const one = yield* server.connect()
      yield* converse(one, requests("AUTH secret", "ACL WHOAMI"), `+OK\r\n${bulk("default")}`)
      const two = yield* server.connect()
      yield* converse(two, requests("AUTH writer w", "ACL WHOAMI"), `+OK\r\n${bulk("writer")}`)
      const three = yield* server.connect()
      yield* three.send(requests("HELLO 3 AUTH reader r SETNAME me", "CLIENT GETNAME", "ACL WHOAMI", "GET a"))
      const answer = (yield* three.bytes(1)).toString("latin1")
      assert.strictEqual(answer, "%")
      yield* three.lines(30)
      assert.strictEqual(yield* three.lines(5), `${bulk("me")}${bulk("reader")}_\r\n`)
    })
  )

  it.effect("is in no log of slow commands, which strangers would fill", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const admin = yield* server.connect()
      yield* exchange(admin, "AUTH boss a", "+OK\r\n")
      yield* exchange(admin, "CONFIG SET slowlog-log-slower-than 0", "+OK\r\n")
      const stranger = yield* server.connect()
      for (const sent of ["AUTH x", "HELLO 3 AUTH boss x"]) yield* exchange(stranger, sent, `${WRONGPASS}\r\n`)
      const typed = yield* server.connect()
      assert.strictEqual(yield* typed.ask("AUTH x\n"), `${WRONG}\n`)
      // Two are that setting and the SET.
      yield* exchange(admin, "SET a b", "+OK\r\n")
      yield* exchange(admin, "SLOWLOG LEN", ":2\r\n")
    })
  )

  it.effect("refuses as Redis does, and executes nothing", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      const answers: ReadonlyArray<readonly [string, string]> = [
        ["HELLO 3", NOAUTH_HELLO],
        ["HELLO", NOAUTH_HELLO],
        ["PING", "+PONG"],
        ["PING x", NOAUTH],
        ["NOPE", NOAUTH],
        ["SET a b", NOAUTH],
        ["SELECT 1", NOAUTH],
        ["RESET", NOAUTH],
        ["MULTI", NOAUTH],
        ["SUBSCRIBE a", NOAUTH],
        ["ACL WHOAMI", NOAUTH],
        ["COMMAND", NOAUTH],
        ["AUTH a b c", "-ERR syntax error"],
        ["HELLO 9 AUTH default secret", "-NOPROTO unsupported protocol version"],
        ["HELLO 3 AUTH default", "-ERR Syntax error in HELLO"],
        ["HELLO 3 AUTH default x", WRONGPASS],
        ["AUTH nobody secret", WRONGPASS]
      ]
      for (const [sent, answer] of answers) yield* exchange(client, sent, `${answer}\r\n`)
      assert.deepStrictEqual([(yield* server.stats).store.keys], [0])
      yield* client.send(requests("AUTH x", "PING"))
      assert.deepStrictEqual(yield* client.untilEnd, { text: `${WRONGPASS}\r\n`, reset: false })
    })
  )

  it.effect("has what is sent behind an AUTH wait for the verdict, in order", () =>
    Effect.gen(function* () {
      const users = Users.make()
      users.hold()
      const server = yield* start({ authentication: users, inTurns: true })
      const client = yield* server.connect()
      const other = yield* server.connect()
      yield* client.send(requests("PING", "AUTH secret", "SELECT 1", "SET a b", "GET a", "CLIENT GETNAME"))
      yield* client.lines(1)
      // Others are answered meanwhile.
      yield* exchange(other, "PING", "+PONG\r\n")
      assert.strictEqual((yield* server.stats).store.keys, 0)
      yield* users.letGo
      assert.strictEqual(yield* client.lines(6), `${wire("+OK", "+OK", "+OK")}${bulk("b")}$-1\r\n`)
    })
  )

  it.effect("refuses what is sent behind an AUTH that fails", () =>
    Effect.gen(function* () {
      const users = Users.make()
      users.hold()
      const server = yield* start({ authentication: users, inTurns: true })
      const client = yield* server.connect()
      yield* client.send(requests("AUTH wrong", "SELECT 1", "SET a b", "INFO"))
      yield* users.letGo
      assert.strictEqual(yield* client.lines(4), wire(WRONGPASS, NOAUTH, NOAUTH, NOAUTH))
      assert.strictEqual((yield* server.stats).store.keys, 0)
    })
  )

  it.effect("stays who it is when it fails to become another", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* converse(
        client,
        requests("AUTH reader r", "AUTH boss x", "ACL WHOAMI", "SET a b", "AUTH writer w", "SET a b"),
        `+OK\r\n${WRONGPASS}\r\n${bulk("reader")}` +
          `-NOPERM User reader has no permissions to run the 'set' command\r\n+OK\r\n+OK\r\n`
      )
    })
  )

  it.effect("is a stranger again after a RESET", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* client.send(requests("AUTH reader r", "RESET", "GET a", "AUTH boss a", "SET a b"))
      assert.strictEqual(yield* client.lines(5), wire("+OK", "+RESET", NOAUTH, "+OK", "+OK"))
    })
  )

  it.effect("shows the users", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* converse(
        client,
        requests("AUTH boss a", "ACL LIST", "ACL USERS", "ACL GETUSER nobody", "ACL CAT nope"),
        `+OK\r\n*4\r\n${bulk("user default on ~* &* +@all")}${bulk("user reader on ~* &* +@all -@write -@admin")}` +
          `${bulk("user writer on ~* &* +@all -@admin")}${bulk("user boss on ~* &* +@all")}` +
          `*4\r\n${["default", "reader", "writer", "boss"].map(bulk).join("")}$-1\r\n-ERR Unknown category 'nope'\r\n`
      )
      yield* client.send(requests("CLIENT INFO"))
      yield* client.lines(1)
      assert.include(yield* client.lines(1), " user=boss ")
      yield* client.lines(1)
      yield* converse(
        client,
        requests("CLIENT KILL USER reader", "CLIENT KILL USER me"),
        ":0\r\n-ERR No such user 'me'\r\n"
      )
    })
  )
})

describe("a role", () => {
  it.effect("decides what may be done", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const may = Effect.fnUntraced(function* (credentials: string, sent: string) {
        const client = yield* server.connect()
        yield* exchange(client, `AUTH ${credentials}`, "+OK\r\n")
        yield* client.send(requests(sent))
        return !(yield* client.lines(1)).startsWith("-NOPERM")
      })
      for (const [sent, ...expected] of [
        ["GET a", true, true, true],
        ["INFO", true, true, true],
        ["SUBSCRIBE a", true, true, true],
        ["CLIENT TRACKING ON", true, true, true],
        ["SET a b", false, true, true],
        ["FLUSHALL", false, true, true],
        ["FLUSH", false, true, true],
        ["CONFIG GET port", false, false, true],
        ["CLIENT KILL ID 77", false, false, true],
        ["CLIENT LIST", false, false, true],
        ["ACL LIST", false, false, true],
        ["MONITOR", false, false, true],
        ["SLOWLOG GET", false, false, true]
      ] as const) {
        const actual: Array<boolean> = []
        for (const credentials of ["reader r", "writer w", "boss a"]) actual.push(yield* may(credentials, sent))
        assert.deepStrictEqual([sent, ...actual], [sent, ...expected])
      }
    })
  )

  it.effect("is said in a line, too", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      assert.strictEqual(
        yield* client.ask("AUTH reader r\nGET a\nPUT a b\nFLUSH\nGET a\n"),
        "OK authenticated\nERROR key not found\n" +
          "ERROR no permission: PUT takes the role write, and reader has read\n" +
          "ERROR no permission: FLUSH takes the role write, and reader has read\nERROR key not found\n"
      )
    })
  )

  it.effect("keeps a transaction from being executed that has what it forbids", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* converse(
        client,
        requests("AUTH reader r", "MULTI", "SET a b", "GET a", "EXEC", "MULTI", "GET a", "EXEC"),
        wire("+OK", "+OK", "-NOPERM User reader has no permissions to run the 'set' command", "+QUEUED") +
          wire("-EXECABORT Transaction discarded because of previous errors.", "+OK", "+QUEUED", "*1", "$-1")
      )
    })
  )

  it.effect("is looked at again when a transaction is executed", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* converse(
        client,
        requests("AUTH boss a", "MULTI", "SET a b", "AUTH reader r", "SET a c", "GET a", "EXEC"),
        wire("+OK", "+OK", "+QUEUED", "+QUEUED", "+QUEUED", "+QUEUED", "*4", "+OK", "+OK") +
          `-NOPERM User reader has no permissions to run the 'set' command\r\n${bulk("b")}`
      )
    })
  )

  it.effect("is looked at before what may be sent while it listens", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* client.send(requests("AUTH reader r", "SUBSCRIBE a", "SET a b"))
      assert.strictEqual(
        yield* client.lines(8),
        `+OK\r\n*3\r\n${bulk("subscribe")}${bulk("a")}:1\r\n-NOPERM User reader has no permissions to run the 'set' command\r\n`
      )
    })
  )

  it.effect("stays what it was for those who are there when the users change", () =>
    Effect.gen(function* () {
      const users = Users.make()
      const server = yield* start({ authentication: users })
      const client = yield* server.connect()
      yield* converse(client, requests("AUTH writer w", "SET a b"), "+OK\r\n+OK\r\n")
      users.replace([Users.user("default", "admin", "other")])
      yield* converse(client, requests("SET a c", "ACL WHOAMI"), `+OK\r\n${bulk("writer")}`)
      const next = yield* server.connect()
      yield* exchange(next, "AUTH writer w", `${WRONGPASS}\r\n`)
      yield* exchange(next, "AUTH other", "+OK\r\n")
    })
  )

  it("follows from the flags of every command", () => {
    const named = (role: string) => table.filter((entry) => roleFor(entry) === role).map(({ name }) => name)
    assert.includeMembers(named("admin"), ["CONFIG|SET", "MONITOR", "CLIENT|KILL", "ACL|LIST", "CLOCK", "DEBUG|SLEEP"])
    assert.includeMembers(named("write"), ["SET", "PUT", "DEL", "EXPIRE", "FLUSHALL", "GETDEL", "COPY", "RENAME"])
    assert.includeMembers(named("read"), ["GET", "MGET", "KEYS", "SCAN", "TTL", "STATS", "AUTH", "MULTI", "WATCH"])
  })
})

describe("a stranger", () => {
  it.effect("is closed after five seconds, but not while its password is checked", () =>
    Effect.gen(function* () {
      const users = Users.make()
      const server = yield* start({ authentication: users })
      const silent = yield* server.connect()
      const asking = yield* server.connect()
      const known = yield* server.connect()
      yield* exchange(known, "AUTH secret", "+OK\r\n")
      users.hold()
      yield* TestClock.adjust("4999 millis")
      yield* exchange(asking, "PING", "+PONG\r\n")
      yield* exchange(silent, "PING", "+PONG\r\n")
      yield* asking.send(request("AUTH", "secret"))
      yield* server.quiet
      yield* TestClock.adjust("1 second")
      yield* silent.closed
      yield* users.letGo
      assert.strictEqual(yield* asking.lines(1), "+OK\r\n")
      yield* TestClock.adjust("1 minute")
      yield* exchange(asking, "GET a", "$-1\r\n")
      yield* exchange(known, "GET a", "$-1\r\n")
    })
  )

  it.effect("has the rest of its five seconds after a failure", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* TestClock.adjust("3 seconds")
      yield* exchange(client, "AUTH wrong", `${WRONGPASS}\r\n`)
      yield* TestClock.adjust("1999 millis")
      yield* exchange(client, "PING", "+PONG\r\n")
      yield* TestClock.adjust("1 millis")
      yield* client.closed
    })
  )

  it.effect("may send lines and strings of 512 bytes", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const end = Effect.fnUntraced(function* (sent: string) {
        const client = yield* server.connect()
        yield* client.send(sent)
        return (yield* client.untilEnd).text
      })
      assert.strictEqual(yield* end("x".repeat(512)), "ERROR line too long: a request has fewer than 512 bytes\n")
      assert.strictEqual(yield* end("*11\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n")
      assert.strictEqual(yield* end("*2\r\n$513\r\n"), "-ERR Protocol error: unauthenticated bulk length\r\n")
      const client = yield* server.connect()
      yield* exchange(client, `AUTH ${"x".repeat(512)}`, `${WRONGPASS}\r\n`)
      yield* exchange(client, "AUTH secret", "+OK\r\n")
      yield* exchange(client, `SET a ${"x".repeat(100_000)}`, "+OK\r\n")
    })
  )

  it.effect("takes no place of those who have said who they are", () =>
    Effect.gen(function* () {
      const server = yield* start({ maxConnections: 2 })
      const strangers = yield* Effect.forEach([1, 2, 3], () => server.connect())
      const known = yield* Effect.forEach([1, 2], () => server.connect())
      for (const client of known) yield* exchange(client, "AUTH secret", "+OK\r\n")
      for (const client of strangers) yield* exchange(client, "PING", "+PONG\r\n")
      const [late] = strangers
      assert.isDefined(late)
      yield* late.send(requests("AUTH secret", "PING"))
      assert.strictEqual((yield* late.untilEnd).text, "-ERR max number of clients reached\r\n")
      assert.strictEqual((yield* server.stats).refused, 1)
    })
  )

  it.effect("that is silent makes room for others when there are too many", () =>
    Effect.gen(function* () {
      const users = Users.make()
      const server = yield* start({ authentication: users, inTurns: true })
      users.hold()
      const waiting = yield* server.connect()
      yield* waiting.send(request("AUTH", "secret"))
      const silent = yield* Effect.forEach(Array.from({ length: MOST_STRANGERS - 1 }), () => server.connect())
      const next = yield* server.connect()
      yield* silent[0]?.closed ?? assert.fail("nobody connected")
      yield* exchange(next, "PING", "+PONG\r\n")
      yield* exchange(silent[1] ?? assert.fail("nobody connected"), "PING", "+PONG\r\n")
      yield* users.letGo
      assert.strictEqual(yield* waiting.lines(1), "+OK\r\n")
    })
  )

  it.effect("is given a number of answers", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* server.connect()
      yield* client.send("\n".repeat(1000))
      assert.strictEqual((yield* client.untilEnd).text, `${NOT_YET}\n`.repeat(MOST_ANSWERS))
    })
  )
})
