/**
 * Opens connections, stores one key over each so that each has been served, reports that, and then only holds them.
 */
import { connect, type Socket } from "node:net"
import { fail, onRelease, readOptions, say } from "./Helper.ts"
import type { IdleOptions, IdleReady } from "./Messages.ts"
import { wires } from "./Wire.ts"

/** How many connections are opened at once: fewer than a server's backlog of connections to accept. */
const AT_ONCE = 100

const { connections, port, wire } = readOptions<IdleOptions>()
const { put, stored } = wires[wire]

const sockets: Array<Socket> = []
let served = 0

const open = (): void => {
  const socket = connect({ host: "127.0.0.1", port })
  sockets.push(socket)
  let heard = ""
  socket.on("connect", () => socket.write(put("idle", "idle", 0), "latin1"))
  socket.on("data", (chunk) => {
    heard += chunk.toString("latin1")
    if (heard.length < stored.length) return
    if (heard !== stored) return fail(`wrong reply: ${JSON.stringify(heard)}`)
    served++
    if (sockets.length < connections) open()
    const ready: IdleReady = { opened: served }
    if (served === connections) say(ready)
  })
  socket.on("error", (error) => fail(`connection ${sockets.length} lost: ${error.message}`))
  socket.on("close", () => fail("connection closed by the server"))
}

for (let i = 0; i < Math.min(AT_ONCE, connections); i++) open()
onRelease(() => process.exit(0))
