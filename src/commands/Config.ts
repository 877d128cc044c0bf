/** CONFIG: the settings of a running server. */
import type { Arity, Entry } from "./Entry.ts"

const MANY = Number.POSITIVE_INFINITY

const entry = (
  name: string,
  since: string,
  arity: Arity,
  args: string,
  summary: string,
  complexity?: string
): Entry => ({
  name: `CONFIG|${name}`,
  group: "server",
  since,
  protocols: ["resp"],
  arity,
  flags: name === "HELP" ? ["loading", "stale"] : ["admin", "noscript", "loading", "stale"],
  usage: ["CONFIG", name, args].filter((word) => word !== "").join(" "),
  summary,
  complexity,
  details: []
})

const ofParameters = "O(N) when N is the number of configuration parameters provided"

export const configGet = entry(
  "GET",
  "2.0.0",
  { min: 1, max: MANY },
  "parameter [parameter ...]",
  "Show the settings whose names match any of these patterns",
  ofParameters
)
export const configSet = entry(
  "SET",
  "2.0.0",
  { min: 2, max: MANY },
  "parameter value [parameter value ...]",
  "Change settings, all of them or none",
  ofParameters
)
export const configResetStat = entry("RESETSTAT", "2.0.0", { min: 0, max: 0 }, "", "Count from 0 again")
export const configRewrite = entry("REWRITE", "2.8.0", { min: 0, max: 0 }, "", "Write the settings to their file")
const configHelp = entry("HELP", "5.0.0", { min: 0, max: 0 }, "", "Show the subcommands of CONFIG")

export const configCommands: ReadonlyArray<Entry> = [configGet, configSet, configResetStat, configRewrite, configHelp]
