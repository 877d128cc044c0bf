/**
 * The lines that were typed in earlier runs, in a file that only its owner can read.
 *
 * It is a convenience. If the file cannot be read or written, the history holds only this run, and nothing fails.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"

/** The most lines that are kept. */
const MAX_LINES = 1000

export interface History {
  /** All lines, the oldest first. */
  readonly load: Effect.Effect<ReadonlyArray<string>>
  /** Adds a line to the file as it is now, because another client may have added lines of its own. */
  readonly add: (line: string) => Effect.Effect<void>
}

/** A history without a file. */
export const none: History = { load: Effect.succeed([]), add: () => Effect.void }

/** A line with a password: an AUTH, be it misspelt at its end or timed. */
const SECRET = /^\s*(?:time\s+)?auth/i

/**
 * The history with one more line. Blank lines and repetitions of the last line are not worth recalling, and a password
 * must not be.
 */
export const remember = (lines: ReadonlyArray<string>, line: string): ReadonlyArray<string> =>
  line.trim() === "" || line === lines.at(-1) || SECRET.test(line) ? lines : [...lines, line].slice(-MAX_LINES)

/** The history's file, by the XDG Base Directory Specification. Nothing if the environment does not say. */
export const location = Effect.gen(function* () {
  const path = yield* Path.Path
  const state = yield* variable("XDG_STATE_HOME")
  // The specification says to ignore relative paths.
  if (state !== undefined && path.isAbsolute(state)) return path.join(state, "kv-cache", "history")
  const home = yield* variable("HOME")
  return home === undefined ? undefined : path.join(home, ".local", "state", "kv-cache", "history")
})

const variable = (name: string): Effect.Effect<string | undefined> =>
  Config.option(Config.String(name)).pipe(
    Effect.map((value) => Option.getOrUndefined(Option.filter(value, (text) => text !== ""))),
    Effect.orElseSucceed(() => undefined)
  )

/** What is at the history's place is a directory, a device or the like. */
class NoFile extends Schema.TaggedError<NoFile>()("NoFile", { file: Schema.String, type: Schema.String }) {}

/** The history in a file. The first added line makes the file and its directory. */
export const inFile = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const draft = `${file}.new`

  const text = Effect.gen(function* () {
    const { type } = yield* fs.stat(file)
    // A device may have no end: a link to /dev/full is read for ever.
    if (type !== "File") return yield* new NoFile({ file, type })
    return yield* fs.readFileString(file)
  })
  const read = Effect.map(text, parse).pipe(
    Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed<ReadonlyArray<string>>([]))
  )

  // Written to a draft and moved into place, so that a crash leaves either the old file or the new one.
  const write = (lines: ReadonlyArray<string>) =>
    fs.makeDirectory(path.dirname(file), { recursive: true, mode: 0o700 }).pipe(
      Effect.andThen(fs.remove(draft, { force: true })),
      Effect.andThen(fs.writeFileString(draft, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 })),
      Effect.andThen(fs.rename(draft, file)),
      // A disk that is full leaves an empty file.
      Effect.tapError(() => fs.remove(draft, { force: true }))
    )

  const history: History = {
    load: Effect.orElseSucceed(read, () => []),
    // A file that exists but cannot be read is not overwritten.
    add: (line) =>
      Effect.flatMap(read, (lines) => {
        const longer = remember(lines, line)
        return longer === lines ? Effect.void : write(longer)
      }).pipe(Effect.ignore)
  }
  return history
})

/** Lines with characters that nobody can type are not recalled. Another program may have written the file. */
const CONTROL = /[\x00-\x1f\x7f-\x9f]/

const parse = (text: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "" && !CONTROL.test(line))
    .slice(-MAX_LINES)
