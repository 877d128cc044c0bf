import { assert, describe, it } from "@effect/vitest"
import { HotKeys } from "../../src/insight/HotKeys.ts"
import { seededRandom } from "../engine/SeededRandom.ts"

/** As many as there are counters. */
const COUNTERS = 128

const use = (hot: HotKeys, key: string, uses = 1, now = 0, database = 0, hash = hashOf(key)): void => {
  const bytes = Buffer.from(`..${key}`, "latin1")
  hot.add(hash, database, bytes, 2, key.length, uses, now)
}

const hashOf = (key: string): number => {
  let hash = 0
  for (const byte of Buffer.from(key, "latin1")) hash = Math.imul(hash ^ byte, 0x0100_0193)
  return hash
}

/** Uses in the last minute of what was used so often at one instant. */
const shown = (uses: number): number => Math.round(uses * Math.LN2)

describe("hot keys", () => {
  it("are those that are used most, the hottest first", () => {
    const hot = new HotKeys()
    assert.deepStrictEqual(hot.top(10), [])
    for (const [key, uses] of Object.entries({ a: 10, b: 30, c: 20 })) use(hot, key, uses)
    use(hot, "a", 15)
    assert.deepStrictEqual(
      hot.top(10).map(({ count, error, key }) => [key, count, error]),
      [
        ["b", shown(30), 0],
        ["a", shown(25), 0],
        ["c", shown(20), 0]
      ]
    )
    assert.deepStrictEqual(
      hot.top(1).map(({ key }) => key),
      ["b"]
    )
  })

  it("are told apart by their database", () => {
    const hot = new HotKeys()
    use(hot, "a", 2, 0, 0)
    use(hot, "a", 5, 0, 3)
    assert.deepStrictEqual(
      hot.top(10).map(({ database, key }) => [key, database]),
      [
        ["a", 3],
        ["a", 0]
      ]
    )
  })

  it("have counts that are at most too high by their error, and no key with its share of the uses is missing", () => {
    const random = seededRandom(80)
    const hot = new HotKeys()
    const exact = new Map<string, number>()
    let uses = 0
    for (; uses < 100_000; uses++) {
      // The first keys are used most; ten times as many keys as there are counters.
      const key = `key${Math.floor(10 * COUNTERS * (random.below(1_000_000) / 1_000_000) ** 3)}`
      use(hot, key)
      exact.set(key, (exact.get(key) ?? 0) + 1)
    }
    const top = hot.top(COUNTERS)
    for (const { count, error, key } of top) {
      const its = shown(exact.get(key) ?? 0)
      assert.isAtLeast(count + 1, its, key)
      assert.isAtMost(count - error - 1, its, key)
    }
    const names = new Set(top.map(({ key }) => key))
    const heavy = [...exact].filter(([, count]) => count > uses / COUNTERS)
    assert.isAbove(heavy.length, 5)
    for (const [key] of heavy) assert.isTrue(names.has(key), key)
  })

  it("are forgotten: what is used no more has half as many uses a minute later", () => {
    const hot = new HotKeys()
    use(hot, "old", 1000)
    use(hot, "new", 300, 60_000)
    assert.deepStrictEqual(
      hot.top(10).map(({ count, key }) => [key, count]),
      [
        ["old", shown(500)],
        ["new", shown(300)]
      ]
    )
    use(hot, "new", 1, 120_000)
    use(hot, "new", 200, 121_000)
    assert.deepStrictEqual(
      hot.top(10).map(({ key }) => key),
      ["new", "old"]
    )
    // Less than one use is none.
    use(hot, "new", 1, 120_000 + 60_000 * 12)
    assert.deepStrictEqual(
      hot.top(10).map(({ key }) => key),
      ["new"]
    )
  })

  it("with the same uses every second are shown with those of a minute", () => {
    const hot = new HotKeys()
    for (let second = 0; second < 600; second++) use(hot, "steady", 10, second * 1000)
    const [steady] = hot.top(1)
    assert.approximately(steady?.count ?? 0, 600, 10)
  })

  it("are shown with any bytes, and long ones shortened", () => {
    const hot = new HotKeys()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("latin1")
    use(hot, bytes, 3)
    use(hot, `${bytes}!`, 2)
    use(hot, "", 1.5)
    assert.deepStrictEqual(
      hot.top(10).map(({ key }) => key),
      [bytes, `${bytes}...`, ""]
    )
  })
})
