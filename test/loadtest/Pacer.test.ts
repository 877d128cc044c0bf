import { assert, describe, it } from "@effect/vitest"
import { Pacer, type PacerOptions, type Sender } from "../../src/loadtest/Pacer.ts"

const MILLI = 1e6

/** A connection that answers only on demand. */
const makeSender = () => {
  const sends: Array<{ readonly count: number; readonly since: number | undefined }> = []
  const sender = {
    inFlight: 0,
    sends,
    send: (count: number, since?: number) => {
      sends.push({ count, since })
      sender.inFlight += count
    },
    total: () => sends.reduce((sum, { count }) => sum + count, 0)
  } satisfies Sender & Record<string, unknown>
  return sender
}

/** A pacer of two connections with a pipeline of two, unless the options say otherwise, that starts at 1000 ms. */
const START = 1000 * MILLI
const make = (options: Partial<PacerOptions>, first = 0, count = 2) => {
  const all: PacerOptions = { connections: 2, pipeline: 1, patience: 100 * MILLI, ...options }
  return new Pacer(all, first, count, START)
}

/** The connections that have a new request to send. */
const dueOf = (pacer: Pacer, now: number): ReadonlyArray<number> => {
  const indices: Array<number> = []
  pacer.eachDue(now, (index) => indices.push(index))
  return indices
}

const at = (millis: number): number => START + millis * MILLI

describe("closed loop", () => {
  it("fills the pipeline at once, and again as answers come, up to the count", () => {
    const pacer = make({ requests: 10, pipeline: 4 })
    const sender = makeSender()
    assert.isFalse(pacer.feed(0, sender, at(0)))
    assert.isFalse(pacer.feed(0, sender, at(1)))
    assert.deepStrictEqual(sender.sends, [{ count: 4, since: undefined }])
    sender.inFlight = 1
    assert.isFalse(pacer.feed(0, sender, at(2)))
    sender.inFlight = 0
    assert.isFalse(pacer.feed(0, sender, at(3)))
    assert.deepStrictEqual(
      sender.sends.map(({ count }) => count),
      [4, 3, 3]
    )
    assert.isTrue(pacer.feed(0, sender, at(4)))
    assert.strictEqual(sender.total(), 10)
    assert.strictEqual(pacer.unsent(at(1000)), 0)
  })

  it("sends nothing more after its time", () => {
    const pacer = make({ duration: 50 * MILLI })
    const sender = makeSender()
    assert.isFalse(pacer.feed(0, sender, at(49.9)))
    sender.inFlight = 0
    assert.isTrue(pacer.feed(0, sender, at(50)))
    assert.strictEqual(sender.total(), 1)
  })

  it("ends after its count or its duration, whichever is sooner", () => {
    const pacer = make({ requests: 1, duration: 50 * MILLI })
    const sender = makeSender()
    pacer.feed(0, sender, at(0))
    assert.isTrue(pacer.feed(0, sender, at(1)))
  })

  it("counts each connection separately", () => {
    const pacer = make({ requests: 1 })
    const [a, b] = [makeSender(), makeSender()]
    pacer.feed(0, a, at(0))
    pacer.feed(1, b, at(0))
    assert.deepStrictEqual([a.total(), b.total()], [1, 1])
  })
})

