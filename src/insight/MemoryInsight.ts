/**
 * Insight into the memory of this process. It hears from the engine of what is removed, written and used, and from
 * commands of what is read and missing, and asks the engine when it is asked itself. Pure: times are arguments.
 */
import * as DateTime from "effect/DateTime"
import { type Engine, NO_SAMPLES, NOT_THERE, type Witness } from "../engine/Engine.ts"
import { DATABASES, DELETED, EVICTED, EXPIRED } from "../engine/Limits.ts"
import { TICK, tickOf, ticksSince } from "../engine/Recency.ts"
import { NEVER } from "../engine/Wheel.ts"
import { BigKeys } from "./BigKeys.ts"
import { duration } from "./Duration.ts"
import { Ghosts, NO_GHOST, reasonName } from "./Ghosts.ts"
import { HotKeys } from "./HotKeys.ts"
import type { BigKey, Buckets, Curve, HotKey, Insight, MissReason } from "./Insight.ts"
import { MissRatioCurve, type ReadCounts } from "./MissRatioCurve.ts"

export interface InsightOptions {
  /** How many removals are remembered, rounded up to a power of two; 0 for none. 65,536 if absent. */
  readonly ghosts?: number | undefined
  /** Whether there are a miss-ratio curve, hot keys and big keys. They are if absent. */
  readonly sampling?: boolean | undefined
}

export const DEFAULT_GHOSTS = 65_536

/** The bounds of the times for which evicted keys were not used, in ms. */
const IDLE_BOUNDS = [1, 3, 10, 30, 60, 300, 900, 3600, 21_600, 86_400].map((seconds) => seconds * 1000)
const IDLE_BOUNDS_IN_TICKS = Float64Array.from(IDLE_BOUNDS, (millis) => millis / TICK)

/** One use of a key in so many is looked at, on average. */
const HOT_ONE_IN = 64

/** In ms, and in keys: while commands come, the walk in search of big keys goes on so often by so much. */
const WALK_PAUSE = 100
const WALKED_AT_ONCE = 256
/** In keys: and by so much if somebody asks for them. */
const WALKED_WHEN_ASKED = 4096

/**
 * So many misses in each 10 ms are looked up. Of more, one in so many is, on average, and stands for those before it: to find
 * a ghost is to wait for memory.
 */
const MISSES_LOOKED_UP = 512
const MISS_TIME = 10
const MISS_ONE_IN = 16

/** In place of a reason: the key has no ghost. */
const COLD = 3

/** In place of a reason: everything of its database was removed, and the key with it if it was there. */
export const FLUSHED = -1

/** How many removals are looked at to tell how much memory would have kept a key. */
const LOOKS = 4096

const PER_CENT = 100
const ROUNDING = 1e-6

export class MemoryInsight implements Insight, Witness {
  private readonly engine: Engine
  private readonly unixTime: (now: number) => number
  private readonly ghosts: Ghosts | undefined
  private readonly shards: MissRatioCurve | undefined
  private readonly hot: HotKeys | undefined
  private readonly big: BigKeys | undefined
  private readonly startedAt: number
  private readonly now: () => number
  /** What counts the reads that find something, and those that do not. */
  counts: ReadCounts = { hits: 0, misses: 0 }
  // By reason: misses.
  private readonly missed = new Float64Array(4)
  // Misses that are not in there yet, until the next one that is looked up. Until a time in ms, all are, if they are not too
  // many.
  private unseenMisses = 0
  // What the last one was that was looked at.
  private lastReason = COLD
  private untilMiss = 0
  private allMissesUntil = 0
  private missesLookedUp = 0
  private readonly idle = new Float64Array(IDLE_BOUNDS.length + 1)
  private idleTicks = 0
  // How many ghosts there were ever, and how many at the last flush of each database; when that was, or NaN, in ms.
  private removals = 0
  private readonly removalsAtFlush = new Float64Array(DATABASES)
  private readonly flushedAt = new Float64Array(DATABASES).fill(Number.NaN)
  /** Commands until the next one whose key is looked at: see `nextUse`. */
  untilUse = 0
  private random = 1
  private walkAt = 0

  /** `now` tells the time in ms; `unixTime` is what that is in Unix time. */
  constructor(engine: Engine, options: InsightOptions, now: () => number, unixTime: (now: number) => number) {
    const { ghosts = DEFAULT_GHOSTS, sampling = true } = options
    this.engine = engine
    this.now = now
    this.unixTime = unixTime
    this.startedAt = now()
    this.untilUse = sampling ? 0 : Number.POSITIVE_INFINITY
    if (ghosts > 0) this.ghosts = new Ghosts(ghosts)
    if (sampling) {
      this.hot = new HotKeys()
      this.big = new BigKeys(engine)
      this.shards = new MissRatioCurve(
        () => this.memory,
        (below) => (engine.sampledBelow = below)
      )
    } else engine.sampledBelow = NO_SAMPLES
    engine.witness = ghosts > 0 || sampling ? this : undefined
  }

