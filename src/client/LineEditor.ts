/**
 * A line editor: a key goes in, the new state and what to do come out. It also turns the state into text for one row of
 * a terminal.
 *
 * PURE: it reads no keys, draws nothing and keeps no time. The only commands it knows are in the grammar that it is
 * given. `Terminal.ts` reads the keys; `Repl.ts` has the grammar.
 */

/** A key as a terminal reports it. */
export interface Key {
  /** The text that the key types, if it types any. */
  readonly text?: string | undefined
  /** The key's name, such as `left`, or `a` with `ctrl`. */
  readonly name?: string | undefined
  readonly ctrl?: boolean | undefined
  readonly meta?: boolean | undefined
}

/**
 * A word that can begin a line, and what follows it. For completion and hints only: it does not decide what is valid.
 */
export interface Spec {
  readonly name: string
  /** Its arguments, as they are shown to a person. */
  readonly args: ReadonlyArray<string>
  /** The words that can begin the rest of the line. */
  readonly next?: ReadonlyArray<Spec> | undefined
}

export type Grammar = ReadonlyArray<Spec>

interface Search {
  readonly query: string
  readonly failed: boolean
  /** The line before the search, to be restored. */
  readonly before: { readonly line: string; readonly cursor: number; readonly at: number }
}

export interface Editor {
  readonly line: string
  /** Where the next character goes, in UTF-16 units. Never inside a character. */
  readonly cursor: number
  /** Earlier lines, the oldest first. */
  readonly history: ReadonlyArray<string>
  /** The index of the history line that is shown. The history's length means the line being written. */
  readonly at: number
  /** The line being written, kept while a line of the history is shown. */
  readonly draft: string
  /** The text that was cut last. */
  readonly cut: string
  readonly search: Search | undefined
  /** Whether keys come from a paste. In a paste, a tab is a space and does not ask for completion. */
  readonly pasting: boolean
  /** Whether the last key was a carriage return. A newline right after it ends the same line. */
  readonly afterReturn: boolean
}

/** What a key asks for that the editor cannot do itself. */
export type Outcome =
  /** The line is done. */
  | { readonly _tag: "Submit"; readonly line: string }
  /** The line is cancelled. */
  | { readonly _tag: "Cancel"; readonly line: string }
  /** Ctrl-C with nothing to cancel. */
  | { readonly _tag: "Interrupt" }
  /** Ctrl-D on an empty line. */
  | { readonly _tag: "End" }
  | { readonly _tag: "Clear" }
  /** The words that could stand here. */
  | { readonly _tag: "Offer"; readonly names: ReadonlyArray<string> }

export interface Pressed {
  readonly editor: Editor
  readonly outcome?: Outcome | undefined
}

/** An empty line. */
export const make = (history: ReadonlyArray<string>): Editor => ({
  line: "",
  cursor: 0,
  history,
  at: history.length,
  draft: "",
  cut: "",
  search: undefined,
  pasting: false,
  afterReturn: false
})

/** A new empty line, with the current history. */
export const next = (editor: Editor, history: ReadonlyArray<string>): Editor => ({
  ...make(history),
  cut: editor.cut,
  pasting: editor.pasting,
  afterReturn: editor.afterReturn
})

/** Handles one key. */
export const press = (editor: Editor, key: Key, grammar: Grammar): Pressed => {
  if (key.name === "enter" && !key.ctrl && editor.afterReturn) return { editor: { ...editor, afterReturn: false } }
  const before = { ...editor, afterReturn: key.name === "return" }
  if (key.name === "paste-start") return { editor: { ...before, pasting: true } }
  if (key.name === "paste-end") return { editor: { ...before, pasting: false } }
  if (editor.pasting && key.name === "tab") return { editor: insert(before, " ") }
  return before.search === undefined ? edit(before, key, grammar) : search(before, before.search, key, grammar)
}

