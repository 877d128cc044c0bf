/** The history's file, in a temporary directory of its own. */
import { existsSync } from "node:fs"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as History from "../../src/client/History.ts"

const withFile = <A, E>(
  test: (fs: FileSystem.FileSystem, file: string, history: History.History) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const file = `${directory}/state/kv-cache/history`
    return yield* test(fs, file, yield* History.inFile(file))
  }).pipe(Effect.provide(NodeServices.layer))

const modeOf = (fs: FileSystem.FileSystem, file: string) => Effect.map(fs.stat(file), ({ mode }) => mode & 0o777)

describe("the history's file", () => {
  it.effect("is made with the first line, for its owner only", () =>
    withFile((fs, file, history) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* history.load, [])
        yield* history.add("GET a")
        yield* history.add("GET b")
        assert.strictEqual(yield* fs.readFileString(file), "GET a\nGET b\n")
        assert.strictEqual(yield* modeOf(fs, file), 0o600)
        assert.deepStrictEqual(yield* history.load, ["GET a", "GET b"])
      })
    )
  )

  it.effect("is closed to others with the next line if it was open", () =>
    withFile((fs, file, history) =>
      Effect.gen(function* () {
        yield* history.add("GET a")
        yield* fs.chmod(file, 0o644)
        yield* history.add("GET b")
        assert.strictEqual(yield* modeOf(fs, file), 0o600)
      })
    )
  )

  it.effect("is not read without end where its place is taken by a device", () =>
    withFile((fs, file, history) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(file.slice(0, file.lastIndexOf("/")), { recursive: true })
        yield* fs.symlink("/dev/zero", file)
        assert.deepStrictEqual(yield* history.load, [])
        yield* history.add("GET a")
        assert.strictEqual(yield* fs.readLink(file), "/dev/zero")
      })
    )
  )

  it.effect("keeps the last 1,000 lines", () =>
    withFile((fs, file, history) =>
      Effect.gen(function* () {
        yield* history.add("first")
        yield* fs.writeFileString(file, Array.from({ length: 1500 }, (_, i) => `GET ${i}\n`).join(""))
        assert.strictEqual((yield* history.load).length, 1000)
        yield* history.add("last")
        const lines = (yield* fs.readFileString(file)).split("\n")
        assert.strictEqual(lines.length, 1001)
        assert.deepStrictEqual([lines[0], lines[998], lines[999], lines[1000]], ["GET 501", "GET 1499", "last", ""])
      })
    )
  )

  it.effect("has the lines of two clients", () =>
    withFile((_, file, history) =>
      Effect.gen(function* () {
        const other = yield* History.inFile(file)
        yield* history.add("GET a")
        yield* other.add("GET b")
        yield* history.add("GET c")
        assert.deepStrictEqual(yield* other.load, ["GET a", "GET b", "GET c"])
      }).pipe(Effect.provide(NodeServices.layer))
    )
  )

  it.effect.skipIf(!existsSync("/dev/full"))("leaves nothing beside the file when the disk is full", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const file = `${directory}/history`
      yield* Effect.flatMap(History.inFile(file), (history) => history.add("GET a"))
      const full: FileSystem.FileSystem = {
        ...fs,
        // As on a full disk: the file is made, and its content finds no room.
        writeFileString: (path, text, options) =>
          Effect.andThen(fs.writeFileString(path, "", options), fs.writeFileString("/dev/full", text))
      }
      const history = yield* Effect.provideService(History.inFile(file), FileSystem.FileSystem, full)
      yield* history.add("GET b")
      assert.deepStrictEqual(yield* fs.readDirectory(directory), ["history"])
      assert.strictEqual(yield* fs.readFileString(file), "GET a\n")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("gives no line that cannot be typed", () =>
    withFile((fs, file, history) =>
      Effect.gen(function* () {
        yield* history.add("GET a")
        yield* fs.writeFileString(file, "GET a\n\u001b[2J\nGET b\0\n\n   \nGET c\r\nGET d")
        assert.deepStrictEqual(yield* history.load, ["GET a", "GET d"])
      })
    )
  )

  it.effect("makes nothing fail if it cannot be read or written", () =>
    withFile((fs, file, history) =>
      Effect.gen(function* () {
        // A directory in the place of the file, and a file in the place of its directory: file modes do not stop root.
        yield* fs.makeDirectory(file, { recursive: true })
        assert.deepStrictEqual(yield* history.load, [])
        yield* history.add("GET a")
        assert.deepStrictEqual(yield* fs.readDirectory(file), [])
        const below = yield* History.inFile("/dev/null/kv-cache/history")
        assert.deepStrictEqual(yield* below.load, [])
        yield* below.add("GET a")
      }).pipe(Effect.provide(NodeServices.layer))
    )
  )
})

describe("what is remembered", () => {
  it("includes no blank line and no repetition", () => {
    assert.deepStrictEqual(History.remember(["a"], ""), ["a"])
    assert.deepStrictEqual(History.remember(["a"], "  "), ["a"])
    assert.deepStrictEqual(History.remember(["a"], "a"), ["a"])
    assert.deepStrictEqual(History.remember(["a", "b"], "a"), ["a", "b", "a"])
  })

  it("is at most 1,000 lines", () => {
    const lines = Array.from({ length: 1000 }, (_, i) => `${i}`)
    assert.deepStrictEqual(History.remember(lines, "new"), [...lines.slice(1), "new"])
  })
})

describe("the history's place", () => {
  it.effect.each<[Record<string, string>, string | undefined]>([
    [{ XDG_STATE_HOME: "/state", HOME: "/home/ada" }, "/state/kv-cache/history"],
    [{ HOME: "/home/ada" }, "/home/ada/.local/state/kv-cache/history"],
    [{ XDG_STATE_HOME: "", HOME: "/home/ada" }, "/home/ada/.local/state/kv-cache/history"],
    [{ XDG_STATE_HOME: "relative", HOME: "/home/ada" }, "/home/ada/.local/state/kv-cache/history"],
    [{}, undefined]
  ])("%j", ([env, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* History.location, expected)
    }).pipe(Effect.provide([NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))]))
  )

  it.effect("does not exist for a history of this run only", () =>
    Effect.gen(function* () {
      yield* History.none.add("GET a")
      assert.deepStrictEqual(yield* History.none.load, [])
    })
  )
})

describe("a line", () => {
  it.each([
    "AUTH secret",
    "auth ada secret",
    "  AUTH secret",
    "time AUTH secret",
    "TIME\tauth secret",
    "AUTHsecret",
    "auth"
  ])("with a password is not remembered: %j", (line) => {
    const lines = ["GET a"]
    assert.strictEqual(History.remember(lines, line), lines)
  })

  it.each(["GET auth", "PUT AUTH secret", "time GET auth", "help AUTH", "aut h"])(
    "without one is remembered: %j",
    (line) => {
      assert.deepStrictEqual(History.remember(["GET a"], line), ["GET a", line])
    }
  )
})
