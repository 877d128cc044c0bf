/**
 * The requests of a connection that are sent and not answered, oldest first, in rings of numbers that grow on demand.
 * Requests that timed out stay in the rings, because their answers still arrive in turn.
 */
import type { WorkItem } from "./Workload.ts"

const FIRST_CAPACITY = 16

export class InFlight {
  /** The number of requests. */
  count = 0
  private capacity = FIRST_CAPACITY
  private head = 0
  private items = new Int32Array(FIRST_CAPACITY)
  // In ns: the moments that latencies count from, and the times of sending.
  private moments = new Float64Array(FIRST_CAPACITY)
  private sendings = new Float64Array(FIRST_CAPACITY)

  /** Adds a request. Its times follow with `time`. */
  add(item: WorkItem): void {
    if (this.count === this.capacity) this.grow()
    this.items[this.placeOf(this.count++)] = item
  }

  /** Sets when a request was due and when it was sent. The index counts from the oldest. */
  time(index: number, moment: number, sent: number): void {
    const place = this.placeOf(index)
    this.moments[place] = moment
    this.sendings[place] = sent
  }

  itemAt(index: number): WorkItem {
    return this.items[this.placeOf(index)] ?? 0
  }

  momentAt(index: number): number {
    return this.moments[this.placeOf(index)] ?? 0
  }

  sentAt(index: number): number {
    return this.sendings[this.placeOf(index)] ?? 0
  }

  /** Removes the oldest request. */
  drop(): void {
    this.head = (this.head + 1) & (this.capacity - 1)
    this.count--
  }

  clear(): void {
    this.head = this.count = 0
  }

  private placeOf(index: number): number {
    return (this.head + index) & (this.capacity - 1)
  }

  private grow(): void {
    const [items, moments, sendings] = [this.items, this.moments, this.sendings]
    const places = Array.from({ length: this.count }, (_, index) => this.placeOf(index))
    this.capacity *= 2
    this.head = 0
    this.items = new Int32Array(this.capacity)
    this.moments = new Float64Array(this.capacity)
    this.sendings = new Float64Array(this.capacity)
    places.forEach((place, index) => {
      this.items[index] = items[place] ?? 0
      this.time(index, moments[place] ?? 0, sendings[place] ?? 0)
    })
  }
}
