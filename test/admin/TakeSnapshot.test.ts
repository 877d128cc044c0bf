import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { redacted } from "../../src/admin/TakeSnapshot.ts"
import * as Watched from "./Watched.ts"

describe("a picture of a server", () => {
  it("shows the keys of slow commands, and not their values", () => {
    const cases: ReadonlyArray<readonly [words: string, shown: string]> = [
      ["set session:1 secret ex 10", "set session:1 (redacted) (redacted) (redacted)"],
      ["mset a 1 b 2", "mset a (redacted) b (redacted)"],
      ["get a", "get a"],
      ["del a b c", "del a b c"],
      ["keys user:*", "keys user:*"],
      ["object encoding a", "object encoding a"],
      ["config get maxmemory", "config get maxmemory"],
      ["nonsense secret", "nonsense (redacted)"]
    ]
    for (const [words, shown] of cases) assert.deepStrictEqual(redacted(words.split(" ")).join(" "), shown)
  })

  it.effect("holds the slow commands, the newest first", () =>
    Effect.gen(function* () {
      const { connect, overview } = yield* Watched.start()
      const view = overview.vitals.view ?? assert.fail("it does not serve")
      view.observation.slowLog.threshold = 0
      view.observation.changed()
      const client = yield* connect()
      yield* client.ask("PUT a secret\n")
      yield* client.ask("GET a\n")
      const { operations, slowCommands } = overview.snapshot() ?? assert.fail("there is no picture")
      assert.deepStrictEqual(
        slowCommands.map(({ words }) => words.join(" ")),
        ["get a", "put a (redacted)"]
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
