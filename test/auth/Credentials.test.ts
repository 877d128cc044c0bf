/** A server's users from files and the environment: at the start, and when the files change. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { CurrentAuthentication } from "../../src/auth/Authentication.ts"
import * as Credentials from "../../src/auth/Credentials.ts"
import * as PasswordHash from "../../src/auth/PasswordHash.ts"
import type { Role } from "../../src/auth/Role.ts"
import * as UserFile from "../../src/auth/UserFile.ts"
import { CurrentReloads, LOOK_INTERVAL, Reloads } from "../../src/Reload.ts"
import { credentials } from "../../src/server/ServerConfig.ts"
import * as Logs from "../server/Logs.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "kv-cache-credentials-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

const write = (file: string, text: string, mode = 0o600): void => {
  Fs.writeFileSync(file, text)
  Fs.chmodSync(file, mode)
}

const userLine = (name: string, role: Role, password: string): Effect.Effect<string> =>
  Effect.map(
    PasswordHash.make(Buffer.from(password), { ln: 10, r: 1, p: 1 }),
    (hash) => `${UserFile.format({ name, role, hash })}\n`
  )

const setUp = Effect.gen(function* () {
  const path = yield* folder
  const logs = Logs.make()
  const reloads = new Reloads()
  const file = (name: string): string => Path.join(path, name)
  const make = (given: Credentials.Credentials) =>
    Credentials.make(given).pipe(Effect.provide(logs.layer), Effect.provideService(CurrentReloads, reloads))
  return { path, file, logs, reloads, make }
})

/** Whether a password is right, in a test of its own address. */
const isRight = (
  { verify }: { readonly verify: Effect.Success<ReturnType<typeof Credentials.make>>["verify"] },
  name: string | undefined,
  password: string
) => Effect.map(verify(`10.0.0.${password.length}`, name, Redacted.make(password)), (user) => user?.role)

