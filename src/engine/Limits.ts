/** The bounds of an engine and the reasons for removing entries. Constants and types only. */

/** The bounds that an engine is made with. */
export interface Limits {
  /** The most keys held. */
  readonly maxKeys: number
  /**
   * The most bytes of memory held for entries: the entries, the index, and the free memory between them. If absent, the
   * bound is what the engine can address. If it is below 16 MB, it bounds what the entries take (`Engine.usedBytes`),
   * and up to 16 MB are held.
   */
  readonly maxMemory?: number | undefined
}

/** Why an entry was removed. "replaced" means that only its value was. */
export type Removal = "deleted" | "expired" | "evicted" | "replaced"

// The same reasons as numbers.
export const DELETED = 0
export const EXPIRED = 1
export const EVICTED = 2
export const REPLACED = 3

/** The memory that addresses reach, minus some for what is not an entry. In bytes. */
export const MAX_MEMORY = 30 * 2 ** 30

/** The number of databases. They are numbered from 0. */
export const DATABASES = 16

/** In bytes. */
export const MAX_KEY_LENGTH = 65_535
export const MAX_VALUE_LENGTH = 512 * 2 ** 20

/**
 * In bytes. Each size class may have a nearly empty page. With less memory than this, some sizes could take all pages
 * and leave none for the others.
 */
export const MIN_HELD_BYTES = 16 * 2 ** 20
