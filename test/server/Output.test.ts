/** What a connection writes where its socket is slow: every byte in order, and no more memory than the bytes need. */
import * as Net from "node:net"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentAuthentication } from "../../src/auth/Authentication.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import { Clients } from "../../src/server/Clients.ts"
import { Connection } from "../../src/server/Connection.ts"
import { Departures } from "../../src/server/Departures.ts"
import { IdleWatch } from "../../src/server/IdleWatch.ts"
import { HIGH_WATER_MARK } from "../../src/server/Intake.ts"
import * as ServerCounters from "../../src/server/ServerCounters.ts"
import { ClientMemory } from "../../src/server/ClientMemory.ts"
import { Instance } from "../../src/server/Instance.ts"
import { Observation } from "../../src/server/Observation.ts"
import { Pause } from "../../src/server/Pause.ts"
import { Parameters } from "../../src/server/Parameters.ts"
import { Running } from "../../src/server/Running.ts"
import { SharedWriter } from "../../src/server/SharedWriter.ts"
import { Strangers } from "../../src/server/Strangers.ts"
import { Tracking } from "../../src/server/Tracking.ts"
import { Transactions } from "../../src/server/Transactions.ts"
import { Turn } from "../../src/server/Turn.ts"
import { Executor } from "../../src/store/Executor.ts"
import { Store } from "../../src/store/Store.ts"

/** A socket whose writes do not come to their end before it is let go. */
class SlowSocket extends Net.Socket {
  written = ""
  private waiting: (() => void) | undefined
  private isLetGo = false

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const done = (): void => {
      this.written += chunk.toString("latin1")
      callback()
    }
    if (this.isLetGo) done()
    else this.waiting = done
  }

  override _writev(chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>, callback: () => void): void {
    this.written += chunks.map(({ chunk }) => chunk.toString("latin1")).join("")
    callback()
  }

  letGo(): void {
    this.isLetGo = true
    this.waiting?.()
  }
}

const start = Effect.gen(function* () {
  const context = yield* Layer.build(Store.layerMemory({ maxKeys: 1000 }))
  const executor = Context.get(context, Executor)
  const now = (): number => 0
  const replies = textProtocol.makeReplyWriter()
  const renew = vi.spyOn(replies, "renew")
  const writer = new SharedWriter(() => replies)
  const counters = ServerCounters.make()
  const clients = new Clients()
  const instance = new Instance(0, (at) => at)
  const turn = new Turn(executor, { now, afterReads: () => {} })
  const options = { allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK }
  const socket = new SlowSocket(options)
  let read: (bytes: Buffer, length: number) => boolean = () => assert.fail("nothing is read")
  const connection = new Connection(
    socket,
    {
      now,
      turn,
      session: {
        protocol: textProtocol,
        writers: { text: writer, resp: { 2: writer, 3: writer } },
        maxBulk: 1000,
        counters,
        clients,
        authentication: Context.get(Context.empty(), CurrentAuthentication),
        strangers: new Strangers(counters, now),
        onWrongPassword: () => assert.fail("nobody has a password"),
        tracking: new Tracking(executor.changes, clients, (task) => turn.afterRun(task)),
        instance,
        executor,
        running: new Running(1, counters, executor, 0),
        parameters: new Parameters([]),
        observation: new Observation(executor.statistics, instance),
        pause: new Pause(),
        micros: () => 0,
        transactions: new Transactions(executor, now),
        statistics: () => assert.fail("nobody asks for statistics"),
        clock: undefined,
        onTls: () => assert.fail("nobody speaks TLS"),
        onHttp: () => assert.fail("nobody speaks HTTP")
      },
      counters,
      intake: (_accepted, onBytes) => {
        read = onBytes
      },
      idleWatch: new IdleWatch(0, now),
      traffic: undefined,
      faults: undefined,
      fork: () => assert.fail("nothing is waited for"),
      memory: new ClientMemory(1e9),
      departures: new Departures(() => assert.fail("nobody has left")),
      onMemory: () => assert.fail("too much is held"),
      onDefect: (defect) => assert.fail(String(defect))
    },
    "any"
  )
  const send = (text: string): void => {
    read(Buffer.from(text, "latin1"), text.length)
    turn.run()
  }
  return { connection, renew, send, socket }
})

const settled = Effect.promise(() => new Promise((resolve) => process.nextTick(resolve)))

describe("the output of a connection whose socket is slow", () => {
  it.effect("holds short replies as short, not each in an output of its own", () =>
    Effect.gen(function* () {
      const { connection, renew, send, socket } = yield* start
      for (let i = 0; i < 5000; i++) send(`EXISTS key${i}\n`)
      assert.isFalse(connection.isStopped)
      assert.strictEqual(renew.mock.calls.length, 1)
      socket.letGo()
      yield* settled
      assert.strictEqual(socket.written, "OK 0\n".repeat(5000))
    })
  )

  it.effect("is overwritten by no later reply, and stops the connection where it is too long", () =>
    Effect.gen(function* () {
      const { connection, send, socket } = yield* start
      const value = "v".repeat(256)
      let expected = "OK stored\n"
      send(`PUT a ${value}\n`)
      for (let i = 0; !connection.isStopped; i++) {
        send(`PUT key${i} ${i}\nGET a\nGET key${i}\n`)
        expected += `OK stored\nOK ${value}\nOK ${i}\n`
        if (i > 1000) assert.fail("it is never blocked")
      }
      send("GET a\n")
      assert.isAbove(socket.writableLength, HIGH_WATER_MARK - 1)
      assert.strictEqual(socket.writableLength, expected.length)
      socket.letGo()
      yield* settled
      yield* settled
      assert.isTrue(socket.written.startsWith(expected))
      assert.strictEqual(socket.written, `${expected}OK ${value}\n`)
    })
  )
})
