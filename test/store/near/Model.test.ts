/**
 * The near cache over servers that may do anything: random schedules, each from a seed, and a judge of every value that is
 * answered. Then the same with defects, each of which must be found. `KV_CACHE_NEAR_SCHEDULES` and `KV_CACHE_NEAR_SEED`
 * choose others.
 */
import { assert, describe, it } from "@effect/vitest"
import type { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { CommandStatistics } from "../../../src/store/CommandStatistics.ts"
import { NearCache, type NearMemory, type NearOptions } from "../../../src/store/near/NearCache.ts"
import { type PendingRead, Source } from "../../../src/store/near/Source.ts"
import { type Circumstances, Front, type Mistake } from "./Front.ts"
import { makeMemory } from "./NearMemory.ts"
import { Schedule } from "./Servers.ts"

const numberOf = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)

const SCHEDULES = numberOf("KV_CACHE_NEAR_SCHEDULES", 100_000)
const SEED = numberOf("KV_CACHE_NEAR_SEED", 1)

type Make = (memory: NearMemory, statistics: CommandStatistics, options: NearOptions) => NearCache

const make: Make = (memory, statistics, options) => new NearCache(memory, statistics, options)

interface Outcome {
  readonly seed: number
  readonly wrong: string | undefined
  readonly circumstances: Circumstances
  readonly hits: number
  readonly staleHits: number
  readonly end: number
}

const statistics = new CommandStatistics()

/** Runs one schedule, which follows from its seed. It begins at a time, because an engine's time does not go back. */
const run = (memory: NearMemory, seed: number, start: number, make: Make, mistake?: Mistake): Outcome => {
  const schedule = new Schedule(seed, start)
  const circumstances: Circumstances = {
    masters: schedule.chance(0.5) ? 1 : 2,
    isTracked: schedule.chance(0.85),
    ttl: schedule.chance(0.5) ? 1000 : 5 + schedule.below(40),
    staleTtl: schedule.chance(0.3) ? 20 + schedule.below(60) : 0
  }
  memory.engine.clear(start)
  const near = make(memory, statistics, circumstances)
  const front = new Front(schedule, near, circumstances, mistake)
  for (let client = 0; client < 3; client++) front.client(4 + schedule.below(4))
  for (let write = schedule.below(10); write > 0; write--)
    schedule.after(schedule.below(60), () => front.foreignWrite())
  for (let fault = schedule.below(4); fault > 0; fault--) {
    const kind = schedule.below(4)
    schedule.after(schedule.below(60), () => {
      if (kind === 0) front.cut()
      else if (kind === 1) front.failOver()
      else if (kind === 2) front.migrate()
      else front.unsure()
    })
  }
  schedule.run()
  front.judgeQuiet()
  const { hits, staleHits, wrong } = front
  return { seed, wrong, circumstances, hits, staleHits, end: schedule.now + 1 }
}

/** Runs schedules until one goes wrong. Returns how many there were, and what was wrong. */
const search = (seed: number, count: number, make: Make, mistake?: Mistake) => {
  const memory = makeMemory()
  let hits = 0
  let staleHits = 0
  let time = 0
  for (let number = 0; number < count; number++) {
    const outcome = run(memory, seed * 1_000_003 + number, time, make, mistake)
    if (outcome.wrong !== undefined) return { schedules: number + 1, outcome, hits, staleHits }
    hits += outcome.hits
    staleHits += outcome.staleHits
    time = outcome.end
  }
  return { schedules: count, outcome: undefined, hits, staleHits }
}

/** A near cache whose sources are wrong in some way. */
const withSources =
  (makeSource: (number: number) => Source): Make =>
  (memory, statistics, options) => {
    class Mutant extends NearCache {
      protected override makeSource(number: number): Source {
        return makeSource(number)
      }
    }
    return new Mutant(memory, statistics, options)
  }

/** Keeps a reply that an invalidation of its key has overtaken: it only drops what it has. */
class Overtaken extends Source {
  override overtake(): void {}
}

