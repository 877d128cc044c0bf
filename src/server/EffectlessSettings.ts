/** Settings that were given and have no effect, since the keys are kept elsewhere than where they matter. Pure. */
import * as Equal from "effect/Equal"
import { type Setting, type Settings, settings } from "./ServerConfig.ts"

/** The flag of a setting, if it is not what it is for who says nothing. */
const given = <A>({ default: usual, flag }: Setting<A>, value: A): ReadonlyArray<string> =>
  Equal.equals(value, usual) ? [] : [`--${flag}`]

const verb = ({ length }: ReadonlyArray<string>): string => (length === 1 ? "has" : "have")

/** What is to be said of them; nothing if all have an effect. */
export const effectless = (config: Settings): string | undefined => {
  if (config.engine === undefined) {
    const flags = [
      ...given(settings.enginePasswordFile, config.enginePasswordFile),
      ...given(settings.engineCa, config.engineCa),
      ...given(settings.engineTimeout, config.engineTimeout),
      ...given(settings.engineDown, config.engineDown),
      ...given(settings.staleTtl, config.staleTtl),
      ...given(settings.nearMemory, config.nearMemory),
      ...given(settings.nearTtl, config.nearTtl)
    ]
    return flags.length === 0
      ? undefined
      : `${flags.join(", ")} ${verb(flags)} no effect without --engine: the keys are in the memory of this process`
  }
  const flags = [...given(settings.maxKeys, config.maxKeys), ...given(settings.maxMemory, config.maxMemory)]
  return flags.length === 0
    ? undefined
    : `${flags.join(", ")} ${verb(flags)} no effect with --engine: how much it keeps is its own maxmemory, ` +
        "and what is kept near is bounded by --near-memory"
}
