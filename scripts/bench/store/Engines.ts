/** The engines to compare. Each is a bounded cache with exact LRU and a deadline for each key, and nothing more. */
import { randomBytes } from "node:crypto"
import { LRUCache } from "lru-cache"
import { Engine as MemoryEngine, NOT_THERE } from "../../../src/engine/Engine.ts"

/** `now` in whole ms. */
export interface Engine {
  readonly put: (key: string, value: string, now: number) => void
  readonly get: (key: string, now: number) => string | undefined
}

/** An hour, in s: every engine keeps deadlines, and none is reached. */
const TTL = 3600

/** This project's, through the calls that a PUT and a GET make. */
const packed = (maxKeys: number, now: number): Engine => {
  const engine = MemoryEngine.make({ maxKeys }, randomBytes(8), now)
  const text = Buffer.alloc(1024)
  const view = new DataView(text.buffer, text.byteOffset, text.length)
  return {
    put: (key, value, at) => {
      text.write(key, 0, "latin1")
      text.write(value, key.length, "latin1")
      const hash = engine.hashOf(view, 0, key.length)
      engine.set(view, 0, key.length, hash, 0, view, key.length, value.length, at + TTL * 1000, at)
    },
    get: (key, at) => {
      text.write(key, 0, "latin1")
      const entry = engine.find(view, 0, key.length, engine.hashOf(view, 0, key.length), 0, at)
      if (entry === NOT_THERE) return undefined
      engine.touch(entry)
      const length = engine.valueLength(entry)
      engine.copyValue(entry, 0, length, text, 0)
      return text.toString("latin1", 0, length)
    }
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
