/** What is under way between the sockets of a process, and whom nobody waits for. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLoop from "../../src/EventLoop.ts"
import { Traffic } from "../../src/server/Traffic.ts"

const HOST = "127.0.0.1"

const listening = (server: Net.Server): Effect.Effect<number> =>
  Effect.callback((resume) => {
    server.listen(0, HOST, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** A server that tells its traffic what it accepts, as `Server.ts` does. */
const serve = Effect.fnUntraced(function* (onSocket: (socket: Net.Socket) => void) {
  const traffic = yield* Traffic.make
  const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
    traffic.accepted(socket)
    socket.on("error", () => {})
    socket.on("close", () => traffic.left(socket))
    onSocket(socket)
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
  const port = yield* listening(server)
  traffic.listens({ host: HOST, port })
  return { traffic, port }
})

const connect = Effect.fnUntraced(function* (port: number, host = HOST) {
  const socket = Net.connect({ port, host })
  socket.on("error", () => {})
  yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
  return socket
})

const connected = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.callback((resume) => void socket.once("connect", () => resume(Effect.void)))

describe("between a server and clients of its process", () => {
  it.effect("waits for connecting, asking and answering, over sockets that were made just now", () =>
    Effect.gen(function* () {
      const { port, traffic } = yield* serve((socket) => void socket.pipe(socket))
      for (const host of [HOST, "localhost"]) {
        const received: Array<string> = []
        for (let i = 0; i < 20; i++) {
          const socket = yield* connect(port, host)
          socket.write(`hello ${i}`)
          socket.on("data", (chunk) => received.push(String(chunk)))
        }
        yield* traffic.quiet
        assert.deepStrictEqual(received.toSorted(), Array.from({ length: 20 }, (_, i) => `hello ${i}`).toSorted())
      }
    })
  )

  it.effect("waits for what an answer makes a client ask, as often as it does", () =>
    Effect.gen(function* () {
      const { port, traffic } = yield* serve((socket) => void socket.pipe(socket))
      const socket = yield* connect(port)
      let answers = 0
      socket.on("data", () => {
        // In a turn of its own, as many libraries write.
        if (++answers < 100) setImmediate(() => socket.write("again"))
      })
      socket.write("once")
      yield* traffic.quiet
      assert.strictEqual(answers, 100)
    })
  )

  it.effect("does not wait for ever for a client that asks for ever", () =>
    Effect.gen(function* () {
      const { port, traffic } = yield* serve((socket) => void socket.pipe(socket))
      const socket = yield* connect(port)
      let answers = 0
      socket.on("data", () => {
        answers++
        socket.write("again")
      })
      socket.write("once")
      yield* traffic.quiet
      assert.isAbove(answers, 1000)
    })
  )

  it.effect("waits until each end has been told that the other has ended, or is gone", () =>
    Effect.gen(function* () {
      const accepted: Array<Net.Socket> = []
      const { port, traffic } = yield* serve((socket) => {
        accepted.push(socket)
        socket.resume()
      })
      const ends: ReadonlyArray<(socket: Net.Socket) => void> = [
        (socket) => socket.end("bye"),
        (socket) => socket.destroy(),
        (socket) => socket.resetAndDestroy()
      ]
      for (const end of ends) {
        for (const isServers of [true, false]) {
          const client = yield* connect(port)
          client.resume()
          yield* connected(client)
          yield* traffic.quiet
          const server = accepted.at(-1) ?? assert.fail("it was not accepted")
          end(isServers ? server : client)
          yield* traffic.quiet
          const told = isServers ? client : server
          assert.isTrue(told.readableEnded || told.destroyed)
        }
      }
    })
  )

  it.effect("waits for a refused client's last words", () =>
    Effect.gen(function* () {
      const { port, traffic } = yield* serve((socket) => void socket.end("no"))
      let words = ""
      let ended = false
      const client = yield* connect(port)
      client.on("data", (chunk) => {
        words += String(chunk)
      })
      client.on("end", () => {
        ended = true
      })
      yield* traffic.quiet
      assert.deepStrictEqual([words, ended], ["no", true])
    })
  )

  it.effect("waits for somebody who looks before he sends", () =>
    Effect.gen(function* () {
      const { port, traffic } = yield* serve((socket) => void socket.pipe(socket))
      const socket = yield* connect(port)
      yield* connected(socket)
      let answer = ""
      socket.on("data", (chunk) => {
        answer += String(chunk)
      })
      yield* EventLoop.look.pipe(Effect.andThen(Effect.sync(() => socket.write("late"))), Effect.forkChild)
      yield* traffic.quiet
      assert.strictEqual(answer, "late")
    })
  )
})

