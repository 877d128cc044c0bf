/**
 * Active expiry: a scheduled fiber that frees the memory of keys that have expired and that nobody asks for, and gives
 * memory back that a smaller cache needs no more.
 *
 * It follows the deadlines instead of ticking: an idle cache costs nothing, and a test that moves the clock by ten years
 * wakes it a few times, not three billion.
 *
 * It decides nothing: a key is gone at its deadline for every command (see `engine/Engine.ts`), whether it was swept or
 * not.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EXPIRED } from "../engine/Limits.ts"
import { NEVER } from "../engine/Wheel.ts"
import { CurrentCollector } from "./Garbage.ts"
import { MemoryEngine } from "./MemoryEngine.ts"

/**
 * Entries freed before other fibers and sockets have their turn: about 0.3 ms of the event loop where an entry takes
 * 0.6 microseconds, so that even on a slow machine a slice stays below 1 ms.
 */
const SLICE = 512

/** How much memory has to have been given up before garbage is collected: so many bytes, or as much as is still held. */
const WORTH_COLLECTING = 64 * 2 ** 20

/** The least time between two collections, in ms: each takes a few. */
const COLLECTION_PAUSE = 1000

export interface ExpirerService {
  /** Frees all that has expired by now, in slices; completes when it is done. */
  readonly sweep: Effect.Effect<void>
}

export class Expirer extends Context.Service<Expirer, ExpirerService>()("effect-kv-cache/store/Expirer") {
  /**
   * Sweeps when something is due, and at most once an `interval`; while no key is due it sleeps, however long that is.
   * A sweep that fails is logged, and the next one comes.
   */
  static readonly layer = (options: { readonly interval: Duration.Input }): Layer.Layer<Expirer, never, MemoryEngine> =>
    Layer.effect(Expirer, make(options.interval))
}

const make = Effect.fnUntraced(function* (interval: Duration.Input) {
  const { alarm, engine, now } = yield* MemoryEngine
  const collect = yield* CurrentCollector
  const pause = Duration.toMillis(Duration.fromInputUnsafe(interval))

  /** Does something slice by slice, as long as there is more to do. */
  const inSlices = (slice: () => boolean): Effect.Effect<void> =>
    Effect.sync(slice).pipe(
      Effect.tap((more) => (more ? Effect.yieldNow : Effect.void)),
      Effect.repeat({ while: (more) => more }),
      Effect.asVoid
    )

  const sweep = inSlices(() => engine.sweep(now(), SLICE))
  const maintain = inSlices(() => engine.maintain(now(), SLICE))

  let earliest = now() + pause
  // Bytes of memory that had been given up when garbage was collected last, when that was, and when it is next.
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
    // In a turn of its own: it is woken in the midst of a command.
    return Effect.raceFirst(sleep, Effect.as(Effect.andThen(woken, Effect.yieldNow), true))
  }).pipe(Effect.repeat({ while: (isEarlier) => isEarlier }))

  const sweepOnce = Effect.suspend(() => {
    const expired = engine.removed(EXPIRED)
    const before = earliest
    const onlySweeps = engine.nextMaintenance > now()
    earliest = now() + pause
    // A sweep that only moved keys down the wheel has found out when the next one is due: that one needs no pause.
    const withoutPause = Effect.sync(() => {
      if (onlySweeps && engine.removed(EXPIRED) === expired) earliest = before
    })
    return sweep.pipe(Effect.andThen(maintain), Effect.andThen(withoutPause))
  })

  yield* untilDue.pipe(
    Effect.andThen(sweepOnce),
    Effect.catchCause((cause) => Effect.logError("a sweep of expired keys failed; the next one comes", cause)),
    Effect.forever,
    Effect.forkScoped
  )
  return Expirer.of({ sweep })
})
