/** Who was turned away, as an operator sees it: in the metrics, the picture, INFO and STATS. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { afterAll, beforeAll } from "vitest"
import { Snapshot } from "../../src/admin/Snapshot.ts"
import { CurrentAuthentication } from "../../src/auth/Authentication.ts"
import { MOST_ANSWERS } from "../../src/server/Strangers.ts"
import { requests } from "../server/resp/Exchanges.ts"
import * as Certificates from "../server/Certificates.ts"
import * as RawClient from "../server/RawClient.ts"
import * as Users from "../server/Users.ts"
import * as Exposition from "./Exposition.ts"
import * as Watched from "./Watched.ts"

let made: Certificates.Certificates

beforeAll(async () => {
  made = await Certificates.make()
}, 60_000)

afterAll(() => Certificates.remove(made))

const basic = (name: string, password: string) => ({
  headers: { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` }
})

/** All that an operator sees. */
const look = Effect.fnUntraced(function* (server: Watched.Watched) {
  const metrics = Exposition.parse((yield* server.ask("/metrics", basic("boss", "a"))).body)
  const metric = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    metrics
      .get(name)
      ?.samples.find((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      ?.value
  const stats = yield* server.ask("/stats.json", basic("boss", "a"))
  const { connections } = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Snapshot))(stats.body)
  const client = yield* server.connect()
  yield* client.send(requests("AUTH boss a", "INFO stats"))
  const [, length = ""] = /^\+OK\r\n\$(\d+)\r\n$/.exec(yield* client.lines(2)) ?? []
  const info = (yield* client.bytes(Number(length))).toString("latin1")
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)\\r$`, "m").exec(info)?.[1])
  const inLine = yield* server.connect()
  const words = yield* inLine.ask("AUTH boss a\nSTATS\n")
  const word = (name: string) => Number(new RegExp(` ${name}=(\\d+) `).exec(words)?.[1])
  return {
    failures: [
      metric("redis_acl_access_denied_auth_total"),
      metric("kv_cache_authentication_failures_total"),
      connections.authenticationFailures,
      field("acl_access_denied_auth"),
      word("auth_failures")
    ],
    closed: [
      metric("kv_cache_connections_closed_total", { reason: "unauthenticated" }),
      connections.unauthenticatedClosed,
      field("kv_cache_unauthenticated_closed"),
      word("unauthenticated_closed")
    ],
    tls: [
      metric("kv_cache_tls_errors_total"),
      connections.tlsFailures,
      field("kv_cache_tls_failures"),
      word("tls_failures")
    ],
    forbidden: [metric("redis_acl_access_denied_cmd_total"), field("acl_access_denied_cmd")],
    strangers: [metric("kv_cache_connections_unauthenticated"), connections.unauthenticated]
  }
})

const start = Effect.gen(function* () {
  const users = Users.make()
  const { cert, key } = made.server
  return yield* Effect.provideService(
    Watched.start({ authentication: users, tlsPort: 0, tlsCert: cert, tlsKey: key }),
    CurrentAuthentication,
    users
  )
})

const all = (count: number, of: number): Array<number> => Array.from({ length: of }, () => count)

describe("who was turned away", () => {
  it.effect("is counted wherever an operator looks", () =>
    Effect.gen(function* () {
      const server = yield* start
      const nothing = yield* look(server)
      for (const [what, counts] of Object.entries(nothing)) {
        assert.deepStrictEqual(counts, all(0, counts.length), what)
      }

      // Three wrong passwords, the last of which ends the connection, and one at the admin port.
      const guessing = yield* server.connect()
      yield* guessing.send("AUTH x\nAUTH boss x\nAUTH nobody x\n")
      yield* guessing.untilEnd
      assert.strictEqual((yield* server.ask("/metrics", basic("boss", "x"))).status, 401)
      assert.strictEqual((yield* server.ask("/metrics")).status, 401)
      // Whoever is known stays, and is refused what his role does not include.
      const reader = yield* server.connect()
      assert.match(yield* reader.ask("AUTH reader r\nAUTH boss x\nPUT a b\n"), /\nERROR no permission: PUT .*\n$/)
      // Too many answers, too long a line, a browser.
      for (const sent of ["\n".repeat(MOST_ANSWERS), "x".repeat(600), "GET / HTTP/1.1\r\nHost: a\r\n\r\n"]) {
        const client = yield* server.connect()
        yield* client.send(sent)
        yield* client.untilEnd
      }
      // Too late.
      const silent = yield* server.connect()
      const leaving = yield* server.connect()
      yield* server.quiet
      assert.deepStrictEqual((yield* look(server)).strangers, all(2, 2))
      yield* leaving.ask("AUTH reader r\n")
      yield* leaving.send("QUIT\n")
      yield* leaving.untilEnd
      yield* TestClock.adjust("5 seconds")
      yield* silent.closed
      // No TLS at all.
      const plain = yield* RawClient.connect(server.tlsAddress ?? assert.fail("there is no such port"))
      yield* plain.send("PING\r\n\r\n\r\n")
      yield* plain.closed

      assert.deepStrictEqual(yield* look(server), {
        failures: all(5, 5),
        closed: all(5, 4),
        tls: all(1, 4),
        forbidden: all(1, 2),
        strangers: all(0, 2)
      })
    })
  )
})
