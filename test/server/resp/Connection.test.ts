/** The commands that concern the connection, over real sockets, to the byte. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { version } from "../../../src/Version.ts"
import * as TestServer from "../TestServer.ts"
import { bulk, exchange, request, textOf } from "./Exchanges.ts"

describe("a connection that speaks RESP", () => {
  it.effect("says hello in the version that is asked for", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const facts = (protocol: 2 | 3) =>
        `${bulk("server")}${bulk("redis")}${bulk("version")}${bulk("7.4.0")}${bulk("proto")}:${protocol}\r\n` +
        `${bulk("id")}:1\r\n${bulk("mode")}${bulk("standalone")}${bulk("role")}${bulk("master")}${bulk("modules")}` +
        `*0\r\n${bulk("kv_cache_version")}${bulk(version)}`
      yield* exchange(client, "HELLO", `*16\r\n${facts(2)}`)
      yield* exchange(client, "hello 3", `%8\r\n${facts(3)}`)
      yield* exchange(client, "CLIENT GETNAME", "_\r\n")
      yield* exchange(client, "HELLO 2 AUTH default any SETNAME me", `*16\r\n${facts(2)}`)
      yield* exchange(client, "CLIENT GETNAME", bulk("me"))
    })
  )

  it.effect("refuses a hello as Redis does, and stays what it was", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* exchange(client, "HELLO 4", "-NOPROTO unsupported protocol version\r\n")
      yield* exchange(client, "HELLO x", "-ERR Protocol version is not an integer or out of range\r\n")
      yield* exchange(client, "HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n")
      yield* exchange(client, "HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n")
      yield* exchange(
        client,
        "HELLO 3 AUTH nobody x SETNAME me",
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
      )
      yield* client.send(request("HELLO", "3", "SETNAME", "a b"))
      assert.strictEqual(
        yield* client.lines(1),
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"
      )
      yield* exchange(client, "CLIENT GETNAME", "$-1\r\n")
    })
  )

  it.effect("has no password yet", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* exchange(
        client,
        "AUTH secret",
        "-ERR AUTH <password> called without any password configured for the default user. " +
          "Are you sure your configuration is correct?\r\n"
      )
      yield* exchange(client, "AUTH default secret", "+OK\r\n")
      yield* exchange(
        client,
        "AUTH nobody secret",
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
      )
      yield* exchange(client, "AUTH a b c", "-ERR syntax error\r\n")
    })
  )

  it.effect("echoes, and quits with an answer, after which nothing is executed", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(request("ECHO", "a\r\nb\xff") + request("QUIT") + request("ECHO", "x"))
      assert.strictEqual((yield* client.untilEnd).text, `${bulk("a\r\nb\xff")}+OK\r\n`)
    })
  )

  it.effect("is as it was at first after a RESET", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(request("HELLO", "3", "SETNAME", "me"))
      yield* client.lines(30)
      yield* exchange(client, "SELECT 5", "+OK\r\n")
      yield* exchange(client, "SET key value", "+OK\r\n")
      yield* exchange(client, "RESET", "+RESET\r\n")
      yield* exchange(client, "CLIENT GETNAME", "$-1\r\n")
      yield* exchange(client, "GET key", "$-1\r\n")
    })
  )

  it.effect("names itself and its library", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* exchange(client, "CLIENT SETNAME worker-1", "+OK\r\n")
      yield* exchange(client, "CLIENT SETINFO LIB-NAME ioredis", "+OK\r\n")
      yield* exchange(client, "CLIENT SETINFO lib-ver 5.4.1", "+OK\r\n")
      yield* exchange(client, "CLIENT SETINFO foo bar", "-ERR Unrecognized option 'foo'\r\n")
      yield* client.send(request("CLIENT", "SETINFO", "LIB-NAME", "a b"))
      assert.strictEqual(
        yield* client.lines(1),
        "-ERR LIB-NAME cannot contain spaces, newlines or special characters.\r\n"
      )
      assert.match(
        yield* textOf(client, "CLIENT INFO"),
        /^id=1 addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ fd=\d+ name=worker-1 age=0 idle=0 flags=N db=0 .* cmd=client\|info user=default redir=-1 resp=2 lib-name=ioredis lib-ver=5\.4\.1\n$/
      )
    })
  )

  it.effect("lists clients, those of the text protocol too", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const text = yield* server.connect()
      yield* text.ask("EXISTS key\n")
      const client = yield* server.connect()
      const ids = (list: string) => Array.from(list.matchAll(/^id=(\d+) /gm), ([, id]) => Number(id))
      const all = yield* textOf(client, "CLIENT LIST")
      assert.deepStrictEqual(ids(all), [1, 2])
      assert.include(all, "cmd=exists")
      assert.deepStrictEqual(ids(yield* textOf(client, "CLIENT LIST ID 1 7")), [1])
      assert.deepStrictEqual(ids(yield* textOf(client, "CLIENT LIST TYPE normal")), [1, 2])
      assert.strictEqual(yield* textOf(client, "CLIENT LIST TYPE pubsub"), "")
      yield* exchange(client, "CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'\r\n")
      yield* exchange(client, "CLIENT LIST foo", "-ERR syntax error\r\n")
      yield* exchange(client, "CLIENT LIST ID x", "-ERR Invalid client ID\r\n")
    })
  )

  it.effect("kills others by number and address, and itself after the answer", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* exchange(client, "CLIENT ID", ":1\r\n")
      const other = yield* server.connect()
      yield* exchange(other, "CLIENT ID", ":2\r\n")
      yield* exchange(client, "CLIENT KILL ID 2", ":1\r\n")
      yield* other.closed
      yield* exchange(client, "CLIENT KILL ID 2", ":0\r\n")
      const third = yield* server.connect()
      const address = /addr=(\S+)/.exec(yield* textOf(third, "CLIENT INFO"))?.[1] ?? ""
      yield* exchange(client, `CLIENT KILL ${address}`, "+OK\r\n")
      yield* third.closed
      yield* exchange(client, `CLIENT KILL ${address}`, "-ERR No such client\r\n")
      yield* exchange(client, "CLIENT KILL TYPE normal SKIPME yes", ":0\r\n")
      yield* exchange(client, "CLIENT KILL ID 0", "-ERR client-id should be greater than 0\r\n")
      yield* exchange(client, "CLIENT KILL FOO 1", "-ERR syntax error\r\n")
      yield* exchange(client, "CLIENT KILL USER me", "-ERR No such user 'me'\r\n")
      yield* client.send(request("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") + request("PING"))
      assert.strictEqual((yield* client.untilEnd).text, ":1\r\n")
    })
  )
})
