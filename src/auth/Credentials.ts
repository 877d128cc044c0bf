/**
 * Where a server's users come from: a password given to the process, a file with a password, a file of users, or several
 * of these. Files are read anew when they change: see `Reload.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Reload from "../Reload.ts"
import { Accounts, type Account } from "./Accounts.ts"
import { type AuthenticationService, CurrentAuthentication, DEFAULT_USER } from "./Authentication.ts"
import { isPassword, PASSWORD_RULE, passwordIn } from "./Password.ts"
import { CredentialsError, read } from "./SecretFile.ts"
import * as UserFile from "./UserFile.ts"

export interface Credentials {
  /** The password of the user `default`, an admin. */
  readonly password?: Redacted.Redacted | undefined
  /** A file whose first line is that password. */
  readonly passwordFile?: string | undefined
  /** A file of users, one a line, as `name:role:hash`. */
  readonly usersFile?: string | undefined
}

const usersIn = Effect.fnUntraced(function* (file: string) {
  const users = UserFile.parse(yield* read(file), file)
  return yield* Result.match(users, {
    onSuccess: (found) => Effect.succeed(found),
    onFailure: (message) => Effect.fail(new CredentialsError({ message: `Cannot use the users file: ${message}.` }))
  })
})

const accountsOf = Effect.fnUntraced(function* ({ password, passwordFile, usersFile }: Credentials) {
  const users: ReadonlyArray<Account> = usersFile === undefined ? [] : yield* usersIn(usersFile)
  const given = passwordFile === undefined ? password : yield* passwordIn(passwordFile)
  if (given === undefined) return users
  if (!isPassword(Redacted.value(given))) {
    return yield* new CredentialsError({ message: `The password (KV_CACHE_PASSWORD) must be ${PASSWORD_RULE}.` })
  }
  if (users.some(({ name }) => name === DEFAULT_USER)) {
    return yield* new CredentialsError({
      message: `The user '${DEFAULT_USER}' is in the users file '${usersFile}', and a password is given, too: leave one out.`
    })
  }
  return [{ name: DEFAULT_USER, role: "admin", password: given } satisfies Account, ...users]
})

/** Requires nothing if nothing is given. */
export const make = (credentials: Credentials): Effect.Effect<AuthenticationService, CredentialsError, Scope.Scope> =>
  Effect.gen(function* () {
    const { password, passwordFile, usersFile } = credentials
    const files = [passwordFile, usersFile].filter((file) => file !== undefined)
    if (password === undefined && files.length === 0) return yield* CurrentAuthentication
    const accounts = new Accounts(yield* accountsOf({ password }))
    yield* Reload.load({
      name: "users",
      files,
      load: Effect.map(accountsOf(credentials), (found) => {
        accounts.replace(found)
        return found.length === 1 ? "1 user" : `${found.length} users`
      })
    })
    return accounts
  })

/** A server under this layer asks clients who they are. Files are followed until the scope closes. */
export const layer = (credentials: Credentials): Layer.Layer<never, CredentialsError> =>
  Layer.effect(CurrentAuthentication, make(credentials))
