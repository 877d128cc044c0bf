/**
 * How a client speaks TLS: whom it trusts, who it is, and what it says where a handshake fails. It is plain data, so that a
 * load test can give it to its threads.
 */
import type * as Net from "node:net"
import * as Tls from "node:tls"
import * as Result from "effect/Result"

export interface ClientTls {
  /** Certificates of CAs in PEM, trusted in place of those that Node brings. */
  readonly ca?: string | undefined
  /** The client's own certificate and its key in PEM, where the server asks for one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The name that the server's certificate has to have. Default: the host that is connected to. */
  readonly serverName?: string | undefined
  /** Whether any certificate will do, which protects from listeners and from nobody else. Default: false. */
  readonly isInsecure?: boolean | undefined
}

// A connection's part of reading certificates is most of the work: the CAs that Node brings are 150.
const contexts = new WeakMap<ClientTls, Tls.SecureContext>()

const contextOf = (tls: ClientTls): Tls.SecureContext => {
  const known = contexts.get(tls)
  if (known !== undefined) return known
  const { ca, cert, key } = tls
  const context = Tls.createSecureContext({
    minVersion: "TLSv1.2",
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key })
  })
  contexts.set(tls, context)
  return context
}

/** Begins to connect. Fails where certificates or key cannot be used. Emits `secureConnect` when it has connected. */
export const connect = (
  tls: ClientTls,
  host: string,
  port: number,
  onread: Net.OnReadOpts | undefined
): Result.Result<Tls.TLSSocket, string> =>
  Result.mapError(
    Result.try(() =>
      Tls.connect({
        host,
        port,
        secureContext: contextOf(tls),
        rejectUnauthorized: tls.isInsecure !== true,
        ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
        ...(onread === undefined ? {} : { onread })
      })
    ),
    (error) => {
      const reason = error instanceof Error ? error.message : String(error)
      return `its TLS certificates or key cannot be used (${reason}).`
    }
  )

const NOT_TRUSTED = "; give the certificate of the CA that signed it with --tls-ca."

/** What a code of a failed handshake means, to end "Cannot connect to ...: ". */
export const describe = (code: string, message: string): string | undefined => {
  switch (code) {
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return `no CA that is trusted here has signed its certificate${NOT_TRUSTED}`
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `its certificate is self-signed, or its CA is not trusted here${NOT_TRUSTED}`
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired."
    case "CERT_NOT_YET_VALID":
      return "its certificate is not valid yet."
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `its certificate is for other names: ${message.replace(/^.*altnames: /, "").replace(/\.?$/, ".")}`
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "it does not speak TLS on this port."
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
      return "it refuses this version of TLS."
    case "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED":
    case "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE":
      return "it asks for a certificate; give one with --tls-cert and --tls-key."
    case "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA":
    case "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE":
      return "it does not trust the certificate of --tls-cert."
    default:
      return undefined
  }
}
