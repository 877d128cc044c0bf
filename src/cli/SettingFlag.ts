/** A setting of `ServerConfig.ts` as a flag. The flag wins over the environment, which wins over the default. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import type { Setting } from "../server/ServerConfig.ts"
import { parseFrom } from "./ParsedFlag.ts"

/** What a flag needs to know of a setting. */
export type FlagSetting<A> = Omit<Setting<A>, "schema">

/** Where a setting's text was found. */
type Source = { readonly _tag: "Flag" | "Environment"; readonly text: string } | { readonly _tag: "Default" }

const useDefault: Source = { _tag: "Default" }

const decode =
  <A>(setting: FlagSetting<A>) =>
  (source: Source): Effect.Effect<A, CliError.CliError> => {
    if (source._tag === "Default") return Effect.succeed(setting.default)
    const name = source._tag === "Flag" ? `flag --${setting.flag}` : `environment variable ${setting.environment}`
    return parseFrom(name, source.text, setting)
  }

const describe = (setting: FlagSetting<unknown>): string =>
  `${setting.description} (default: ${setting.defaultText}; environment: ${setting.environment})`

/** A setting's value, and whether its flag was given. */
export interface Sourced<A> {
  readonly value: A
  readonly isFlag: boolean
}

const withSources = <A>(flag: Flag.Flag<string>, setting: FlagSetting<A>): Flag.Flag<Sourced<A>> =>
  flag.pipe(
    Flag.withDescription(describe(setting)),
    Flag.map((text): Source => ({ _tag: "Flag", text })),
    // Comes before the default, or the environment would never be read. An empty variable counts as unset.
    Flag.withFallbackConfig(
      Config.String(setting.environment).pipe(
        Config.map((text): Source => (text === "" ? useDefault : { _tag: "Environment", text }))
      )
    ),
    Flag.withDefault(useDefault),
    Flag.mapEffect((source) =>
      Effect.map(decode(setting)(source), (value) => ({ value, isFlag: source._tag === "Flag" }))
    )
  )

/** The flag of a setting that takes a value. It says whether it was given, for those whom it may contradict. */
export const fromSettingWithSource = <A>(setting: FlagSetting<A>): Flag.Flag<Sourced<A>> =>
  withSources(withAlias(Flag.String(setting.flag).pipe(Flag.withMetavar(setting.metavar)), setting), setting)

/** The flag of a setting that takes a value. */
export const fromSetting = <A>(setting: FlagSetting<A>): Flag.Flag<A> =>
  Flag.map(fromSettingWithSource(setting), ({ value }) => value)

const withAlias = (flag: Flag.Flag<string>, { alias }: FlagSetting<unknown>): Flag.Flag<string> =>
  alias === undefined ? flag : Flag.withAlias(flag, alias)

/** The flag of a setting that is on or off. */
export const fromSwitch = (setting: FlagSetting<boolean>): Flag.Flag<boolean> =>
  Flag.map(withSources(Flag.Boolean(setting.flag).pipe(Flag.map(String)), setting), ({ value }) => value)
