/** The image's health check, as Docker runs it. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { CurrentAuthentication } from "../../src/auth/Authentication.ts"
import * as Users from "../server/Users.ts"
import * as Watched from "./Watched.ts"

const script = fileURLToPath(new URL("../../scripts/healthcheck.sh", import.meta.url))

const run = (
  environment: Readonly<Record<string, string>>
): Effect.Effect<{ readonly code: number; readonly said: string }> =>
  Effect.callback((resume) => {
    const child = execFile(script, { env: { PATH: process.env["PATH"], ...environment } }, (_error, said) =>
      resume(Effect.succeed({ code: child.exitCode ?? -1, said }))
    )
    return Effect.sync(() => child.kill())
  })

describe("the health check of the image", () => {
  it.effect("asks the server, at the address and port that its settings say", () =>
    Effect.gen(function* () {
      const { address } = yield* Watched.start()
      for (const host of ["127.0.0.1", "0.0.0.0"]) {
        const { code, said } = yield* run({ KV_CACHE_HOST: host, KV_CACHE_PORT: String(address.port) })
        assert.deepStrictEqual([code, said], [0, ""])
      }
    })
  )

  it.effect("needs no password, where only a file of users lets clients in", () =>
    Effect.gen(function* () {
      const { address, stats } = yield* Watched.start({ authentication: Users.make() })
      const { code, said } = yield* run({ KV_CACHE_PORT: String(address.port), KV_CACHE_USERS_FILE: "/users" })
      assert.deepStrictEqual([code, said], [0, ""])
      assert.deepInclude(yield* stats, { authenticationFailures: 0, strangersClosed: 0 })
    })
  )

  it.effect("asks the admin port if there is one, even of a server that lets no one in without a password", () =>
    Effect.gen(function* () {
      const authentication = { isRequired: true, users: () => [], verify: () => Effect.undefined }
      const started = Effect.provideService(Watched.start(), CurrentAuthentication, authentication)
      const { admin } = yield* started
      assert.strictEqual((yield* run({ KV_CACHE_PORT: "off", KV_CACHE_ADMIN_PORT: String(admin.port) })).code, 0)
    })
  )

  it.effect("fails where nobody listens, and says what it would need", () =>
    Effect.gen(function* () {
      const { address, close } = yield* Watched.start()
      yield* close
      const gone = yield* run({ KV_CACHE_PORT: String(address.port) })
      assert.strictEqual(gone.code, 1)
      assert.include(gone.said, "The server did not answer as it should")
      const nothing = yield* run({ KV_CACHE_PORT: "off" })
      assert.strictEqual(nothing.code, 1)
      assert.include(nothing.said, "KV_CACHE_ADMIN_PORT")
    })
  )
})
