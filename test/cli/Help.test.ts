/** Help in lines that fit a terminal. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import type { HelpDoc } from "effect/cli/HelpDoc"
import { format } from "../../src/cli/Help.ts"

const flag = (name: string, type: string, description: string) => ({
  name,
  aliases: [],
  type,
  description: Option.some(description),
  required: false
})

const doc: HelpDoc = {
  description: "Does what a program does that is there to be described in a line too long for some",
  usage: "kv-cache do [flags]",
  annotations: Context.empty(),
  flags: [
    flag("short", "n", "A few words"),
    flag(
      "much-longer",
      "duration",
      "Time between two sweeps that free expired keys; a plain number is seconds (default: 100ms)"
    )
  ],
  examples: [
    { command: "kv-cache do --much-longer 100ms --short 5 --and --a --line --to --be --copied", description: "First" },
    { command: "kv-cache do", description: "Second" }
  ]
}

describe("help", () => {
  it("breaks lines between words, and keeps the second column in place", () => {
    assert.deepStrictEqual(format(doc, 60).split("\n"), [
      "DESCRIPTION",
      "  Does what a program does that is there to be described in",
      "  a line too long for some",
      "",
      "USAGE",
      "  kv-cache do [flags]",
      "",
      "FLAGS",
      "  --short n                 A few words",
      "  --much-longer duration    Time between two sweeps that",
      "                            free expired keys; a plain",
      "                            number is seconds (default:",
      "                            100ms)",
      "",
      "EXAMPLES",
      "  # First",
      "  kv-cache do --much-longer 100ms --short 5 --and --a --line --to --be --copied",
      "",
      "  # Second",
      "  kv-cache do"
    ])
  })

  it("puts the second column below the first one if there is no room for both", () => {
    const lines = format(doc, 40).split("\n")
    assert.deepStrictEqual(lines.slice(lines.indexOf("FLAGS") + 1, lines.indexOf("EXAMPLES") - 1), [
      "  --short n                 A few words",
      "  --much-longer duration",
      "      Time between two sweeps that free",
      "      expired keys; a plain number is",
      "      seconds (default: 100ms)"
    ])
  })

  it("loses no word, and has no line that is too long, for terminals of any width", () => {
    const words = (text: string) => text.split(/\s+/)
    const whole = format(doc, Number.POSITIVE_INFINITY)
    for (let columns = 30; columns < 140; columns++) {
      const text = format(doc, columns)
      assert.deepStrictEqual(words(text), words(whole))
      const [wrapped = ""] = text.split("\nEXAMPLES\n")
      for (const line of wrapped.split("\n")) assert.isAtMost(line.length, columns, line)
    }
  })

  it("does not break lines without a terminal", () => {
    assert.include(
      format(doc, Number.POSITIVE_INFINITY),
      "two sweeps that free expired keys; a plain number is seconds"
    )
  })
})
