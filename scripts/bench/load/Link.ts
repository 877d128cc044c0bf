/**
 * A helper's connections to the server that it drives. A helper whose connection is lost has measured nothing: it ends
 * with an error.
 *
 * It knows no requests: see `Batch.ts` and `ReplyCheck.ts`.
 */
import { connect, type Socket } from "node:net"
import { fail } from "./Helper.ts"

export interface Listeners {
  readonly onReady: () => void
  /** The first `length` bytes are what has come. They are overwritten after the call. */
  readonly onBytes: (chunk: Buffer, length: number) => void
}

// Bytes are taken in the callback that reads them, so one buffer serves all connections.
const chunk = Buffer.allocUnsafeSlow(256 * 1024)

/** Opens a connection to a port of this machine. */
export const open = (port: number, { onBytes, onReady }: Listeners): Socket => {
  const socket = connect({
    host: "127.0.0.1",
    port,
    noDelay: true,
    onread: {
      buffer: chunk,
      callback: (length) => {
        onBytes(chunk, length)
        return true
      }
    }
  })
  socket.on("connect", onReady)
  socket.on("error", (error) => fail(`connection lost: ${error.message}`))
  socket.on("close", () => fail("connection closed by the server"))
  return socket
}

/** Opens several connections and begins when the last of them is ready. */
export const openAll = <Connection>(
  count: number,
  make: (onReady: () => void) => Connection,
  begin: (all: ReadonlyArray<Connection>) => void
): void => {
  let ready = 0
  const all = Array.from({ length: count }, () =>
    make(() => {
      ready++
      if (ready === count) begin(all)
    })
  )
}