  /** The memory that entries may take, in bytes, whether memory or the number of keys bounds it. */
  private get memory(): number {
    const { maxKeys, maxMemory = Number.POSITIVE_INFINITY, size, usedBytes } = this.engine
    return Math.min(maxMemory, size === 0 ? Number.POSITIVE_INFINITY : (usedBytes / size) * maxKeys)
  }

  // --- what the engine tells

  removed(hash: number, reason: number, bytes: number, idleTicks: number, tick: number): void {
    if (reason === EVICTED) {
      let at = 0
      while (at < IDLE_BOUNDS.length && idleTicks > IDLE_BOUNDS_IN_TICKS[at]!) at++
      this.idle[at]!++
      this.idleTicks += idleTicks
    } else if (hash < this.engine.sampledBelow) this.shards?.removed(hash)
    this.removals++
    this.ghosts?.add(hash, reason, bytes, idleTicks, tick)
  }

  flushed(database: number | undefined, now: number): void {
    if (database === undefined) {
      this.ghosts?.forget()
      this.shards?.forget()
      this.removalsAtFlush.fill(this.removals)
      this.flushedAt.fill(now)
      return
    }
    this.removalsAtFlush[database] = this.removals
    this.flushedAt[database] = now
  }

  swapped(one: number, other: number): void {
    for (const marks of [this.removalsAtFlush, this.flushedAt]) {
      const its = marks[one]!
      marks[one] = marks[other]!
      marks[other] = its
    }
  }

  written(hash: number, bytes: number, deadline: number, now: number): void {
    this.shards?.written(hash, bytes, deadline, now)
  }

  used(hash: number): void {
    this.shards?.used(hash)
  }

  hit(hash: number, now: number): void {
    this.shards?.read(hash, true, now, this.counts)
  }

  // --- what commands tell

  /** A read has not found a key, which has been counted. `hash` is that in its database. */
  miss(hash: number, database: number, now: number): void {
    if (hash < this.engine.sampledBelow) this.shards?.read(hash, false, now, this.counts)
    if (this.ghosts === undefined) return
    this.unseenMisses++
    if (--this.untilMiss > 0) return
    const ghost = this.ghostOf(hash, database)
    this.lastReason = ghost === NO_GHOST ? COLD : this.ghosts.reason(ghost)
    this.missed[this.lastReason]! += this.unseenMisses
    this.unseenMisses = 0
    if (now >= this.allMissesUntil) {
      this.allMissesUntil = now + MISS_TIME
      this.missesLookedUp = 0
    }
    this.untilMiss = ++this.missesLookedUp < MISSES_LOOKED_UP ? 1 : this.distance(MISS_ONE_IN)
  }

  /** The distance to the next use of a key that is looked at. */
  nextUse(): number {
    return this.distance(HOT_ONE_IN)
  }

  /** So much, on average. It differs, so that no rhythm is missed. */
  private distance(average: number): number {
    // Xorshift. (G. Marsaglia, "Xorshift RNGs", 2003.)
    this.random ^= this.random << 13
    this.random ^= this.random >>> 17
    this.random ^= this.random << 5
    return 1 + ((this.random >>> 0) % (2 * average - 1))
  }

  /**
   * A use is looked at: its key has `length` bytes from `start` on, and `hash` is that of these bytes alone. The walk in
   * search of big keys goes on, too.
   */
  looked(hash: number, database: number, bytes: Buffer, start: number, length: number, now: number): void {
    this.hot?.add(hash, database, bytes, start, length, HOT_ONE_IN, now)
    if (this.big === undefined || now < this.walkAt) return
    this.walkAt = now + WALK_PAUSE
    this.big.walk(WALKED_AT_ONCE)
  }

  // --- what it tells

  misses(): Readonly<Record<MissReason, number>> {
    const { counts, ghosts, missed } = this
    // Those that nobody has looked at yet are like the one before them, so that the sum is that of all misses.
    missed[this.lastReason]! += this.unseenMisses
    this.unseenMisses = 0
    const cold = ghosts === undefined ? counts.misses : missed[COLD]!
    return { cold, expired: missed[EXPIRED]!, evicted: missed[EVICTED]!, deleted: missed[DELETED]! }
  }

  victimIdle(): Buckets {
    let sum = 0
    return {
      bounds: IDLE_BOUNDS,
      counts: Array.from(this.idle, (count) => (sum += count)),
      sum: this.idleTicks * TICK
    }
  }

  curve(): Curve | undefined {
    const { counts, memory, shards } = this
    if (shards === undefined || !shards.isEnough || memory === Number.POSITIVE_INFINITY) return undefined
    return { points: shards.points(memory, counts), here: shards.point(memory, counts), samples: shards.sampled }
  }

