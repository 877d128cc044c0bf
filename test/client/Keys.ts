/** Keys as a test writes them: `C-a`, `M-f` or `left` in brackets, anything else as typed: `PUT foo[left][C-k]`. */
import type { Key } from "../../src/client/LineEditor.ts"

const toKey = (chord: string): Key => {
  const name = chord.replace(/^(C-|M-)+/, "")
  const typed = name.length === 1 ? name : undefined
  const control = name === "return" ? "\r" : name === "enter" ? "\n" : name === "tab" ? "\t" : undefined
  return { name, text: typed ?? control, ctrl: chord.includes("C-"), meta: chord.includes("M-") }
}

const toTyped = (character: string): Key => ({
  text: character,
  name: /^[a-z0-9]$/i.test(character) ? character.toLowerCase() : character === " " ? "space" : undefined,
  ctrl: false,
  meta: false
})

export const keys = (script: string): ReadonlyArray<Key> =>
  (script.match(/\[[A-Z]?-?[A-Z]?-?[a-z-]+\]|[^]/gu) ?? []).map((part) =>
    part.length > 2 && part.startsWith("[") ? toKey(part.slice(1, -1)) : toTyped(part)
  )
