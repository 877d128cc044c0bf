/**
 * Markup (HTML and inline SVG) in which text cannot become code. Everything that fills a template is escaped, unless it
 * is markup itself. This module knows no elements.
 */

/** Well-formed markup. Only `markup` makes it. */
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

/**
 * Escapes text for an element or a quoted attribute. Control characters are replaced, because a document may not have
 * them in any form.
 */
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

/** Empty markup, for parts that are left out. */
export const empty = new Markup("")