  hotKeys(limit: number): ReadonlyArray<HotKey> {
    return this.hot?.top(limit) ?? []
  }

  bigKeys(limit: number): ReadonlyArray<BigKey> {
    this.big?.walk(WALKED_WHEN_ASKED)
    return this.big?.top(limit, this.now()) ?? []
  }

  /**
   * What became of a key that is not there, by the reason of `Limits`, or `FLUSHED`, and how long ago, in ms. Nothing if
   * nobody remembers.
   */
  removalOf(database: number, key: Buffer, now: number): { readonly reason: number; readonly ago: number } | undefined {
    const { engine, ghosts } = this
    const view = new DataView(key.buffer, key.byteOffset, key.length)
    const ghost = this.ghostOf(engine.hashIn(engine.hashOf(view, 0, key.length), database), database)
    if (ghosts !== undefined && ghost !== NO_GHOST) {
      return { reason: ghosts.reason(ghost), ago: ticksSince(tickOf(now), ghosts.tick(ghost)) * TICK }
    }
    const flushedAt = this.flushedAt[database]!
    return Number.isNaN(flushedAt) ? undefined : { reason: FLUSHED, ago: now - flushedAt }
  }

  /** In one line of printable ASCII. */
  explain(database: number, key: Buffer, now: number): string {
    const { engine } = this
    const view = new DataView(key.buffer, key.byteOffset, key.length)
    const hash = engine.hashOf(view, 0, key.length)
    const entry = engine.find(view, 0, key.length, hash, database, now)
    if (entry !== NOT_THERE) {
      const deadline = engine.deadline(entry)
      const end = deadline === NEVER ? "never expires" : `expires in ${duration(deadline - now)}`
      return `hit, idle ${duration(engine.idleTime(entry))}, ${end}, ${engine.bytesIn(entry)} bytes`
    }
    const hashInDatabase = engine.hashIn(hash, database)
    const ghost = this.ghostOf(hashInDatabase, database)
    return `miss: ${ghost === NO_GHOST ? this.explainAbsence(database, now) : this.explainGhost(ghost, now)}`
  }

  private explainGhost(ghost: number, now: number): string {
    const ghosts = this.ghosts!
    const reason = ghosts.reason(ghost)
    const ago = `${reasonName(reason)} ${duration(ticksSince(tickOf(now), ghosts.tick(ghost)) * TICK)} ago`
    if (reason !== EVICTED) return ago
    return `${ago}, idle ${duration(ghosts.idleTicks(ghost) * TICK)} before; ${this.explainMemory(ghost)}`
  }

  /** How much more memory than the cache may take would have kept a key. */
  private explainMemory(ghost: number): string {
    const { engine, memory } = this
    const ghosts = this.ghosts!
    const gone = ghosts.bytesGoneSince(ghost, (hash) => engine.has(hash), LOOKS) + ghosts.bytes(ghost)
    const lacking = (PER_CENT * (engine.usedBytes + gone - memory)) / memory
    // A sum of fractions may be a little too large.
    const more = Math.max(1, Math.ceil(lacking - ROUNDING))
    if (more === Number.POSITIVE_INFINITY) return "nothing is there any more"
    return `${more.toLocaleString("en-US")} % more memory would have kept it`
  }

  private explainAbsence(database: number, now: number): string {
    const { ghosts } = this
    if (ghosts === undefined) return "removals are not remembered (--ghosts 0)"
    if (ghosts.count === ghosts.capacity) {
      const since = this.timeOfDay(now - ghosts.ticksKept(tickOf(now)) * TICK, now)
      return `not among the last ${ghosts.capacity.toLocaleString("en-US")} removals (since ${since})`
    }
    const flushedAt = this.flushedAt[database]!
    if (!Number.isNaN(flushedAt)) return `flushed ${duration(now - flushedAt)} ago, or never put`
    return `never put (since ${this.timeOfDay(this.startedAt, now)})`
  }

  /** The time of day at `at`, in UTC, with the date if that is a day before `now` or more. */
  private timeOfDay(at: number, now: number): string {
    const text = DateTime.formatIso(DateTime.makeUnsafe(this.unixTime(at)))
    return now - at < DAY ? `${text.slice(11, 19)} UTC` : `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`
  }

  /** The ghost of a key that was not flushed since, or `NO_GHOST`. */
  private ghostOf(hash: number, database: number): number {
    const { ghosts } = this
    if (ghosts === undefined) return NO_GHOST
    const ghost = ghosts.find(hash)
    if (ghost === NO_GHOST || this.removals - ghosts.age(ghost) <= this.removalsAtFlush[database]!) return NO_GHOST
    return ghost
  }
}

const DAY = 86_400_000
