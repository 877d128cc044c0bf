import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { KeyNames } from "../../src/admin/KeyNames.ts"
import { Snapshot } from "../../src/admin/Snapshot.ts"
import { withKeysNamed } from "../../src/admin/TakeSnapshot.ts"
import { requests } from "../server/resp/Exchanges.ts"
import * as Watched from "./Watched.ts"

describe("a picture of a server", () => {
  it("names keys by hashes where they are secrets, the same ones as long as it runs", () => {
    const names = new KeyNames("hashed")
    const [a, b] = [names.of("a"), names.of("b")]
    assert.match(a, /^#[0-9a-f]{16}$/)
    assert.notStrictEqual(a, b)
    assert.strictEqual(names.of("a"), a)
    assert.notStrictEqual(new KeyNames("hashed").of("a"), a)
    const shown = (line: string): string => withKeysNamed(line.split(" "), names).join(" ")
    assert.strictEqual(shown("mset a (1) b (2)"), `mset ${a} (1) ${b} (2)`)
    assert.strictEqual(shown("object encoding a"), `object encoding ${a}`)
    assert.strictEqual(shown("config get a"), "config get a")
    assert.strictEqual(withKeysNamed(["get", "a"], new KeyNames("shown")).join(" "), "get a")
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
        ["set c (6 bytes) (2 bytes) (2 bytes)", "object encoding b", "mset session:1 (6 bytes) b (2 bytes)"]
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
