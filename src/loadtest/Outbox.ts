/**
 * The bytes in which a thread's connections make their requests: one buffer for all of them, since each writes what it
 * has made before another one makes something.
 *
 * A buffer that a socket could not write at once belongs to the socket until it has; touching it would corrupt requests.
 * Then another one takes its place.
 */
import type * as Net from "node:net"

/** Bytes of a write at most. */
export const OUTBOX_BYTES = 64 * 1024

/** Views of the buffer up to this length are made once: most writes are short, and a view takes longer than its bytes. */
const MAX_KEPT_VIEW = 4096

export class Outbox {
  bytes = Buffer.allocUnsafeSlow(OUTBOX_BYTES)
  private views: Array<Buffer | undefined> = []

  /** Writes the first `length` bytes to a socket. */
  send(socket: Net.Socket, length: number): void {
    const view =
      length > MAX_KEPT_VIEW ? this.bytes.subarray(0, length) : (this.views[length] ??= this.bytes.subarray(0, length))
    socket.write(view)
    if (socket.writableLength === 0) return
    this.bytes = Buffer.allocUnsafeSlow(OUTBOX_BYTES)
    this.views = []
  }
}
