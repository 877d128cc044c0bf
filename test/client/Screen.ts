/** A model of a terminal's screen, as far as the client uses one. An unknown escape sequence is a failure. */

export interface Screen {
  /** The rows, without trailing blanks. */
  readonly rows: () => ReadonlyArray<string>
  /** The cursor's column. */
  readonly column: () => number
  /** All that was written, as it was written. */
  readonly written: () => string
  readonly write: (text: string) => void
}

const TOKEN = /\x1b\[\?2004[hl]|\x1b\[(\d*)([A-Za-z])|[^\x1b]/gu

export const make = (): Screen => {
  let rows = [""]
  let column = 0
  let written = ""
  // An escape sequence may arrive in two pieces.
  let pending = ""

  const put = (character: string) => {
    const row = rows.at(-1) ?? ""
    const before = row.slice(0, column).padEnd(column)
    rows[rows.length - 1] = before + character + row.slice(column + character.length)
    column += character.length
  }

  const control = (count: string, letter: string) => {
    if (letter === "K") rows[rows.length - 1] = (rows.at(-1) ?? "").slice(0, column)
    else if (letter === "C") column += Number(count)
    else if (letter === "J") rows = [""]
    else if (letter === "H") column = 0
    else if (letter !== "m") throw new Error(`unknown escape sequence: ${count}${letter}`)
  }

  return {
    rows: () => rows.map((row) => row.trimEnd()),
    column: () => column,
    written: () => written,
    write: (text) => {
      written += text
      const all = pending + text
      const start = /\x1b(?:\[\??\d*)?$/.exec(all)?.index ?? all.length
      pending = all.slice(start)
      for (const [token, count = "", letter] of all.slice(0, start).matchAll(TOKEN)) {
        if (letter !== undefined) control(count, letter)
        else if (token === "\r") column = 0
        else if (token === "\n") {
          rows.push("")
          // The terminal's driver turns it into a carriage return and a newline.
          column = 0
        } else if (!token.startsWith("\x1b")) put(token)
      }
    }
  }
}
