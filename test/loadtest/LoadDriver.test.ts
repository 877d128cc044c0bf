/** One thread's share of a load test in virtual time, against a scripted server. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { merge } from "../../src/loadtest/Histogram.ts"
import { LoadDriver, type LoadPlan } from "../../src/loadtest/LoadDriver.ts"
import type { Latency } from "../../src/loadtest/LoadResult.ts"
import type { Recording, SliceRecord } from "../../src/loadtest/Recorder.ts"
import { toLatency } from "../../src/loadtest/Statistics.ts"
import { TextWire } from "../../src/loadtest/TextWire.ts"
import { Timeline } from "../../src/loadtest/Timeline.ts"
import { makeVocabulary } from "../../src/loadtest/Workload.ts"
import * as Changes from "../server/Changes.ts"
import { latencyOf } from "./fixtures.ts"
import { optionsOf, type Changes as OptionChanges } from "./Options.ts"
import * as ScriptedServer from "./ScriptedServer.ts"

/** The text protocol with a way to wait for a number of processed answers. */
class Witness extends TextWire {
  private answers = 0
  private readonly changes = Changes.make()

  override read(bytes: Buffer, at: number, end: number, asked: number): number {
    const next = super.read(bytes, at, end, asked)
    if (next >= 0) this.answers++
    // Runs after the driver has handled the answer too.
    queueMicrotask(this.changes.changed)
    return next
  }

  answered(count: number) {
    return this.changes.until(() => this.answers >= count)
  }
}

/** A driver of all connections of a test: one connection, unless `changes` says otherwise. */
const drive = Effect.fnUntraced(function* (peer: ScriptedServer.ScriptedServer, changes: OptionChanges = {}) {
  const {
    program: _,
    threads: __,
    ...options
  } = optionsOf(peer, {
    ...changes,
    workload: { connections: 1, ...changes.workload }
  })
  const plan: LoadPlan = { ...options, first: 0, end: options.workload.connections }
  const witness = new Witness(makeVocabulary(plan.workload), plan.ttl)
  const slices: Array<SliceRecord> = []
  const clock = yield* Clock.clockWith(Effect.succeed)
  const driver = new LoadDriver(plan, witness, clock, (slice) => slices.push(slice))
  yield* driver.open
  const stop = yield* Deferred.make<void>()
  const running = yield* Effect.forkScoped(driver.run(Deferred.await(stop)))
  // The first answer of each connection belongs to the request that opens it.
  const answered = (count: number) => witness.answered(plan.end + count)
  return { running, answered, slices, stop: Deferred.succeed(stop, undefined), result: Fiber.join(running) }
})

/** The number of recorded latencies. */
const countOf = ({ get, put }: Recording): number => merge([put, get]).count

/** The whole seconds of a thread's slices. */
const secondsOf = (slices: ReadonlyArray<SliceRecord>) => {
  const timeline = new Timeline(1, () => {})
  for (const slice of slices) timeline.add(slice)
  return timeline.end(0).seconds
}

const STEP = 5
const STALL = { from: 1000, to: 3000 }
const isStalled = (time: number): boolean => time >= STALL.from && time < STALL.to

/**
 * A queue with one server, simulated: it answers requests one at a time, each at the first step after its sending. It
 * does not answer while it stalls.
 */
const simulate = (moments: (request: number, lastAnswer: number) => number, count: number) => {
  const row: Array<{ readonly sent: number; readonly answered: number; readonly latency: number }> = []
  let answered = 0
  for (let request = 0; request < count; request++) {
    const moment = moments(request, answered)
    const sent = Math.max(moment, answered)
    answered = (Math.floor(sent / STEP) + 1) * STEP
    while (isStalled(answered)) answered += STEP
    row.push({ sent, answered, latency: answered - moment })
  }
  return row
}

/** Runs a driver against such a server step by step and gives the actual and the expected figures. */
const stallFor = Effect.fnUntraced(function* (
  changes: OptionChanges,
  moments: (request: number, lastAnswer: number) => number
) {
  const count = 500
  const expected = simulate(moments, count)
  const peer = yield* ScriptedServer.listen()
  peer.hold()
  const { answered, result, slices } = yield* drive(peer, { requests: count, timeout: 60_000, ...changes })
  for (let time = 0; expected.some((request) => request.answered > time); time += STEP) {
    yield* peer.received(expected.filter(({ sent }) => sent <= time).length)
    const ready = peer.held()
    yield* TestClock.adjust(STEP)
    if (!isStalled(time + STEP)) peer.release(ready)
    yield* answered(expected.filter((request) => request.answered <= time + STEP).length)
  }
  const { put, get } = (yield* result).recording
  const actual = toLatency(merge([put, get]))
  return { actual, expected: latencyOf(expected.map(({ latency }) => latency)), seconds: secondsOf(slices) }
})

const assertClose = (actual: Latency, expected: Latency) => {
  assert.strictEqual(actual.count, expected.count)
  for (const name of ["min", "mean", "p50", "p90", "p95", "p99", "p999", "max"] as const) {
    assert.closeTo(actual[name], expected[name], 0.002 * expected[name], name)
  }
}