/** Keeps a reply that an invalidation of all keys, or the loss of its connection, has overtaken. */
class AllOvertaken extends Source {
  override overtakeAll(): void {}
}

/** Keeps every reply. */
class Trusting extends Source {
  override end(read: PendingRead): boolean {
    super.end(read)
    return true
  }
}

/** Keeps what was read before changes are told of. */
class Open extends Source {
  override begin(commands: CommandBatch, key: number, now: number, mayKeep: boolean): PendingRead {
    const { isOpen } = this
    this.isOpen = true
    const read = super.begin(commands, key, now, mayKeep)
    this.isOpen = isOpen
    return read
  }
}

/** Takes what is read from one source for what belongs to it. */
class Credulous extends Source {
  override begin(commands: CommandBatch, key: number, now: number): PendingRead {
    return super.begin(commands, key, now, true)
  }
}

/** Forgets that reads that were overtaken have ended. */
class Hoarding extends Source {
  override end(read: PendingRead): boolean {
    const mayBeKept = super.end(read)
    if (!mayBeKept) this.pending++
    return mayBeKept
  }
}

class LateDeadlines extends NearCache {
  override complete(read: PendingRead, value: Buffer | undefined, left: number, now: number): void {
    super.complete({ ...read, sentAt: now }, value, left, now)
  }
}

class NoDeadlines extends NearCache {
  override complete(read: PendingRead, value: Buffer | undefined, left: number, now: number): void {
    super.complete(read, value, left > 0 ? -1 : left, now)
  }
}

class KeepsMovedSlots extends NearCache {
  protected override abandonSource(): void {}
}

class KeepsLostSources extends NearCache {
  protected override setAside(): void {}
}

/** What a near cache can do wrong. Each must be found. */
const defects: ReadonlyArray<readonly [name: string, make: Make]> = [
  ["keeps a reply that an invalidation has overtaken", withSources((number) => new Overtaken(number))],
  ["keeps a reply that a flush, or the loss of its connection, has overtaken", withSources((n) => new AllOvertaken(n))],
  ["keeps every reply", withSources((number) => new Trusting(number))],
  ["keeps what was read before changes are told of", withSources((number) => new Open(number))],
  ["keeps what another source answered", withSources((number) => new Credulous(number))],
  ["does not forget its reads", withSources((number) => new Hoarding(number))],
  ["counts deadlines from the reply on", (...args) => new LateDeadlines(...args)],
  ["does not know of deadlines", (...args) => new NoDeadlines(...args)],
  ["keeps what has moved to another source", (...args) => new KeepsMovedSlots(...args)],
  ["keeps what was read on a lost connection", (...args) => new KeepsLostSources(...args)]
]

/** What its user can do wrong. */
const mistakes: ReadonlyArray<Mistake> = [
  "does not tell of writes when they are answered",
  "opens a source before changes are told of",
  "does not tell of lost connections",
  "drops invalidations",
  "takes the reply of another source",
  "has a key tracked after it was read"
]

/** Each defect is found within so many schedules of the first seed: most within a hundred, those of moved slots last. */
const ENOUGH = 20_000

describe("a near cache over servers that may do anything", () => {
  it(`answers nothing that is older than it may be, in ${SCHEDULES} schedules`, { timeout: 1_800_000 }, () => {
    const { hits, outcome, staleHits } = search(SEED, SCHEDULES, make)
    assert.isUndefined(outcome, JSON.stringify(outcome))
    // There was something to be wrong about.
    assert.isAbove(hits, SCHEDULES / 2)
    assert.isAbove(staleHits, SCHEDULES / 200)
  })

  for (const [name, mutant] of defects) {
    it(`is found out if it ${name}`, () => {
      const { outcome, schedules } = search(1, ENOUGH, mutant)
      assert.isDefined(outcome, `not found in ${schedules} schedules`)
    })
  }

  for (const mistake of mistakes) {
    it(`is found out if whoever uses it ${mistake}`, () => {
      const { outcome, schedules } = search(1, ENOUGH, make, mistake)
      assert.isDefined(outcome, `not found in ${schedules} schedules`)
    })
  }
})
