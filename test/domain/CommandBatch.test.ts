import { assert, describe, it } from "@effect/vitest"
import * as Command from "../../src/domain/Command.ts"
import { GET, PUT, REFUSE } from "../../src/commands/Commands.ts"
import { BATCH_COMMANDS, CommandBatch } from "../../src/domain/CommandBatch.ts"
import { batchOf, commandsOf } from "./Batches.ts"

const key = Command.Key.make
const value = Command.Value.make

describe("CommandBatch", () => {
  it("gives back every command that was added, in order, until it is full", () => {
    const commands = Array.from({ length: BATCH_COMMANDS }, (_, i): Command.StoreCommand => {
      if (i % 4 === 0) {
        return { _tag: "Put", key: key(`k${i}`), value: value("v".repeat(1 + i)), ttl: Command.Ttl.make(i * 8_000_000) }
      }
      const tag = i % 4 === 1 ? "Get" : i % 4 === 2 ? "Delete" : "Exists"
      return { _tag: tag, key: key("k".repeat(1 + i)) }
    })
    assert.isFalse(batchOf(commands.slice(1)).isFull)
    const batch = batchOf(commands)
    assert.isTrue(batch.isFull)
    assert.deepStrictEqual(commandsOf(batch), commands)
  })

  it("lists the keys separately, each with a hash that keeps its sign", () => {
    const batch = batchOf([
      { _tag: "Put", key: key("first"), value: value("v"), ttl: Command.Ttl.make(Command.MAX_TTL_SECONDS) },
      { _tag: "Get", key: key("second") }
    ])
    batch.open(REFUSE)
    batch.close()
    assert.strictEqual(batch.keyCount, 2)
    assert.deepStrictEqual([batch.keysOf(0), batch.keysOf(1), batch.keysOf(2)], [1, 1, 0])
    assert.deepStrictEqual([batch.keyText(0), batch.keyText(1), batch.keyText(2)], ["first", "second", undefined])
    for (const hash of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      batch.setHash(0, hash)
      batch.setHash(1, ~hash)
      assert.deepStrictEqual([batch.hash(0), batch.hash(1)], [hash, ~hash])
    }
    assert.strictEqual(batch.text(0, 2), String(Command.MAX_TTL_SECONDS))
    assert.deepStrictEqual([batch.argc(0), batch.argc(1), batch.argc(2)], [3, 1, 0])
  })

  it("is empty when it begins again, on the same bytes or others, at any place in their buffer", () => {
    const batch = new CommandBatch()
    const whole = Buffer.from("--abcd--wxyz", "latin1")
    const views = [whole.subarray(2, 6), whole.subarray(8), whole, whole, whole.subarray(2, 6)]
    const seen = views.map((bytes) => {
      batch.begin(bytes)
      assert.deepStrictEqual([batch.count, batch.keyCount], [0, 0])
      batch.open(GET)
      batch.key(0, 4)
      batch.close()
      return commandsOf(batch)
    })
    const keys = ["abcd", "wxyz", "--ab", "--ab", "abcd"]
    assert.deepStrictEqual(
      seen,
      keys.map((each) => [{ _tag: "Get", key: key(each) }])
    )
  })

  it("does not mistake the words of an earlier command for its own", () => {
    const batch = new CommandBatch()
    const bytes = Buffer.from("kv60", "latin1")
    batch.begin(bytes)
    batch.open(PUT)
    batch.key(0, 1)
    batch.argument(1, 1)
    batch.argument(2, 2)
    batch.close()
    batch.begin(bytes)
    batch.open(PUT)
    batch.key(0, 1)
    batch.argument(1, 1)
    batch.close()
    assert.deepStrictEqual(commandsOf(batch), [{ _tag: "Put", key: key("k"), value: value("v"), ttl: Command.NO_TTL }])
  })

  it("drops a command that is begun and not closed", () => {
    const batch = new CommandBatch()
    batch.begin(Buffer.from("abc", "latin1"))
    for (let tries = 0; tries < 3; tries++) {
      batch.open(PUT)
      batch.key(0, 1)
      batch.argument(1, 1)
    }
    assert.deepStrictEqual([batch.count, batch.keyCount], [0, 0])
    batch.open(GET)
    batch.key(2, 1)
    batch.close()
    assert.deepStrictEqual([batch.count, batch.keyCount], [1, 1])
    assert.deepStrictEqual(commandsOf(batch), [{ _tag: "Get", key: key("c") }])
  })

  it("has room for the given number of commands, and for none after one that stops it", () => {
    const batch = new CommandBatch()
    const bytes = Buffer.from("k", "latin1")
    const get = (): void => {
      batch.open(GET)
      batch.key(0, 1)
    }
    batch.begin(bytes, 2)
    get()
    batch.close()
    assert.isFalse(batch.isFull)
    get()
    batch.close()
    assert.isTrue(batch.isFull)
    assert.isFalse(batch.isStopped)
    batch.begin(bytes)
    get()
    batch.closeAndStop()
    assert.deepStrictEqual([batch.isFull, batch.isStopped], [true, true])
    batch.begin(bytes)
    assert.deepStrictEqual([batch.isFull, batch.isStopped], [false, false])
  })

  it("keeps the messages of malformed requests, in order", () => {
    const batch = new CommandBatch()
    for (let round = 0; round < 2; round++) {
      batch.begin(Buffer.from("k", "latin1"))
      batch.openWithMessage(REFUSE, `first of ${round}`)
      batch.close()
      batch.open(GET)
      batch.key(0, 1)
      batch.close()
      batch.openWithMessage(REFUSE, `second of ${round}`)
      batch.close()
      assert.strictEqual(batch.messageCount, 2)
      assert.deepStrictEqual([batch.message(0), batch.message(2)], [`first of ${round}`, `second of ${round}`])
      assert.strictEqual(batch.argc(2), 0)
    }
  })

  it("holds a command with very many arguments, is full then, and shrinks when it begins again", () => {
    const batch = new CommandBatch()
    const bytes = Buffer.from("k".repeat(100), "latin1")
    batch.begin(bytes)
    batch.open(GET)
    const many = 1_048_576
    for (let argument = 0; argument < many; argument++) batch.key(argument % 90, 1 + (argument % 7))
    batch.close()
    assert.deepStrictEqual([batch.count, batch.argc(0), batch.keyCount, batch.isFull], [1, many, many, true])
    for (const argument of [0, 1, 1023, 1024, 1025, many - 1]) {
      const place = [argument % 90, 1 + (argument % 7)]
      assert.deepStrictEqual([batch.argStart(0, argument), batch.argLength(0, argument)], place)
      assert.deepStrictEqual([batch.keyStart(argument), batch.keyLength(argument)], place)
    }
    batch.begin(bytes)
    assert.isFalse(batch.isFull)
    batch.open(GET)
    batch.key(1, 2)
    batch.close()
    assert.deepStrictEqual(commandsOf(batch), [{ _tag: "Get", key: key("kk") }])
  })
})
