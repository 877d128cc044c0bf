/** The clock that clients move: what it answers, what it runs, and that it never does half a step. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { type ClockAction, MAX_CLOCK_MILLIS } from "../../src/domain/Command.ts"
import * as Reply from "../../src/domain/Reply.ts"
import { VirtualClock } from "../../src/server/VirtualClock.ts"
import * as Changes from "./Changes.ts"

/** The clock under test, to which the time of the suite is the real one. */
const make = Effect.gen(function* () {
  const suite = yield* Clock.Clock
  const changes = Changes.make()
  let asleep = 0
  let sleeps = 0
  // A copy: from under a `TestClock` itself it would find its way to the machine's.
  const real: Clock.Clock = {
    ...suite,
    sleep: (duration) =>
      Effect.suspend(() => {
        asleep++
        sleeps++
        changes.changed()
        return Effect.ensuring(
          suite.sleep(duration),
          Effect.sync(() => void asleep--)
        )
      })
  }
  /** Moves the suite's time, which is the real one to the clock under test, and waits until its tick is over. */
  const during = (move: Effect.Effect<void>) =>
    Effect.suspend(() => {
      const before = sleeps
      const ticks = asleep > 0
      return Effect.andThen(
        move,
        changes.until(() => !ticks || sleeps > before)
      )
    })
  const context = yield* Effect.provideService(Layer.build(VirtualClock.layer), Clock.Clock, real)
  const { now, onReset, perform, release, unixTime } = Context.get(context, VirtualClock)
  const clock = Context.get(context, Clock.Clock)
  return {
    perform,
    release,
    now,
    onReset,
    /** ms of the monotonic time that everything else reads. */
    underneath: () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n),
    /** Unix time, as everything else reads it. */
    readUnixTime: () => clock.currentTimeMillisUnsafe(),
    unixTime,
    /** Runs an effect in virtual time. */
    within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideContext(effect, context),
    during,
    /** Lets time pass, no more at once than from tick to tick. */
    pass: Effect.fnUntraced(function* (millis: number) {
      for (let passed = 0; passed < millis; passed += 10) yield* during(TestClock.adjust(10))
    }),
    ask: (...actions: ReadonlyArray<ClockAction>) => Effect.forEach(actions, perform)
  }
})

const advance = (millis: number): ClockAction => ({ _tag: "Advance", millis })
const set = (millis: number): ClockAction => ({ _tag: "Set", millis })
const run = (factor: number): ClockAction => ({ _tag: "Run", factor })
const now: ClockAction = { _tag: "Now" }
const freeze: ClockAction = { _tag: "Freeze" }
const reset: ClockAction = { _tag: "Reset" }

