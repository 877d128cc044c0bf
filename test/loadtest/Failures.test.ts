import { assert, describe, it } from "@effect/vitest"
import { Failures, mostFrequent } from "../../src/loadtest/Failures.ts"

/** The messages of refusals with these texts, in the order of their first. */
const refusals = (...texts: ReadonlyArray<string>): ReadonlyArray<readonly [string, number]> => {
  const failures = new Failures()
  for (const text of texts) failures.add("refused", text)
  return failures.messages.map(({ count, message }) => [message, count])
}

/** A word without a digit for each number. */
const wordOf = (number: number): string =>
  number.toString().replace(/[0-9]/g, (digit) => "abcdefghij"[Number(digit)] ?? "")

describe("failures", () => {
  it("are counted by their message, and by their kind", () => {
    const failures = new Failures()
    failures.add("refused", "out of memory")
    failures.add("closed", "out of memory")
    failures.add("refused", "out of memory", 3)
    failures.add("refused", "read only")
    assert.deepStrictEqual(failures.messages, [
      { kind: "refused", message: "out of memory", count: 4 },
      { kind: "refused", message: "read only", count: 1 },
      { kind: "closed", message: "out of memory", count: 1 }
    ])
  })

  it("of messages that differ in numbers and identifiers are one, which shows what all have in common", () => {
    assert.deepStrictEqual(
      refusals(
        "MOVED 3999 10.0.0.7:7001",
        "MOVED 12 10.0.0.7:7002",
        "MOVED 3999 10.0.0.7:7001",
        "ERR request 7f3a-x9 failed",
        "ERR request b2-2c failed",
        "ERR request - failed"
      ),
      [
        ["MOVED # 10.0.0.7:#", 3],
        ["ERR request #-# failed", 2],
        ["ERR request - failed", 1]
      ]
    )
    assert.deepStrictEqual(refusals("the limit is 64", "the limit is 64"), [["the limit is 64", 2]])
  })

  it("are bounded in number and in length, whatever a server says", () => {
    const texts = Array.from({ length: 1000 }, (_, index) => `no such ${wordOf(index)}`)
    const kept = refusals(...texts, ...texts)
    assert.deepStrictEqual(
      kept,
      texts.slice(0, 64).map((text) => [text, 2])
    )
    const [[long = ""] = []] = refusals("x".repeat(70_000))
    assert.strictEqual(long, `${"x".repeat(199)}…`)
  })

  it("of several threads are reported together: the five most frequent messages of each kind", () => {
    const [first, second] = [new Failures(), new Failures()]
    for (let index = 0; index < 7; index++) first.add("refused", `no ${wordOf(index)}`, 10 * index)
    first.add("refused", "MOVED 1 host:1", 5)
    first.add("refused", "MOVED 2 host:1", 5)
    first.add("closed", "connection reset")
    second.add("refused", "MOVED 3 host:1", 90)
    second.add("refused", "no d", 31)
    assert.deepStrictEqual(
      mostFrequent([first.messages, second.messages]).map(({ count, kind, message }) => [kind, message, count]),
      [
        ["refused", "MOVED # host:1", 100],
        ["refused", "no d", 61],
        ["refused", "no g", 60],
        ["refused", "no f", 50],
        ["refused", "no e", 40],
        ["closed", "connection reset", 1]
      ]
    )
    assert.deepStrictEqual(mostFrequent([]), [])
  })
})
