/**
 * How long each network waits before its next password is looked at. The time grows with every failure, and is forgotten
 * after a success or some time without a failure.
 *
 * Pure: time is an argument, in ms. The table is bounded; where it is full, the network whose last failure is longest ago
 * is forgotten.
 */

/** So many failures cost nothing: people mistype. */
const FREE = 3

/** In ms. It doubles with each failure, up to the longest. */
const FIRST = 250
const LONGEST = 2000

/** In ms. */
export const FORGOTTEN_AFTER = 15 * 60_000

export const MAX_NETWORKS = 4096

interface Failures {
  readonly count: number
  /** When the last one was. */
  readonly at: number
}

export class FailureDelays {
  // In the order of the last failure.
  private readonly failures = new Map<string, Failures>()

  /** How long a network has to wait at `now`. */
  delay(network: string, now: number): number {
    const count = this.countAt(network, now)
    return count < FREE ? 0 : Math.min(LONGEST, FIRST * 2 ** (count - FREE))
  }

  failed(network: string, now: number): void {
    const count = this.countAt(network, now) + 1
    this.failures.delete(network)
    if (this.failures.size >= MAX_NETWORKS) {
      const [oldest] = this.failures.keys()
      if (oldest !== undefined) this.failures.delete(oldest)
    }
    this.failures.set(network, { count, at: now })
  }

  succeeded(network: string): void {
    this.failures.delete(network)
  }

  private countAt(network: string, now: number): number {
    const failures = this.failures.get(network)
    return failures === undefined || now - failures.at >= FORGOTTEN_AFTER ? 0 : failures.count
  }
}
