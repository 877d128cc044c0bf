/**
 * Markup (HTML and inline SVG) in which text cannot become code: what a template is filled with is escaped, unless it is
 * markup itself. Knows no elements.
 */

/** Well-formed markup: made by `markup` alone. */
export class Markup {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

type Fill = string | number | Markup | ReadonlyArray<Markup>

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"]
])

/** Text for an element or a quoted attribute. Control characters are not allowed in a document in any form. */
const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES.get(character) ?? character).replace(/[^\P{Cc}\n\t]/gu, "\u{FFFD}")

const render = (fill: Fill): string => {
  if (typeof fill === "string") return escape(fill)
  if (typeof fill === "number") return String(fill)
  return fill instanceof Markup ? fill.source : fill.map((part) => part.source).join("")
}

/** A template of markup. */
export const markup = (strings: TemplateStringsArray, ...fills: ReadonlyArray<Fill>): Markup =>
  new Markup(strings.map((text, index) => text + render(fills[index] ?? "")).join(""))

/** Nothing, for what is left out. */
export const empty = new Markup("")