describe("a server that stalls for two seconds", () => {
  it.effect("shows in the percentiles of an open loop, because requests still become due", () =>
    Effect.gen(function* () {
      const { actual, expected, seconds } = yield* stallFor({ rate: 100 }, (request) => request * 10)
      assertClose(actual, expected)
      // Of 500 requests, 200 were due while the server stalled, and later ones waited for them.
      assert.isAbove(actual.p50, 500)
      assert.isAbove(actual.p99, 1900)
      assert.closeTo(actual.max, 2005, 5)
      assert.deepStrictEqual(
        seconds.map(({ requests }) => requests),
        [100, 0, 0, 200, 200]
      )
      assert.strictEqual(seconds[1]?.max, 0)
    })
  )

  it.effect("hardly shows in those of a closed loop, which sends nothing in the meantime", () =>
    Effect.gen(function* () {
      const { actual, expected } = yield* stallFor({}, (_, lastAnswer) => lastAnswer)
      assertClose(actual, expected)
      assert.closeTo(actual.p99, STEP, 0.01)
      assert.closeTo(actual.max, 2005, 5)
    })
  )
})

describe("an open loop", () => {
  it.effect("sends on its schedule over all connections, and records the lag", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const { answered, result } = yield* drive(peer, { rate: 1000, requests: 10, workload: { connections: 4 } })
      for (let millis = 0; millis < 40; millis++) {
        yield* answered(millis + 1)
        assert.strictEqual(peer.requests.at(-1)?.connection, millis % 4)
        yield* TestClock.adjust(1)
      }
      const { elapsed, recording, unsent } = yield* result
      assert.deepInclude(recording, { errors: {} })
      // The smallest time of a histogram, which stands for no lag.
      assert.strictEqual(recording.lag.max, 1)
      assert.strictEqual(recording.putCount + recording.getCount, 40)
      assert.strictEqual(unsent, 0)
      assert.strictEqual(elapsed, 39e6)
    })
  )

  it.effect("reports its lag and the requests that it never sent", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      peer.hold()
      const { answered, result, stop } = yield* drive(peer, { rate: 100, requests: 1000 })
      yield* peer.received(1)
      yield* TestClock.adjust(500)
      peer.release(1)
      yield* answered(1)
      yield* peer.received(2)
      yield* TestClock.adjust(100)
      yield* stop
      const { recording, unsent } = yield* result
      // The second request was due at 10 ms and sent at 500 ms. By 600 ms, 61 were due.
      assert.strictEqual(recording.lag.max, 490e6)
      assert.strictEqual(unsent, 59)
    })
  )

  it.effect("with a duration sends what is due before its end, and waits for the answers", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const { answered, result, running } = yield* drive(peer, { rate: 100, requests: undefined, duration: 1000 })
      for (let sent = 0; sent < 100; sent++) {
        yield* sent < 99 ? answered(sent + 1) : peer.received(100)
        if (sent === 98) peer.hold()
        yield* TestClock.adjust(10)
      }
      yield* TestClock.adjust(200)
      assert.isUndefined(running.pollUnsafe())
      peer.release(1)
      const { elapsed, recording, unsent } = yield* result
      assert.strictEqual(recording.putCount + recording.getCount, 100)
      assert.strictEqual(unsent, 0)
      assert.strictEqual(elapsed, 1200e6)
    })
  )

  it.effect("meets its moments for a thousand connections without looking at each", () =>
    Effect.gen(function* () {
      const connections = 1000
      const peer = yield* ScriptedServer.listen()
      const { answered, result } = yield* drive(peer, { rate: 1000, requests: 1, workload: { connections } })
      for (let millis = 0; millis < connections; millis++) {
        yield* answered(millis + 1)
        yield* TestClock.adjust(1)
      }
      const { recording } = yield* result
      assert.strictEqual(recording.putCount + recording.getCount, connections)
      // Virtual time is exact, so any lag would be that of an overlooked request.
      assert.strictEqual(recording.lag.max, 1)
    })
  )
})

