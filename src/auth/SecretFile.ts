/** A file that holds secrets: read with a bound, and with a word about who else can read it. */
import type { Stats } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Util from "node:util"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** Credentials could not be read. The message names the file, and holds nothing of what is in it. */
export class CredentialsError extends Schema.TaggedError<CredentialsError>()("CredentialsError", {
  message: Schema.String
}) {}

/** In bytes. */
const MAX_SIZE = 4 * 1024 * 1024

const GROUP_AND_OTHERS = 0o077
const OTHERS = 0o007

/** What of a file's mode lets others read it. One of somebody else is read through its group, as Kubernetes mounts secrets. */
const readByOthers = ({ mode, uid }: Stats): number => mode & (uid === process.getuid?.() ? GROUP_AND_OTHERS : OTHERS)

const reasonOf = (error: unknown): string => {
  const errno = Predicate.hasProperty(error, "errno") && typeof error.errno === "number" ? error.errno : 0
  const [, words = "it cannot be read"] = Util.getSystemErrorMap().get(errno) ?? []
  return words
}

/** Its first bytes, at most one more than are allowed. A device may have no end. */
const readStart = async (file: Fs.FileHandle): Promise<Buffer> => {
  const bytes = Buffer.alloc(MAX_SIZE + 1)
  let length = 0
  let count: number
  do {
    // One read after the other.
    // oxlint-disable-next-line no-await-in-loop
    ;({ bytesRead: count } = await file.read(bytes, length, bytes.length - length, null))
    length += count
  } while (count > 0 && length < bytes.length)
  return bytes.subarray(0, length)
}

/** What is in a file, as latin1. Warns of a file that others can read. */
export const read = (file: string): Effect.Effect<string, CredentialsError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const handle = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: () => Fs.open(file, "r"), catch: cannotRead(file) }),
        (opened) => Effect.promise(() => opened.close())
      )
      const stat = yield* Effect.tryPromise({ try: () => handle.stat(), catch: cannotRead(file) })
      const bytes = yield* Effect.tryPromise({ try: () => readStart(handle), catch: cannotRead(file) })
      if (bytes.length > MAX_SIZE) {
        return yield* new CredentialsError({ message: `Cannot read '${file}': it is longer than 4mb.` })
      }
      // On Windows the mode says nothing about others.
      if (stat.isFile() && readByOthers(stat) !== 0 && process.platform !== "win32") {
        const mode = (stat.mode & 0o777).toString(8).padStart(4, "0")
        yield* Effect.logWarning(`others on this machine may read '${file}' (mode ${mode}): chmod 600 '${file}'`)
      }
      return bytes.toString("latin1")
    })
  )

const cannotRead =
  (file: string) =>
  (error: unknown): CredentialsError =>
    new CredentialsError({ message: `Cannot read '${file}': ${reasonOf(error)}.` })
