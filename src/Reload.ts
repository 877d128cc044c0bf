/**
 * What a running process reads anew: files that have changed, or all of them when somebody asks, which is what SIGHUP
 * does. Whoever has such a file says how it is read. If it cannot be read, what was before stays.
 *
 * It looks at files again and again. Notifications of the system miss what editors and Kubernetes do: they replace a
 * file, or a link on the way to it.
 */
import * as Fs from "node:fs/promises"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/** Who reads something anew when somebody asks. */
export class Reloads {
  private readonly listeners = new Set<() => void>()

  /** Has everybody read anew. Returns whether there is anybody. */
  request(): boolean {
    for (const listener of this.listeners) listener()
    return this.listeners.size > 0
  }

  /** Calls the listener at each request until the returned function is called. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}

/** By default the one of the process, which `cli/RunMain.ts` asks at SIGHUP. */
export const CurrentReloads = Context.Reference<Reloads>("effect-kv-cache/CurrentReloads", {
  defaultValue: () => ofProcess
})

const ofProcess = new Reloads()

export interface Reloadable<E> {
  /** What it is, for the log: `users`, `certificates`. */
  readonly name: string
  readonly files: ReadonlyArray<string>
  /** Reads everything and puts it in place. Succeeds with what there is now, for the log: `3 users`. */
  readonly load: Effect.Effect<string, E>
}

/** The time between two looks at the files. */
export const LOOK_INTERVAL = Duration.seconds(2)

/**
 * What tells one state of a file from another. Nothing where looking again is of no use: a pipe can be read only once.
 */
const stateOf = (file: string): Effect.Effect<string | undefined> =>
  Effect.match(
    Effect.tryPromise(() => Fs.stat(file)),
    {
      onSuccess: (stat) =>
        stat.isFile() ? [stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(" ") : undefined,
      onFailure: () => "unreadable"
    }
  )

/**
 * Loads, and fails if that fails. From then on until the scope closes, loads again whenever a file has changed and
 * whenever somebody asks. A failure then is logged, once for each state of the files.
 */
export const load = Effect.fnUntraced(function* <E extends { readonly message: string }>({
  files,
  load,
  name
}: Reloadable<E>): Effect.fn.Return<void, E, Scope.Scope> {
  const reloads = yield* CurrentReloads
  const look = Effect.forEach(files, stateOf)
  // Before the files are read: what changes while they are read is seen at the next look.
  let seen = yield* look
  yield* load

  const again = Effect.matchEffect(load, {
    onSuccess: (summary) => Effect.logInfo(`${name} reloaded: ${summary}`),
    onFailure: ({ message }) => Effect.logError(`${name} not reloaded, those from before stay: ${message}`)
  })
  const asked = yield* Queue.sliding<"asked">(1)
  yield* Effect.acquireRelease(
    Effect.sync(() => reloads.listen(() => Queue.offerUnsafe(asked, "asked"))),
    (unlisten) => Effect.sync(unlisten)
  )
  const next = Effect.raceFirst(Queue.take(asked), Effect.as(Effect.sleep(LOOK_INTERVAL), "time"))
  yield* next.pipe(
    Effect.flatMap((reason) =>
      Effect.flatMap(look, (found) => {
        const isChanged = found.some((state, file) => state !== seen[file])
        seen = found
        return isChanged || reason === "asked" ? again : Effect.void
      })
    ),
    Effect.catchDefect((defect) => Effect.logError(`${name} not reloaded because of a bug`, Cause.die(defect))),
    Effect.forever,
    Effect.forkScoped
  )
})
