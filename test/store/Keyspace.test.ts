import { assert, describe, it } from "@effect/vitest"
import * as Command from "../../src/domain/Command.ts"
import type { Keyspace, Limits } from "../../src/store/Keyspace.ts"
import { KeyHash } from "../../src/store/KeyHash.ts"
import { entryBytes, PackedKeyspace } from "../../src/store/PackedKeyspace.ts"
import { HeapKeyspace } from "./HeapKeyspace.ts"
import { seededRandom } from "./SeededRandom.ts"

const key = (text: string): Command.Key => Command.Key.make(text)
const value = (text: string): Command.Value => Command.Value.make(text)
const ttl = (seconds: number): Command.Ttl => Command.Ttl.make(seconds)

const NONE = Command.NO_TTL
const UNBOUNDED: Limits = { maxKeys: Number.POSITIVE_INFINITY }
const PLENTY = Number.POSITIVE_INFINITY

type Make = (limits: Limits, now: number) => Keyspace

/** Every engine must pass all of these tests. */
const engines: ReadonlyArray<readonly [name: string, make: Make]> = [
  ["PackedKeyspace", (limits, now) => new PackedKeyspace(limits, new KeyHash(0x0123_4567, 0x89ab_cdef), now)],
  ["HeapKeyspace", (limits, now) => new HeapKeyspace(limits, now)]
]

/** What an entry takes in bytes, as the keyspaces define it. */
const costOf = (k: string, v: string): number => entryBytes(k.length, v.length)

/** Keys that mean something special to objects, arrays or numbers. */
const awkward = ["__proto__", "constructor", "toString", "hasOwnProperty", "1", "01", "0", "-1", "1e3", "length"]

const keysOf = (count: number): ReadonlyArray<Command.Key> =>
  Array.from({ length: count }, (_, i) => key(awkward[i] ?? `k${i}`))

interface Entry {
  readonly key: Command.Key
  readonly value: Command.Value
  readonly deadline: number
  readonly cost: number
}

/**
 * The naive keyspace: an array of entries, the least recently used first. It drops an entry as soon as it has expired.
 * The real one may hold it a little longer. `expired` counts all of them, so the difference is what is still held.
 */
class Oracle {
  live: Array<Entry> = []
  expired = 0
  deleted = 0
  evicted = 0
  replaced = 0
  private readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  get bytes(): number {
    return this.live.reduce((sum, entry) => sum + entry.cost, 0)
  }

  expire(now: number): void {
    const before = this.live.length
    this.live = this.live.filter((entry) => entry.deadline > now)
    this.expired += before - this.live.length
  }

  put(entry: Entry): void {
    const replaces = this.take(entry.key) !== undefined
    if (replaces) this.replaced++
    this.live.push(entry)
    const maxMemory = this.limits.maxMemory ?? Number.POSITIVE_INFINITY
    // The new entry itself stays, even if it alone exceeds the limit.
    while (this.live.length > 1 && (this.live.length > this.limits.maxKeys || this.bytes > maxMemory)) {
      this.live.shift()
      this.evicted++
    }
  }

  get(wanted: Command.Key): Command.Value | undefined {
    const entry = this.take(wanted)
    if (entry !== undefined) this.live.push(entry)
    return entry?.value
  }

  has(wanted: Command.Key): boolean {
    return this.live.some((entry) => entry.key === wanted)
  }

  delete(wanted: Command.Key): boolean {
    const was = this.take(wanted) !== undefined
    if (was) this.deleted++
    return was
  }

  private take(wanted: Command.Key): Entry | undefined {
    const at = this.live.findIndex((entry) => entry.key === wanted)
    return at === -1 ? undefined : this.live.splice(at, 1)[0]
  }
}

const LARGEST_ENTRY = entryBytes(Command.MAX_KEY_LENGTH, Command.MAX_VALUE_LENGTH)
const SMALLEST_ENTRY = entryBytes(1, 1)

const same = (step: string, what: string, actual: unknown, expected: unknown): void => {
  if (!Object.is(actual, expected)) assert.fail(`${step}: ${what} is ${actual}, not ${expected}`)
}

const holds = (step: string, what: string, condition: boolean): void => {
  if (!condition) assert.fail(`${step}: ${what}`)
}

