/**
 * Tells whoever wants to know which keys have changed: transactions that watch keys, and clients that keep copies. Pure:
 * it knows no client and sends nothing.
 *
 * Commands tell of what they changed. The engine tells of what it removed by itself, because it expired or had to make
 * room. While nobody listens, a change costs one comparison.
 */
import type { Caller } from "./Execution.ts"

export interface ChangeListener {
  /**
   * A key of a database has another value, another deadline, or is gone. `key` has one character for each byte. `by` is
   * the caller whose command did it, if a command did.
   */
  readonly changed: (database: number, key: string, by: Caller | undefined) => void
  /** All keys of a database are gone, or of all databases where none is named. */
  readonly flushed: (database: number | undefined, by: Caller | undefined) => void
  /** Two databases have been exchanged, after both were told of as flushed. `exists` looks for a key. */
  readonly swapped?: ((one: number, other: number, exists: KeyExists) => void) | undefined
}

/** Whether a database has a key. It has one character for each byte. */
export type KeyExists = (database: number, key: string) => boolean

export class Changes {
  private readonly listeners = new Set<ChangeListener>()

  /** Whether somebody listens. */
  isHeard = false
  /** Called when `isHeard` changes. */
  onHeard: (isHeard: boolean) => void = doNothing

  /** Tells a listener from now on. */
  add(listener: ChangeListener): void {
    this.listeners.add(listener)
    this.hear(true)
  }

  delete(listener: ChangeListener): void {
    this.listeners.delete(listener)
    this.hear(this.listeners.size > 0)
  }

  changed(database: number, key: string, by: Caller | undefined): void {
    for (const listener of this.listeners) listener.changed(database, key, by)
  }

  flushed(database: number | undefined, by: Caller | undefined): void {
    for (const listener of this.listeners) listener.flushed(database, by)
  }

  swapped(one: number, other: number, exists: KeyExists): void {
    for (const listener of this.listeners) listener.swapped?.(one, other, exists)
  }

  private hear(isHeard: boolean): void {
    if (isHeard === this.isHeard) return
    this.isHeard = isHeard
    this.onHeard(isHeard)
  }
}

const doNothing = (): void => {}
