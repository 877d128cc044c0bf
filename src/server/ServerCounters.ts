/** What the server has seen, as plain numbers that the hot path adds to. The store counts what it does itself. */

export interface ServerCounters {
  /** Connections accepted, those refused not included. */
  accepted: number
  /** Connections open now. */
  open: number
  /** Connections refused because of the limit. */
  refused: number
  /** Connections closed because they were idle or did not take their replies. */
  idled: number
  /** Connections closed because something threw: each is a bug. */
  defects: number
  /** QUIT commands; all others are counted by the store. */
  quits: number
  /** Requests that were no command. */
  protocolErrors: number
  /** Bytes read from and written to clients. */
  bytesIn: number
  bytesOut: number
}

export const make = (): ServerCounters => ({
  accepted: 0,
  open: 0,
  refused: 0,
  idled: 0,
  defects: 0,
  quits: 0,
  protocolErrors: 0,
  bytesIn: 0,
  bytesOut: 0
})
