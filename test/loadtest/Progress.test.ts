import { assert, describe, it } from "@effect/vitest"
import { bar, line, type ProgressState } from "../../src/loadtest/Progress.ts"

const state = (changes: Partial<ProgressState> = {}): ProgressState => ({
  elapsed: 12,
  done: 0.4,
  last: { second: 11, requests: 29_159, errors: 0, mean: 0.5, p50: 1, p99: 4.974, max: 9 },
  ...changes
})

describe("bar", () => {
  it("shows the share done, elapsed and remaining time, throughput and p99", () => {
    assert.strictEqual(
      bar(state(), 100),
      "[██████████░░░░░░░░░░░░░░] 40%  12s elapsed, 18s left  29,159 req/s  p99 4.97 ms"
    )
    const errors = { second: 11, requests: 0, errors: 1234, mean: 0, p50: 0, p99: 0, max: 0 }
    assert.match(
      bar(state({ elapsed: 75, last: errors }), 120),
      /1m15s elapsed, 1m53s left {2}0 req\/s .* 1,234 errors$/
    )
  })

  it("says that it warms up, and shows no figure that it does not have", () => {
    assert.match(bar(state({ elapsed: -0.4, done: -0.01, last: undefined })), /^\[░+\] +0% {2}warming up$/)
    assert.match(bar(state({ elapsed: 0.2, done: 0, last: undefined })), /^\[░+\] +0% {2}0s elapsed$/)
  })

  it("never exceeds 100 %", () => {
    assert.match(bar(state({ done: 1 }), 100), /^\[█{24}\]100% {2}12s elapsed, 0s left/)
    assert.match(bar(state({ done: 1.7 }), 100), /^\[█{24}\]100% {2}12s elapsed, 0s left/)
  })

  it("never fills a row of the terminal, whose rest would never go away", () => {
    for (let columns = 0; columns <= 120; columns++) {
      assert.isAtMost(bar(state(), columns).length, Math.max(0, columns - 1))
    }
    assert.include(bar(state(), 80), "p99 4.97 ms")
  })
})

describe("line", () => {
  it("says the same in words", () => {
    assert.strictEqual(line(state()), "12s elapsed, 18s left, 40% done  29,159 req/s  p99 4.97 ms")
    assert.strictEqual(line(state({ elapsed: -1, done: -0.1, last: undefined })), "warming up")
  })
})
