/** The file of users as a table: what is read, and what is said of a broken one. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as UserFile from "../../src/auth/UserFile.ts"

const SALT = "c2FsdHNhbHRzYWx0c2FsdA"
const SECRET = "SECRETSECRETSECRETSECRETSECRETSECRETSECRETS"
// The last character of 43 may only have two of its six bits.
const HASH = `$scrypt$ln=14,r=8,p=5$${SALT}$${SECRET.slice(0, 42)}Q`

const named = (text: string): Result.Result<ReadonlyArray<string>, string> =>
  Result.map(UserFile.parse(text, "users"), (users) => users.map(({ name, role }) => `${name} ${role}`))

describe("a file of users", () => {
  it.each<[string, string, ReadonlyArray<string>]>([
    ["one user", `ada:admin:${HASH}\n`, ["ada admin"]],
    ["no newline at its end", `ada:read:${HASH}`, ["ada read"]],
    ["three roles", `a:read:${HASH}\nb:write:${HASH}\nc:admin:${HASH}\n`, ["a read", "b write", "c admin"]],
    ["comments and blank lines", `# people\n\n  \nada:read:${HASH}\n  # x:y:z\n`, ["ada read"]],
    ["blanks around a line", `  ada:read:${HASH}\t\n`, ["ada read"]],
    ["lines that end in CRLF", `ada:read:${HASH}\r\n\r\nbob:write:${HASH}\r\n`, ["ada read", "bob write"]],
    ["all that a name may be", `0a._@-Z:read:${HASH}\n`, ["0a._@-Z read"]],
    ["the longest name", `${"n".repeat(64)}:read:${HASH}\n`, [`${"n".repeat(64)} read`]],
    ["names that differ in case", `ada:read:${HASH}\nAda:write:${HASH}\n`, ["ada read", "Ada write"]]
  ])("with %s is read", (_, text, users) => {
    assert.deepStrictEqual(named(text), Result.succeed(users))
  })

  const LINE = "a line must have the form name:role:hash, as 'kv-cache user' prints it"
  const NAME = `the name must be ${UserFile.NAME_RULE}`
  const ROLE = "the role must be read, write or admin"

  it.each<[string, string, string]>([
    ["nothing", "", "users: there is no user in it"],
    ["only comments", "# ada\n\n", "users: there is no user in it"],
    ["a hash alone", `${HASH}\n`, `users:1: ${LINE}`],
    ["no role", `# people\nada:${HASH}\n`, `users:2: ${LINE}`],
    ["no hash", "ada:read\n", `users:1: ${LINE}`],
    ["an empty hash", "ada:read:\n", "users:1: the hash must have the form $scrypt$ln=14,r=8,p=5$<salt>$<hash>"],
    ["a field too many", `ada:read:${HASH}:x\n`, `users:1: ${LINE}`],
    [
      "a password for a hash",
      `ada:read:${SECRET}\n`,
      "users:1: the hash must have the form $scrypt$ln=14,r=8,p=5$<salt>$<hash>"
    ],
    ["an empty name", `:read:${HASH}\n`, `users:1: ${NAME}`],
    ["a name that is too long", `${"n".repeat(65)}:read:${HASH}\n`, `users:1: ${NAME}`],
    ["a name with a blank", `a b:read:${HASH}\n`, `users:1: ${NAME}`],
    ["a name that is not ASCII", `\u00e4:read:${HASH}\n`, `users:1: ${NAME}`],
    ["a name that moves the cursor", `\u001b[2J:read:${HASH}\n`, `users:1: ${NAME}`],
    ["another role", `ada:root:${HASH}\n`, `users:1: ${ROLE}`],
    ["a role in capitals", `ada:READ:${HASH}\n`, `users:1: ${ROLE}`],
    ["name and hash exchanged", `${HASH}:read:ada\n`, `users:1: ${NAME}`],
    ["a user twice", `ada:read:${HASH}\n\nada:write:${HASH}\n`, "users:3: this user is on line 1, too"],
    ["a byte 0", `ada:read:${HASH}\0\n`, "users:1: the hash must have the form $scrypt$ln=14,r=8,p=5$<salt>$<hash>"],
    ["one broken line among good ones", `a:read:${HASH}\nb:${HASH}\nc:read:${HASH}\n`, `users:2: ${LINE}`]
  ])("with %s is refused, and its secrets are not told", (_, text, message) => {
    const read = named(text)
    assert.deepStrictEqual(read, Result.fail(message))
    assert.notInclude(message, "SECRET")
    assert.notInclude(message, SALT)
  })

  it("of too many users is refused", () => {
    const lines = Array.from({ length: UserFile.MAX_USERS + 1 }, (_, user) => `u${user}:read:${HASH}\n`)
    assert.isTrue(Result.isSuccess(named(lines.slice(1).join(""))))
    assert.deepStrictEqual(
      named(lines.join("")),
      Result.fail(`users:${UserFile.MAX_USERS + 1}: there are more than ${UserFile.MAX_USERS} users`)
    )
  })

  it("cut or changed at any byte is read or refused, and never throws or tells", () => {
    const text = `# people\nada:admin:${HASH}\nbob:read:${HASH}\n`
    for (let at = 0; at < text.length; at++) {
      for (const corrupted of [
        text.slice(0, at),
        text.slice(at),
        `${text.slice(0, at)}\n${text.slice(at)}`,
        `${text.slice(0, at)}:${text.slice(at + 1)}`,
        `${text.slice(0, at)}\u00ff${text.slice(at + 1)}`
      ]) {
        const read = named(corrupted)
        if (Result.isFailure(read)) {
          assert.match(read.failure, /^users(:[123456])?: /)
          assert.notInclude(read.failure, "SECRET")
        }
      }
    }
  })

  it("is written as it is read", () => {
    const lines = [`ada:admin:${HASH}`, `bob:read:${HASH}`]
    const read = Result.getOrThrow(UserFile.parse(lines.join("\n"), "users"))
    assert.deepStrictEqual(read.map(UserFile.format), lines)
  })
})
