/**
 * Whether a server is well, in a sentence, and what to do if it is not. Pure: it judges what is remembered, by thresholds
 * that are all stated here and in docs/operations.md.
 */
import * as Format from "../../chart/Format.ts"
import { missRatioAt } from "../../insight/Insight.ts"
import type { Snapshot } from "../Snapshot.ts"
import { type History, NOW, type Period } from "./History.ts"

/** `bad` needs somebody now, `fair` needs a look. */
export type Tone = "good" | "fair" | "bad"

export interface Finding {
  readonly tone: Tone
  readonly text: string
}

export interface Verdict extends Finding {
  /** What else is to be said, the worst first. */
  readonly others: ReadonlyArray<Finding>
}

/** Of a bound: from here on the cache is full. It evicts before the last byte is taken. */
const FULL = 0.95

/** Fewer reads than this, in the last `NOW` seconds, say nothing of the hit rate. */
const ENOUGH_READS = 100

/** A share of reads that is worth more memory. */
const WORTH = 0.05

/** A share of reads whose loss is worth waking somebody up. */
const GRAVE = 0.2

/** The hit rate falls if it is so much lower than in the minute before. */
const FALLING = 0.02
const MINUTE = 60

/** In ms, the 99th percentile of the last minute. */
const LOOP_LATE = 50
const LOOP_VERY_LATE = 1000

/** Of the memory that clients may hold together. */
const CLIENTS_HOLD_MUCH = 0.9

/** A share of the commands of the last `NOW` seconds. */
const MANY_ERRORS = 0.05

const percent = (share: number): string => Format.percent(Math.round(share * 1000) / 1000)

/** Which bound the cache has reached, with the setting that moves it. */
const fullOf = ({ keys, memory }: Snapshot): { readonly what: string; readonly setting: string } | undefined => {
  if (memory.limit !== null && memory.entries >= FULL * memory.limit) {
    return { what: "the memory", setting: "--max-memory" }
  }
  if (keys.limit !== null && keys.count >= FULL * keys.limit) return { what: "the keys", setting: "--max-keys" }
  return undefined
}

/** The share of reads that would hit with so many times the present memory, as the miss-ratio curve has it. */
export const hitRateWith = ({ curve }: Snapshot, factor: number): number | undefined =>
  curve === null ? undefined : 1 - missRatioAt(curve.points, curve.here.bytes * factor)

/** What reads lose because the cache is too small: a share of them, and how it is known. */
const lossOf = (history: History, snapshot: Snapshot, now: Period, hitRate: number): Finding & { share: number } => {
  const doubled = hitRateWith(snapshot, 2)
  const here = hitRateWith(snapshot, 1)
  if (doubled !== undefined && here !== undefined) {
    const share = doubled - Math.min(here, hitRate)
    // What the curve gives on top of what was measured: it may be some points off that, and its steps are better known.
    return { share, tone: "fair", text: `twice the memory would give ${percent(Math.min(1, hitRate + share))}` }
  }
  if (now.missReasons !== undefined) {
    const share = now.missReasons.evicted / now.reads
    return { share, tone: "fair", text: `${percent(share)} of reads miss a key that was evicted` }
  }
  const best = history.bestHitRate(ENOUGH_READS) ?? hitRate
  return { share: best - hitRate, tone: "fair", text: `it was ${percent(best)} before` }
}

/** The cache is full, evicts, and loses reads by it. */
const tooSmall = (history: History, snapshot: Snapshot, now: Period): Finding | undefined => {
  const full = fullOf(snapshot)
  const { hitRate } = now
  if (full === undefined || hitRate === undefined || now.evicted === 0 || now.reads < ENOUGH_READS) return undefined
  const { share, text } = lossOf(history, snapshot, now, hitRate)
  if (share < WORTH) return undefined
  const before = history.period(MINUTE, NOW)
  const isFalling = before?.hitRate !== undefined && before.reads >= ENOUGH_READS && hitRate < before.hitRate - FALLING
  return {
    tone: share >= GRAVE ? "bad" : "fair",
    text: `Too small: hit rate ${percent(hitRate)}${isFalling ? ", falling" : ""}; ${text} (${full.setting})`
  }
}

