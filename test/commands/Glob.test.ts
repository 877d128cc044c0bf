/** Redis's patterns: the cases of its own tests, and a comparison with the recursive definition. */
import { assert, describe, it } from "@effect/vitest"
import { matches, textMatches } from "../../src/commands/Glob.ts"
import { seededRandom } from "../engine/SeededRandom.ts"

const bytes = (text: string): Buffer => Buffer.from(text, "latin1")

const isMatch = (pattern: string, text: string, ignoreCase = false): boolean =>
  matches(bytes(pattern), bytes(`<${text}>`), 1, text.length, ignoreCase)

/** What a pattern of literals, `*` and `?` matches, as it is defined. */
const defined = (pattern: string, text: string): boolean => {
  if (pattern === "") return text === ""
  if (pattern.startsWith("*"))
    return defined(pattern.slice(1), text) || (text !== "" && defined(pattern, text.slice(1)))
  return text !== "" && (pattern.startsWith("?") || pattern[0] === text[0]) && defined(pattern.slice(1), text.slice(1))
}

describe("a pattern", () => {
  it.each([
    // As in Redis, whose KEYS and SCAN ask for all keys by themselves.
    ["*", "", false],
    ["", "", true],
    ["", "a", false],
    ["a*c", "abcbc", true],
    ["a*c", "abcb", false],
    ["a?c", "a\xffc", true],
    ["?", "", false],
    ["h[ae]llo", "hallo", true],
    ["h[ae]llo", "hillo", false],
    ["h[^e]llo", "hallo", true],
    ["h[^e]llo", "hello", false],
    ["h[a-b]llo", "hbllo", true],
    ["h[b-a]llo", "hallo", true],
    ["h[a-b]llo", "hcllo", false],
    ["[\\]]", "]", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["\\", "\\", true],
    ["[a", "a", true],
    ["[^", "a", true],
    ["[", "a", false],
    ["A", "a", false],
    ["*a*a*a*a*a*a*b", "a".repeat(60), false]
  ])("%j and %j", (pattern, text, expected) => {
    assert.strictEqual(isMatch(pattern, text), expected)
  })

  it("may ignore the case, in sets too", () => {
    assert.isTrue(isMatch("MAX[C-D]*", "maxclients", true))
    assert.isFalse(isMatch("MAX[C-D]*", "maxmemory", true))
    assert.isTrue(textMatches("Max*", "maxmemory"))
  })

  it("matches what it is defined to match", () => {
    const random = seededRandom(3)
    const text = (letters: string, longest: number): string =>
      Array.from({ length: random.below(longest) }, () => letters[random.below(letters.length)]).join("")
    for (let run = 0; run < 20_000; run++) {
      const pattern = text("ab*?", 8)
      const subject = `a${text("ab", 10)}`
      assert.strictEqual(isMatch(pattern, subject), defined(pattern, subject), `${pattern} ${subject}`)
    }
  })
})