/** Compares everything that can be observed. Which expired entry goes first cannot, so the rest is only bounded. */
const compare = (step: string, keyspace: Keyspace, oracle: Oracle, limits: Limits): void => {
  const { removed } = keyspace
  same(step, "deleted", removed.deleted, oracle.deleted)
  same(step, "evicted", removed.evicted, oracle.evicted)
  same(step, "replaced", removed.replaced, oracle.replaced)
  const dead = oracle.expired - removed.expired
  holds(step, `${removed.expired} expired of ${oracle.expired}`, dead >= 0)
  same(step, "size", keyspace.size, oracle.live.length + dead)
  const deadBytes = keyspace.bytes - oracle.bytes
  holds(
    step,
    `${deadBytes} bytes of ${dead} expired entries`,
    deadBytes >= dead * SMALLEST_ENTRY && deadBytes <= dead * LARGEST_ENTRY
  )
  holds(step, `${keyspace.size} keys`, keyspace.size <= limits.maxKeys)
  holds(
    step,
    `${keyspace.bytes} bytes`,
    keyspace.size <= 1 || keyspace.bytes <= (limits.maxMemory ?? Number.POSITIVE_INFINITY)
  )
}

const OPERATIONS = 20_000

const checkAgainstModel = (
  make: Make,
  limits: Limits,
  seed: number
): { readonly oracle: Oracle; readonly removed: Keyspace["removed"] } => {
  const random = seededRandom(seed)
  const start = random.pick([0, 1, 4095, 2 ** 30 - 1])
  const poolSize = Number.isFinite(limits.maxKeys) ? Math.max(12, limits.maxKeys * 3) : 150
  const keys = keysOf(poolSize)
  const keyspace = make(limits, start)
  const oracle = new Oracle(limits)
  // Time passes slowly enough for a large keyspace to fill before its keys expire.
  const pace = limits.maxKeys === 100 ? 0.02 : 0.3
  let now = start
  for (let operation = 0; operation < OPERATIONS; operation++) {
    const step = `seed ${seed}, operation ${operation}, at ${now}`
    if (random.chance(pace)) {
      const target = oracle.live[random.below(oracle.live.length)]
      if (
        target !== undefined &&
        Number.isFinite(target.deadline) &&
        random.chance(0.2) &&
        target.deadline < now + 1e7
      ) {
        now = Math.max(now, target.deadline - random.below(2))
      } else if (random.chance(0.002)) now += random.below(1e10)
      else now += random.pick([0, 1, random.below(100), random.below(1000), random.below(1000), random.below(10_000)])
      oracle.expire(now)
    }
    const k = keys[random.below(keys.length)] ?? key("k")
    const expiredBefore = keyspace.removed.expired
    const evictedBefore = keyspace.removed.evicted
    const deadBefore = oracle.expired - expiredBefore
    const action = random.below(100)
    if (action < 40) {
      const v = value("v".repeat(random.chance(0.9) ? 1 + random.below(40) : 1 + random.below(256)))
      const seconds = random.pick([0, 0, 1, 2, 1 + random.below(10), 60, 3600, Command.MAX_TTL_SECONDS])
      keyspace.put(k, v, ttl(seconds), now)
      const deadline = seconds === 0 ? Number.POSITIVE_INFINITY : now + seconds * 1000
      oracle.put({ key: k, value: v, deadline, cost: costOf(k, v) })
      const removedDead = keyspace.removed.expired - expiredBefore
      holds(
        step,
        "a live key was evicted while an expired one was held",
        keyspace.removed.evicted === evictedBefore || removedDead === deadBefore
      )
    } else if (action < 68) same(step, `get ${k}`, keyspace.get(k, now), oracle.get(k))
    else if (action < 84) same(step, `has ${k}`, keyspace.has(k, now), oracle.has(k))
    else if (action < 95) same(step, `delete ${k}`, keyspace.delete(k, now), oracle.delete(k))
    else {
      const budget = random.pick([0, 1, 2, 5, 100, PLENTY])
      const more = keyspace.sweep(now, budget)
      holds(step, "swept more than its budget", keyspace.removed.expired - expiredBefore <= budget)
      if (!more) same(step, "expired after a sweep that found no more", keyspace.removed.expired, oracle.expired)
    }
    compare(step, keyspace, oracle, limits)
  }
  for (let calls = 0; keyspace.sweep(now, 10); calls++)
    holds("at the end", "the sweep comes to no end", calls < 100_000)
  assert.strictEqual(keyspace.removed.expired, oracle.expired)
  assert.strictEqual(keyspace.size, oracle.live.length)
  assert.strictEqual(keyspace.bytes, oracle.bytes)
  for (const entry of oracle.live) assert.strictEqual(keyspace.get(entry.key, now), entry.value)
  for (const each of keys) {
    same("at the end", `delete ${each}`, keyspace.delete(each, now), oracle.delete(each))
    same("at the end", `has ${each}`, keyspace.has(each, now), false)
  }
  assert.strictEqual(keyspace.size, 0)
  assert.strictEqual(keyspace.bytes, 0)
  // The run stayed far from the wheel's end, so it tested what can happen in practice.
  assert.isBelow(now, 2 ** 41)
  return { oracle, removed: keyspace.removed }
}