const engineFindings = ({ engine: { nodes } }: Snapshot): ReadonlyArray<Finding> => {
  const down = nodes.filter(({ isUp }) => !isUp)
  const names = down.map(({ address }) => address).join(", ")
  return down.length === 0
    ? []
    : [
        {
          tone: "bad",
          text: `${down.length === 1 ? "The node" : "The nodes"} ${names} of the engine cannot be reached`
        }
      ]
}

const loopFindings = ({ loopDelay: { p99 } }: Snapshot): ReadonlyArray<Finding> =>
  p99 < LOOP_LATE
    ? []
    : [
        {
          tone: p99 < LOOP_VERY_LATE ? "fair" : "bad",
          text: `Slow: clients wait up to ${Format.millis(p99)} before their commands are read, by a long command or a busy machine`
        }
      ]

const clientFindings = ({ connections, memory }: Snapshot, now: Period | undefined): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  if (now !== undefined && now.refused > 0) {
    findings.push({
      tone: "bad",
      text: `Too many clients: ${Format.plural(now.refused, "connection")} refused of late, beyond ${Format.count(connections.limit)} (--max-connections)`
    })
  }
  if (memory.clients >= CLIENTS_HOLD_MUCH * memory.clientsLimit) {
    findings.push({
      tone: "fair",
      text: `Clients hold ${Format.bytes(memory.clients)} of ${Format.bytes(memory.clientsLimit)}: they do not take their replies, or send large requests`
    })
  }
  return findings
}

const errorFindings = ({ defects }: Snapshot, now: Period | undefined): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  if (defects > 0) {
    findings.push({
      tone: "fair",
      text: `${Format.plural(defects, "defect")} of kv-cache itself caught since the start: please report what the log says`
    })
  }
  if (now !== undefined && now.requests > 0 && now.errors >= MANY_ERRORS * now.requests) {
    findings.push({ tone: "fair", text: `${percent(Math.min(1, now.errors / now.requests))} of commands fail` })
  }
  return findings
}

const RANKS: Readonly<Record<Tone, number>> = { bad: 0, fair: 1, good: 2 }

/** What is well, in a sentence. */
const praise = ({ keys, memory }: Snapshot, now: Period | undefined): string => {
  const filling =
    memory.limit === null
      ? `${Format.bytes(memory.entries)} in ${Format.plural(keys.count, "key")}`
      : `memory ${percent(memory.entries / memory.limit)} full`
  if (keys.count === 0 && (now?.requests ?? 0) === 0) return "Healthy, and empty: no key is stored yet"
  if (now === undefined || now.requests === 0) return `Healthy, and idle: ${filling}`
  const rate = `${Format.rate(now.requests / now.length)} requests/s`
  return now.hitRate === undefined
    ? `Healthy: ${rate}, ${filling}`
    : `Healthy: hit rate ${percent(now.hitRate)}, ${rate}, ${filling}`
}

/** How the server is that was pictured last. */
export const verdictOf = (history: History, snapshot: Snapshot): Verdict => {
  const { now } = history
  const small = now === undefined ? undefined : tooSmall(history, snapshot, now)
  const findings = [
    ...engineFindings(snapshot),
    ...(small === undefined ? [] : [small]),
    ...clientFindings(snapshot, now),
    ...loopFindings(snapshot),
    ...errorFindings(snapshot, now)
  ].toSorted((a, b) => RANKS[a.tone] - RANKS[b.tone])
  const [worst, ...others] = findings
  return worst === undefined
    ? { tone: "good", text: `${praise(snapshot, now)}.`, others: [] }
    : { ...worst, text: `${worst.text}.`, others }
}
