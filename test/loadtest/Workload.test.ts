import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Key, Value } from "../../src/domain/Command.ts"
import {
  DEFAULT_READ_ONLY_KEYS,
  isPut,
  keyOf,
  makeRandom,
  makeSource,
  makeVocabulary,
  preloadedKeys,
  type WorkloadOptions,
  type WorkSource
} from "../../src/loadtest/Workload.ts"
import { wordsOf, workloadOf } from "./Options.ts"

const take = (source: WorkSource, count: number) =>
  Array.from({ length: count }, () => source.next()).map((item) => ({ isPut: isPut(item), key: keyOf(item) }))

const countsOf = (keys: ReadonlyArray<number>, size: number): ReadonlyArray<number> => {
  const counts = Array.from({ length: size }, () => 0)
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1
  return counts
}

/** Pearson's statistic of counts against their expected probabilities. */
const chiSquare = (counts: ReadonlyArray<number>, probabilities: ReadonlyArray<number>): number => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.reduce((sum, count, index) => {
    const expected = total * (probabilities[index] ?? 0)
    return sum + (count - expected) ** 2 / expected
  }, 0)
}

/** The bound that Pearson's statistic exceeds in one of a million cases (Wilson and Hilferty). */
const chiSquareBound = (categories: number): number => {
  const freedom = categories - 1
  return freedom * (1 - 2 / (9 * freedom) + 4.75 * Math.sqrt(2 / (9 * freedom))) ** 3
}

