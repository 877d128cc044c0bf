/**
 * What `EventLoop.ts` says of Node, on this version of Node. The sockets are of the Unix kind: what one end writes is at
 * the other end when the write returns, so that nothing here depends on how busy the machine is.
 */
import { mkdtemp, rm } from "node:fs/promises"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLoop from "../src/EventLoop.ts"

interface Pair {
  readonly near: Net.Socket
  readonly far: Net.Socket
}

const connected = (socket: Net.Socket): Effect.Effect<Net.Socket> =>
  Effect.callback((resume) => void socket.once("connect", () => resume(Effect.succeed(socket))))

/** Connected sockets, the far ends of which read nothing until they are told to. */
const pairs = Effect.fnUntraced(function* (count: number) {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "kv-cache-loop-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true }))
  )
  const path = join(folder, "socket")
  const accepted: Array<Net.Socket> = []
  const server = Net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => accepted.push(socket))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(path, () => resume(Effect.void))),
    () => Effect.sync(() => server.close())
  )
  const made: Array<Pair> = []
  while (made.length < count) {
    const near = yield* connected(Net.connect({ path }))
    while (accepted.length <= made.length) yield* EventLoop.polled
    const far = accepted[made.length] ?? assert.fail("it was not accepted")
    made.push({ near, far })
    yield* Effect.addFinalizer(() => Effect.sync(() => [near, far].forEach((socket) => socket.destroy())))
  }
  return made
})

const pair = Effect.map(pairs(1), ([made]) => made ?? assert.fail("no pair"))

describe("afterReads", () => {
  it.effect("runs once every socket that had something was read", () =>
    Effect.gen(function* () {
      const all = yield* pairs(50)
      const seen: Array<string> = []
      for (const { far } of all) {
        far.on("data", () => {
          if (seen.length === 0) EventLoop.afterReads(() => void seen.push("after"))
          // What a read wakes runs before the next one, however deep.
          void Promise.resolve().then(() => process.nextTick(() => seen.push("woken")))
          seen.push("read")
        })
        far.resume()
      }
      yield* EventLoop.polled
      for (const { near } of all) near.write("x")
      yield* EventLoop.polled
      assert.deepStrictEqual(seen, [...all.flatMap(() => ["read", "woken"]), "after"])
    })
  )
})

describe("polled", () => {
  /** Calls something in each phase of a turn in which a listener can be. */
  const phases: ReadonlyArray<readonly [string, (other: Pair, call: () => void) => void]> = [
    ["at once", (_, call) => call()],
    ["from a promise", (_, call) => void Promise.resolve().then(call)],
    ["from a timer", (_, call) => void setTimeout(call, 1)],
    ["from what was put off", (_, call) => void setImmediate(call)],
    [
      "from the read of another socket",
      ({ far, near }, call) => {
        far.once("data", call)
        far.resume()
        near.write("x")
      }
    ],
    ["from the end of a socket", ({ near }, call) => void near.once("close", call).destroy()]
  ]

  it.effect.each(phases)("has read what was there: asked %s", ([, inPhase]) =>
    Effect.gen(function* () {
      const [one, other] = yield* pairs(2)
      if (one === undefined || other === undefined) return assert.fail("no pairs")
      let read = ""
      let ended = false
      one.far.on("data", (chunk) => {
        read += String(chunk)
      })
      one.far.on("end", () => {
        ended = true
      })
      one.far.resume()
      yield* Effect.callback<void>((resume) =>
        inPhase(other, () => {
          // Both have left when this returns, unlike an end, which the loop sends later.
          one.near.write("hello")
          one.near.destroy()
          resume(EventLoop.polled)
        })
      )
      assert.deepStrictEqual([read, ended], ["hello", true])
    })
  )

  it.effect("is given up when it is interrupted", () =>
    Effect.gen(function* () {
      let asked = 0
      const polling = EventLoop.pollUntil(() => {
        asked++
        return false
      })
      yield* Effect.raceFirst(polling, Effect.repeat(EventLoop.polled, { times: 3 }))
      const before = asked
      assert.isAbove(before, 0)
      yield* Effect.repeat(EventLoop.polled, { times: 3 })
      assert.strictEqual(asked, before)
    })
  )
})

describe("look", () => {
  it.effect("is known while it goes on, and is over when it is interrupted", () =>
    Effect.gen(function* () {
      assert.isFalse(EventLoop.isLookedAt())
      const seen: Array<boolean> = []
      yield* Effect.all([EventLoop.look, Effect.sync(() => void seen.push(EventLoop.isLookedAt()))], {
        concurrency: "unbounded"
      })
      seen.push(EventLoop.isLookedAt())
      yield* Effect.raceFirst(EventLoop.look, Effect.void)
      seen.push(EventLoop.isLookedAt())
      assert.deepStrictEqual(seen, [true, false, false])
    })
  )
})

describe("received", () => {
  it.effect("has read all that the kernel held, though it takes more than one buffer", () =>
    Effect.gen(function* () {
      const { far, near } = yield* pair
      // It fits in the kernel at once.
      near.write(Buffer.alloc(128 * 1024))
      assert.strictEqual(far.bytesRead, 0)
      far.on("data", () => {})
      far.resume()
      yield* EventLoop.received(far)
      assert.strictEqual(far.bytesRead, 128 * 1024)
    })
  )

  it.effect("does not wait for what is not read", () =>
    Effect.gen(function* () {
      const { far, near } = yield* pair
      near.write(Buffer.alloc(128 * 1024))
      yield* EventLoop.received(far)
      assert.strictEqual(far.bytesRead, 0)
    })
  )

  it.effect("asks again after a full buffer, until one is not full, or so much came that it was sent later", () =>
    Effect.gen(function* () {
      const READ = EventLoop.READ_BYTES
      const rounds = (comes: ReadonlyArray<number>, most?: number): number => {
        let bytesRead = 7
        const isReceived = EventLoop.reading(
          [
            {
              get bytesRead() {
                return bytesRead
              }
            }
          ],
          most
        )
        for (const [round, bytes] of comes.entries()) {
          bytesRead += bytes
          if (isReceived()) return round + 1
        }
        return 0
      }
      assert.strictEqual(rounds([0]), 1)
      assert.strictEqual(rounds([READ - 1, READ]), 1)
      assert.strictEqual(rounds([READ, 32 * READ, 10, READ]), 3)
      // As `exhausted` asks.
      assert.strictEqual(rounds([READ, 10, 1, 0], 0), 4)
      const endless = Array.from({ length: 4096 }, () => READ)
      assert.strictEqual(rounds(endless), (32 * 1024 * 1024) / READ)
      assert.strictEqual(yield* Effect.sync(() => rounds(endless, 0)), (32 * 1024 * 1024) / READ)
    })
  )
})

describe("exhausted", () => {
  it.effect("has read what waited at the other end for room", () =>
    Effect.gen(function* () {
      const BYTES = 4 * 1024 * 1024
      const { far, near } = yield* pair
      near.write(Buffer.alloc(BYTES))
      yield* EventLoop.polled
      // More than the kernel has room for.
      assert.isAbove(near.writableLength, 0)
      far.on("data", () => {})
      far.resume()
      yield* EventLoop.exhausted(far)
      assert.strictEqual(far.bytesRead, BYTES)
    })
  )
})
