/** What the page's stylesheet has beyond that of all pages with charts. */
export const pageStyle = `
.top, main, footer { max-width: 1200px; margin: 0 auto; padding: 0 20px; }
.top { display: flex; flex-wrap: wrap; align-items: end; justify-content: space-between; gap: 8px 16px; padding-top: 24px; }
.top h1 { font-size: 24px; }
main { padding-top: 16px; padding-bottom: 32px; gap: 16px; }
.state { display: flex; align-items: center; gap: 12px; color: var(--quiet); font-size: 14px; }
button {
  font: inherit;
  font-size: 14px;
  color: var(--ink);
  background: var(--card);
  border: 1px solid var(--quiet);
  border-radius: 6px;
  padding: 5px 14px;
  min-height: 34px;
  cursor: pointer;
}
button:hover { border-color: var(--ink); }
:is(button, input, a, summary):focus-visible { outline: 2px solid var(--first); outline-offset: 2px; }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.health { display: flex; gap: 16px; align-items: flex-start; padding: 18px 20px; border-radius: 10px; border: 1px solid; min-height: 72px; }
.health.good { background: var(--good-tint); color: var(--good); }
.health.fair { background: var(--fair-tint); color: var(--fair); }
.health.bad { background: var(--bad-tint); color: var(--bad); }
.health .sentence { font-size: 22px; line-height: 1.35; font-weight: 650; letter-spacing: -0.01em; text-wrap: pretty; }
.health ul { list-style: none; padding: 0; margin-top: 6px; color: var(--ink); }
.health .mark.fair { color: var(--fair); }
.sign {
  flex: none;
  width: 34px;
  height: 34px;
  border-radius: 50%;
  border: 2px solid;
  display: grid;
  place-items: center;
  font-weight: 700;
  font-size: 18px;
  line-height: 1;
}
.health.bad .sign { background: var(--bad); color: var(--bad-tint); border-color: var(--bad); }
.tiles.live { grid-template-columns: repeat(6, minmax(0, 1fr)); }
.live .tile { border-top: 1px solid var(--rule); display: flex; flex-direction: column; }
.live .tile .small { font-size: 13px; font-weight: 400; letter-spacing: 0; line-height: 1.4; color: var(--quiet); }
.live .tile .bar { margin-top: auto; padding-top: 8px; font-size: 0; line-height: 0; }
.live .tile:first-child { grid-column: auto; }
.gauge { display: block; width: 100%; height: 6px; border-radius: 3px; overflow: hidden; }
.gauge .whole { fill: var(--rule); }
.gauge .part { fill: var(--first); }
.charts, .details { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.details { align-items: start; }
.charts .card, .details .card { min-width: 0; }
.charts .explanation { min-height: 1.5em; }
.chart { margin-top: 10px; min-width: 0; }
.absent { color: var(--quiet); margin-top: 12px; }
.aside { color: var(--quiet); font-size: 13px; margin-left: 6px; }
.bars-last :is(th, td):last-child { width: 22%; min-width: 60px; }
.words :is(th, td) { vertical-align: middle; }
.scroll { position: relative; }
.words th:first-child { white-space: normal; overflow-wrap: anywhere; }
.key {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  color: var(--first);
  background: none;
  border: 0;
  padding: 0;
  min-height: 24px;
  text-align: left;
  overflow-wrap: anywhere;
  text-decoration: underline;
  text-underline-offset: 3px;
}
#story { display: flex; flex-wrap: wrap; align-items: center; gap: 10px; margin-top: 12px; }
#story label { font-weight: 600; }
#story input {
  font: inherit;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  color: var(--ink);
  background: var(--page);
  border: 1px solid var(--quiet);
  border-radius: 6px;
  padding: 6px 10px;
  flex: 1 1 220px;
  min-width: 0;
  max-width: 560px;
}
#answer { margin-top: 12px; font-weight: 600; min-height: 1.5em; overflow-wrap: anywhere; }
#data summary { font-size: 15px; }
footer { padding-bottom: 40px; color: var(--quiet); font-size: 14px; }
footer ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 24px; }
a { color: var(--first); }
.stale :is(#now, #charts, #details) { opacity: 0.55; }
@media (max-width: 1000px) { .tiles.live { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (max-width: 860px) { .charts, .details { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  .top, main, footer { padding-left: 12px; padding-right: 12px; }
  .tiles.live { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .health { padding: 14px; gap: 12px; }
  .health .sentence { font-size: 18px; }
}
@media (prefers-reduced-motion: no-preference) { .gauge .part { transition: width 0.4s ease-out; } }
`