const edit = (editor: Editor, key: Key, grammar: Grammar): Pressed => {
  switch (chord(key)) {
    case "return":
    case "enter":
      return { editor, outcome: { _tag: "Submit", line: editor.line } }
    case "C-c":
      return { editor, outcome: editor.line === "" ? { _tag: "Interrupt" } : { _tag: "Cancel", line: editor.line } }
    case "C-d":
      return editor.line === ""
        ? { editor, outcome: { _tag: "End" } }
        : { editor: remove(editor, editor.cursor, after(editor.line, editor.cursor)) }
    case "C-l":
      return { editor, outcome: { _tag: "Clear" } }
    case "tab":
      return complete(editor, grammar)
    case "C-r":
      return { editor: { ...editor, search: { query: "", failed: false, before: restorable(editor) } } }
    default:
      return { editor: editLine(editor, key) }
  }
}

const editLine = (editor: Editor, key: Key): Editor => {
  const { cursor, line } = editor
  switch (chord(key)) {
    case "left":
    case "C-b":
      return { ...editor, cursor: before(line, cursor) }
    case "right":
    case "C-f":
      return { ...editor, cursor: after(line, cursor) }
    case "home":
    case "C-a":
      return { ...editor, cursor: 0 }
    case "end":
    case "C-e":
      return { ...editor, cursor: line.length }
    case "M-b":
    case "M-left":
    case "C-left":
      return { ...editor, cursor: wordStart(line, cursor) }
    case "M-f":
    case "M-right":
    case "C-right":
      return { ...editor, cursor: wordEnd(line, cursor) }
    case "backspace":
    case "C-h":
      return remove(editor, before(line, cursor), cursor)
    case "delete":
      return remove(editor, cursor, after(line, cursor))
    case "C-u":
      return cut(editor, 0, cursor)
    case "C-k":
      return cut(editor, cursor, line.length)
    case "C-w":
    case "M-backspace":
      return cut(editor, wordStart(line, cursor), cursor)
    case "M-d":
      return cut(editor, cursor, wordEnd(line, cursor))
    case "C-y":
      return insert(editor, editor.cut)
    case "C-t":
      return transpose(editor)
    case "up":
    case "C-p":
      return show(editor, editor.at - 1)
    case "down":
    case "C-n":
      return show(editor, editor.at + 1)
    default:
      return isTyped(key) ? insert(editor, key.text) : editor
  }
}

/** A key in the notation of Emacs: `C-a`, `M-f`, `left`. A capital letter is its own key. */
const chord = (key: Key): string => `${key.ctrl ? "C-" : ""}${key.meta ? "M-" : ""}${key.name ?? ""}`

const CONTROL = /[\x00-\x1f\x7f-\x9f]/

const isTyped = (key: Key): key is Key & { readonly text: string } =>
  key.text !== undefined && key.text !== "" && !key.ctrl && !key.meta && !CONTROL.test(key.text)

// --- text

const insert = (editor: Editor, text: string): Editor => ({
  ...editor,
  line: editor.line.slice(0, editor.cursor) + text + editor.line.slice(editor.cursor),
  cursor: editor.cursor + text.length
})

const remove = (editor: Editor, from: number, to: number): Editor => ({
  ...editor,
  line: editor.line.slice(0, from) + editor.line.slice(to),
  cursor: from
})

const cut = (editor: Editor, from: number, to: number): Editor =>
  from === to ? editor : { ...remove(editor, from, to), cut: editor.line.slice(from, to) }

/** Swaps the characters around the cursor; at the end of the line, the last two. */
const transpose = (editor: Editor): Editor => {
  const { line } = editor
  const middle = editor.cursor === line.length ? before(line, line.length) : editor.cursor
  if (middle === 0) return editor
  const from = before(line, middle)
  const to = after(line, middle)
  const swapped = line.slice(middle, to) + line.slice(from, middle)
  return { ...editor, line: line.slice(0, from) + swapped + line.slice(to), cursor: to }
}

const segmenter = new Intl.Segmenter("en")

/**
 * Where the character that ends at `index` begins. A character is what a person sees as one, however many code points.
 */
const before = (line: string, index: number): number => {
  if (index === 0) return 0
  if (isAscii(line)) return index - 1
  return segmenter.segment(line).containing(index - 1)?.index ?? index - 1
}

const after = (line: string, index: number): number => {
  if (index === line.length) return index
  if (isAscii(line)) return index + 1
  return index + (segmenter.segment(line).containing(index)?.segment.length ?? 1)
}

const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)

