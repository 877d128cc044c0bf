/**
 * Random arguments for commands: few keys, so that commands meet, and values and numbers that are special more often than
 * not. The same seed gives the same arguments. Words have one character for each byte.
 */
import { seededRandom, type SeededRandom } from "../engine/SeededRandom.ts"

export interface Draw extends SeededRandom {
  /** One of the few keys that all families share; seldom an empty, a binary or a long one. */
  readonly key: () => string
  /** So many keys, each of which may be there again. */
  readonly keys: (least: number, most: number) => ReadonlyArray<string>
  /** A number in the beginning of a value, a short text, or, seldom, something long or binary. */
  readonly value: () => string
  /** A whole number: a small one, a bound of some type, or, seldom, no number at all. */
  readonly integer: () => string
  /** A place in a value of some bytes, from its beginning or its end. */
  readonly index: () => string
  /** A small floating-point number in one of many forms, or, seldom, none. */
  readonly float: () => string
  /** Seconds that do not pass in a test; seldom an invalid number. */
  readonly seconds: () => string
  readonly millis: () => string
  /** A Unix time in the past or the far future. */
  readonly unixSeconds: () => string
  readonly unixMillis: () => string
  /** A word in capitals, in any case. */
  readonly word: (word: string) => string
  /** Options in any order; each is there with a probability. */
  readonly options: (
    probability: number,
    ...options: ReadonlyArray<() => ReadonlyArray<string>>
  ) => ReadonlyArray<string>
  /** A list of some arguments that `make` makes. */
  readonly list: (least: number, most: number, make: () => ReadonlyArray<string> | string) => ReadonlyArray<string>
}

/** In ms: the present, so that what lies in the far future does so on any machine. */
const FAR_FUTURE = 4_102_444_800_000

const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"] as const
const SPECIAL_KEYS = ["", "\0", "k\r\n\xff", "{tag}key", "x".repeat(5000)] as const

const NUMBERS = ["0", "1", "-1", "2", "7", "10", "100", "-100", "255", "65536", "2147483647", "2147483648"] as const
const BOUNDS = [
  "4294967296",
  "9007199254740991",
  "9007199254740993",
  "-9007199254740993",
  "9223372036854775807",
  "9223372036854775806",
  "-9223372036854775808",
  "-9223372036854775807"
] as const
/** What looks like a number and is none, to most commands. */
export const NO_NUMBERS = [
  "",
  "x",
  "-",
  "+1",
  "01",
  "-0",
  " 1",
  "1 ",
  "1.5",
  "1e3",
  "0x10",
  "9223372036854775808",
  "-9223372036854775809",
  "99999999999999999999999",
  "nan",
  "inf"
] as const
const FLOATS = [
  "0",
  "-0",
  "1",
  "0.1",
  "-2.5",
  "3.0e3",
  "1e-5",
  "1e17",
  "1.23456789012345678901",
  "-0.00000000000000001",
  "5e-324",
  "1e308",
  "1e4000",
  "0x1p4",
  ".5",
  "5.",
  "1000000000000000000000",
  "0.30000000000000004",
  "inf",
  "-Infinity"
] as const
const NO_FLOATS = ["", "x", "nan", "1.2.3", " 1", "1 ", "1e", "--1", "1e9999", "1\0"] as const

const TEXTS = [
  "",
  "v",
  "foo",
  "foobar",
  "Hello, World",
  "\xff\0\x80",
  "\r\n",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
] as const

export const draw = (seed: number): Draw => {
  const random = seededRandom(seed)
  const { below, chance, pick } = random
  const key = (): string => (chance(0.03) ? pick(SPECIAL_KEYS) : pick(KEYS))
  const list: Draw["list"] = (least, most, make) => Array.from({ length: least + below(most - least + 1) }, make).flat()
  const integer = (): string =>
    chance(0.1)
      ? pick(NO_NUMBERS)
      : chance(0.25)
        ? pick(BOUNDS)
        : chance(0.5)
          ? pick(NUMBERS)
          : String(below(200) - 100)
  const float = (): string =>
    chance(0.1)
      ? pick(NO_FLOATS)
      : chance(0.5)
        ? pick(FLOATS)
        : `${chance(0.3) ? "-" : ""}${below(1000)}.${below(100_000)}${chance(0.2) ? `e${below(30) - 15}` : ""}`
  const value = (): string => {
    if (chance(0.35)) return integer()
    if (chance(0.1)) return float()
    if (chance(0.03)) return "0123456789abcdef".repeat(1 + below(1000))
    if (chance(0.005)) return String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte)).repeat(200)
    return chance(0.7) ? pick(TEXTS) : String.fromCharCode(...Array.from({ length: below(20) }, () => below(256)))
  }
  const index = (): string =>
    chance(0.05)
      ? pick(NO_NUMBERS)
      : chance(0.1)
        ? pick(BOUNDS)
        : chance(0.1)
          ? String(below(20_000))
          : String(below(50) - 25)
  // What counts from now on lasts longer than any test.
  const seconds = (): string => (chance(0.1) ? integerThatIsNoTime() : String(1000 + below(100_000)))
  const millis = (): string => (chance(0.1) ? integerThatIsNoTime() : String(1_000_000 + below(100_000_000)))
  const integerThatIsNoTime = (): string => (chance(0.5) ? pick(NO_NUMBERS) : pick(["0", "-1", "9223372036854775807"]))
  const unixMillis = (): string =>
    chance(0.1)
      ? integerThatIsNoTime()
      : chance(0.3)
        ? pick(["1", "1000", "1600000000000"])
        : String(FAR_FUTURE + below(1_000_000_000))
  const unixSeconds = (): string =>
    chance(0.1)
      ? integerThatIsNoTime()
      : chance(0.3)
        ? pick(["1", "1000", "1600000000"])
        : String(FAR_FUTURE / 1000 + below(1_000_000))
  return {
    ...random,
    key,
    keys: (least, most) => list(least, most, key),
    value,
    integer,
    index,
    float,
    seconds,
    millis,
    unixSeconds,
    unixMillis,
    word: (word) =>
      chance(0.7)
        ? word
        : chance(0.5)
          ? word.toLowerCase()
          : Array.from(word, (letter) => (chance(0.5) ? letter.toLowerCase() : letter)).join(""),
    options: (probability, ...options) => {
      const chosen = options.filter(() => chance(probability))
      for (let at = chosen.length - 1; at > 0; at--) {
        const other = below(at + 1)
        const option = chosen[at]
        const swapped = chosen[other]
        if (option === undefined || swapped === undefined) continue
        chosen[at] = swapped
        chosen[other] = option
      }
      return chosen.flatMap((option) => option())
    },
    list
  }
}
