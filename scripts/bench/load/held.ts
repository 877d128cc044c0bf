/**
 * Opens connections that make a server hold memory: each sends the beginning of a request, or asks for more than it reads.
 * It reports when all have done so, and holds them.
 */
import { connect } from "node:net"
import { fail, onRelease, readOptions, say } from "./Helper.ts"
import type { HeldOptions, HeldReady } from "./Messages.ts"

/** How many connections are opened at once: fewer than a server's backlog of connections to accept. */
const AT_ONCE = 100

/** Requests of a client that does not read the replies. They are more than the kernel takes. */
const GETS = 256

const { bytes, connections, kind, port } = readOptions<HeldOptions>()

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const get = `*2\r\n${bulk("GET")}${bulk("held")}`
const what =
  kind === "request"
    ? Buffer.from(`*3\r\n${bulk("SET")}${bulk("held")}$${bytes + 10}\r\n${"v".repeat(bytes)}`)
    : Buffer.from(get.repeat(GETS))

let sent = 0

const open = (): void => {
  // It reads a single byte and no more.
  const socket = connect({
    host: "127.0.0.1",
    port,
    onread: { buffer: Buffer.alloc(1), callback: () => false }
  })
  socket.on("connect", () => {
    socket.pause()
    socket.write(what, () => {
      sent++
      if (sent <= connections - AT_ONCE) open()
      const ready: HeldReady = { sent }
      if (sent === connections) say(ready)
    })
  })
  socket.on("error", (error) => fail(`connection lost: ${error.message}`))
  socket.on("close", () => fail("connection closed by the server"))
}

/** The value that all replies have. */
const store = connect({ host: "127.0.0.1", port }, () =>
  store.write(`*3\r\n${bulk("SET")}${bulk("held")}${bulk("v".repeat(bytes))}`)
)
store.once("data", () => {
  store.destroy()
  for (let i = 0; i < AT_ONCE; i++) open()
})
onRelease(() => process.exit(0))
