import { assert, describe, it } from "@effect/vitest"
import * as Command from "../../src/domain/Command.ts"
import { BATCH_COMMANDS, CommandBatch, GET, PUT } from "../../src/domain/CommandBatch.ts"
import { type BatchCommand, batchOf, commandsOf } from "./Batches.ts"

const key = Command.Key.make
const value = Command.Value.make

describe("CommandBatch", () => {
  it("gives back every command that was added, in order, until it is full", () => {
    const commands = Array.from({ length: BATCH_COMMANDS }, (_, i): BatchCommand => {
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

  it("holds the largest TTL, and a hash with its sign", () => {
    const ttl = Command.Ttl.make(Command.MAX_TTL_SECONDS)
    const batch = batchOf([{ _tag: "Put", key: key("k"), value: value("v"), ttl }])
    assert.strictEqual(batch.ttl(0), Command.MAX_TTL_SECONDS)
    for (const hash of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      batch.setHash(0, hash)
      assert.strictEqual(batch.hash(0), hash)
    }
    assert.deepStrictEqual(commandsOf(batch), [{ _tag: "Put", key: key("k"), value: value("v"), ttl }])
  })

  it("is empty when it begins again, on the same bytes or on others, wherever they lie in their buffer", () => {
    const batch = new CommandBatch()
    const whole = Buffer.from("--abcd--wxyz", "latin1")
    const views = [whole.subarray(2, 6), whole.subarray(8), whole, whole, whole.subarray(2, 6)]
    const seen = views.map((bytes) => {
      batch.begin(bytes)
      assert.strictEqual(batch.count, 0)
      batch.add(GET, 0, 4, 0, 0, 0)
      return commandsOf(batch)
    })
    const keys = ["abcd", "wxyz", "--ab", "--ab", "abcd"]
    assert.deepStrictEqual(
      seen,
      keys.map((each) => [{ _tag: "Get", key: key(each) }])
    )
  })

  it("does not take the words of an earlier command for its own", () => {
    const batch = new CommandBatch()
    const bytes = Buffer.from("kv", "latin1")
    batch.begin(bytes)
    batch.add(PUT, 0, 1, 1, 1, 60)
    batch.begin(bytes)
    batch.add(PUT, 0, 1, 1, 1, 0)
    assert.strictEqual(batch.ttl(0), 0)
  })
})