describe("a virtual clock", () => {
  it.effect("stands still, until it is moved", () =>
    Effect.gen(function* () {
      const { ask, pass } = yield* make
      yield* pass(1000)
      assert.deepStrictEqual(yield* ask(now, advance(1), now, advance(0), set(10), set(10), now), [
        Reply.time(0),
        Reply.time(1),
        Reply.time(1),
        Reply.time(1),
        Reply.time(10),
        Reply.time(10),
        Reply.time(10)
      ])
    })
  )

  it.effect("has a Unix time that begins at the machine's, and again at a RESET, and moves with the clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_123.75)
      const { ask, pass, readUnixTime, underneath, unixTime } = yield* make
      const see = () => [unixTime(), readUnixTime(), underneath()]
      assert.deepStrictEqual(see(), [1_700_000_000_123, 1_700_000_000_123, 0])
      yield* pass(1000)
      assert.deepStrictEqual(see(), [1_700_000_000_123, 1_700_000_000_123, 0])
      yield* ask(advance(86_400_000))
      assert.deepStrictEqual(see(), [1_700_086_400_123, 1_700_086_400_123, 86_400_000])
      yield* ask(reset)
      assert.deepStrictEqual(see(), [1_700_000_001_123, 1_700_000_001_123, 86_400_000])
      yield* ask(advance(5))
      assert.deepStrictEqual(see(), [1_700_000_001_128, 1_700_000_001_128, 86_400_005])
    })
  )

  it.effect("answers once all that was due has run, in its order and at its time", () =>
    Effect.gen(function* () {
      const clock = yield* make
      const seen: Array<readonly [string, number]> = []
      const note = (name: string) => Effect.sync(() => void seen.push([name, clock.now()]))
      yield* clock.within(
        Effect.gen(function* () {
          yield* Effect.forkScoped(Effect.delay(note("late"), 3000))
          yield* Effect.forkScoped(Effect.delay(note("early"), 1000))
          yield* Effect.forkScoped(
            Effect.sleep(500).pipe(
              Effect.andThen(note("chain")),
              Effect.andThen(Effect.sleep(1000)),
              Effect.andThen(note("chain"))
            )
          )
          yield* Effect.forkScoped(Effect.delay(note("not yet"), 3001))
        })
      )
      assert.deepStrictEqual(yield* clock.ask(advance(3000)), [Reply.time(3000)])
      assert.deepStrictEqual(seen, [
        ["chain", 500],
        ["early", 1000],
        ["chain", 1500],
        ["late", 3000]
      ])
    })
  )

  it.effect("goes forward only, by whole milliseconds, up to its end, and stays where it was if not", () =>
    Effect.gen(function* () {
      const { ask } = yield* make
      assert.deepStrictEqual(
        yield* ask(
          set(1000),
          set(999),
          advance(-1),
          advance(0.5),
          set(Number.NaN),
          advance(MAX_CLOCK_MILLIS),
          set(Number.POSITIVE_INFINITY),
          now,
          set(MAX_CLOCK_MILLIS),
          advance(1)
        ),
        [
          Reply.time(1000),
          Reply.failed("the clock goes forward only: it is 1000 ms"),
          Reply.failed("the clock goes forward only: it is 1000 ms"),
          Reply.failed("the clock goes by whole milliseconds: it is 1000 ms"),
          Reply.failed("the clock goes by whole milliseconds: it is 1000 ms"),
          Reply.failed(`the clock goes up to ${MAX_CLOCK_MILLIS} ms: it is 1000 ms`),
          Reply.failed(`the clock goes up to ${MAX_CLOCK_MILLIS} ms: it is 1000 ms`),
          Reply.time(1000),
          Reply.time(MAX_CLOCK_MILLIS),
          Reply.failed(`the clock goes up to ${MAX_CLOCK_MILLIS} ms: it is ${MAX_CLOCK_MILLIS} ms`)
        ]
      )
    })
  )

  it.effect("is moved by many at once, each from where the one before has left it", () =>
    Effect.gen(function* () {
      const { now: read, perform } = yield* make
      const replies = yield* Effect.forEach(
        [advance(100), set(1000), set(1000), advance(1), ...Array.from({ length: 100 }, () => advance(10))],
        perform,
        { concurrency: "unbounded" }
      )
      assert.strictEqual(read(), 2001)
      assert.deepStrictEqual(replies[2], Reply.time(1000))
      assert.deepStrictEqual(replies.at(-1), Reply.time(2001))
    })
  )

  it.effect("knows nothing of another one", () =>
    Effect.gen(function* () {
      const one = yield* make
      const other = yield* make
      yield* one.ask(advance(1000))
      assert.deepStrictEqual([one.now(), other.now()], [1000, 0])
    })
  )
})

describe("a clock that is reset", () => {
  it.effect("is at 0 again, as often as it is asked to, and goes as it went at first", () =>
    Effect.gen(function* () {
      const { ask } = yield* make
      for (let round = 0; round < 3; round++) {
        assert.deepStrictEqual(
          yield* ask(
            now,
            set(1000),
            advance(MAX_CLOCK_MILLIS - 1000),
            advance(1),
            reset,
            reset,
            now,
            advance(5),
            set(4),
            reset
          ),
          [
            Reply.time(0),
            Reply.time(1000),
            Reply.time(MAX_CLOCK_MILLIS),
            Reply.failed(`the clock goes up to ${MAX_CLOCK_MILLIS} ms: it is ${MAX_CLOCK_MILLIS} ms`),
            Reply.time(0),
            Reply.time(0),
            Reply.time(0),
            Reply.time(5),
            Reply.failed("the clock goes forward only: it is 5 ms"),
            Reply.time(0)
          ]
        )
      }
    })
  )

  it.effect("stands still, whatever it did before", () =>
    Effect.gen(function* () {
      const clock = yield* make
      yield* clock.ask(run(1000))
      yield* clock.pass(100)
      assert.isAbove(clock.now(), 0)
      assert.deepStrictEqual(yield* clock.ask(reset), [Reply.time(0)])
      yield* clock.pass(100)
      assert.strictEqual(clock.now(), 0)
      yield* clock.ask(run(1))
      yield* clock.pass(100)
      assert.isAtLeast(clock.now(), 50)
      assert.isAtMost(clock.now(), 100)
    })
  )

  it.effect("does not go back underneath: what waits for time waits for the rest of it", () =>
    Effect.gen(function* () {
      const clock = yield* make
      yield* clock.ask(set(10_000))
      const fiber = yield* clock.within(Effect.forkScoped(Effect.sleep(1000)))
      yield* clock.ask(advance(400), reset)
      assert.strictEqual(clock.underneath(), 10_400)
      yield* clock.ask(advance(599))
      assert.isUndefined(fiber.pollUnsafe())
      assert.deepStrictEqual(yield* clock.ask(advance(1)), [Reply.time(600)])
      assert.isDefined(fiber.pollUnsafe())
    })
  )

  it.effect("has what belongs to it done at the new start, before it answers, for as long as that wishes", () =>
    Effect.gen(function* () {
      const clock = yield* make
      const seen: Array<number> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* clock.onReset(() => seen.push(clock.now()))
          yield* clock.ask(advance(10), reset)
          assert.deepStrictEqual(seen, [0])
          yield* clock.ask(advance(10), reset)
          assert.deepStrictEqual(seen, [0, 0])
        })
      )
      yield* clock.ask(reset)
      assert.deepStrictEqual(seen, [0, 0])
    })
  )
})

