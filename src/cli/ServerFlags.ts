/** Which server a command talks to, and who it says it is: flags, environment and URLs. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import { passwordIn } from "../auth/Password.ts"
import type { ClientCredentials } from "../client/ClientSocket.ts"
import * as ServerUrl from "../client/ServerUrl.ts"
import { auth } from "../domain/Command.ts"
import { password as passwordFromConfig, settings } from "../server/ServerConfig.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { fromSettingWithSource, type Sourced } from "./SettingFlag.ts"

const BAD_FLAGS = 1

const URL_EXPECTED =
  "a URL such as kv://host:7171 or kv://user:password@host:7171, or the same with redis://, kvs:// or rediss://"

/** A server's URL. A refusal shows nothing of what may be a password. */
export const parseUrl = (source: string, text: string): Effect.Effect<ServerUrl.ServerUrl, CliError.CliError> =>
  Effect.mapError(
    Effect.fromOption(ServerUrl.parse(text)),
    () =>
      new CliError.ValidationError({
        message: `Invalid value for ${source}: '${ServerUrl.withoutPassword(text)}'. Expected ${URL_EXPECTED}.`
      })
  )

/** The flags about credentials that each command has that connects. */
export const credentialFlags = {
  user: Flag.String("user").pipe(
    Flag.withMetavar("name"),
    Flag.withDescription("User whose password is given (default: default)"),
    Flag.optional
  ),
  passwordFile: fromSettingWithSource({
    ...settings.passwordFile,
    description: "File with the password; without a file it is KV_CACHE_PASSWORD"
  })
}

export const urlFlag = Flag.String("url").pipe(
  Flag.withMetavar("url"),
  Flag.withDescription(
    "The server as kv://user:password@host:port, in place of --host, --port and --user; kvs:// means --tls"
  ),
  Flag.mapEffect((text) => parseUrl("flag --url", text)),
  Flag.optional
)

export interface GivenCredentials {
  readonly url: Option.Option<ServerUrl.ServerUrl>
  readonly user: Option.Option<string>
  readonly passwordFile: Sourced<string | undefined>
}

const refuse = (message: string) => Effect.fail(new CommandFailed({ code: BAD_FLAGS, message }))

/**
 * Who the client is. Nobody if no password is given. A password in a URL wins over a file, and a file over
 * `KV_CACHE_PASSWORD`.
 */
export const credentialsOf = Effect.fnUntraced(function* ({ passwordFile, url, user }: GivenCredentials) {
  const inUrl = Option.getOrUndefined(url)
  if (inUrl?.user !== undefined && Option.isSome(user)) {
    return yield* refuse("The URL and --user exclude each other: give the user once.")
  }
  if (inUrl?.password !== undefined && passwordFile.isFlag) {
    return yield* refuse("The URL and --password-file exclude each other: give the password once.")
  }
  if (inUrl?.password !== undefined) yield* hideArguments
  const password = inUrl?.password ?? (yield* passwordOf(passwordFile.value))
  const name = inUrl?.user ?? Option.getOrUndefined(user)
  if (password === undefined) {
    return name === undefined
      ? undefined
      : yield* refuse(`There is no password for the user '${name}': give KV_CACHE_PASSWORD or --password-file.`)
  }
  yield* auth(name, Redacted.value(password)).pipe(
    Effect.catchTag("InvalidCommand", ({ message }) => refuse(`Bad credentials: ${message}.`))
  )
  const credentials: ClientCredentials = { user: name, password }
  return credentials
})

const passwordOf = (file: string | undefined) =>
  file === undefined
    ? Effect.mapError(passwordFromConfig, ({ message }) => new CommandFailed({ code: BAD_FLAGS, message }))
    : Effect.mapError(passwordIn(file), ({ message }) => new CommandFailed({ code: BAD_FLAGS, message }))

/** From now on `ps` shows no arguments. Until now it has, which is why there is a word about it. */
const hideArguments = Effect.andThen(
  Effect.sync(() => {
    process.title = "kv-cache"
  }),
  Console.error(
    "WARN a password in a URL on the command line can be seen by others on this machine: " +
      "better use KV_CACHE_PASSWORD or --password-file"
  )
)
