/**
 * Connections that live for one request: each connects, stores one key, reads the reply, ends its side, and waits until
 * the server has ended the other. Prints how many it made, and what CPU time the server took meanwhile.
 */
import { connect } from "node:net"
import { cpuSeconds } from "../Proc.ts"
import { fail, finish, onRelease, readOptions } from "./Helper.ts"
import type { ShortOptions, ShortResult } from "./Messages.ts"
import { wires } from "./Wire.ts"

/** How many are open at once. */
const AT_ONCE = 10

const { port, seconds, serverPid, warmup, wire } = readOptions<ShortOptions>()
const { put, stored } = wires[wire]
const request = put("short", "short", 0)

let served = 0
let isOver = false

const open = (): void => {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true })
  let heard = ""
  socket.write(request, "latin1")
  socket.on("data", (chunk) => {
    heard += chunk.toString("latin1")
    if (heard.length < stored.length) return
    if (heard !== stored) return fail(`wrong reply: ${JSON.stringify(heard)}`)
    socket.end()
  })
  socket.on("error", (error) => fail(`connection lost: ${error.message}`))
  socket.on("close", () => {
    if (heard !== stored) return fail("connection closed by the server")
    served++
    if (!isOver) open()
  })
}

const now = () => ({ served, cpu: cpuSeconds(serverPid) })

onRelease(() => process.exit(1))
for (let i = 0; i < AT_ONCE; i++) open()
setTimeout(() => {
  const before = now()
  setTimeout(() => {
    const after = now()
    isOver = true
    const result: ShortResult = {
      connections: after.served - before.served,
      serverCpu: before.cpu === undefined || after.cpu === undefined ? undefined : after.cpu - before.cpu
    }
    finish(result)
  }, seconds * 1000)
}, warmup * 1000)
