/** Clients of others and our own over TLS: openssl, redis-cli, ioredis, node-redis, and what our client says where it cannot. */
import { execFile } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Util from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Redis as IoRedis } from "ioredis"
import { createClient } from "redis"
import { afterAll, beforeAll } from "vitest"
import { Client } from "../../src/client/Client.ts"
import * as Certificates from "../server/Certificates.ts"
import * as TestServer from "../server/TestServer.ts"

const run = Util.promisify(execFile)

let made: Certificates.Certificates
let ca: string

beforeAll(async () => {
  made = await Certificates.make()
  ca = await Fs.readFile(made.ca, "latin1")
}, 60_000)

afterAll(() => Certificates.remove(made))

const start = (certificate = made.server, options: TestServer.Options = {}) =>
  Effect.map(
    TestServer.start({ tlsPort: 0, tlsCert: certificate.cert, tlsKey: certificate.key, inTurns: true, ...options }),
    (server) => ({ server, port: server.tlsAddress?.port ?? assert.fail("there is no such port") })
  )

describe("over TLS", () => {
  it.live("openssl s_client and redis-cli", () =>
    Effect.gen(function* () {
      const { port } = yield* start()
      const asked = run("openssl", [
        "s_client",
        "-quiet",
        "-verify_quiet",
        "-verify_return_error",
        "-CAfile",
        made.ca,
        "-connect",
        `127.0.0.1:${port}`
      ])
      asked.child.stdin?.end("PUT a 1\nGET a\nQUIT\n")
      assert.strictEqual((yield* Effect.promise(() => asked)).stdout, "OK stored\nOK 1\n")
      const cli = run("redis-cli", ["-p", String(port), "--tls", "--cacert", made.ca, "GET", "a"])
      assert.strictEqual((yield* Effect.promise(() => cli)).stdout, "1\n")
    })
  )

  it.live("ioredis with a certificate of its own, and node-redis by its URL", () =>
    Effect.gen(function* () {
      const { port } = yield* start(made.server, { port: undefined, tlsCa: made.ca, tlsClientAuth: "yes" })
      const [cert, key] = yield* Effect.promise(() =>
        Promise.all([Fs.readFile(made.client.cert, "latin1"), Fs.readFile(made.client.key, "latin1")])
      )
      const ioredis = new IoRedis({ host: "localhost", port, tls: { ca, cert, key } })
      yield* Effect.promise(() => ioredis.set("a", Buffer.alloc(300_000, "x")))
      const node = createClient({ url: `rediss://localhost:${port}`, socket: { tls: true, ca, cert, key } })
      yield* Effect.promise(() => node.connect())
      assert.strictEqual(yield* Effect.promise(() => node.get("a")), "x".repeat(300_000))
      ioredis.disconnect()
      node.destroy()
    })
  )

  it.live("our own client", () =>
    Effect.gen(function* () {
      const { port } = yield* start()
      const value = yield* Effect.provide(
        Effect.gen(function* () {
          const client = yield* Client
          yield* client.put("a", "1")
          return yield* client.get("a")
        }),
        Client.layer({ host: "127.0.0.1", port, tls: { ca } })
      )
      assert.strictEqual(value, "1")
    })
  )

  it.live("our own client says why it cannot connect", () =>
    Effect.gen(function* () {
      const { port, server } = yield* start()
      const messageOf = (to: number, tls = {}) =>
        Effect.map(
          Effect.flip(Effect.provide(Client, Client.layer({ host: "localhost", port: to, tls }))),
          ({ message }) => message
        )
      assert.include(yield* messageOf(port), "with --tls-ca")
      assert.include(yield* messageOf(port, { ca, cert: "nonsense", key: "nonsense" }), "cannot be used")
      assert.include(yield* messageOf(server.address.port, { ca }), "it does not speak TLS on this port")
      const expired = yield* start(made.expired)
      assert.include(yield* messageOf(expired.port, { ca }), "its certificate has expired")
      const elsewhere = yield* start(made.elsewhere)
      assert.include(yield* messageOf(elsewhere.port, { ca }), "for other names: DNS:other.example")
      yield* Effect.provide(Client, Client.layer({ host: "localhost", port: expired.port, tls: { isInsecure: true } }))
      yield* Effect.provide(
        Client,
        Client.layer({ host: "localhost", port: elsewhere.port, tls: { ca, serverName: "other.example" } })
      )
    })
  )
})
