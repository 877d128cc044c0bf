/** Who is let in, and what is to be seen from outside of who is not: nothing. */
import Crypto from "node:crypto"
import { syncBuiltinESMExports } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { afterEach, beforeEach } from "vitest"
import { type Account, Accounts } from "../../src/auth/Accounts.ts"
import * as PasswordHash from "../../src/auth/PasswordHash.ts"
import type { Role } from "../../src/auth/Role.ts"

/** The costs of all hashes that were computed, in order. */
const computed: Array<string> = []

const { scrypt } = Crypto

const recorded = (
  password: Buffer,
  salt: Buffer,
  length: number,
  options: Crypto.ScryptOptions,
  done: (error: Error | null, key: Buffer) => void
): void => {
  computed.push(`${options.N} ${options.r} ${options.p}`)
  scrypt(password, salt, length, options, done)
}

const use = (implementation: unknown): void => {
  Object.assign(Crypto, { scrypt: implementation })
  syncBuiltinESMExports()
}

beforeEach(() => use(recorded))

afterEach(() => {
  use(scrypt)
  computed.splice(0)
})

const CHEAP: PasswordHash.Cost = { ln: 10, r: 1, p: 1 }

const account = (name: string, role: Role, password: string, cost = CHEAP): Effect.Effect<Account> =>
  Effect.map(PasswordHash.make(Buffer.from(password, "latin1"), cost), (hash) => ({ name, role, hash }))

const two = Effect.gen(function* () {
  const accounts = new Accounts([yield* account("ada", "admin", "right"), yield* account("bob", "read", "other")])
  computed.splice(0)
  return accounts
})

const strangers: ReadonlyArray<readonly [string | undefined, string]> = [
  ["ada", "other"],
  ["ada", ""],
  ["ada", "RIGHT"],
  ["bob", "right"],
  ["Ada", "right"],
  ["", "right"],
  ["default", "right"],
  [undefined, "right"],
  ["nobody", ""],
  ["a".repeat(10_000), "b".repeat(10_000)]
]

const ask = (accounts: Accounts, name: string | undefined, password: string, address = "10.0.0.1") =>
  accounts.verify(address, name, Redacted.make(password))

