/**
 * Clients that send requests without end, as fast as the server takes them, and drop the replies: half PUTs, half GETs, in
 * pieces of a thousand requests. When it is released it prints how many requests a second were answered.
 *
 * It does not verify replies, as the generator does: it is the load beside which another client is measured.
 */
import { setPriority } from "node:os"
import { finish, onRelease, readOptions, say } from "./Helper.ts"
import { open } from "./Link.ts"
import type { BulkOptions, BulkResult } from "./Messages.ts"
import { keyOf, valueOf, wires } from "./Wire.ts"

const KEYS = 1000

/** The time until all of them are under way, in ms. */
const START = 700

const options = readOptions<BulkOptions>()
const { connections, nice, valueSize, wire } = options
const { found, get, put, stored } = wires[wire]
const keys = Array.from({ length: KEYS }, (_, i) => i)
const piece = Buffer.from(keys.map((i) => put(keyOf(i), valueOf(i, valueSize), 0) + get(keyOf(i))).join(""), "latin1")
/** Bytes of the replies to a PUT and a GET. */
const pair = stored.length + found(keyOf(0), valueOf(0, valueSize)).length

let bytes = 0
setPriority(nice)
for (let i = 0; i < connections; i++) {
  const push = (): void => {
    while (socket.write(piece));
  }
  const socket = open(options, { onReady: push, onBytes: (_, length) => (bytes += length) })
  socket.on("drain", push)
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
