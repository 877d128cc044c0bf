/**
 * What changes about a running server: the settings that CONFIG SET can change, and its totals since the start or since
 * CONFIG RESETSTAT. The counters themselves only grow.
 */
import type { ExecutorService, StoreStats } from "../store/Executor.ts"
import type { ServerCounters } from "./ServerCounters.ts"

/** The counters of a server that can begin anew. */
type Counted =
  | "accepted"
  | "refused"
  | "bytesIn"
  | "bytesOut"
  | "overMemory"
  | "authenticationFailures"
  | "strangersClosed"
  | "tlsFailures"

export interface Totals extends Readonly<Pick<ServerCounters, Counted>> {
  readonly commands: number
  /** Error replies, and those of them that a user's role was the reason of. */
  readonly errors: number
  readonly forbidden: number
  readonly store: Pick<StoreStats, "hits" | "misses" | "expired" | "evicted">
}

export interface Rates {
  /** For each second. */
  readonly commands: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** The least time that rates are measured over, in ms. */
const RATE_TIME = 100

const sum = (numbers: Iterable<number>): number => {
  let total = 0
  for (const number of numbers) total += number
  return total
}

export class Running {
  /** The most clients at once. */
  maxClients: number
  private readonly counters: ServerCounters
  private readonly executor: ExecutorService
  private base: Totals | undefined = undefined
  // The last measurement of rates, and what was measured.
  private measuredAt: number
  private measured: Rates = { commands: 0, bytesIn: 0, bytesOut: 0 }
  private lastRates: Rates = this.measured

  constructor(maxClients: number, counters: ServerCounters, executor: ExecutorService, now: number) {
    this.maxClients = maxClients
    this.counters = counters
    this.executor = executor
    this.measuredAt = now
  }

  totals(): Totals {
    const all = this.all()
    const { base } = this
    if (base === undefined) return all
    return {
      accepted: all.accepted - base.accepted,
      refused: all.refused - base.refused,
      bytesIn: all.bytesIn - base.bytesIn,
      bytesOut: all.bytesOut - base.bytesOut,
      overMemory: all.overMemory - base.overMemory,
      authenticationFailures: all.authenticationFailures - base.authenticationFailures,
      strangersClosed: all.strangersClosed - base.strangersClosed,
      tlsFailures: all.tlsFailures - base.tlsFailures,
      commands: all.commands,
      errors: all.errors,
      forbidden: all.forbidden,
      store: {
        hits: all.store.hits - base.store.hits,
        misses: all.store.misses - base.store.misses,
        expired: all.store.expired - base.store.expired,
        evicted: all.store.evicted - base.store.evicted
      }
    }
  }

  /**
   * What happens in a second, measured from call to call: a server that nobody asks has nothing to do for it. `now` is in
   * ms.
   */
  rates(now: number): Rates {
    const elapsed = (now - this.measuredAt) / 1000
    if (elapsed * 1000 < RATE_TIME) return this.lastRates
    const { bytesIn, bytesOut } = this.counters
    const commands = this.commands
    const before = this.measured
    this.measuredAt = now
    this.measured = { commands, bytesIn, bytesOut }
    this.lastRates = {
      commands: Math.max(0, commands - before.commands) / elapsed,
      bytesIn: (bytesIn - before.bytesIn) / elapsed,
      bytesOut: (bytesOut - before.bytesOut) / elapsed
    }
    return this.lastRates
  }

  /** Counts from 0 again. */
  reset(): void {
    this.executor.statistics.reset()
    this.base = this.all()
    this.measured = { ...this.measured, commands: 0 }
  }

  private get commands(): number {
    return this.executor.statistics.allCalls
  }

  private all(): Totals {
    const { accepted, authenticationFailures, bytesIn, bytesOut, overMemory, refused, strangersClosed, tlsFailures } =
      this.counters
    const { statistics } = this.executor
    const { evicted, expired, hits, misses } = this.executor.stats()
    return {
      accepted,
      refused,
      bytesIn,
      bytesOut,
      overMemory,
      authenticationFailures,
      strangersClosed,
      tlsFailures,
      commands: this.commands,
      errors: sum(statistics.errors.values()),
      forbidden: statistics.errors.get("NOPERM") ?? 0,
      store: { hits, misses, expired, evicted }
    }
  }
}
