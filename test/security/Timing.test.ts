/** What a client could tell from how long an answer takes: the same work is done for every name. */
import Crypto from "node:crypto"
import { syncBuiltinESMExports } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { vi } from "vitest"
import { Accounts } from "../../src/auth/Accounts.ts"
import * as PasswordHash from "../../src/auth/PasswordHash.ts"
import * as TestServer from "../server/TestServer.ts"
import * as Users from "../server/Users.ts"

// They do what they do, and count how often.
const scrypt = vi.spyOn(Crypto, "scrypt")
const equal = vi.spyOn(Crypto, "timingSafeEqual")
syncBuiltinESMExports()

const counts = (): ReadonlyArray<number> => [scrypt, equal].map(({ mock }) => mock.calls.length)

describe("user names by timing (CVE-2026-47783)", () => {
  it.effect("cannot be told: whoever is asked for, one hash is computed at the same cost", () =>
    Effect.gen(function* () {
      const hash = yield* PasswordHash.make(Buffer.from("right"), { ln: 4, r: 8, p: 1 })
      const accounts = new Accounts(["ada", "bob", "default"].map((name) => ({ name, role: "read" as const, hash })))
      const workFor = Effect.fnUntraced(function* (address: string, name: string | undefined) {
        const before = counts()
        assert.isUndefined(yield* accounts.verify(address, name, Redacted.make("wrong")))
        return counts().map((count, index) => count - (before[index] ?? 0))
      })
      const work = yield* Effect.forEach(["ada", "bob", "nobody", "", undefined], (name, index) =>
        workFor(`10.0.0.${index}`, name)
      )
      const [first = []] = work
      assert.strictEqual(first[0], 1)
      for (const each of work) assert.deepStrictEqual(each, first)
    })
  )

  it.effect("cannot be told from the answer", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ authentication: Users.make() })
      const answers = yield* Effect.forEach(["boss x", "nobody x", "boss w", "default x"], (credentials) =>
        Effect.flatMap(server.connect(), (client) => client.ask(`AUTH ${credentials}\n`))
      )
      assert.deepStrictEqual([...new Set(answers)], ["ERROR wrong user or password\n"])
    })
  )
})
