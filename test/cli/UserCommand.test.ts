/** `kv-cache user` as a user runs it: what is printed where, and that a server takes it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as PasswordHash from "../../src/auth/PasswordHash.ts"
import type { Role } from "../../src/auth/Role.ts"
import * as UserFile from "../../src/auth/UserFile.ts"
import * as Program from "./Program.ts"
import * as Session from "./Session.ts"

const isUser = Effect.fnUntraced(function* (stdout: string, name: string, role: Role, password: string) {
  assert.match(stdout, /^[^\n]+\n$/)
  const [user] = Result.getOrThrow(UserFile.parse(stdout, "stdout"))
  assert.deepInclude(user, { name, role })
  const hash = user?.hash ?? assert.fail("no user")
  assert.deepStrictEqual(hash.cost, PasswordHash.COST)
  assert.isTrue(yield* PasswordHash.check(Buffer.from(password), hash))
})

describe("user", () => {
  it.live.each<readonly [string]>([["secret\n"], ["secret\r\n"], ["secret"]])(
    "prints a line for a password from a pipe, and nothing else: %j",
    ([input]) =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* Session.run(["user", "web", "--role", "write"], input)
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        yield* isUser(stdout, "web", "write", "secret")
        assert.notInclude(stdout, "secret")
      })
  )

  it.live("takes a password from the environment", () =>
    Effect.gen(function* () {
      const environment = { KV_CACHE_PASSWORD: "secret" }
      const { code, stderr, stdout } = yield* Program.run(["user", "web", "--role", "admin"], { environment })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      yield* isUser(stdout, "web", "admin", "secret")
    })
  )

  it.live("makes up a password, and shows it on stderr", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.run(["user", "web", "--role", "read", "--generate"])
      assert.strictEqual(code, 0)
      const [, password = ""] = /^password: ([A-Za-z0-9_-]{32})\n$/.exec(stderr) ?? []
      yield* isUser(stdout, "web", "read", password)
    })
  )

  it.live.each<readonly [string, string]>([
    ["", "The password must be 1 to 256 printable ASCII characters without whitespace."],
    ["HIDDEN two\n", "The password must be 1 to 256 printable ASCII characters without whitespace."],
    ["HIDDEN\nHIDDEN\n", "The password must be 1 to 256 printable ASCII characters without whitespace."],
    ["HIDDEN".repeat(10_000), "The password must be 1 to 256 printable ASCII characters without whitespace."]
  ])("refuses what is no password, and does not tell it", ([input, message]) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Session.run(["user", "web", "--role", "write"], input)
      assert.deepStrictEqual({ code, stdout, stderr }, { code: 1, stdout: "", stderr: `ERROR ${message}\n` })
    })
  )

  it.live.each<readonly [ReadonlyArray<string>, string]>([
    [["user", "web"], "Missing required flag: --role"],
    [["user", "web", "--role", "root"], "root"],
    [["user", "a:b", "--role", "read"], `Invalid value for argument name: 'a:b'. Expected ${UserFile.NAME_RULE}.`]
  ])("refuses %j", ([args, message]) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.run(args)
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
      assert.include(stderr, message)
      assert.notInclude(stderr, "    at ")
    })
  )

  it.live.skipIf(!Session.hasPty)("asks twice at a terminal, and shows nothing of what is typed", () =>
    Effect.gen(function* () {
      const session = yield* Session.start(["user", "web", "--role", "write"], { terminal: true })
      yield* session.prints("Password: ")
      // A mistake is taken back.
      yield* session.type("secreX\u007ft\r")
      yield* session.prints("The same again: ")
      yield* session.type("secret\r")
      const { code, stdout } = yield* session.ended
      assert.strictEqual(code, 0)
      const [, line = ""] = /^Password: \r\nThe same again: \r\n(web:[^\r]+)\r\n$/.exec(stdout) ?? []
      yield* isUser(`${line}\n`, "web", "write", "secret")
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(!Session.hasPty)("refuses two different passwords, and ends at Ctrl-C", () =>
    Effect.gen(function* () {
      const differing = yield* Session.start(["user", "web", "--role", "write"], { terminal: true })
      yield* differing.prints("Password: ")
      // As from a password manager that types both.
      yield* differing.type("secret\rsecreT\r")
      const { code, stdout } = yield* differing.ended
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "Password: \r\nThe same again: \r\nERROR The two passwords differ.\r\n")
      const cancelled = yield* Session.start(["user", "web", "--role", "write"], { terminal: true })
      yield* cancelled.prints("Password: ")
      yield* cancelled.type("secret\u0003")
      const end = yield* cancelled.ended
      assert.strictEqual(end.stdout, "Password: \r\n")
      assert.strictEqual(end.code, 130)
    }).pipe(Effect.scoped)
  )
})
