/** What a password may be, and a file that holds one. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { MAX_CREDENTIAL_LENGTH, Password } from "../domain/Command.ts"
import { CredentialsError, read } from "./SecretFile.ts"

/** What a password may be, to end the sentence "expected ...". */
export const PASSWORD_RULE = `1 to ${MAX_CREDENTIAL_LENGTH} printable ASCII characters without whitespace`

/** Whether every client can send this password. */
export const isPassword: (text: string) => boolean = Schema.is(Password)

/** The password in a file: its only line. */
export const passwordIn = Effect.fnUntraced(function* (file: string) {
  const password = (yield* read(file)).replace(/\r?\n$/, "")
  if (isPassword(password)) return Redacted.make(password, { label: "password" })
  const wrong = password === "" ? "it is empty" : "what is in it is no password"
  return yield* new CredentialsError({
    message: `Cannot use '${file}': ${wrong}. Expected one line of ${PASSWORD_RULE}.`
  })
})
