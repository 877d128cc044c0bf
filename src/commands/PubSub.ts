/**
 * Channels that a client listens to. Nothing is published but invalidations (see `Tracking.ts`), which clients of RESP2
 * receive on a connection of their own.
 */
import type { Arity, Entry } from "./Entry.ts"

const entry = (name: string, arity: Arity, args: string, summary: string): Entry => ({
  name,
  group: "pubsub",
  since: "2.0.0",
  protocols: ["resp"],
  arity,
  flags: ["pubsub", "noscript", "loading", "stale"],
  usage: `${name} ${args}`,
  summary,
  details: ["Only __redis__:invalidate ever has messages: those of CLIENT TRACKING."]
})

const MANY = Number.POSITIVE_INFINITY

export const subscribe = entry("SUBSCRIBE", { min: 1, max: MANY }, "channel [channel ...]", "Listen to channels")
export const unsubscribe = entry(
  "UNSUBSCRIBE",
  { min: 0, max: MANY },
  "[channel [channel ...]]",
  "Listen to channels no more, or to none"
)
