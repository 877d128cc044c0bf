/**
 * The probing client: a process that sends the server one request about every millisecond and remembers the longest
 * wait for an answer. Other processes put load on the server meanwhile.
 *
 * On a machine with few cores, a wait may include a wait for a core: the server's before it answers, or the probe's
 * before it sees the answer. The kernel counts both. They are subtracted to say what the server itself caused.
 */
import type { Batch } from "./Batch.ts"
import { fail, finish, onRelease, readOptions, say } from "./Helper.ts"
import { Histogram } from "./Histogram.ts"
import { open } from "./Link.ts"
import type { ProbeOptions, ProbeResult } from "./Messages.ts"
import { ReplyCheck } from "./ReplyCheck.ts"
import { runQueueClock } from "../Proc.ts"
import { wires } from "./Wire.ts"

/** The time from a reply to the next request, in ms. */
const PAUSE = 1

/** How many requests at the beginning do not count. */
const COLD = 100

const options = readOptions<ProbeOptions>()
const { serverPid, wire } = options
const { found, get, put, stored } = wires[wire]
const KEY = "probe"
const VALUE = "still-there"

const exchange = (request: string, reply: string): Batch => ({
  request,
  replies: Buffer.from(reply, "latin1"),
  ends: Uint32Array.of(reply.length),
  first: 0,
  count: 1
})
const write = exchange(put(KEY, VALUE, 0), stored)
const read = exchange(get(KEY), found(KEY, VALUE))

const check = new ReplyCheck()
const waits = new Histogram()
const stalls = new Histogram()
const serverQueued = runQueueClock(serverPid)
const selfQueued = runQueueClock(process.pid)
const queued = (): number => serverQueued() + selfQueued()
let asked = 0
let sentAt = 0
let queuedBefore = 0
let isReleased = false

const ask = (): void => {
  const question = asked++ % 2 === 0 ? write : read
  check.expect(question)
  queuedBefore = queued()
  sentAt = performance.now()
  socket.write(question.request, "latin1")
}

const end = (): void => {
  const result: ProbeResult = {
    probes: waits.count,
    longest: waits.max,
    longestStall: stalls.max,
    p50: waits.percentile(0.5),
    p99: waits.percentile(0.99),
    p99Stall: stalls.percentile(0.99)
  }
  finish(result)
}

const receive = (chunk: Buffer, length: number): void => {
  const answered = check.accept(chunk, length)
  if (typeof answered === "string") return fail(`wrong reply: ${answered}`)
  if (!check.isDone) return
  const wait = performance.now() - sentAt
  // At the first requests, all code is cold, in the probe and in the server.
  if (asked === COLD) say({ isReady: true })
  if (asked > COLD) {
    waits.record(wait, 1)
    stalls.record(Math.max(0, wait - (queued() - queuedBefore)), 1)
  }
  if (isReleased) end()
  else setTimeout(ask, PAUSE)
}

const socket = open(options, { onReady: ask, onBytes: receive })

// A request is always in flight or about to be sent, and a stall under way still counts.
onRelease(() => (isReleased = true))
