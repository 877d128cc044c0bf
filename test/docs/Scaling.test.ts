/** What docs/scaling.md says of commands over an engine is what the executor does with them. */
import { assert, describe, it } from "@effect/vitest"
import { commands } from "../../src/commands/Commands.ts"
import { ANSWERED } from "../../src/store/near/NearCache.ts"
import * as Routes from "../../src/store/redis/Routes.ts"
import * as Pages from "./Pages.ts"

const PAGE = "docs/scaling.md"

const rows = Pages.table(PAGE, "with `--engine`", "").rows

const textOf = (of: string): string =>
  rows.find(([cell]) => cell === of)?.[1] ?? assert.fail(`there is no row '${of}' in ${PAGE}`)

/** The commands that a text names, in capitals. */
const named = (text: string): ReadonlyArray<string> => text.match(/\b[A-Z]{3,}\b/g) ?? []

/** The row whose first cell begins with a command. */
const rowOf = (first: string): ReadonlyArray<string> =>
  named(rows.find(([cell = ""]) => cell.startsWith(`${first},`))?.[0] ?? assert.fail(`there is no row '${first}, ...'`))

/** The commands that go one way. */
const routed = (...ways: ReadonlyArray<number>): ReadonlyArray<string> =>
  commands.filter((_, id) => ways.includes(Routes.routes[id] ?? -1)).map(({ name }) => name)

const waysOf = (name: string): ReadonlyArray<number | undefined> =>
  commands.flatMap((entry, id) => (entry.name === name || entry.name.startsWith(`${name}|`) ? [Routes.routes[id]] : []))

describe(PAGE, () => {
  it("names all commands whose keys may be of several slots", () => {
    const [sentence = ""] = textOf("Several keys").split(" may name ")
    assert.sameMembers([...named(sentence)], [...routed(Routes.SPLIT)])
  })

  it("names all commands that concern all masters", () => {
    assert.sameMembers([...rowOf("KEYS")], [...routed(Routes.EVERYWHERE)])
  })

  it("names commands that are the engine's, and commands that are about this process", () => {
    for (const name of rowOf("MOVE").filter((word) => word.length > 2 && word !== "DB")) {
      const ways = waysOf(name)
      assert.isNotEmpty(ways, name)
      const passedOn = new Set<number>([Routes.KEYED, Routes.ANYWHERE])
      assert.isTrue(
        ways.some((way) => way !== undefined && passedOn.has(way)),
        name
      )
    }
    for (const name of rowOf("INFO")) {
      const ways = waysOf(name)
      assert.isNotEmpty(ways, name)
      const passedOn = new Set<number>([Routes.KEYED, Routes.SPLIT, Routes.EVERYWHERE, Routes.ANYWHERE])
      assert.isTrue(
        ways.every((way) => way !== undefined && !passedOn.has(way)),
        name
      )
    }
  })

  it("names all commands that are answered from near", () => {
    const { text } = Pages.page(PAGE)
    const [, list = ""] = /^Answered from near, if all keys are there: ([^.]*)\./m.exec(text) ?? []
    assert.sameMembers([...named(list)], [...ANSWERED])
  })
})
