/** The packed keyspace against the one on the heap: the same operations must have the same results, one by one. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Command from "../../src/domain/Command.ts"
import type { Keyspace, Limits } from "../../src/store/Keyspace.ts"
import { KeyHash } from "../../src/store/KeyHash.ts"
import { entryBytes, PackedKeyspace } from "../../src/store/PackedKeyspace.ts"
import { HeapKeyspace } from "./HeapKeyspace.ts"
import { seededRandom, type SeededRandom } from "./SeededRandom.ts"

const PLENTY = Number.POSITIVE_INFINITY
const fixedHash = new KeyHash(0x0123_4567, 0x89ab_cdef)

/** A hash that knows a few values only. */
class CollidingHash extends KeyHash {
  private readonly hashes: readonly [number, ...ReadonlyArray<number>]

  constructor(hashes: readonly [number, ...ReadonlyArray<number>]) {
    super(0, 0)
    this.hashes = hashes
  }

  override hash(bytes: DataView, start: number, length: number): number {
    return this.hashes[(fixedHash.hash(bytes, start, length) >>> 8) % this.hashes.length] ?? this.hashes[0]
  }
}

/** Printable text, long enough that a value is a piece of it: a byte too many or too few would show. */
const sampleText = (random: SeededRandom): string =>
  Array.from({ length: 4096 }, () => String.fromCharCode(0x21 + random.below(0x7e - 0x21 + 1))).join("")

/** So many different keys, of all lengths from 1 to 256, and often alike but for their end. */
const keysOf = (random: SeededRandom, count: number): ReadonlyArray<Command.Key> => {
  const text = sampleText(random)
  const keys = new Set<string>()
  for (let length = 1; length <= Command.MAX_KEY_LENGTH && keys.size < count; length++) keys.add(text.slice(0, length))
  while (keys.size < count) {
    // Short ones more often.
    const length = 1 + random.below(1 + random.below(Command.MAX_KEY_LENGTH))
    keys.add(`${text.slice(0, length)}${keys.size}`.slice(-Command.MAX_KEY_LENGTH))
  }
  return [...keys].map((each) => Command.Key.make(each))
}

const ttls = [0, 1, 2, 5, 10, 60, 3600, Command.MAX_TTL_SECONDS].map((seconds) => Command.Ttl.make(seconds))

interface Run {
  readonly limits: Limits
  readonly keys: number
  readonly operations: number
  /** How many keys are held together at least once. */
  readonly reaches: number
  readonly keyHash?: KeyHash
  /** The longest value, 256 where it is not said. */
  readonly longest?: number
  /** How fast time goes by: slowly where keys should come together. */
  readonly pace?: number
}

interface Phase {
  readonly put: number
  readonly delete: number
}

/** How likely each operation is, for a while; the rest are mostly GETs. */
const phases: readonly [Phase, ...ReadonlyArray<Phase>] = [
  { put: 0.85, delete: 0.02 },
  { put: 0.3, delete: 0.1 },
  { put: 0.1, delete: 0.6 },
  { put: 0.05, delete: 0.02 }
]

const same = (step: string, what: string, actual: unknown, expected: unknown): void => {
  if (!Object.is(actual, expected)) assert.fail(`${step}: ${what} is ${actual}, not ${expected}`)
}

const compareLevels = (step: string, packed: Keyspace, heap: Keyspace): void => {
  same(step, "size", packed.size, heap.size)
  same(step, "bytes", packed.bytes, heap.bytes)
  same(step, "deleted", packed.removed.deleted, heap.removed.deleted)
  same(step, "expired", packed.removed.expired, heap.removed.expired)
  same(step, "evicted", packed.removed.evicted, heap.removed.evicted)
  same(step, "replaced", packed.removed.replaced, heap.removed.replaced)
}