// A word is what the protocol calls one: whatever stands between blanks.
const wordStart = (line: string, index: number): number => line.slice(0, index).search(/\S*\s*$/)

const wordEnd = (line: string, index: number): number => index + (/^\s*\S*/.exec(line.slice(index))?.[0].length ?? 0)

// --- history

const show = (editor: Editor, at: number): Editor => {
  if (at < 0 || at > editor.history.length) return editor
  const draft = editor.at === editor.history.length ? editor.line : editor.draft
  const line = editor.history[at] ?? draft
  return { ...editor, at, draft, line, cursor: line.length }
}

const restorable = ({ at, cursor, line }: Editor): Search["before"] => ({ at, cursor, line })

const search = (editor: Editor, state: Search, key: Key, grammar: Grammar): Pressed => {
  switch (chord(key)) {
    case "C-r":
      return { editor: state.query === "" ? editor : find(editor, state, state.query, editor.at - 1) }
    case "backspace":
    case "C-h": {
      const query = state.query.slice(0, before(state.query, state.query.length))
      return { editor: find({ ...editor, ...state.before }, state, query, editor.history.length - 1) }
    }
    case "C-g":
    case "escape":
    case "M-escape":
      return { editor: { ...editor, ...state.before, search: undefined } }
    case "C-c":
      return { editor: { ...editor, search: undefined }, outcome: { _tag: "Cancel", line: editor.line } }
    default: {
      if (isTyped(key)) {
        return { editor: find(editor, state, state.query + key.text, Math.min(editor.at, editor.history.length - 1)) }
      }
      // Any other key accepts the match and then acts on it.
      return edit({ ...editor, search: undefined }, key, grammar)
    }
  }
}

/** Searches backwards from `from` for a line with the query, and shows it. If there is none, the shown line stays. */
const find = (editor: Editor, state: Search, query: string, from: number): Editor => {
  if (query === "") return { ...editor, search: { ...state, query, failed: false } }
  for (let at = from; at >= 0; at--) {
    const line = editor.history[at] ?? ""
    const cursor = line.indexOf(query)
    if (cursor !== -1) {
      const draft = editor.at === editor.history.length ? editor.line : editor.draft
      return { ...editor, at, draft, line, cursor, search: { ...state, query, failed: false } }
    }
  }
  return { ...editor, search: { ...state, query, failed: true } }
}

// --- completion and hints

const splitWords = (line: string): ReadonlyArray<string> => line.split(/\s+/).filter((word) => word !== "")

const named = (grammar: Grammar, name: string): Spec | undefined =>
  grammar.find((spec) => spec.name.toLowerCase() === name.toLowerCase())

/** The possible words after `words`. */
const expected = (grammar: Grammar, words: ReadonlyArray<string>): Grammar => {
  const [first, ...rest] = words
  return first === undefined ? grammar : expected(named(grammar, first)?.next ?? [], rest)
}

const complete = (editor: Editor, grammar: Grammar): Pressed => {
  const left = editor.line.slice(0, editor.cursor)
  const start = left.search(/\S*$/)
  const partial = left.slice(start)
  const possible = expected(grammar, splitWords(left.slice(0, start)))
  if (possible.length === 0) {
    // An argument cannot be completed. Tab separates words as a space does, so it types a space.
    return { editor: partial === "" ? editor : insert(editor, " ") }
  }
  const matches = matching(possible, partial)
  const [first, ...others] = matches
  if (first === undefined) return { editor }
  if (others.length === 0) {
    const isAtEnd = editor.cursor === editor.line.length
    const completed = first.args.length > 0 && isAtEnd ? `${first.name} ` : first.name
    return { editor: insert(remove(editor, start, editor.cursor), completed) }
  }
  const names = matches.map((spec) => spec.name)
  const common = commonPrefix(names)
  if (common.length > partial.length) return { editor: insert(remove(editor, start, editor.cursor), common) }
  return { editor, outcome: { _tag: "Offer", names } }
}

/** Case matters where it makes a difference: `E` means `EXISTS`, `e` may also mean `exit`. */
const matching = (grammar: Grammar, partial: string): Grammar => {
  const exact = grammar.filter((spec) => spec.name.startsWith(partial))
  if (exact.length > 0 && partial !== partial.toLowerCase()) return exact
  return grammar.filter((spec) => spec.name.toLowerCase().startsWith(partial.toLowerCase()))
}

