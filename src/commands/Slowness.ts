/** SLOWLOG, LATENCY and MONITOR: what commands do to a server. */
import type { Arity, Entry, Flag } from "./Entry.ts"

const MANY = Number.POSITIVE_INFINITY
const NONE: Arity = { min: 0, max: 0 }

const ofHelp: ReadonlyArray<Flag> = ["loading", "stale"]

const entry = (
  name: string,
  since: string,
  arity: Arity,
  flags: ReadonlyArray<Flag>,
  args: string,
  summary: string,
  complexity?: string
): Entry => ({
  name,
  group: "server",
  since,
  protocols: ["resp"],
  arity,
  flags,
  usage: [...name.split("|"), ...(args === "" ? [] : [args])].join(" "),
  summary,
  complexity,
  details: []
})

const slowLog = (name: string, arity: Arity, args: string, summary: string, complexity?: string): Entry =>
  entry(
    `SLOWLOG|${name}`,
    name === "HELP" ? "6.2.0" : "2.2.12",
    arity,
    name === "HELP" ? ofHelp : ["admin", "loading", "stale"],
    args,
    summary,
    complexity
  )

export const slowLogGet = slowLog(
  "GET",
  { min: 0, max: 1 },
  "[count]",
  "Show the newest slow commands, 10 unless told; -1 for all",
  "O(N) where N is the number of entries returned"
)
export const slowLogLen = slowLog("LEN", NONE, "", "Count the slow commands that are kept")
export const slowLogReset = slowLog(
  "RESET",
  NONE,
  "",
  "Forget the slow commands",
  "O(N) where N is the number of entries"
)
const slowLogHelp = slowLog("HELP", NONE, "", "Show the subcommands of SLOWLOG")

const latency = (name: string, since: string, arity: Arity, args: string, summary: string): Entry =>
  entry(
    `LATENCY|${name}`,
    since,
    arity,
    name === "HELP" ? ofHelp : ["admin", "noscript", "loading", "stale"],
    args,
    summary
  )

export const latencyLatest = latency("LATEST", "2.8.13", NONE, "", "Show the newest spike of each event")
export const latencyHistory = latency("HISTORY", "2.8.13", { min: 1, max: 1 }, "event", "Show the spikes of an event")
export const latencyReset = latency(
  "RESET",
  "2.8.13",
  { min: 0, max: MANY },
  "[event [event ...]]",
  "Forget the spikes of events"
)
export const latencyGraph = latency("GRAPH", "2.8.13", { min: 1, max: 1 }, "event", "Draw the spikes of an event")
export const latencyDoctor = latency("DOCTOR", "2.8.13", NONE, "", "Report on the spikes")
export const latencyHistogram = latency(
  "HISTOGRAM",
  "7.0.0",
  { min: 0, max: MANY },
  "[command [command ...]]",
  "Show how long commands took, measured in a sample of them"
)
const latencyHelp = latency("HELP", "2.8.13", NONE, "", "Show the subcommands of LATENCY")

export const monitor = entry(
  "MONITOR",
  "1.0.0",
  NONE,
  ["admin", "noscript", "loading", "stale"],
  "",
  "Show every command that is executed, until RESET or QUIT"
)

export const slownessCommands: ReadonlyArray<Entry> = [
  slowLogGet,
  slowLogLen,
  slowLogReset,
  slowLogHelp,
  latencyLatest,
  latencyHistory,
  latencyReset,
  latencyGraph,
  latencyDoctor,
  latencyHistogram,
  latencyHelp,
  monitor
]
