/** MEMORY, DEBUG and LOLWUT: for whoever looks into a server. What a key takes is in `Keys.ts`. */
import { ok } from "./Replies.ts"
import type { Entry, Flag } from "./Entry.ts"

const entry = (
  name: string,
  since: string,
  max: number,
  flags: ReadonlyArray<Flag>,
  args: string,
  summary: string,
  more: Partial<Entry> = {}
): Entry => ({
  name,
  group: "server",
  since,
  protocols: ["resp"],
  arity: { min: args.startsWith("[") ? 0 : max, max },
  flags,
  usage: [...name.split("|"), ...(args === "" ? [] : [args])].join(" "),
  summary,
  details: [],
  ...more
})

export const memoryStats = entry("MEMORY|STATS", "4.0.0", 0, [], "", "Show what takes memory")
export const memoryDoctor = entry("MEMORY|DOCTOR", "4.0.0", 0, [], "", "Report on problems with memory")
export const memoryMallocStats = entry("MEMORY|MALLOC-STATS", "4.0.0", 0, [], "", "Show how memory is allocated")
/** Memory is given back by itself. */
const memoryPurge = entry("MEMORY|PURGE", "4.0.0", 0, [], "", "Give unused memory back", {
  execute: ({ sink }) => sink.fixed(ok)
})
const memoryHelp = entry("MEMORY|HELP", "4.0.0", 0, ["loading", "stale"], "", "Show the subcommands of MEMORY")

export const debugSleep = entry(
  "DEBUG|SLEEP",
  "1.0.0",
  1,
  ["admin", "noscript", "loading", "stale"],
  "seconds",
  "Let this client wait, and no other"
)
const debugHelp = entry("DEBUG|HELP", "1.0.0", 0, ["loading", "stale"], "", "Show the subcommands of DEBUG")

export const lolwut = entry(
  "LOLWUT",
  "5.0.0",
  Number.POSITIVE_INFINITY,
  ["read", "fast"],
  "[VERSION version]",
  "Show the version, without art"
)

export const diagnosticCommands: ReadonlyArray<Entry> = [
  memoryStats,
  memoryDoctor,
  memoryMallocStats,
  memoryPurge,
  memoryHelp,
  debugSleep,
  debugHelp,
  lolwut
]
