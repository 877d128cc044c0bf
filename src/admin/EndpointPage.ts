/** What a person sees at `/`: where the rest is. */
import { version } from "../Version.ts"

const ENDPOINTS: ReadonlyArray<readonly [href: string, what: string]> = [
  ["/healthz", "whether the server answers in time"],
  ["/readyz", "whether it takes clients"],
  ["/metrics", "metrics, for Prometheus"],
  ["/stats.json", "everything in one picture, for programs"]
]

const items = ENDPOINTS.map(([href, what]) => `<li><a href="${href}"><code>${href}</code></a>: ${what}</li>`).join("\n")

export const endpointPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>KV-Cache</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em}</style>
</head>
<body>
<main>
<h1>KV-Cache ${version}</h1>
<ul>
${items}
<li><code>/explain?key=</code>: the story of a key</li>
</ul>
</main>
</body>
</html>
`
