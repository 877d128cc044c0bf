/**
 * Active expiry: a scheduled fiber that frees the memory of expired keys that nobody asks for, and gives back memory
 * that a smaller cache no longer needs.
 *
 * It follows the deadlines instead of ticking. An idle cache costs nothing, and a test that moves the clock by ten
 * years wakes it a few times instead of three billion times.
 *
 * It does not decide which keys exist: at its deadline a key is gone for every command, whether it was swept or not
 * (see `engine/Engine.ts`).
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EXPIRED } from "../engine/Limits.ts"
import { NEVER } from "../engine/Wheel.ts"
import { CurrentCollector } from "./Garbage.ts"
import { MemoryEngine } from "./MemoryEngine.ts"

/**
 * The number of entries freed before other fibers and sockets get their turn. That takes about 0.3 ms if an entry takes
 * 0.6 µs, so that a slice stays below 1 ms even on a slow machine.
 */
const SLICE = 512

/**
 * How much memory must have been given up before garbage is collected: this many bytes, or as much as is still held.
 */
const WORTH_COLLECTING = 64 * 2 ** 20

/** The least time between two collections, in ms. Each takes a few ms. */
const COLLECTION_PAUSE = 1000

export interface ExpirerService {
  /** Frees everything that has expired by now, in slices, and then completes. */
  readonly sweep: Effect.Effect<void>
}

export class Expirer extends Context.Service<Expirer, ExpirerService>()("effect-kv-cache/store/Expirer") {
  /**
   * Sweeps when something is due, but at most once per `interval`. While nothing is due it sleeps, however long that
   * is. A failed sweep is logged, and the next one still comes.
   */
  static readonly layer = (options: { readonly interval: Duration.Input }): Layer.Layer<Expirer, never, MemoryEngine> =>
    Layer.effect(Expirer, make(options.interval))
}

const make = Effect.fnUntraced(function* (interval: Duration.Input) {
  const { alarm, defects, engine, now } = yield* MemoryEngine
  const collect = yield* CurrentCollector
  const pause = Duration.toMillis(Duration.fromInputUnsafe(interval))

  /** Repeats a slice of work as long as there is more to do, with a turn for others after each. */
  const inSlices = (slice: () => boolean): Effect.Effect<void> =>
    Effect.sync(slice).pipe(
      Effect.tap((more) => (more ? Effect.yieldNow : Effect.void)),
      Effect.repeat({ while: (more) => more }),
      Effect.asVoid
    )

  const sweep = inSlices(() => engine.sweep(now(), SLICE))
  const maintain = inSlices(() => engine.maintain(now(), SLICE))

  let earliest = now() + pause
  // For collections of garbage: the memory given up by the last one, in bytes, its time, and the time of the next one.
  let collected = 0
  let collectedAt = Number.NEGATIVE_INFINITY
  let collectAt = NEVER

  const giveBack = Effect.sync(() => {
    const { givenUpBytes, heldBytes } = engine
    collectAt = NEVER
    if (givenUpBytes === collected || givenUpBytes - collected < Math.min(heldBytes, WORTH_COLLECTING)) return
    if (now() < collectedAt + COLLECTION_PAUSE) {
      collectAt = collectedAt + COLLECTION_PAUSE
      return
    }
    collected = givenUpBytes
    collectedAt = now()
    collect()
  })

  /** Completes when there is something to do, but not before `earliest`. */
  const untilDue = Effect.andThen(giveBack, () => {
    const time = Math.max(earliest, Math.min(engine.nextDue, engine.nextMaintenance, collectAt))
    const sleep = Effect.as(Effect.sleep(time - now()), false)
    if (time === earliest) return sleep
    const woken = Effect.callback<void>((resume) => alarm.wakeBefore(time, () => resume(Effect.void)))
    // It runs in a turn of its own, because the alarm goes off in the middle of a command.
    return Effect.raceFirst(sleep, Effect.as(Effect.andThen(woken, Effect.yieldNow), true))
  }).pipe(Effect.repeat({ while: (isEarlier) => isEarlier }))

  const sweepOnce = Effect.suspend(() => {
    const expired = engine.removed(EXPIRED)
    const before = earliest
    const onlySweeps = engine.nextMaintenance > now()
    earliest = now() + pause
    // A sweep that only moved keys down the wheel has found the next deadline, and sweeping that needs no pause.
    const withoutPause = Effect.sync(() => {
      if (onlySweeps && engine.removed(EXPIRED) === expired) earliest = before
    })
    return sweep.pipe(Effect.andThen(maintain), Effect.andThen(withoutPause))
  })

  yield* untilDue.pipe(
    Effect.andThen(sweepOnce),
    Effect.catchCause((cause) => {
      defects.failedSweeps++
      defects.caught(Cause.squash(cause))
      return Effect.logError("a sweep of expired keys failed; the next one comes", cause)
    }),
    Effect.forever,
    Effect.forkScoped
  )
  return Expirer.of({ sweep })
})
