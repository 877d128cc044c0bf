/** What the documentation names is there: pages and headings, files, flags, variables, messages. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { settings } from "../../src/server/ServerConfig.ts"
import * as Help from "./CommandHelp.ts"
import * as Pages from "./Pages.ts"

const exists = (path: string): boolean => Fs.existsSync(Path.join(Pages.root, path))

const read = (path: string): string => Fs.readFileSync(Path.join(Pages.root, path), "utf8")

const typescriptIn = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(Path.join(Pages.root, folder), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts")
  )

/** The names of all modules, without their folders. */
const files = new Set(["src", "test", "examples"].flatMap(typescriptIn).map((file) => Path.basename(file)))

/** The sources, one after the other. */
const sources: string = typescriptIn("src")
  .map((file) => read(`src/${file}`))
  .join("\n")

/** A command of the program with its flags: up to the end of the line or of the code span, a pipe, or a comment. */
const INVOCATION =
  /(?:(?:\bkv-cache|main\.m?js) (serve|client|loadtest compare|loadtest)\b|npm start --(?= -))([^`|\n;&#]*)/g

/** What is said to the image in a command of Docker, behind its name: up to the end of the line or of the code span. */
const CONTAINER = /docker run ([^`\n]*? (?<!--name )kv-cache)(?![\w/-])([^`\n#]*)/g

/** An image that serves starts only if it is told who may come. */
const WHO_MAY_COME = /KV_CACHE_(?:PASSWORD|PASSWORD_FILE|USERS_FILE|ALLOW_UNAUTHENTICATED)\b/

describe.each(Pages.pages.map((page) => ({ name: page.name, page })))("$name", ({ page }) => {
  it("has links that lead somewhere", () => {
    for (const [, target = ""] of page.prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = "", anchor] = target.split("#")
      const file = path === "" ? page.name : Path.join(Path.dirname(page.name), path)
      assert.isTrue(exists(file), `${target}: there is no ${file}`)
      if (anchor === undefined) continue
      assert.include([...Pages.anchors(Pages.page(file))], anchor, `${target}: no such heading`)
    }
  })

  it("names files that there are", () => {
    for (const [, path = ""] of page.text.matchAll(/`((?:src|test|scripts|docs|examples)\/[\w./-]+)`/g)) {
      // Some are made by the user, from an example.
      assert.isTrue(exists(path) || exists(`${path}.example`), `there is no ${path}`)
    }
  })

  it("names modules that there are", () => {
    for (const [, name = ""] of page.text.matchAll(/`([A-Z]\w*(?:\.test)?\.ts)`/g)) {
      assert.isTrue(files.has(name), `there is no ${name}`)
    }
  })

  it("starts a server in a container only where it says who may come", () => {
    for (const [line, flags = "", command = ""] of page.text.replaceAll("\\\n", " ").matchAll(CONTAINER)) {
      if (/^$|^serve\b/.test(command.trim())) assert.match(flags, WHO_MAY_COME, line)
    }
  })

  it("names variables that are settings", () => {
    const known = new Set<string>(Object.values(settings).map(({ environment }) => environment))
    for (const [name] of page.text.matchAll(/\bKV_CACHE_[A-Z_]+\b/g)) {
      assert.isTrue(
        known.has(name) || sources.includes(`"${name}"`) || /^KV_CACHE_NEAR_(SCHEDULES|SEED)$/.test(name),
        `${name} is no setting`
      )
    }
  })

  it.effect("names flags that its commands have", () =>
    Effect.gen(function* () {
      for (const [line, command, rest = ""] of page.text.matchAll(INVOCATION)) {
        const words = command === undefined ? ["serve"] : command.split(" ")
        const { flags, globalFlags = [] } = yield* Help.help(...words)
        const known = new Set([...flags, ...globalFlags].flatMap(Help.namesOf))
        for (const [flag] of rest.replace(/ -- .*/, "").matchAll(/(?<=\s)--?[a-z][a-z-]*(?=[\s=]|$)/gi)) {
          assert.isTrue(known.has(flag), `'${line.trim()}': ${words.join(" ")} has no flag ${flag}`)
        }
      }
    })
  )
})

it("README's links lead to files that the package has", () => {
  const { files: packed }: { readonly files: ReadonlyArray<string> } = JSON.parse(read("package.json"))
  for (const [, target = ""] of Pages.page("README.md").prose.matchAll(/\]\(([^)\s#]+)/g)) {
    if (/^[a-z]+:/.test(target)) continue
    assert.include(packed, target.split("/")[0], `${target} is not packed`)
  }
})

/** A message as a page writes it: what varies is left out as `…`, and several stand one behind the other. */
const pieces = (cell: string): ReadonlyArray<string> =>
  [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, message = ""]) =>
    message.split("…").map((piece) => piece.trim().replace(/^['"]|['"]$/g, ""))
  )

describe("the messages that are explained", () => {
  const assertKnown = (name: string, heads: ReadonlyArray<string>, text: string) => {
    const rows = Pages.page(name).tables.flatMap(({ head, rows }) => (heads.includes(head[0] ?? "") ? rows : []))
    const messages = rows.flatMap(([cell = ""]) => pieces(cell))
    assert.isAbove(messages.length, 3)
    for (const piece of messages) assert.include(text, piece, `${name} explains a message that nobody says`)
  }

  it("are the program's", () => assertKnown("docs/troubleshooting.md", ["what you see", "warning"], sources))

  it("are those of scripts/aws.sh", () => assertKnown("docs/aws.md", ["what it says"], read("scripts/aws.sh")))
})
