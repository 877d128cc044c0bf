/**
 * Clients that send requests without end, as fast as the server takes them, and drop the replies: half PUTs, half GETs, in
 * pieces of a thousand requests. When it is released it prints how many requests a second were answered.
 *
 * It does not verify replies, as the generator does: it is the load beside which another client is measured.
 */
import { connect } from "node:net"
import { setPriority } from "node:os"
import { fail, finish, onRelease, readOptions, say } from "./Helper.ts"
import type { BulkOptions, BulkResult } from "./Messages.ts"
import { keyOf, valueOf, wires } from "./Wire.ts"

const KEYS = 1000

/** The time until all of them are under way, in ms. */
const START = 700

const { connections, nice, port, valueSize, wire } = readOptions<BulkOptions>()
const { found, get, put, stored } = wires[wire]
const keys = Array.from({ length: KEYS }, (_, i) => i)
const piece = Buffer.from(keys.map((i) => put(keyOf(i), valueOf(i, valueSize), 0) + get(keyOf(i))).join(""), "latin1")
/** Bytes of the replies to a PUT and a GET. */
const pair = stored.length + found(keyOf(0), valueOf(0, valueSize)).length

const chunk = Buffer.allocUnsafeSlow(64 * 1024)
let bytes = 0
setPriority(nice)
for (let i = 0; i < connections; i++) {
  const socket = connect({
    host: "127.0.0.1",
    port,
    onread: {
      buffer: chunk,
      callback: (length) => {
        bytes += length
        return true
      }
    }
  })
  const push = (): void => {
    while (socket.write(piece));
  }
  socket.on("connect", push)
  socket.on("drain", push)
  socket.on("error", (error) => fail(`connection lost: ${error.message}`))
  socket.on("close", () => fail("connection closed by the server"))
}

setTimeout(() => {
  const before = { at: performance.now(), bytes }
  onRelease(() => {
    const seconds = (performance.now() - before.at) / 1000
    const result: BulkResult = { requestsPerSecond: (2 * (bytes - before.bytes)) / pair / seconds }
    finish(result)
  })
  say({ isReady: true })
}, START)
