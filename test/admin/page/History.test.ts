import { assert, describe, it } from "@effect/vitest"
import { History, KEPT } from "../../../src/admin/page/History.ts"
import { operation, picture } from "./Pictures.ts"

/** What is remembered of these pictures. */
const remembered = (...pictures: ReadonlyArray<ReturnType<typeof picture>>): History => {
  const history = new History()
  for (const each of pictures) history.add(each)
  return history
}

describe("what the page remembers", () => {
  it("is what happened between two pictures", () => {
    const history = remembered(
      picture(0, { operations: [operation("GET", 100)], hits: 60, misses: 40, removals: { evicted: 5 } }),
      picture(2, { operations: [operation("GET", 400, [], 3)], hits: 350, misses: 50, removals: { evicted: 25 } })
    )
    const now = history.now ?? assert.fail("nothing is remembered")
    assert.deepStrictEqual(
      [now.length, now.requests, now.errors, now.hits, now.misses, now.evicted],
      [2, 300, 3, 290, 10, 20]
    )
    assert.closeTo(now.hitRate ?? 0, 290 / 300, 1e-9)
    assert.strictEqual(history.rateOf("GET"), 150)
    assert.strictEqual(history.rateOf("SET"), 0)
  })

  it("has a gap, and no negative rate, where the server was started again or its totals were reset", () => {
    const full = { operations: [operation("GET", 100, [[1, 50]])], hits: 100 }
    for (const [what, after] of [
      ["another run", picture(1, { ...full, runId: "b", hits: 200 })],
      ["hits went back", picture(1, { ...full, hits: 10 })],
      ["calls went back", picture(1, { ...full, operations: [operation("GET", 10, [[1, 50]])] })],
      ["no command was sent since", picture(1, { ...full, operations: [] })],
      ["times went back", picture(1, { ...full, operations: [operation("GET", 101, [[1, 4]])] })],
      ["the clock stood", picture(0, full)],
      ["the clock was set back", picture(-5, full)]
    ] as const) {
      const history = remembered(picture(0, full), after)
      assert.deepStrictEqual(history.intervals, [], what)
      assert.strictEqual(history.now, undefined, what)
      // It goes on from there.
      history.add({ ...after, at: after.at + 1000, hits: after.hits + 7 })
      assert.strictEqual(history.now?.hits, 7, what)
    }
  })

  it("is one long interval while a tab sleeps", () => {
    const history = remembered(
      picture(0),
      picture(1, { hits: 5 }),
      picture(601, { hits: 6005 }),
      picture(602, { hits: 6015 })
    )
    assert.deepStrictEqual(
      history.intervals.map(({ hits, length }) => [length, hits]),
      [
        [600, 6000],
        [1, 10]
      ]
    )
  })

  it("forgets what is too old to be drawn", () => {
    const history = new History()
    for (let second = 0; second < 1000; second++) history.add(picture(second))
    assert.isAtMost(history.intervals.length, KEPT + 15)
    assert.isAtLeast(history.intervals.length, KEPT)
  })

  it("estimates times of commands, each kind by how often it was called", () => {
    // Of a thousand GETs ten were measured, all between 1 and 2 µs; of ten KEYS all ten, between 512 and 1,024 µs.
    const history = remembered(
      picture(0, { operations: [operation("GET", 1, [[4, 1]])] }),
      picture(1, {
        operations: [
          operation("GET", 1001, [
            [2, 10],
            [4, 11]
          ]),
          operation("KEYS", 10, [[1024, 10]])
        ]
      })
    )
    const times = history.now?.times ?? assert.fail("nothing was measured")
    assert.strictEqual(times.measured, 20)
    assert.isTrue(times.p50 > 1 && times.p50 <= 2, String(times.p50))
    assert.isTrue(times.p99 > 1 && times.p99 <= 2 && times.p99 > times.p50, String(times.p99))
    assert.isTrue(times.p999 > 512 && times.p999 <= 1024, String(times.p999))
  })

  it("knows no reasons of a period of which some are not known", () => {
    const cold = { cold: 1, expired: 0, evicted: 0, deleted: 0 }
    const history = remembered(
      picture(0),
      picture(1, { missReasons: cold }),
      picture(2, { missReasons: { ...cold, cold: 4 } })
    )
    assert.strictEqual(history.now?.missReasons, undefined)
    assert.deepStrictEqual(history.period(0.5)?.missReasons, { ...cold, cold: 3 })
  })
})
