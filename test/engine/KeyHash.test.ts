import { assert, describe, it } from "@effect/vitest"
import { KeyHash } from "../../src/engine/KeyHash.ts"

/** The vectors of the reference implementation of HalfSipHash-1-3 with 32 bits of output. Key and input count up. */
const vectors = [0x5814_c896, 0xe7e8_64ca, 0xbc4b_0e30, 0x0153_9939, 0x7e05_9ea6, 0x88e3_d89b, 0xa008_0b65, 0x9d38_d9d6]

const countingSecret = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7])

const counting = (length: number): string => String.fromCharCode(...Array.from({ length }, (_, i) => i))

const hashAt = (keyHash: KeyHash, text: string, start: number): number => {
  const bytes = new Uint8Array(Buffer.from(`${"x".repeat(start)}${text}xyz`, "latin1"))
  return keyHash.hash(new DataView(bytes.buffer), start, text.length)
}

/** The hash of a text. It must not depend on where in the bytes the text begins. */
const hashOf = (keyHash: KeyHash, text: string): number => {
  const hash = hashAt(keyHash, text, 0)
  for (const start of [1, 2, 3]) assert.strictEqual(hashAt(keyHash, text, start), hash)
  return hash
}

/** How far the counts are from even, in standard deviations of the chi-square distribution. */
const unevenness = (counts: ReadonlyArray<number>): number => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const expected = total / counts.length
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  const freedom = counts.length - 1
  return (chiSquare - freedom) / Math.sqrt(2 * freedom)
}

const countBy = (hashes: ReadonlyArray<number>, classes: number, classOf: (hash: number) => number): Array<number> => {
  const counts = Array.from({ length: classes }, () => 0)
  for (const hash of hashes) {
    const at = classOf(hash)
    counts[at] = (counts[at] ?? 0) + 1
  }
  return counts
}

describe("KeyHash", () => {
  it.each(vectors.map((expected, length) => ({ length, expected })))(
    "is HalfSipHash-1-3 for $length bytes",
    ({ expected, length }) => {
      assert.strictEqual(hashOf(KeyHash.withSecret(countingSecret), counting(length)), expected | 0)
    }
  )

  it("is a signed 32-bit word, the same each time, for every length", () => {
    const keyHash = new KeyHash(0x0123_4567, 0x89ab_cdef)
    const hashes = new Set<number>()
    for (let length = 1; length <= 256; length++) {
      const hash = hashOf(keyHash, "k".repeat(length))
      assert.strictEqual(hash, hash | 0)
      assert.strictEqual(hashOf(new KeyHash(0x0123_4567, 0x89ab_cdef), "k".repeat(length)), hash)
      hashes.add(hash)
    }
    assert.strictEqual(hashes.size, 256)
  })

  it("takes its secret as two words or as eight bytes", () => {
    const words = new KeyHash(0x0302_0100, 0x0706_0504)
    for (const text of ["", "a", "key", "key1", "user:1000:name"]) {
      assert.strictEqual(hashOf(words, text), hashOf(KeyHash.withSecret(countingSecret), text))
    }
  })

  it("reads words above 2^31 as signed 32-bit words", () => {
    assert.strictEqual(hashOf(new KeyHash(0xffff_fffe, 0x8000_0000), "key"), hashOf(new KeyHash(-2, -(2 ** 31)), "key"))
  })

  it("differs for secrets that differ in a single bit", () => {
    const texts = Array.from({ length: 100 }, (_, i) => `key:${i}`)
    const plain = new KeyHash(1, 2)
    for (let bit = 0; bit < 64; bit++) {
      const other = bit < 32 ? new KeyHash(1 ^ (1 << bit), 2) : new KeyHash(1, 2 ^ (1 << (bit - 32)))
      const equal = texts.filter((text) => hashOf(plain, text) === hashOf(other, text))
      assert.strictEqual(equal.length, 0, `bit ${bit}`)
    }
  })

  it("changes with every character", () => {
    const keyHash = new KeyHash(1, 2)
    for (const length of [1, 2, 3, 4, 5, 8, 11, 256]) {
      const text = "k".repeat(length)
      for (let at = 0; at < length; at++) {
        assert.notStrictEqual(hashOf(keyHash, `${text.slice(0, at)}j${text.slice(at + 1)}`), hashOf(keyHash, text))
      }
    }
  })

  const sequences: ReadonlyArray<{ readonly name: string; readonly keyOf: (i: number) => string }> = [
    { name: "counting", keyOf: (i) => `${i}` },
    { name: "prefixed", keyOf: (i) => `user:${String(i).padStart(11, "0")}` },
    { name: "suffixed", keyOf: (i) => `${String(i).padStart(6, "0")}:${"x".repeat(40)}` },
    { name: "high or low in each bit", keyOf: (i) => i.toString(2).replaceAll("0", "!").replaceAll("1", "~") }
  ]

  it.each(sequences)("spreads $name keys evenly over segments and buckets", ({ keyOf }) => {
    const keyHash = new KeyHash(0x0123_4567, 0x89ab_cdef)
    const hashes = Array.from({ length: 100_000 }, (_, i) => hashAt(keyHash, keyOf(i), i & 3))
    assert.isBelow(Math.abs(unevenness(countBy(hashes, 256, (hash) => hash >>> 24))), 5, "the highest bits")
    assert.isBelow(Math.abs(unevenness(countBy(hashes, 2048, (hash) => hash & 2047))), 5, "the lowest bits")
    const both = (hash: number): number => ((hash >>> 27) << 5) | (hash & 31)
    assert.isBelow(Math.abs(unevenness(countBy(hashes, 1024, both))), 5, "both together")
    // Of 100,000 values among 2^32, about one pair is equal.
    assert.isAtMost(hashes.length - new Set(hashes).size, 8)
  })
})
