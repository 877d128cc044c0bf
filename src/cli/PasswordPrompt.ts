/**
 * Asks for a password at the terminal, without showing it. The question goes to stderr, because stdout is for what a
 * command prints.
 */
import * as Readline from "node:readline"
import * as Effect from "effect/Effect"

/** What was typed up to Enter. Interrupted by Ctrl-C, and by the end of the input. */
export const ask = (question: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const { stderr, stdin } = process
    let typed: ReadonlyArray<string> = []
    const onKey = (text: string | undefined, key: Readline.Key): void => {
      if (key.name === "return" || key.name === "enter") return end(Effect.succeed(typed.join("")))
      if (key.ctrl === true && (key.name === "c" || key.name === "d")) return end(Effect.interrupt)
      if (key.name === "backspace") typed = typed.slice(0, -1)
      else if (key.ctrl === true && key.name === "u") typed = []
      else if (text !== undefined && key.ctrl !== true && key.meta !== true) typed = [...typed, text]
    }
    const onEnd = (): void => end(Effect.interrupt)
    const release = (): void => {
      stdin.off("keypress", onKey)
      stdin.off("end", onEnd)
      process.off("exit", restore)
      restore()
      stdin.pause()
    }
    // A second signal ends the process without running anything else.
    const restore = (): void => void stdin.setRawMode(false)
    const end = (result: Effect.Effect<string>): void => {
      release()
      stderr.write("\n")
      resume(result)
    }
    stderr.write(question)
    Readline.emitKeypressEvents(stdin)
    stdin.setRawMode(true)
    process.on("exit", restore)
    stdin.on("keypress", onKey)
    stdin.on("end", onEnd)
    stdin.resume()
    return Effect.sync(release)
  })
