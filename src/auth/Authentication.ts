/**
 * Who a client is: the port between a server's connections and what knows users and their passwords.
 *
 * It knows neither files nor hashes. Without a layer it requires nothing, and every client is the `default` user, an
 * `admin`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { Role } from "./Role.ts"

/** The user of those who give no name. */
export const DEFAULT_USER = "default"

export interface User {
  readonly name: string
  readonly role: Role
}

export interface AuthenticationService {
  /** Whether a connection must say who it is before it may do anything. */
  readonly isRequired: boolean
  /**
   * Who it is, or nothing if that is refused. Takes the same time whether the user exists or not, and waits, on the
   * Clock, for the delay that this address has earned by failures. `address` is an IP without a port. `password` is
   * latin1, one character a byte. Never fails.
   */
  readonly verify: (
    address: string,
    name: string | undefined,
    password: Redacted.Redacted
  ) => Effect.Effect<User | undefined>
  /** Everyone who may come, for ACL LIST. No hashes. */
  readonly users: () => ReadonlyArray<User>
}

const everyone: User = { name: DEFAULT_USER, role: "admin" }

/** Requires nothing by default. */
export const CurrentAuthentication = Context.Reference<AuthenticationService>(
  "effect-kv-cache/auth/CurrentAuthentication",
  {
    defaultValue: () => ({
      isRequired: false,
      verify: () => Effect.succeed(everyone),
      users: () => [everyone]
    })
  }
)
