/**
 * Lets each network have one thing done at a time, and the others wait in the order in which they came. A queue that all
 * networks share is filled by the one that asks most, and everybody stands behind it.
 *
 * Only networks that have something done are remembered.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

interface Turns {
  readonly semaphore: Semaphore.Semaphore
  /** How many have it or wait for it. */
  count: number
}

export class NetworkTurns {
  private readonly networks = new Map<string, Turns>()

  /** How many networks have something done. */
  get size(): number {
    return this.networks.size
  }

  /** Does it when the network has nothing else done. Whoever is interrupted leaves the queue. */
  take<A, E, R>(network: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => this.enter(network)),
      ({ semaphore }) => semaphore.withPermit(effect),
      (turns) =>
        Effect.sync(() => {
          if (--turns.count === 0) this.networks.delete(network)
        })
    )
  }

  private enter(network: string): Turns {
    const turns = this.networks.get(network) ?? { semaphore: Semaphore.makeUnsafe(1), count: 0 }
    this.networks.set(network, turns)
    turns.count++
    return turns
  }
}
