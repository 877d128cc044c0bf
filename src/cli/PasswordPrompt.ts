/**
 * Asks for passwords at the terminal, without showing them. Questions go to stderr, because stdout is for what a command
 * prints.
 */
import * as Readline from "node:readline"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

interface Key {
  readonly text: string | undefined
  readonly key: Readline.Key
}

const END: Key = { text: undefined, key: { name: "d", ctrl: true } }

const say = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stderr.write(text))

/**
 * From now on until the scope closes the terminal shows nothing of what is typed. Gives what asks: it succeeds with what was
 * typed up to Enter, and is interrupted by Ctrl-C and by the end of the input.
 */
export const open = Effect.gen(function* () {
  const { stdin } = process
  const keys = yield* Queue.unbounded<Key>()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const onKey = (text: string | undefined, key: Readline.Key) => void Queue.offerUnsafe(keys, { text, key })
      const onEnd = () => void Queue.offerUnsafe(keys, END)
      const restore = (): void => void stdin.setRawMode(false)
      Readline.emitKeypressEvents(stdin)
      stdin.setRawMode(true)
      stdin.on("keypress", onKey)
      stdin.on("end", onEnd)
      // A second signal ends the process without closing any scope.
      process.on("exit", restore)
      stdin.resume()
      return () => {
        stdin.pause()
        stdin.off("keypress", onKey)
        stdin.off("end", onEnd)
        process.off("exit", restore)
        restore()
      }
    }),
    (release) => Effect.sync(release)
  )

  const typed = Effect.gen(function* () {
    let password: ReadonlyArray<string> = []
    while (true) {
      const { key, text } = yield* Queue.take(keys)
      if (key.name === "return" || key.name === "enter") return password.join("")
      if (key.ctrl === true && (key.name === "c" || key.name === "d")) return yield* Effect.interrupt
      if (key.name === "backspace") password = password.slice(0, -1)
      else if (key.ctrl === true && key.name === "u") password = []
      else if (text !== undefined && key.ctrl !== true && key.meta !== true) password = [...password, text]
    }
  })
  return (question: string): Effect.Effect<string> => Effect.andThen(say(question), Effect.ensuring(typed, say("\n")))
})
