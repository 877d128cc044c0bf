/**
 * The handshakes of a TLS port: takes sockets as they are accepted, and gives back those that speak TLS.
 *
 * A handshake costs a server more than any request, and anybody can begin one and then be silent. So each has a deadline,
 * and so many at most are under way. Whatever a peer does in one, it costs that peer its connection, a count, and at most a
 * line a minute in the log. The certificate and its key are read anew when their files change: whoever is connected stays.
 */
import type * as Net from "node:net"
import * as Tls from "node:tls"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Predicate from "effect/Predicate"
import * as Reload from "../Reload.ts"
import { format } from "./Listener.ts"
import type { ServerCounters } from "./ServerCounters.ts"
import { SparseWarning } from "./SparseWarning.ts"
import { namesOf, read, type TlsFiles } from "./TlsFiles.ts"

/** The longest time that a handshake may take, on the server's clock. */
export const HANDSHAKE_TIMEOUT = Duration.seconds(5)

/**
 * The most handshakes under way at once, whose memory (some 50 KB each) is thus bounded. As many clients can come back at
 * once when a server has been away.
 */
export const MAX_HANDSHAKES = 1024

/**
 * Where time is virtual, nobody but this process's own clients move it, and a peer that is silent is cut all the same after
 * this many ms of Node's time.
 */
const LAST_TIMEOUT = 30_000

/** Whether a socket speaks TLS. */
export const isEncrypted = (socket: Net.Socket): socket is Tls.TLSSocket => socket instanceof Tls.TLSSocket

/** Whether its peer has shown a certificate that a CA of the server's has signed. */
export const isCertified = (socket: Net.Socket): boolean => isEncrypted(socket) && socket.authorized

/** What both of a connection's sockets, the one below TLS and the one above it, are known by. */
const keyOf = ({ localAddress, remoteAddress, remotePort }: Net.Socket): string =>
  `${localAddress} ${remoteAddress} ${remotePort}`

const HUNG_UP = "it hung up"

const WORDS: ReadonlyMap<string, string> = new Map([
  ["ECONNRESET", HUNG_UP],
  ["EPIPE", HUNG_UP],
  // To OpenSSL whatever begins with GET or PUT is HTTP, and so is the text protocol.
  ["ERR_SSL_HTTP_REQUEST", "it did not speak TLS"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "it did not speak TLS"],
  ["ERR_SSL_PACKET_LENGTH_TOO_LONG", "it did not speak TLS"],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "its version of TLS is too old (--tls-min-version)"],
  ["ERR_SSL_NO_SHARED_CIPHER", "it has no cipher in common with the server"],
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "it has no certificate (--tls-client-auth)"],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "it does not trust the server's certificate"],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN", "it does not trust the server's certificate"],
  ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "it does not trust the server's certificate"]
])

/** A word for OpenSSL's codes: `ERR_SSL_NO_SHARED_CIPHER`. */
const describe = (error: Error): string => {
  const code = Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : ""
  return WORDS.get(code) ?? (code === "" ? error.message : code)
}

/** Not the error's, which is a string at run time whatever its type says. */
const authorizationErrorOf = (socket: Tls.TLSSocket): string | undefined => {
  const error: unknown = socket.authorizationError
  if (error === null || error === undefined) return undefined
  return error instanceof Error ? error.message : String(error)
}

interface Handshake {
  /** Why it has failed, once it has. */
  reason: string | undefined
  /** Ends the wait for it. */
  onEnd: () => void
}

export interface TlsPort {
  /** Takes a socket that does not read yet. */
  readonly accept: (accepted: Net.Socket) => void
}

/**
 * Fails if the files cannot be used. Ends all handshakes with its scope, and those only. `onSecured` gets a socket whose
 * handshake is done, and that does not read yet.
 */
export const make = Effect.fnUntraced(function* (
  files: TlsFiles,
  counters: ServerCounters,
  onSecured: (socket: Tls.TLSSocket) => void
) {
  const tls = Tls.createServer({
    requestCert: files.clientAuth !== "no",
    rejectUnauthorized: files.clientAuth === "yes",
    handshakeTimeout: LAST_TIMEOUT
  })
  yield* Reload.load({
    name: "certificates",
    files: namesOf(files),
    load: Effect.map(read(files), (options) => {
      tls.setSecureContext(options)
      return `'${files.cert}'`
    })
  })

  let last = ""
  const failures = new SparseWarning((count) => `TLS handshakes failed: ${count}, the last one with ${last}`)
  yield* Effect.forkScoped(failures.run)
  const fail = (peer: string, reason: string): void => {
    counters.tlsFailures++
    last = `${peer}: ${reason}`
    failures.add()
  }

  const underWay = new Map<string, Handshake>()
  const fibers = yield* FiberSet.make<void>()
  const fork = yield* FiberSet.runtime(fibers)()

  tls.on("secureConnection", (socket) => {
    // Without this, an error would be thrown before whoever gets the socket listens.
    socket.on("error", doNothing)
    const key = keyOf(socket)
    const handshake = underWay.get(key)
    if (handshake === undefined) return void socket.destroy()
    const untrusted = authorizationErrorOf(socket)
    // A wrong certificate is refused even where none is needed.
    if (untrusted !== undefined && socket.getPeerX509Certificate() !== undefined) {
      handshake.reason = `its certificate is not trusted (${untrusted})`
      socket.destroy()
      return
    }
    underWay.delete(key)
    handshake.onEnd()
    socket.allowHalfOpen = true
    onSecured(socket)
  })

  tls.on("tlsClientError", (error, socket) => {
    const handshake = underWay.get(keyOf(socket))
    const untrusted = authorizationErrorOf(socket)
    if (handshake !== undefined) {
      handshake.reason ??= untrusted === undefined ? describe(error) : `its certificate is not trusted (${untrusted})`
    }
    socket.destroy()
  })

  const accept = (accepted: Net.Socket): void => {
    // The close that follows says all there is to do.
    accepted.on("error", doNothing)
    const peer = peerOf(accepted)
    if (underWay.size >= MAX_HANDSHAKES) {
      fail(peer, `${MAX_HANDSHAKES} others were under way`)
      accepted.destroy()
      return
    }
    const key = keyOf(accepted)
    const handshake: Handshake = { reason: undefined, onEnd: doNothing }
    underWay.set(key, handshake)
    accepted.once("close", () => {
      if (underWay.get(key) !== handshake) return
      underWay.delete(key)
      handshake.onEnd()
      // Load balancers check a port so: they connect, and hang up.
      if (handshake.reason !== undefined || accepted.bytesRead > 0) fail(peer, handshake.reason ?? HUNG_UP)
    })
    const ended = Effect.callback<void>((resume) => {
      handshake.onEnd = () => resume(Effect.void)
      // Who ends its side in a handshake has left; afterwards it may still wait for replies.
      accepted.allowHalfOpen = false
      tls.emit("connection", accepted)
    })
    fork(
      ended.pipe(
        Effect.timeoutOrElse({
          duration: HANDSHAKE_TIMEOUT,
          orElse: () =>
            Effect.sync(() => {
              handshake.reason = `it took longer than ${Duration.format(HANDSHAKE_TIMEOUT)}`
            })
        }),
        Effect.ensuring(
          Effect.sync(() => {
            if (underWay.get(key) === handshake) accepted.destroy()
          })
        )
      )
    )
  }

  return { accept } satisfies TlsPort
})

const peerOf = ({ remoteAddress, remotePort }: Net.Socket): string =>
  remoteAddress === undefined || remotePort === undefined
    ? "unknown"
    : format({ host: remoteAddress, port: remotePort })

const doNothing = (): void => {}
