/** CLIENT TRACKING and what belongs to it: clients that keep copies of values are told when these are no longer true. */
import type { Arity, Entry, Flag } from "./Entry.ts"

const NONE: Arity = { min: 0, max: 0 }
const ofClient: ReadonlyArray<Flag> = ["noscript", "loading", "stale"]

const entry = (name: string, since: string, arity: Arity, args: string, summary: string): Entry => ({
  name: `CLIENT|${name}`,
  group: "connection",
  since,
  protocols: ["resp"],
  arity,
  flags: ofClient,
  usage: `CLIENT ${name}${args === "" ? "" : ` ${args}`}`,
  summary,
  details: []
})

export const clientTracking = entry(
  "TRACKING",
  "6.0.0",
  { min: 1, max: Number.POSITIVE_INFINITY },
  "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
  "Whether the client is told of changes of the keys that it reads"
)
export const clientCaching = entry(
  "CACHING",
  "6.0.0",
  { min: 1, max: 1 },
  "<YES | NO>",
  "Whether the keys of the next command are tracked"
)
export const clientGetRedir = entry("GETREDIR", "6.0.0", NONE, "", "Show which client is told in place of this one")
export const clientTrackingInfo = entry("TRACKINGINFO", "6.2.0", NONE, "", "Show how the client's reads are tracked")

export const trackingCommands: ReadonlyArray<Entry> = [
  clientTracking,
  clientCaching,
  clientGetRedir,
  clientTrackingInfo
]
