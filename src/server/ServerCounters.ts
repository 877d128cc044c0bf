/** The server's counters: plain numbers that the hot path adds to. The store has counters of its own. */

export interface ServerCounters {
  /** Connections accepted, without those that were refused. */
  accepted: number
  /** Connections open now. */
  open: number
  /** Connections refused because of the limit. */
  refused: number
  /** TLS handshakes that failed, whoever's fault it was. */
  tlsFailures: number
  /** Connections open now whose client has yet to say who it is. */
  unauthenticated: number
  /** Users or passwords that were wrong, those at the admin port included. */
  authenticationFailures: number
  /** Connections closed because their client did not say who it is: not in time, or with too many mistakes. */
  strangersClosed: number
  /** Connections closed because they were idle or their peer did not take replies. */
  idled: number
  /** Connections closed because clients held too much memory together. */
  overMemory: number
  /** Connections closed because something threw: each is a bug. */
  defects: number
  /** QUIT commands. The store counts the other commands. */
  quits: number
  /** Requests that were not a valid command. */
  protocolErrors: number
  /** Bytes read from and written to clients. */
  bytesIn: number
  bytesOut: number
}

export const make = (): ServerCounters => ({
  accepted: 0,
  open: 0,
  refused: 0,
  tlsFailures: 0,
  unauthenticated: 0,
  authenticationFailures: 0,
  strangersClosed: 0,
  idled: 0,
  overMemory: 0,
  defects: 0,
  quits: 0,
  protocolErrors: 0,
  bytesIn: 0,
  bytesOut: 0
})
