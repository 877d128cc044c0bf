/**
 * The requests of a load test: a pure, seeded function from a connection to its endless sequence of requests. The same
 * seed gives the same requests. It sends nothing and measures nothing.
 *
 * A value is a function of its key. So every value that is read can be checked, whoever wrote it last.
 */

export interface WorkloadOptions {
  readonly seed: number
  readonly connections: number
  /** The share of PUTs, 0 to 1. */
  readonly ratio: number
  /** Lengths in bytes, 1 to 256. */
  readonly keySize: number
  readonly valueSize: number
  /**
   * The size of a preloaded key space that all connections share. Absent if each connection asks for keys that it has
   * put itself.
   */
  readonly keys?: number | undefined
  readonly distribution: "uniform" | "zipf"
  /** The exponent of the Zipf distribution; above 0. */
  readonly zipfExponent: number
}

/**
 * One request: its key number, and whether it writes the key, in one number. So a million requests a second leave no
 * garbage.
 */
export type WorkItem = number

export const putOf = (key: number): WorkItem => key * 2 + 1
export const getOf = (key: number): WorkItem => key * 2
export const isPut = (item: WorkItem): boolean => (item & 1) === 1
export const keyOf = (item: WorkItem): number => item >>> 1

/** A connection's sequence of requests. */
export interface WorkSource {
  readonly next: () => WorkItem
}

/**
 * The keys that all connections together put before they overwrite any. This is half of what a server holds by default,
 * so that a long run measures hits and not evictions.
 */
const OWN_KEYS = 500_000

/** The number of keys of one connection without a shared key space. */
const ownKeys = ({ connections }: WorkloadOptions): number => Math.max(1, Math.floor(OWN_KEYS / connections))

/** The key space of a run that only reads and sets no `keys`. It is preloaded, or there would be nothing to read. */
export const DEFAULT_READ_ONLY_KEYS = 10_000

/** The number of keys that are put before the run, numbered from 0. 0 for none. */
export const preloadedKeys = (options: WorkloadOptions): number =>
  options.keys ?? (options.ratio === 0 ? DEFAULT_READ_ONLY_KEYS : 0)

/** The warm-up has its own requests, so that the measured ones do not depend on its length. */
export type Part = "warm-up" | "measured"

const WARMUP_STREAMS = 0x8000_0000

/** The requests of the connection with this number, from 0. */
export const makeSource = (options: WorkloadOptions, connection: number, part: Part = "measured"): WorkSource => {
  const random = makeRandom(options.seed, part === "measured" ? connection : WARMUP_STREAMS + connection)
  const shared = preloadedKeys(options)
  return shared > 0 ? sharedSource(options, shared, random) : ownSource(options, connection, random)
}

const sharedSource = (options: WorkloadOptions, keys: number, random: () => number): WorkSource => {
  const pick = makePicker(options, random)
  return { next: () => (random() < options.ratio ? putOf(pick(keys)) : getOf(pick(keys))) }
}

const ownSource = (options: WorkloadOptions, connection: number, random: () => number): WorkSource => {
  const pick = makePicker(options, random)
  const most = ownKeys(options)
  let puts = 0
  const shared = (own: number) => own * options.connections + connection
  return {
    next: () => {
      // A PUT comes first, or there would be nothing to read.
      if (puts === 0 || random() < options.ratio) return putOf(shared(puts++ % most))
      return getOf(shared(pick(Math.min(puts, most))))
    }
  }
}

/** Picks one of the first `count` keys. Under `zipf`, key 0 is the most popular. */
const makePicker = (options: WorkloadOptions, random: () => number): ((count: number) => number) => {
  if (options.distribution === "uniform") return (count) => Math.floor(random() * count)
  let sampler = makeZipf(1, options.zipfExponent, random)
  let size = 1
  return (count) => {
    // Setting up the sampler takes a few powers. It is set up again when the number of keys has doubled or is final.
    if (count !== size && (count >= size * 2 || count < size || options.keys !== undefined)) {
      sampler = makeZipf(count, options.zipfExponent, random)
      size = count
    }
    return sampler() - 1
  }
}

/**
 * Samples 1 to `count` with a probability proportional to rank^-exponent, in constant time and memory. The method is
 * rejection inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
 * distributions", ACM TOMACS 6 (1996).
 */
const makeZipf = (count: number, exponent: number, random: () => number): (() => number) => {
  const oneMinus = 1 - exponent
  const integral = (x: number) => expm1Over(oneMinus * Math.log(x)) * Math.log(x)
  const inverse = (y: number) => Math.exp(log1pOver(Math.max(-1, y * oneMinus)) * y)
  const density = (x: number) => Math.exp(-exponent * Math.log(x))
  const first = integral(1.5) - 1
  const last = integral(count + 0.5)
  const shortcut = 2 - inverse(integral(2.5) - density(2))
  return () => {
    for (;;) {
      const u = last + random() * (first - last)
      const x = inverse(u)
      const rank = Math.min(count, Math.max(1, Math.round(x)))
      if (rank - x <= shortcut || u >= integral(rank + 0.5) - density(rank)) return rank
    }
  }
}

