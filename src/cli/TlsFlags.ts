/** The flags of a client that speaks TLS: `--tls` and the files that it takes. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Flag from "effect/cli/Flag"
import type { ClientTls } from "../client/ClientTls.ts"
import * as GivenFile from "../GivenFile.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { parsedFlag } from "./ParsedFlag.ts"

const file = (flag: string, description: string) =>
  parsedFlag({
    flag,
    metavar: "file",
    description,
    expected: "a file",
    parse: (text) => (text === "" ? Option.none() : Option.some(text))
  }).pipe(Flag.optional)

export const tlsFlags = {
  tls: Flag.Boolean("tls").pipe(
    Flag.withDescription("Speak TLS, as the server does at --tls-port; each of the other flags of TLS means it, too"),
    Flag.withDefault(false)
  ),
  tlsCa: file("tls-ca", "Certificates of the CAs to trust, as PEM (default: those that Node trusts)"),
  tlsCert: file("tls-cert", "Certificate to show to a server that asks for one, as PEM"),
  tlsKey: file("tls-key", "The certificate's private key, as PEM without a passphrase"),
  tlsInsecure: Flag.Boolean("tls-insecure").pipe(
    Flag.withDescription("Take any certificate: whoever is between here and the server can read and change everything"),
    Flag.withDefault(false)
  )
}

export interface GivenTls {
  readonly tls: boolean
  readonly tlsCa: Option.Option<string>
  readonly tlsCert: Option.Option<string>
  readonly tlsKey: Option.Option<string>
  readonly tlsInsecure: boolean
}

/**
 * How the client is to speak TLS, with what is in the files; nothing if no flag asks for it. Files that cannot be read are a
 * failure with this exit code.
 */
export const tlsOf = Effect.fnUntraced(function* (
  given: GivenTls,
  code: number
): Effect.fn.Return<ClientTls | undefined, CommandFailed> {
  const { tls, tlsCa, tlsCert, tlsInsecure, tlsKey } = given
  const isGiven = tls || tlsInsecure || [tlsCa, tlsCert, tlsKey].some(Option.isSome)
  if (!isGiven) return undefined
  if (Option.isSome(tlsCert) !== Option.isSome(tlsKey)) {
    return yield* new CommandFailed({ code, message: "--tls-cert and --tls-key belong together: give both." })
  }
  const read = (flag: string, name: Option.Option<string>) =>
    Option.match(name, {
      onNone: () => Effect.succeed(undefined),
      onSome: (path) =>
        Effect.mapBoth(GivenFile.read(path), {
          onFailure: ({ message }) =>
            new CommandFailed({ code, message: `Cannot read ${flag} '${path}': ${message}.` }),
          onSuccess: ({ bytes }) => bytes.toString("utf8")
        })
    })
  return {
    ca: yield* read("--tls-ca", tlsCa),
    cert: yield* read("--tls-cert", tlsCert),
    key: yield* read("--tls-key", tlsKey),
    isInsecure: tlsInsecure
  }
})
