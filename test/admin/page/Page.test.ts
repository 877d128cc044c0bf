/** The page in a real browser, before the built server and its load test. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import axe from "axe-core"
import * as Effect from "effect/Effect"
import type { Page } from "playwright-core"
import * as Program from "../../cli/Program.ts"
import * as Browser from "./Browser.ts"

const ADMIN = "the admin port is "

const serve = Effect.fnUntraced(function* (flags: ReadonlyArray<string> = [], adminPort = "0") {
  const server = yield* Program.serve(["--admin-port", adminPort, ...flags])
  const { message } = yield* server.logged(ADMIN)
  return { ...server, url: message.slice(ADMIN.length) }
})

type Served = Effect.Success<ReturnType<typeof serve>>

/** Requests for some thousand keys, until the scope closes. */
const LOAD = "loadtest --duration 10m --rate 3000 --connections 10 --keys 20000 --value-size 200".split(" ")

const load = ({ address }: Served, ...flags: ReadonlyArray<string>) =>
  Program.start([...LOAD, "--port", String(address.port), ...flags])

/** Sends a command of Redis, and waits for its answer. */
const send = ({ address: { host, port } }: Served, ...words: ReadonlyArray<string>) =>
  Effect.callback<string, Error>((resume) => {
    const socket = Net.connect({ host, port }, () => {
      socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`)
    })
    socket.once("data", (answer) => {
      resume(Effect.succeed(answer.toString("latin1")))
      socket.destroy()
    })
    socket.once("error", (error) => resume(Effect.fail(error)))
  })

const text = (page: Page, selector: string) => Effect.promise(() => page.locator(selector).first().innerText())

/** Waits until something is there, with such a text. */
const until = (page: Page, selector: string, hasText: RegExp = /^/) =>
  Effect.promise(() => page.locator(selector, { hasText }).first().waitFor({ state: "attached" }))

const CHARTS = "#charts path.line >> nth=3"
const COMMANDS = 'section[aria-labelledby="commands"] tbody'

/** Waits until the page has drawn so many more seconds. */
const pictures = (page: Page, count: number) =>
  Effect.promise(async () => {
    for (let seen = 0; seen < count; seen++) {
      // One after the other.
      // oxlint-disable-next-line no-await-in-loop
      await page.waitForResponse((response) => response.url().endsWith("/stats.json") && response.ok())
    }
  })

const calls = (page: Page) =>
  Effect.promise(async () => {
    const cells = await page.locator(`${COMMANDS} td:nth-child(3)`).allInnerTexts()
    return cells.reduce((sum, cell) => sum + Number(cell.replaceAll(",", "")), 0)
  })

describe.skipIf(Browser.isMissing)("the page", () => {
  it.live("shows a server under load, goes on by itself, and asks nobody else", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      yield* load(server)
      const { complaints, page, requests } = yield* Browser.open(server.url)
      yield* until(page, CHARTS)
      const before = yield* calls(page)
      yield* pictures(page, 2)
      yield* until(page, COMMANDS, /PUT/)
      assert.isAbove(yield* calls(page), before)
      const tiles = yield* text(page, ".tiles")
      assert.match(tiles, /Hit rate\s+[0-9.]+ ?%/)
      assert.match(tiles, /Connections\s+10\b/)
      assert.match(yield* text(page, "#state"), /^live, /)
      for (const request of requests) assert.isTrue(request.startsWith(server.url) || request === "data:,", request)
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.live("shows an empty server", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { complaints, page } = yield* Browser.open(server.url)
      yield* until(page, ".tiles")
      assert.match(yield* text(page, 'section[aria-labelledby="slow"]'), /None has been slow/)
      assert.match(yield* text(page, 'section[aria-labelledby="size"]'), /There is no curve yet/)
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.live("says that a server has gone, since when, and goes on when it is back", () =>
    Effect.gen(function* () {
      const first = yield* serve()
      yield* load(first)
      const { page } = yield* Browser.open(first.url)
      yield* until(page, CHARTS)
      yield* first.kill("SIGKILL")
      yield* first.ended
      yield* until(page, ".sentence", /^Not reachable since [0-9:]+\. /)
      assert.strictEqual(yield* text(page, "#state"), "not live")
      assert.match(yield* Effect.promise(() => page.title()), /^Not reachable since /)

      const second = yield* serve([], new URL(first.url).port)
      assert.strictEqual(second.url, first.url)
      yield* until(page, "#state", /^live, /)
      yield* pictures(page, 2)
      // Its totals are less than those of the one before.
      assert.notMatch(yield* text(page, "main"), /(^|\s)-[0-9]/)
      yield* until(page, ".tiles", /Requests\s*0\b/)
    })
  )

  it.live("tells at a glance that a cache becomes too small", () =>
    Effect.gen(function* () {
      const server = yield* serve(["--max-memory", "64mb"])
      yield* load(server, "--ratio", "0.2")
      const { complaints, page } = yield* Browser.open(server.url)
      yield* until(page, CHARTS)
      assert.notMatch(yield* text(page, "#health"), /Too small/)
      assert.strictEqual(yield* send(server, "CONFIG", "SET", "maxmemory", "1mb"), "+OK\r\n")
      yield* until(page, "#health", /Too small: hit rate [0-9.]+ %/)
      assert.match(yield* text(page, "#health"), /--max-memory/)
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.live("tells the story of a key", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      yield* send(server, "SET", "é:1", "x")
      const { complaints, page } = yield* Browser.open(server.url)
      for (const [key, story] of [
        ["é:1", /^Hit, idle .* never expires, /],
        ["nobody", /^Miss: never put/]
      ] as const) {
        yield* Effect.promise(() => page.getByLabel("Key", { exact: true }).fill(key))
        yield* Effect.promise(() => page.keyboard.press("Enter"))
        yield* until(page, "#answer", story)
      }
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.live("leaves alone what its reader does", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      yield* send(server, "SET", "a", "x")
      const { page } = yield* Browser.open(server.url)
      yield* until(page, "#data summary")
      yield* Effect.promise(() => page.locator("#data summary").click())
      yield* Effect.promise(() => page.locator("#data .scroll").focus())
      yield* pictures(page, 2)
      assert.isTrue(yield* Effect.promise(() => page.locator("#data .scroll").isVisible()))
      assert.strictEqual(
        yield* Effect.promise(() => page.evaluate("document.activeElement.getAttribute('role')")),
        "region"
      )
      yield* Effect.promise(() => page.getByRole("button", { name: "Pause" }).click())
      assert.strictEqual(yield* text(page, "#state"), "paused")
      yield* Effect.promise(() => page.getByRole("button", { name: "Go on" }).click())
      yield* pictures(page, 2)
    })
  )

  for (const theme of ["light", "dark"] as const) {
    for (const size of ["desk", "phone"] as const) {
      it.live(`is accessible, and as wide as the screen: ${theme}, ${size}`, () =>
        Effect.gen(function* () {
          const server = yield* serve(["--max-memory", "64mb"])
          yield* load(server)
          const { complaints, page } = yield* Browser.open(server.url, { theme, size })
          yield* until(page, CHARTS)
          yield* Effect.promise(() => page.locator("#data summary").click())
          yield* Effect.promise(() => page.getByRole("button", { name: "Pause" }).click())
          yield* Effect.promise(() => page.evaluate(axe.source))
          const { violations } = yield* Effect.promise(() => page.evaluate<axe.AxeResults>("axe.run()"))
          assert.deepStrictEqual(
            violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
            []
          )
          assert.strictEqual(
            yield* Effect.promise(() => page.evaluate("document.documentElement.scrollWidth")),
            Browser.SIZES[size].width
          )
          assert.deepStrictEqual(complaints, [])
        })
      )
    }
  }
})
