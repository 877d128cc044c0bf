/**
 * Requests that are sent in one write, and the replies that must come back. Pure.
 *
 * Where possible, all bytes are made before the measurement. A tape is one buffer of requests, one buffer of replies,
 * and the places where they end. So neither sending nor checking makes or parses anything.
 */
import { keyOf, valueOf, type Wire } from "./Wire.ts"

/** A slice of requests, and the replies that it must get. */
export interface Batch {
  readonly request: Buffer | string
  /** A buffer with the replies of this batch and others. */
  readonly replies: Buffer
  /** Where each reply ends in `replies`. It begins where the one before it ends. */
  readonly ends: Uint32Array
  /** The index in `ends` of the batch's first reply. */
  readonly first: number
  readonly count: number
}

/** The next batch of a connection, or nothing if none is left. */
export type BatchSource = () => Batch | undefined

export interface MixOptions {
  readonly keys: number
  readonly valueSize: number
  readonly putShare: number
  /** How unequally often keys are chosen: the exponent of Zipf's law, or 0 for all alike. */
  readonly skew: number
  readonly pipeline: number
  readonly seed: number
}

/** The requests of a tape. With fewer, a key space of millions would shrink to what fits a processor's cache. */
const tapeLength = (keys: number): number => (keys > 100_000 ? 2 ** 20 : 2 ** 16)

/** An endless walk over prebuilt batches: PUTs and GETs of keys chosen at random, all of which are in the cache. */
export const mix = (wire: Wire, options: MixOptions): BatchSource => {
  const { keys, pipeline, putShare, seed, skew, valueSize } = options
  const random = makeRandom(seed)
  const choose = skew === 0 ? () => Math.floor(random() * keys) : zipf(keys, skew, random)
  const length = Math.ceil(tapeLength(keys) / pipeline) * pipeline
  const longest = keyOf(keys - 1)
  const longestValue = valueOf(keys - 1, valueSize)
  const requests = Buffer.allocUnsafeSlow(length * wire.put(longest, longestValue, 0).length)
  const replies = Buffer.allocUnsafeSlow(
    length * Math.max(wire.found(longest, longestValue).length, wire.stored.length)
  )
  const starts = new Uint32Array(length + 1)
  const ends = new Uint32Array(length)
  let sent = 0
  let answered = 0
  for (let i = 0; i < length; i++) {
    const number = choose()
    const key = keyOf(number)
    const value = valueOf(number, valueSize)
    const isPut = random() < putShare
    sent += requests.write(isPut ? wire.put(key, value, 0) : wire.get(key), sent, "latin1")
    answered += replies.write(isPut ? wire.stored : wire.found(key, value), answered, "latin1")
    starts[i + 1] = sent
    ends[i] = answered
  }
  let next = 0
  return () => {
    const first = next
    next = next + pipeline === length ? 0 : next + pipeline
    return {
      request: requests.subarray(starts[first], starts[first + pipeline]),
      replies,
      ends,
      first,
      count: pipeline
    }
  }
}

export interface FillOptions {
  readonly firstKey: number
  readonly keys: number
  readonly valueSize: number
  readonly pipeline: number
  /** The TTL of a PUT that is sent now, in s, 0 for none. */
  readonly ttl: () => number
}

/** A PUT of each key, once, in order. */
export const fill = (wire: Wire, options: FillOptions): BatchSource => {
  const { firstKey, keys, pipeline, ttl, valueSize } = options
  const replies = Buffer.from(wire.stored.repeat(pipeline), "latin1")
  const ends = Uint32Array.from({ length: pipeline }, (_, i) => (i + 1) * wire.stored.length)
  let next = firstKey
  const last = firstKey + keys
  return () => {
    if (next === last) return undefined
    const count = Math.min(pipeline, last - next)
    const seconds = ttl()
    let request = ""
    for (let i = 0; i < count; i++) request += wire.put(keyOf(next + i), valueOf(next + i, valueSize), seconds)
    next += count
    return { request, replies, ends, first: 0, count }
  }
}

/** Numbers from 0 to 1 that depend only on the seed (xorshift32). */
const makeRandom = (seed: number): (() => number) => {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** Numbers below `count` by Zipf's law: the i-th is chosen in proportion to 1 / i ** exponent. */
const zipf = (count: number, exponent: number, random: () => number): (() => number) => {
  const sums = new Float64Array(count)
  let sum = 0
  for (let i = 0; i < count; i++) sums[i] = sum += (i + 1) ** -exponent
  return () => {
    const wanted = random() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}
