/**
 * Asks for keys at a steady rate, whatever the answers take, over several connections in turn, and prints how long the
 * answers took. It measures from the moment of sending: a timer that was late is this process's affair.
 */
import type { Socket } from "node:net"
import { type BatchSource, mix } from "./Batch.ts"
import { fail, finish, onRelease, readOptions } from "./Helper.ts"
import { Histogram } from "./Histogram.ts"
import { open, openAll } from "./Link.ts"
import type { PacedOptions, PacedResult } from "./Messages.ts"
import { ReplyCheck } from "./ReplyCheck.ts"
import { wires } from "./Wire.ts"

const options = readOptions<PacedOptions>()
const { connections, keys, rate, seconds, seed, valueSize, warmup, wire } = options

const histogram = new Histogram()
let sum = 0
let isMeasured = false

class Connection {
  private readonly socket: Socket
  private readonly next: BatchSource
  private readonly check = new ReplyCheck()
  private sentAt = 0

  constructor(next: BatchSource, onReady: () => void) {
    this.next = next
    this.socket = open(options, { onReady, onBytes: (chunk, length) => this.receive(chunk, length) })
  }

  /** Sends a request, unless one is under way. */
  send(): boolean {
    const batch = this.check.isDone ? this.next() : undefined
    if (batch === undefined) return false
    this.check.expect(batch)
    this.sentAt = performance.now()
    this.socket.write(batch.request, "latin1")
    return true
  }

  private receive(chunk: Buffer, length: number): void {
    const answered = this.check.accept(chunk, length)
    if (typeof answered === "string") return fail(`wrong reply: ${answered}`)
    if (!this.check.isDone || !isMeasured) return
    const took = performance.now() - this.sentAt
    histogram.record(took, 1)
    sum += took
  }
}

/** The time between two looks at what is due, in ms. */
const TICK = 1

const begin = (all: ReadonlyArray<Connection>): void => {
  const start = performance.now()
  let sent = 0
  let turn = 0
  const tick = (): void => {
    const due = ((performance.now() - start) / 1000) * rate
    for (let tries = 0; sent < due && tries < all.length; tries++) {
      if (all[turn++ % all.length]?.send() === true) sent++
    }
    if (sent < due - rate) fail(`the answers take too long for ${rate} requests a second`)
    setTimeout(tick, TICK)
  }
  tick()
  setTimeout(() => (isMeasured = true), warmup * 1000)
  setTimeout(
    () => {
      const { count } = histogram
      finish({
        requests: count,
        mean: sum / count,
        p50: histogram.percentile(0.5),
        p99: histogram.percentile(0.99)
      } satisfies PacedResult)
    },
    (warmup + seconds) * 1000
  )
}

onRelease(() => process.exit(1))
const source = mix(wires[wire], { keys, valueSize, putShare: 0, skew: 0, pipeline: 1, seed })
openAll(connections, (onReady) => new Connection(source, onReady), begin)
