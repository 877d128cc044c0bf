/** The pages of the documentation, as the tests that hold them to the code see them: blocks, tables, headings, links. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"

/** The repository. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

/** A fenced code block. */
export interface Block {
  /** Where it is, for messages and test names: `docs/client.md:12`. */
  readonly place: string
  /** The first word behind the fence. */
  readonly language: string
  /** The words behind the language, which tell the tests how to run it. */
  readonly marks: ReadonlyArray<string>
  readonly code: string
}

export interface Table {
  readonly head: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

export interface Page {
  /** Its path in the repository. */
  readonly name: string
  readonly text: string
  /** The text without its code blocks. */
  readonly prose: string
  readonly blocks: ReadonlyArray<Block>
  readonly tables: ReadonlyArray<Table>
}

const FENCE = /^```(\w+)([^\n]*)\n([^]*?)^```$/gm

const lineOf = (text: string, index: number): number => text.slice(0, index).split("\n").length

/** A pipe in a cell is escaped. */
const cells = (line: string): ReadonlyArray<string> =>
  line
    .replace(/^\|/, "")
    .replace(/\|\s*$/, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

const tablesOf = (prose: string): ReadonlyArray<Table> =>
  [...prose.matchAll(/(?:^\|.*\|[ \t]*\n?)+/gm)].map(([text]) => {
    const [head = "", , ...rows] = text.trimEnd().split("\n")
    return { head: cells(head), rows: rows.map(cells) }
  })

const read = (name: string): Page => {
  const text = Fs.readFileSync(Path.join(root, name), "utf8")
  const prose = text.replaceAll(FENCE, "")
  const blocks = [...text.matchAll(FENCE)].map(({ 1: language = "", 2: marks = "", 3: code = "", index }): Block => ({
    place: `${name}:${lineOf(text, index)}`,
    language,
    marks: marks.split(" ").filter((word) => word !== ""),
    code
  }))
  return { name, text, prose, blocks, tables: tablesOf(prose) }
}

/** The Markdown files of a folder. */
const markdown = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(Path.join(root, folder))
    .filter((file) => file.endsWith(".md"))
    .toSorted()
    .map((file) => Path.join(folder, file))

export const pages: ReadonlyArray<Page> = [...markdown("."), ...markdown("docs")].map(read)

export const page = (name: string): Page => {
  const found = pages.find((it) => it.name === name)
  if (found === undefined) throw new Error(`there is no page ${name}`)
  return found
}

/** The code blocks of a language, on all pages. */
export const blocks = (language: string): ReadonlyArray<Block> =>
  pages.flatMap((it) => it.blocks.filter((block) => block.language === language))

/** The one table of a page whose head begins with these cells. */
export const table = (name: string, ...head: ReadonlyArray<string>): Table => {
  const found = page(name).tables.filter((it) => head.every((cell, index) => it.head[index] === cell))
  const [first] = found
  if (first === undefined || found.length > 1) {
    throw new Error(`${name} has ${found.length} tables that begin with | ${head.join(" | ")} |`)
  }
  return first
}

/** Rows as they are written in a page. */
export const written = (rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n")

/** What GitHub makes of a heading: lower case, punctuation dropped, blanks to dashes. */
export const anchors = ({ prose }: Page): ReadonlySet<string> =>
  new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, "")
        .replaceAll(" ", "-")
    )
  )
