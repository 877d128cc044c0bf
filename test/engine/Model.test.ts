/**
 * The engine against a naive oracle. The same operations must have the same results, one by one, whatever the sizes,
 * deadlines and limits. The system refuses memory at times, and the engine is made anew from its arenas at any time.
 */
import { assert, describe, it } from "@effect/vitest"
import { NOT_THERE, STORED } from "../../src/engine/Engine.ts"
import type { ChainReader } from "../../src/engine/Chains.ts"
import { DELETED, EVICTED, EXPIRED, type Limits, REPLACED } from "../../src/engine/Limits.ts"
import { checkInvariants } from "./Invariants.ts"
import { Oracle } from "./Oracle.ts"
import { seededRandom, type SeededRandom } from "./SeededRandom.ts"
import { Subject, viewOf } from "./Subject.ts"

const NEVER = Number.POSITIVE_INFINITY

interface Run {
  readonly name: string
  readonly limits: Limits
  readonly operations: number
  readonly keys: number
  /** The longest value, and the longest of the few that are large. */
  readonly longest: number
  readonly large: number
  /** The share of the few large values. */
  readonly largeShare: number
  readonly hash?: (key: Uint8Array, hash: number) => number
  readonly refuses?: boolean
}

const MIB = 2 ** 20

const runs: ReadonlyArray<Run> = [
  {
    name: "small values without a limit",
    limits: { maxKeys: NEVER },
    operations: 40_000,
    keys: 8000,
    longest: 300,
    large: 3000,
    largeShare: 0.05
  },
  {
    name: "a limit of keys",
    limits: { maxKeys: 300 },
    operations: 30_000,
    keys: 900,
    longest: 200,
    large: 20_000,
    largeShare: 0.02
  },
  {
    name: "one key at most",
    limits: { maxKeys: 1 },
    operations: 5000,
    keys: 3,
    longest: 100,
    large: 100_000,
    largeShare: 0.1
  },
  {
    name: "values of all sizes within 1 MB",
    limits: { maxKeys: NEVER, maxMemory: MIB },
    operations: 25_000,
    keys: 2000,
    longest: 2000,
    large: 200_000,
    largeShare: 0.02
  },
  {
    name: "values of all sizes within 17 MB",
    limits: { maxKeys: NEVER, maxMemory: 17 * MIB },
    operations: 15_000,
    keys: 3000,
    longest: 30_000,
    large: 900_000,
    largeShare: 0.06
  },
  {
    name: "a system that refuses",
    limits: { maxKeys: NEVER },
    operations: 20_000,
    keys: 3000,
    longest: 9000,
    large: 300_000,
    largeShare: 0.05,
    refuses: true
  },
  {
    name: "hashes that collide",
    limits: { maxKeys: 250 },
    operations: 15_000,
    keys: 400,
    longest: 100,
    large: 10_000,
    largeShare: 0.02,
    hash: (key) => [7, -1, 0][key.length % 3] ?? 0
  }
]

const sampleBytes = (random: SeededRandom): Uint8Array => Uint8Array.from({ length: 1 << 20 }, () => random.below(256))