const commonPrefix = (names: ReadonlyArray<string>): string => {
  let prefix = names[0] ?? ""
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return prefix
}

/** The arguments that are still missing, to be shown after the line. */
export const hint = (line: string, grammar: Grammar): string => {
  const [first, ...rest] = splitWords(line)
  const spec = first === undefined ? undefined : named(grammar, first)
  if (spec === undefined) return ""
  if (spec.next !== undefined && rest.length > 0) {
    return hint(line.trimStart().slice(spec.name.length), spec.next)
  }
  const missing = spec.args.slice(rest.length).join(" ")
  return missing === "" || /\s$/.test(line) ? missing : ` ${missing}`
}

// --- drawing

export interface View {
  readonly prompt: string
  /** The terminal's width. */
  readonly columns: number
  readonly grammar: Grammar
  /** How a hint is made to look different from what was typed. */
  readonly dim: (text: string) => string
}

/** The cells of a row that a prompt leaves for the line, unless the terminal is narrower. */
const LEAST_ROOM = 12

/**
 * The editor as text that redraws the current row of the terminal and leaves the cursor in its place. Of a line that is
 * wider than the terminal, only the part around the cursor is shown. The editor never draws on more than one row, so a
 * redraw needs to know nothing about the one before.
 */
export const render = (editor: Editor, view: View): string => {
  // The last column stays free. After a write to it, some terminals move to the next row and some do not.
  const width = Math.max(1, view.columns - 1)
  const prompt = endOf(promptOf(editor, view), width > 2 * LEAST_ROOM ? width - LEAST_ROOM : width >> 1)
  const room = width - cells(prompt)
  const [visible, cursor] = slide(editor.line, editor.cursor, room)
  const isAtEnd = editor.cursor === editor.line.length && editor.search === undefined
  const shownHint = isAtEnd ? takeCells(hint(editor.line, view.grammar), room - cells(visible)) : ""
  const column = cells(prompt) + cursor
  return (
    `\r${prompt}${visible}${shownHint === "" ? "" : view.dim(shownHint)}\x1b[K` +
    `\r${column === 0 ? "" : `\x1b[${column}C`}`
  )
}

/** A finished line as it stays on the screen: whole, without a hint, with the cursor on the next row. */
export const renderDone = (editor: Editor, view: View): string => `\r\x1b[K${view.prompt}${editor.line}\n`

const promptOf = (editor: Editor, view: View): string =>
  editor.search === undefined
    ? view.prompt
    : `(${editor.search.failed ? "failed " : ""}reverse-i-search)'${editor.search.query}': `

/** The part of a line around the cursor that fits into `room` cells, and the cursor's cell within it. */
const slide = (line: string, cursor: number, room: number): readonly [string, number] => {
  let start = 0
  let column = cells(line.slice(0, cursor))
  while (column > room - 1 && start < cursor) {
    const nextStart = after(line, start)
    column -= cells(line.slice(start, nextStart))
    start = nextStart
  }
  return [takeCells(line.slice(start), room), column]
}

/** Shortens a prompt at its beginning, because a person looks for its end. */
const endOf = (text: string, room: number): string => {
  let start = 0
  while (cells(text.slice(start)) > room) start = after(text, start)
  return text.slice(start)
}

const takeCells = (text: string, room: number): string => {
  if (isAscii(text)) return text.slice(0, Math.max(0, room))
  let taken = ""
  let used = 0
  for (const { segment } of segmenter.segment(text)) {
    used += cells(segment)
    if (used > room) break
    taken += segment
  }
  return taken
}

const NO_CELL = /^[\p{Mark}\p{Format}]/u
const TWO_CELLS =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** How many cells of a terminal a text takes. Keys and values are ASCII, but a typed line may hold anything. */
const cells = (text: string): number => {
  if (isAscii(text)) return text.length
  let count = 0
  for (const { segment } of segmenter.segment(text)) {
    count += NO_CELL.test(segment) ? 0 : TWO_CELLS.test(segment) ? 2 : 1
  }
  return count
}
