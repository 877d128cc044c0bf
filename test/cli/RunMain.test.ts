/** The signals that do not end a server in the usual way. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"

describe("SIGHUP", () => {
  it.effect("drains like SIGTERM, however often it comes", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      const client = yield* RawClient.connect(server.address)
      yield* client.ask("EXISTS a\n")
      yield* client.sendFlushed("EXISTS a\n".repeat(50_000))
      yield* server.kill("SIGHUP")
      yield* server.logged("shutting down: finishing 1 connection")
      yield* server.kill("SIGHUP")
      const { reset, text } = yield* client.untilEnd
      assert.isFalse(reset)
      assert.isTrue(text === "OK 0\n".repeat(50_000), `${text.length} bytes`)
      assert.strictEqual((yield* server.ended).code, 0)
      assert.strictEqual((yield* server.log).at(-1)?.message, "stopped")
    })
  )

  it.effect("does not hurry a drain, but SIGTERM does", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--shutdown-grace", "10m"])
      const witness = yield* RawClient.connect(server.address)
      assert.strictEqual(yield* witness.ask(`PUT a ${"v".repeat(256)}\n`), "OK stored\n")
      const stuck = yield* RawClient.connect(server.address, { paused: true })
      yield* stuck.sendFlushed("GET a\n".repeat(100_000))
      yield* server.kill("SIGHUP")
      yield* server.logged("shutting down: finishing 2 connections")
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).code, 143)
    })
  )
})

describe("SIGUSR1", () => {
  it.effect("opens no inspector", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve()
      const client = yield* RawClient.connect(server.address)
      yield* server.kill("SIGUSR1")
      assert.strictEqual(yield* client.ask("PUT a 1\n"), "OK stored\n")
      yield* server.kill("SIGTERM")
      const { code, stderr } = yield* server.ended
      assert.strictEqual(code, 0)
      assert.notInclude(stderr, "Debugger")
    })
  )

  it.effect("leaves no inspector open if it comes before the program has begun", () =>
    Effect.gen(function* () {
      const early = `
        import { url } from "node:inspector"
        process.kill(process.pid, "SIGUSR1")
        while (url() === undefined) await new Promise((resolve) => setImmediate(resolve))
      `
      const server = yield* Program.serve([], {
        environment: { NODE_OPTIONS: `--inspect-port=0 --import=data:text/javascript,${encodeURIComponent(early)}` }
      })
      // The inspector was open, or this would show nothing.
      const [, port = ""] = /^Debugger listening on ws:\/\/127\.0\.0\.1:([0-9]+)/m.exec(yield* server.stderr) ?? []
      assert.match(port, /^[0-9]+$/)
      const refusal = yield* Effect.flip(RawClient.connect({ host: "127.0.0.1", port: Number(port) }))
      assert.strictEqual(refusal.code, "ECONNREFUSED")
    })
  )
})
