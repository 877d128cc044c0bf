/**
 * A link that takes its time: passes connections on to a port of this machine, and each byte a while later than it came, in
 * both directions. It stands in for `tc netem` where the kernel has none.
 *
 * Timers of Node are a millisecond or two long. So this process sleeps by itself, for a fraction of that, between looks at
 * its sockets: what it passes on is late by half a step on average.
 *
 * Without a delay it is what any process costs that stands between: it passes bytes on as soon as it has read them.
 */
import { connect, createServer, type Socket } from "node:net"
import { fail, onRelease, readOptions, say } from "./Helper.ts"
import type { DelayOptions, DelayReady } from "./Messages.ts"

const { delay, port } = readOptions<DelayOptions>()

/** The time between two looks, in ms. */
const STEP = 0.1

interface Piece {
  readonly to: Socket
  readonly bytes: Buffer
  readonly dueAt: number
}

// In the order in which they came, and so in that in which they are due.
let pieces: Array<Piece> = []
let passed = 0

const pass = (from: Socket, to: Socket): void => {
  from.on("data", (bytes: Buffer) => {
    if (delay === 0) to.write(bytes)
    else pieces.push({ to, bytes, dueAt: performance.now() + delay })
  })
  from.on("close", () => to.destroy())
  from.on("error", () => to.destroy())
}

const asleep = new Int32Array(new SharedArrayBuffer(4))

const look = (): void => {
  const now = performance.now()
  for (let piece = pieces[passed]; piece !== undefined && piece.dueAt <= now; piece = pieces[passed]) {
    piece.to.write(piece.bytes)
    passed++
  }
  if (passed === pieces.length) {
    pieces = []
    passed = 0
  }
  Atomics.wait(asleep, 0, 0, STEP)
  setImmediate(look)
}

const server = createServer({ noDelay: true }, (from) => {
  const to = connect({ host: "127.0.0.1", port, noDelay: true })
  pass(from, to)
  pass(to, from)
})

onRelease(() => process.exit(0))
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address === null || typeof address === "string") return fail("no free port")
  say({ port: address.port } satisfies DelayReady)
  if (delay > 0) look()
})
