/**
 * The file of users: one a line, as `name:role:hash`. Blank lines and lines that begin with `#` say nothing.
 *
 * Pure: a text in, users out. What it says of a broken file holds the number of the line and nothing of what is on it,
 * because a hash may be anywhere on a broken line.
 */
import * as Result from "effect/Result"
import type { User } from "./Authentication.ts"
import * as PasswordHash from "./PasswordHash.ts"
import { type Role, ROLES } from "./Role.ts"

/** A user, and the hash of the password. */
export interface UserLine extends User {
  readonly hash: PasswordHash.PasswordHash
}

/** The most users of a file. */
export const MAX_USERS = 10_000

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

/** What a name may be, to end the sentence "expected ...". */
export const NAME_RULE = "1 to 64 letters, digits or any of . _ @ -, beginning with a letter or digit"

export const isName = (text: string): boolean => NAME.test(text)

const roleOf = (text: string): Role | undefined => ROLES.find((role) => role === text)

const parseLine = (line: string): Result.Result<UserLine, string> => {
  const [name = "", roleText, hashText, ...rest] = line.split(":")
  if (roleText === undefined || hashText === undefined || rest.length > 0) {
    return Result.fail("a line must have the form name:role:hash, as 'kv-cache user' prints it")
  }
  if (!isName(name)) return Result.fail(`the name must be ${NAME_RULE}`)
  const role = roleOf(roleText)
  if (role === undefined) return Result.fail("the role must be read, write or admin")
  return Result.map(PasswordHash.parse(hashText), (hash) => ({ name, role, hash }))
}

/** The users of a file, or what is wrong with it: `<file>:<line>: <what>`. */
export const parse = (text: string, file: string): Result.Result<ReadonlyArray<UserLine>, string> => {
  const users: Array<UserLine> = []
  const lineOf = new Map<string, number>()
  const lines = text.split("\n")
  for (const [index, whole] of lines.entries()) {
    const line = whole.trim()
    if (line === "" || line.startsWith("#")) continue
    const at = index + 1
    const parsed = parseLine(line)
    if (Result.isFailure(parsed)) return Result.fail(`${file}:${at}: ${parsed.failure}`)
    const user = parsed.success
    const earlier = lineOf.get(user.name)
    if (earlier !== undefined) return Result.fail(`${file}:${at}: this user is on line ${earlier}, too`)
    if (users.length === MAX_USERS) return Result.fail(`${file}:${at}: there are more than ${MAX_USERS} users`)
    lineOf.set(user.name, at)
    users.push(user)
  }
  return users.length === 0 ? Result.fail(`${file}: there is no user in it`) : Result.succeed(users)
}

/** A user as a line, without its newline. */
export const format = ({ hash, name, role }: UserLine): string => `${name}:${role}:${PasswordHash.format(hash)}`
