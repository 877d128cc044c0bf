/**
 * The port that speaks TLS: everything that the plain one does, and what peers can do to it before they are connected. The
 * certificates are made by openssl.
 */
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { afterAll, beforeAll } from "vitest"
import { HANDSHAKE_TIMEOUT, MAX_HANDSHAKES } from "../../src/server/TlsPort.ts"
import * as Certificates from "./Certificates.ts"
import * as RawClient from "./RawClient.ts"
import * as TestServer from "./TestServer.ts"

let made: Certificates.Certificates
let ca: Buffer

beforeAll(async () => {
  made = await Certificates.make()
  ca = await Fs.readFile(made.ca)
}, 60_000)

afterAll(() => Certificates.remove(made))

const files = ({ cert, key }: Certificates.Certificate) => ({ tlsPort: 0, tlsCert: cert, tlsKey: key })

const start = (options: TestServer.Options = {}) =>
  TestServer.start({ ...files(made.server), inTurns: true, ...options })

const connect = (
  server: TestServer.TestServer,
  tls: Tls.ConnectionOptions = {},
  options: RawClient.ConnectOptions = {}
) => RawClient.connect(server.tlsAddress ?? assert.fail("there is no such port"), { ...options, tls: { ca, ...tls } })

const plainly = (server: TestServer.TestServer, options?: RawClient.ConnectOptions) =>
  RawClient.connect(server.tlsAddress ?? assert.fail("there is no such port"), options)

const certificate = ({ cert, key }: Certificates.Certificate) =>
  Effect.promise(async () => ({ cert: await Fs.readFile(cert), key: await Fs.readFile(key) }))

