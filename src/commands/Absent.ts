/**
 * Commands for what a cache has none of: a cluster, replicas, modules, functions. Clients and tools send them
 * to find that out.
 */
import { ERR, FixedReply, type ReplySink } from "../domain/Reply.ts"
import { integer, isWord, word } from "./Arguments.ts"
import type { Entry, Execute, Flag, Group } from "./Entry.ts"
import { notAnInteger, ok, zero } from "./Replies.ts"

const MANY = Number.POSITIVE_INFINITY

const noCluster = new FixedReply((sink) => sink.error(ERR, "This instance has cluster support disabled"))
const noLibrary = new FixedReply((sink) => sink.error(ERR, "Library not found"))
const noScript = new FixedReply((sink) => sink.error("NOTBUSY", "No scripts in execution right now."))
const noElements = new FixedReply((sink) => sink.array(0))
const badFlush = new FixedReply((sink) => sink.error(ERR, "FUNCTION FLUSH only supports SYNC|ASYNC option"))
const negativeTimeout = new FixedReply((sink) => sink.error(ERR, "timeout is negative"))
const badTimeout = new FixedReply((sink) => sink.error(ERR, "timeout is not an integer or out of range"))

const always =
  (reply: FixedReply): Execute =>
  ({ sink }) =>
    sink.fixed(reply)

const entry = (
  group: Group,
  name: string,
  since: string,
  min: number,
  max: number,
  flags: ReadonlyArray<Flag>,
  args: string,
  summary: string,
  execute: Execute | undefined
): Entry => ({
  name,
  group,
  since,
  protocols: ["resp"],
  arity: { min, max },
  flags,
  usage: [...name.split("|"), ...(args === "" ? [] : [args])].join(" "),
  summary,
  details: [],
  execute
})

const cluster = entry(
  "cluster",
  "CLUSTER",
  "3.0.0",
  1,
  MANY,
  ["stale"],
  "subcommand [arg [arg ...]]",
  "Say that this is no cluster",
  always(noCluster)
)

const moduleList = entry(
  "server",
  "MODULE|LIST",
  "4.0.0",
  0,
  0,
  ["admin", "noscript"],
  "",
  "List the modules: there are none",
  always(noElements)
)
const moduleHelp = entry(
  "server",
  "MODULE|HELP",
  "5.0.0",
  0,
  0,
  ["loading", "stale"],
  "",
  "Show the subcommands of MODULE",
  undefined
)

const executeFunctionList: Execute = ({ sink }, commands, command) => {
  for (let at = 0; at < commands.argc(command); at++) {
    if (isWord(commands, command, at, "WITHCODE")) continue
    if (!isWord(commands, command, at, "LIBRARYNAME")) {
      return sink.error(ERR, `Unknown argument ${commands.text(command, at)}`)
    }
    if (++at === commands.argc(command)) return sink.error(ERR, "library name argument was not given")
  }
  sink.fixed(noElements)
}

const executeFunctionFlush: Execute = ({ sink }, commands, command) => {
  const mode = commands.argc(command) === 0 ? "SYNC" : word(commands, command, 0)
  sink.fixed(mode === "SYNC" || mode === "ASYNC" ? ok : badFlush)
}

const writeFunctionStats = (sink: ReplySink): void => {
  sink.map(2)
  sink.text("running_script")
  sink.null()
  sink.text("engines")
  sink.map(0)
}

const functionList = entry(
  "scripting",
  "FUNCTION|LIST",
  "7.0.0",
  0,
  MANY,
  ["noscript"],
  "[LIBRARYNAME library-name-pattern] [WITHCODE]",
  "List the libraries of functions: there are none",
  executeFunctionList
)
const functionFlush = entry(
  "scripting",
  "FUNCTION|FLUSH",
  "7.0.0",
  0,
  1,
  ["write", "noscript"],
  "[ASYNC | SYNC]",
  "Remove the libraries of functions",
  executeFunctionFlush
)
const functionDelete = entry(
  "scripting",
  "FUNCTION|DELETE",
  "7.0.0",
  1,
  1,
  ["write", "noscript"],
  "library-name",
  "Remove a library of functions",
  always(noLibrary)
)
const functionStats = entry(
  "scripting",
  "FUNCTION|STATS",
  "7.0.0",
  0,
  0,
  ["noscript", "allow_busy"],
  "",
  "Show the function that runs: there is none",
  ({ sink }) => writeFunctionStats(sink)
)
const functionKill = entry(
  "scripting",
  "FUNCTION|KILL",
  "7.0.0",
  0,
  0,
  ["noscript", "allow_busy"],
  "",
  "Stop the function that runs",
  always(noScript)
)
const functionHelp = entry(
  "scripting",
  "FUNCTION|HELP",
  "7.0.0",
  0,
  0,
  ["loading", "stale"],
  "",
  "Show the subcommands of FUNCTION",
  undefined
)

const wait = entry(
  "generic",
  "WAIT",
  "3.0.0",
  2,
  2,
  ["noscript"],
  "numreplicas timeout",
  "Count the replicas that have what was written: none, at once",
  ({ sink }, commands, command) => {
    const timeout = integer(commands, command, 1)
    if (Number.isNaN(integer(commands, command, 0))) sink.fixed(notAnInteger)
    else if (Number.isNaN(timeout)) sink.fixed(badTimeout)
    else sink.fixed(timeout < 0 ? negativeTimeout : zero)
  }
)

const readOnly = (name: string, summary: string): Entry =>
  entry("cluster", name, "3.0.0", 0, 0, ["loading", "stale", "fast"], "", summary, always(noCluster))

export const absentCommands: ReadonlyArray<Entry> = [
  cluster,
  readOnly("READONLY", "Allow reads from a replica of a cluster"),
  readOnly("READWRITE", "Allow no reads from a replica of a cluster"),
  moduleList,
  moduleHelp,
  functionList,
  functionFlush,
  functionDelete,
  functionStats,
  functionKill,
  functionHelp,
  wait
]