describe("a clock that runs", () => {
  it.effect("goes as time goes, or faster, or slower", () =>
    Effect.gen(function* () {
      for (const [factor, expected] of [
        [1, 1000],
        [60, 60_000],
        [0.5, 500],
        [0.001, 1],
        [1.23, 1230],
        [1_000_000, 1_000_000_000]
      ] as const) {
        const clock = yield* make
        assert.deepStrictEqual(yield* clock.ask(run(factor)), [Reply.time(0)])
        yield* clock.pass(1000)
        const [reply] = yield* clock.ask(freeze)
        assert.strictEqual(reply?._tag, "Time")
        const millis = reply?._tag === "Time" ? reply.millis : Number.NaN
        assert.isTrue(Number.isInteger(millis))
        // Two ticks at its beginning and end are not yet, or not any more.
        assert.isAtMost(millis, expected)
        assert.isAtLeast(millis, Math.floor(expected * 0.97), `factor ${factor}`)
        yield* clock.pass(100)
        assert.deepStrictEqual(yield* clock.ask(now), [Reply.time(millis)])
      }
    })
  )

  it.effect("runs what is due on its way", () =>
    Effect.gen(function* () {
      const clock = yield* make
      const fiber = yield* clock.within(Effect.forkScoped(Effect.as(Effect.sleep("1 minute"), clock.now)))
      yield* clock.ask(run(60))
      yield* clock.pass(900)
      assert.isUndefined(fiber.pollUnsafe())
      yield* clock.pass(200)
      assert.isDefined(fiber.pollUnsafe())
    })
  )

  it.effect("goes by what has passed, not by how often it was looked at", () =>
    Effect.gen(function* () {
      const clock = yield* make
      yield* clock.ask(run(1))
      yield* clock.pass(20)
      // A tick that comes a second late.
      yield* clock.during(TestClock.setTime(1020))
      yield* clock.pass(20)
      assert.isAtLeast(clock.now(), 1000)
      assert.isAtMost(clock.now(), 1040)
    })
  )

  it.effect("may be moved besides, given another speed, and stopped more than once", () =>
    Effect.gen(function* () {
      const clock = yield* make
      yield* clock.ask(freeze, run(1), run(1000), run(1000))
      yield* clock.ask(advance(1_000_000))
      yield* clock.pass(100)
      assert.isAtLeast(clock.now(), 1_080_000)
      assert.isAtMost(clock.now(), 1_100_000)
      const [first, second] = yield* clock.ask(freeze, freeze)
      assert.deepStrictEqual(first, second)
    })
  )

  it.effect("stays at its end", () =>
    Effect.gen(function* () {
      const clock = yield* make
      yield* clock.ask(set(MAX_CLOCK_MILLIS - 10), run(60))
      yield* clock.pass(100)
      assert.strictEqual(clock.now(), MAX_CLOCK_MILLIS)
    })
  )

  it.effect("ends with its scope", () =>
    Effect.gen(function* () {
      const clock = yield* Effect.scoped(Effect.tap(make, ({ ask }) => ask(run(60))))
      const { now: read } = clock
      const before = read()
      yield* clock.pass(100)
      assert.strictEqual(read(), before)
    })
  )
})

describe("a clock that was released", () => {
  it.effect("flows, and is not stopped any more", () =>
    Effect.gen(function* () {
      const clock = yield* make
      yield* clock.ask(run(1000))
      yield* clock.release
      yield* clock.pass(1000)
      assert.isAtLeast(clock.now(), 970)
      assert.isAtMost(clock.now(), 1000)
      const replies = yield* clock.ask(freeze, run(0.001), reset)
      for (const reply of replies) {
        assert.match(
          reply._tag === "Failed" ? reply.message : "",
          /^the server is shutting down, and time flows until it has: it is \d+ ms$/
        )
      }
      const before = clock.now()
      yield* clock.pass(100)
      assert.isAbove(clock.now(), before)
    })
  )
})

describe("a step that is interrupted", () => {
  it.effect("leaves the clock to others", () =>
    Effect.gen(function* () {
      const clock = yield* make
      // It never suspends until it is told to: the step has to wait for it.
      const woken = yield* Deferred.make<void>()
      let isBusy = true
      const busy = Effect.repeat(Effect.yieldNow, { while: () => isBusy })
      yield* clock.within(Effect.forkScoped(Effect.delay(Effect.andThen(Deferred.succeed(woken, undefined), busy), 10)))
      const moving = yield* Effect.forkChild(clock.perform(advance(Duration.toMillis("1 hour"))))
      yield* Deferred.await(woken)
      yield* Fiber.interrupt(moving)
      isBusy = false
      assert.deepStrictEqual(yield* clock.ask(set(Duration.toMillis("2 hours"))), [Reply.time(7_200_000)])
    })
  )
})
