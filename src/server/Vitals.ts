/**
 * How a server is, for whoever looks at it from outside of its connections, such as the admin port: where it stands between
 * its start and its end, and what it is made of. A server tells this; it asks nothing of those who look.
 */
import * as Context from "effect/Context"
import type { SessionContext } from "./Session.ts"

export const STAGES = ["starting", "serving", "draining"] as const

export type Stage = (typeof STAGES)[number]

/** A server that serves. */
export interface View extends Pick<
  SessionContext,
  | "authentication"
  | "clients"
  | "counters"
  | "executor"
  | "instance"
  | "observation"
  | "onWrongPassword"
  | "pause"
  | "running"
  | "tracking"
> {
  /** The server's time in ms. */
  readonly now: () => number
  /** The number of defects that were caught, each a bug. */
  readonly defects: () => number
  /** The most bytes that clients may hold. */
  readonly maxClientMemory: number
}

export class Vitals {
  stage: Stage = "starting"
  /** Nothing until it serves. */
  view: View | undefined = undefined
  onServes: () => void = () => {}

  serves(view: View): void {
    this.view = view
    this.stage = "serving"
    this.onServes()
  }

  drains(): void {
    this.stage = "draining"
  }
}

/** Where a server tells how it is, if anybody looks. */
export const CurrentVitals = Context.Reference<Vitals | undefined>("effect-kv-cache/server/CurrentVitals", {
  defaultValue: () => undefined
})
