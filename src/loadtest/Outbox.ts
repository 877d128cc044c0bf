/**
 * The buffer in which the connections of a thread make their requests. One buffer serves all of them, because each
 * connection writes its requests before the next one makes any.
 *
 * If a socket could not write a buffer at once, the buffer belongs to the socket until it has. Touching it would
 * corrupt requests, so another buffer takes its place.
 */
import type * as Net from "node:net"
import * as Tls from "node:tls"

/** The most bytes of one write. */
export const OUTBOX_BYTES = 64 * 1024

/** Views up to this length are made once. Most writes are short, and making a view takes longer than filling it. */
const MAX_KEPT_VIEW = 4096

export class Outbox {
  bytes = Buffer.allocUnsafeSlow(OUTBOX_BYTES)
  private views: Array<Buffer | undefined> = []

  /** Writes the first `length` bytes to a socket. */
  send(socket: Net.Socket, length: number): void {
    const view =
      length > MAX_KEPT_VIEW ? this.bytes.subarray(0, length) : (this.views[length] ??= this.bytes.subarray(0, length))
    const isIdle = socket.writableLength === 0
    socket.write(view)
    // TLS has encrypted them already, and says a turn later that it has sent them.
    if (socket.writableLength === 0 || (isIdle && socket instanceof Tls.TLSSocket)) return
    this.bytes = Buffer.allocUnsafeSlow(OUTBOX_BYTES)
    this.views = []
  }
}