/** (e^x - 1) / x, with its limit at 0. */
const expm1Over = (x: number): number => (Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2)

/** ln(1 + x) / x, with its limit at 0. */
const log1pOver = (x: number): number => (Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2)

/**
 * Uniform numbers in [0, 1) from the generator sfc32 (C. Doty-Humphrey, PractRand). Each connection has a stream of its
 * own, seeded with the seed and the stream's number and warmed up.
 */
export const makeRandom = (seed: number, stream: number): (() => number) => {
  let a = seed >>> 0
  let b = Math.floor(seed / 2 ** 32) >>> 0
  let c = stream >>> 0
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 16; i++) next()
  return next
}

const DIGITS = Buffer.from("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "latin1")

const POOL_SIZE = 1 << 16

/** A shorter key may well be part of a word. */
const SHORTEST_NAMED = 4

/** Names the key of a request `<key>` in what a server says of it, so that messages about different keys are the same. */
export const withoutKey = (message: string, { keySize, writeKey }: Vocabulary, item: WorkItem): string => {
  if (item < 0 || keySize < SHORTEST_NAMED) return message
  const key = Buffer.allocUnsafe(keySize)
  writeKey(key, 0, keyOf(item))
  return message.replaceAll(key.toString("latin1"), "<key>")
}

/** Turns key numbers into keys and values, as bytes in the caller's buffer. */
export interface Vocabulary {
  /** The length in bytes of every key and of every value. */
  readonly keySize: number
  readonly valueSize: number
  /** Writes a key or a value at an offset and returns the offset after it. */
  readonly writeKey: (into: Buffer, at: number, number: number) => number
  readonly writeValue: (into: Buffer, at: number, number: number) => number
  /** Whether the bytes at an offset are the value of a key. */
  readonly isValue: (bytes: Buffer, at: number, number: number) => boolean
}

/** The number of digits of a number in a base. */
const digitsOf = (number: number, base: number): number => {
  let digits = 1
  for (let rest = Math.floor(number / base); rest > 0; rest = Math.floor(rest / base)) digits++
  return digits
}

/**
 * A key ends with its number in base 62. If `keySize` is too short for that, numbers share a key. The rest is filled
 * with random digits of the seed, so that two runs at a time have different keys.
 *
 * A value begins with the key's number in base 62, last digit first, so that two keys rarely have the same value even
 * if values are short. The rest is copied from a pool of digits, from an offset that depends on the number.
 */
export const makeVocabulary = (options: WorkloadOptions): Vocabulary => {
  const { keySize, valueSize } = options
  const random = makeRandom(options.seed, 0xffff_ffff)
  const digit = () => DIGITS[Math.floor(random() * 62)] ?? 0
  const pool = Buffer.from(Array.from({ length: POOL_SIZE + valueSize }, digit))
  const count = preloadedKeys(options) || options.connections * ownKeys(options)
  const width = Math.min(keySize, digitsOf(count - 1, 62))
  const prefix = Buffer.from(Array.from({ length: keySize - width }, digit))
  const distinct = 62 ** width
  const ownDigits = Math.min(valueSize, width)
  return {
    keySize,
    valueSize,
    writeKey: (into, at, number) => {
      for (let i = 0; i < prefix.length; i++) into[at + i] = prefix[i] ?? 0
      let rest = number % distinct
      for (let i = at + keySize - 1; i >= at + prefix.length; i--) {
        into[i] = DIGITS[rest % 62] ?? 0
        rest = Math.floor(rest / 62)
      }
      return at + keySize
    },
    writeValue: (into, at, number) => {
      const shared = number % distinct
      let rest = shared
      for (let i = 0; i < ownDigits; i++) {
        into[at + i] = DIGITS[rest % 62] ?? 0
        rest = Math.floor(rest / 62)
      }
      const start = Math.imul(shared, 0x9e37_79b1) >>> 16
      for (let i = ownDigits; i < valueSize; i++) into[at + i] = pool[start + i] ?? 0
      return at + valueSize
    },
    isValue: (bytes, at, number) => {
      const shared = number % distinct
      let rest = shared
      for (let i = 0; i < ownDigits; i++) {
        if (bytes[at + i] !== DIGITS[rest % 62]) return false
        rest = Math.floor(rest / 62)
      }
      const start = Math.imul(shared, 0x9e37_79b1) >>> 16
      for (let i = ownDigits; i < valueSize; i++) if (bytes[at + i] !== pool[start + i]) return false
      return true
    }
  }
}
