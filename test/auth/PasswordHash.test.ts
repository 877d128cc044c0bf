/** Hashes of passwords: what is made, what is accepted from a file, and what a file may not demand. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as PasswordHash from "../../src/auth/PasswordHash.ts"

const CHEAP: PasswordHash.Cost = { ln: 10, r: 1, p: 1 }

const base64 = (length: number): string => Buffer.alloc(length, 7).toString("base64").replace(/=+$/, "")

const SALT = base64(16)
const HASH = base64(32)

const FORM = "the hash must have the form $scrypt$ln=14,r=8,p=5$<salt>$<hash>"
const SALT_RULE = "the salt of the hash must be 8 to 64 bytes, in base64 without padding"
const HASH_RULE = "the hash must end in 16 to 64 bytes, in base64 without padding"
const TOO_MUCH = "the hash takes more than 64mb to check: lower ln or r"
const TOO_LONG = "the hash takes too long to check: lower ln, r or p"

describe("a password's hash", () => {
  it.effect("is as RFC 7914 says", () =>
    Effect.gen(function* () {
      // The second of its test vectors.
      const hash = {
        cost: { ln: 10, r: 8, p: 16 },
        salt: Buffer.from("NaCl"),
        hash: Buffer.from(
          "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162" +
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
          "hex"
        )
      }
      assert.isTrue(yield* PasswordHash.check(Buffer.from("password"), hash))
      assert.isFalse(yield* PasswordHash.check(Buffer.from("Password"), hash))
    })
  )

  it.effect("says how it was made, and is read again", () =>
    Effect.gen(function* () {
      const made = yield* PasswordHash.make(Buffer.from("right"), CHEAP)
      const text = PasswordHash.format(made)
      assert.match(text, /^\$scrypt\$ln=10,r=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
      const read = Result.getOrThrow(PasswordHash.parse(text))
      assert.deepStrictEqual(read, made)
      assert.isTrue(yield* PasswordHash.check(Buffer.from("right"), read))
      for (const wrong of ["", "righ", "right ", "Right"]) {
        assert.isFalse(yield* PasswordHash.check(Buffer.from(wrong), read), wrong)
      }
    })
  )

  it.effect("is another one each time", () =>
    Effect.gen(function* () {
      const [one, other] = [
        yield* PasswordHash.make(Buffer.from("same"), CHEAP),
        yield* PasswordHash.make(Buffer.from("same"), CHEAP)
      ]
      assert.notDeepEqual(one.salt, other.salt)
      assert.notDeepEqual(one.hash, other.hash)
    })
  )

  it.effect("of nobody has no password", () =>
    Effect.gen(function* () {
      assert.isFalse(yield* PasswordHash.check(Buffer.from(""), PasswordHash.unmatchable(CHEAP)))
    })
  )

  it.effect("that takes the most memory or time that is accepted can be checked", () =>
    Effect.gen(function* () {
      for (const cost of ["ln=16,r=8,p=1", "ln=10,r=32,p=32", "ln=15,r=1,p=32", "ln=18,r=2,p=1", "ln=14,r=8,p=5"]) {
        const hash = Result.getOrThrow(PasswordHash.parse(`$scrypt$${cost}$${SALT}$${HASH}`))
        assert.isFalse(yield* PasswordHash.check(Buffer.from("x"), hash), cost)
      }
    })
  )

  it.each<[string, string, string]>([
    ["nothing", "", FORM],
    ["another algorithm", `$argon2id$v=19$m=65536,t=3,p=4$${SALT}$${HASH}`, FORM],
    ["a password", "hunter2", FORM],
    ["no ln", `$scrypt$r=8,p=1$${SALT}$${HASH}`, FORM],
    ["an ln with a leading zero", `$scrypt$ln=014,r=8,p=1$${SALT}$${HASH}`, FORM],
    ["an ln that is no number", `$scrypt$ln=1e3,r=8,p=1$${SALT}$${HASH}`, FORM],
    ["a negative r", `$scrypt$ln=14,r=-8,p=1$${SALT}$${HASH}`, FORM],
    ["an r of 0", `$scrypt$ln=14,r=0,p=1$${SALT}$${HASH}`, FORM],
    ["a p of 10 digits", `$scrypt$ln=14,r=8,p=1000000000$${SALT}$${HASH}`, FORM],
    ["an ln below the least", `$scrypt$ln=9,r=8,p=1$${SALT}$${HASH}`, "ln of the hash must be from 10 to 20"],
    ["an ln beyond the most", `$scrypt$ln=21,r=1,p=1$${SALT}$${HASH}`, "ln of the hash must be from 10 to 20"],
    [
      "an ln that r does not allow",
      `$scrypt$ln=16,r=1,p=1$${SALT}$${HASH}`,
      "ln of the hash must be less than 16 times r"
    ],
    ["gigabytes", `$scrypt$ln=20,r=999,p=1$${SALT}$${HASH}`, TOO_MUCH],
    ["a little more than 64 MB", `$scrypt$ln=16,r=9,p=1$${SALT}$${HASH}`, TOO_MUCH],
    ["hours", `$scrypt$ln=16,r=8,p=999$${SALT}$${HASH}`, TOO_LONG],
    ["a little too long", `$scrypt$ln=14,r=8,p=9$${SALT}$${HASH}`, TOO_LONG],
    ["a short salt", `$scrypt$ln=14,r=8,p=1$${base64(7)}$${HASH}`, SALT_RULE],
    ["a long salt", `$scrypt$ln=14,r=8,p=1$${base64(65)}$${HASH}`, SALT_RULE],
    ["a salt whose last bits are not 0", `$scrypt$ln=14,r=8,p=1$${"A".repeat(21)}B$${HASH}`, SALT_RULE],
    ["a short hash", `$scrypt$ln=14,r=8,p=1$${SALT}$${base64(15)}`, HASH_RULE],
    ["a long hash", `$scrypt$ln=14,r=8,p=1$${SALT}$${base64(65)}`, HASH_RULE],
    ["padding", `$scrypt$ln=14,r=8,p=1$${SALT}$${HASH}=`, FORM],
    ["something after it", `$scrypt$ln=14,r=8,p=1$${SALT}$${HASH}$`, FORM],
    ["a newline after it", `$scrypt$ln=14,r=8,p=1$${SALT}$${HASH}\n`, FORM]
  ])("that is %s is refused", (_, text, message) => {
    assert.deepStrictEqual(PasswordHash.parse(text), Result.fail(message))
  })
})
