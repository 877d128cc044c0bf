import { assert, describe, it } from "@effect/vitest"
import type { Second } from "../../src/loadtest/LoadResult.ts"
import { Recorder, type SliceRecord } from "../../src/loadtest/Recorder.ts"
import { sliceLength } from "../../src/loadtest/Slice.ts"
import { Timeline } from "../../src/loadtest/Timeline.ts"

const MILLI = 1e6

/**
 * The slices of a thread in a run of `elapsed` ms. Answers arrive at the given times, in ms, and each latency in µs is
 * the same number.
 */
const record = (answers: ReadonlyArray<number>, elapsed: number): ReadonlyArray<SliceRecord> => {
  const slices: Array<SliceRecord> = []
  const recorder = new Recorder((slice) => slices.push(slice))
  recorder.start(0)
  for (const at of answers) recorder.answered("hit", at * 1000, at * 1000, at * MILLI)
  recorder.roll(elapsed * MILLI)
  recorder.end()
  return slices
}

const range = (from: number, to: number, step: number) =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step)

describe("slices", () => {
  it("of a run of any length are at least 20, and at most 120", () => {
    for (let elapsed = 24; elapsed < 120_000; elapsed *= 1.01) {
      const count = elapsed / sliceLength(elapsed)
      assert.isAtLeast(count, 20)
      assert.isAtMost(count, 120)
    }
    assert.strictEqual(sliceLength(86_400_000), 1000)
  })

  it("have the requests and latencies of all threads, joined to the length for the run", () => {
    for (const elapsed of [100, 599, 1500, 7000, 70_000]) {
      const timeline = new Timeline(2, () => {})
      const threads = [range(0.25, elapsed, 3), range(0.75, elapsed, 7)]
      // One thread is always ahead of the other.
      for (const answers of threads) for (const slice of record(answers, elapsed)) timeline.add(slice)
      const { seconds, slices } = timeline.end(elapsed)
      const length = sliceLength(elapsed)
      assert.strictEqual(slices.length, Math.ceil(elapsed / length))
      slices.forEach((slice, index) => {
        const own = threads.flat().filter((at) => Math.floor(at / length) === index)
        assert.deepInclude(slice, { requests: own.length, errors: 0, length: length / 1000 })
        assert.closeTo(slice.from, (index * length) / 1000, 1e-9)
        const max = own.reduce((largest, at) => Math.max(largest, at), 0) / 1000
        assert.closeTo(slice.max, max, 1e-6)
      })
      assert.deepStrictEqual(
        seconds.map(({ requests, second }) => [second, requests]),
        range(0, elapsed / 1000, 1).map((second) => [
          second,
          threads.flat().filter((at) => Math.floor(at / 1000) === second).length
        ])
      )
    }
  })

  it("are reported second by second, when all threads have reported the second", () => {
    const seen: Array<Second> = []
    const timeline = new Timeline(2, (second) => seen.push(second))
    const [first, second] = [record([1, 1200], 2000), record([5, 900], 2000)]
    for (const slice of first) timeline.add(slice)
    assert.deepStrictEqual(seen, [])
    for (const slice of second) timeline.add(slice)
    assert.deepStrictEqual(
      seen.map(({ requests }) => requests),
      [3, 1]
    )
    assert.deepStrictEqual(timeline.end(2000).seconds, seen)
  })
})
