/** Tables of figures. */
import { type Markup, markup } from "./Markup.ts"

/** A table that scrolls on its own if the screen is too narrow, so that the page does not. */
export const table = (
  caption: string,
  head: ReadonlyArray<string | Markup>,
  rows: ReadonlyArray<ReadonlyArray<string | Markup>>,
  className = "figures"
): Markup =>
  markup`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="${className}">
<caption>${caption}</caption>
<thead><tr>${head.map((text) => markup`<th scope="col">${text}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) =>
      markup`<tr>${row.map((value, column) => (column === 0 ? markup`<th scope="row">${value}</th>` : markup`<td>${value}</td>`))}</tr>\n`
  )}</tbody>
</table></div>`
