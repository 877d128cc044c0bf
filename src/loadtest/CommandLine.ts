/**
 * The command line that repeats a run, written for a shell. This module does not read flags: see
 * `cli/LoadTestCommand.ts`.
 */
import type { Assertion } from "./Assertion.ts"
import * as Format from "../chart/Format.ts"
import { type LoadResult, protocolOf } from "./LoadResult.ts"

/** A word for a POSIX shell, quoted only where it must be. */
const quote = (word: string): string =>
  /^[A-Za-z0-9_.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`

/** A flag and its value, if it has one. */
type FlagAndValue = readonly [flag: string, value?: string | number]

/** The run's length: a time, or a number of requests per connection. */
const lengthFlag = ({ requests_per_connection, settings }: LoadResult): ReadonlyArray<FlagAndValue> => {
  if (settings.duration_seconds !== null) return [["--duration", Format.secondsFlag(settings.duration_seconds)]]
  return requests_per_connection === null ? [] : [["--requests", requests_per_connection]]
}

const protocolFlags = (result: LoadResult): ReadonlyArray<FlagAndValue> =>
  ({ text: [], resp2: [["--protocol", "resp"], ["--resp2"]], resp3: [["--protocol", "resp"]] } as const)[
    protocolOf(result)
  ]

const rateFlag = ({ settings: { rate } }: LoadResult): ReadonlyArray<FlagAndValue> =>
  rate === null ? [] : [["--rate", rate]]

const keyFlags = ({ settings }: LoadResult): ReadonlyArray<FlagAndValue> => {
  const { distribution, keys, zipf_exponent } = settings
  const flags: Array<FlagAndValue> = []
  if (keys !== null) flags.push(["--keys", keys])
  if (keys !== null || distribution !== "uniform") flags.push(["--distribution", distribution])
  if (distribution === "zipf") flags.push(["--zipf-exponent", zipf_exponent])
  return flags
}

/**
 * The command line that repeats the same requests. It names every setting, so that it stays true when a default
 * changes.
 */
export const commandLine = (result: LoadResult, assertions: ReadonlyArray<Assertion>, program: string): string => {
  const { settings } = result
  const flags: ReadonlyArray<FlagAndValue> = [
    ["--host", result.host],
    ["--port", result.port],
    ...protocolFlags(result),
    ["--connections", result.connections],
    ...lengthFlag(result),
    ...rateFlag(result),
    ["--pipeline", settings.pipeline],
    ["--ratio", result.put_ratio],
    ["--key-size", settings.key_size],
    ["--value-size", settings.value_size],
    ["--ttl", settings.ttl_seconds],
    ...keyFlags(result),
    ["--warmup", Format.secondsFlag(settings.warmup_seconds)],
    ["--timeout", Format.secondsFlag(settings.timeout_seconds)],
    ["--threads", settings.threads],
    ["--seed", result.seed],
    ...assertions.map(({ text }): FlagAndValue => ["--assert", text])
  ]
  return [
    `${program} loadtest`,
    ...flags.map(([flag, value]) => (value === undefined ? flag : `${flag} ${quote(String(value))}`))
  ].join(" ")
}
