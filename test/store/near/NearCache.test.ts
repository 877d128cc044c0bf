import { assert, describe, it } from "@effect/vitest"
import { commands as table } from "../../../src/commands/Commands.ts"
import type { Caller } from "../../../src/commands/Execution.ts"
import { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { CommandStatistics } from "../../../src/store/CommandStatistics.ts"
import { type Kept, KeptReply } from "../../../src/store/KeptReply.ts"
import { MAX_NEAR_VALUE, NearCache, NO_SOURCE } from "../../../src/store/near/NearCache.ts"
import { SLOTS } from "../../../src/store/near/Slot.ts"
import type { PendingRead } from "../../../src/store/near/Source.ts"
import { makeMemory } from "./NearMemory.ts"

const caller: Caller = { database: 0 }
const NONE = -1
const SECOND = 1000

/** A command; all its arguments up to `keys` are keys. */
const commandOf = (near: NearCache, name: string, args: ReadonlyArray<string>, keys = args.length): CommandBatch => {
  const batch = new CommandBatch()
  batch.begin(Buffer.from(args.join(""), "latin1"))
  batch.open(table.findIndex((entry) => entry.name === name && entry.protocols.includes("resp")))
  let start = 0
  args.forEach((argument, index) => {
    if (index < keys) batch.key(start, argument.length)
    else batch.argument(start, argument.length)
    start += argument.length
  })
  batch.close()
  near.prepare(batch)
  return batch
}

const make = (options: { ttl?: number; staleTtl?: number; maxMemory?: number; slots?: Int16Array } = {}): NearCache => {
  const { maxMemory, slots, staleTtl = 0, ttl = 60 * SECOND } = options
  const near = new NearCache(makeMemory(maxMemory), new CommandStatistics(), { ttl, staleTtl })
  if (slots !== undefined) near.setSlots(slots, 0)
  near.opened(0, 0)
  near.opened(1, 0)
  return near
}

/** The answer to a command from near, or undefined. */
const ask = (
  near: NearCache,
  now: number,
  name: string,
  args: ReadonlyArray<string>,
  keys = args.length,
  by = caller
): Kept | undefined => {
  const reply = new KeptReply()
  return near.answer(commandOf(near, name, args, keys), 0, 1, now, by, reply) === 1 ? reply.reply : undefined
}

const textOf = (reply: Kept | undefined): string | undefined =>
  reply?._tag === "Bulk" ? reply.bytes.toString("latin1") : undefined

const begin = (near: NearCache, key: string, now: number, source = 0): PendingRead =>
  near.begin(source, commandOf(near, "GET", [key]), 0, 0, now)

const keep = (near: NearCache, key: string, value: string, now: number, source = 0, left = NONE): void =>
  near.complete(begin(near, key, now, source), Buffer.from(value, "latin1"), left, now)

const get = (near: NearCache, key: string, now: number): string | undefined => textOf(ask(near, now, "GET", [key]))

const getStale = (near: NearCache, key: string, now: number): string | undefined => {
  const reply = new KeptReply()
  const isThere = near.answerStale(commandOf(near, "GET", [key]), 0, now, caller, reply)
  return isThere ? textOf(reply.reply) : undefined
}

/** The upper half of all slots is of source 1. `foo` is there, and `bar` is not. */
const halves = Int16Array.from({ length: SLOTS }, (_, slot) => (slot < SLOTS / 2 ? 0 : 1))
const ofOne = { slots: halves }

describe("reads that are overtaken", () => {
  it("an invalidation that comes in the same read as the reply keeps the reply out", () => {
    const near = make()
    const read = begin(near, "a", 0)
    // The bytes hold the reply and then the invalidation. That is handled first, because the reply's fiber runs later.
    near.invalidated(0, Buffer.from("a"), 1)
    near.complete(read, Buffer.from("old"), NONE, 1)
    assert.isUndefined(get(near, "a", 1))
    assert.strictEqual(near.stats().dirty, 1)
    keep(near, "a", "new", 2)
    assert.strictEqual(get(near, "a", 2), "new")
  })

  it("what is stored after a wait does not bring back what an invalidation has removed meanwhile", () => {
    const near = make()
    keep(near, "a", "old", 0)
    const slow = begin(near, "a", 1)
    near.invalidated(0, Buffer.from("a"), 2)
    keep(near, "a", "new", 3)
    near.complete(slow, Buffer.from("old"), NONE, 4)
    assert.strictEqual(get(near, "a", 4), "new")
  })

  it("an invalidation of one key leaves the reads of others alone, and one of all keys does not", () => {
    const near = make()
    const one = begin(near, "a", 0)
    near.invalidated(0, Buffer.from("b"), 0)
    near.complete(one, Buffer.from("value"), NONE, 0)
    assert.strictEqual(get(near, "a", 0), "value")
    const other = begin(near, "b", 1)
    near.invalidated(0, undefined, 1)
    near.complete(other, Buffer.from("value"), NONE, 1)
    assert.isUndefined(get(near, "a", 1))
    assert.isUndefined(get(near, "b", 1))
  })

  it("a write drops what is kept, and what was read before it was answered", () => {
    const near = make()
    keep(near, "a", "old", 0)
    const set = commandOf(near, "SET", ["a", "new"], 1)
    near.written(set, 0, 0, 1)
    assert.isUndefined(get(near, "a", 1))
    const read = begin(near, "a", 1)
    keep(near, "a", "old", 1)
    near.written(set, 0, 0, 2)
    near.complete(read, Buffer.from("old"), NONE, 2)
    assert.isUndefined(get(near, "a", 2))
  })

  it("a write without keys drops everything", () => {
    const near = make()
    keep(near, "a", "value", 0)
    near.written(commandOf(near, "FLUSHALL", []), 0, 0, 0)
    assert.isUndefined(get(near, "a", 0))
  })

  it("nothing is remembered of reads that have ended, in whatever way", () => {
    const near = make()
    for (let number = 0; number < 3000; number++) {
      const read = begin(near, `key${number}`, number)
      const again = begin(near, `key${number}`, number)
      if (number % 4 === 0) near.invalidated(0, Buffer.from(`key${number}`), number)
      if (number % 3 === 0) near.abandon(read)
      else near.complete(read, undefined, -2, number)
      near.abandon(again)
    }
    const { bytes, keys, pending } = near.stats()
    assert.deepStrictEqual({ bytes, keys, pending }, { bytes: 0, keys: 0, pending: 0 })
  })
})

describe("what is kept", () => {
  it("is fresh for the TTL from when it was asked for, or for what PTTL says if that is less", () => {
    const near = make({ ttl: SECOND })
    const slow = begin(near, "a", 0)
    near.complete(slow, Buffer.from("value"), NONE, 400)
    assert.strictEqual(get(near, "a", SECOND - 1), "value")
    assert.isUndefined(get(near, "a", SECOND))
    keep(near, "b", "value", 2 * SECOND, 0, 30)
    assert.strictEqual(get(near, "b", 2 * SECOND + 29), "value")
    assert.isUndefined(get(near, "b", 2 * SECOND + 30))
  })

  it("is no missing key, no value that has just expired, and none that is too long", () => {
    const near = make()
    near.complete(begin(near, "a", 0), undefined, -2, 0)
    near.complete(begin(near, "b", 0), Buffer.from("value"), -2, 0)
    near.complete(begin(near, "c", 0), Buffer.from("value"), 5, 5)
    near.complete(begin(near, "d", 0), Buffer.alloc(MAX_NEAR_VALUE + 1), NONE, 0)
    assert.strictEqual(near.stats().keys, 0)
    near.complete(begin(near, "d", 0), Buffer.alloc(MAX_NEAR_VALUE), NONE, 0)
    assert.strictEqual(near.stats().keys, 1)
  })

  it("takes no more memory than it may, and what is least recently used goes first", () => {
    const near = make({ maxMemory: 2 ** 20 })
    keep(near, "used", "value", 0)
    for (let number = 0; number < 2000; number++) {
      keep(near, `key${number}`, "x".repeat(1000), number)
      assert.strictEqual(get(near, "used", number), "value")
    }
    assert.isAtMost(near.stats().bytes, 2 ** 20)
    assert.isUndefined(get(near, "key0", 2000))
    assert.isDefined(get(near, "key1999", 2000))
  })

  it("takes in what was asked for twice once it is full, and everything while it has room", () => {
    const near = make({ maxMemory: 2 ** 20 })
    const admits = (key: string): boolean => near.admits(commandOf(near, "GET", [key]), 0)
    assert.isTrue(admits("a"))
    for (let number = 0; number < 2000; number++) keep(near, `key${number}`, "x".repeat(1000), 0)
    assert.isFalse(admits("a"))
    assert.isTrue(admits("a"))
    assert.isFalse(admits("b"))
    near.forgetAll(0)
    assert.isTrue(admits("c"))
  })

  it("answers what follows from the value, as the memory engine does", () => {
    const near = make()
    keep(near, "a", "\u0000hello\u00ff", 0)
    keep(near, "b", "", 0)
    assert.deepStrictEqual(ask(near, 0, "STRLEN", ["a"]), { _tag: "Integer", value: 7 })
    assert.strictEqual(textOf(ask(near, 0, "GETRANGE", ["a", "1", "-2"], 1)), "hello")
    assert.deepStrictEqual(ask(near, 0, "EXISTS", ["a", "b", "a"]), { _tag: "Integer", value: 3 })
    assert.deepStrictEqual(ask(near, 0, "TYPE", ["a"]), { _tag: "Simple", text: "string" })
    assert.deepStrictEqual(ask(near, 0, "GETBIT", ["a", "9"], 1), { _tag: "Integer", value: 1 })
    assert.deepStrictEqual(ask(near, 0, "MGET", ["b", "a"]), {
      _tag: "Parts",
      kind: "array",
      parts: [
        { _tag: "Bulk", bytes: Buffer.from("") },
        { _tag: "Bulk", bytes: Buffer.from("\u0000hello\u00ff", "latin1") }
      ]
    })
    assert.isUndefined(ask(near, 0, "MGET", ["a", "c"]))
    assert.isUndefined(ask(near, 0, "EXISTS", ["a", "c"]))
    assert.isUndefined(ask(near, 0, "TTL", ["a"]))
    assert.strictEqual(near.stats().hits, 6)
  })

  it("is answered in order up to the first command that has to be sent", () => {
    const near = make()
    keep(near, "a", "1", 0)
    const batch = new CommandBatch()
    batch.begin(Buffer.from("aab"))
    const GET = table.findIndex(({ name }) => name === "GET")
    for (let at = 0; at < 3; at++) batch.addKeyed(GET, at, 1)
    near.prepare(batch)
    assert.strictEqual(near.answer(batch, 0, 3, 0, caller, new KeptReply()), 2)
    assert.isTrue(near.answers(batch, 1, 0, caller))
    assert.isFalse(near.answers(batch, 2, 0, caller))
  })
})

describe("sources", () => {
  it("databases of a single server have the same keys with other values", () => {
    const near = make()
    keep(near, "a", "zero", 0)
    const other = commandOf(near, "GET", ["a"])
    near.complete(near.begin(1, other, 0, 1, 0), Buffer.from("one"), NONE, 0)
    assert.strictEqual(textOf(ask(near, 0, "GET", ["a"], 1, { database: 1 })), "one")
    near.invalidated(1, Buffer.from("a"), 0)
    assert.isUndefined(ask(near, 0, "GET", ["a"], 1, { database: 1 }))
    assert.strictEqual(get(near, "a", 0), "zero")
  })

  it("one that is lost takes what is its own with it, and keeps nothing until it is opened again", () => {
    const near = make(ofOne)
    keep(near, "bar", "zero", 0)
    keep(near, "foo", "one", 0, 1)
    const read = begin(near, "foo", 0, 1)
    near.lost(1, 0)
    near.complete(read, Buffer.from("late"), NONE, 0)
    keep(near, "foo", "early", 0, 1)
    assert.strictEqual(get(near, "bar", 0), "zero")
    assert.isUndefined(get(near, "foo", 0))
    near.opened(1, 0)
    keep(near, "foo", "again", 1, 1)
    assert.strictEqual(get(near, "foo", 1), "again")
  })

  it("one that a slot leaves loses everything, and another one nothing", () => {
    const near = make(ofOne)
    keep(near, "bar", "zero", 0)
    keep(near, "foo", "one", 0, 1)
    const moved = halves.slice()
    moved[0] = 1
    near.setSlots(moved, 0)
    assert.isUndefined(get(near, "bar", 0))
    assert.strictEqual(get(near, "foo", 0), "one")
  })

  it("what comes from another one than the table says is not kept", () => {
    const near = make(ofOne)
    keep(near, "foo", "moved", 0, 0)
    near.setSlots(new Int16Array(SLOTS), 0)
    assert.isUndefined(get(near, "foo", 0))
    near.setSlots(new Int16Array(SLOTS).fill(NO_SOURCE), 0)
    keep(near, "foo", "unsure", 0, 0)
    assert.strictEqual(near.stats().keys, 0)
  })
})

describe("stale values", () => {
  it("are answered only when asked for, for so long after they were fresh", () => {
    const near = make({ ttl: SECOND, staleTtl: 5 * SECOND })
    keep(near, "a", "value", 0)
    assert.isUndefined(get(near, "a", SECOND))
    assert.strictEqual(getStale(near, "a", SECOND), "value")
    near.lost(0, 0)
    assert.isUndefined(get(near, "a", 2 * SECOND))
    assert.strictEqual(getStale(near, "a", 6 * SECOND - 1), "value")
    assert.isUndefined(getStale(near, "a", 6 * SECOND))
  })

  it("are not older than a write, answered or not, nor than what a server has told", () => {
    const near = make({ staleTtl: SECOND })
    keep(near, "a", "value", 0)
    keep(near, "b", "value", 0)
    keep(near, "c", "value", 0)
    near.invalidated(0, Buffer.from("b"), 0)
    near.lost(0, 0)
    near.written(commandOf(near, "SET", ["a", "other"], 1), 0, 0, 0)
    assert.isUndefined(getStale(near, "a", 0))
    assert.isUndefined(getStale(near, "b", 0))
    assert.strictEqual(getStale(near, "c", 0), "value")
  })

  it("survive a connection that comes and goes", () => {
    const near = make({ staleTtl: SECOND })
    keep(near, "a", "value", 0)
    keep(near, "b", "value", 0)
    near.lost(0, 0)
    near.opened(0, 0)
    keep(near, "c", "value", 0)
    near.lost(0, 0)
    assert.strictEqual(getStale(near, "a", 0), "value")
  })

  it("are none if they are not to be", () => {
    const near = make()
    keep(near, "a", "value", 0)
    near.lost(0, 0)
    assert.isUndefined(getStale(near, "a", 0))
  })
})
