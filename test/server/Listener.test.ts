/** The listening socket: what it binds, what it leaves behind, and what it says when it cannot listen. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Credentials from "../../src/auth/Credentials.ts"
import * as RawClient from "./RawClient.ts"
import * as TestServer from "./TestServer.ts"

describe("listening", () => {
  it.effect("on port 0 finds a port and says which", () =>
    Effect.gen(function* () {
      const first = yield* TestServer.start()
      const second = yield* TestServer.start()
      assert.isAbove(first.address.port, 0)
      assert.notStrictEqual(first.address.port, second.address.port)
      assert.strictEqual(first.address.host, "127.0.0.1")
      const client = yield* first.connect()
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      assert.strictEqual((yield* first.stats).accepted, 1)
      assert.strictEqual((yield* second.stats).accepted, 0)
    })
  )

  it.effect.each([
    { host: "127.0.0.1", isLoopback: true },
    { host: "127.9.9.9", isLoopback: true },
    { host: "localhost", isLoopback: true },
    { host: "0.0.0.0", isLoopback: false }
  ])("knows whether only this machine can connect: $host", ({ host, isLoopback }) =>
    Effect.gen(function* () {
      const { address } = yield* TestServer.start({ host, allowUnauthenticated: true })
      assert.strictEqual(address.isLoopback, isLoopback)
    })
  )

  it.effect("where others can connect fails without credentials, on the port for Redis's protocol too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(TestServer.start({ host: "0.0.0.0", respPort: 0 }))
      assert.strictEqual(error.code, "UNPROTECTED")
      assert.isTrue(
        error.message.startsWith("Not listening on 0.0.0.0:0 (--port), which others can reach, without credentials:")
      )
    })
  )

  it.effect("where others can connect needs no more than credentials", () =>
    Effect.gen(function* () {
      const { address } = yield* TestServer.start({ host: "0.0.0.0" })
      assert.isFalse(address.isLoopback)
    }).pipe(Effect.provide(Credentials.layer({ password: Redacted.make("given") })))
  )

  it.effect("leaves nothing behind when the scope closes, and the port can be bound again", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      yield* server.close
      assert.deepStrictEqual(yield* client.untilEnd, { text: "", reset: false })
      assert.strictEqual((yield* Effect.flip(RawClient.connect(server.address))).code, "ECONNREFUSED")
      assert.deepInclude(yield* server.stats, { open: 0, accepted: 1 })
      const again = yield* TestServer.start({ port: server.address.port })
      const other = yield* again.connect()
      assert.strictEqual(yield* other.ask("GET a\n"), "ERROR key not found\n")
    })
  )

  it.effect("on an address in use fails, naming host and port", () =>
    Effect.gen(function* () {
      const { address } = yield* TestServer.start()
      const error = yield* Effect.flip(TestServer.start({ port: address.port }))
      assert.strictEqual(error.code, "EADDRINUSE")
      assert.strictEqual(
        error.message,
        `Address already in use: another program listens on 127.0.0.1:${address.port}; ` +
          "stop it, or choose another port with --port."
      )
    })
  )

  it.effect("on an address of another machine fails, naming it", () =>
    Effect.gen(function* () {
      // An address for documentation: no machine has it.
      const error = yield* Effect.flip(TestServer.start({ host: "192.0.2.1" }))
      assert.strictEqual(error.code, "EADDRNOTAVAIL")
      assert.include(error.message, "192.0.2.1")
      assert.include(error.message, "--host")
    })
  )

  it.effect("on an unknown host fails, naming it", () =>
    Effect.gen(function* () {
      // A name that is no name is refused without asking any name server.
      const host = `${"x".repeat(64)}.invalid`
      const error = yield* Effect.flip(TestServer.start({ host }))
      assert.include(["ENOTFOUND", "EAI_AGAIN"], error.code)
      assert.strictEqual(
        error.message,
        `Unknown host: '${host}' has no address; give an address of this machine, or a name that has one, with --host.`
      )
    })
  )
})
