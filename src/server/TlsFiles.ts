/**
 * The certificate, the key and the CAs of a TLS port: read from their files, and checked, so that whoever starts the server
 * learns what is wrong with them before a client does. It does not know sockets: see `TlsPort.ts`.
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import * as Tls from "node:tls"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as GivenFile from "../GivenFile.ts"
import { ListenError } from "./Listener.ts"
import type { ServerConfig, TlsClientAuth, TlsVersion } from "./ServerConfig.ts"

/** What a TLS port needs. Certificates and keys are names of PEM files. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  readonly clientAuth: TlsClientAuth
  readonly minVersion: TlsVersion
}

/** The code of the error where a TLS port could not be opened for its settings or files. */
export const TLS = "TLS"

const refused = (message: string): ListenError => new ListenError({ code: TLS, message })

/** What the settings say of TLS, or nothing where there is no TLS port. */
export const tlsFilesOf = (config: ServerConfig): Result.Result<TlsFiles | undefined, ListenError> => {
  const { tlsCa: ca, tlsCert: cert, tlsClientAuth: clientAuth = "no", tlsKey: key, tlsPort } = config
  if (tlsPort === undefined) {
    const given = (["cert", "key", "ca"] as const).filter((_, at) => [cert, key, ca][at] !== undefined)
    const flags = [...given.map((name) => `--tls-${name}`), ...(clientAuth === "no" ? [] : ["--tls-client-auth"])]
    return flags.length === 0
      ? Result.succeed(undefined)
      : Result.fail(refused(`${flags.join(" and ")} without --tls-port: no port speaks TLS; give one with --tls-port.`))
  }
  if (cert === undefined || key === undefined) {
    const missing = [...(cert === undefined ? ["--tls-cert"] : []), ...(key === undefined ? ["--tls-key"] : [])]
    return Result.fail(refused(`--tls-port needs a certificate and its key: give ${missing.join(" and ")}.`))
  }
  if (clientAuth !== "no" && ca === undefined) {
    return Result.fail(
      refused(`--tls-client-auth ${clientAuth} needs the certificates of the CAs that sign clients': give --tls-ca.`)
    )
  }
  return Result.succeed({ cert, key, ca, clientAuth, minVersion: config.tlsMinVersion ?? "1.3" })
}

/** The names of the files. */
export const namesOf = ({ ca, cert, key }: TlsFiles): ReadonlyArray<string> =>
  ca === undefined ? [cert, key] : [cert, key, ca]

const readFile = (flag: string, file: string): Effect.Effect<string, ListenError> =>
  Effect.mapBoth(GivenFile.read(file), {
    onFailure: ({ message }) => refused(`Cannot read ${flag} '${file}': ${message}.`),
    onSuccess: ({ bytes }) => bytes.toString("latin1")
  })

const BLOCK = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g

/** The certificates in a file. */
export const certificatesIn = (
  flag: string,
  file: string,
  text: string
): Result.Result<ReadonlyArray<X509Certificate>, ListenError> => {
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length === 0) {
    return Result.fail(refused(`Cannot use ${flag} '${file}': it holds no certificate in PEM (BEGIN CERTIFICATE).`))
  }
  return Result.mapError(
    Result.try(() => blocks.map((block) => new X509Certificate(block))),
    () => refused(`Cannot use ${flag} '${file}': a certificate in it is damaged.`)
  )
}

const privateKeyIn = (file: string, text: string) => {
  if (!text.includes("PRIVATE KEY-----")) {
    return Result.fail(refused(`Cannot use --tls-key '${file}': it holds no private key in PEM (BEGIN PRIVATE KEY).`))
  }
  if (text.includes("ENCRYPTED")) {
    return Result.fail(
      refused(
        `Cannot use --tls-key '${file}': the key is encrypted; write it without its passphrase (openssl pkey -in OLD -out NEW).`
      )
    )
  }
  return Result.mapError(
    Result.try(() => createPrivateKey(text)),
    () => refused(`Cannot use --tls-key '${file}': the key in it is damaged.`)
  )
}

/** Warns of a certificate that clients will not take today. */
const warnOfDates = Effect.fnUntraced(function* (file: string, { validFrom, validTo }: X509Certificate) {
  const now = yield* Clock.currentTimeMillis
  const isPast = (text: string): boolean => {
    const date = DateTime.make(text)
    return date._tag === "Some" && DateTime.toEpochMillis(date.value) < now
  }
  const warning = isPast(validTo)
    ? `has expired (${validTo})`
    : isPast(validFrom)
      ? undefined
      : `is not valid before ${validFrom}`
  if (warning !== undefined) {
    yield* Effect.logWarning(`the certificate in '${file}' (--tls-cert) ${warning}: clients will refuse it`)
  }
})

/** Reads the files, and checks that they fit each other. Warns of a certificate whose time is not now. */
export const read = Effect.fnUntraced(function* (
  files: TlsFiles
): Effect.fn.Return<Tls.SecureContextOptions, ListenError> {
  const cert = yield* readFile("--tls-cert", files.cert)
  const key = yield* readFile("--tls-key", files.key)
  const ca = files.ca === undefined ? undefined : yield* readFile("--tls-ca", files.ca)
  const [own] = yield* Effect.fromResult(certificatesIn("--tls-cert", files.cert, cert))
  const privateKey = yield* Effect.fromResult(privateKeyIn(files.key, key))
  if (own?.checkPrivateKey(privateKey) !== true) {
    return yield* refused(
      `The key in --tls-key '${files.key}' does not fit the first certificate in --tls-cert '${files.cert}'.`
    )
  }
  if (files.ca !== undefined && ca !== undefined) {
    yield* Effect.fromResult(certificatesIn("--tls-ca", files.ca, ca))
  }
  const options: Tls.SecureContextOptions = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: `TLSv${files.minVersion}`
  }
  yield* Effect.fromResult(
    Result.mapError(
      Result.try(() => Tls.createSecureContext(options)),
      (error) =>
        refused(
          `OpenSSL refuses --tls-cert '${files.cert}' with its key: ${error instanceof Error ? error.message : String(error)}.`
        )
    )
  )
  yield* warnOfDates(files.cert, own)
  return options
})
