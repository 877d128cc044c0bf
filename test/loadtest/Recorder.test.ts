import { assert, describe, it } from "@effect/vitest"
import { merge } from "../../src/loadtest/Histogram.ts"
import { Recorder, type SliceRecord } from "../../src/loadtest/Recorder.ts"

const START = 5e9
const MILLI = 1e6

const make = () => {
  const slices: Array<SliceRecord> = []
  const recorder = new Recorder((record) => slices.push(record))
  const shown = () =>
    slices
      .filter(({ errors, requests }) => requests + errors > 0)
      .map(({ errors, from, histogram, length, requests }) => [
        from,
        length,
        requests,
        errors,
        merge([histogram]).count
      ])
  return { recorder, shown, slices }
}

describe("recorder", () => {
  it("counts the outcome of each request", () => {
    const { recorder } = make()
    recorder.start(START)
    recorder.answered("stored", 2 * MILLI, MILLI, START)
    recorder.answered("hit", 3 * MILLI, MILLI, START)
    recorder.answered("hit", 4 * MILLI, MILLI, START)
    recorder.answered("miss", 5 * MILLI, 2 * MILLI, START)
    recorder.failed(true, "timeout", START)
    recorder.failed(false, "timeout", START)
    recorder.failed(false, "closed", START, "the server closed it")
    recorder.sentLate(100)
    recorder.sentLate(300)
    const { get, lag, put, service, ...counts } = recorder.end()
    assert.deepStrictEqual(counts, {
      putCount: 2,
      getCount: 5,
      hits: 2,
      misses: 1,
      errors: { timeout: 2, closed: 1 },
      errorMessages: [{ kind: "closed", message: "the server closed it", count: 1 }],
      putErrors: 1,
      getErrors: 2
    })
    const means = [put, get, service, lag].map((data) => merge([data])).map(({ count, mean }) => [count, mean])
    assert.deepStrictEqual(means, [
      [1, 2 * MILLI],
      [3, 4 * MILLI],
      [4, 1.25 * MILLI],
      [2, 200]
    ])
  })

  it("records nothing before the start, which is the warm-up", () => {
    const { recorder, slices } = make()
    recorder.answered("stored", MILLI, MILLI, START)
    recorder.answered("miss", MILLI, MILLI, START + 3e9)
    recorder.failed(true, "timeout", START + 4e9)
    recorder.failed(true, "refused", START + 4e9, "out of memory")
    recorder.sentLate(1)
    recorder.roll(START + 9e9)
    recorder.start(START + 10e9)
    const recording = recorder.end()
    assert.deepInclude(recording, { putCount: 0, getCount: 0, misses: 0, errors: {}, errorMessages: [] })
    assert.strictEqual(recording.lag.max, 0)
    assert.deepStrictEqual(slices, [])
  })

  it("records nothing after the end, so that histograms and counts agree", () => {
    const { recorder, shown } = make()
    recorder.start(START)
    recorder.answered("stored", MILLI, MILLI, START)
    const { put, putCount } = recorder.end()
    recorder.answered("stored", MILLI, MILLI, START + 9e9)
    recorder.failed(true, "closed", START + 9e9)
    recorder.roll(START + 20e9)
    assert.deepStrictEqual([putCount, merge([put]).count], [1, 1])
    assert.deepStrictEqual(shown(), [[0, 1, 1, 0, 1]])
  })

  it("hands over each slice when it is over, even if empty, in lengths that grow with the run", () => {
    const { recorder, shown, slices } = make()
    recorder.start(START)
    recorder.answered("stored", MILLI, MILLI, START)
    recorder.answered("stored", MILLI, MILLI, START + 0.999 * MILLI)
    assert.deepStrictEqual(slices, [])
    recorder.answered("hit", MILLI, MILLI, START + MILLI)
    recorder.failed(true, "refused", START + 119.5 * MILLI)
    recorder.answered("hit", MILLI, MILLI, START + 123 * MILLI)
    recorder.answered("hit", MILLI, MILLI, START + 13_400 * MILLI)
    recorder.roll(START + 63_400 * MILLI)
    assert.deepStrictEqual(shown(), [
      [0, 1, 2, 0, 2],
      [1, 1, 1, 0, 1],
      [119, 1, 0, 1, 0],
      [120, 5, 1, 0, 1],
      [13_000, 500, 1, 0, 1]
    ])
    slices.reduce((end, { from, length }) => {
      assert.strictEqual(from, end)
      return from + length
    }, 0)
    assert.deepInclude(slices.at(-1), { from: 62_000, length: 1000 })
    const { length } = slices
    recorder.end()
    assert.strictEqual(slices.length, length)
  })
})
