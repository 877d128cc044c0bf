/** COMMAND: what commands there are, read from their own table. */
import type { Arity, Entry } from "./Entry.ts"

const MANY: Arity = { min: 0, max: Number.POSITIVE_INFINITY }

const entry = (
  name: string,
  since: string,
  arity: Arity,
  args: string,
  summary: string,
  complexity = "O(N) where N is the total number of commands"
): Entry => ({
  name: name === "" ? "COMMAND" : `COMMAND|${name}`,
  group: "server",
  since,
  protocols: ["resp"],
  arity,
  flags: ["loading", "stale"],
  usage: ["COMMAND", name, args].filter((word) => word !== "").join(" "),
  summary,
  complexity,
  details: []
})

export const command = entry("", "2.8.13", MANY, "", "Describe every command")
export const commandCount = entry("COUNT", "2.8.13", { min: 0, max: 0 }, "", "Count the commands", "O(1)")
export const commandInfo = entry("INFO", "2.8.13", MANY, "[command-name [command-name ...]]", "Describe commands")
export const commandDocs = entry("DOCS", "7.0.0", MANY, "[command-name [command-name ...]]", "Show how to use commands")
export const commandList = entry(
  "LIST",
  "7.0.0",
  MANY,
  "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
  "Name the commands"
)
const ofArguments = "O(N) where N is the number of arguments to the command"
export const commandGetKeys = entry(
  "GETKEYS",
  "2.8.13",
  { min: 1, max: MANY.max },
  "command [arg [arg ...]]",
  "Show which words of a command are keys",
  ofArguments
)
export const commandGetKeysAndFlags = entry(
  "GETKEYSANDFLAGS",
  "7.0.0",
  { min: 1, max: MANY.max },
  "command [arg [arg ...]]",
  "Show which words of a command are keys, and what it does with them",
  ofArguments
)
const commandHelp = entry("HELP", "5.0.0", { min: 0, max: 0 }, "", "Show the subcommands of COMMAND", "O(1)")

export const introspectionCommands: ReadonlyArray<Entry> = [
  command,
  commandCount,
  commandInfo,
  commandDocs,
  commandList,
  commandGetKeys,
  commandGetKeysAndFlags,
  commandHelp
]
