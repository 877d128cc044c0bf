/** What a server is, from its start on: facts for INFO, HELLO and STATS. */
import { randomBytes } from "node:crypto"
import type { Bound } from "./Listener.ts"

export class Instance {
  /** Forty hexadecimal digits, others at each start. */
  readonly runId = randomBytes(20).toString("hex")
  /** In ms of the server's clock. Where time is virtual, each reset of the clock is a start. */
  startedAt: number
  /** Unix time in ms, at one of the server's times. */
  readonly unixTime: (now: number) => number
  private bound: Bound | undefined

  constructor(startedAt: number, unixTime: (now: number) => number) {
    this.startedAt = startedAt
    this.unixTime = unixTime
  }

  listens(address: Bound): void {
    this.bound = address
  }

  get host(): string {
    return this.bound?.host ?? ""
  }

  get port(): number {
    return this.bound?.port ?? 0
  }

  /** In seconds. */
  uptime(now: number): number {
    return Math.floor((now - this.startedAt) / 1000)
  }
}
