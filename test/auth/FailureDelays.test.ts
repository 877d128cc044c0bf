import { assert, describe, it } from "@effect/vitest"
import { FailureDelays, FORGOTTEN_AFTER, MAX_NETWORKS } from "../../src/auth/FailureDelays.ts"

const failing = (delays: FailureDelays, network: string, times: number, now: number): void => {
  for (let time = 0; time < times; time++) delays.failed(network, now)
}

describe("the delay of a network", () => {
  it("grows with its failures, up to 2 s", () => {
    const delays = new FailureDelays()
    const seen: Array<number> = []
    for (let failure = 0; failure < 9; failure++) {
      seen.push(delays.delay("a", 0))
      delays.failed("a", 0)
    }
    assert.deepStrictEqual(seen, [0, 0, 0, 250, 500, 1000, 2000, 2000, 2000])
    failing(delays, "a", 2000, 0)
    assert.strictEqual(delays.delay("a", 0), 2000)
  })

  it("is no other's", () => {
    const delays = new FailureDelays()
    failing(delays, "a", 5, 0)
    assert.strictEqual(delays.delay("b", 0), 0)
  })

  it("is forgotten after a success", () => {
    const delays = new FailureDelays()
    failing(delays, "a", 5, 0)
    delays.succeeded("a")
    assert.strictEqual(delays.delay("a", 0), 0)
    failing(delays, "a", 3, 0)
    assert.strictEqual(delays.delay("a", 0), 250)
  })

  it("is forgotten after some time without a failure", () => {
    const delays = new FailureDelays()
    failing(delays, "a", 4, 0)
    delays.failed("a", 1000)
    assert.strictEqual(delays.delay("a", 1000 + FORGOTTEN_AFTER - 1), 1000)
    assert.strictEqual(delays.delay("a", 1000 + FORGOTTEN_AFTER), 0)
    delays.failed("a", 1000 + FORGOTTEN_AFTER)
    assert.strictEqual(delays.delay("a", 1000 + FORGOTTEN_AFTER), 0)
  })

  it("is forgotten of the network that failed longest ago, where the table is full", () => {
    const delays = new FailureDelays()
    failing(delays, "first", 3, 0)
    failing(delays, "second", 3, 1)
    for (let network = 0; network < MAX_NETWORKS - 2; network++) failing(delays, `n${network}`, 3, 2)
    // The first one has failed again since.
    delays.failed("first", 3)
    delays.failed("one more", 4)
    assert.strictEqual(delays.delay("second", 4), 0)
    assert.strictEqual(delays.delay("first", 4), 500)
    assert.strictEqual(delays.delay("n0", 4), 250)
  })

  it("is the same as in a model without a bound, for random failures, successes and moments", () => {
    const delays = new FailureDelays()
    const model = new Map<string, { count: number; at: number }>()
    let seed = 1
    const below = (bound: number): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % bound
    }
    let now = 0
    for (let step = 0; step < 20_000; step++) {
      now += below(100) === 0 ? below(2 * FORGOTTEN_AFTER) : below(1000)
      const network = `n${below(20)}`
      const known = model.get(network)
      const count = known !== undefined && now - known.at < FORGOTTEN_AFTER ? known.count : 0
      assert.strictEqual(delays.delay(network, now), count < 3 ? 0 : Math.min(2000, 250 * 2 ** (count - 3)))
      if (below(4) === 0) {
        delays.succeeded(network)
        model.delete(network)
      } else {
        delays.failed(network, now)
        model.set(network, { count: count + 1, at: now })
      }
    }
  })
})
