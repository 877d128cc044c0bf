/** Connects a client's socket. Where that fails, the error says why in words that a person can act on. */
import * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { ConnectError, TimeoutError } from "./ClientError.ts"
import * as ClientTls from "./ClientTls.ts"

/** Who a client is. */
export interface ClientCredentials {
  /** Absent for the user `default`. */
  readonly user?: string | undefined
  readonly password: Redacted.Redacted
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /** What is said first on each connection. Absent for a server that asks nobody who they are. */
  readonly credentials?: ClientCredentials | undefined
  /** Speaks TLS. `{}` trusts the CAs that Node brings. Default: no TLS. */
  readonly tls?: ClientTls.ClientTls | undefined
  /** How long connecting may take. Default: 5 s. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long an answer may take. Default: 5 s. */
  readonly requestTimeout?: Duration.Input | undefined
}

/** A server's address as people write it: an IPv6 address is in brackets, so that the port can be told from it. */
export const formatAddress = ({ host, port }: Pick<ConnectOptions, "host" | "port">): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** The default of both timeouts. */
export const DEFAULT_TIMEOUT = Duration.seconds(5)

/**
 * Connects a socket, which then belongs to the caller. `onread` is Node's option of that name: reads go into the
 * caller's buffer instead of a new one each time.
 */
export const openSocket = (
  options: ConnectOptions,
  onread?: Net.OnReadOpts
): Effect.Effect<Net.Socket, ConnectError | TimeoutError> => {
  const timeout = Duration.fromInputUnsafe(options.connectTimeout ?? DEFAULT_TIMEOUT)
  const name = formatAddress(options)
  return Effect.callback<Net.Socket, ConnectError>((resume) => {
    const begun = begin(options, onread)
    if (Result.isFailure(begun)) return resume(Effect.fail(begun.failure))
    const socket = begun.success
    const error = (error: NodeJS.ErrnoException) => resume(Effect.fail(toConnectError(options, error)))
    socket.on("error", error)
    // A server that ends a handshake is no error to Node where it was a plain end.
    if (options.tls !== undefined) socket.once("close", () => error(new Error("it closed the connection")))
    socket.once(options.tls === undefined ? "connect" : "secureConnect", () => resume(Effect.succeed(socket)))
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.fail(
          new TimeoutError({
            operation: "connect",
            message: `No connection to ${name} within ${Duration.format(timeout)}.`
          })
        )
    })
  )
}

const begin = (
  options: ConnectOptions,
  onread: Net.OnReadOpts | undefined
): Result.Result<Net.Socket, ConnectError> => {
  const { host, port, tls } = options
  if (tls === undefined) {
    return Result.succeed(Net.connect({ host, port, noDelay: true, ...(onread === undefined ? {} : { onread }) }))
  }
  return ClientTls.connect(tls, host, port, onread).pipe(
    Result.map((socket) => socket.setNoDelay(true)),
    Result.mapError(
      (reason) =>
        new ConnectError({ code: "ERR_TLS", message: `Cannot connect to ${formatAddress(options)}: ${reason}` })
    )
  )
}

const toConnectError = (options: ConnectOptions, error: NodeJS.ErrnoException): ConnectError => {
  const code = error.code ?? "UNKNOWN"
  return new ConnectError({
    code,
    message: `Cannot connect to ${formatAddress(options)}: ${describeIn(options, code, error.message)}`
  })
}

const describeIn = ({ tls }: ConnectOptions, code: string, message: string): string =>
  describe(code) ?? (tls === undefined ? undefined : describeTls(code, message)) ?? `${message}.`

const describeTls = (code: string, message: string): string | undefined =>
  code === "ECONNRESET"
    ? "it closed the connection in the handshake; does it speak TLS on this port?"
    : ClientTls.describe(code, message)

const describe = (code: string): string | undefined => {
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused; is the server running?"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "unknown host."
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to the host."
    default:
      return undefined
  }
}
