/**
 * The tables of the documentation say what the code does. A table that is made from the code must be what the code makes
 * of it: on failure the test prints the rows that belong into the page.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Assertion from "../../src/loadtest/Assertion.ts"
import { USAGE } from "../../src/protocol/text/RequestDecoder.ts"
import * as Interpreter from "../../src/client/Interpreter.ts"
import { type Setting, settings } from "../../src/server/ServerConfig.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"
import * as Help from "./CommandHelp.ts"
import * as Pages from "./Pages.ts"

const code = (text: string): string => `\`${text}\``

const assertRows = (name: string, head: ReadonlyArray<string>, expected: ReadonlyArray<ReadonlyArray<string>>) => {
  const rows = Pages.written(Pages.table(name, ...head).rows)
  const right = Pages.written(expected)
  assert.strictEqual(rows, right, `The rows of ${name}, | ${head.join(" | ")} |, must be:\n${right}\n`)
}

describe("the documentation's table", () => {
  it("of settings is the server's", () => {
    const all: ReadonlyArray<Setting<unknown>> = Object.values(settings)
    assertRows(
      "docs/settings.md",
      ["flag", "environment"],
      all.map(({ defaultText, description, environment, flag }) => [
        code(`--${flag}`),
        code(environment),
        defaultText,
        description
      ])
    )
  })

  it.effect.each([
    ["client", "docs/client.md"],
    ["loadtest", "docs/load-test.md"]
  ] as const)("of the flags of %s is its help's", ([command, name]) =>
    Effect.map(Help.help(command), ({ flags }) =>
      assertRows(
        name,
        ["flag", "default"],
        flags.map((flag) => {
          const { default: fallback, text } = Help.describe(flag)
          return [Help.namesOf(flag).map(code).join(", "), fallback, text]
        })
      )
    )
  )

  it("of requests has every command of the protocol as its usage writes it", () => {
    const { rows } = Pages.table("docs/protocol.md", "request", "reply")
    assert.deepStrictEqual(
      rows.map(([request]) => request),
      Object.values(USAGE).map(({ usage }) => code(usage))
    )
  })

  it("of the client's own commands is its help's", () => {
    const action = Interpreter.interpret("help", textProtocol, "real")
    const lines = action._tag === "Print" ? action.text.split("\n") : []
    const own = lines.slice(lines.indexOf("Commands of this client:") + 1, lines.indexOf("Keys:"))
    assertRows(
      "docs/client.md",
      ["command", "what it does"],
      own.map((line) => {
        const [usage = "", summary = ""] = line.trim().split(/ {2,}/)
        return [code(usage), summary]
      })
    )
  })

  it("of assertions has names that there are, and the units that they take", () => {
    const { rows } = Pages.table("docs/load-test.md", "name", "unit")
    const names = rows.flatMap(([cell = ""]) => [...cell.matchAll(/`([^`…]+)`/g)].map(([, name = ""]) => name))
    assert.isAbove(names.length, 10)
    for (const name of names) {
      assert.isTrue(Result.isSuccess(Assertion.parse(`${name}<1`)), `--assert does not know '${name}'`)
    }
  })
})
