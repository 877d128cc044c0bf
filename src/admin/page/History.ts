/**
 * What the page remembers: of the last minutes, what happened between one picture of the server and the next. Pure.
 *
 * Pictures hold totals. Where a total is less than before, or the run is another one, counting has begun anew: what
 * happened between the two is not known, and there is a gap. A tab that slept has one long interval, of which the means
 * are known. All times are the server's.
 */
import type { Answers } from "../../chart/TimeChart.ts"
import type { Snapshot } from "../Snapshot.ts"

/** So much is kept and drawn, in s. */
export const KEPT = 180

/** What is said of "now" is a sum over the last so many seconds, so that it does not jump with each picture. */
export const NOW = 10

export type MissReasons = NonNullable<Snapshot["missReasons"]>

/** The calls of one kind of command, and of those that were measured, how many took at most so many µs and over half of it. */
interface Calls {
  readonly calls: number
  readonly classes: ReadonlyMap<number, number>
}

/** What happened between two pictures. `from` is a Unix time in s. */
export interface Interval extends Answers {
  readonly hits: number
  readonly misses: number
  readonly missReasons: MissReasons | undefined
  readonly evicted: number
  readonly expired: number
  readonly refused: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly near: { readonly hits: number; readonly misses: number } | undefined
  readonly commands: ReadonlyMap<string, Calls>
  /** In µs, over the `NOW` seconds until the end; undefined if none was measured. */
  readonly times: Times | undefined
  /** At the end. */
  readonly memory: number
}

/** Percentiles, in µs, estimated from so many measured commands. */
export interface Times {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly measured: number
}

/** Several intervals together. */
export interface Period extends Omit<Interval, "commands" | "memory"> {
  readonly reads: number
  /** Undefined without reads. */
  readonly hitRate: number | undefined
}

const sum = <T>(items: ReadonlyArray<T>, read: (item: T) => number): number =>
  items.reduce((total, item) => total + read(item), 0)

/** How many took at most so many µs, and over half of it. */
const classesOf = (upTo: ReadonlyArray<readonly [micros: number, count: number]>): ReadonlyMap<number, number> =>
  new Map(upTo.map(([micros, count], index) => [micros, count - (upTo[index - 1]?.[1] ?? 0)]))

/** Nothing if any of them went back. */
const grown = (before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>) => {
  const grown = new Map<number, number>()
  for (const micros of new Set([...before.keys(), ...after.keys()])) {
    const growth = (after.get(micros) ?? 0) - (before.get(micros) ?? 0)
    if (growth < 0) return undefined
    if (growth > 0) grown.set(micros, growth)
  }
  return grown
}

/** A class spans a factor of 2; within it, times are taken to be spread evenly by ratio. */
const CLASS_RATIO = 2

/** Percentiles of all commands. Those of which few were measured count as much as those of which all were. */
const timesOf = (intervals: ReadonlyArray<Pick<Interval, "commands">>): Times | undefined => {
  const calls = new Map<string, number>()
  const classes = new Map<string, Map<number, number>>()
  for (const { commands } of intervals) {
    for (const [command, { calls: more, classes: measured }] of commands) {
      calls.set(command, (calls.get(command) ?? 0) + more)
      const total = classes.get(command) ?? new Map<number, number>()
      for (const [micros, count] of measured) total.set(micros, (total.get(micros) ?? 0) + count)
      classes.set(command, total)
    }
  }
  const weights = new Map<number, number>()
  let measured = 0
  for (const [command, counts] of classes) {
    const count = sum([...counts.values()], (value) => value)
    measured += count
    for (const [micros, of] of counts) {
      weights.set(micros, (weights.get(micros) ?? 0) + (of * (calls.get(command) ?? 0)) / count)
    }
  }
  if (measured === 0) return undefined
  const sorted = [...weights].toSorted(([a], [b]) => a - b)
  const total = sum(sorted, ([, weight]) => weight)
  const at = (share: number): number => {
    let rest = total * share
    for (const [micros, weight] of sorted) {
      if (rest <= weight) return (micros / CLASS_RATIO) * CLASS_RATIO ** (rest / weight)
      rest -= weight
    }
    return sorted.at(-1)?.[0] ?? 0
  }
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), measured }
}

/** The totals that only grow, in the order in which they are subtracted. */
const totalsOf = ({ connections, hits, misses, network, removals }: Snapshot) => ({
  hits,
  misses,
  evicted: removals.evicted,
  expired: removals.expired,
  refused: connections.refused,
  bytesIn: network.in,
  bytesOut: network.out
})

const difference = <T extends Readonly<Record<string, number>>>(before: T, after: T): T | undefined => {
  const entries = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
  return entries.some(([, growth]) => growth < 0) ? undefined : { ...after, ...Object.fromEntries(entries) }
}

const commandsBetween = (before: Snapshot, after: Snapshot) => {
  const earlier = new Map(before.operations.map((operation) => [operation.command, operation]))
  const commands = new Map<string, Calls>()
  let errors = 0
  for (const { calls, command, failed, rejected, times } of after.operations) {
    const old = earlier.get(command)
    earlier.delete(command)
    const more = {
      calls: calls - (old?.calls ?? 0),
      errors: failed + rejected - (old?.failed ?? 0) - (old?.rejected ?? 0)
    }
    const classes = grown(classesOf(old?.times?.upTo ?? []), classesOf(times?.upTo ?? []))
    if (more.calls < 0 || more.errors < 0 || classes === undefined) return undefined
    errors += more.errors
    if (more.calls > 0) commands.set(command, { calls: more.calls, classes })
  }
  // Commands that were counted before and are not any more have been reset.
  return earlier.size > 0 ? undefined : { commands, errors }
}

