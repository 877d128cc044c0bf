/**
 * The stylesheet of pages with charts: colours for light and dark, type, and spacing. It uses system fonts only, so that
 * a page loads nothing.
 */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8;
  --card: #ffffff;
  --ink: #16191d;
  --quiet: #5a636e;
  --rule: #dfe3e8;
  --first: #1d63c9;
  --second: #b4540a;
  --good: #11723b;
  --good-tint: #e4f4ea;
  --fair: #8a5a00;
  --fair-tint: #fdf2d8;
  --bad: #b3261e;
  --bad-tint: #fce8e6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317;
    --card: #181c22;
    --ink: #e8ebef;
    --quiet: #9aa5b1;
    --rule: #2c333c;
    --first: #6ea8ff;
    --second: #f2a35e;
    --good: #5fd08b;
    --good-tint: #14301f;
    --fair: #efc15c;
    --fair-tint: #352a10;
    --bad: #ff8a80;
    --bad-tint: #3b1a18;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--page);
  color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 940px; margin: 0 auto; padding: 40px 20px 64px; display: grid; gap: 20px; }
main > * { min-width: 0; }
h1, h2, h3, p, dl, dd, ul, pre { margin: 0; }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { font-size: 18px; line-height: 1.3; }
h3 { font-size: 14px; margin-top: 20px; color: var(--quiet); font-weight: 600; }
header { display: grid; gap: 6px; justify-items: start; }
.eyebrow { color: var(--quiet); font-size: 14px; font-weight: 600; }
.lead { color: var(--quiet); overflow-wrap: anywhere; }
.verdict { margin-top: 6px; padding: 8px 14px; border-radius: 8px; font-weight: 600; }
.verdict.good { background: var(--good-tint); color: var(--good); }
.verdict.fair { background: var(--fair-tint); color: var(--fair); }
.verdict.bad { background: var(--bad-tint); color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 12px; }
.tile {
  background: var(--card);
  border: 1px solid var(--rule);
  border-top: 3px solid var(--good);
  border-radius: 8px;
  padding: 12px 14px;
}
.tile.missed { border-top-color: var(--bad); }
.tile dt { color: var(--quiet); font-size: 14px; }
.tile dd { font-size: 25px; font-weight: 650; line-height: 1.3; letter-spacing: -0.02em; }
.tile dd.words { font-size: 18px; line-height: 1.8; }
.moment { white-space: nowrap; }
.unit { margin-left: 4px; color: var(--quiet); font-size: 14px; font-weight: 400; letter-spacing: 0; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 20px; }
.card > h2 { margin-bottom: 4px; }
.doubts { background: var(--fair-tint); border-color: var(--fair); }
.doubts h2 { color: var(--fair); }
.doubts ul { padding-left: 20px; }
.explanation, .note { color: var(--quiet); font-size: 15px; max-width: 82ch; }
.note { margin-top: 14px; }
.note code { white-space: nowrap; color: var(--ink); }
.scroll { overflow-x: auto; margin-top: 8px; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
caption { text-align: left; color: var(--quiet); font-size: 14px; padding-bottom: 6px; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap; border-top: 1px solid var(--rule); font-weight: 400; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
.marks :is(th, td):nth-child(n + 3) { text-align: left; padding-left: 56px; }
.messages :is(th, td):last-child {
  width: 100%;
  padding-left: 24px;
  text-align: left;
  white-space: normal;
  overflow-wrap: anywhere;
}
thead th { border-top: 0; color: var(--quiet); font-size: 14px; font-weight: 600; }
.mark { font-weight: 700; }
.mark.good { color: var(--good); }
.mark.bad { color: var(--bad); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 14px; }
pre {
  margin-top: 6px;
  padding: 12px 14px;
  background: var(--page);
  border: 1px solid var(--rule);
  border-radius: 6px;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
details { margin-top: 8px; }
summary { cursor: pointer; color: var(--quiet); font-size: 14px; width: fit-content; }
details .scroll { max-height: 420px; overflow-y: auto; }
.settings { display: grid; margin-top: 8px; font-size: 15px; }
.settings div {
  display: grid;
  grid-template-columns: 170px minmax(0, 1fr);
  gap: 4px 16px;
  padding: 6px 0;
  border-top: 1px solid var(--rule);
}
.settings div:first-child { border-top: 0; }
.settings dt { color: var(--quiet); }
.settings dd { overflow-wrap: anywhere; }
.chart { margin-top: 14px; }
.chart.narrow { display: none; max-width: 480px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--quiet); font-size: 12px; font-family: inherit; }
svg .name { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
svg .grid line { stroke: var(--rule); stroke-width: 1; }
svg .axis { stroke: var(--quiet); stroke-width: 1; }
svg .first { color: var(--first); }
svg .second { color: var(--second); }
svg .failed { color: var(--bad); }
svg .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .legend line { stroke: currentColor; stroke-width: 3; }
svg :is(g.second .line, .legend .second) { stroke-dasharray: 6 4; }
svg .here { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 3; }
svg .bound { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 2 4; }
svg circle { fill: currentColor; }
svg .dot { fill: var(--first); stroke: var(--card); stroke-width: 1.5; }
svg .spot rect { fill: transparent; }
svg .spot:is(:hover, :focus) rect { fill: var(--ink); opacity: 0.08; }
svg .spot:focus { outline: none; }
svg .spot .value { visibility: hidden; pointer-events: none; }
svg .spot:is(:hover, :focus) .value { visibility: visible; }
svg .bars { fill: var(--first); }
svg .area { fill: var(--first); opacity: 0.14; }
svg .failures { fill: var(--bad); }
@media (max-width: 760px) {
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .tile:first-child { grid-column: 1 / -1; }
}
@media (max-width: 640px) {
  main { padding: 24px 12px 40px; gap: 14px; }
  h1 { font-size: 24px; }
  .card { padding: 16px 14px; }
  .chart.wide { display: none; }
  .chart.narrow { display: block; }
  th, td { padding: 6px 6px; font-size: 14px; }
  .marks :is(th, td) { white-space: normal; padding: 6px 4px; font-size: 13px; }
  .marks :is(th, td):nth-child(n + 3) { padding-left: 6px; white-space: nowrap; }
  .settings div { grid-template-columns: minmax(0, 1fr); }
}
@media print {
  body { background: #ffffff; }
  .card, .tile { break-inside: avoid; }
}
`