const checkAgainstHeap = (run: Run, seed: number) => {
  const random = seededRandom(seed)
  const start = random.pick([0, 1, 4095, 2 ** 30 - 1])
  const packed = new PackedKeyspace(run.limits, run.keyHash ?? fixedHash, start)
  const heap = new HeapKeyspace(run.limits, start)
  const keys = keysOf(random, run.keys)
  const text = sampleText(random)
  const anyKey = (): Command.Key => keys[random.below(keys.length)] ?? assert.fail("there are no keys")
  const anyValue = (): Command.Value => {
    const from = random.below(text.length - Command.MAX_VALUE_LENGTH)
    return Command.Value.make(text.slice(from, from + 1 + random.below(run.longest ?? Command.MAX_VALUE_LENGTH)))
  }
  let now = start
  let largest = 0
  const checkAll = Math.max(5000, run.keys * 2)
  const phaseLength = Math.max(1000, Math.floor(run.keys * 1.2))
  for (let operation = 0; operation < run.operations; operation++) {
    const step = `seed ${seed}, operation ${operation}, at ${now}`
    const phase = phases[Math.floor(operation / phaseLength) % phases.length] ?? phases[0]
    if (random.chance(0.1))
      now += Math.floor(random.pick([0, 1, random.below(10), random.below(100)]) * (run.pace ?? 1))
    // Mass expiry: all that has a short TTL is due at once.
    if (random.chance(Math.min(0.0003, 0.5 / run.keys))) now += 10_000 + random.below(60_000)
    // One clear at least, in the midst of it.
    const action = operation === run.operations / 2 ? 1 : random.below(100_000) / 100_000
    if (action < phase.put) {
      const key = anyKey()
      const value = anyValue()
      const ttl = ttls[random.below(ttls.length)] ?? Command.NO_TTL
      packed.put(key, value, ttl, now)
      heap.put(key, value, ttl, now)
    } else if (action < phase.put + phase.delete) {
      const key = anyKey()
      same(step, `delete ${key}`, packed.delete(key, now), heap.delete(key, now))
    } else if (action < 0.96) {
      const key = anyKey()
      same(step, `get ${key}`, packed.get(key, now), heap.get(key, now))
    } else if (action < 0.985) {
      const key = anyKey()
      same(step, `has ${key}`, packed.has(key, now), heap.has(key, now))
    } else if (action < 0.99995) {
      const budget = random.pick([0, 1, 3, 20, 500, PLENTY])
      same(step, `sweep of ${budget}`, packed.sweep(now, budget), heap.sweep(now, budget))
    } else {
      packed.clear(now)
      heap.clear(now)
    }
    compareLevels(step, packed, heap)
    largest = Math.max(largest, packed.size)
    // Now and then all of them: what a move has damaged shows nowhere else.
    if (operation % checkAll === checkAll - 1) {
      for (const key of keys) same(step, `get ${key}`, packed.get(key, now), heap.get(key, now))
    }
  }
  for (const key of keys) same("at the end", `get ${key}`, packed.get(key, now), heap.get(key, now))
  now += 100_000
  while (packed.sweep(now, 100)) same("at the end", "sweep", heap.sweep(now, 100), true)
  same("at the end", "sweep", heap.sweep(now, 100), false)
  compareLevels("at the end", packed, heap)
  for (const key of keys) same("at the end", `delete ${key}`, packed.delete(key, now), heap.delete(key, now))
  compareLevels("at the end", packed, heap)
  assert.strictEqual(packed.size, 0)
  assert.strictEqual(packed.bytes, 0)
  return { largest, removed: packed.removed }
}

const describeRun = ({ keys, limits, longest = Command.MAX_VALUE_LENGTH }: Run): string =>
  `${keys} keys and values of up to ${longest} bytes, within ${limits.maxKeys} keys and ${limits.maxMemory ?? "all"} bytes`

const runs: ReadonlyArray<Run> = [
  { limits: { maxKeys: PLENTY }, keys: 10_000, operations: 80_000, reaches: 5000, pace: 0.1 },
  { limits: { maxKeys: 3000 }, keys: 6000, operations: 60_000, reaches: 3000, pace: 0.1 },
  { limits: { maxKeys: 100 }, keys: 400, operations: 40_000, reaches: 100, pace: 5 },
  { limits: { maxKeys: 1 }, keys: 3, operations: 15_000, reaches: 1, pace: 100 },
  { limits: { maxKeys: PLENTY, maxMemory: 200_000 }, keys: 3000, operations: 50_000, reaches: 500 },
  { limits: { maxKeys: 500, maxMemory: 100 * entryBytes(256, 256) }, keys: 1000, operations: 40_000, reaches: 100 },
  { limits: { maxKeys: PLENTY, maxMemory: entryBytes(16, 24) }, keys: 6, operations: 10_000, reaches: 1, pace: 100 },
  // Short values: most replace one of the same size.
  { limits: { maxKeys: 5000, maxMemory: 300_000 }, keys: 8000, operations: 50_000, reaches: 2000, longest: 10 }
]

