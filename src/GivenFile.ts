/**
 * A file that somebody names: a file, or a pipe, such as a shell's `<(command)`, a FIFO, or `/dev/stdin`. It is read with a
 * bound, as a device may have no end.
 *
 * A signal ends the wait for it, whatever it is. A thread that waits for the other end of a pipe cannot be interrupted, and
 * Node waits for its threads when it exits: so nobody waits within the system, and a pipe that is not ready is asked again.
 */
import * as Fs from "node:fs"
import type { FileHandle } from "node:fs/promises"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { systemReason } from "./SystemReason.ts"

/** It could not be read. The message says why, in the system's words, and not which file: `no such file or directory`. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  message: Schema.String
}) {}

export interface GivenFile {
  readonly bytes: Buffer
  readonly stat: Fs.Stats
}

const MEGABYTE = 1024 * 1024

/** The time between two looks at a pipe. */
const LOOK = Duration.millis(20)

/** Pipes of the process itself, such as `/dev/fd/63`: whoever writes to them was there before. A FIFO is waited for. */
const ITS_OWN = /^\/(?:dev|proc)\//

/** A pipe is opened though nobody writes to it yet, and read though nothing is there. Windows has no such flag. */
const WITHOUT_WAITING = Fs.constants.O_RDONLY | (process.platform === "win32" ? 0 : Fs.constants.O_NONBLOCK)

const fileError = (error: unknown): FileError => new FileError({ message: systemReason(error) ?? "it cannot be read" })

const attempt = <A>(how: () => Promise<A>): Effect.Effect<A, FileError> =>
  Effect.tryPromise({ try: how, catch: fileError })

const opened = (path: string): Effect.Effect<FileHandle, FileError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(() => Fs.promises.open(path, WITHOUT_WAITING)),
    (handle) => Effect.promise(() => handle.close())
  )

/** How much was read; nothing where it is not known yet whether more comes. */
const readSome = (handle: FileHandle, bytes: Buffer, length: number): Effect.Effect<number | undefined, FileError> =>
  Effect.tryPromise(() => handle.read(bytes, length, bytes.length - length, null)).pipe(
    Effect.map(({ bytesRead }): number | undefined => bytesRead),
    Effect.catch(({ cause }) =>
      Predicate.hasProperty(cause, "code") && cause.code === "EAGAIN"
        ? Effect.succeed(undefined)
        : Effect.fail(fileError(cause))
    )
  )

/** Whoever writes to a pipe does not know of other clocks. */
const realClock = Clock.Clock.defaultValue()

const pause = Effect.interruptible(Effect.sleep(LOOK)).pipe(Effect.provideService(Clock.Clock, realClock))

/** What is in a file, which must not have more than so many megabytes. */
export const read = (path: string, most = 4): Effect.Effect<GivenFile, FileError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const handle = yield* opened(path)
      const stat = yield* attempt(() => handle.stat())
      const isAwaited = stat.isFIFO() && !ITS_OWN.test(path)
      let bytes = Buffer.alloc(MEGABYTE)
      let length = 0
      for (;;) {
        const count = yield* readSome(handle, bytes, length)
        if (count === 0 && !(isAwaited && length === 0)) return { bytes: bytes.subarray(0, length), stat }
        if (count === undefined || count === 0) yield* pause
        else length += count
        if (length > most * MEGABYTE) return yield* new FileError({ message: `it is longer than ${most}mb` })
        if (length === bytes.length) bytes = Buffer.concat([bytes], 2 * length)
      }
    })
  )
