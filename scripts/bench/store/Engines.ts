/** The engines to compare. Each is a bounded cache with exact LRU and a deadline for each key, and nothing more. */
import { randomBytes } from "node:crypto"
import { LRUCache } from "lru-cache"
import { type Key, Ttl, type Value } from "../../../src/domain/Command.ts"
import { KeyHash } from "../../../src/store/KeyHash.ts"
import { PackedKeyspace } from "../../../src/store/PackedKeyspace.ts"

/** `now` in whole ms. */
export interface Engine {
  readonly put: (key: string, value: string, now: number) => void
  readonly get: (key: string, now: number) => string | undefined
}

/** An hour, in s: every engine keeps deadlines, and none is reached. */
const TTL = 3600

/** This project's engine, by the calls that the store makes for a PUT and a GET. */
const packed = (maxKeys: number, now: number): Engine => {
  const keyspace = new PackedKeyspace({ maxKeys }, KeyHash.withSecret(randomBytes(8)), now)
  const ttl = Ttl.make(TTL)
  // The keys and values are valid, so this only changes their types.
  const isKey = (text: string): text is Key => text !== ""
  const isValue = (text: string): text is Value => text !== ""
  return {
    put: (key, value, at) => {
      if (isKey(key) && isValue(value)) keyspace.put(key, value, ttl, at)
    },
    get: (key, at) => (isKey(key) ? keyspace.get(key, at) : undefined)
  }
}

interface Entry {
  readonly value: string
  readonly deadline: number
}

/** What many would write first: a Map of objects that is ordered by use. */
const map = (maxKeys: number): Engine => {
  const entries = new Map<string, Entry>()
  return {
    put: (key, value, now) => {
      if (!entries.delete(key) && entries.size >= maxKeys) {
        for (const oldest of entries.keys()) {
          entries.delete(oldest)
          break
        }
      }
      entries.set(key, { value, deadline: now + TTL * 1000 })
    },
    get: (key, now) => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      if (now >= entry.deadline) return undefined
      entries.set(key, entry)
      return entry.value
    }
  }
}

const lruCache = (maxKeys: number): Engine => {
  const cache = new LRUCache<string, string>({ max: maxKeys, ttl: TTL * 1000 })
  return {
    put: (key, value) => {
      cache.set(key, value)
    },
    get: (key) => cache.get(key)
  }
}

/** The cost of the measurement itself: keys and values are made, and nothing is kept. */
const nothing = (): Engine => {
  let last = ""
  return {
    put: (_key, value) => {
      last = value
    },
    get: () => last
  }
}

export const engines = { packed, map, "lru-cache": lruCache, nothing }

export type EngineName = keyof typeof engines

export const ENGINE_NAMES: ReadonlyArray<EngineName> = ["packed", "map", "lru-cache", "nothing"]
