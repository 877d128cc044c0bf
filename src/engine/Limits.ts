/** The bounds of an engine, and why entries go. */

/** What an engine may hold. */
export interface Limits {
  /** The most keys that are held. */
  readonly maxKeys: number
  /**
   * The most bytes of memory that are held for entries: their own, the index's, and what is free in between. Absent for as
   * many as the engine can address. Below 16 MB it bounds what the entries take (`Engine.usedBytes`), and 16 MB what is held.
   */
  readonly maxMemory?: number | undefined
}

// Why an entry was removed; `REPLACED` says that its value was.
export const DELETED = 0
export const EXPIRED = 1
export const EVICTED = 2
export const REPLACED = 3

/** The most memory that addresses reach, less some for what is no entry. */
export const MAX_MEMORY = 30 * 2 ** 30

/** Numbered from 0. */
export const DATABASES = 16

/** In bytes. */
export const MAX_KEY_LENGTH = 65_535
export const MAX_VALUE_LENGTH = 512 * 2 ** 20

/**
 * Each size class may have a page that is hardly used: with less than this, there would be pages of some sizes and none
 * left for others. In bytes.
 */
export const MIN_HELD_BYTES = 16 * 2 ** 20
