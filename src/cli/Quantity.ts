/** Numbers as people write them: `10k` is 10,000, `1m` a million, `50%` a half. */
import * as Option from "effect/Option"

const FACTORS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["m", 1e6],
  ["%", 0.01]
])

const FORM = /^([0-9]*\.?[0-9]+)([km%]?)$/

const parse = (text: string): Option.Option<number> => {
  const [, digits, unit = ""] = FORM.exec(text.toLowerCase()) ?? []
  const factor = FACTORS.get(unit)
  if (digits === undefined || factor === undefined) return Option.none()
  // Rounded, since 1.1 * 1000 is not quite 1100.
  return Option.some(Number((Number(digits) * factor).toPrecision(15)))
}

/** A number within bounds. */
export const decimal = (min: number, max: number) => (text: string) =>
  Option.filter(parse(text), (number) => number >= min && number <= max)

/** A whole number within bounds. `1.5k` is one. `50.0` is refused, because whoever writes it means something else. */
export const whole = (min: number, max: number) => (text: string) =>
  Option.filter(decimal(min, max)(text), (number) => Number.isInteger(number) && !/\.[0-9]*$/.test(text))