/** What happened between two pictures; undefined if it cannot be known. */
const between = (before: Snapshot, after: Snapshot, earlier: ReadonlyArray<Interval>): Interval | undefined => {
  const length = (after.at - before.at) / 1000
  if (before.runId !== after.runId || length <= 0) return undefined
  const totals = difference(totalsOf(before), totalsOf(after))
  const counted = commandsBetween(before, after)
  if (totals === undefined || counted === undefined) return undefined
  const { commands, errors } = counted
  const [nearBefore, nearAfter] = [before.engine.nearCache, after.engine.nearCache]
  const end = after.at / 1000
  const recent = earlier.filter((interval) => interval.from + interval.length > end - NOW)
  return {
    ...totals,
    from: before.at / 1000,
    length,
    requests: sum([...commands.values()], ({ calls }) => calls),
    errors,
    missReasons:
      before.missReasons === null || after.missReasons === null
        ? undefined
        : difference(before.missReasons, after.missReasons),
    near:
      nearBefore === null || nearAfter === null
        ? undefined
        : difference(
            { hits: nearBefore.hits, misses: nearBefore.misses },
            { hits: nearAfter.hits, misses: nearAfter.misses }
          ),
    commands,
    times: timesOf([...recent, { commands }]),
    memory: after.memory.entries
  }
}

export class History {
  /** The newest picture. */
  latest: Snapshot | undefined = undefined
  /** The oldest first. */
  intervals: ReadonlyArray<Interval> = []

  add(snapshot: Snapshot): void {
    const { latest } = this
    this.latest = snapshot
    const now = snapshot.at / 1000
    // A clock that was set back would put what has been behind what comes.
    const kept = this.intervals.filter(({ from, length }) => from + length > now - KEPT - NOW && from < now)
    const interval = latest === undefined ? undefined : between(latest, snapshot, kept)
    this.intervals = interval === undefined ? kept : [...kept, interval]
  }

  /** All that happened in the seconds until so many seconds ago; undefined if nothing is known of them. */
  period(seconds: number, ago = 0): Period | undefined {
    const end = (this.latest?.at ?? 0) / 1000 - ago
    return together(this.intervals.filter(({ from, length }) => from + length > end - seconds && from < end))
  }

  /** The last seconds. */
  get now(): Period | undefined {
    return this.period(NOW)
  }

  /** The best hit rate of any `NOW` seconds that had at least so many reads. */
  bestHitRate(reads: number): number | undefined {
    const rates = this.intervals.flatMap((last) => {
      const end = last.from + last.length
      const period = together(
        this.intervals.filter(({ from, length }) => from + length > end - NOW && from + length <= end)
      )
      return period?.hitRate === undefined || period.reads < reads ? [] : [period.hitRate]
    })
    return rates.length === 0 ? undefined : Math.max(...rates)
  }

  /** How many commands of a kind came per second of late. */
  rateOf(command: string): number {
    const recent = this.intervals.filter(({ from, length }) => from + length > (this.latest?.at ?? 0) / 1000 - NOW)
    const length = sum(recent, (interval) => interval.length)
    return length === 0 ? 0 : sum(recent, ({ commands }) => commands.get(command)?.calls ?? 0) / length
  }
}

const together = (intervals: ReadonlyArray<Interval>): Period | undefined => {
  const [first] = intervals
  const last = intervals.at(-1)
  if (first === undefined || last === undefined) return undefined
  const hits = sum(intervals, (interval) => interval.hits)
  const misses = sum(intervals, (interval) => interval.misses)
  const reasons = intervals.map(({ missReasons }) => missReasons).filter((known) => known !== undefined)
  const near = intervals.map((interval) => interval.near).filter((known) => known !== undefined)
  const reads = hits + misses
  return {
    from: first.from,
    length: sum(intervals, ({ length }) => length),
    requests: sum(intervals, ({ requests }) => requests),
    errors: sum(intervals, ({ errors }) => errors),
    hits,
    misses,
    reads,
    hitRate: reads === 0 ? undefined : hits / reads,
    missReasons:
      reasons.length < intervals.length
        ? undefined
        : {
            cold: sum(reasons, ({ cold }) => cold),
            expired: sum(reasons, ({ expired }) => expired),
            evicted: sum(reasons, ({ evicted }) => evicted),
            deleted: sum(reasons, ({ deleted }) => deleted)
          },
    evicted: sum(intervals, ({ evicted }) => evicted),
    expired: sum(intervals, ({ expired }) => expired),
    refused: sum(intervals, ({ refused }) => refused),
    bytesIn: sum(intervals, ({ bytesIn }) => bytesIn),
    bytesOut: sum(intervals, ({ bytesOut }) => bytesOut),
    near:
      near.length < intervals.length
        ? undefined
        : { hits: sum(near, (of) => of.hits), misses: sum(near, (of) => of.misses) },
    times: last.times
  }
}