describe("a request that takes too long", () => {
  it.effect("fails, its late answer is dropped, and later answers match their own requests", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      peer.hold()
      const { answered, result } = yield* drive(peer, { requests: 6, pipeline: 2, timeout: 1000 })
      yield* peer.received(2)
      yield* TestClock.adjust(1000)
      assert.strictEqual(peer.requests.length, 2)
      // Two requests fail and two more are sent, and then again.
      yield* TestClock.adjust(20)
      yield* peer.received(4)
      yield* TestClock.adjust(1020)
      yield* peer.received(6)
      peer.release(6)
      yield* answered(6)
      const { isServerLost, recording } = yield* result
      assert.deepStrictEqual(recording.errors, { timeout: 4 })
      assert.strictEqual(recording.putCount + recording.getCount, 6)
      assert.strictEqual(countOf(recording), 2)
      assert.isFalse(isServerLost)
    })
  )

  it.effect("fails even if its answer arrives before the next check", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      peer.hold()
      const { answered, result } = yield* drive(peer, { requests: 1, timeout: 10 })
      yield* peer.received(1)
      yield* TestClock.adjust(15)
      peer.release(1)
      yield* answered(1)
      const { recording } = yield* result
      assert.deepStrictEqual(recording.errors, { timeout: 1 })
      assert.strictEqual(countOf(recording), 0)
    })
  )

  it.effect("in an open loop counts from its moment, whether sent or not", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      peer.hold()
      const { answered, result } = yield* drive(peer, { rate: 10, requests: 30, timeout: 1000 })
      yield* peer.received(1)
      yield* TestClock.adjust(1500)
      // The first request fails after 1 s. Then those that were due by 0.5 s fail, one after another.
      yield* peer.received(6)
      peer.release(6)
      yield* answered(6)
      for (let sent = 7; sent <= 30; sent++) {
        yield* peer.received(sent)
        peer.release(1)
        yield* answered(sent)
        yield* TestClock.adjust(100)
      }
      const { recording } = yield* result
      assert.strictEqual(recording.putCount + recording.getCount, 30)
      assert.isAtLeast(recording.errors.timeout ?? 0, 5)
      assert.isAtMost(recording.errors.timeout ?? 0, 7)
    })
  )
})

describe("the warm-up", () => {
  it.effect("is not counted, with a duration", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const { answered, result, slices } = yield* drive(peer, { rate: 10, requests: 5, warmup: 2500 })
      for (let sent = 1; sent <= 30; sent++) {
        yield* answered(sent)
        yield* TestClock.adjust(100)
      }
      const { elapsed, recording } = yield* result
      assert.strictEqual(peer.requests.length, 30)
      assert.strictEqual(recording.putCount + recording.getCount, 5)
      assert.strictEqual(elapsed, 400e6)
      assert.deepStrictEqual(
        secondsOf(slices).map(({ requests, second }) => [second, requests]),
        [[0, 5]]
      )
    })
  )

  it.effect("is not counted, with a number of requests", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const { result } = yield* drive(peer, { requests: 20, warmup: 1000, warmupRequests: 3 })
      const { recording } = yield* result
      assert.strictEqual(peer.requests.length, 23)
      assert.strictEqual(recording.putCount + recording.getCount, 20)
    })
  )

  it.effect("can end early: nothing is measured, and nothing more is sent", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      peer.hold()
      const { result, stop } = yield* drive(peer, { warmup: 1000, rate: 10 })
      yield* peer.received(1)
      yield* TestClock.adjust(350)
      yield* stop
      const { elapsed, isServerLost, recording, unsent } = yield* result
      assert.strictEqual(recording.putCount + recording.getCount, 0)
      assert.deepStrictEqual([elapsed, isServerLost, unsent], [0, false, 0])
      peer.release(1)
      yield* TestClock.adjust(5000)
      assert.strictEqual(peer.requests.length, 1)
      assert.strictEqual(countOf(recording), 0)
    })
  )
})

describe("a connection that is lost", () => {
  it.effect("fails what was in flight, and ends the run if it was the last one", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      peer.hold()
      const { result } = yield* drive(peer, { requests: 100, pipeline: 3, workload: { connections: 2 } })
      yield* peer.received(6)
      peer.cut()
      const { isServerLost, recording } = yield* result
      assert.deepStrictEqual(recording.errors, { closed: 6 })
      assert.isTrue(isServerLost)
    })
  )

  it.effect("shows even with nothing in flight: the next request of each fails", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen()
      const { answered, result } = yield* drive(peer, { rate: 10, requests: 100, workload: { connections: 4 } })
      yield* answered(1)
      yield* TestClock.adjust(150)
      yield* answered(2)
      peer.cut()
      const { isServerLost, recording } = yield* result
      assert.deepStrictEqual(recording.errors, { closed: 4 })
      assert.isTrue(isServerLost)
    })
  )

  it.effect("shows even if it was lost in the warm-up", () =>
    Effect.gen(function* () {
      const peer = yield* ScriptedServer.listen(() => "close")
      for (const rate of [undefined, 100]) {
        const { result } = yield* drive(peer, { warmup: 1000, rate, workload: { connections: 2 } })
        yield* TestClock.adjust(2000)
        const { isServerLost, recording } = yield* result
        assert.deepStrictEqual(recording.errors, { closed: 2 })
        assert.isTrue(isServerLost)
      }
    })
  )

  it.effect("in an open loop fails everything due on it while others go on", () =>
    Effect.gen(function* () {
      const cache = ScriptedServer.asCache()
      const peer = yield* ScriptedServer.listen((request) => (request.connection === 1 ? "close" : cache(request)))
      const { answered, result } = yield* drive(peer, { rate: 100, requests: 10, workload: { connections: 2 } })
      for (let own = 1; own <= 10; own++) {
        yield* answered(own)
        yield* TestClock.adjust(20)
        if (own === 1) yield* peer.received(2)
      }
      const { isServerLost, recording } = yield* result
      assert.deepStrictEqual(recording.errors, { closed: 10 })
      assert.strictEqual(recording.putCount + recording.getCount, 20)
      assert.isFalse(isServerLost)
    })
  )
})
