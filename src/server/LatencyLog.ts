/** LATENCY: when commands took longer than a threshold, by second, for the last seconds in which one did. */

export interface Spike {
  /** Unix time, in seconds. */
  readonly at: number
  readonly millis: number
}

/** Redis's number. */
const MOST_SPIKES = 160

/** What is kept of one kind of event. */
export interface Spikes {
  /** In the order of time. */
  readonly spikes: ReadonlyArray<Spike>
  /** The highest ever, in ms. */
  readonly highest: number
}

export class LatencyLog {
  /** In ms; 0 for not at all. */
  threshold = 0
  private readonly events = new Map<string, { spikes: Array<Spike>; highest: number }>()

  /** What took so many ms. */
  add(event: string, at: number, millis: number): void {
    if (this.threshold === 0 || millis < this.threshold) return
    const kept = this.events.get(event) ?? { spikes: [], highest: 0 }
    this.events.set(event, kept)
    kept.highest = Math.max(kept.highest, millis)
    const last = kept.spikes.at(-1)
    if (last?.at === at) kept.spikes[kept.spikes.length - 1] = { at, millis: Math.max(millis, last.millis) }
    else kept.spikes.push({ at, millis })
    if (kept.spikes.length > MOST_SPIKES) kept.spikes.shift()
  }

  get(event: string): Spikes | undefined {
    return this.events.get(event)
  }

  get all(): Iterable<readonly [event: string, spikes: Spikes]> {
    return this.events
  }

  /** Forgets some events, or all if none is named. Returns how many there were. */
  reset(names: ReadonlyArray<string>): number {
    const doomed = names.length === 0 ? [...this.events.keys()] : names
    return doomed.filter((name) => this.events.delete(name)).length
  }
}
