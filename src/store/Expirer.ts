/**
 * Active expiry: a scheduled fiber that frees the memory of keys that have expired and that nobody asks for.
 *
 * It follows the deadlines instead of ticking: an idle cache costs nothing, and a test that moves the clock by ten years
 * wakes it a few times, not three billion.
 *
 * It decides nothing: a key is gone at its deadline for every command (see `Keyspace.ts`), whether it was swept or not.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentCollector } from "./Garbage.ts"
import { Store } from "./Store.ts"

/**
 * Entries freed before other fibers and sockets have their turn: about 0.3 ms of the event loop where an entry takes
 * 0.6 microseconds, so that even on a slow machine a slice stays below 1 ms.
 */
const SLICE = 512

export interface ExpirerService {
  /** Frees all that has expired by now, in slices; completes when it is done. */
  readonly sweep: Effect.Effect<void>
}

export class Expirer extends Context.Service<Expirer, ExpirerService>()("effect-kv-cache/store/Expirer") {
  /**
   * Sweeps when something is due, and at most once an `interval`; while no key is due it sleeps, however long that is.
   * A sweep that fails is logged, and the next one comes.
   */
  static readonly layer = (options: { readonly interval: Duration.Input }): Layer.Layer<Expirer, never, Store> =>
    Layer.effect(Expirer, make(options.interval))
}

const make = Effect.fnUntraced(function* (interval: Duration.Input) {
  const { unsafe: store } = yield* Store
  const collect = yield* CurrentCollector
  const pause = Duration.toMillis(Duration.fromInputUnsafe(interval))

  const sweep = Effect.sync(() => store.sweep(store.now(), SLICE)).pipe(
    Effect.tap((more) => (more ? Effect.yieldNow : Effect.void)),
    Effect.repeat({ while: (more) => more }),
    Effect.asVoid
  )

  let earliest = store.now() + pause
  // Bytes of the store's memory that had been given up when garbage was collected last.
  let collected = 0

  /** Once as much has been given up as is still held: a collection takes a few ms. */
  const giveBack = Effect.sync(() => {
    const { givenUp, held } = store.memory()
    if (givenUp === collected || givenUp - collected < held) return
    collected = givenUp
    collect()
  })

  /** Completes when the next key is due, but not before `earliest`. */
  const untilDue = Effect.andThen(giveBack, () => {
    const time = Math.max(earliest, store.nextDue())
    const sleep = Effect.as(Effect.sleep(time - store.now()), false)
    if (time === earliest) return sleep
    const woken = Effect.callback<void>((resume) => store.wakeBefore(time, () => resume(Effect.void)))
    // In a turn of its own: it is woken in the midst of a command.
    return Effect.raceFirst(sleep, Effect.as(Effect.andThen(woken, Effect.yieldNow), true))
  }).pipe(Effect.repeat({ while: (isEarlier) => isEarlier }))

  const sweepOnce = Effect.suspend(() => {
    const { expired } = store.stats()
    const before = earliest
    earliest = store.now() + pause
    // A sweep that only moved keys down the wheel has found out when the next one is due: that one needs no pause.
    const withoutPause = Effect.sync(() => {
      if (store.stats().expired === expired) earliest = before
    })
    return Effect.andThen(sweep, withoutPause)
  })

  yield* untilDue.pipe(
    Effect.andThen(sweepOnce),
    Effect.catchCause((cause) => Effect.logError("a sweep of expired keys failed; the next one comes", cause)),
    Effect.forever,
    Effect.forkScoped
  )
  return Expirer.of({ sweep })
})
