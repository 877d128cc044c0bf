/**
 * What a load test asks for: a pure, seeded function from a connection to its endless row of requests. The same seed
 * gives the same requests. It sends nothing and measures nothing.
 *
 * A value is a function of its key, so that every value read can be compared with the one that was written, whoever
 * wrote it last.
 */

export interface WorkloadOptions {
  readonly seed: number
  readonly connections: number
  /** Share of PUTs, 0 to 1. */
  readonly ratio: number
  /** Lengths in bytes, 1 to 256. */
  readonly keySize: number
  readonly valueSize: number
  /**
   * Size of a key space that all connections share and that is preloaded; absent where each connection asks for keys
   * that it has put itself.
   */
  readonly keys?: number | undefined
  readonly distribution: "uniform" | "zipf"
  /** The exponent of the Zipf distribution; above 0. */
  readonly zipfExponent: number
}

/**
 * One request: the number of its key, and whether it writes it, in one number, so that a million of them a second leave
 * no garbage.
 */
export type WorkItem = number

export const putOf = (key: number): WorkItem => key * 2 + 1
export const getOf = (key: number): WorkItem => key * 2
export const isPut = (item: WorkItem): boolean => (item & 1) === 1
export const keyOf = (item: WorkItem): number => item >>> 1

/** The rest of a connection's requests. */
export interface WorkSource {
  readonly next: () => WorkItem
}

/**
 * Keys that all connections together put before they begin to overwrite them. Half of what a server holds by default:
 * a long run measures hits then, and not how much the server was made to evict.
 */
const OWN_KEYS = 500_000

/** The keys of one connection that has its own. */
const ownKeys = ({ connections }: WorkloadOptions): number => Math.max(1, Math.floor(OWN_KEYS / connections))

/** The key space of a run that only reads and names none: it must be preloaded, or there would be nothing to read. */
export const DEFAULT_READ_ONLY_KEYS = 10_000

/** The keys that are put before the run, numbered from 0; 0 if there are none. */
export const preloadedKeys = (options: WorkloadOptions): number =>
  options.keys ?? (options.ratio === 0 ? DEFAULT_READ_ONLY_KEYS : 0)

/** The warm-up has requests of its own, so that those that are measured do not depend on how long it took. */
export type Part = "warm-up" | "measured"

const WARMUP_STREAMS = 0x8000_0000

/** The requests of one connection, numbered from 0. */
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
      // Nothing can be read before something was put.
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
    // The sampler's set-up is a few powers: made again when the number of keys has doubled or is final.
    if (count !== size && (count >= size * 2 || count < size || options.keys !== undefined)) {
      sampler = makeZipf(count, options.zipfExponent, random)
      size = count
    }
    return sampler() - 1
  }
}

/**
 * Samples 1 to `count` with a probability proportional to rank^-exponent, in constant time and memory. Rejection
 * inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
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

/** (e^x - 1) / x, also at 0. */
const expm1Over = (x: number): number => (Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2)

/** ln(1 + x) / x, also at 0. */
const log1pOver = (x: number): number => (Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2)

/**
 * Uniform numbers in [0, 1): the generator sfc32 (C. Doty-Humphrey, PractRand), one stream for each connection, seeded
 * with seed and stream and warmed up.
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

/** Turns key numbers into the keys and values that are sent, as bytes in a buffer of the caller's. */
export interface Vocabulary {
  /** Lengths in bytes of each key and each value. */
  readonly keySize: number
  readonly valueSize: number
  /** Writes a key, or a value, at an offset, and returns the offset behind it. */
  readonly writeKey: (into: Buffer, at: number, number: number) => number
  readonly writeValue: (into: Buffer, at: number, number: number) => number
  /** Whether the bytes from an offset on are the value of a key. */
  readonly isValue: (bytes: Buffer, at: number, number: number) => boolean
}

/** How many digits a number has in a base. */
const digitsOf = (number: number, base: number): number => {
  let digits = 1
  for (let rest = Math.floor(number / base); rest > 0; rest = Math.floor(rest / base)) digits++
  return digits
}

/**
 * Keys end in their number in base 62; where `keySize` has too few of them, numbers share a key. They begin with
 * digits of the seed where there is room, so that two runs at a time have keys of their own.
 *
 * A value begins with the key's number in base 62 from its last digit on, so that two keys seldom have the same value
 * even where values are short; the rest is a piece of a pool of digits, from a place that the number says.
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
