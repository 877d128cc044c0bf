/**
 * The load generator: a process that drives any of the servers in the same way and prints one line of JSON.
 *
 * It is a closed loop: each connection sends its next batch when the last one is answered. It shares the machine with
 * the server, so it costs as little as Node allows: prebuilt requests, one read buffer for all connections, one
 * comparison a chunk. It is not the product's load tester, which has a schedule, seeds, percentiles for each second and
 * a report.
 */
import type { Socket } from "node:net"
import { setPriority } from "node:os"
import { cpuSeconds } from "../Proc.ts"
import { type BatchSource, fill, mix } from "./Batch.ts"
import { fail, finish, onRelease, readOptions } from "./Helper.ts"
import { Histogram } from "./Histogram.ts"
import { open, openAll } from "./Link.ts"
import type { GeneratorOptions, GeneratorResult } from "./Messages.ts"
import { ReplyCheck } from "./ReplyCheck.ts"
import { wires } from "./Wire.ts"

const options = readOptions<GeneratorOptions>()
const { connections, pipeline, serverPid, valueSize, work } = options

const histogram = new Histogram()
let requests = 0
let busy = 0

class Connection {
  private readonly socket: Socket
  private readonly check = new ReplyCheck()
  private readonly next: BatchSource
  private sentAt = 0

  constructor(next: BatchSource, onReady: () => void) {
    this.next = next
    this.socket = open(options, { onReady, onBytes: (chunk, length) => this.receive(chunk, length) })
  }

  send(): void {
    const batch = this.next()
    if (batch === undefined) {
      busy--
      if (busy === 0) end()
      return
    }
    this.check.expect(batch)
    this.sentAt = performance.now()
    this.socket.write(batch.request, "latin1")
  }

  private receive(chunk: Buffer, length: number): void {
    const answered = this.check.accept(chunk, length)
    if (typeof answered === "string") return fail(`wrong reply: ${answered}`)
    if (answered > 0) {
      requests += answered
      histogram.record(performance.now() - this.sentAt, answered)
    }
    if (this.check.isDone) this.send()
  }
}

const now = (): { at: number; server: number | undefined; generator: number } => {
  const { system, user } = process.cpuUsage()
  return { at: performance.now(), server: cpuSeconds(serverPid), generator: (user + system) / 1e6 }
}

let start = now()

const begin = (): void => {
  histogram.clear()
  requests = 0
  start = now()
}

const end = (): void => {
  const stop = now()
  const result: GeneratorResult = {
    requests,
    seconds: (stop.at - start.at) / 1000,
    serverCpu: start.server === undefined || stop.server === undefined ? undefined : stop.server - start.server,
    generatorCpu: stop.generator - start.generator,
    p50: histogram.percentile(0.5),
    p99: histogram.percentile(0.99),
    p999: histogram.percentile(0.999),
    max: histogram.max
  }
  finish(result)
}

const makeSource = (): BatchSource => {
  const wire = wires[options.wire]
  if (work.kind === "mix") {
    const { keys, putShare, seed, skew } = work
    return mix(wire, { keys, valueSize, putShare, skew, pipeline, seed })
  }
  const { expireAfter, firstKey, keys } = work
  const startedAt = performance.now()
  const ttl = (): number =>
    expireAfter === 0 ? 0 : Math.max(1, Math.ceil(expireAfter - (performance.now() - startedAt) / 1000))
  return fill(wire, { firstKey, keys, valueSize, pipeline, ttl })
}

onRelease(() => process.exit(1))
if (options.nice !== undefined) setPriority(options.nice)

const source = makeSource()
openAll(
  connections,
  (onReady) => new Connection(source, onReady),
  (all) => {
    busy = connections
    begin()
    for (const connection of all) connection.send()
    if (work.kind === "fill") return
    setTimeout(() => {
      begin()
      setTimeout(end, work.seconds * 1000)
    }, work.warmup * 1000)
  }
)
