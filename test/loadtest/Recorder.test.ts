import { assert, describe, it } from "@effect/vitest"
import { Recorder, type SecondRecord } from "../../src/loadtest/Recorder.ts"

const START = 5e9
const MILLI = 1e6

const make = () => {
  const seconds: Array<SecondRecord> = []
  const recorder = new Recorder((record) => seconds.push(record))
  const shown = () =>
    seconds.map(({ errors, histogram, requests, second }) => [second, requests, errors, histogram.count])
  return { recorder, shown }
}

describe("recorder", () => {
  it("counts what became of each request", () => {
    const { recorder } = make()
    recorder.start(START)
    recorder.stored(2 * MILLI, START)
    recorder.found(3 * MILLI, START, true)
    recorder.found(4 * MILLI, START, true)
    recorder.found(5 * MILLI, START, false)
    recorder.failed(true, "timeout", START)
    recorder.failed(false, "timeout", START)
    recorder.failed(false, "closed", START)
    recorder.sentLate(100)
    recorder.sentLate(300)
    const { get, put, ...counts } = recorder.end()
    assert.deepStrictEqual(counts, {
      putCount: 2,
      getCount: 5,
      hits: 2,
      misses: 1,
      errors: { timeout: 2, closed: 1 },
      putErrors: 1,
      getErrors: 2,
      scheduleLagSum: 400,
      scheduleLagMax: 300
    })
    assert.deepStrictEqual([put.count, get.count], [1, 3])
    assert.closeTo(put.mean, 2 * MILLI, 0.001 * 2 * MILLI)
    assert.closeTo(get.mean, 4 * MILLI, 0.001 * 4 * MILLI)
  })

  it("records nothing before the start: that is the warm-up", () => {
    const { recorder, shown } = make()
    recorder.stored(MILLI, START)
    recorder.found(MILLI, START + 3e9, false)
    recorder.failed(true, "timeout", START + 4e9)
    recorder.sentLate(1)
    recorder.roll(START + 9e9)
    recorder.start(START + 10e9)
    const recording = recorder.end()
    assert.deepInclude(recording, { putCount: 0, getCount: 0, misses: 0, errors: {}, scheduleLagSum: 0 })
    assert.deepStrictEqual(shown(), [])
  })

  it("records nothing after the end: histograms and counts stay in agreement", () => {
    const { recorder, shown } = make()
    recorder.start(START)
    recorder.stored(MILLI, START)
    const { put, putCount } = recorder.end()
    recorder.stored(MILLI, START + 9e9)
    recorder.failed(true, "closed", START + 9e9)
    recorder.roll(START + 20e9)
    assert.deepStrictEqual([putCount, put.count], [1, 1])
    assert.deepStrictEqual(shown(), [[0, 1, 0, 1]])
  })

  it("hands over each second when it is over, silent ones too", () => {
    const { recorder, shown } = make()
    recorder.start(START)
    recorder.stored(MILLI, START)
    recorder.stored(MILLI, START + 999 * MILLI)
    assert.deepStrictEqual(shown(), [])
    recorder.found(MILLI, START + 1000 * MILLI, true)
    recorder.failed(true, "refused", START + 1001 * MILLI)
    recorder.roll(START + 4000 * MILLI)
    assert.deepStrictEqual(shown(), [
      [0, 2, 0, 2],
      [1, 1, 1, 1],
      [2, 0, 0, 0],
      [3, 0, 0, 0]
    ])
    recorder.end()
    assert.strictEqual(shown().length, 4)
  })

  it("keeps extreme latencies within the histogram", () => {
    const { recorder } = make()
    recorder.start(START)
    recorder.stored(-5, START)
    recorder.stored(0, START)
    recorder.stored(0.4, START)
    recorder.stored(1e15, START)
    const { put } = recorder.end()
    assert.strictEqual(put.count, 4)
    assert.strictEqual(put.min, 1)
    assert.closeTo(put.max, 600e9, 0.001 * 600e9)
  })
})
