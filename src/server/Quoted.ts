/** Any bytes as printable text in double quotes, as Redis writes them for people. */

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ['"', '\\"'],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\u0007", "\\a"],
  ["\b", "\\b"]
])

const escape = (character: string): string =>
  ESCAPES.get(character) ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`

/** `text` has one character for each byte. */
export const quoted = (text: string): string => `"${text.replace(/[^\x20-\x7e]|["\\]/g, escape)}"`
