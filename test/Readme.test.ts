/** What the README says of the settings is what the code does. */
import * as Fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { type Setting, settings } from "../src/server/ServerConfig.ts"

interface Row {
  readonly flag: string
  readonly environment: string
  readonly default: string
  readonly description: string
}

const withoutTicks = (cell: string): string => cell.replaceAll("`", "").trim()

/** The rows of every table whose first cell is a flag and whose second is a variable; prose around them does not matter. */
const readRows = (): ReadonlyArray<Row> =>
  Fs.readFileSync(new URL("../README.md", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => /^\|\s*`--[a-z-]+`\s*\|\s*`KV_CACHE_[A-Z_]+`\s*\|/.test(line))
    .map((line) => {
      const [, flag = "", environment = "", defaultText = "", description = ""] = line.split("|").map(withoutTicks)
      return { flag, environment, default: defaultText, description }
    })

const all: ReadonlyArray<Setting<unknown>> = Object.values(settings)

describe("the README's table of settings", () => {
  it("has every setting once, and nothing else", () => {
    assert.deepStrictEqual(
      readRows()
        .map(({ flag }) => flag)
        .toSorted(),
      all.map(({ flag }) => `--${flag}`).toSorted()
    )
  })

  it.each(all.map((setting) => ({ setting, flag: setting.flag })))("says of --$flag what is so", ({ setting }) => {
    const row = readRows().find(({ flag }) => flag === `--${setting.flag}`)
    assert.deepStrictEqual(row, {
      flag: `--${setting.flag}`,
      environment: setting.environment,
      default: setting.defaultText,
      description: setting.description
    })
  })
})
