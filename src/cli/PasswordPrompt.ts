/**
 * Asks for passwords at the terminal, without showing them. Questions go to stderr, because stdout is for what a command
 * prints.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Key } from "../client/LineEditor.ts"
import { listenToKeys } from "../client/Terminal.ts"

/** What the end of the input counts as: Ctrl-D. */
const END: Key = { text: undefined, name: "d", ctrl: true }

const say = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stderr.write(text))

/**
 * From now on until the scope closes the terminal shows nothing of what is typed. Gives what asks: it succeeds with what was
 * typed up to Enter, and is interrupted by Ctrl-C and by the end of the input.
 */
export const open = Effect.gen(function* () {
  const keys = yield* Queue.unbounded<Key>()
  yield* listenToKeys(
    (key) => void Queue.offerUnsafe(keys, key),
    () => void Queue.offerUnsafe(keys, END)
  )

  const typed = Effect.gen(function* () {
    let password: ReadonlyArray<string> = []
    while (true) {
      const { ctrl, meta, name, text } = yield* Queue.take(keys)
      if (name === "return" || name === "enter") return password.join("")
      if (ctrl === true && (name === "c" || name === "d")) return yield* Effect.interrupt
      if (name === "backspace") password = password.slice(0, -1)
      else if (ctrl === true && name === "u") password = []
      else if (text !== undefined && ctrl !== true && meta !== true) password = [...password, text]
    }
  })
  return (question: string): Effect.Effect<string> => Effect.andThen(say(question), Effect.ensuring(typed, say("\n")))
})
