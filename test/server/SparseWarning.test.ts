/** A warning that is not repeated for each of many clients. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { SparseWarning } from "../../src/server/SparseWarning.ts"
import * as Logs from "./Logs.ts"
import * as TestServer from "./TestServer.ts"

describe("a sparse warning", () => {
  it.effect("is said at once, then once a minute with what came in between, and not when nothing came", () => {
    const logs = Logs.make()
    return Effect.gen(function* () {
      const warning = new SparseWarning((count) => `so many: ${count}`)
      yield* Effect.forkScoped(warning.run)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(logs.lines, [])
      warning.add()
      yield* logs.waitFor("so many: 1")
      for (let i = 0; i < 41; i++) warning.add()
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(logs.lines.length, 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(logs.lines.at(-1), { level: "Warn", message: "so many: 41" })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(logs.lines.length, 2)
      warning.add()
      yield* logs.waitFor("so many: 1", 2)
    }).pipe(Effect.provide(logs.layer))
  })

  it.effect("tells of the clients that a server refuses", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxConnections: 1 })
      const first = yield* server.connect()
      yield* first.ask("EXISTS a\n")
      const refused = Effect.flatMap(server.connect(), (client) => client.untilEnd)
      yield* refused
      yield* server.logs.waitFor("too many connections: 1 refused, the limit is 1 (--max-connections)")
      for (let i = 0; i < 5; i++) yield* refused
      assert.strictEqual(server.logs.startingWith("too many connections").length, 1)
      yield* TestClock.adjust("1 minute")
      yield* server.logs.waitFor("too many connections: 5 refused, the limit is 1 (--max-connections)")
    })
  )
})
