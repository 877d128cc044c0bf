/** The port that speaks nothing but Redis's protocol, and the main one, which tells the two protocols apart. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestServer from "./TestServer.ts"

const ask = Effect.fnUntraced(function* (
  client: Effect.Success<ReturnType<TestServer.TestServer["connect"]>>,
  request: string,
  reply: string
) {
  yield* client.send(request)
  assert.strictEqual((yield* client.bytes(reply.length)).toString("latin1"), reply)
})

describe("the port for Redis's protocol", () => {
  it.effect("takes arrays and inline commands, and has the keys of the other port", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ respPort: 0 })
      assert.notStrictEqual(server.respAddress?.port, server.address.port)
      const text = yield* server.connect()
      assert.strictEqual(yield* text.ask("PUT a 1\n"), "OK stored\n")
      const client = yield* server.connectResp()
      yield* ask(client, "GET a\r\n", "$1\r\n1\r\n")
      yield* ask(client, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "$1\r\n1\r\n")
      yield* ask(client, "SET b 'x y'\n", "+OK\r\n")
      yield* ask(client, "FOO a 1\n", "-ERR unknown command 'FOO', with args beginning with: 'a' '1' \r\n")
      const other = yield* server.connect()
      yield* ask(other, "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n", "$3\r\nx y\r\n")
      yield* ask(other, "GET b\r\n", "$3\r\nx y\r\n")
    })
  )

  it.effect("is not there unless it was asked for", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      assert.isUndefined(server.respAddress)
      const client = yield* server.connect()
      assert.include(yield* client.ask("SET a 1\n"), "ERROR unknown command 'SET'")
    })
  )

  it.effect("says what was wrong and closes, after the replies before it", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ respPort: 0 })
      const client = yield* server.connectResp()
      yield* client.send("PING\r\n*1\r\nPING\r\nPING\r\n")
      assert.deepStrictEqual(yield* client.untilEnd, {
        text: "+PONG\r\n-ERR Protocol error: expected '$', got 'P'\r\n",
        reset: false
      })
      assert.deepInclude(yield* server.stats, { protocolErrors: 1 })
    })
  )

  it.effect("closes when a browser speaks, and warns once", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ respPort: 0 })
      for (const request of ["POST / HTTP/1.1\r\nHost: a\r\n\r\nSET a 1\r\n", "*1\r\n$5\r\nhost:\r\nSET a 1\r\n"]) {
        const client = yield* server.connectResp()
        yield* client.send(request)
        assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      }
      const client = yield* server.connectResp()
      yield* client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nSET a 1\r\n")
      assert.strictEqual((yield* client.untilEnd).text, "-ERR wrong number of arguments for 'get' command\r\n")
      const witness = yield* server.connectResp()
      yield* ask(witness, "GET a\r\n", "$-1\r\n")
      assert.strictEqual(server.logs.startingWith("a client spoke HTTP").length, 1)
    })
  )

  it.effect("refuses clients over the limit as Redis does", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ respPort: 0, maxConnections: 1 })
      const client = yield* server.connectResp()
      yield* ask(client, "PING\r\n", "+PONG\r\n")
      const surplus = yield* server.connectResp()
      assert.strictEqual((yield* surplus.untilEnd).text, "-ERR max number of clients reached\r\n")
      const other = yield* server.connect()
      assert.include((yield* other.untilEnd).text, "ERROR too many connections")
    })
  )

  it.effect("cannot be the same as the other one, nor one in use", () =>
    Effect.gen(function* () {
      const { address } = yield* TestServer.start()
      const same = yield* Effect.flip(TestServer.start({ port: address.port, respPort: address.port }))
      assert.include(same.message, `--port and --resp-port are both ${address.port}`)
      const used = yield* Effect.flip(TestServer.start({ respPort: address.port }))
      assert.strictEqual(used.code, "EADDRINUSE")
      assert.include(used.message, "choose another port with --resp-port")
    })
  )
})