/** Keys of all lengths, mostly short. Many are equal except for their end. */
const keysOf = (random: SeededRandom, count: number, sample: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from({ length: count }, (_, i) => {
    const length =
      i === 0
        ? 0
        : i % 97 === 0
          ? 4000 + random.below(200)
          : i % 251 === 0
            ? 65_535 - random.below(9000)
            : 2 + random.below(40)
    const key = sample.slice(0, length)
    if (length >= 2) {
      key[length - 1] = i & 0xff
      key[length - 2] = i >>> 8
    }
    return key
  })

const nameOf = (key: Uint8Array): string => `${key.length}:${Buffer.from(key.subarray(-8)).toString("hex")}`

const equal = (what: string, actual: Uint8Array | undefined, expected: Uint8Array | undefined): void => {
  if (actual === undefined || expected === undefined) {
    if (actual !== expected) {
      assert.fail(
        `${what} is ${actual === undefined ? "not there" : "there"}, and should${expected === undefined ? " not" : ""} be`
      )
    }
  } else if (Buffer.compare(actual, expected) !== 0) {
    assert.fail(`${what} has ${actual.length} bytes, not the ${expected.length} that it should have`)
  }
}

interface Reading {
  readonly reader: ChainReader
  readonly bytes: Uint8Array
  at: number
}

const checkAgainstOracle = (run: Run, seed: number): Subject => {
  const random = seededRandom(seed)
  const sample = sampleBytes(random)
  const keys = keysOf(random, run.keys, sample)
  let now = random.pick([0, 1, 4095, 2 ** 30 - 1, 1_700_000_000_000])
  const subject = new Subject(run.limits, now, run.hash)
  const oracle = new Oracle()
  const readings: Array<Reading> = []
  let evicted = 0
  // The names of removed keys, as the observer was told of them.
  const removed: Array<string> = []
  const observe = (): void => {
    subject.engine.observer = {
      removed: (entry, reason) =>
        removed.push(`${reason} ${subject.engine.database(entry)} ${nameOf(subject.key(entry))}`)
    }
  }
  observe()
  const removals = (): number =>
    subject.engine.removed(DELETED) + subject.engine.removed(EXPIRED) + subject.engine.removed(EVICTED)

  const anyKey = (): Uint8Array => keys[random.below(keys.length)] ?? assert.fail("there is no key")
  const anyValue = (): Uint8Array => {
    const length = random.chance(run.largeShare)
      ? random.below(run.large + 1)
      : random.below(random.below(run.longest) + 1)
    const from = random.below(sample.length - length)
    return sample.subarray(from, from + length)
  }
  const anyDeadline = (): number =>
    random.chance(0.5)
      ? NEVER
      : random.pick([
          now + 1,
          now + random.below(50),
          now + random.below(100_000),
          Number.MAX_SAFE_INTEGER,
          now + 2 ** random.below(50)
        ])
  const anyDatabase = (): number => random.pick([0, 0, 0, 1, 15])

  /** Removes from the oracle what the engine evicted. */
  const synchronise = (): void => {
    const since = subject.engine.removed(EVICTED) - evicted
    evicted += since
    if (since > 0) oracle.evict(since, now)
  }

  for (let operation = 0; operation < run.operations; operation++) {
    const step = `seed ${seed}, operation ${operation} at ${now}`
    if (random.chance(0.2)) now += random.pick([0, 1, random.below(20), random.below(1000)])
    if (random.chance(0.0005)) now += 200_000
    if (run.refuses === true && random.chance(0.002)) subject.arenas.refuses = !subject.arenas.refuses
    const { engine } = subject
    const removedBefore = removals()
    removed.length = 0
    const database = anyDatabase()
    const key = anyKey()
    const name = nameOf(key)
    const action = random.below(1000)
    if (action < 40) {
      const other = anyKey()
      const otherDatabase = random.chance(0.7) ? database : anyDatabase()
      const before = oracle.find(database, name, now)
      const isSame = nameOf(other) === name && otherDatabase === database
      const replaced = engine.removed(REPLACED)
      if (before !== undefined) {
        oracle.touch(otherDatabase, nameOf(other))
        oracle.touch(database, name)
        const outcome = subject.rename(key, other, now, database, otherDatabase)
        synchronise()
        const wasThere = oracle.find(otherDatabase, nameOf(other), now) !== undefined && !isSame
        if (outcome === STORED) oracle.rename(database, name, otherDatabase, nameOf(other))
        else if (run.limits.maxMemory === undefined && run.refuses !== true) assert.fail(`${step}: no room to rename`)
        if (engine.removed(REPLACED) - replaced !== (outcome === STORED && wasThere ? 1 : 0))
          assert.fail(`${step}: rename counts as replaced`)
      }
    } else if (action < 70) {
      const other = anyKey()
      const before = oracle.find(database, name, now)
      if (before !== undefined && nameOf(other) !== name) {
        oracle.touch(database, name)
        const hadOther = oracle.find(database, nameOf(other), now) !== undefined
        const outcome = subject.copy(key, other, now, database)
        if (outcome === STORED) {
          // As with \`set\`, a replaced entry is used before others are evicted.
          if (hadOther) oracle.touch(database, nameOf(other))
          synchronise()
          oracle.set(database, nameOf(other), before)
        } else {
          const left = subject.find(other, now, database)
          if (left !== NOT_THERE) engine.touch(left)
          synchronise()
          oracle.touch(database, nameOf(other))
        }
      }
    } else if (action < 120) {
      const before = oracle.find(database, name, now)
      if (before !== undefined) {
        const bytes = anyValue()
        const offset = random.pick([
          before.bytes.length,
          before.bytes.length,
          random.below(before.bytes.length + 1),
          before.bytes.length + random.below(100_000)
        ])
        const after = new Uint8Array(Math.max(before.bytes.length, offset + bytes.length))
        after.set(before.bytes)
        after.set(bytes, offset)
        oracle.touch(database, name)
        const isAppended = offset === before.bytes.length && bytes.length > 0 && random.chance(0.5)
        const isExchanged = !engine.isInline(subject.find(key, now, database)) && random.chance(0.2)
        if (isAppended || isExchanged) engine.touch(subject.find(key, now, database))
        const slice = 1 + random.below(70_000)
        const outcome = isExchanged
          ? subject.exchangeInSlices(key, after, slice, now, database)
          : isAppended
            ? subject.appendInSlices(key, bytes, slice, now, database)
            : subject.write(key, offset, bytes, now, database)
        synchronise()
        if (outcome === STORED) {
          oracle.set(database, name, { bytes: after, deadline: before.deadline })
        } else if (run.limits.maxMemory === undefined && run.refuses !== true) assert.fail(`${step}: no room to write`)
      }
    } else if (action < 125) {
      const entry = engine.randomEntry(random.below(2 ** 32) | 0, database, now)
      const expected = oracle.keysIn(database, now)
      if (entry === NOT_THERE) {
        if (expected.length > 0) assert.fail(`${step}: no random key of ${expected.length}`)
      } else if (engine.database(entry) !== database || !expected.includes(nameOf(subject.key(entry))))
        assert.fail(`${step}: a random key that is not there`)
    } else if (action < 450) {
      const bytes = anyValue()
      const deadline = anyDeadline()
      const before = oracle.find(database, name, now)
      const replaced = engine.removed(REPLACED)
      const inSlices = random.chance(0.1) && bytes.length <= 300_000
      // While a value is written in slices, its key is like any other.
      const use = (): void => {
        synchronise()
        oracle.touch(database, name)
      }
      const outcome = inSlices
        ? subject.setInSlices(key, bytes, 1 + random.below(70_000), { database, deadline, now }, use)
        : subject.set(key, bytes, { database, deadline, now })
      if (!inSlices && before !== undefined && outcome === STORED) oracle.touch(database, name)
      synchronise()
      if (outcome === STORED) {
        const wasThere = oracle.find(database, name, now) !== undefined
        if (engine.removed(REPLACED) - replaced !== (wasThere ? 1 : 0)) assert.fail(`${step}: replaced is wrong`)
        oracle.set(database, name, { bytes, deadline })
      } else {
        if (run.limits.maxMemory === undefined && run.refuses !== true) assert.fail(`${step}: out of memory`)
        // The engine decides whether it has counted as a use.
        const left = subject.find(key, now, database)
        if (left !== NOT_THERE) engine.touch(left)
        oracle.touch(database, name)
      }
    } else if (action < 700) {
      equal(`${step}: ${name}`, subject.get(key, now, database), oracle.find(database, name, now)?.bytes)
      if (oracle.find(database, name, now) !== undefined) oracle.touch(database, name)
    } else if (action < 780) {
      const isThere = oracle.find(database, name, now) !== undefined
      if (subject.delete(key, now, database) !== isThere) assert.fail(`${step}: delete ${name}`)
      oracle.delete(database, name)
    } else if (action < 840) {
      const entry = subject.find(key, now, database)
      const before = oracle.find(database, name, now)
      if ((entry === NOT_THERE) !== (before === undefined)) assert.fail(`${step}: ${name} is there or not`)
      if (entry !== NOT_THERE && before !== undefined) {
        if (engine.deadline(entry) !== before.deadline) assert.fail(`${step}: the deadline of ${name}`)
        const deadline = anyDeadline()
        const outcome = engine.setDeadline(entry, deadline, now)
        oracle.touch(database, name)
        synchronise()
        if (outcome === STORED) oracle.set(database, name, { bytes: before.bytes, deadline })
        else if (deadline === NEVER) assert.fail(`${step}: a deadline cannot be removed`)
      }
    } else if (action < 900) {
      const entry = subject.find(key, now, database)
      const before = oracle.find(database, name, now)
      if (entry !== NOT_THERE && before !== undefined) {
        const bytes = anyValue()
        const outcome = engine.setValue(entry, viewOf(bytes), 0, bytes.length, now)
        oracle.touch(database, name)
        synchronise()
        if (outcome === STORED) oracle.set(database, name, { bytes, deadline: before.deadline })
      }
    } else if (action < 920) {
      const entry = subject.find(key, now, database)
      if (entry !== NOT_THERE && !engine.isInline(entry) && readings.length < 20) {
        readings.push({ reader: engine.openReader(entry), bytes: subject.value(entry), at: 0 })
      }
    } else if (action < 950) {
      const reading = readings[random.below(readings.length)]
      if (reading !== undefined) {
        const into = new Uint8Array(1 + random.below(70_000))
        const count = reading.reader.read(into, 0, into.length)
        equal(`${step}: what is read`, into.subarray(0, count), reading.bytes.subarray(reading.at, reading.at + count))
        reading.at += count
        if (reading.reader.remaining !== reading.bytes.length - reading.at) assert.fail(`${step}: what remains`)
        if (reading.reader.remaining === 0 || random.chance(0.1)) {
          reading.reader.close()
          reading.reader.close()
          readings.splice(readings.indexOf(reading), 1)
        }
      }
    } else if (action < 970) {
      if (!engine.sweep(now, random.pick([1, 5, 100, NEVER]))) oracle.forgetExpired(now)
    } else if (action < 990) engine.maintain(now, random.pick([1, 50, 1000]))
    else if (action < 994) {
      const seen: Array<string> = []
      let cursor = 0
      do {
        cursor = engine.scan(cursor, random.pick([1, 10, 1000]), database, (entry) => {
          const its = new Uint8Array(engine.keyLength(entry))
          engine.copyKey(entry, its, 0)
          if (engine.deadline(entry) > now) seen.push(nameOf(its))
        })
      } while (cursor !== 0)
      const expected = oracle.keysIn(database, now).toSorted()
      if (seen.toSorted().join() !== expected.join())
        assert.fail(`${step}: a scan of ${expected.length} keys saw ${seen.length}`)
    } else if (action < 996) {
      engine.clearDatabase(database, now)
      oracle.clearDatabase(database)
    } else if (action < 998) {
      const other = anyDatabase()
      engine.swapDatabases(database, other)
      if (database !== other) oracle.swap(database, other)
    } else if (random.chance(0.2)) {
      engine.clear(now)
      oracle.clear()
    }
    synchronise()
    // Entries of cleared databases go unheard, and are not counted. What is deleted is heard too.
    if (removed.length !== removals() - removedBefore)
      assert.fail(`${step}: the observer heard of ${removed.length} removals, of ${removals() - removedBefore}`)
    if (operation % 50 === 0 && subject.engine.size < oracle.size(now))
      assert.fail(`${step}: ${subject.engine.size} keys are held, not ${oracle.size(now)}`)
    if (subject.engine.usedBytes > (run.limits.maxMemory ?? NEVER)) assert.fail(`${step}: too many bytes`)
    if (operation % 500 === 0) {
      checkInvariants(subject.engine)
      if (random.chance(0.5)) {
        subject.attach()
        observe()
        if (random.chance(0.2)) {
          // The readers of the former engine are gone.
          subject.engine.releaseReaders()
          readings.length = 0
        }
      }
    }
  }
  for (const database of [0, 1, 15]) {
    for (const key of keys) {
      equal(
        `at the end: ${nameOf(key)}`,
        subject.get(key, now, database),
        oracle.find(database, nameOf(key), now)?.bytes
      )
    }
  }
  for (const { reader } of readings) reader.close()
  while (subject.engine.maintain(now, 1000)) checkInvariants(subject.engine)
  while (subject.engine.sweep(now, 1000));
  assert.strictEqual(subject.engine.size, oracle.size(now))
  for (const database of [0, 1, 15]) for (const key of keys) subject.delete(key, now, database)
  while (subject.engine.maintain(now, 1000));
  checkInvariants(subject.engine)
  assert.strictEqual(subject.engine.size, 0)
  assert.strictEqual(subject.engine.usedBytes, 0)
  assert.strictEqual(subject.engine.detachedBytes, 0)
  return subject
}

describe("Engine against an oracle", () => {
  it.each(runs)("agrees with $name", (run) => {
    const { engine } = checkAgainstOracle(run, 70 + runs.indexOf(run))
    // The run has met every kind of event.
    assert.isAbove(engine.removed(DELETED), 50)
    assert.isAbove(engine.removed(EXPIRED), 50)
    assert.isAbove(engine.removed(REPLACED), 50)
    if (run.limits.maxMemory !== undefined || run.limits.maxKeys < run.keys) assert.isAbove(engine.removed(EVICTED), 50)
  })
})
