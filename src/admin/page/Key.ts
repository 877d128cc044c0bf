/** Keys as people read them. Snapshots have them as latin1: one character a byte. Pure. */

const LONGEST = 64

/** UTF-8 where a key is that, otherwise its bytes; shortened in the middle if it is long. */
export const shownKey = (key: string): string => {
  const text = new TextDecoder().decode(Uint8Array.from(key, (character) => character.charCodeAt(0)))
  const shown = text.includes("\u{FFFD}") ? key : text
  const safe = shown.replaceAll(/[\p{Cc}\u{80}-\u{9F}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `\\x${code.toString(16).padStart(2, "0")}`
  })
  const half = LONGEST / 2
  return safe.length <= LONGEST ? safe : `${safe.slice(0, half)}…${safe.slice(-half)}`
}

/** A key as a query has it: each byte, percent-encoded. */
export const encodedKey = (key: string): string =>
  Array.from(key, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`).join("")
