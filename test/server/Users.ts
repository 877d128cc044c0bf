/** Users for tests: who may come is data, and a verdict is given at once, or when the test lets it. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type AuthenticationService, DEFAULT_USER, type User } from "../../src/auth/Authentication.ts"
import type { Role } from "../../src/auth/Role.ts"

export interface Users extends AuthenticationService {
  /** What was to be verified, in order. */
  readonly asked: ReadonlyArray<{ readonly address: string; readonly name: string; readonly password: string }>
  /** Holds back all verdicts from now on. */
  readonly hold: () => void
  /** Gives them. */
  readonly letGo: Effect.Effect<void>
  /** Changes who may come, as a reload of the file does. */
  readonly replace: (all: ReadonlyArray<User & { readonly password: string }>) => void
}

export const user = (name: string, role: Role, password: string): User & { readonly password: string } => ({
  name,
  role,
  password
})

/** One of each role, and the default user, an admin. The passwords are `secret`, `r`, `w` and `a`. */
const all = [
  user(DEFAULT_USER, "admin", "secret"),
  user("reader", "read", "r"),
  user("writer", "write", "w"),
  user("boss", "admin", "a")
]

export const make = (initial: ReadonlyArray<User & { readonly password: string }> = all): Users => {
  let users = initial
  let gate: Deferred.Deferred<void> | undefined = undefined
  const asked: Array<Users["asked"][number]> = []
  return {
    isRequired: true,
    asked,
    verify: (address, name = DEFAULT_USER, password) =>
      Effect.gen(function* () {
        asked.push({ address, name, password: Redacted.value(password) })
        if (gate !== undefined) yield* Deferred.await(gate)
        const found = users.find((each) => each.name === name && each.password === Redacted.value(password))
        return found === undefined ? undefined : { name: found.name, role: found.role }
      }),
    users: () => users.map(({ name, role }) => ({ name, role })),
    hold: () => {
      gate = Deferred.makeUnsafe<void>()
    },
    letGo: Effect.suspend(() => {
      const held = gate
      gate = undefined
      return held === undefined ? Effect.void : Deferred.succeed(held, undefined)
    }),
    replace: (next) => {
      users = next
    }
  }
}
