/**
 * The keys that take most memory, found on a walk through all keys, a slice at a time. Pure.
 *
 * What the walk has passed may have changed since. So what it has found is looked at again before it is shown, and each
 * walk begins with the next.
 */
import { type Engine, NOT_THERE } from "../engine/Engine.ts"
import type { BigKey } from "./Insight.ts"

/** How many keys are kept. */
const KEPT = 64

interface Found extends BigKey {
  readonly bytes: number
}

const byBytes = (one: Found, other: Found): number => other.bytes - one.bytes

export class BigKeys {
  private readonly engine: Engine
  private cursor = 0
  // What the present walk has found and what the last one had, the biggest first.
  private found: ReadonlyArray<Found> = []
  private before: ReadonlyArray<Found> = []
  private least = 0

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** Walks past about `count` keys. */
  walk(count: number): void {
    const { engine } = this
    const bigger: Array<Found> = []
    this.cursor = engine.walk(this.cursor, count, (entry) => {
      const bytes = engine.bytesIn(entry)
      if (bytes <= this.least) return
      const key = Buffer.allocUnsafe(engine.keyLength(entry))
      engine.copyKey(entry, key, 0)
      bigger.push({ key: key.toString("latin1"), database: engine.database(entry), bytes })
    })
    if (bigger.length > 0) this.found = [...this.found, ...bigger].toSorted(byBytes).slice(0, KEPT)
    this.least = this.found.length < KEPT ? 0 : this.found[KEPT - 1]!.bytes
    if (this.cursor !== 0) return
    this.before = this.found
    this.found = []
    this.least = 0
  }

  /** The biggest that are still there at `now`, with what they take now. */
  top(limit: number, now: number): ReadonlyArray<BigKey> {
    const all = new Map<string, Found>()
    for (const found of [...this.before, ...this.found]) {
      const bytes = this.bytesNow(found, now)
      if (bytes > 0) all.set(`${found.database} ${found.key}`, { ...found, bytes })
    }
    return [...all.values()].toSorted(byBytes).slice(0, limit)
  }

  private bytesNow({ database, key }: Found, now: number): number {
    const { engine } = this
    const bytes = Buffer.from(key, "latin1")
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const entry = engine.find(view, 0, bytes.length, engine.hashOf(view, 0, bytes.length), database, now)
    return entry === NOT_THERE ? 0 : engine.bytesIn(entry)
  }
}
