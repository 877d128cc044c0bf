import { assert, describe, it } from "@effect/vitest"
import { copyToWords, equalsWords, lastWord, wordsOf } from "../../src/engine/Words.ts"

const bytes = Uint8Array.from({ length: 600 }, (_, i) => (i * 7 + (i >>> 5)) & 0xff)
const view = new DataView(bytes.buffer)

describe("words", () => {
  it("are copied from any byte on, with zeros after the text and nothing beyond", () => {
    for (let start = 0; start < 5; start++) {
      for (let length = 1; length <= 260; length++) {
        const words = new Int32Array(80).fill(-1)
        copyToWords(words, 3, view, start, length)
        const copied = Buffer.alloc(80 * 4)
        for (const [i, word] of words.entries()) copied.writeInt32LE(word, i * 4)
        const expected = Buffer.alloc(80 * 4, 0xff)
        expected.fill(0, 12, 12 + wordsOf(length) * 4)
        expected.set(bytes.subarray(start, start + length), 12)
        if (!copied.equals(expected)) assert.fail(`${length} bytes from ${start} on`)
      }
    }
  })

  it("equal the bytes that they were copied from, and no bytes that differ in one place", () => {
    for (let length = 1; length <= 40; length++) {
      const words = new Int32Array(12)
      copyToWords(words, 1, view, 50, length)
      assert.isTrue(equalsWords(words, 1, view, 50, length))
      for (let at = 0; at < length; at++) {
        const others = bytes.slice(50 - (at % 4), 100)
        const changed = (at % 4) + at
        others[changed] = (others[changed] ?? 0) ^ 0x80
        assert.isFalse(equalsWords(words, 1, new DataView(others.buffer), at % 4, length), `byte ${at} of ${length}`)
      }
    }
  })

  it("are as many as the length needs", () => {
    assert.deepStrictEqual([0, 1, 3, 4, 5, 8, 256].map(wordsOf), [0, 1, 1, 1, 2, 2, 64])
  })

  it("hold the last bytes from the lowest bits on", () => {
    const three = new DataView(Uint8Array.of(1, 2, 0xff).buffer)
    assert.deepStrictEqual(
      [0, 1, 2, 3].map((end) => lastWord(three, 0, end)),
      [0, 1, 0x0201, 0xff0201]
    )
  })
})
