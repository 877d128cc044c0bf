import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { requests } from "../server/resp/Exchanges.ts"
import * as Watched from "./Watched.ts"

describe("a picture of a server", () => {
  it.effect("holds the slow commands without their values, the newest first", () =>
    Effect.gen(function* () {
      const { connect, overview } = yield* Watched.start()
      const view = overview.vitals.view ?? assert.fail("it does not serve")
      view.observation.slowLog.threshold = 0
      view.observation.changed()
      const redis = yield* connect()
      yield* redis.send(
        requests("AUTH boss secret", "MSET session:1 secret b 22", "OBJECT ENCODING b", "SET c secret EX 10")
      )
      yield* redis.lines(5)
      assert.deepStrictEqual(
        overview.snapshot()?.slowCommands.map(({ words }) => words.join(" ")),
        [
          "set c (6 bytes) (2 bytes) (2 bytes)",
          "object encoding b",
          "mset session:1 (6 bytes) b (2 bytes)",
          "auth (redacted) (redacted)"
        ]
      )
      view.executor.statistics.reset()
      view.observation.slowLog.reset()
      const client = yield* connect()
      yield* client.ask("PUT a secret\n")
      yield* client.ask("GET a\n")
      const { operations, slowCommands } = overview.snapshot() ?? assert.fail("there is no picture")
      assert.deepStrictEqual(
        slowCommands.map(({ words }) => words.join(" ")),
        ["get a", "put a (6 bytes)"]
      )
      assert.deepStrictEqual(
        operations.map(({ command, times }) => [command, times?.count, times?.upTo]),
        [
          ["PUT", 1, [[1, 1]]],
          ["GET", 1, [[1, 1]]]
        ]
      )
    })
  )
})
