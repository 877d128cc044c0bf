/** A file that holds secrets: read with a word about who else can read it. */
import type { Stats } from "node:fs"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as GivenFile from "../GivenFile.ts"

/** Credentials could not be read. The message names the file, and holds nothing of what is in it. */
export class CredentialsError extends Schema.TaggedError<CredentialsError>()("CredentialsError", {
  message: Schema.String
}) {}

const GROUP_AND_OTHERS = 0o077
const OTHERS = 0o007

/** What of a file's mode lets others read it. One of somebody else is read through its group, as Kubernetes mounts secrets. */
const readByOthers = ({ mode, uid }: Stats): number => mode & (uid === process.getuid?.() ? GROUP_AND_OTHERS : OTHERS)

/** What is in a file, as latin1. Warns of a file that others can read. */
export const read = Effect.fnUntraced(function* (file: string): Effect.fn.Return<string, CredentialsError> {
  const { bytes, stat } = yield* Effect.mapError(
    GivenFile.read(file),
    ({ message }) => new CredentialsError({ message: `Cannot read '${file}': ${message}.` })
  )
  // On Windows the mode says nothing about others.
  if (stat.isFile() && readByOthers(stat) !== 0 && process.platform !== "win32") {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0")
    yield* Effect.logWarning(`others on this machine may read '${file}' (mode ${mode}): chmod 600 '${file}'`)
  }
  return bytes.toString("latin1")
})
