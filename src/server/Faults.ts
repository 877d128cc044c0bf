/**
 * Faults on demand, for tests of what uses a cache: which reply is delayed, cut or not given at all. Pure, seeded: it
 * decides, and `Output.ts` does it. A server that serves has none.
 */
import * as Context from "effect/Context"
import { seededRandom } from "../domain/SeededRandom.ts"

/** What can happen to a reply. */
export type FaultKind =
  /** The reply comes late, by ms of the server's clock. */
  | { readonly kind: "delay"; readonly millis: number }
  /** The reply comes byte by byte, with ms of the server's clock between two of them. */
  | { readonly kind: "slow"; readonly millis: number }
  /** Only the first bytes of the reply come, and the connection is closed. */
  | { readonly kind: "truncate"; readonly bytes: number }
  /** So many replies come on a connection, and in the place of the next one it is closed. */
  | { readonly kind: "close"; readonly afterReplies: number }
  /** Connections are closed as soon as they are accepted. */
  | { readonly kind: "refuse" }

/** A fault, and when it happens. */
export type Fault = FaultKind & {
  /** Only requests for such keys; all requests if absent. */
  readonly keys?: RegExp | ((key: string) => boolean) | undefined
  /** At most so many times; always if absent. */
  readonly times?: number | undefined
  /** With this probability, 0 to 1; always if absent. */
  readonly probability?: number | undefined
}

interface Armed {
  readonly fault: Fault
  left: number
}

export class Faults {
  private armed: ReadonlyArray<Armed> = []
  private readonly random: () => number

  /** The same seed decides in the same way. */
  constructor(seed: number) {
    this.random = seededRandom(seed)
  }

  /** Replaces all faults; the first one that fits a reply is the one that happens. */
  set(...faults: ReadonlyArray<Fault>): void {
    this.armed = faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }))
  }

  /** No more faults. */
  clear(): void {
    this.armed = []
  }

  /** Whether anything may happen to replies. */
  get isArmed(): boolean {
    return this.armed.length > 0
  }

  /** Whether a new connection is closed at once. */
  refusesConnection(): boolean {
    return this.happens(({ fault }) => fault.kind === "refuse") !== undefined
  }

  /** What happens to the reply to a request for `key`, if it is for one: the connection's reply number `index`, from 0. */
  forReply(key: string | undefined, index: number): Fault | undefined {
    return this.happens(({ fault }) => {
      if (fault.kind === "refuse") return false
      return matches(fault, key) && (fault.kind !== "close" || index >= fault.afterReplies)
    })
  }

  private happens(fits: (armed: Armed) => boolean): Fault | undefined {
    const found = this.armed.find((armed) => {
      if (armed.left <= 0 || !fits(armed)) return false
      return armed.fault.probability === undefined || this.random() < armed.fault.probability
    })
    if (found !== undefined) found.left--
    return found?.fault
  }
}

const matches = ({ keys }: Fault, key: string | undefined): boolean => {
  if (keys === undefined) return true
  if (key === undefined) return false
  return keys instanceof RegExp ? new RegExp(keys.source, keys.flags.replace(/[gy]/g, "")).test(key) : keys(key)
}

/** The faults of a server; none unless a test provides some. */
export const CurrentFaults = Context.Reference<Faults | undefined>("effect-kv-cache/server/CurrentFaults", {
  defaultValue: () => undefined
})
