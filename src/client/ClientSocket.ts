/** Connects a client's socket. Where that fails, the error says why in words that a person can act on. */
import * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { ConnectError, TimeoutError } from "./ClientError.ts"

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
    const socket = Net.connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      ...(onread === undefined ? {} : { onread })
    })
    socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(toConnectError(options, error))))
    socket.once("connect", () => resume(Effect.succeed(socket)))
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

const toConnectError = (options: ConnectOptions, error: NodeJS.ErrnoException): ConnectError => {
  const code = error.code ?? "UNKNOWN"
  return new ConnectError({
    code,
    message: `Cannot connect to ${formatAddress(options)}: ${describe(code) ?? `${error.message}.`}`
  })
}

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
