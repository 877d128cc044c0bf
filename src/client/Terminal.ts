/**
 * The terminal of this process, key by key. No other file of the client knows `process.stdin`, raw mode, or the escape
 * sequences that switch a mode on or off. What is drawn is decided elsewhere.
 */
import * as Readline from "node:readline"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Key } from "./LineEditor.ts"

export type TerminalEvent =
  | { readonly _tag: "Key"; readonly key: Key }
  | { readonly _tag: "Resized" }
  /** The terminal is gone, for instance because its window was closed. */
  | { readonly _tag: "Gone" }

export interface Terminal {
  /** Reports keys until the scope closes. */
  readonly listen: (onEvent: (event: TerminalEvent) => void) => Effect.Effect<void, never, Scope.Scope>
  readonly write: (text: string) => Effect.Effect<void>
  /** The current width in columns. */
  readonly columns: () => number
}

const WITHOUT_SIZE = 80

// With brackets around a paste, a pasted tab or newline can be told from the key.
const BRACKETED_PASTE_ON = "\x1b[?2004h"
const BRACKETED_PASTE_OFF = "\x1b[?2004l"

/**
 * Reports the keys that are pressed until the scope closes. The terminal itself shows nothing of them. `onRestored` is
 * called when it does so again, however the process ends.
 */
export const listenToKeys = (
  onKey: (key: Key) => void,
  onGone: () => void,
  onRestored: () => void = doNothing
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { stdin } = process
      const onPress = (text: string | undefined, key: Readline.Key) =>
        onKey({ text, name: key.name, ctrl: key.ctrl, meta: key.meta })
      const restore = () => {
        stdin.setRawMode(false)
        onRestored()
      }
      Readline.emitKeypressEvents(stdin)
      stdin.setRawMode(true)
      stdin.on("keypress", onPress)
      stdin.on("end", onGone)
      // Never removed: an error without a listener would be thrown.
      stdin.on("error", onGone)
      // A second signal ends the process without closing any scope.
      process.on("exit", restore)
      stdin.resume()
      return () => {
        stdin.pause()
        stdin.off("keypress", onPress)
        stdin.off("end", onGone)
        process.off("exit", restore)
        restore()
      }
    }),
    (release) => Effect.sync(release)
  ).pipe(Effect.asVoid)

const doNothing = (): void => {}

export const processTerminal: Terminal = {
  listen: (onEvent) => {
    const { stdout } = process
    const onResize = () => onEvent({ _tag: "Resized" })
    return listenToKeys(
      (key) => onEvent({ _tag: "Key", key }),
      () => onEvent({ _tag: "Gone" }),
      () => stdout.write(BRACKETED_PASTE_OFF)
    ).pipe(
      Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => {
            stdout.write(BRACKETED_PASTE_ON)
            stdout.on("resize", onResize)
          }),
          () => Effect.sync(() => stdout.off("resize", onResize))
        )
      )
    )
  },
  write: (text) =>
    Effect.sync(() => {
      process.stdout.write(text)
    }),
  columns: () => {
    const { columns } = process.stdout
    return columns > 0 ? columns : WITHOUT_SIZE
  }
}
