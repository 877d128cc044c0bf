/**
 * A helper's connections to the server that it drives: over TCP or TLS, as whoever the server asks for. A helper whose
 * connection is lost has measured nothing: it ends with an error.
 *
 * It knows no requests but the one that says who it is: see `Batch.ts` and `ReplyCheck.ts`.
 */
import { connect, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { fail } from "./Helper.ts"
import type { Destination } from "./Messages.ts"
import { type WireName, wires } from "./Wire.ts"

export interface Listeners {
  readonly onReady: () => void
  /** The first `length` bytes are what has come. They are overwritten after the call. */
  readonly onBytes: (chunk: Buffer, length: number) => void
}

const HOST = "127.0.0.1"

// Bytes are taken in the callback that reads them, so one buffer serves all connections.
const chunk = Buffer.allocUnsafeSlow(256 * 1024)

/** Opens a connection to a port of this machine. */
export const open = (destination: Destination, { onBytes, onReady }: Listeners): Socket => {
  const { isTls = false, password, port, wire } = destination
  let hear = onBytes
  const take: Listeners["onBytes"] = (bytes, length) => hear(bytes, length)
  const socket = isTls ? secure(port, take) : plain(port, take)
  const begin = (): void => {
    hear = onBytes
    onReady()
  }
  const introduce = (): void => {
    hear = sayWho(socket, wire, password ?? "", begin)
  }
  socket.on(isTls ? "secureConnect" : "connect", password === undefined ? begin : introduce)
  socket.on("error", (error) => fail(`connection lost: ${error.message}`))
  socket.on("close", () => fail("connection closed by the server"))
  return socket
}

const plain = (port: number, onBytes: Listeners["onBytes"]): Socket => {
  const callback = (length: number): boolean => {
    onBytes(chunk, length)
    return true
  }
  return connect({ host: HOST, port, noDelay: true, onread: { buffer: chunk, callback } })
}

const secure = (port: number, onBytes: Listeners["onBytes"]): Socket => {
  const socket = connectTls({ host: HOST, port, rejectUnauthorized: false })
  socket.setNoDelay(true)
  return socket.on("data", (bytes) => onBytes(bytes, bytes.length))
}

/** Says who the client is, and calls back when the server has agreed. Returns who hears the reply. */
const sayWho = (socket: Socket, wire: WireName, password: string, onAgreed: () => void): Listeners["onBytes"] => {
  const { auth } = wires[wire]
  if (auth === undefined) return fail(`no password can be given over ${wire}`)
  socket.write(auth.request(password), "latin1")
  let heard = ""
  return (bytes, length) => {
    heard += bytes.toString("latin1", 0, length)
    if (heard.length < auth.reply.length) return
    if (heard !== auth.reply) return fail(`wrong reply: ${JSON.stringify(heard)}`)
    onAgreed()
  }
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
