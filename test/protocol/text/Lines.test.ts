import { assert, describe, it } from "@effect/vitest"
import { Lines } from "../../../src/protocol/text/Lines.ts"

const text = (lines: Lines): string => lines.source.slice(lines.start, lines.end)

describe("Lines", () => {
  it("gives a line within one chunk as a window onto the chunk", () => {
    const lines = new Lines(100)
    const bytes = "one\ntwo\r\n\n"
    assert.strictEqual(lines.next(bytes, 0), "line")
    assert.strictEqual(lines.source, bytes)
    assert.strictEqual(text(lines), "one")
    assert.strictEqual(lines.offset, 4)
    assert.strictEqual(lines.next(bytes, lines.offset), "line")
    assert.strictEqual(text(lines), "two")
    assert.strictEqual(lines.offset, 9)
    assert.strictEqual(lines.next(bytes, lines.offset), "line")
    assert.strictEqual(text(lines), "")
    assert.strictEqual(lines.offset, bytes.length)
    assert.strictEqual(lines.pending, 0)
  })

  it("joins a line from many chunks and keeps none of them", () => {
    const lines = new Lines(1000)
    const word = "abcdefghij".repeat(30)
    for (let at = 0; at < word.length; at += 7) {
      const chunk = word.slice(at, at + 7)
      assert.strictEqual(lines.next(chunk, 0), "more")
      assert.strictEqual(lines.offset, chunk.length)
    }
    assert.strictEqual(lines.pending, word.length)
    assert.strictEqual(lines.next("\nnext", 0), "line")
    assert.strictEqual(text(lines), word)
    assert.strictEqual(lines.offset, 1)
    assert.strictEqual(lines.pending, 0)
  })

  it("drops a carriage return in the chunk before its newline", () => {
    const lines = new Lines(100)
    assert.strictEqual(lines.next("a\r", 0), "more")
    assert.strictEqual(lines.next("\n", 0), "line")
    assert.strictEqual(text(lines), "a")
  })

  it("does not mistake the end of an earlier line for this line's carriage return", () => {
    const lines = new Lines(100)
    const bytes = "\r\n\n"
    assert.strictEqual(lines.next(bytes, 1), "line")
    assert.deepStrictEqual([lines.start, lines.end], [1, 1])
    assert.strictEqual(lines.next(bytes, 2), "line")
    assert.deepStrictEqual([lines.start, lines.end], [2, 2])
  })

  it.each([
    ["9 bytes and a newline", ["123456789\n"], "line"],
    ["10 bytes and a newline", ["1234567890\n"], "too-long"],
    ["10 bytes", ["1234567890"], "too-long"],
    ["9 bytes", ["123456789"], "more"],
    ["9 bytes, then a newline", ["123456789", "\n"], "line"],
    ["9 bytes, then one more", ["123456789", "0"], "too-long"],
    ["5 bytes, then 5 and a newline", ["12345", "67890\n"], "too-long"]
  ] as const)("within a limit of 10: %s", (_name, chunks, expected) => {
    const lines = new Lines(10)
    const found = chunks.map((chunk) => lines.next(chunk, 0))
    assert.strictEqual(found.at(-1), expected)
  })
})
