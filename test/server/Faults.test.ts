/** Which reply goes wrong: pure, seeded, counted. What then happens on a socket is in `test/testing/Faults.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { type Fault, Faults } from "../../src/server/Faults.ts"

const delay: Fault = { kind: "delay", millis: 1 }

const make = (...faults: ReadonlyArray<Fault>): Faults => {
  const made = new Faults(1)
  made.set(...faults)
  return made
}

/** Of so many replies to GETs, those that something happens to. */
const hits = (faults: Faults, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => i).filter((i) => faults.forReply(`key${i}`, i) !== undefined)

describe("faults", () => {
  it("are none at first, and none when they are cleared", () => {
    const faults = new Faults(1)
    assert.isUndefined(faults.forReply("a", 0))
    assert.isFalse(faults.refusesConnection())
    faults.set(delay, { kind: "refuse" })
    assert.strictEqual(faults.forReply("a", 0), delay)
    assert.isTrue(faults.refusesConnection())
    faults.clear()
    assert.isUndefined(faults.forReply("a", 0))
    assert.isFalse(faults.refusesConnection())
  })

  it("happen to all replies where nothing else is said", () => {
    const faults = make(delay)
    for (const key of ["a", "b", undefined]) assert.strictEqual(faults.forReply(key, 0), delay)
    assert.strictEqual(hits(faults, 1000).length, 1000)
  })

  it("happen to the keys that they are for", () => {
    const cases: ReadonlyArray<readonly [NonNullable<Fault["keys"]>, ReadonlyArray<string>]> = [
      [/^session:/, ["session:1", "session:2"]],
      // A flag that makes an expression remember where it was must not make every second key miss.
      [/^session:/g, ["session:1", "session:2"]],
      [/SESSION:/iy, ["session:1", "session:2"]],
      [/^$/, []],
      [(key) => key.endsWith("1"), ["session:1", "user:1"]]
    ]
    for (const [keys, expected] of cases) {
      const faults = make({ ...delay, keys })
      const all = ["session:1", "session:2", "user:1"]
      assert.deepStrictEqual(
        all.filter((key) => faults.forReply(key, 0) !== undefined),
        expected,
        String(keys)
      )
      assert.isUndefined(faults.forReply(undefined, 0), "what has no key is not for keys")
      assert.strictEqual(faults.forReply("session:1", 0) !== undefined, expected.includes("session:1"))
    }
  })

  it("happen so many times", () => {
    assert.deepStrictEqual(hits(make({ ...delay, times: 3 }), 10), [0, 1, 2])
    assert.deepStrictEqual(hits(make({ ...delay, times: 0 }), 10), [])
    assert.deepStrictEqual(hits(make({ ...delay, times: 2, keys: /[13579]$/ }), 10), [1, 3])
  })

  it("are counted anew when they are set anew", () => {
    const faults = make({ ...delay, times: 1 })
    assert.deepStrictEqual(hits(faults, 3), [0])
    faults.set({ ...delay, times: 1 })
    assert.deepStrictEqual(hits(faults, 3), [0])
  })

  it("close a connection after so many replies, and not before", () => {
    const faults = make({ kind: "close", afterReplies: 3 })
    assert.deepStrictEqual(hits(faults, 6), [3, 4, 5])
    assert.deepStrictEqual(hits(make({ kind: "close", afterReplies: 0 }), 2), [0, 1])
  })

  it("refuse connections, not replies; and only those close connections", () => {
    const faults = make({ kind: "refuse", times: 2 })
    assert.deepStrictEqual(hits(faults, 3), [])
    assert.deepStrictEqual(
      [faults.refusesConnection(), faults.refusesConnection(), faults.refusesConnection()],
      [true, true, false]
    )
    assert.isFalse(make(delay).refusesConnection())
  })

  it("are tried in their order: the first that fits is the one that happens", () => {
    const session: Fault = { kind: "truncate", bytes: 1, keys: /^session:/, times: 1 }
    const faults = make(session, delay)
    assert.strictEqual(faults.forReply("a", 0), delay)
    assert.strictEqual(faults.forReply("session:1", 1), session)
    assert.strictEqual(faults.forReply("session:1", 2), delay)
  })

  it("cost a fault that does not happen none of its times", () => {
    const faults = make({ ...delay, probability: 0.5, times: 5 })
    assert.strictEqual(hits(faults, 1000).length, 5)
  })
})

describe("chance", () => {
  const outcome = (seed: number, probability: number, count: number): ReadonlyArray<number> => {
    const faults = new Faults(seed)
    faults.set({ ...delay, probability })
    return hits(faults, count)
  }

  it("is decided by the seed", () => {
    for (const seed of [0, 1, 2, -1, 4711, 2 ** 32, 1.5]) {
      assert.deepStrictEqual(outcome(seed, 0.3, 200), outcome(seed, 0.3, 200))
    }
    assert.notDeepEqual(outcome(1, 0.3, 200), outcome(2, 0.3, 200))
  })

  it("is as large as it is said to be", () => {
    for (const probability of [0.01, 0.1, 0.5, 0.9]) {
      const share = outcome(7, probability, 20_000).length / 20_000
      assert.closeTo(share, probability, 0.02)
    }
  })

  it("of 0 is never, and of 1 is always", () => {
    assert.deepStrictEqual(outcome(1, 0, 1000), [])
    assert.strictEqual(outcome(1, 1, 1000).length, 1000)
  })

  it("is not asked for keys that the fault is not for", () => {
    const faults = new Faults(3)
    faults.set({ ...delay, probability: 0.5, keys: /^key/ })
    const mixed = Array.from({ length: 100 }, (_, i) => {
      faults.forReply("other", 0)
      return faults.forReply(`key${i}`, i) === undefined ? [] : [i]
    }).flat()
    assert.deepStrictEqual(mixed, outcome(3, 0.5, 100))
  })
})
