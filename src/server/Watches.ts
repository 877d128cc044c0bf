/**
 * Which client watches which keys: a change of one of them breaks its next transaction. It is told of changes by commands
 * only. What the engine removes by itself, or with all keys of a database, is found out by looking at each watched key
 * once more before the transaction: it existed before, and does not now.
 */
import type { ChangeListener, Changes, KeyExists } from "../commands/Changes.ts"
import { DATABASES } from "../engine/Limits.ts"

/** Bytes of memory that a watched key takes beyond those of its name; measured, and rounded up. */
const KEY_BYTES = 400

/** The keys that one client watches. */
export class Watch {
  /** Whether one of the keys has changed. */
  isBroken = false
  /** Whether each key existed when it was watched first, by database. */
  readonly databases = new Map<number, Map<string, boolean>>()
  /** The bytes of memory that it takes. */
  bytes = 0

  /** The number of keys. */
  get count(): number {
    let count = 0
    for (const keys of this.databases.values()) count += keys.size
    return count
  }

  /** Remembers a key. Says whether it is new. */
  add(database: number, key: string, exists: boolean): boolean {
    let keys = this.databases.get(database)
    if (keys === undefined) this.databases.set(database, (keys = new Map()))
    if (keys.has(key)) return false
    keys.set(key, exists)
    this.bytes += KEY_BYTES + key.length
    return true
  }
}

export class Watches implements ChangeListener {
  private readonly changes: Changes
  // Who watches each key, by database.
  private readonly databases: ReadonlyArray<Map<string, Set<Watch>>> = Array.from(
    { length: DATABASES },
    () => new Map<string, Set<Watch>>()
  )
  private readonly watches = new Set<Watch>()

  constructor(changes: Changes) {
    this.changes = changes
  }

  get clientCount(): number {
    return this.watches.size
  }

  /** The number of keys that are watched by anybody. */
  get keyCount(): number {
    return this.databases.reduce((sum, keys) => sum + keys.size, 0)
  }

  add(watch: Watch, database: number, key: string, exists: boolean): void {
    if (!watch.add(database, key, exists)) return
    const keys = this.databases[database]
    const watching = keys?.get(key)
    if (watching === undefined) keys?.set(key, new Set([watch]))
    else watching.add(watch)
    this.watches.add(watch)
    this.changes.add(this)
  }

  delete(watch: Watch): void {
    for (const [database, keys] of watch.databases) {
      for (const key of keys.keys()) {
        const watching = this.databases[database]?.get(key)
        watching?.delete(watch)
        if (watching?.size === 0) this.databases[database]?.delete(key)
      }
    }
    this.watches.delete(watch)
    if (this.watches.size === 0) this.changes.delete(this)
  }

  changed(database: number, key: string): void {
    for (const watch of this.databases[database]?.get(key) ?? []) watch.isBroken = true
  }

  flushed(database: number | undefined): void {
    for (const watch of this.watches) {
      for (const [its, keys] of watch.databases) {
        if (database !== undefined && its !== database) continue
        // A key that was not there has not changed.
        for (const exists of keys.values()) if (exists) watch.isBroken = true
      }
    }
  }

  /** A key has changed if it was there before, or is now: it is in one of the two databases. */
  swapped(one: number, other: number, exists: KeyExists): void {
    for (const watch of this.watches) {
      for (const database of [one, other]) {
        for (const key of watch.databases.get(database)?.keys() ?? []) {
          if (exists(one, key) || exists(other, key)) watch.isBroken = true
        }
      }
    }
  }
}
