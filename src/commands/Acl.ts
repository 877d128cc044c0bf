/** ACL: who the client is, and who may come. Users are made in a file, so no command makes one. */
import type { Arity, Entry, Flag } from "./Entry.ts"

const NONE: Arity = { min: 0, max: 0 }

const ofAll: ReadonlyArray<Flag> = ["noscript", "loading", "stale"]
const ofAdmin: ReadonlyArray<Flag> = ["admin", ...ofAll]

const entry = (
  name: string,
  arity: Arity,
  flags: ReadonlyArray<Flag>,
  args: string,
  summary: string,
  complexity = "O(1)"
): Entry => ({
  name: `ACL|${name}`,
  group: "server",
  since: "6.0.0",
  protocols: ["resp"],
  arity,
  flags,
  usage: `ACL ${name}${args === "" ? "" : ` ${args}`}`,
  summary,
  complexity,
  details: []
})

const OF_USERS = "O(N) where N is the number of users"

export const aclCat = entry(
  "CAT",
  { min: 0, max: 1 },
  ofAll,
  "[category]",
  "List the categories, or the commands of one",
  "O(1) since the categories and commands are a fixed set"
)
export const aclGetUser = entry("GETUSER", { min: 1, max: 1 }, ofAdmin, "username", "Show what a user may do", OF_USERS)
export const aclList = entry("LIST", NONE, ofAdmin, "", "List the users with what they may do", OF_USERS)
export const aclUsers = entry("USERS", NONE, ofAdmin, "", "List the users", OF_USERS)
export const aclWhoAmI = entry("WHOAMI", NONE, ofAll, "", "Show the connection's user")
const aclHelp = entry("HELP", NONE, ["loading", "stale"], "", "Show the subcommands of ACL")

export const aclCommands: ReadonlyArray<Entry> = [aclCat, aclGetUser, aclList, aclUsers, aclWhoAmI, aclHelp]