describe("accounts", () => {
  it.effect("let in who has the right password, with name and role", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      assert.deepStrictEqual(yield* ask(accounts, "ada", "right"), { name: "ada", role: "admin" })
      assert.deepStrictEqual(yield* ask(accounts, "bob", "other"), { name: "bob", role: "read" })
    })
  )

  it.effect("let in nobody else", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      for (const [index, [name, password]] of strangers.entries()) {
        // Each from its own address, so that none waits.
        assert.isUndefined(yield* ask(accounts, name, password, `10.0.0.${index}`), `${name} ${password}`)
      }
    })
  )

  it.effect("know the default user by a password alone", () =>
    Effect.gen(function* () {
      const accounts = new Accounts([{ name: "default", role: "admin", password: Redacted.make("given") }])
      const user = { name: "default", role: "admin" } as const
      assert.deepStrictEqual(yield* ask(accounts, undefined, "given"), user)
      assert.deepStrictEqual(yield* ask(accounts, "default", "given"), user)
      assert.deepStrictEqual(computed, [])
      assert.isUndefined(yield* ask(accounts, "other", "given"))
      assert.deepStrictEqual(accounts.users(), [user])
    })
  )

  it.effect("compare passwords as bytes", () =>
    Effect.gen(function* () {
      const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte))
      const accounts = new Accounts([yield* account("ada", "read", bytes)])
      assert.isDefined(yield* ask(accounts, "ada", bytes))
      assert.isUndefined(yield* ask(accounts, "ada", bytes.slice(0, -1)))
    })
  )

  it.effect("compute one hash for a wrong password, for an unknown user, and for no name", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      for (const name of ["ada", "bob", "nobody", "", undefined]) {
        computed.splice(0)
        yield* ask(accounts, name, "wrong", `10.0.0.${String(name).length}`)
        assert.deepStrictEqual(computed, ["1024 1 1"], String(name))
      }
    })
  )

  it.effect("give an unknown user always the same cost, which is the cost of some user", () =>
    Effect.gen(function* () {
      const accounts = new Accounts([
        yield* account("cheap", "read", "x"),
        yield* account("dear", "read", "x", { ln: 11, r: 1, p: 1 })
      ])
      const costs = new Set<string>()
      for (let user = 0; user < 40; user++) {
        computed.splice(0)
        for (let time = 0; time < 2; time++) yield* ask(accounts, `u${user}`, "wrong", `10.0.${time}.${user}`)
        assert.lengthOf(new Set(computed), 1)
        for (const cost of computed) costs.add(cost)
      }
      assert.sameMembers([...costs], ["1024 1 1", "2048 1 1"])
    })
  )

  it.effect("compute a right password's hash once, however many come with it at once", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      const users = yield* Effect.all(
        Array.from({ length: 100 }, () => ask(accounts, "ada", "right")),
        { concurrency: "unbounded" }
      )
      for (const user of users) assert.deepStrictEqual(user?.name, "ada")
      assert.isAtMost(computed.length, 4)
      computed.splice(0)
      assert.isDefined(yield* ask(accounts, "ada", "right"))
      assert.deepStrictEqual(computed, [])
    })
  )

  it.effect("let nobody wait behind more than one password of an address that sends many at once", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      const guesses = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 100 }, (_, guess) => ask(accounts, "ada", `guess${guess}`)),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      assert.isDefined(yield* ask(accounts, "bob", "other", "10.0.0.2"))
      // One was before it. Where several are computed at a time, others may have been begun after that.
      assert.isAtMost(computed.length, 20)
      yield* Fiber.interrupt(guesses)
    })
  )

  it.effect("have an address wait that has failed, on the clock, and no other", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      for (let failure = 0; failure < 3; failure++) yield* ask(accounts, "ada", "wrong")
      // The right password has to wait, too: otherwise the wait would tell that it is right.
      const fiber = yield* Effect.forkChild(ask(accounts, "ada", "right"), { startImmediately: true })
      yield* TestClock.adjust(249)
      assert.isUndefined(fiber.pollUnsafe())
      assert.isDefined(yield* ask(accounts, "ada", "right", "10.0.0.2"))
      yield* TestClock.adjust(1)
      assert.isDefined(yield* Fiber.join(fiber))
      // The success has been counted.
      assert.isDefined(yield* ask(accounts, "ada", "right"))
    })
  )

  it.effect("count the failures of a whole IPv6 network", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      for (let failure = 0; failure < 3; failure++) yield* ask(accounts, "ada", "wrong", `2001:db8::${failure}`)
      const fiber = yield* Effect.forkChild(ask(accounts, "ada", "right", "2001:db8::ffff"), { startImmediately: true })
      assert.isUndefined(fiber.pollUnsafe())
      assert.isDefined(yield* ask(accounts, "ada", "right", "2001:db8:0:1::1"))
      yield* TestClock.adjust(250)
      assert.isDefined(yield* Fiber.join(fiber))
    })
  )

  it.effect("are others after a change, and an old password is not remembered", () =>
    Effect.gen(function* () {
      const accounts = yield* two
      assert.isDefined(yield* ask(accounts, "ada", "right"))
      accounts.replace([yield* account("ada", "write", "new")])
      assert.isUndefined(yield* ask(accounts, "ada", "right"))
      assert.isUndefined(yield* ask(accounts, "bob", "other"))
      assert.deepStrictEqual(yield* ask(accounts, "ada", "new"), { name: "ada", role: "write" })
      assert.deepStrictEqual(accounts.users(), [{ name: "ada", role: "write" }])
    })
  )
})