const zipfProbabilities = (size: number, exponent: number): ReadonlyArray<number> => {
  const weights = Array.from({ length: size }, (_, rank) => (rank + 1) ** -exponent)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

describe("random numbers", () => {
  it("are the same for the same seed and stream, and different for others", () => {
    const row = (seed: number, stream: number) => {
      const random = makeRandom(seed, stream)
      return Array.from({ length: 20 }, random)
    }
    assert.deepStrictEqual(row(1, 2), row(1, 2))
    const rows = [row(1, 2), row(2, 1), row(1, 3), row(0, 0), row(2 ** 32 - 1, 0), row(2 ** 32, 0)]
    assert.strictEqual(new Set(rows.map(String)).size, rows.length)
  })

  it("are spread evenly over [0, 1), within each stream and across streams", () => {
    const even = Array.from({ length: 100 }, () => 0.01)
    const random = makeRandom(7, 0)
    const within = Array.from({ length: 50_000 }, () => Math.floor(random() * 100))
    assert.isBelow(chiSquare(countsOf(within, 100), even), chiSquareBound(100))
    const firsts = Array.from({ length: 50_000 }, (_, stream) => Math.floor(makeRandom(7, stream)() * 100))
    assert.isBelow(chiSquare(countsOf(firsts, 100), even), chiSquareBound(100))
  })
})

describe("requests", () => {
  it("are the same for the same seed, and different for another seed, connection or part of the run", () => {
    const row = (changes: Partial<WorkloadOptions>, connection: number, part?: "warm-up" | "measured") =>
      take(makeSource(workloadOf(changes), connection, part), 200)
    for (const changes of [
      {},
      { keys: 1000 },
      { distribution: "zipf" },
      { keys: 1000, distribution: "zipf" }
    ] as const) {
      assert.deepStrictEqual(row(changes, 0), row(changes, 0))
      assert.notDeepEqual(row(changes, 0), row({ ...changes, seed: 43 }, 0))
      assert.notDeepEqual(row(changes, 0), row(changes, 1))
      assert.notDeepEqual(row(changes, 0, "measured"), row(changes, 0, "warm-up"))
    }
  })

  it("are PUTs in the given share", () => {
    for (const ratio of [0, 0.1, 0.5, 0.9, 1]) {
      const count = 40_000
      const puts = take(makeSource(workloadOf({ ratio, keys: 100 }), 0), count).filter(({ isPut }) => isPut).length
      // Five standard deviations.
      assert.isAtMost(Math.abs(puts - ratio * count), 5 * Math.sqrt(count * ratio * (1 - ratio)))
    }
  })

  it("ask only for keys that the connection itself has put, if none are preloaded", () => {
    for (const distribution of ["uniform", "zipf"] as const) {
      for (const ratio of [0.01, 0.5, 0.99]) {
        const seen = new Set<number>()
        for (const connection of [0, 1, 2]) {
          const own = new Set<number>()
          for (const { isPut, key } of take(
            makeSource(workloadOf({ connections: 3, ratio, distribution }), connection),
            5000
          )) {
            if (isPut) own.add(key)
            else assert.isTrue(own.has(key))
            assert.strictEqual(key % 3, connection)
          }
          for (const key of own) {
            assert.isFalse(seen.has(key))
            seen.add(key)
          }
        }
      }
    }
  })

  it("put new keys up to half of a server's default of a million, then overwrite", () => {
    const keysOf = (connections: number) =>
      new Set(take(makeSource(workloadOf({ connections, ratio: 1 }), 0), 6000).map(({ key }) => key)).size
    assert.strictEqual(keysOf(100), 5000)
    assert.strictEqual(keysOf(1), 6000)
    assert.strictEqual(keysOf(100_000), 5)
  })

  it("ask for every one of the shared keys, and no other", () => {
    const keys = take(makeSource(workloadOf({ keys: 50 }), 1), 5000).map(({ key }) => key)
    assert.deepStrictEqual(
      [...new Set(keys)].toSorted((a, b) => a - b),
      Array.from({ length: 50 }, (_, key) => key)
    )
  })

  it("preload the given keys, or those that a read-only run needs", () => {
    assert.strictEqual(preloadedKeys(workloadOf()), 0)
    assert.strictEqual(preloadedKeys(workloadOf({ keys: 7 })), 7)
    assert.strictEqual(preloadedKeys(workloadOf({ ratio: 0 })), DEFAULT_READ_ONLY_KEYS)
    assert.isTrue(take(makeSource(workloadOf({ ratio: 0 }), 0), 100).every(({ isPut }) => !isPut))
  })
})

describe("distributions", () => {
  const sample = (changes: Partial<WorkloadOptions>, count: number) =>
    take(makeSource(workloadOf({ ratio: 0, ...changes }), 0), count).map(({ key }) => key)

  it("uniform: all keys are equally likely", () => {
    const counts = countsOf(sample({ keys: 200 }, 100_000), 200)
    assert.isBelow(
      chiSquare(
        counts,
        Array.from({ length: 200 }, () => 1 / 200)
      ),
      chiSquareBound(200)
    )
  })

  it("zipf: frequencies match the exact probabilities, for exponents below, at and above 1", () => {
    for (const exponent of [0.5, 0.99, 1, 1.2, 2]) {
      const size = 100
      const counts = countsOf(sample({ keys: size, distribution: "zipf", zipfExponent: exponent }, 100_000), size)
      assert.isBelow(chiSquare(counts, zipfProbabilities(size, exponent)), chiSquareBound(size), `exponent ${exponent}`)
    }
  })

  it("zipf: works for a large key space and for a single key", () => {
    const size = 1_000_000
    const total = 100_000
    const keys = sample({ keys: size, distribution: "zipf" }, total)
    assert.isTrue(keys.every((key) => Number.isInteger(key) && key >= 0 && key < size))
    const probabilities = zipfProbabilities(size, 0.99)
    for (const end of [1, 10, 1000, 100_000]) {
      const expected = probabilities.slice(0, end).reduce((sum, probability) => sum + probability, 0)
      const share = keys.filter((key) => key < end).length / total
      assert.isAtMost(Math.abs(share - expected), 5 * Math.sqrt((expected * (1 - expected)) / total))
    }
    assert.deepStrictEqual(new Set(sample({ keys: 1, distribution: "zipf" }, 100)), new Set([0]))
    assert.isTrue(
      sample({ keys: 10, distribution: "zipf", zipfExponent: 10 }, 1000).filter((key) => key === 0).length > 990
    )
    assert.isTrue(new Set(sample({ keys: 10, distribution: "zipf", zipfExponent: 0.01 }, 1000)).size === 10)
  })
})

describe("vocabulary", () => {
  const isKey = Schema.is(Key)
  const isValue = Schema.is(Value)
  const numbers = [0, 1, 61, 62, 63, 3843, 3844, 99_999, 100_000, 249_999, 250_000, 499_999]

  it("makes keys and values that the domain allows, exactly of the given size, for every size", () => {
    for (let size = 1; size <= 256; size++) {
      const vocabulary = wordsOf(workloadOf({ keySize: size, valueSize: 257 - size }))
      for (const number of numbers) {
        const [key, value] = [vocabulary.key(number), vocabulary.value(number)]
        assert.isTrue(isKey(key), key)
        assert.isTrue(isValue(value), value)
        assert.deepStrictEqual([key.length, value.length], [size, 257 - size])
      }
    }
    assert.isTrue(Result.isFailure(Schema.decodeResult(Key)("x".repeat(257))))
  })

  it("makes a different key for each number if there is room", () => {
    for (const keySize of [3, 4, 16]) {
      const vocabulary = wordsOf(workloadOf({ keySize, keys: 62 ** 3 }))
      const keys = new Set(Array.from({ length: 62 ** 3 }, (_, number) => vocabulary.key(number)))
      assert.strictEqual(keys.size, 62 ** 3)
    }
  })

  it("gives numbers that share a short key the same value", () => {
    for (const [keySize, distinct] of [
      [1, 62],
      [2, 3844]
    ] as const) {
      for (const valueSize of [1, 2, 64]) {
        const vocabulary = wordsOf(workloadOf({ keySize, valueSize }))
        const values = new Map<string, string>()
        for (let number = 0; number < 3 * distinct; number++) {
          const key = vocabulary.key(number)
          const value = vocabulary.value(number)
          assert.strictEqual(values.get(key) ?? value, value)
          values.set(key, value)
        }
        assert.strictEqual(values.size, distinct)
      }
    }
  })

  it("rarely gives two keys the same value, so that a wrong value is noticed", () => {
    const vocabulary = wordsOf(workloadOf({ keys: 10_000 }))
    const values = new Set(Array.from({ length: 10_000 }, (_, number) => vocabulary.value(number)))
    assert.strictEqual(values.size, 10_000)
  })

  it("distinguishes the value of a key from every other, and from one with a single wrong byte", () => {
    for (const valueSize of [1, 2, 64, 256]) {
      const vocabulary = makeVocabulary(workloadOf({ keys: 10_000, valueSize }))
      const bytes = Buffer.alloc(3 + valueSize)
      assert.strictEqual(vocabulary.writeValue(bytes, 3, 4711), bytes.length)
      assert.isTrue(vocabulary.isValue(bytes, 3, 4711))
      if (valueSize > 1) assert.isFalse(vocabulary.isValue(bytes, 3, 4712))
      for (let at = 3; at < bytes.length; at++) {
        bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
        assert.isFalse(vocabulary.isValue(bytes, 3, 4711))
        bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
      }
    }
  })

  it("is the same for the same seed, and two runs at a time share no key if there is room", () => {
    const keysOf = (seed: number) => {
      const vocabulary = wordsOf(workloadOf({ seed }))
      return numbers.map((number) => [vocabulary.key(number), vocabulary.value(number)])
    }
    assert.deepStrictEqual(keysOf(1), keysOf(1))
    const other = new Set(keysOf(2).map(([key]) => key))
    assert.isTrue(keysOf(1).every(([key]) => !other.has(key)))
  })
})