const collidingRuns: ReadonlyArray<Run> = [
  {
    limits: { maxKeys: PLENTY },
    keys: 200,
    keyHash: new CollidingHash([0, -1, 2 ** 31 - 1]),
    reaches: 150,
    operations: 20_000
  },
  {
    limits: { maxKeys: 60 },
    keys: 150,
    keyHash: new CollidingHash([2047, 2046, 4095]),
    reaches: 60,
    operations: 20_000
  },
  {
    limits: { maxKeys: PLENTY, maxMemory: 40_000 },
    keys: 300,
    keyHash: new CollidingHash([-2]),
    reaches: 80,
    operations: 20_000
  },
  // More under one hash than a segment of the index has room for.
  {
    limits: { maxKeys: 2000 },
    keys: 3000,
    keyHash: new CollidingHash([-7]),
    reaches: 1600,
    operations: 15_000,
    pace: 0.1
  }
]

const checkRun = (run: Run, seed: number): void => {
  const { largest, removed } = checkAgainstHeap(run, seed)
  // The run has met all that can happen.
  assert.isAtLeast(largest, run.reaches)
  assert.isAbove(removed.expired, 50)
  assert.isAbove(removed.deleted, 50)
  assert.isAbove(removed.replaced, 50)
  if (run.limits.maxKeys <= run.reaches || run.limits.maxMemory !== undefined) assert.isAbove(removed.evicted, 50)
}

describe("PackedKeyspace against HeapKeyspace", () => {
  it.each(runs.map((run) => ({ run, name: describeRun(run) })))("agrees with $name", ({ run }) => {
    checkRun(run, 40 + runs.indexOf(run))
  })

  it.each(collidingRuns.map((run) => ({ run, name: describeRun(run) })))(
    "agrees though all hashes collide, with $name",
    ({ run }) => {
      checkRun(run, 60 + collidingRuns.indexOf(run))
    }
  )
})

/** How many buffers are made meanwhile. */
const countAllocations = (run: () => void): number => {
  let allocations = 0
  const counted = <A extends abstract new (...args: never) => object>(constructor: A): A =>
    new Proxy(constructor, {
      construct: (target, args, newTarget): object => {
        allocations++
        return Reflect.construct(target, args, newTarget)
      }
    })
  vi.stubGlobal("ArrayBuffer", counted(ArrayBuffer))
  vi.stubGlobal("Int32Array", counted(Int32Array))
  run()
  vi.unstubAllGlobals()
  return allocations
}

describe("PackedKeyspace", () => {
  const key = Command.Key.make("key")
  const short = Command.Value.make("value")
  const long = Command.Value.make("v".repeat(200))

  it("allocates once where its only key comes and goes", () => {
    const keyspace = new PackedKeyspace({ maxKeys: 10 }, fixedHash, 0)
    const allocations = countAllocations(() => {
      for (let round = 0; round < 20_000; round++) {
        keyspace.put(key, short, Command.NO_TTL, 0)
        keyspace.delete(key, 0)
      }
    })
    // An arena for records and one for slots, each with its view of words.
    assert.strictEqual(allocations, 4)
    assert.strictEqual(keyspace.removed.deleted, 20_000)
  })

  it("uses a slot again that a longer or shorter value has left", () => {
    const keyspace = new PackedKeyspace({ maxKeys: 10 }, fixedHash, 0)
    const allocations = countAllocations(() => {
      for (let round = 0; round < 20_000; round++) {
        keyspace.put(key, round % 2 === 0 ? short : long, Command.NO_TTL, 0)
      }
    })
    // The same: the page for the second size lies in the same arena.
    assert.strictEqual(allocations, 4)
    assert.strictEqual(keyspace.bytes, entryBytes(3, 200))
  })
})
