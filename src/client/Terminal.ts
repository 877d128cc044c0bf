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

export const processTerminal: Terminal = {
  listen: (onEvent) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const { stdin, stdout } = process
        const onKey = (text: string | undefined, key: Readline.Key) =>
          onEvent({ _tag: "Key", key: { text, name: key.name, ctrl: key.ctrl, meta: key.meta } })
        const onResize = () => onEvent({ _tag: "Resized" })
        const onGone = () => onEvent({ _tag: "Gone" })
        const restore = () => {
          stdin.setRawMode(false)
          stdout.write(BRACKETED_PASTE_OFF)
        }
        Readline.emitKeypressEvents(stdin)
        stdin.setRawMode(true)
        stdout.write(BRACKETED_PASTE_ON)
        stdin.on("keypress", onKey)
        stdin.on("end", onGone)
        // Never removed: an error without a listener would be thrown.
        stdin.on("error", onGone)
        stdout.on("resize", onResize)
        // A second signal ends the process without closing any scope.
        process.on("exit", restore)
        stdin.resume()
        return () => {
          stdin.pause()
          stdin.off("keypress", onKey)
          stdin.off("end", onGone)
          stdout.off("resize", onResize)
          process.off("exit", restore)
          restore()
        }
      }),
      (release) => Effect.sync(release)
    ).pipe(Effect.asVoid),
  write: (text) =>
    Effect.sync(() => {
      process.stdout.write(text)
    }),
  columns: () => {
    const { columns } = process.stdout
    return columns > 0 ? columns : WITHOUT_SIZE
  }
}
