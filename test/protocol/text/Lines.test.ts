import { assert, describe, it } from "@effect/vitest"
import { Lines } from "../../../src/protocol/text/Lines.ts"

const text = (lines: Lines): string => lines.source.toString("latin1", lines.start, lines.end)

describe("Lines", () => {
  it("gives a line that lies whole within a chunk as a window onto it", () => {
    const lines = new Lines(100)
    const bytes = Buffer.from("one\ntwo\r\n\n")
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

  it("puts a line together from many chunks, none of which it holds", () => {
    const lines = new Lines(1000)
    const word = "abcdefghij".repeat(30)
    const chunk = Buffer.alloc(7)
    for (let at = 0; at < word.length; at += chunk.length) {
      const length = chunk.write(word.slice(at, at + chunk.length), "latin1")
      assert.strictEqual(lines.next(chunk.subarray(0, length), 0), "more")
      assert.strictEqual(lines.offset, length)
      chunk.fill("X")
    }
    assert.strictEqual(lines.pending, word.length)
    assert.strictEqual(lines.next(Buffer.from("\nnext"), 0), "line")
    assert.strictEqual(text(lines), word)
    assert.strictEqual(lines.offset, 1)
    assert.strictEqual(lines.pending, 0)
  })

  it("drops a carriage return that comes in a chunk before its newline", () => {
    const lines = new Lines(100)
    assert.strictEqual(lines.next(Buffer.from("a\r"), 0), "more")
    assert.strictEqual(lines.next(Buffer.from("\n"), 0), "line")
    assert.strictEqual(text(lines), "a")
  })

  it("does not take the end of an earlier line for this one's carriage return", () => {
    const lines = new Lines(100)
    const bytes = Buffer.from("\r\n\n")
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
    const found = chunks.map((chunk) => lines.next(Buffer.from(chunk), 0))
    assert.strictEqual(found.at(-1), expected)
  })
})
