/**
 * What a keyspace does: the port between the store and the data structure that holds its keys. Pure and synchronous:
 * every operation takes `now`, in ms, an integer that never decreases.
 */
import type { Key, Ttl, Value } from "../domain/Command.ts"

/** The bounds of a keyspace. */
export interface Limits {
  /** The most keys that are held. */
  readonly maxKeys: number
  /** The most bytes that entries may take, as `Keyspace.bytes` counts them. Absent for as many as the engine can hold. */
  readonly maxMemory?: number | undefined
}

/** Why an entry was removed. */
export type Removal = "deleted" | "expired" | "evicted" | "replaced"

/**
 * How many entries that are not due a PUT into a full keyspace may move in the timing wheel while it looks for an
 * expired one to remove. Bounds the time of one PUT to well under a millisecond. An expired key goes before the least
 * recently used one unless more than this many of nearly the same deadline are in front of it.
 */
export const EVICTION_SEARCH_BUDGET = 4096

export interface Keyspace {
  /** Keys held, those that have expired and were not yet removed included. */
  readonly size: number
  /** Bytes that the entries take. */
  readonly bytes: number
  /** Entries removed, by reason. */
  readonly removed: Readonly<Record<Removal, number>>
  /** Stores a value under a key, replaces both value and TTL if it is there, and makes room if there is none. */
  readonly put: (key: Key, value: Value, ttl: Ttl, now: number) => void
  /** The value of a key, or nothing; a hit makes it the most recently used. */
  readonly get: (key: Key, now: number) => string | undefined
  /** Whether a key is there. Its place in the order of use stays. */
  readonly has: (key: Key, now: number) => boolean
  /** Removes a key and says whether it was there. */
  readonly delete: (key: Key, now: number) => boolean
  /**
   * Removes what has expired, at most `budget` entries looked at or moved, and says whether there may be more: the
   * caller cuts a long sweep into slices.
   */
  readonly sweep: (now: number, budget: number) => boolean
  /** A time in ms before which there is nothing to sweep; infinite if no key has a TTL. */
  readonly nextDue: number
  /** Removes every key; nothing is counted as removed. */
  readonly clear: (now: number) => void
}
