import { assert, describe, it } from "@effect/vitest"
import { MissRatioCurve, SAMPLES } from "../../src/insight/MissRatioCurve.ts"
import type { CurvePoint } from "../../src/insight/Insight.ts"
import { NEVER } from "../../src/engine/Wheel.ts"
import { seededRandom } from "../../src/domain/SeededRandom.ts"

/** A use of a cache by a client that reads a key and stores it if it was missing. Times are in ms. */
interface Read {
  readonly key: number
  readonly now: number
}

interface Workload {
  readonly name: string
  readonly reads: ReadonlyArray<Read>
  readonly sizeOf: (key: number) => number
  /** In ms. */
  readonly ttlOf: (key: number) => number
}

/** The exact miss ratio of LRU within so many bytes. What has expired takes no memory. */
const exact = ({ reads, sizeOf, ttlOf }: Workload, bytes: number): number => {
  const deadlines = new Map<number, number>()
  // Every deadline that was set, in order of time: TTLs of a key do not change, but keys' TTLs differ.
  const due: Array<Array<readonly [key: number, deadline: number]>> = []
  let held = 0
  let misses = 0
  let swept = 0
  const remove = (key: number): void => {
    deadlines.delete(key)
    held -= sizeOf(key)
  }
  for (const { key, now } of reads) {
    for (; swept <= now; swept++) {
      for (const [other, deadline] of due[swept] ?? []) if (deadlines.get(other) === deadline) remove(other)
    }
    let deadline = deadlines.get(key)
    if (deadline === undefined) {
      misses++
      deadline = now + ttlOf(key)
      held += sizeOf(key)
      if (deadline !== NEVER) (due[deadline] ??= []).push([key, deadline])
    } else deadlines.delete(key)
    deadlines.set(key, deadline)
    for (const oldest of deadlines.keys()) {
      if (held <= bytes) break
      remove(oldest)
    }
  }
  return misses / reads.length
}

const HASHES = 2 ** 32

/**
 * Estimates of the curve, with a secret of the hash for each, against simulations from a sixteenth to eight times of
 * `bytes`: the mean absolute error, of all of them and of the worst. Which keys are sampled is chance.
 */
const errorsOf = (workload: Workload, bytes: number): { readonly mean: number; readonly worst: number } => {
  const curves = [1, 2, 3, 4, 5].map((secret) => estimated(workload, bytes, secret))
  const truth = (curves[0] ?? []).map((point) => exact(workload, point.bytes))
  const errors = curves.map((curve) => {
    const all = curve.map(({ missRatio }, at) => Math.abs(missRatio - (truth[at] ?? Number.NaN)))
    return all.reduce((sum, error) => sum + error, 0) / all.length
  })
  return { mean: errors.reduce((sum, error) => sum + error, 0) / errors.length, worst: Math.max(...errors) }
}

/** The points of the curve, a doubling apart, after a workload. */
const estimated = (workload: Workload, bytes: number, seed: number): ReadonlyArray<CurvePoint> => {
  const { reads, sizeOf, ttlOf } = workload
  const random = seededRandom(seed)
  const hashes = new Map<number, number>()
  let below = -(2 ** 31)
  const curve = new MissRatioCurve(
    () => bytes,
    (threshold) => (below = threshold)
  )
  assert.isAtMost(curve.byteLength, 2 * 2 ** 20)
  // As the cache of that size itself would have it: a write follows the reads that miss there, and only those.
  const held = new Map<number, number>()
  let used = 0
  const counts = { hits: 0, misses: 0 }
  reads.forEach(({ key, now }) => {
    let hash = hashes.get(key)
    if (hash === undefined) hashes.set(key, (hash = Math.floor(random() * HASHES) | 0))
    const deadline = held.get(key)
    const isHit = deadline !== undefined && now < deadline
    if (isHit) counts.hits++
    else counts.misses++
    if (hash < below) curve.read(hash, isHit, now, counts)
    if (deadline !== undefined) {
      held.delete(key)
      if (!isHit) used -= sizeOf(key)
    }
    const next = isHit ? deadline : now + ttlOf(key)
    held.set(key, next)
    if (isHit) return
    used += sizeOf(key)
    for (const [oldest] of held) {
      if (used <= bytes) break
      held.delete(oldest)
      used -= sizeOf(oldest)
    }
    if (hash < below) curve.written(hash, sizeOf(key), next, now)
  })
  assert.isTrue(curve.isEnough)
  return curve.points(bytes, counts).filter((_, at) => at % 4 === 0)
}

const READS = 400_000
const KEYS = 100_000

