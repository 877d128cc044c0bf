/**
 * Help for a terminal: the library's text with lines broken between words. Text in a second column stays in its column.
 *
 * Pure: the width is an argument.
 */
import * as CliOutput from "effect/cli/CliOutput"
import type { HelpDoc } from "effect/cli/HelpDoc"

const INDENT = "  "

/** The least number of blanks between the columns of a table. */
const ROW = /^( {2}\S.*? {4,})(\S.*)$/

/** If the second column has less room than this, it begins below the first one. */
const MIN_COLUMN = 24

/** Breaks a text at its blanks, into lines of at most `width` characters. A longer word has a line of its own. */
const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

const wrapLine = (line: string, width: number): ReadonlyArray<string> => {
  if (line.length <= width) return [line]
  const [, left = INDENT, right = line.trimStart()] = ROW.exec(line) ?? []
  const isBelow = width - left.length < MIN_COLUMN
  const indent = isBelow ? INDENT.repeat(3) : " ".repeat(left.length)
  const [first = "", ...others] = wrap(right, width - indent.length)
  const rest = others.map((other) => indent + other)
  return isBelow && left !== INDENT ? [left.trimEnd(), indent + first, ...rest] : [left + first, ...rest]
}

const EXAMPLES = "EXAMPLES"

/** A command's help in lines of at most `columns` characters, infinite for no limit. Examples are not broken. */
export const format = (doc: HelpDoc, columns: number): string => {
  const lines = CliOutput.defaultFormatter({ colors: false }).formatHelpDoc(doc).split("\n")
  const examples = doc.examples === undefined ? -1 : lines.lastIndexOf(EXAMPLES)
  const end = examples === -1 ? lines.length : examples
  const body = lines.slice(0, end).flatMap((line) => wrapLine(line, columns))
  // The library leaves no blank line between subcommands and examples.
  if (examples > 0 && body.at(-1) !== "") body.push("")
  return [...body, ...lines.slice(end)].join("\n")
}
