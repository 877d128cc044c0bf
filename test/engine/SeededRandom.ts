/** Random numbers that are the same in every run (mulberry32), for model tests. */
import { seededRandom as numbersOf } from "../../src/domain/SeededRandom.ts"

export interface SeededRandom {
  /** A whole number from 0 to `bound` - 1. */
  readonly below: (bound: number) => number
  /** True with the given probability. */
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(items: readonly [A, ...ReadonlyArray<A>]) => A
}

export const seededRandom = (seed: number): SeededRandom => {
  const next = numbersOf(seed)
  const below = (bound: number): number => Math.floor(next() * bound)
  return {
    below,
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)] ?? items[0]
  }
}
