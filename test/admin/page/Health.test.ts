import { assert, describe, it } from "@effect/vitest"
import { verdictOf } from "../../../src/admin/page/Health.ts"
import { History } from "../../../src/admin/page/History.ts"
import { type Change, operation, picture } from "./Pictures.ts"

/** The verdict after so many seconds, each of which a picture is made of. */
const after = (seconds: number, change: (second: number) => Change) => {
  const history = new History()
  for (let second = 0; second <= seconds; second++) history.add(picture(second, change(second)))
  return verdictOf(history, history.latest ?? assert.fail("there is no picture"))
}

const FULL = { entries: 1_048_000 }

/** Each second has 100 reads, of which so many hit, and 50 evictions. */
const evicting =
  (hits: number) =>
  (second: number): Change => ({
    hits: second * hits,
    misses: second * (100 - hits),
    operations: [operation("GET", second * 100)],
    removals: { evicted: second * 50 },
    memory: FULL
  })

/** A curve that has this hit rate at the present size, and that one with twice the memory. */
const curve = (here: number, twice: number) => {
  const points = [
    { bytes: 1_048_576, missRatio: 1 - here },
    { bytes: 2 * 1_048_576, missRatio: 1 - twice }
  ]
  return { points, here: { bytes: 1_048_576, missRatio: 1 - here }, samples: 5000 }
}

describe("the health of a server", () => {
  it("is good where nothing is wrong, and says what there is", () => {
    assert.deepStrictEqual(
      [
        after(2, () => ({ keys: { count: 0 } })),
        after(2, () => ({ memory: { entries: 524_288 } })),
        after(2, (second) => ({ hits: second * 99, misses: second, operations: [operation("GET", second * 100)] }))
      ].map(({ text, tone }) => [tone, text]),
      [
        ["good", "Healthy, and empty: no key is stored yet."],
        ["good", "Healthy, and idle: memory 50 % full."],
        ["good", "Healthy: hit rate 99 %, 100 requests/s, memory 0 % full."]
      ]
    )
  })

  it("names a cache that is too small, with what twice the memory would give", () => {
    const { text, tone } = after(10, (second) => ({ ...evicting(62)(second), curve: curve(0.62, 0.94) }))
    assert.deepStrictEqual(
      [tone, text],
      ["bad", "Too small: hit rate 62 %; twice the memory would give 94 % (--max-memory)."]
    )
    assert.strictEqual(after(10, (second) => ({ ...evicting(62)(second), curve: curve(0.62, 0.7) })).tone, "fair")
  })

  it("promises as much more as the curve rises, where that is some points off what is measured", () => {
    const { text } = after(10, (second) => ({ ...evicting(80)(second), curve: curve(0.74, 0.82) }))
    assert.strictEqual(text, "Too small: hit rate 80 %; twice the memory would give 88 % (--max-memory).")
  })

  it("says that the hit rate falls", () => {
    const { text } = after(60, (second) => ({
      ...evicting(0)(second),
      hits: second < 50 ? second * 95 : 4750 + (second - 50) * 60,
      misses: second < 50 ? second * 5 : 250 + (second - 50) * 40,
      curve: curve(0.6, 0.95)
    }))
    assert.match(text, /^Too small: hit rate 6[0-9.]+ %, falling; twice the memory would give 95 % /)
  })

  it("is not too small where more memory would not help, nothing is evicted, it is not full, or hardly read", () => {
    const flat = { curve: curve(0.62, 0.64) }
    const steep = { curve: curve(0.62, 0.94) }
    for (const [what, change] of [
      ["a scan", (second: number) => ({ ...evicting(62)(second), ...flat })],
      ["not evicting", (second: number) => ({ ...evicting(62)(second), ...steep, removals: { evicted: 7 } })],
      ["not full", (second: number) => ({ ...evicting(62)(second), ...steep, memory: { entries: 500_000 } })],
      ["few reads", (second: number) => ({ ...evicting(62)(second), ...steep, hits: second, misses: second })]
    ] as const) {
      assert.strictEqual(after(10, change).tone, "good", what)
    }
  })

  it("judges by the reasons of misses while there is no curve, and by the past where there are none", () => {
    const reasons = (second: number) => ({
      ...evicting(90)(second),
      missReasons: { cold: second * 2, expired: 0, evicted: second * 8, deleted: 0 }
    })
    assert.strictEqual(
      after(10, reasons).text,
      "Too small: hit rate 90 %; 8 % of reads miss a key that was evicted (--max-memory)."
    )
    assert.strictEqual(after(10, evicting(90)).tone, "good")
    const { text } = after(30, (second) => ({
      ...evicting(0)(second),
      hits: second <= 15 ? second * 90 : 1350 + (second - 15) * 50,
      misses: second <= 15 ? second * 10 : 150 + (second - 15) * 50
    }))
    assert.strictEqual(text, "Too small: hit rate 50 %, falling; it was 90 % before (--max-memory).")
  })

  it("names the bound of keys where it is that one", () => {
    const { text } = after(10, (second) => ({
      ...evicting(62)(second),
      curve: curve(0.62, 0.94),
      memory: { limit: null },
      keys: { count: 100, limit: 100 }
    }))
    assert.match(text, /\(--max-keys\)\.$/)
  })

  it("says the worst first, and the rest after it", () => {
    const { others, text, tone } = after(3, (second) => ({
      loopDelay: { p50: 1, p99: 120, max: 300 },
      defects: 2,
      connections: { refused: second * 2 },
      memory: { clients: 950 },
      operations: [operation("GET", second * 10, [], second)],
      engine: {
        kind: "redis",
        nearCache: null,
        nodes: [
          {
            address: "a:1",
            role: "master" as const,
            isUp: false,
            state: "cannot be reached (ECONNREFUSED)",
            commands: 0,
            failed: 0,
            roundTrip: null
          },
          {
            address: "b:2",
            role: "master" as const,
            isUp: true,
            state: "connected",
            commands: 0,
            failed: 0,
            roundTrip: null
          }
        ]
      }
    }))
    assert.deepStrictEqual([tone, text], ["bad", "The node a:1 of the engine cannot be reached."])
    assert.deepStrictEqual(
      others.map(({ tone, text }) => `${tone}: ${text.split(/[:,]/)[0] ?? ""}`),
      [
        "bad: Too many clients",
        "fair: Clients hold 950 bytes of 1 KB",
        "fair: Slow",
        "fair: 2 defects of kv-cache itself caught since the start",
        "fair: 10 % of commands fail"
      ]
    )
  })
})
