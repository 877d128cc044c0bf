/**
 * The listening socket: binds host and port for as long as a scope is open, and hands over what it accepts.
 *
 * If it cannot listen, it says why in words that a person can act on. It survives running out of file descriptors.
 */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { HIGH_WATER_MARK } from "./Intake.ts"

/** The server could not listen. The message names host and port and says what to do. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  /** The system's code, such as `EADDRINUSE`, or `UNPROTECTED` if the server would have let everyone in. */
  code: Schema.String,
  message: Schema.String
}) {}

export interface Address {
  readonly host: string
  /** The bound port. If 0 was asked for, the free port that was found. */
  readonly port: number
}

/** What was bound. */
export interface Bound extends Address {
  /** Whether only this machine can connect. */
  readonly isLoopback: boolean
}

/** Host and port as one word; an IPv6 address in brackets. */
export const format = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/**
 * Listens until the scope closes. Sockets are handed over when they are accepted, and do not read yet. `onError` is
 * told of connections that could not be accepted. `flag` is the one that chooses the port. Where others can connect, too, it
 * fails with `unprotected`, if that is given.
 */
export const listen = (
  address: Address,
  onSocket: (socket: Net.Socket) => void,
  onError: (error: Error) => void,
  flag = "--port",
  unprotected?: ListenError
): Effect.Effect<Bound, ListenError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Net.Server, ListenError>((resume) => {
      // Half-open sockets are allowed, so that a client that ends its side (`nc -N`) still gets its replies.
      const server = Net.createServer(
        {
          allowHalfOpen: true,
          pauseOnConnect: true,
          highWaterMark: HIGH_WATER_MARK
        },
        onSocket
      )
      server.once("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(toListenError(address, flag, error))))
      server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, () => {
        server.removeAllListeners("error")
        // Nothing has been accepted yet.
        if (unprotected !== undefined && !isLoopback(server)) {
          server.close()
          return resume(Effect.fail(unprotected))
        }
        // Mostly for lack of file descriptors. The server stays. libuv closes what it cannot take, so that neither the
        // process nor the backlog spins, and accepts again when descriptors are free.
        server.on("error", onError)
        if (!setForAll(server)) server.on("connection", setForOne)
        resume(Effect.succeed(server))
      })
      return Effect.sync(() => server.close())
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.map((server) => boundTo(address, server)))

/** What a server that listens at an address was bound to. */
export const boundTo = ({ host, port: asked }: Address, server: Net.Server): Bound => {
  const bound = server.address()
  const port = typeof bound === "object" && bound !== null ? bound.port : asked
  return { host, port, isLoopback: isLoopback(server) }
}

/** Whether only this machine can connect. */
const isLoopback = (server: Net.Server): boolean => {
  const bound = server.address()
  if (typeof bound !== "object" || bound === null) return false
  return loopback.check(bound.address, Net.isIPv6(bound.address) ? "ipv6" : "ipv4")
}

// This also finds IPv4 addresses in IPv6 form (`::ffff:127.0.0.1`).
const loopback = new Net.BlockList()
loopback.addSubnet("127.0.0.0", 8)
loopback.addAddress("::1", "ipv6")
/**
 * After this much silence, in ms, the kernel asks the peer whether it is still there. It asks ten times, once a second
 * (libuv's figures). If no answer comes, it closes the connection.
 */
const KEEP_ALIVE = 60_000

const setForOne = (socket: Net.Socket): void => {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE)
}

/**
 * Linux gives an accepted socket the options of the one that listens (`socket(7)`, `tcp(7)`). Says whether that will do. To
 * set them for each connection takes five calls of the system: a tenth of the CPU of one that lives for one request.
 */
const setForAll = (server: Net.Server): boolean => {
  const handle: unknown = Reflect.get(server, "_handle")
  if (process.platform !== "linux") return false
  if (!Predicate.hasProperty(handle, "setNoDelay") || !Predicate.isFunction(handle.setNoDelay)) return false
  if (!Predicate.hasProperty(handle, "setKeepAlive") || !Predicate.isFunction(handle.setKeepAlive)) return false
  // Both answer 0, or the number of an error.
  return handle.setNoDelay(true) === 0 && handle.setKeepAlive(true, KEEP_ALIVE / 1000) === 0
}

/** How many connections the kernel holds until they are accepted. The kernel has a limit of its own. */
const BACKLOG = 4096

/** The code of the error where a server would have let everyone in. */
const UNPROTECTED = "UNPROTECTED"

/**
 * The error of a server that would have let everyone in at an address that others can reach. It names the ways on. Where
 * clients can be made to show certificates, `certificates` says how.
 */
export const unprotected = (address: Address, flag: string, certificates?: string): ListenError =>
  new ListenError({
    code: UNPROTECTED,
    message:
      `Not listening on ${format(address)} (${flag}), which others can reach, without credentials: give a password ` +
      `(--password-file, KV_CACHE_PASSWORD) or users (--users-file), ${certificates === undefined ? "" : `${certificates}, `}` +
      "or let everyone in with --allow-unauthenticated (KV_CACHE_ALLOW_UNAUTHENTICATED=true)."
  })

/** What the system's error means for an address that was asked for with these flags. */
export const toListenError = (
  { host, port }: Address,
  flag: string,
  error: NodeJS.ErrnoException,
  hostFlag = "--host"
): ListenError => {
  const code = error.code ?? "UNKNOWN"
  return new ListenError({
    code,
    message: describe(code, host, port, flag, hostFlag) ?? `Cannot listen on ${host}:${port}: ${error.message}.`
  })
}

const describe = (code: string, host: string, port: number, flag: string, hostFlag: string): string | undefined => {
  switch (code) {
    case "EADDRINUSE":
      return `Address already in use: another program listens on ${host}:${port}; stop it, or choose another port with ${flag}.`
    case "EACCES":
      return `Permission denied: this user may not listen on ${host}:${port}; choose a port above 1023 with ${flag}.`
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `Unknown host: '${host}' has no address; give an address of this machine, or a name that has one, with ${hostFlag}.`
    case "EADDRNOTAVAIL":
      return `Address not available: ${host} is not an address of this machine; choose one that is, such as 127.0.0.1, with ${hostFlag}.`
    default:
      return undefined
  }
}
