/** Figures written for people, for the reports. Pure text from numbers, without colours, layout or judgement. */

const group = (digits: string): string => digits.replace(/\B(?=(?:\d{3})+(?!\d))/g, ",")

/** A number with the given decimals and grouped thousands. */
export const fixed = (value: number, decimals: number): string => {
  const text = Math.abs(value).toFixed(decimals)
  const [whole = "", fraction] = text.split(".")
  // "-0.00" would have a meaningless sign.
  const sign = value < 0 && Number(text) !== 0 ? "-" : ""
  return `${sign}${group(whole)}${fraction === undefined ? "" : `.${fraction}`}`
}

/** The same without zeros at the end. */
const trimmed = (value: number, decimals: number): string => {
  const text = fixed(value, decimals)
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text
}

const MAX_DECIMALS = 12

/** The decimals that three significant digits need, so that 0.0004 is not written as 0. */
const decimalsOf = (value: number): number => {
  const size = Math.abs(value)
  if (size === 0) return 0
  return Math.min(MAX_DECIMALS, Math.max(0, 2 - Math.floor(Math.log10(size))))
}

/**
 * The decimals, at least the given number, that keep the written figure on the same side of each bound as the true one.
 * Beside the bound 1, 0.9996 is not written as 1.00, because the tick or cross beside it would then look wrong.
 */
const decimalsBeside = (value: number, decimals: number, bounds: ReadonlyArray<number>): number => {
  let enough = decimals
  while (
    enough < MAX_DECIMALS &&
    bounds.some((bound) => Math.sign(Number(value.toFixed(enough)) - bound) !== Math.sign(value - bound))
  ) {
    enough++
  }
  return enough
}

/** A whole number: `12,345`. */
export const count = (value: number): string => fixed(value, 0)

/** A number of things: `1 request`, `2 requests`. */
export const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`

/** A plain number with at most the given decimals: `0.5`, `3`. */
export const number = (value: number, decimals = 6): string => trimmed(value, decimals)

/** Requests per second: `12,345`, `12.3`. */
export const rate = (value: number, bounds: ReadonlyArray<number> = []): string =>
  fixed(value, decimalsBeside(value, value >= 1000 ? 0 : Math.min(2, decimalsOf(value)), bounds))

/** A latency in ms with its unit: `0.123 ms`, `4.57 ms`, `123 ms`. */
export const millis = (value: number, bounds: ReadonlyArray<number> = []): string =>
  `${fixed(value, decimalsBeside(value, decimalsOf(value), bounds))} ms`

/** Latencies in one column: three decimals, or six if all of them are too small for three. */
export const millisColumn = (values: ReadonlyArray<number>): ReadonlyArray<string> => {
  const largest = values.reduce((max, value) => Math.max(max, value), 0)
  const decimals = largest > 0 && largest < 0.01 ? 6 : 3
  return values.map((value) => fixed(value, decimals))
}

/** A share from 0 to 1: `50 %`, `99.987 %`, `0.00001 %`. Only 0 is written as 0 % and only 1 as 100 %. */
export const percent = (share: number, bounds: ReadonlyArray<number> = []): string => {
  const value = share * 100
  const distance = Math.min(Math.abs(value), Math.abs(100 - value))
  const decimals = distance === 0 ? 0 : Math.min(MAX_DECIMALS, Math.max(1, 1 + Math.ceil(-Math.log10(distance))))
  const beside = bounds.map((bound) => bound * 100)
  return `${trimmed(value, decimalsBeside(value, decimals, beside))} %`
}

/** Seconds as people say them: `250 ms`, `3.21 s`, `12 min 30 s`. */
export const seconds = (value: number): string => {
  if (value < 1) return `${trimmed(value * 1000, decimalsOf(value * 1000))} ms`
  if (value < 120) return `${trimmed(value, 2)} s`
  const whole = Math.round(value)
  const rest = whole % 60
  return `${count(Math.floor(whole / 60))} min${rest === 0 ? "" : ` ${rest} s`}`
}

/** Seconds as a flag takes them: `250ms`, `10s`. */
export const secondsFlag = (value: number): string => {
  // Without grouping, because no flag accepts it.
  const plain = (amount: number): string => trimmed(amount, 6).replaceAll(",", "")
  return value > 0 && value < 1 ? `${plain(value * 1000)}ms` : `${plain(value)}s`
}

/** A moment in ISO 8601, made readable: `2026-03-01 12:00:00 UTC`. Other text is unchanged. */
export const moment = (text: string): string =>
  text.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, "$1 $2 UTC")

/** The numbers of one axis, short and all in one unit: `8k`, `10k`. */
export const compact =
  (largest: number) =>
  (value: number): string => {
    if (value === 0) return "0"
    if (largest >= 1e9) return `${trimmed(value / 1e9, 6)}G`
    if (largest >= 1e6) return `${trimmed(value / 1e6, 6)}M`
    return largest >= 10_000 ? `${trimmed(value / 1e3, 6)}k` : trimmed(value, 6)
  }

/** Text from a file or a flag, made safe for a terminal: without control characters, so without escape sequences. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, "\u{FFFD}")

const UNITS_OF_BYTES = ["bytes", "KB", "MB", "GB", "TB"]

/** Bytes as settings take them, a KB being 1,024: `512 bytes`, `1.5 MB`, `30 GB`. */
export const bytes = (value: number): string => {
  const size = Math.abs(value)
  // From 1,000 of a unit on, the next one is shorter.
  const power =
    size < 1000 ? 0 : Math.min(UNITS_OF_BYTES.length - 1, Math.floor(Math.log(size * 1.024) / Math.log(1024)))
  const amount = value / 1024 ** power
  return `${trimmed(amount, power === 0 ? 0 : decimalsOf(amount))} ${UNITS_OF_BYTES[power]}`
}

/** A time in µs, with three digits: `0.5 µs`, `12.3 µs`, `1.5 ms`, `2 s`. */
export const micros = (value: number): string => {
  if (value < 1000) return `${trimmed(value, decimalsOf(value))} µs`
  const milliseconds = value / 1000
  return milliseconds < 1000 ? `${trimmed(milliseconds, decimalsOf(milliseconds))} ms` : seconds(milliseconds / 1000)
}
