/** Commands that random sequences leave out, with the reason. */

const ENDS = "it ends or silences connections"
const OWN = "what it shows or sets is this server's own"
const LATER = "Redis 7.0.15, with which this server is compared, has another one or none"
const ALL = "it stops or watches all clients"

const PUSHED = "messages may be pushed at another moment, between other replies"
const UNKNOWN = "Redis has no such command"

export const leftOut: Readonly<Record<string, string>> = {
  PUT: UNKNOWN,
  DELETE: UNKNOWN,
  FLUSH: UNKNOWN,
  EXPLAIN: UNKNOWN,
  STATS: UNKNOWN,
  CLOCK: UNKNOWN,
  QUIT: ENDS,
  "ACL|CAT": OWN,
  "ACL|GETUSER": OWN,
  "ACL|LIST": OWN,
  "ACL|HELP": OWN,
  "OBJECT|IDLETIME": "each server counts its seconds from another moment",
  "CLIENT|KILL": ENDS,
  "CLIENT|REPLY": ENDS,
  "CLIENT|HELP": LATER,
  "CLIENT|SETINFO": LATER,
  "CLIENT|NO-TOUCH": LATER,
  "CLIENT|MAINT_NOTIFICATIONS": LATER,
  "CLIENT|PAUSE": ALL,
  "CLIENT|UNPAUSE": ALL,
  COMMAND: OWN,
  "COMMAND|COUNT": OWN,
  "COMMAND|INFO": OWN,
  "COMMAND|DOCS": OWN,
  "COMMAND|LIST": OWN,
  "COMMAND|GETKEYS": OWN,
  "COMMAND|GETKEYSANDFLAGS": OWN,
  "COMMAND|HELP": LATER,
  "CONFIG|SET": OWN,
  "CONFIG|REWRITE": OWN,
  "CONFIG|HELP": LATER,
  MONITOR: ALL,
  "DEBUG|SLEEP": ALL,
  "SLOWLOG|HELP": LATER,
  "LATENCY|GRAPH": OWN,
  "LATENCY|HISTOGRAM": OWN,
  "LATENCY|HELP": LATER,
  "MEMORY|HELP": LATER,
  "DEBUG|HELP": LATER,
  "MODULE|HELP": LATER,
  "FUNCTION|HELP": LATER,
  CLUSTER: "Redis answers its name with that of the subcommand",
  "CLIENT|TRACKING": PUSHED,
  "CLIENT|CACHING": PUSHED,
  "CLIENT|GETREDIR": PUSHED,
  "CLIENT|TRACKINGINFO": PUSHED,
  SUBSCRIBE: PUSHED,
  UNSUBSCRIBE: PUSHED
}
