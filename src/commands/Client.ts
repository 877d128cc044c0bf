/** CLIENT: what a connection is called and how it is treated, and the connections of others. */
import type { Arity, Entry, Flag } from "./Entry.ts"

const MANY = Number.POSITIVE_INFINITY
const NONE: Arity = { min: 0, max: 0 }
const ONE: Arity = { min: 1, max: 1 }

const ofClient: ReadonlyArray<Flag> = ["noscript", "loading", "stale"]
const ofAdmin: ReadonlyArray<Flag> = ["admin", ...ofClient]

const entry = (
  name: string,
  since: string,
  arity: Arity,
  flags: ReadonlyArray<Flag>,
  args: string,
  summary: string,
  more: Partial<Entry> = {}
): Entry => ({
  name: `CLIENT|${name}`,
  group: "connection",
  since,
  protocols: ["resp"],
  arity,
  flags,
  usage: `CLIENT ${name}${args === "" ? "" : ` ${args}`}`,
  summary,
  details: [],
  ...more
})

const ofAllClients = { complexity: "O(N) where N is the number of client connections" }

export const clientGetName = entry("GETNAME", "2.6.9", NONE, ofClient, "", "Show the name of the connection")
export const clientSetName = entry("SETNAME", "2.6.9", ONE, ofClient, "connection-name", "Name the connection")
export const clientId = entry("ID", "5.0.0", NONE, ofClient, "", "Show the number of the connection")
export const clientInfo = entry("INFO", "6.2.0", NONE, ofClient, "", "Show what is known of the connection")
export const clientList = entry(
  "LIST",
  "2.4.0",
  { min: 0, max: MANY },
  ofAdmin,
  "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
  "List the connections, one a line",
  ofAllClients
)
export const clientSetInfo = entry(
  "SETINFO",
  "7.2.0",
  { min: 2, max: 2 },
  ofClient,
  "<LIB-NAME libname | LIB-VER libver>",
  "Name the client's library and its version"
)
export const clientKill = entry(
  "KILL",
  "2.4.0",
  { min: 1, max: MANY },
  ofAdmin,
  "<ip:port | <[ID client-id] [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] [USER username] [ADDR ip:port] " +
    "[LADDR ip:port] [SKIPME <YES | NO>] [MAXAGE maxage]>>",
  "Close connections",
  ofAllClients
)
export const clientNoEvict = entry(
  "NO-EVICT",
  "7.0.0",
  ONE,
  ofAdmin,
  "<ON | OFF>",
  "Keep the connection when clients take too much memory"
)
export const clientNoTouch = entry(
  "NO-TOUCH",
  "7.2.0",
  ONE,
  ofClient,
  "<ON | OFF>",
  "Whether the connection's reads leave the order of use as it is"
)
export const clientReply = entry("REPLY", "3.2.0", ONE, ofClient, "<ON | OFF | SKIP>", "Whether commands are answered")
export const clientPause = entry(
  "PAUSE",
  "3.0.0",
  { min: 1, max: 2 },
  ofAdmin,
  "timeout [WRITE | ALL]",
  "Hold back the commands of all clients for so many ms"
)
export const clientUnpause = entry("UNPAUSE", "6.2.0", NONE, ofAdmin, "", "Hold back nothing any more", {
  complexity: "O(N) where N is the number of paused clients"
})
export const clientUnblock = entry(
  "UNBLOCK",
  "5.0.0",
  { min: 1, max: 2 },
  ofAdmin,
  "client-id [TIMEOUT | ERROR]",
  "Let a client that waits go on"
)
const clientHelp = entry("HELP", "5.0.0", NONE, ["loading", "stale"], "", "Show the subcommands of CLIENT")

export const clientCommands: ReadonlyArray<Entry> = [
  clientGetName,
  clientSetName,
  clientId,
  clientInfo,
  clientList,
  clientSetInfo,
  clientKill,
  clientNoEvict,
  clientNoTouch,
  clientReply,
  clientPause,
  clientUnpause,
  clientUnblock,
  clientHelp
]
