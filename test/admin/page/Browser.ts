/** A real browser that looks at pages, if this machine has one, and what it complains about. It ends with the scope. */
import * as Fs from "node:fs"
import { type Browser, chromium, type Page } from "playwright-core"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]

const executable = PLACES.find((path) => Fs.existsSync(path))

/** Tests are left out where there is no browser, but not where all checks run. */
export const isMissing = executable === undefined && process.env["CI"] === undefined

export const SIZES = { desk: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } } as const

export interface View {
  readonly theme: "light" | "dark"
  readonly size: keyof typeof SIZES
}

export interface Tab {
  readonly page: Page
  /** Errors on the console, uncaught errors, and violations of the page's policy. */
  readonly complaints: ReadonlyArray<string>
  /** All that it has asked for. */
  readonly requests: ReadonlyArray<string>
}

/** Beside busy neighbours a browser is slow. In ms. */
const PATIENCE = 100_000

/** Chromium does not put root into a sandbox. */
const ARGUMENTS = process.getuid?.() === 0 ? ["--no-sandbox"] : []

const launch: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => {
    if (executable === undefined) throw new Error(`no browser is installed: none of ${PLACES.join(", ")} is there`)
    return chromium.launch({ executablePath: executable, args: ARGUMENTS })
  }),
  (browser) => Effect.promise(() => browser.close())
)

/** Opens a page in a browser of its own. */
export const open = Effect.fnUntraced(function* (
  url: string,
  { size, theme }: View = { theme: "light", size: "desk" }
): Effect.fn.Return<Tab, never, Scope.Scope> {
  const browser = yield* launch
  const page = yield* Effect.promise(() => browser.newPage({ colorScheme: theme, viewport: SIZES[size] }))
  page.setDefaultTimeout(PATIENCE)
  const complaints: Array<string> = []
  const requests: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(error.message))
  page.on("request", (request) => requests.push(request.url()))
  yield* Effect.promise(() => page.goto(url))
  return { page, complaints, requests }
})
