/**
 * The settings of a running server, under the names that Redis has for them: what CONFIG GET shows and CONFIG SET
 * changes. Only what a setting says is true here is listed; one that cannot be otherwise accepts what it is.
 *
 * The server's own settings, which are read at its start, are in `ServerConfig.ts`.
 */
import { textMatches } from "../commands/Glob.ts"

/** What is wrong with a value, or what makes it so. */
type Change = string | (() => void)

export interface Parameter {
  readonly name: string
  readonly read: () => string
  /** Absent if it is as it was at the start. */
  readonly write?: ((text: string) => Change) | undefined
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["k", 1000],
  ["kb", 1024],
  ["m", 1_000_000],
  ["mb", 1024 ** 2],
  ["g", 1_000_000_000],
  ["gb", 1024 ** 3]
])

/** A size in bytes, as Redis writes it. */
const memory = (text: string): number | undefined => {
  const [, digits, unit = ""] = /^([0-9]{1,15})([a-z]*)$/.exec(text.toLowerCase()) ?? []
  const factor = UNITS.get(unit)
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

export const constant = (name: string, value: string): Parameter => ({ name, read: () => value })

/** A setting with a few possible values. */
export const choice = (
  name: string,
  choices: ReadonlyArray<string>,
  read: () => string,
  apply: (value: string) => void = () => {}
): Parameter => ({
  name,
  read,
  write: (text) => {
    const chosen = choices.find((choice) => choice === text.toLowerCase())
    return chosen === undefined
      ? `argument(s) must be one of the following: ${choices.join(", ")}`
      : () => apply(chosen)
  }
})

export const whole = (
  name: string,
  min: number,
  max: number,
  read: () => number,
  apply: (value: number) => void
): Parameter => ({
  name,
  read: () => String(read()),
  write: (text) => {
    if (!/^-?[0-9]{1,18}$/.test(text)) return "argument couldn't be parsed into an integer"
    const value = Number(text)
    return value < min || value > max ? `argument must be between ${min} and ${max} inclusive` : () => apply(value)
  }
})

/** A setting in bytes. `apply` says what is wrong with a value, or nothing. */
export const bytes = (
  name: string,
  min: number,
  max: number,
  read: () => number,
  apply: (value: number) => void
): Parameter => ({
  name,
  read: () => String(read()),
  write: (text) => {
    const value = memory(text)
    if (value === undefined) return "argument must be a memory value"
    return value !== 0 && (value < min || value > max)
      ? `argument must be between ${min} and ${max} inclusive`
      : () => apply(value)
  }
})

export class Parameters {
  private readonly all: ReadonlyMap<string, Parameter>

  constructor(all: ReadonlyArray<Parameter>) {
    this.all = new Map(all.map((parameter) => [parameter.name, parameter]))
  }

  /** Names and values of those whose name matches any of these patterns. */
  get(patterns: ReadonlyArray<string>): ReadonlyArray<readonly [name: string, value: string]> {
    return [...this.all.values()]
      .filter(({ name }) => patterns.some((pattern) => textMatches(pattern, name)))
      .map(({ name, read }) => [name, read()])
  }

  /** Changes all of them, or says why it changes none. */
  set(pairs: ReadonlyArray<readonly [name: string, value: string]>): string | undefined {
    const unknown = pairs.find(([name]) => !this.all.has(name.toLowerCase()))
    if (unknown !== undefined) return `Unknown option or number of arguments for CONFIG SET - '${unknown[0]}'`
    const changes: Array<() => void> = []
    const seen = new Set<string>()
    for (const [name, value] of pairs) {
      const failed = (why: string): string => `CONFIG SET failed (possibly related to argument '${name}') - ${why}`
      const write = this.all.get(name.toLowerCase())?.write
      if (write === undefined) return failed("can't set immutable config")
      if (seen.has(name.toLowerCase())) return failed("duplicate parameter")
      seen.add(name.toLowerCase())
      const change = write(value)
      if (typeof change === "string") return failed(change)
      changes.push(change)
    }
    for (const change of changes) change()
    return undefined
  }
}