describe("credentials", () => {
  it.effect("that are not given require nothing", () =>
    Effect.gen(function* () {
      const { make } = yield* setUp
      const authentication = yield* make({})
      assert.isFalse(authentication.isRequired)
      assert.strictEqual(yield* isRight(authentication, undefined, "anything"), "admin")
      assert.deepStrictEqual(authentication.users(), [{ name: "default", role: "admin" }])
    })
  )

  it.effect("are what a server under the layer asks for", () =>
    Effect.gen(function* () {
      const authentication = yield* CurrentAuthentication
      assert.isTrue(authentication.isRequired)
      assert.strictEqual(yield* isRight(authentication, undefined, "given"), "admin")
    }).pipe(Effect.provide(Credentials.layer({ password: Redacted.make("given") })))
  )

  it.effect.each<readonly [string, string]>([
    ["given\n", "given"],
    ["given\r\n", "given"],
    ["given", "given"],
    [`${"p".repeat(256)}\n`, "p".repeat(256)]
  ])("from a file are its line: %j", ([text, password]) =>
    Effect.gen(function* () {
      const { file, make } = yield* setUp
      write(file("password"), text)
      const authentication = yield* make({ passwordFile: file("password") })
      assert.strictEqual(yield* isRight(authentication, "default", password), "admin")
    })
  )

  const RULE = "Expected one line of 1 to 256 printable ASCII characters without whitespace."

  it.effect.each<readonly [string, string]>([
    ["", "it is empty"],
    ["\n", "it is empty"],
    ["HIDDEN two\n", "what is in it is no password"],
    ["HIDDEN\nHIDDEN\n", "what is in it is no password"],
    ["HIDDEN\n\n", "what is in it is no password"],
    ["HIDDEN\u00e4", "what is in it is no password"],
    ["HIDDEN".repeat(43), "what is in it is no password"]
  ])("from a file with %j are refused, and not told", ([text, wrong]) =>
    Effect.gen(function* () {
      const { file, make } = yield* setUp
      write(file("password"), text)
      const error = yield* Effect.flip(make({ passwordFile: file("password") }))
      assert.strictEqual(error._tag, "CredentialsError")
      assert.strictEqual(error.message, `Cannot use '${file("password")}': ${wrong}. ${RULE}`)
    })
  )

  it.effect("from a file that cannot be read are refused, naming it", () =>
    Effect.gen(function* () {
      const { file, make, path } = yield* setUp
      const missing = yield* Effect.flip(make({ usersFile: file("missing") }))
      assert.strictEqual(missing.message, `Cannot read '${file("missing")}': no such file or directory.`)
      const directory = yield* Effect.flip(make({ passwordFile: path }))
      assert.strictEqual(directory.message, `Cannot read '${path}': illegal operation on a directory.`)
      const endless = yield* Effect.flip(make({ usersFile: "/dev/zero" }))
      assert.strictEqual(endless.message, "Cannot read '/dev/zero': it is longer than 4mb.")
    })
  )

  it.effect("that are no password are refused, and not told", () =>
    Effect.gen(function* () {
      const { make } = yield* setUp
      const error = yield* Effect.flip(make({ password: Redacted.make("two words") }))
      assert.strictEqual(
        error.message,
        "The password (KV_CACHE_PASSWORD) must be 1 to 256 printable ASCII characters without whitespace."
      )
    })
  )

  it.effect("may be a password and a file of users, unless both have the default user", () =>
    Effect.gen(function* () {
      const { file, make } = yield* setUp
      write(file("users"), yield* userLine("bob", "read", "bobs"))
      const both = { password: Redacted.make("given"), usersFile: file("users") }
      const authentication = yield* make(both)
      assert.strictEqual(yield* isRight(authentication, undefined, "given"), "admin")
      assert.strictEqual(yield* isRight(authentication, "bob", "bobs"), "read")
      assert.isUndefined(yield* isRight(authentication, undefined, "bobs"))
      write(file("users"), yield* userLine("default", "read", "x"))
      const error = yield* Effect.flip(make(both))
      assert.strictEqual(
        error.message,
        `The user 'default' is in the users file '${file("users")}', and a password is given, too: leave one out.`
      )
    })
  )

  it.effect("that others can read are complained of", () =>
    Effect.gen(function* () {
      const { file, logs, make } = yield* setUp
      write(file("password"), "given\n", 0o640)
      yield* make({ passwordFile: file("password") })
      assert.deepStrictEqual(logs.lines, [
        {
          level: "Warn",
          message: `others on this machine may read '${file("password")}' (mode 0640): chmod 600 '${file("password")}'`
        }
      ])
    })
  )

  it.effect.skipIf(process.getuid?.() !== 0)("may belong to somebody else, and be read through their group", () =>
    Effect.gen(function* () {
      const { file, logs, make } = yield* setUp
      write(file("password"), "given\n", 0o640)
      Fs.chownSync(file("password"), 1, process.getgid?.() ?? 0)
      yield* make({ passwordFile: file("password") })
      assert.deepStrictEqual(logs.lines, [])
      Fs.chmodSync(file("password"), 0o644)
      yield* make({ passwordFile: file("password") })
      assert.lengthOf(logs.lines, 1)
      assert.include(logs.lines[0]?.message, "others on this machine may read")
    })
  )

  it.effect("are read anew when a file changes, is replaced, or a link to it is", () =>
    Effect.gen(function* () {
      const { file, logs, make, path } = yield* setUp
      // As Kubernetes mounts a secret.
      Fs.mkdirSync(file("v1"))
      Fs.mkdirSync(file("v2"))
      Fs.symlinkSync("v1", file("data"))
      const users = Path.join(path, "data", "users")
      write(users, yield* userLine("ada", "read", "first"))
      const authentication = yield* make({ usersFile: users })
      assert.strictEqual(yield* isRight(authentication, "ada", "first"), "read")

      write(users, yield* userLine("ada", "write", "second"))
      yield* TestClock.adjust(LOOK_INTERVAL)
      yield* logs.waitFor("users reloaded: 1 user")
      assert.isUndefined(yield* isRight(authentication, "ada", "first"))
      assert.strictEqual(yield* isRight(authentication, "ada", "second"), "write")

      write(`${users}.new`, (yield* userLine("ada", "admin", "third")) + (yield* userLine("bob", "read", "x")))
      Fs.renameSync(`${users}.new`, users)
      yield* TestClock.adjust(LOOK_INTERVAL)
      yield* logs.waitFor("users reloaded: 2 users")
      assert.strictEqual(yield* isRight(authentication, "ada", "third"), "admin")

      write(Path.join(path, "v2", "users"), yield* userLine("eve", "read", "fourth"))
      Fs.symlinkSync("v2", file("data.new"))
      Fs.renameSync(file("data.new"), file("data"))
      yield* TestClock.adjust(LOOK_INTERVAL)
      yield* logs.waitFor("users reloaded: 1 user", 2)
      assert.deepStrictEqual(authentication.users(), [{ name: "eve", role: "read" }])
    })
  )

  it.effect("stay what they were where the new file is broken, which is said once", () =>
    Effect.gen(function* () {
      const { file, logs, make, reloads } = yield* setUp
      const users = file("users")
      const good = yield* userLine("ada", "read", "first")
      write(users, good)
      const authentication = yield* make({ usersFile: users })
      const complaint =
        `users not reloaded, those from before stay: Cannot use the users file: ${users}:1: ` +
        "a line must have the form name:role:hash, as 'kv-cache user' prints it."

      write(users, "HIDDEN\n")
      yield* TestClock.adjust(LOOK_INTERVAL)
      yield* logs.waitFor(complaint)
      assert.strictEqual(yield* isRight(authentication, "ada", "first"), "read")
      // Whoever asks is told again. The looks before that have said nothing: they come in order.
      yield* TestClock.adjust("1 minute")
      assert.isTrue(reloads.request())
      yield* logs.waitFor(complaint, 2)
      assert.deepStrictEqual(
        logs.lines.map(({ level }) => level),
        ["Error", "Error"]
      )

      Fs.rmSync(users)
      yield* TestClock.adjust(LOOK_INTERVAL)
      yield* logs.waitFor(
        `users not reloaded, those from before stay: Cannot read '${users}': no such file or directory.`
      )
      assert.strictEqual(yield* isRight(authentication, "ada", "first"), "read")

      write(users, good)
      yield* TestClock.adjust(LOOK_INTERVAL)
      yield* logs.waitFor("users reloaded: 1 user")
    })
  )

  it.effect("are read anew when somebody asks, until the scope closes", () =>
    Effect.gen(function* () {
      const { file, logs, make, reloads } = yield* setUp
      write(file("password"), "given\n")
      const scope = yield* Scope.make()
      assert.isFalse(reloads.request())
      yield* Scope.provide(make({ passwordFile: file("password") }), scope)
      assert.isTrue(reloads.request())
      yield* logs.waitFor("users reloaded: 1 user")
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(reloads.request())
    })
  )

  it.effect("are read from the environment, as the command reads them", () =>
    Effect.gen(function* () {
      const read = (env: Record<string, string>) =>
        credentials.pipe(
          Effect.map(({ password, ...files }) => ({
            ...files,
            password: password === undefined ? undefined : Redacted.value(password)
          })),
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
        )
      const none = { password: undefined, passwordFile: undefined, usersFile: undefined }
      assert.deepStrictEqual(yield* read({}), none)
      assert.deepStrictEqual(yield* read({ KV_CACHE_PASSWORD: "", KV_CACHE_USERS_FILE: "" }), none)
      assert.deepStrictEqual(
        yield* read({ KV_CACHE_PASSWORD: "p", KV_CACHE_PASSWORD_FILE: "/p", KV_CACHE_USERS_FILE: "/u" }),
        { password: "p", passwordFile: "/p", usersFile: "/u" }
      )
    })
  )
})
