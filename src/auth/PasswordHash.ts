/**
 * Hashes of passwords, as one word that says how it was made: `$scrypt$ln=14,r=8,p=5$<salt>$<hash>`, in the PHC string
 * format, base64 without padding. It knows neither users nor files.
 *
 * A hash from a file says how much memory and time it takes to check a password. Both have a bound.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

/** What it costs to make a hash, in the words of scrypt (RFC 7914). */
export interface Cost {
  /** The binary logarithm of N. */
  readonly ln: number
  readonly r: number
  readonly p: number
}

export interface PasswordHash {
  readonly cost: Cost
  readonly salt: Buffer
  readonly hash: Buffer
}

/** 16 MB, and a fifth of a second. From OWASP's Password Storage Cheat Sheet, the row with the least memory but one. */
export const COST: Cost = { ln: 14, r: 8, p: 5 }

const SALT_BYTES = 16
const HASH_BYTES = 32

// --- bounds of what is accepted

const MIN_LN = 10
const MAX_LN = 20
const MIN_SALT_BYTES = 8
const MIN_HASH_BYTES = 16
const MAX_BYTES = 64

/** In bytes. */
const MAX_MEMORY = 64 * 1024 * 1024

/** N * r * p. The default takes five eighths of it. */
const MAX_WORK = 2 ** 20

const memoryOf = ({ ln, r }: Cost): number => 128 * 2 ** ln * r

const workOf = ({ ln, p, r }: Cost): number => 2 ** ln * r * p

const FORM = /^\$scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{0,2}),p=([1-9][0-9]{0,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** Bytes from base64 without padding. Nothing if the text is not how these bytes are written. */
const bytesOf = (text: string): Option.Option<Buffer> =>
  Option.filter(Option.some(Buffer.from(text, "base64")), (bytes) => textOf(bytes) === text)

const textOf = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "")

const hasLength = (min: number) => (bytes: Buffer) => bytes.length >= min && bytes.length <= MAX_BYTES

/** Reads a hash. A failure says what is wrong, and holds nothing of the text. */
export const parse = (text: string): Result.Result<PasswordHash, string> => {
  const match = FORM.exec(text)
  if (match === null) return Result.fail("the hash must have the form $scrypt$ln=14,r=8,p=5$<salt>$<hash>")
  const [, ln, r, p, saltText = "", hashText = ""] = match
  const cost: Cost = { ln: Number(ln), r: Number(r), p: Number(p) }
  if (cost.ln < MIN_LN || cost.ln > MAX_LN) return Result.fail(`ln of the hash must be from ${MIN_LN} to ${MAX_LN}`)
  // From RFC 7914, as OpenSSL holds it.
  if (cost.ln >= 16 * cost.r) return Result.fail("ln of the hash must be less than 16 times r")
  if (memoryOf(cost) > MAX_MEMORY) return Result.fail("the hash takes more than 64mb to check: lower ln or r")
  if (workOf(cost) > MAX_WORK) return Result.fail("the hash takes too long to check: lower ln, r or p")
  const salt = Option.getOrUndefined(Option.filter(bytesOf(saltText), hasLength(MIN_SALT_BYTES)))
  if (salt === undefined) {
    return Result.fail(
      `the salt of the hash must be ${MIN_SALT_BYTES} to ${MAX_BYTES} bytes, in base64 without padding`
    )
  }
  const hash = Option.getOrUndefined(Option.filter(bytesOf(hashText), hasLength(MIN_HASH_BYTES)))
  if (hash === undefined) {
    return Result.fail(`the hash must end in ${MIN_HASH_BYTES} to ${MAX_BYTES} bytes, in base64 without padding`)
  }
  return Result.succeed({ cost, salt, hash })
}

/** A hash as `parse` reads it. */
export const format = ({ cost: { ln, p, r }, hash, salt }: PasswordHash): string =>
  `$scrypt$ln=${ln},r=${r},p=${p}$${textOf(salt)}$${textOf(hash)}`

/** Runs in a thread of libuv. */
const derive = (password: Buffer, salt: Buffer, cost: Cost, length: number): Effect.Effect<Buffer> =>
  Effect.callback((resume) => {
    const options = {
      N: 2 ** cost.ln,
      r: cost.r,
      p: cost.p,
      // Node counts some more than the formula.
      maxmem: 2 * memoryOf(cost) + 128 * cost.r * cost.p
    }
    scrypt(password, salt, length, options, (error, key) =>
      // The parameters have been checked.
      resume(error === null ? Effect.succeed(key) : Effect.die(error))
    )
  })

/** The hash of a new password. */
export const make = Effect.fnUntraced(function* (password: Buffer, cost: Cost = COST) {
  const salt = randomBytes(SALT_BYTES)
  const made: PasswordHash = { cost, salt, hash: yield* derive(password, salt, cost, HASH_BYTES) }
  return made
})

/** A hash that no password has. It takes as long to check as any other of its cost. */
export const unmatchable = (cost: Cost): PasswordHash => ({
  cost,
  salt: randomBytes(SALT_BYTES),
  hash: randomBytes(HASH_BYTES)
})

/** Whether a password has this hash. The comparison takes the same time whatever the answer is. */
export const check = (password: Buffer, { cost, hash, salt }: PasswordHash): Effect.Effect<boolean> =>
  Effect.map(derive(password, salt, cost, hash.length), (derived) => timingSafeEqual(derived, hash))
