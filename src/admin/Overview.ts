/** All that the admin port shows and exporters send, of one server: while it starts, serves and drains. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AdminKeys } from "../server/ServerConfig.ts"
import { Vitals } from "../server/Vitals.ts"
import { KeyNames } from "./KeyNames.ts"
import { LoopDelay } from "./LoopDelay.ts"
import { MetricRegistry } from "./MetricRegistry.ts"
import { families, type Reading } from "./Metrics.ts"
import type { Snapshot } from "./Snapshot.ts"
import { takeSnapshot } from "./TakeSnapshot.ts"

export class Overview {
  /** Where the server tells how it is. */
  readonly vitals = new Vitals()
  readonly metrics: MetricRegistry
  private readonly loopDelay: LoopDelay
  private readonly maxKeys: number | null
  private readonly keyNames: KeyNames

  /** Looks at the event loop for as long as the scope is open. `maxKeys` is the server's, if it has such a bound. */
  static readonly make = Effect.fnUntraced(function* (
    maxKeys: number | null,
    adminKeys: AdminKeys = "shown"
  ): Effect.fn.Return<Overview, never, Scope.Scope> {
    const overview = new Overview(yield* LoopDelay.make, maxKeys, adminKeys)
    const serving = Effect.callback<void>((resume) => {
      overview.vitals.onServes = () => resume(Effect.void)
    })
    yield* Effect.forkScoped(Effect.andThen(serving, overview.warm), { startImmediately: true })
    return overview
  })

  constructor(loopDelay: LoopDelay, maxKeys: number | null, adminKeys: AdminKeys) {
    this.keyNames = new KeyNames(adminKeys)
    this.loopDelay = loopDelay
    this.maxKeys = maxKeys
    this.metrics = new MetricRegistry(families, () => this.reading())
  }

  /** Nothing until the server serves. */
  snapshot(): Snapshot | undefined {
    return this.reading()?.snapshot
  }

  /** The story of a key, in words; nothing where nobody keeps it. `key` is latin1. */
  explain(key: string, database: number): string | undefined {
    const { view } = this.vitals
    return view?.executor.insight?.explain(database, Buffer.from(key, "latin1"), view.now())
  }

  /**
   * Looks at everything twice, for nobody: code that runs for the first time is compiled, which takes tens of ms in all, and
   * single steps up to 10. In the first moments of a server nobody waits for that alone; at the first scrape clients would.
   */
  private get warm(): Effect.Effect<void> {
    const look = Effect.andThen(
      Effect.yieldNow,
      Effect.andThen(
        Effect.sync(() => JSON.stringify(this.snapshot())),
        this.metrics.prometheus
      )
    )
    return Effect.andThen(look, Effect.asVoid(look))
  }

  private reading(): Reading | undefined {
    const { keyNames, loopDelay, maxKeys } = this
    const { stage, view } = this.vitals
    return view === undefined
      ? undefined
      : { view, loopDelay, snapshot: takeSnapshot(view, { stage, loopDelay, maxKeys, keyNames }) }
  }
}