const bounds: ReadonlyArray<Limits> = [1, 2, 3, 10, 100, Number.POSITIVE_INFINITY].flatMap((maxKeys) => [
  { maxKeys },
  { maxKeys, maxMemory: Math.min(maxKeys, 60) * entryBytes(4, 10) }
])

describe.each(engines)("%s against an array", (_name, make) => {
  it.each(bounds)(`agrees in ${OPERATIONS} random operations, within %o`, (limits) => {
    const { oracle, removed } = checkAgainstModel(make, limits, 1 + bounds.indexOf(limits))
    // Everything that can happen to an entry has happened in the run.
    assert.isAbove(removed.deleted, 100)
    assert.isAbove(removed.replaced, 50)
    assert.isAbove(oracle.expired, 100)
    if (Number.isFinite(limits.maxKeys)) assert.isAbove(removed.evicted, 50)
  })

  it("agrees where one entry is more than the memory that is allowed", () => {
    const { removed } = checkAgainstModel(make, { maxKeys: 10, maxMemory: entryBytes(8, 12) }, 99)
    assert.isAbove(removed.evicted, 1000)
  })
})

describe.each(engines)("%s", (_name, make) => {
  it("keeps awkward keys apart", () => {
    const keyspace = make(UNBOUNDED, 0)
    for (const each of keysOf(20)) assert.isUndefined(keyspace.get(each, 0), each)
    for (const each of keysOf(20)) keyspace.put(each, value(`of-${each}`), NONE, 0)
    assert.strictEqual(keyspace.size, 20)
    for (const each of keysOf(20)) assert.strictEqual<string | undefined>(keyspace.get(each, 0), `of-${each}`)
    assert.isTrue(keyspace.delete(key("1"), 0))
    assert.isTrue(keyspace.has(key("01"), 0))
  })

  it("is exact at the deadline, whatever asks first", () => {
    const asks: ReadonlyArray<(keyspace: Keyspace, now: number) => boolean> = [
      (keyspace, now) => keyspace.has(key("k"), now),
      (keyspace, now) => keyspace.get(key("k"), now) !== undefined,
      (keyspace, now) => keyspace.delete(key("k"), now)
    ]
    for (const start of [0, 1, 999, 4095]) {
      for (const seconds of [1, 2, 64, Command.MAX_TTL_SECONDS]) {
        for (const ask of asks) {
          const deadline = start + seconds * 1000
          const late = make(UNBOUNDED, start)
          late.put(key("k"), value("v"), ttl(seconds), start)
          assert.isFalse(ask(late, deadline))
          assert.strictEqual(late.size, 0)
          assert.deepStrictEqual(late.removed, { deleted: 0, expired: 1, evicted: 0, replaced: 0 })
          const early = make(UNBOUNDED, start)
          early.put(key("k"), value("v"), ttl(seconds), start)
          assert.isTrue(ask(early, deadline - 1))
          assert.strictEqual(early.removed.expired, 0)
        }
      }
    }
  })

  it("replaces an expired entry as a new one", () => {
    const keyspace = make(UNBOUNDED, 0)
    keyspace.put(key("k"), value("old"), ttl(1), 0)
    keyspace.put(key("k"), value("new"), NONE, 1000)
    assert.deepStrictEqual(keyspace.removed, { deleted: 0, expired: 1, evicted: 0, replaced: 0 })
    assert.strictEqual<string | undefined>(keyspace.get(key("k"), 1e12), "new")
  })

  it("keeps a key without a ttl through 1,000 sweeps", () => {
    const keyspace = make(UNBOUNDED, 0)
    keyspace.put(key("forever"), value("v"), NONE, 0)
    keyspace.put(key("cleared"), value("v"), ttl(1), 0)
    keyspace.put(key("cleared"), value("v"), NONE, 0)
    for (let sweep = 0; sweep < 1000; sweep++) {
      const now = sweep * 1_000_000
      keyspace.put(key(`t${sweep}`), value("v"), ttl(1), now)
      same(`sweep ${sweep}`, "more to sweep", keyspace.sweep(now + 1000, 100), false)
      same(`sweep ${sweep}`, "size", keyspace.size, 2)
    }
    assert.strictEqual(keyspace.removed.expired, 1000)
    assert.isTrue(keyspace.has(key("forever"), 2e9))
    assert.isTrue(keyspace.has(key("cleared"), 2e9))
  })

  it("sweeps in slices, each within its budget", () => {
    const keyspace = make(UNBOUNDED, 0)
    for (let i = 0; i < 25; i++) keyspace.put(key(`k${i}`), value("v"), ttl(1), 0)
    assert.isFalse(keyspace.sweep(999, PLENTY))
    assert.strictEqual(keyspace.size, 25)
    assert.isTrue(keyspace.sweep(1000, 10))
    assert.strictEqual(keyspace.size, 15)
    assert.isTrue(keyspace.sweep(1000, 10))
    assert.strictEqual(keyspace.size, 5)
    assert.isFalse(keyspace.sweep(1000, 10))
    assert.strictEqual(keyspace.size, 0)
    assert.strictEqual(keyspace.bytes, 0)
  })

  it("looks at no more entries in a slice than its budget, be they due or not", () => {
    const keyspace = make(UNBOUNDED, 0)
    // One in ten is due at 5 s. The others are not, but they share a bucket of the wheel with it and must be moved.
    for (let i = 0; i < 1000; i++) keyspace.put(key(`k${i}`), value("v"), ttl(i % 10 === 0 ? 5 : 6), 0)
    let slices = 1
    while (keyspace.sweep(5000, 50)) slices++
    assert.strictEqual(keyspace.removed.expired, 100)
    assert.isAtLeast(slices, 1000 / 51)
  })

  it("evicts an expired key before the least recently used one", () => {
    const keyspace = make({ maxKeys: 3 }, 0)
    keyspace.put(key("oldest"), value("v"), NONE, 0)
    keyspace.put(key("expiring"), value("v"), ttl(1), 0)
    keyspace.put(key("newest"), value("v"), NONE, 0)
    keyspace.put(key("another"), value("v"), NONE, 1000)
    assert.deepStrictEqual(keyspace.removed, { deleted: 0, expired: 1, evicted: 0, replaced: 0 })
    assert.isTrue(keyspace.has(key("oldest"), 1000))
    keyspace.put(key("more"), value("v"), NONE, 1000)
    assert.deepStrictEqual(keyspace.removed, { deleted: 0, expired: 1, evicted: 1, replaced: 0 })
    assert.isFalse(keyspace.has(key("oldest"), 1000))
  })

  it("counts an expired key as expired, even where it goes as the least recently used one", () => {
    const others = 6000
    const keyspace = make({ maxKeys: others + 1 }, 0)
    // So many nearly due entries lie before the expired one that the search for it gives up.
    keyspace.put(key("expiring"), value("v"), ttl(5), 0)
    for (let i = 0; i < others; i++) keyspace.put(key(`k${i}`), value("v"), ttl(6), 0)
    keyspace.put(key("another"), value("v"), NONE, 5000)
    assert.strictEqual(keyspace.size, others + 1)
    assert.deepStrictEqual(keyspace.removed, { deleted: 0, expired: 1, evicted: 0, replaced: 0 })
  })

  it("counts the slot, the record and the share of the index of each entry", () => {
    const keyspace = make(UNBOUNDED, 0)
    keyspace.put(key("abc"), value("12345"), NONE, 0)
    assert.strictEqual(keyspace.bytes, entryBytes(3, 5))
    keyspace.put(key("abc"), value("1"), NONE, 0)
    assert.strictEqual(keyspace.bytes, entryBytes(3, 1))
    keyspace.put(key("d"), value("12"), NONE, 0)
    assert.strictEqual(keyspace.bytes, entryBytes(3, 1) + entryBytes(1, 2))
    keyspace.delete(key("abc"), 0)
    assert.strictEqual(keyspace.bytes, entryBytes(1, 2))
  })

  it("makes room for a value that grows, but not by the entry that grew", () => {
    const keyspace = make({ maxKeys: 10, maxMemory: 3 * entryBytes(1, 1) }, 0)
    for (const each of ["a", "b", "c"]) keyspace.put(key(each), value("v"), NONE, 0)
    assert.strictEqual(keyspace.removed.evicted, 0)
    // The longest value for a slot of the smallest size, and one byte more.
    keyspace.put(key("a"), value("vvvv"), NONE, 0)
    assert.strictEqual(keyspace.removed.evicted, 0)
    keyspace.put(key("a"), value("vvvvv"), NONE, 0)
    assert.strictEqual(keyspace.removed.evicted, 1)
    assert.isFalse(keyspace.has(key("b"), 0))
    assert.isTrue(keyspace.has(key("a"), 0))
    assert.isTrue(keyspace.has(key("c"), 0))
  })

  it("starts anew when it is cleared, and counts nothing as removed", () => {
    const keyspace = make({ maxKeys: 2000 }, 0)
    for (let i = 0; i < 1500; i++) keyspace.put(key(`k${i}`), value("v"), ttl(i % 3), 0)
    for (let i = 0; i < 100; i++) keyspace.delete(key(`k${i}`), 0)
    keyspace.clear(500)
    assert.strictEqual(keyspace.size, 0)
    assert.strictEqual(keyspace.bytes, 0)
    assert.deepStrictEqual(keyspace.removed, { deleted: 100, expired: 0, evicted: 0, replaced: 0 })
    assert.isFalse(keyspace.has(key("k1"), 500))
    assert.isFalse(keyspace.sweep(10_000, 10))
    for (let i = 0; i < 2500; i++) keyspace.put(key(`k${i}`), value(`w${i}`), ttl(1), 10_000)
    assert.strictEqual(keyspace.size, 2000)
    assert.deepStrictEqual(keyspace.removed, { deleted: 100, expired: 0, evicted: 500, replaced: 0 })
    for (let i = 500; i < 2500; i++) same("after it", `get k${i}`, keyspace.get(key(`k${i}`), 10_000), `w${i}`)
    assert.isFalse(keyspace.sweep(11_000, PLENTY))
    assert.strictEqual(keyspace.size, 0)
  })

  it.each(["delete", "sweep", "expire"] as const)(
    "is as good as new after it has grown and was emptied by %s",
    (how) => {
      const keyspace = make(UNBOUNDED, 0)
      let now = 0
      for (let round = 1; round <= 3; round++) {
        for (let i = 0; i < 3000; i++)
          keyspace.put(key(`k${i}`), value(`v${round}`), ttl(how === "delete" ? 0 : 1 + (i % 7)), now)
        assert.strictEqual(keyspace.size, 3000)
        const step = `round ${round}`
        for (let i = 0; i < 3000; i++) same(step, `get k${i}`, keyspace.get(key(`k${i}`), now), `v${round}`)
        if (how === "delete") {
          for (let i = 0; i < 3000; i++) same(step, `delete k${i}`, keyspace.delete(key(`k${i}`), now), true)
        }
        now += 7000
        if (how === "sweep") assert.isFalse(keyspace.sweep(now, PLENTY))
        if (how === "expire") {
          for (let i = 0; i < 3000; i++) same(step, `has k${i}`, keyspace.has(key(`k${i}`), now), false)
        }
        assert.strictEqual(keyspace.size, 0)
        assert.strictEqual(keyspace.bytes, 0)
        assert.strictEqual(keyspace.removed.deleted + keyspace.removed.expired, 3000 * round)
      }
    }
  )
})

describe("entryBytes", () => {
  it("is owner, hash, key and value in words, in units of 8 bytes, 32 for the record, and 16 in the index", () => {
    for (let k = 1; k <= Command.MAX_KEY_LENGTH; k++) {
      for (let v = 1; v <= Command.MAX_VALUE_LENGTH; v++) {
        const words = 2 + Math.ceil(k / 4) + Math.ceil(v / 4)
        if (entryBytes(k, v) !== Math.ceil(words / 2) * 8 + 32 + 16) assert.fail(`${k}, ${v}: ${entryBytes(k, v)}`)
      }
    }
    assert.strictEqual(entryBytes(16, 64), 136)
  })
})
