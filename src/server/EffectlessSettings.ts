/** Settings that were given and have no effect, since what they are about is not there. Pure. */
import * as Equal from "effect/Equal"
import { type Setting, type Settings, settings } from "./ServerConfig.ts"

/** The flag of a setting, if it is not what it is for who says nothing. */
const given = <A>({ default: usual, flag }: Setting<A>, value: A): ReadonlyArray<string> =>
  Equal.equals(value, usual) ? [] : [`--${flag}`]

/** Says that flags have no effect, if there are any. */
const noEffect = (flags: ReadonlyArray<string>, why: string): ReadonlyArray<string> =>
  flags.length === 0 ? [] : [`${flags.join(", ")} ${flags.length === 1 ? "has" : "have"} no effect ${why}`]

const ofEngine = (config: Settings): ReadonlyArray<string> => [
  ...given(settings.enginePasswordFile, config.enginePasswordFile),
  ...given(settings.engineCa, config.engineCa),
  ...given(settings.engineTimeout, config.engineTimeout),
  ...given(settings.engineDown, config.engineDown),
  ...given(settings.staleTtl, config.staleTtl),
  ...given(settings.nearMemory, config.nearMemory),
  ...given(settings.nearTtl, config.nearTtl)
]

const ofMemory = (config: Settings): ReadonlyArray<string> => [
  ...given(settings.maxKeys, config.maxKeys),
  ...given(settings.maxMemory, config.maxMemory)
]

const ofAdminPort = (config: Settings): ReadonlyArray<string> => [
  ...given(settings.adminHost, config.adminHost),
  ...given(settings.adminAllowedHosts, config.adminAllowedHosts),
  ...given(settings.adminKeys, config.adminKeys)
]

/** What is to be said of them, a sentence for each reason. */
export const effectless = (config: Settings): ReadonlyArray<string> => [
  ...(config.engine === undefined
    ? noEffect(ofEngine(config), "without --engine: the keys are in the memory of this process")
    : noEffect(
        ofMemory(config),
        "with --engine: how much it keeps is its own maxmemory, and what is kept near is bounded by --near-memory"
      )),
  ...(config.adminPort === undefined
    ? noEffect(ofAdminPort(config), "without --admin-port: nothing listens there")
    : [])
]