describe("the TLS port", () => {
  it.effect("speaks both protocols, and has the keys of the plain one", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const plain = yield* server.connect()
      assert.strictEqual(yield* plain.ask("PUT a 1\n"), "OK stored\n")
      const text = yield* connect(server)
      assert.strictEqual(yield* text.ask("GET a\nPUT b 2\n"), "OK 1\nOK stored\n")
      const redis = yield* connect(server)
      yield* redis.send("*2\r\n$3\r\nGET\r\n$1\r\nb\r\n")
      assert.strictEqual((yield* redis.bytes(7)).toString("latin1"), "$1\r\n2\r\n")
      assert.deepInclude(yield* server.stats, { accepted: 3, open: 3, tlsFailures: 0 })
    })
  )

  it.effect("takes values longer than a turn's memory, however many records they come in", () =>
    Effect.gen(function* () {
      const server = yield* start()
      for (const length of [262_144 - 33, 262_144, 300_000, 1_000_000]) {
        const redis = yield* connect(server)
        const value = Buffer.alloc(length, "0123456789")
        const set = Buffer.concat([
          Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${length}\r\n`),
          value,
          Buffer.from("\r\n")
        ])
        const get = Buffer.from("*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
        for (let i = 0; i < 5; i++) {
          yield* redis.send(Buffer.concat([set, set, get]))
          const reply = yield* redis.bytes(`+OK\r\n+OK\r\n$${length}\r\n`.length + length + 2)
          assert.isTrue(
            reply.equals(Buffer.concat([Buffer.from(`+OK\r\n+OK\r\n$${length}\r\n`), value, Buffer.from("\r\n")]))
          )
        }
      }
    })
  )

  it.effect("can be the only one", () =>
    Effect.gen(function* () {
      const server = yield* start({ port: undefined })
      assert.deepStrictEqual(server.address, server.tlsAddress)
      const client = yield* connect(server)
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
    })
  )

  it.effect("speaks TLS 1.3, and 1.2 if it is told to", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const old: Tls.ConnectionOptions = { maxVersion: "TLSv1.2" }
      assert.strictEqual((yield* Effect.flip(connect(server, old))).code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION")
      yield* server.logs.waitFor("TLS handshakes failed: 1")
      assert.include(server.logs.startingWith("TLS handshakes failed")[0]?.message ?? "", "too old (--tls-min-version)")
      const lenient = yield* start({ tlsMinVersion: "1.2" })
      const client = yield* connect(lenient, old)
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
    })
  )

  it.effect("loses no reply: at a QUIT, at the client's end, at its own", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const pipeline = "PUT a 1\n".repeat(5000)
      const replies = "OK stored\n".repeat(5000)
      const quitting = yield* connect(server)
      yield* quitting.send(`${pipeline}QUIT\nPUT a 2\n`)
      assert.deepStrictEqual(yield* quitting.untilEnd, { text: replies, reset: false })
      const ending = yield* connect(server, {}, { keepOpen: true })
      yield* ending.send(pipeline)
      yield* ending.endSide
      assert.deepStrictEqual(yield* ending.untilEnd, { text: replies, reset: false })
      const drained = yield* connect(server)
      assert.strictEqual(yield* drained.ask("GET a\n"), "OK 1\n")
      yield* drained.sendFlushed(pipeline)
      yield* Effect.forkChild(server.close)
      assert.deepStrictEqual(yield* drained.untilEnd, { text: replies, reset: false })
    })
  )

  it.effect("does not read from a client that does not read, and answers all when it does", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const client = yield* connect(server, {}, { paused: true })
      const witness = yield* server.connect()
      const value = "v".repeat(256)
      assert.strictEqual(yield* witness.ask(`PUT a ${value}\n`), "OK stored\n")
      const requests = 200_000
      yield* client.send("GET a\n".repeat(requests))
      yield* TestServer.settled(server, witness)
      assert.isBelow((yield* server.stats).bytesIn, 6 * requests)
      yield* client.resume
      const replies = yield* client.bytes(requests * (value.length + 4))
      assert.strictEqual(replies.toString("latin1"), `OK ${value}\n`.repeat(requests))
    })
  )

  it.effect("refuses clients over the limit in words that they can read", () =>
    Effect.gen(function* () {
      const server = yield* start({ maxConnections: 1 })
      const client = yield* connect(server)
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      const surplus = yield* connect(server)
      assert.deepStrictEqual(yield* surplus.untilEnd, {
        text: "ERROR too many connections: the limit is 1\n",
        reset: false
      })
    })
  )

  it.effect("is not to be had on the plain port, which says so and warns once", () =>
    Effect.gen(function* () {
      const server = yield* start()
      for (let i = 0; i < 2; i++) {
        const failed = yield* Effect.flip(RawClient.connect(server.address, { tls: { ca } }))
        assert.strictEqual(failed.code, "ERR_SSL_WRONG_VERSION_NUMBER")
      }
      yield* server.logs.waitFor("a client spoke TLS to a port without it")
      assert.strictEqual(server.logs.startingWith("a client spoke TLS").length, 1)
    })
  )
})

describe("certificates of clients", () => {
  it.effect("are needed where the setting says yes, and have to be the CA's", () =>
    Effect.gen(function* () {
      const server = yield* start({ tlsCa: made.ca, tlsClientAuth: "yes" })
      const client = yield* connect(server, yield* certificate(made.client))
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      // Of TLS 1.3, a client's part is over before the server has looked at its certificate.
      for (const tls of [{}, yield* certificate(made.stranger)]) {
        const refused = yield* connect(server, tls)
        yield* refused.send("PUT a 2\n")
        assert.strictEqual((yield* refused.untilEnd).text, "")
      }
      assert.strictEqual(yield* client.ask("GET a\n"), "OK 1\n")
      assert.deepInclude(yield* server.stats, { accepted: 1, tlsFailures: 2 })
    })
  )

  it.effect("may be left out where they are optional, but a wrong one is refused", () =>
    Effect.gen(function* () {
      const server = yield* start({ tlsCa: made.ca, tlsClientAuth: "optional" })
      for (const tls of [{}, yield* certificate(made.client)]) {
        const client = yield* connect(server, tls)
        assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      }
      const refused = yield* connect(server, yield* certificate(made.stranger))
      yield* refused.send("PUT a 2\n")
      assert.strictEqual((yield* refused.untilEnd).text, "")
      yield* server.logs.waitFor("TLS handshakes failed: 1")
      assert.include(server.logs.startingWith("TLS handshakes")[0]?.message ?? "", "its certificate is not trusted")
    })
  )

  it.effect("open a server to others, as nobody else gets in", () =>
    Effect.gen(function* () {
      const all = { host: "0.0.0.0", port: undefined }
      const error = yield* Effect.flip(start({ ...all, tlsCa: made.ca, tlsClientAuth: "optional" }))
      assert.strictEqual(error.code, "UNPROTECTED")
      const server = yield* start({ ...all, tlsCa: made.ca, tlsClientAuth: "yes" })
      assert.isFalse(server.tlsAddress?.isLoopback)
    })
  )

  it.effect("do not open the ports without TLS, whose refusal says what to leave out", () =>
    Effect.gen(function* () {
      const all = { host: "0.0.0.0", tlsCa: made.ca, tlsClientAuth: "yes" } as const
      const plain = yield* Effect.flip(start(all))
      assert.include(plain.message, "(--port)")
      assert.include(plain.message, "give --port off, as certificates are asked for at --tls-port alone, or let")
      const resp = yield* Effect.flip(start({ ...all, port: undefined, respPort: 0 }))
      assert.include(resp.message, "(--resp-port)")
      assert.include(resp.message, "leave --resp-port out, as certificates are asked for at --tls-port alone, or let")
    })
  )
})

describe("handshakes that do not come to an end", () => {
  /** Whoever else is connected must not notice. */
  const survives = Effect.fnUntraced(function* (server: TestServer.TestServer) {
    const client = yield* connect(server)
    assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
    yield* client.destroy
  })

  it.effect("CVE-2025-59465: resets, garbage and plain text cost nobody but the one who sent them", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const hello = Buffer.from("16030100050100000100", "hex")
      const sent = [
        hello,
        Buffer.alloc(70_000, 0xff),
        Buffer.from("GET a\nGET b\n"),
        Buffer.from("GET / HTTP/1.1\r\n\r\n")
      ]
      let failures = 0
      for (const bytes of sent) {
        const resetting = yield* plainly(server)
        yield* resetting.sendFlushed(bytes)
        yield* resetting.reset
        const ending = yield* plainly(server)
        yield* ending.send(bytes)
        yield* ending.endSide
        assert.strictEqual((yield* ending.untilEnd).text.startsWith("OK"), false)
        failures += 2
      }
      yield* survives(server)
      const { accepted, defects, tlsFailures } = yield* server.stats
      assert.deepStrictEqual({ accepted, defects }, { accepted: 1, defects: 0 })
      // A reset may come before a byte of what was sent has been read; then nobody knows that it was to be a handshake.
      assert.isAtMost(tlsFailures, failures)
      assert.isAtLeast(tlsFailures, failures / 2)
    })
  )

  it.effect("are cut at every byte of a real one, and the server goes on", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const { host, port } = server.tlsAddress ?? assert.fail("no port")
      // What a client says first.
      const first = yield* Effect.callback<Buffer>((resume) => {
        const listener = Net.createServer((socket) => {
          socket.once("data", (bytes) => {
            resume(Effect.succeed(bytes))
            socket.destroy()
            listener.close()
          })
        })
        listener.listen(0, "127.0.0.1", () => {
          const address = listener.address()
          const to = typeof address === "object" && address !== null ? address.port : 0
          Tls.connect({ host: "127.0.0.1", port: to, ca }).on("error", () => {})
        })
      })
      for (let length = 1; length <= first.length; length += 7) {
        const client = yield* RawClient.connect({ host, port })
        yield* client.sendFlushed(first.subarray(0, length))
        yield* client.reset
      }
      yield* survives(server)
      assert.deepInclude(yield* server.stats, { accepted: 1, defects: 0 })
    })
  )

  it.effect.each(["GET a\n", "PUT a 1\n", "EXISTS a\n", "*1\r\n$4\r\nPING\r\n"])(
    "of a client without TLS, %j, is said to be none",
    (words) =>
      Effect.gen(function* () {
        const server = yield* start()
        const client = yield* plainly(server)
        yield* client.send(words)
        yield* client.untilEnd
        yield* server.logs.waitFor("TLS handshakes failed")
        assert.match(server.logs.startingWith("TLS handshakes")[0]?.message ?? "", /: it did not speak TLS$/)
      })
  )

  it.effect("a slow loris is cut at the deadline", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const silent = yield* plainly(server)
      const slow = yield* plainly(server)
      yield* slow.sendFlushed(Buffer.from("1603010005", "hex"))
      yield* survives(server)
      yield* TestClock.adjust(HANDSHAKE_TIMEOUT)
      assert.strictEqual((yield* silent.untilEnd).text, "")
      assert.strictEqual((yield* slow.untilEnd).text, "")
      yield* server.logs.waitFor("TLS handshakes failed")
      assert.include(server.logs.startingWith("TLS handshakes")[0]?.message ?? "", "it took longer than 5s")
      yield* survives(server)
    })
  )

  it.effect("are so many at most, and then others are cut", () =>
    Effect.gen(function* () {
      const server = yield* start()
      yield* Effect.forEach(Array.from({ length: MAX_HANDSHAKES }), () => plainly(server), { concurrency: 64 })
      const surplus = yield* plainly(server)
      assert.strictEqual((yield* surplus.untilEnd).text, "")
      assert.deepInclude(yield* server.stats, { accepted: 0, tlsFailures: 1 })
      const plain = yield* server.connect()
      assert.strictEqual(yield* plain.ask("PUT a 1\n"), "OK stored\n")
    })
  )

  it.effect("do not hold up the end of the server", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const silent = yield* plainly(server)
      yield* survives(server)
      yield* server.close
      assert.strictEqual((yield* silent.untilEnd).text, "")
    })
  )

  it.effect("are no failures where somebody only looked whether the port is open", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const looking = yield* plainly(server)
      yield* looking.endSide
      yield* looking.untilEnd
      yield* survives(server)
      assert.deepInclude(yield* server.stats, { tlsFailures: 0 })
    })
  )
})

describe("the files", () => {
  const refusal = (options: TestServer.Options) =>
    Effect.map(Effect.flip(start(options)), ({ code, message }) => {
      assert.strictEqual(code, "TLS")
      return message
    })

  it.effect("are all needed, and each only with what it is for", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal({ tlsCert: undefined, tlsKey: undefined }),
        "--tls-port needs a certificate and its key: give --tls-cert and --tls-key."
      )
      assert.include(yield* refusal({ tlsPort: undefined }), "--tls-cert and --tls-key without --tls-port")
      assert.include(yield* refusal({ tlsClientAuth: "yes" }), "--tls-client-auth yes needs")
      assert.include(
        yield* refusal({ port: undefined, tlsPort: undefined, tlsCert: undefined, tlsKey: undefined }),
        "--port off without --tls-port leaves no port"
      )
    })
  )

  it.effect("that are bad are refused, with the flag, the file, and what is wrong", () =>
    Effect.gen(function* () {
      const { directory, encryptedKey, renewed, server } = made
      const missing = Path.join(directory, "missing")
      assert.strictEqual(
        yield* refusal({ tlsCert: missing }),
        `Cannot read --tls-cert '${missing}': no such file or directory.`
      )
      assert.include(yield* refusal({ tlsCert: server.key }), `--tls-cert '${server.key}': it holds no certificate`)
      assert.include(yield* refusal({ tlsKey: server.cert }), `--tls-key '${server.cert}': it holds no private key`)
      assert.include(yield* refusal({ tlsKey: encryptedKey }), `'${encryptedKey}': the key is encrypted`)
      assert.strictEqual(
        yield* refusal({ tlsKey: renewed.key }),
        `The key in --tls-key '${renewed.key}' does not fit the first certificate in --tls-cert '${server.cert}'.`
      )
      assert.include(yield* refusal({ tlsCa: server.key, tlsClientAuth: "yes" }), `--tls-ca '${server.key}'`)
      const damaged = Path.join(directory, "damaged.crt")
      yield* Effect.promise(async () => {
        const text = await Fs.readFile(server.cert, "latin1")
        await Fs.writeFile(damaged, text.replace(/MII/, "AAA"))
      })
      assert.include(yield* refusal({ tlsCert: damaged }), "a certificate in it is damaged")
    })
  )

  it.live("whose certificate has expired are warned of", () =>
    Effect.gen(function* () {
      const server = yield* start(files(made.expired))
      yield* server.logs.waitFor(`the certificate in '${made.expired.cert}' (--tls-cert) has expired`)
    })
  )

  it.effect("are read anew when they change, and nobody is dropped; bad ones are refused and the old ones kept", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.promise(() => Fs.mkdtemp(Path.join(made.directory, "live-")))
      const [cert, key] = [Path.join(directory, "tls.crt"), Path.join(directory, "tls.key")]
      // As Kubernetes does it: the names are links, which are replaced.
      const use = (from: Certificates.Certificate) =>
        Effect.promise(async () => {
          await Promise.all([Fs.symlink(from.cert, `${cert}.new`), Fs.symlink(from.key, `${key}.new`)])
          await Promise.all([Fs.rename(`${cert}.new`, cert), Fs.rename(`${key}.new`, key)])
        })
      const nameOf = (server: TestServer.TestServer) =>
        Effect.scoped(
          Effect.callback<string>((resume) => {
            const { host, port } = server.tlsAddress ?? assert.fail("no port")
            const socket = Tls.connect({ host, port, ca }, () => {
              resume(Effect.succeed(String(socket.getPeerCertificate().subject.CN)))
              socket.destroy()
            })
          })
        )
      yield* use(made.server)
      const server = yield* start({ tlsCert: cert, tlsKey: key })
      const client = yield* connect(server)
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      assert.strictEqual(yield* nameOf(server), "server")

      yield* use(made.renewed)
      yield* TestClock.adjust("2 seconds")
      yield* server.logs.waitFor("certificates reloaded")
      assert.strictEqual(yield* nameOf(server), "renewed")
      assert.strictEqual(yield* client.ask("GET a\n"), "OK 1\n")

      yield* use({ cert: made.server.cert, key: made.renewed.key })
      yield* TestClock.adjust("2 seconds")
      yield* server.logs.waitFor("certificates not reloaded")
      assert.strictEqual(yield* nameOf(server), "renewed")
      assert.strictEqual(yield* client.ask("GET a\n"), "OK 1\n")
    })
  )
})
