/** A process that was stopped for longer than its idle timeout, as a container or a machine is when it is suspended. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RawClient from "../server/RawClient.ts"
import * as Program from "./Program.ts"

const IDLE = "3 seconds"
const COUNT = 100

describe("a server that was stopped for longer than the idle timeout", () => {
  it.live("first answers what has come meanwhile, and then closes who is idle", () =>
    Effect.gen(function* () {
      const server = yield* Program.serve(["--idle-timeout", "3s"])
      const silent = yield* RawClient.connect(server.address)
      const clients = yield* Effect.forEach(Array.from({ length: COUNT }), () => RawClient.connect(server.address))
      for (const client of [silent, ...clients]) assert.strictEqual(yield* client.ask("EXISTS a\n"), "OK 0\n")
      yield* server.kill("SIGSTOP")
      for (const [index, client] of clients.entries()) yield* client.sendFlushed(`PUT key${index} value${index}\n`)
      // All of them have been idle for so long when the server goes on.
      yield* Effect.sleep(IDLE)
      yield* server.kill("SIGCONT")
      for (const client of clients) assert.strictEqual(yield* client.lines(1), "OK stored\n")
      assert.deepStrictEqual(yield* silent.untilEnd, { text: "", reset: false })
      const reader = yield* RawClient.connect(server.address)
      for (let i = 0; i < COUNT; i++) assert.strictEqual(yield* reader.ask(`GET key${i}\n`), `OK value${i}\n`)
    })
  )
})