describe("nobody waits for", () => {
  it.effect("an end that does not read: a client's, or the server's", () =>
    Effect.gen(function* () {
      const { port, traffic } = yield* serve((socket) => {
        socket.pause()
        socket.write("answer")
      })
      const client = yield* connect(port)
      client.pause()
      client.write("question")
      yield* connected(client)
      yield* traffic.quiet
      client.destroy()
      yield* traffic.quiet
    })
  )

  it.effect("what is corked", () =>
    Effect.gen(function* () {
      const { port, traffic } = yield* serve((socket) => void socket.resume())
      const client = yield* connect(port)
      yield* connected(client)
      client.cork()
      client.write("not yet")
      yield* traffic.quiet
    })
  )

  it.effect("connections with others: another server, or nobody who accepts", () =>
    Effect.gen(function* () {
      const { traffic } = yield* serve(() => {})
      // It accepts, and never reads.
      const other = Net.createServer({ pauseOnConnect: true }, () => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => other.close()))
      const client = yield* connect(yield* listening(other))
      yield* connected(client)
      client.write("hello")
      // TEST-NET-1 of RFC 5737: whoever connects there goes on connecting, or is refused at once.
      yield* connect(7171, "192.0.2.1")
      yield* traffic.quiet
    })
  )
})

/** An end whose state is what a test says, as a socket would tell it. */
const end = (state: Partial<Record<keyof Net.Socket, unknown>>): Net.Socket => {
  const socket = new Net.Socket()
  for (const [name, value] of Object.entries(state)) Object.defineProperty(socket, name, { configurable: true, value })
  return socket
}

describe("on a machine so busy that the kernel takes its time", () => {
  it.effect("waits as long as that takes: for a request, its answer, and an end", () =>
    Effect.gen(function* () {
      const ports = { localAddress: HOST, remoteAddress: HOST }
      const { port, traffic } = yield* serve(() => {})
      const witness = yield* Traffic.make
      const client = end({ ...ports, localPort: 50_000, remotePort: port, connecting: false, bytesWritten: 10 })
      const server = end({ ...ports, localPort: port, remotePort: 50_000, bytesRead: 0, bytesWritten: 0 })
      // As Node and a server tell of them.
      const channel = yield* Effect.promise(() => import("node:diagnostics_channel"))
      channel.channel("net.client.socket").publish({ socket: client })
      client.emit("connect")
      const steps: ReadonlyArray<() => void> = [
        () => traffic.accepted(server),
        () => Object.defineProperty(server, "bytesRead", { value: 10 }),
        // The answer is written when the request has been read, and takes its time as well.
        () => Object.defineProperty(server, "bytesWritten", { value: 5 }),
        () => Object.defineProperty(client, "bytesRead", { configurable: true, value: 5 }),
        () => Object.defineProperty(server, "writableEnded", { value: true }),
        () => Object.defineProperty(client, "readableEnded", { value: true })
      ]
      // After which of them something is under way.
      const underWay = [true, false, true, false, true, false]
      Object.defineProperty(client, "bytesRead", { configurable: true, value: 0 })
      for (const [index, step] of steps.entries()) {
        step()
        const waiting = yield* Effect.forkChild(traffic.quiet)
        // By when somebody for whom nothing is under way has begun later, and is done.
        yield* EventLoop.polled
        yield* witness.quiet
        assert.strictEqual(waiting.pollUnsafe() === undefined, underWay[index], `after step ${index}`)
      }
    })
  )
})