describe("open loop", () => {
  // 100 requests/s over two connections: each has one every 20 ms, and the second is 10 ms behind the first.
  const rate = 100

  it("sends at moments that are fixed in advance, in turn over the connections", () => {
    const pacer = make({ rate, requests: 3 })
    const senders = [makeSender(), makeSender()] as const
    for (let millis = 0; millis <= 60; millis++) {
      senders.forEach((sender, index) => {
        sender.inFlight = 0
        pacer.feed(index, sender, at(millis))
      })
    }
    const moments = senders.map((sender) => sender.sends.map(({ since }) => since))
    assert.deepStrictEqual(moments, [
      [at(0), at(20), at(40)],
      [at(10), at(30), at(50)]
    ])
    assert.isTrue(pacer.feed(0, senders[0], at(61)))
  })

  it("counts from the moment, however late it is sent", () => {
    const pacer = make({ rate, requests: 100 })
    const sender = makeSender()
    pacer.feed(0, sender, at(0))
    // The server stalls for 50 ms, and two more moments pass.
    assert.isFalse(pacer.feed(0, sender, at(50)))
    assert.strictEqual(sender.total(), 1)
    assert.strictEqual(pacer.unsent(at(50)), 2 + 3)
    for (const _ of [1, 2]) {
      sender.inFlight = 0
      pacer.feed(0, sender, at(50))
    }
    assert.deepStrictEqual(
      sender.sends.map(({ since }) => since),
      [at(0), at(20), at(40)]
    )
    sender.inFlight = 0
    pacer.feed(0, sender, at(50))
    assert.strictEqual(sender.total(), 3)
  })

  it("sends due requests at once, as far as the pipeline has room", () => {
    const pacer = make({ rate, pipeline: 3, requests: 100 })
    const sender = makeSender()
    pacer.feed(0, sender, at(90))
    assert.deepStrictEqual(
      sender.sends,
      [0, 20, 40].map((millis) => ({ count: 1, since: at(millis) }))
    )
  })

  it("has no moments after its end, but still sends earlier ones for as long as a request may take", () => {
    const pacer = make({ rate, duration: 50 * MILLI })
    const sender = makeSender()
    pacer.feed(0, sender, at(0))
    sender.inFlight = 0
    // Due before the end: 0, 20 and 40 ms.
    assert.isFalse(pacer.feed(0, sender, at(120)))
    sender.inFlight = 0
    assert.isTrue(pacer.feed(0, sender, at(130)))
    assert.strictEqual(sender.total(), 3)
    // Due before the end: 10 and 30 ms. The moment at 50 ms is the end itself.
    const late = makeSender()
    pacer.feed(1, late, at(60))
    late.inFlight = 0
    assert.isTrue(pacer.feed(1, late, at(151)))
    assert.strictEqual(late.total(), 1)
    assert.strictEqual(pacer.unsent(at(151)), 1)
  })

  it("has the same schedule whichever thread has the connection", () => {
    const pacer = make({ rate: 1000, connections: 10, requests: 5 }, 7, 2)
    const sender = makeSender()
    sender.inFlight = -10
    pacer.feed(1, sender, at(100))
    assert.deepStrictEqual(
      sender.sends.map(({ since }) => since),
      [8, 18, 28, 38, 48].map(at)
    )
  })

  it("visits each connection with something new to send once", () => {
    const pacer = make({ rate: 1000, connections: 10, requests: 5 }, 7, 2)
    assert.deepStrictEqual(dueOf(pacer, at(0)), [])
    assert.deepStrictEqual(dueOf(pacer, at(6.9)), [])
    assert.deepStrictEqual(dueOf(pacer, at(7)), [0])
    assert.deepStrictEqual(dueOf(pacer, at(7.5)), [])
    assert.deepStrictEqual(dueOf(pacer, at(18)), [0, 1])
    assert.deepStrictEqual(dueOf(pacer, at(20)), [])
    assert.sameMembers([...dueOf(pacer, at(1000))], [0, 1])
    assert.deepStrictEqual(dueOf(pacer, at(2000)), [])
  })

  it("gives the next moment of its own connections, and none after the last", () => {
    const pacer = make({ rate: 1000, connections: 10, requests: 2 }, 7, 2)
    const moments: Array<number> = []
    while (pacer.nextMoment < Number.POSITIVE_INFINITY) {
      const now = pacer.nextMoment
      moments.push(now)
      assert.strictEqual(dueOf(pacer, now).length, 1)
    }
    assert.deepStrictEqual(moments, [7, 8, 17, 18].map(at))
  })

  it("never visits a connection that has nothing to send, whatever the rate", () => {
    for (const rate of [3, 7, 333, 9999, 10_001, 123_456.7]) {
      const connections = 7
      const pacer = make({ rate, connections, pipeline: 1 }, 0, connections)
      const senders = Array.from({ length: connections }, makeSender)
      for (let step = 0; step < 3000; step++) {
        const now = START + Math.round((step * 1e9) / rate / 2.9)
        for (const index of dueOf(pacer, now)) {
          const sender = senders[index]
          if (sender === undefined) continue
          const before = sender.total()
          sender.inFlight = 0
          pacer.feed(index, sender, now)
          assert.strictEqual(sender.total(), before + 1)
        }
        assert.strictEqual(pacer.unsent(now), 0)
      }
    }
  })

  it("has exactly as many requests in its duration as the rate implies", () => {
    for (const [rate, millis, total] of [
      [10_000, 6000, 60_000],
      [10, 300, 3],
      [9999, 1000, 9999],
      [1, 1500, 2],
      [0.5, 1000, 1]
    ] as const) {
      const pacer = make({ rate, duration: millis * MILLI, connections: 3 }, 0, 3)
      assert.strictEqual(pacer.unsent(at(millis)), total)
      assert.strictEqual(pacer.unsent(at(1e9)), total)
    }
  })

  it("keeps its schedule for a day without drifting", () => {
    const pacer = make({ rate: 9999, connections: 1, pipeline: 1 }, 0, 1)
    assert.strictEqual(pacer.unsent(at(86_400_000)), 86_400 * 9999 + 1)
  })
})

describe("a lost connection", () => {
  it("fails one request that was still to come, or none if none was", () => {
    for (const rate of [undefined, 100]) {
      const pacer = make({ rate, requests: 2, pipeline: 1 })
      const sender = makeSender()
      pacer.feed(0, sender, at(0))
      sender.inFlight = 0
      pacer.fail(0, sender, at(1))
      pacer.fail(0, sender, at(1))
      assert.strictEqual(sender.total(), 2)
      const timed = make({ rate, duration: 50 * MILLI })
      timed.fail(0, sender, at(50))
      assert.strictEqual(sender.total(), 2)
    }
  })
})
