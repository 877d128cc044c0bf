/**
 * The page at `/` of the admin port: one file that loads nothing. It holds places, which its script fills with what
 * `/stats.json` says, once a second.
 */
import { style } from "../../chart/Style.ts"
import { Markup, markup } from "../../chart/Markup.ts"
import { version } from "../../Version.ts"
import { pageStyle } from "./PageStyle.ts"
// The bundler makes the export.
// oxlint-disable-next-line import/default
import script from "./browser/Main.ts?script"

const ENDPOINTS: ReadonlyArray<readonly [href: string, what: string]> = [
  ["/healthz", "whether the server answers in time"],
  ["/readyz", "whether it takes clients"],
  ["/metrics", "metrics, for Prometheus"],
  ["/stats.json", "all of this page, for programs"]
]

const endpoints = ENDPOINTS.map(([href, what]) => markup`<li><a href="${href}"><code>${href}</code></a> ${what}</li>`)

export const page: string = markup`<!doctype html>
<html lang="en" data-version="${version}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>KV-Cache</title>
<link rel="icon" href="data:,">
<style>${new Markup(style + pageStyle)}</style>
</head>
<body>
<header class="top">
<div><p class="eyebrow">KV-Cache ${version}</p><h1 id="address">KV-Cache</h1></div>
<p class="state"><span id="state">connecting</span><button type="button" id="pause" aria-pressed="false">Pause</button></p>
</header>
<main>
<section aria-label="Health"><div id="health"><noscript><p>This page needs JavaScript. <a href="/stats.json">/stats.json</a> has what it shows.</p></noscript></div>
<p id="announcement" class="unseen" role="status"></p></section>
<section aria-label="Now" id="now"></section>
<section aria-label="The last minutes" id="charts"></section>
<section class="card" aria-labelledby="story-heading">
<h2 id="story-heading">The story of a key</h2>
<p class="explanation" id="story-help">Why it is there, or why not: evicted, expired, deleted, or never put.</p>
<form id="story" autocomplete="off">
<label for="key">Key</label>
<input id="key" name="key" type="text" required maxlength="2048" spellcheck="false" autocapitalize="off" aria-describedby="story-help">
<button type="submit">Tell</button>
</form>
<p id="answer" role="status"></p>
</section>
<section aria-label="Details" id="details"></section>
<section aria-label="Data" id="data"></section>
</main>
<footer><ul>${endpoints}</ul></footer>
<script>${new Markup(script)}</script>
</body>
</html>
`.source