/** Zipf's law over so many keys, by its inverse, with an exponent of 0.9. */
const zipf = (random: () => number, keys: number): number => {
  const exponent = 0.9
  const scale = keys ** (1 - exponent) - 1
  return Math.min(keys - 1, Math.floor((1 + random() * scale) ** (1 / (1 - exponent))) - 1)
}

const sizeOf = (key: number): number => 80 + 8 * ((key * 7919) % 50)

const generated = (name: string, keyAt: (at: number) => number, ttlOf = (_key: number): number => NEVER): Workload => ({
  name,
  reads: Array.from({ length: READS }, (_, at) => ({ key: keyAt(at), now: Math.floor(at / 20) })),
  sizeOf,
  ttlOf
})

const workloads = (seed: number): ReadonlyArray<Workload> => {
  const random = seededRandom(seed)
  let scanned = KEYS
  return [
    generated("zipf", () => zipf(random, KEYS)),
    // Every fifth read is of a key that is read once in 15,000 of those.
    generated("zipf and scans", (at) => (at % 5 === 0 ? KEYS + (scanned++ % 15_000) : zipf(random, KEYS))),
    generated(
      "zipf with TTLs of 2 to 20 s",
      () => zipf(random, KEYS),
      (key) => 2000 + (key % 10) * 2000
    )
  ]
}

/**
 * Generated, as real traces are too large to be kept here, but with what distinguishes them: popularity that drifts, keys
 * that come in bursts and never again, and a day's rhythm of several tenants.
 */
const traceLike = (seed: number): ReadonlyArray<Workload> => {
  const random = seededRandom(seed)
  let fresh = 10 * KEYS
  const burst: Array<number> = []
  return [
    generated("drifting popularity", (at) => (zipf(random, KEYS / 2) + Math.floor(at / 50)) % KEYS),
    generated("bursts of keys that do not come back", () => {
      if (random() < 0.6) return zipf(random, KEYS / 2)
      if (burst.length === 0 || random() < 0.3) burst.push(fresh++)
      if (burst.length > 5000) burst.shift()
      return burst[Math.floor(random() * burst.length)] ?? 0
    })
  ]
}

const PRESENT = 4_000_000

describe("the miss-ratio curve", () => {
  for (const workload of workloads(11)) {
    it(`is within 0.01 of exact simulation, on average, for ${workload.name}`, { timeout: 600_000 }, () => {
      const { mean, worst } = errorsOf(workload, PRESENT)
      assert.isBelow(mean, 0.01)
      assert.isBelow(worst, 0.015)
    })
  }

  for (const workload of traceLike(12)) {
    it(`is within 0.02 for ${workload.name}`, { timeout: 600_000 }, () => {
      assert.isBelow(errorsOf(workload, PRESENT).worst, 0.02)
    })
  }

  it("has what the cache itself has missed at its size, while that stays the same", () => {
    const counts = { hits: 0, misses: 0 }
    const random = seededRandom(4)
    let memory = 100_000
    const curve = new MissRatioCurve(
      () => memory,
      () => {}
    )
    // Keys of 100 bytes: twice as many as have room, and half of the reads hit, whatever the sample says.
    const read = (times: number, hitShare: number): void => {
      for (let time = 0; time < times; time++) {
        const hash = Math.imul(Math.floor(random() * 2000), 0x9e37_79b1)
        const isHit = random() < hitShare
        if (isHit) counts.hits++
        else counts.misses++
        curve.read(hash, isHit, 0, counts)
        if (!isHit && hash < curve.below) curve.written(hash, 100, NEVER, 0)
      }
    }
    read(100_000, 0.5)
    const before = curve.point(memory, counts).missRatio
    assert.approximately(before, 0.5, 0.001)
    // Far from what the sample says, it is moved a little and no more.
    read(100_000, 1)
    assert.isBelow(curve.point(memory, counts).missRatio, before)
    // Another size has not missed anything yet.
    memory = 200_000
    assert.isBelow(curve.point(memory, counts).missRatio, 0.05)
  })

  it("never has more samples than it is made for, and lowers its threshold instead", () => {
    const random = seededRandom(3)
    const belows: Array<number> = []
    const curve = new MissRatioCurve(
      () => Number.POSITIVE_INFINITY,
      (below) => belows.push(below)
    )
    const kept = new Map<number, number>()
    for (let key = 0; key < 400_000; key++) {
      const hash = Math.floor(random() * HASHES) | 0
      kept.set(hash, key)
      if (hash < curve.below) curve.written(hash, 100, NEVER, 0)
    }
    const sampled = [...kept.keys()].filter((hash) => hash < curve.below).length
    assert.isAtMost(sampled, SAMPLES)
    assert.isAtLeast(sampled, SAMPLES - 1)
    assert.deepStrictEqual(
      belows,
      belows.toSorted((one, other) => other - one)
    )
  })
})
