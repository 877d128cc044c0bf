import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { KeyNames } from "../../src/admin/KeyNames.ts"
import { Snapshot } from "../../src/admin/Snapshot.ts"
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
    const names = new KeyNames("shown")
    for (const [words, shown] of cases) assert.deepStrictEqual(redacted(words.split(" "), names).join(" "), shown)
  })

  it("names keys by hashes where they are secrets, the same ones as long as it runs", () => {
    const names = new KeyNames("hashed")
    const [a, b] = [names.of("a"), names.of("b")]
    assert.match(a, /^#[0-9a-f]{16}$/)
    assert.notStrictEqual(a, b)
    assert.strictEqual(names.of("a"), a)
    assert.notStrictEqual(new KeyNames("hashed").of("a"), a)
    assert.deepStrictEqual(redacted(["mset", "a", "1", "b", "2"], names), ["mset", a, "(redacted)", b, "(redacted)"])
    assert.deepStrictEqual(redacted(["config", "get", "a"], names), ["config", "get", "a"])
  })

  it.effect("has no key of a client where keys are hashed", () =>
    Effect.gen(function* () {
      const { ask, connect, overview } = yield* Watched.start({ adminKeys: "hashed" })
      const view = overview.vitals.view ?? assert.fail("it does not serve")
      view.observation.slowLog.threshold = 0
      view.observation.changed()
      const client = yield* connect()
      yield* client.ask("PUT session:abc secret\n")
      for (let use = 0; use < 1000; use++) yield* client.ask("GET session:abc\n")
      const { body } = yield* ask("/stats.json")
      const { bigKeys, hotKeys, keysAre, slowCommands } = yield* Schema.decodeEffect(Schema.fromJsonString(Snapshot))(
        body
      )
      assert.strictEqual(keysAre, "hashed")
      const [slow] = slowCommands
      assert.match(slow?.words.join(" ") ?? "", /^get #[0-9a-f]{16}$/)
      const name = slow?.words[1]
      assert.deepStrictEqual(
        hotKeys?.map(({ key }) => key),
        [name]
      )
      assert.deepStrictEqual(
        bigKeys?.map(({ key }) => key),
        [name]
      )
      assert.notInclude(body, "session")
    })
  )

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
