/** What is kept of how long commands take. */
import { assert, describe, it } from "@effect/vitest"
import { GET, PUT } from "../../src/commands/Commands.ts"
import { CommandStatistics, Times } from "../../src/store/CommandStatistics.ts"

describe("times", () => {
  it("have quantiles that are at most a class too long", () => {
    const times = new Times()
    for (let micros = 1; micros <= 1000; micros++) times.add(micros)
    assert.strictEqual(times.count, 1000)
    assert.strictEqual(times.sum, 500_500)
    for (const share of [0.01, 0.5, 0.99, 1]) {
      const found = times.quantile(share)
      assert.isAtLeast(found, share * 1000)
      assert.isAtMost(found, share * 1000 * 1.19)
    }
  })

  it("are counted below powers of two, each once", () => {
    const times = new Times()
    for (const micros of [0, 0.5, 3, 3, 900, 1e12]) times.add(micros)
    const counts = times.belowPowersOfTwo
    assert.deepStrictEqual(counts.slice(0, 3), [
      [1, 2],
      [4, 4],
      [1024, 5]
    ])
    assert.strictEqual(counts.at(-1)?.[1], 6)
    assert.deepStrictEqual(new Times().belowPowersOfTwo, [])
    assert.strictEqual(new Times().quantile(0.5), 0)
  })
})

describe("the statistics of commands", () => {
  it("tell errors apart that kept a command from being executed", () => {
    const statistics = new CommandStatistics()
    statistics.begin(GET)
    statistics.answeredError("WRONGTYPE")
    statistics.begin(PUT)
    statistics.answeredError("OOM")
    assert.deepStrictEqual([statistics.failed[GET], statistics.rejected[GET]], [1, 0])
    assert.deepStrictEqual([statistics.failed[PUT], statistics.rejected[PUT]], [0, 1])
    assert.deepStrictEqual(
      [...statistics.errors],
      [
        ["WRONGTYPE", 1],
        ["OOM", 1]
      ]
    )
  })

  it("count from 0 after a reset, and the executions go on", () => {
    const statistics = new CommandStatistics()
    statistics.begin(GET)
    statistics.begin(GET)
    statistics.reset()
    statistics.begin(GET)
    assert.deepStrictEqual([statistics.callsOf(GET), statistics.calls[GET], statistics.allCalls], [1, 3, 1])
  })
})
