/** The built client and load test over TLS: the flags, `kvs://` and `rediss://`, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll } from "vitest"
import * as Certificates from "../server/Certificates.ts"
import * as Program from "./Program.ts"

let made: Certificates.Certificates

beforeAll(async () => {
  made = await Certificates.make()
}, 60_000)

afterAll(() => Certificates.remove(made))

/** The port for TLS of a server. */
const serve = (...flags: ReadonlyArray<string>) =>
  Effect.map(
    Program.serve(["--tls-port", "0", "--tls-cert", made.server.cert, "--tls-key", made.server.key, ...flags]),
    ({ listening }) =>
      / and \S+:(\d+) \(TLS\)/.exec(listening.message)?.[1] ?? assert.fail(`there is no port in: ${listening.message}`)
  )

const OK = (stdout: string) => ({ code: 0, signal: null, stdout, stderr: "" })

const load = ["--connections", "2", "--requests", "20"]

describe("the client over TLS", () => {
  it.live("trusts the CA that it is given, by flags and by a URL", () =>
    Effect.gen(function* () {
      const port = yield* serve()
      const ca = ["--tls-ca", made.ca]
      const run = (...args: ReadonlyArray<string>) => Program.run(["client", ...args])
      assert.deepStrictEqual(yield* run("--port", port, "--tls", ...ca, "PUT", "a", "1"), OK("OK stored\n"))
      assert.deepStrictEqual(yield* run("--port", port, ...ca, "GET", "a"), OK("OK 1\n"))
      for (const scheme of ["kvs", "rediss"]) {
        const url = `${scheme}://127.0.0.1:${port}`
        assert.deepStrictEqual(yield* run("--url", url, ...ca, "GET", "a"), OK("OK 1\n"), scheme)
      }
      assert.deepStrictEqual(yield* run("--port", port, "--tls-insecure", "GET", "a"), OK("OK 1\n"))
      const distrusted = yield* run("--port", port, "--tls", "GET", "a")
      assert.deepStrictEqual([distrusted.code, distrusted.stdout], [2, ""])
      assert.match(distrusted.stderr, /^ERROR [^\n]*certificate[^\n]*--tls-ca[^\n]*\n$/)
    }).pipe(Effect.scoped)
  )

  it.live("shows its certificate to a server that asks for one", () =>
    Effect.gen(function* () {
      const port = yield* serve("--tls-ca", made.ca, "--tls-client-auth", "yes")
      const run = (...args: ReadonlyArray<string>) =>
        Program.run(["client", "--port", port, "--tls-ca", made.ca, ...args, "EXISTS", "a"])
      const { cert, key } = made.client
      assert.deepStrictEqual(yield* run("--tls-cert", cert, "--tls-key", key), OK("OK 0\n"))
      const without = yield* run()
      assert.deepStrictEqual([without.code, without.stdout], [2, ""])
      assert.match(without.stderr, /^ERROR [^\n]*\n$/)
    }).pipe(Effect.scoped)
  )

  it.live("is the only way in where certificates are the only credentials, and nobody is warned of that", () =>
    Effect.gen(function* () {
      const { cert, key } = made.server
      const files = ["--tls-cert", cert, "--tls-key", key, "--tls-ca", made.ca, "--tls-client-auth", "yes"]
      const server = yield* Program.start(["serve", "--host", "0.0.0.0", "--port", "off", "--tls-port", "0", ...files])
      yield* server.logged("listening on ")
      yield* server.kill("SIGTERM")
      const { code, stderr } = yield* server.ended
      assert.strictEqual(code, 0)
      assert.notInclude(stderr, "WARN")
    }).pipe(Effect.scoped)
  )

  it.live("refuses files that do not serve, before it connects", () =>
    Effect.gen(function* () {
      const run = (...args: ReadonlyArray<string>) => Program.run(["client", ...args, "GET", "a"])
      const half = yield* run("--tls-cert", made.client.cert)
      assert.deepStrictEqual([half.code, half.stdout], [2, ""])
      assert.strictEqual(half.stderr, "ERROR --tls-cert and --tls-key belong together: give both.\n")
      const missing = yield* run("--tls-ca", "/nowhere/ca.crt")
      assert.deepStrictEqual([missing.code, missing.stdout], [2, ""])
      assert.match(missing.stderr, /^ERROR Cannot read --tls-ca '\/nowhere\/ca\.crt': [^\n]+\n$/)
    })
  )
})

describe("the load test over TLS", () => {
  it.live("runs in either protocol, by flags and by a URL", () =>
    Effect.gen(function* () {
      const port = yield* serve()
      for (const [place, protocol] of [
        [["--port", port, "--tls"], "text"],
        [[`kvs://127.0.0.1:${port}`], "text"],
        [[`rediss://127.0.0.1:${port}`], "resp"]
      ] as const) {
        const { code, stderr, stdout } = yield* Program.run([
          "loadtest",
          ...place,
          "--protocol",
          protocol,
          "--tls-ca",
          made.ca,
          ...load
        ])
        assert.strictEqual(code, 0, stderr)
        const result: unknown = JSON.parse(stdout)
        assert.deepInclude(result, { total_requests: 40, failed_requests: 0, port: Number(port) })
      }
      const distrusted = yield* Program.run(["loadtest", "--port", port, "--tls", ...load])
      assert.notStrictEqual(distrusted.code, 0)
      assert.match(distrusted.stderr, /certificate/)
    }).pipe(Effect.scoped)
  )
})
