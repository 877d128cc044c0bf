/** `kv-cache serve --engine` over real servers: who may come, and what is said where they refuse. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Peer from "../differential/Peer.ts"
import * as Certificates from "../server/Certificates.ts"
import * as RedisServers from "../support/RedisServers.ts"
import * as Program from "./Program.ts"

const certificates = Effect.acquireRelease(Effect.promise(Certificates.make), (made) =>
  Effect.promise(() => Certificates.remove(made))
)

/** A server that is started and ends by itself: its last words, without the help that it may show. */
const refusal = Effect.fnUntraced(function* (args: ReadonlyArray<string>, options?: Program.Options) {
  const { code, stderr, stdout } = yield* Program.run(["serve", "--port", "0", ...args], options)
  assert.strictEqual(code, 1, stderr)
  assert.strictEqual(stdout, "")
  assert.notMatch(stderr, /\n {4}at /, "no stack trace")
  return stderr
})

const ask = Effect.fnUntraced(function* (
  server: { readonly address: { readonly host: string; readonly port: number } },
  ...requests: ReadonlyArray<ReadonlyArray<string>>
) {
  const client = yield* Peer.connect(server.address)
  return (yield* client.ask(requests)).replies
}, Effect.scoped)

describe.skipIf(!RedisServers.isInstalled)("serve --engine", () => {
  it.live(
    "says who it is, from a file or the environment",
    Effect.fnUntraced(function* () {
      const user = ["--user", "app", "on", ">s3cret\u00e9", "~app:*", "+@all", "-flushall"]
      const engine = yield* RedisServers.single("--requirepass", "default", ...user)
      const url = `redis://127.0.0.1:${engine.port}`
      const at = `127.0.0.1:${engine.port}`
      const folder = yield* RedisServers.temporaryFolder
      const file = Path.join(folder, "password")
      Fs.writeFileSync(file, "s3cret\u00e9\nanother line\n", { mode: 0o600 })

      assert.include(yield* refusal(["--engine", url]), `${at} refuses us (HELLO 3): NOAUTH `)
      assert.include(
        yield* refusal(["--engine", url], { environment: { KV_CACHE_ENGINE_PASSWORD: "wrong" } }),
        `${at} refuses us (HELLO 3): WRONGPASS `
      )
      assert.include(
        yield* refusal(["--engine", `redis://nobody@${at}`, "--engine-password-file", file]),
        `${at} refuses us (HELLO 3): WRONGPASS `
      )
      assert.include(
        yield* refusal(["--engine", url, "--engine-password-file", Path.join(folder, "nothing")]),
        "--engine-password-file: cannot read"
      )
      const nobody = yield* RedisServers.freePort
      assert.include(
        yield* refusal(["--engine", `redis://127.0.0.1:${nobody}`]),
        `127.0.0.1:${nobody} cannot be reached (ECONNREFUSED)`
      )

      const asApp = yield* Program.serve(["--engine", `redis://app@${at}`, "--engine-password-file", file])
      const replies = yield* ask(
        asApp,
        ["SET", "app:a", "1"],
        ["GET", "app:a"],
        ["GET", "app:a"],
        ["GET", "other"],
        ["FLUSHALL"],
        ["MULTI"],
        ["SET", "other", "1"],
        ["EXEC"],
        ["GET", "app:a"]
      )
      assert.deepStrictEqual(
        [...replies.slice(0, 3), replies.at(-1)],
        ["+OK\r\n", ...Array.from({ length: 3 }, () => "$1\r\n1\r\n")]
      )
      assert.match(replies[3] ?? "", /^-NOPERM /)
      assert.match(replies[4] ?? "", /^-NOPERM /)
      assert.match(replies[7] ?? "", /^-EXECABORT Transaction discarded because of: NOPERM /)

      const { annotations } = yield* asApp.logged("listening on")
      assert.deepInclude(annotations, { nearMemory: 268_435_456, nearTtl: "1m" })
      assert.notProperty(annotations, "maxKeys", "the engine has limits of its own")

      const inUrl = yield* Program.serve(["--max-memory", "1gb"], {
        environment: { KV_CACHE_ENGINE: `redis://:default@${at}` }
      })
      assert.deepStrictEqual(yield* ask(inUrl, ["GET", "app:a"]), ["$1\r\n1\r\n"])
      assert.strictEqual((yield* inUrl.logged("--max-memory has no effect with --engine")).level, "WARN")
    }, Effect.scoped)
  )

  it.live(
    "says what its user may not do",
    Effect.fnUntraced(function* () {
      const engine = yield* RedisServers.single(
        "--user",
        "untold",
        "on",
        "nopass",
        "~*",
        "+@all",
        "-client|tracking",
        "--user",
        "blind",
        "on",
        "nopass",
        "~*",
        "+@all",
        "-cluster"
      )
      const at = `127.0.0.1:${engine.port}`
      const environment = { KV_CACHE_ENGINE_PASSWORD: "any" }
      assert.include(
        yield* refusal(["--engine", `redis://blind@${at}`], { environment }),
        `${at} refuses CLUSTER SLOTS: NOPERM `
      )
      const untold = yield* Program.serve(["--engine", `redis://untold@${at}`, "--near-ttl", "10"], { environment })
      const { message } = yield* untold.logged(`${at} does not tell which keys change (NOPERM `)
      assert.match(message, /: values may be old for 10s \(--near-ttl\)$/)
      assert.deepStrictEqual(yield* ask(untold, ["SET", "a", "1"], ["GET", "a"]), ["+OK\r\n", "$1\r\n1\r\n"])
    }, Effect.scoped)
  )

  it.live(
    "speaks TLS with servers that it can tell from others",
    Effect.fnUntraced(function* () {
      const { ca, elsewhere, server } = yield* certificates
      const start = Effect.fnUntraced(function* ({ cert, key }: Certificates.Certificate) {
        const port = yield* RedisServers.freePort
        const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca]
        const process = yield* RedisServers.single("--tls-port", String(port), ...files, "--tls-auth-clients", "no")
        return { process, at: `127.0.0.1:${port}` }
      })
      const engine = yield* start(server)
      const other = yield* start(elsewhere)

      const front = yield* Program.serve(["--engine", `rediss://${engine.at}`, "--engine-ca", ca])
      assert.deepStrictEqual(yield* ask(front, ["SET", "a", "1"], ["GET", "a"]), ["+OK\r\n", "$1\r\n1\r\n"])
      assert.strictEqual(engine.process.cli("get", "a"), "1")

      const named = yield* Program.serve([
        "--engine",
        `rediss://localhost:${engine.at.split(":")[1]}`,
        "--engine-ca",
        ca
      ])
      assert.deepStrictEqual(yield* ask(named, ["GET", "a"]), ["$1\r\n1\r\n"])

      assert.match(
        yield* refusal(["--engine", `rediss://${engine.at}`]),
        /cannot be reached \((?:UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY): its CA is not trusted here, see --engine-ca\)/
      )
      const noCa = server.key
      assert.include(
        yield* refusal(["--engine", `rediss://${engine.at}`, "--engine-ca", noCa]),
        `Cannot use --engine-ca '${noCa}': it holds no certificate in PEM (BEGIN CERTIFICATE).`
      )
      assert.include(
        yield* refusal(["--engine", `rediss://${other.at}`, "--engine-ca", ca]),
        `${other.at} cannot be reached (ERR_TLS_CERT_ALTNAME_INVALID)`
      )
      assert.include(
        yield* refusal(["--engine", `rediss://127.0.0.1:${engine.process.port}`, "--engine-ca", ca]),
        `127.0.0.1:${engine.process.port} `
      )
      assert.include(yield* refusal(["--engine", `redis://${engine.at}`]), `${engine.at} `)
      assert.include(
        yield* refusal(["--engine", `redis://${engine.at}`, "--engine-ca", ca]),
        "give --engine as rediss://"
      )
    }, Effect.scoped)
  )
})
