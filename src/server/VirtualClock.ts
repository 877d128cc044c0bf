/**
 * A clock that stands still until it is moved, for servers in tests: Effect's `TestClock`, which clients can move.
 *
 * Its Unix time begins at the machine's, because clients compute deadlines in Unix time from their own clocks. From then
 * on it moves with CLOCK only.
 *
 * It is a layer like any other clock. Store, expirer and server do not know which clock they have. Only the CLOCK
 * command (`Connection.ts`) asks for the service itself.
 *
 * CLOCK counts ms since the start. CLOCK RESET is a new start: it counts from 0 again, Unix time begins at the machine's
 * again, and time stands still. Underneath, the monotonic time of the Clock begins at 0 and never goes back, so that
 * measured times and waits stay right. Connections
 * stay open. They keep their idle time. A late reply comes when the rest of its delay has passed.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as TestClock from "effect/testing/TestClock"
import { type ClockAction, MAX_CLOCK_MILLIS } from "../domain/Command.ts"
import * as Reply from "../domain/Reply.ts"
import * as QuietClock from "./QuietClock.ts"
import { CurrentTraffic, Traffic } from "./Traffic.ts"

export interface VirtualClockService {
  /** Does what a CLOCK command says. The reply comes when everything that was due by the new time has run. */
  readonly perform: (action: ClockAction) => Effect.Effect<Reply.Reply>
  /** ms since the start, or since the last CLOCK RESET. */
  readonly now: () => number
  /** Unix time in ms. */
  readonly unixTime: () => number
  /** Runs `task` at each CLOCK RESET, in the same instant, for as long as the scope is open. */
  readonly onReset: (task: () => void) => Effect.Effect<void, never, Scope.Scope>
  /** Lets real time flow for good, so that a shutdown does not wait for ever. */
  readonly release: Effect.Effect<void>
}

/** How often a running clock is moved, in real time. */
const TICK = Duration.millis(10)

/** `TestClock` warns if nobody moves it. For a server that is no mistake. */
const NO_WARNING = Duration.days(20)

export class VirtualClock extends Context.Service<VirtualClock, VirtualClockService>()(
  "effect-kv-cache/server/VirtualClock"
) {
  /** A clock that stands still at 0 ms, in the place of the real one, with the service to move it. */
  static readonly layer: Layer.Layer<VirtualClock> = Layer.suspend(() => VirtualClock.layerFrom(undefined))

  /** The same, whose Unix time begins at `unixTime`, in ms. Without one, it is the machine's. */
  static readonly layerFrom = (unixTime: number | undefined): Layer.Layer<VirtualClock> =>
    Layer.effectContext(make(unixTime)).pipe(
      Layer.provideMerge(Layer.fresh(TestClock.layer({ warningDelay: NO_WARNING })))
    )
}

/** `clock` with another Unix time, which begins `begin()` ms later. It cannot be moved. */
const withUnixTime = (clock: Clock.Clock, begin: () => number): Clock.Clock => {
  const millis = (): number => begin() + clock.currentTimeMillisUnsafe()
  const nanos = (): bigint => BigInt(begin()) * 1_000_000n + clock.currentTimeNanosUnsafe()
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}

const make = Effect.fnUntraced(function* (
  unixTime: number | undefined
): Effect.fn.Return<Context.Context<VirtualClock>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  const traffic = yield* Traffic.make
  // A move on command waits for the sockets. Time that flows waits for nobody.
  const quietClock = QuietClock.make(clock, traffic.quiet)
  // A move is relative to the current time, so only one may happen at a time.
  const lock = yield* Semaphore.make(1)
  let running: Fiber.Fiber<never> | undefined
  let isReleased = false
  // The time of `clock` at the start, in ms.
  let origin = 0
  const firstUnixTime =
    unixTime === undefined ? Effect.map(clock.withLive(Clock.currentTimeMillis), Math.floor) : Effect.succeed(unixTime)
  let startedAt = yield* firstUnixTime
  const resetTasks = new Set<() => void>()

  const current = () => Math.floor(clock.currentTimeMillisUnsafe()) - origin

  const now = Effect.sync(() => Reply.time(current()))

  const moveTo = (target: () => number) =>
    Effect.suspend(() => {
      const millis = target()
      if (millis > MAX_CLOCK_MILLIS) return refuse(`the clock goes up to ${MAX_CLOCK_MILLIS} ms`)
      if (millis < current()) return refuse("the clock goes forward only")
      if (!Number.isInteger(millis)) return refuse("the clock goes by whole milliseconds")
      return Effect.andThen(quietClock.setTime(origin + millis), now)
    }).pipe(lock.withPermits(1))

  const refuse = (why: string) => Effect.succeed(Reply.failed(`${why}: it is ${current()} ms`))

  const freeze = Effect.suspend(() => {
    const fiber = running
    running = undefined
    return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
  })

  const liveNanos = clock.withLive(Clock.monotonicTimeNanos)

  /** Moves by the real time that has passed, not by the time slept, so that a busy machine does not slow the clock. */
  const flow = Effect.fnUntraced(function* (factor: number): Effect.fn.Return<never> {
    let seen = yield* liveNanos
    let owed = 0
    const tick = Effect.flatMap(liveNanos, (nanos) => {
      owed += (Number(nanos - seen) / 1e6) * factor
      seen = nanos
      const millis = Math.min(Math.floor(owed), MAX_CLOCK_MILLIS - current())
      owed -= millis
      return clock.adjust(Duration.millis(millis))
    }).pipe(lock.withPermits(1), Effect.uninterruptible)
    return yield* clock.withLive(Effect.sleep(TICK)).pipe(Effect.andThen(tick), Effect.forever)
  })

  const run = Effect.fnUntraced(function* (factor: number) {
    yield* freeze
    running = yield* Effect.forkIn(flow(factor), scope)
  })

  /** Starts or stops the flow of time, unless it has been released for good. */
  const decide = (decision: Effect.Effect<void>) =>
    Effect.suspend(() =>
      isReleased ? refuse("the server is shutting down, and time flows until it has") : Effect.andThen(decision, now)
    )

  const startAgain = Effect.map(firstUnixTime, (first) => {
    origin += current()
    startedAt = first
    for (const task of resetTasks) task()
  }).pipe(lock.withPermits(1))

  const service = VirtualClock.of({
    now: current,
    unixTime: () => startedAt + current(),
    onReset: (task) =>
      Effect.acquireRelease(
        Effect.sync(() => resetTasks.add(task)),
        () => Effect.sync(() => resetTasks.delete(task))
      ),
    perform: (action) => {
      switch (action._tag) {
        case "Now":
          return now
        case "Advance":
          return moveTo(() => current() + action.millis)
        case "Set":
          return moveTo(() => action.millis)
        case "Run":
          return decide(run(action.factor))
        case "Freeze":
          return decide(freeze)
        case "Reset":
          return Effect.andThen(traffic.quiet, decide(Effect.andThen(freeze, startAgain)))
      }
    },
    release: Effect.suspend(() => {
      isReleased = true
      return run(1)
    })
  })
  return Context.make(VirtualClock, service).pipe(
    Context.add(
      Clock.Clock,
      withUnixTime(quietClock, () => startedAt - origin)
    ),
    Context.add(CurrentTraffic, traffic)
  )
})
