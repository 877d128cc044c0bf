import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Overview } from "../../src/admin/Overview.ts"
import { Snapshot } from "../../src/admin/Snapshot.ts"
import { type AuthenticationService, CurrentAuthentication } from "../../src/auth/Authentication.ts"
import type { Role } from "../../src/auth/Role.ts"
import * as Changes from "../server/Changes.ts"
import * as Http from "./Http.ts"
import * as Watched from "./Watched.ts"

const PAGES = ["/", "/healthz", "/readyz", "/metrics", "/stats.json", "/explain?key=a"]
const NEEDS: ReadonlyArray<readonly [path: string, role: Role | "anyone"]> = [
  ["/", "admin"],
  ["/healthz", "anyone"],
  ["/readyz", "anyone"],
  ["/metrics", "read"],
  ["/stats.json", "admin"],
  ["/explain?key=a", "admin"]
]

const basic = (name: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`
})

/** Users are called as their role is; the password of each is `right`. */
const accounts = (asked: Array<string> = []): AuthenticationService => ({
  isRequired: true,
  users: () => [],
  verify: (address, name = "default", password) =>
    Effect.sync(() => {
      asked.push(`${address} ${name} ${Redacted.value(password)}`)
      if (Redacted.value(password) !== "right") return undefined
      const role: Role = name === "read" ? "read" : "admin"
      return { name, role }
    })
})

/** Everything that a peer is sent for these bytes. */
const raw = (port: number, bytes: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let text = ""
    const socket = Net.connect({ host: "127.0.0.1", port }, () => socket.write(bytes))
    socket.setEncoding("latin1").on("data", (more: string) => {
      text += more
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => socket.destroy())
  })

describe("the admin port", () => {
  it.effect("says that a server lives and is ready", () =>
    Effect.gen(function* () {
      const { ask } = yield* Watched.start()
      for (const [path, body] of [
        ["/healthz", "ok\n"],
        ["/readyz", "ready\n"]
      ] as const) {
        const answer = yield* ask(path)
        assert.deepStrictEqual([answer.status, answer.body], [200, body])
      }
    })
  )

  it.effect("says that a server is not ready before it serves and while it drains", () =>
    Effect.gen(function* () {
      const overview = yield* Overview.make(null)
      const admin = yield* Watched.listen(overview)
      for (const path of ["/readyz", "/stats.json"]) {
        const answer = yield* Http.ask(admin, path)
        assert.deepStrictEqual([answer.status, answer.body], [503, "starting\n"], path)
      }
      assert.strictEqual((yield* Http.ask(admin, "/healthz")).status, 200)

      const { ask, close, overview: its } = yield* Watched.start()
      yield* close
      assert.strictEqual(its.vitals.stage, "draining")
      const { body, status } = yield* ask("/readyz")
      assert.deepStrictEqual([status, body], [503, "draining\n"])
    })
  )

  it.effect("gives a picture that its Schema describes, of what clients have done", () =>
    Effect.gen(function* () {
      const { ask, connect } = yield* Watched.start({ maxKeys: 500 })
      const client = yield* connect()
      yield* client.ask("PUT a 1\n")
      yield* client.ask("GET a\n")
      yield* client.ask("GET b\n")
      const { body, headers } = yield* ask("/stats.json")
      assert.strictEqual(headers["content-type"], "application/json")
      const snapshot = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Snapshot))(body)
      assert.deepStrictEqual(
        snapshot.operations.map(({ calls, command, failed }) => [command, calls, failed]),
        [
          ["GET", 2, 0],
          ["PUT", 1, 0]
        ]
      )
      assert.deepStrictEqual([snapshot.hits, snapshot.misses], [1, 1])
      assert.deepStrictEqual(snapshot.keys, { count: 1, limit: 500, timed: 0 })
      assert.strictEqual(snapshot.connections.open, 1)
      assert.isAbove(snapshot.memory.entries, 0)
      assert.strictEqual(snapshot.stage, "serving")
    })
  )

  it.effect("only shows: nothing but GET and HEAD", () =>
    Effect.gen(function* () {
      const { ask } = yield* Watched.start()
      for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]) {
        const { headers, status } = yield* ask("/", { method })
        assert.deepStrictEqual([status, headers["allow"]], [405, "GET, HEAD"], method)
      }
      const { body, headers, status } = yield* ask("/metrics", { method: "HEAD" })
      assert.deepStrictEqual([status, body], [200, ""])
      assert.isAbove(Number(headers["content-length"]), 1000)
    })
  )

  it.effect("names what is not there", () =>
    Effect.gen(function* () {
      const { ask } = yield* Watched.start()
      for (const path of ["/nothing", "/metrics/", "//", "/%2e%2e/etc/passwd", "/stats.json%00"]) {
        assert.strictEqual((yield* ask(path)).status, 404, path)
      }
      const { body, status } = yield* ask("/explain")
      assert.deepStrictEqual([status, body], [400, "expected /explain?key=<key>\n"])
    })
  )

  it.effect("lets a browser do no more than the page needs", () =>
    Effect.gen(function* () {
      const { ask } = yield* Watched.start()
      for (const path of [...PAGES, "/nothing"]) {
        const { headers } = yield* ask(path, { headers: { origin: "https://evil.example" } })
        assert.strictEqual(headers["cache-control"], "no-store", path)
        assert.strictEqual(headers["x-content-type-options"], "nosniff", path)
        assert.strictEqual(headers["referrer-policy"], "no-referrer", path)
        assert.strictEqual(headers["cross-origin-resource-policy"], "same-origin", path)
        assert.match(String(headers["content-security-policy"]), /^default-src 'none'; .*frame-ancestors 'none'$/, path)
        assert.deepStrictEqual(
          Object.keys(headers).filter((name) => name.startsWith("access-control-")),
          [],
          path
        )
      }
    })
  )

  it.effect("allows the page's own styles and scripts by their digests", () =>
    Effect.gen(function* () {
      const { ask } = yield* Watched.start()
      const { body, headers } = yield* ask("/")
      assert.strictEqual(headers["content-type"], "text/html; charset=utf-8")
      const inline = [...body.matchAll(/<(?:style|script)[^>]*>([^]*?)<\/(?:style|script)>/g)]
      assert.isAbove(inline.length, 0)
      for (const [, text = ""] of inline) {
        const digest = createHash("sha256").update(text).digest("base64")
        assert.include(String(headers["content-security-policy"]), `'sha256-${digest}'`)
      }
      assert.notMatch(body, /\s(?:style|on[a-z]+)=|https?:/)
    })
  )

  describe("cross-protocol requests from a browser: DNS rebinding on the admin port", () => {
    it.effect("answers no page that knows it by a name which an attacker has given it", () =>
      Effect.gen(function* () {
        const { admin, ask } = yield* Watched.start()
        const names = [
          "evil.example",
          `evil.example:${admin.port}`,
          "localhost.evil.example",
          "127.0.0.1.evil.example",
          "evil.example@localhost",
          "localhost:1:2",
          "[::1].evil.example",
          "[evil.example]"
        ]
        for (const host of names) {
          for (const path of PAGES) {
            const { body, status } = yield* ask(path, { headers: { host } })
            assert.strictEqual(status, 403, `${host} ${path}`)
            assert.include(body, "--admin-allowed-hosts")
          }
        }
        const nameless = yield* raw(admin.port, "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n")
        assert.match(nameless, /^HTTP\/1\.1 40[03] /)
      })
    )

    it.effect("believes the target of a request more than its Host", () =>
      Effect.gen(function* () {
        const { admin } = yield* Watched.start()
        const answer = yield* raw(
          admin.port,
          "GET http://evil.example/stats.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert.match(answer, /^HTTP\/1\.1 403 /)
      })
    )

    it.effect("is known by addresses, as localhost, and by names that were allowed", () =>
      Effect.gen(function* () {
        const { admin, ask } = yield* Watched.start({ admin: { allowedHosts: ["cache.example.com", "Cache"] } })
        const names = ["localhost", "LOCALHOST.", "127.0.0.1", "[::1]", "10.1.2.3", "cache.example.com", "cache"]
        for (const name of names) {
          for (const host of [name, `${name}:${admin.port}`]) {
            assert.strictEqual((yield* ask("/stats.json", { headers: { host } })).status, 200, host)
          }
        }
      })
    )

    it.effect("takes a client of HTTP/1.0, which sends no Host and is no browser", () =>
      Effect.gen(function* () {
        const { admin } = yield* Watched.start()
        assert.match(yield* raw(admin.port, "GET /healthz HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 /)
      })
    )
  })

  describe("where clients must say who they are", () => {
    const protectedBy = (asked?: Array<string>) =>
      Effect.provideService(Watched.start(), CurrentAuthentication, accounts(asked))

    it.effect("asks for it, but not those who only ask whether the server lives", () =>
      Effect.gen(function* () {
        const { ask } = yield* protectedBy()
        for (const [path, role] of NEEDS) {
          const { headers, status } = yield* ask(path)
          assert.strictEqual(status, role === "anyone" ? 200 : 401, path)
          if (status === 401) assert.match(String(headers["www-authenticate"]), /^Basic realm="kv-cache"/)
        }
      })
    )

    it.effect("shows numbers to readers, and keys to administrators", () =>
      Effect.gen(function* () {
        const asked: Array<string> = []
        const { ask } = yield* protectedBy(asked)
        for (const [path, role] of NEEDS) {
          const reader = yield* ask(path, { headers: basic("read", "right") })
          assert.strictEqual(reader.status, role === "admin" ? 403 : 200, path)
          const { status } = yield* ask(path, { headers: basic("root", "right") })
          // This engine keeps no history yet.
          assert.include([200, 501], status, path)
          assert.strictEqual(
            (yield* ask(path, { headers: basic("root", "wrong") })).status,
            role === "anyone" ? 200 : 401
          )
        }
        assert.include(asked, "127.0.0.1 root wrong")
      })
    )

    it.effect("takes an empty name as the default user, and passwords with colons and any bytes", () =>
      Effect.gen(function* () {
        const asked: Array<string> = []
        const { ask } = yield* protectedBy(asked)
        yield* ask("/metrics", { headers: basic("", "right") })
        yield* ask("/metrics", { headers: basic("ann", "a:b:é") })
        assert.deepStrictEqual(asked, ["127.0.0.1 default right", "127.0.0.1 ann a:b:Ã©"])
      })
    )

    it.effect("takes nothing else for credentials", () =>
      Effect.gen(function* () {
        const asked: Array<string> = []
        const { ask } = yield* protectedBy(asked)
        const encoded = Buffer.from("nocolon").toString("base64")
        for (const authorization of ["Bearer right", "Basic", "Basic !!!", `Basic ${encoded}`, "basic  "]) {
          assert.strictEqual((yield* ask("/metrics", { headers: { authorization } })).status, 401, authorization)
        }
        assert.deepStrictEqual(asked, [])
      })
    )
  })

  it.effect("does not listen where others can reach it while nobody must say who they are", () =>
    Effect.gen(function* () {
      const overview = yield* Overview.make(null)
      const error = yield* Effect.flip(Watched.listen(overview, { host: "0.0.0.0" }))
      assert.match(error.message, /^Not listening on 0\.0\.0\.0:0 \(--admin-port\), which others can reach, /)
      // It speaks no TLS.
      assert.notInclude(error.message, "certificates")
      yield* Watched.listen(overview, { host: "0.0.0.0", allowUnauthenticated: true })
      yield* Effect.provideService(Watched.listen(overview, { host: "0.0.0.0" }), CurrentAuthentication, accounts())
    })
  )

  it.effect("says why it cannot listen, and which setting helps", () =>
    Effect.gen(function* () {
      const { admin, overview } = yield* Watched.start()
      const taken = yield* Effect.flip(Watched.listen(overview, { port: admin.port }))
      assert.match(taken.message, /^Address already in use: .* choose another port with --admin-port\.$/)
      const elsewhere = yield* Effect.flip(Watched.listen(overview, { host: "203.0.113.1" }))
      assert.match(elsewhere.message, /^Address not available: .* with --admin-host\.$/)
    })
  )

  it.effect("cuts off a client with too large a header", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* Watched.start()
      const answer = yield* raw(admin.port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(9000)}\r\n\r\n`)
      assert.match(answer, /^HTTP\/1\.1 431 /)
      assert.strictEqual((yield* ask("/healthz")).status, 200)
    })
  )

  it.effect("holds at most so many connections, of which an idle one costs others nothing", () =>
    Effect.gen(function* () {
      const { admin } = yield* Watched.start()
      const changes = Changes.make()
      let connected = 0
      let closed = 0
      const sockets = Array.from({ length: 80 }, () =>
        Net.connect({ host: "127.0.0.1", port: admin.port }, () => {
          connected++
          changes.changed()
        })
          .on("error", () => {})
          .on("close", () => {
            closed++
            changes.changed()
          })
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
      yield* changes.until(() => connected === 80 && closed === 16)
    })
  )

  // Its grace period must pass.
  it.live("closes with its scope, however slow a client is", () =>
    Effect.gen(function* () {
      const overview = yield* Overview.make(null)
      const socket = yield* Effect.scoped(
        Effect.gen(function* () {
          const admin = yield* Watched.listen(overview)
          const socket = Net.connect({ host: "127.0.0.1", port: admin.port })
          socket.on("error", () => {})
          yield* Effect.callback<void>((resume) => {
            socket.once("connect", () => resume(Effect.void))
          })
          return socket
        })
      )
      yield* Effect.callback<void>((resume) => {
        if (socket.closed) return resume(Effect.void)
        socket.once("close", () => resume(Effect.void))
      })
    })
  )
})
