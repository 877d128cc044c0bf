/**
 * `kv-cache user`: prints the line of a user for a file of users. It changes no file and talks to no server.
 *
 * stdout has the line and nothing else, so that `>> users` adds it.
 */
import { randomBytes } from "node:crypto"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { isPassword, PASSWORD_RULE } from "../auth/Password.ts"
import * as PasswordHash from "../auth/PasswordHash.ts"
import { ROLES } from "../auth/Role.ts"
import * as UserFile from "../auth/UserFile.ts"
import { password as passwordFromConfig } from "../server/ServerConfig.ts"
import { fileReason } from "../SystemReason.ts"
import { CommandFailed } from "./CommandFailed.ts"
import * as PasswordPrompt from "./PasswordPrompt.ts"

const BAD_INPUT = 1

const refuse = (message: string) => Effect.fail(new CommandFailed({ code: BAD_INPUT, message }))

/** So many random bytes, as 32 letters, digits, - and _. */
const GENERATED_BYTES = 24

const generated = Effect.gen(function* () {
  const password = randomBytes(GENERATED_BYTES).toString("base64url")
  yield* Console.error(`password: ${password}`)
  return password
})

const atTerminal = Effect.gen(function* () {
  const ask = yield* PasswordPrompt.open
  const password = yield* ask("Password: ")
  if (!isPassword(password)) return password
  const again = yield* ask("The same again: ")
  return again === password ? password : yield* refuse("The two passwords differ.")
}).pipe(Effect.scoped, Effect.interruptible)

/** More than any password is. */
const MAX_INPUT = 4096

const fromPipe = Effect.gen(function* () {
  const { stdin } = yield* Stdio.Stdio
  let text = ""
  yield* stdin.pipe(
    Stream.takeUntil((bytes) => {
      text += Buffer.from(bytes).toString("latin1")
      return text.length > MAX_INPUT
    }),
    Stream.runDrain,
    Effect.mapError(
      (error) =>
        new CommandFailed({ code: BAD_INPUT, message: `Cannot read the password from stdin: ${fileReason(error)}.` })
    )
  )
  return text.replace(/\r?\n$/, "")
}).pipe(Effect.interruptible)

const passwordOf = Effect.fnUntraced(function* (isGenerated: boolean) {
  if (isGenerated) return yield* generated
  const given = yield* Effect.orDie(passwordFromConfig)
  if (given !== undefined) return Redacted.value(given)
  const { stdinIsTerminal } = yield* Stdio.Stdio
  return yield* (yield* stdinIsTerminal) ? atTerminal : fromPipe
})

const name = Argument.String("name").pipe(
  Argument.withDescription("The user, as in AUTH <user> <password>"),
  Argument.mapEffect((text) =>
    UserFile.isName(text)
      ? Effect.succeed(text)
      : Effect.fail(
          new CliError.ValidationError({
            message: `Invalid value for argument name: '${text}'. Expected ${UserFile.NAME_RULE}.`
          })
        )
  )
)

const role = Flag.Literals("role", ROLES).pipe(
  Flag.withDescription(
    "read may read, write may change keys, too, and admin may change the server and watch its clients, too"
  )
)

const generate = Flag.Boolean("generate").pipe(
  Flag.withDescription("Make up a password, and show it on stderr"),
  Flag.withDefault(false)
)

export const userCommand = Command.make(
  "user",
  { name, role, generate },
  Effect.fnUntraced(function* ({ generate: isGenerated, name, role }) {
    const password = yield* passwordOf(isGenerated)
    if (!isPassword(password)) return yield* refuse(`The password must be ${PASSWORD_RULE}.`)
    const hash = yield* PasswordHash.make(Buffer.from(password, "latin1"))
    yield* Console.log(UserFile.format({ name, role, hash }))
  })
).pipe(
  Command.withDescription(
    "Print a user's line for a file of users (serve --users-file); the password is asked for, or read from a pipe or KV_CACHE_PASSWORD"
  ),
  Command.withExamples([
    { command: "kv-cache user web --role write >> users", description: "Add a user, whose password is asked for" },
    {
      command: "kv-cache user grafana --role read --generate >> users",
      description: "Add a user with a new password, which is shown once"
    }
  ])
)
