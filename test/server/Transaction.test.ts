/** What is queued is read back as it was, and what is long stays where it is. */
import { assert, describe, it } from "@effect/vitest"
import { commands as table } from "../../src/commands/Commands.ts"
import { CommandBatch } from "../../src/domain/CommandBatch.ts"
import { RespRequestDecoder } from "../../src/protocol/resp/RespRequestDecoder.ts"
import { LONG_COMMAND, Transaction } from "../../src/server/Transaction.ts"
import { request } from "./resp/Exchanges.ts"

/** Commands in one memory, as a batch. */
const batchOf = (commands: ReadonlyArray<ReadonlyArray<string>>): CommandBatch => {
  const bytes = Buffer.from(commands.map((words) => request(...words)).join(""), "latin1")
  const batch = new CommandBatch()
  batch.begin(bytes)
  assert.strictEqual(new RespRequestDecoder().decode(batch, 0, bytes.length), bytes.length)
  return batch
}

/** A command of a batch, with its keys in brackets. */
const wordsOf = (batch: CommandBatch, command: number): ReadonlyArray<string> => {
  const words = Array.from({ length: batch.argc(command) }, (_, argument) => batch.text(command, argument))
  const first = batch.firstKey(command)
  const keys = Array.from({ length: batch.keysOf(command) }, (_, key) => {
    const start = batch.keyStart(first + key)
    return `[${batch.bytes.toString("latin1", start, start + batch.keyLength(first + key))}]`
  })
  return [table[batch.id(command)]?.name ?? "", ...words, ...keys]
}

const long = "v".repeat(LONG_COMMAND)

describe("Transaction", () => {
  it("has short and long commands in order, of one memory and of several", () => {
    const groups = [
      [
        ["SET", "a", "1"],
        ["SET", "b", `${long}b`, "PX", "100"]
      ],
      [["MSET", "c", `${long}c`, "d", "2"]],
      [["GET", "a"]],
      [
        ["APPEND", "e", `${long}e`],
        ["DEL", "a", "b"],
        ["SET", "f", `${long}f`]
      ]
    ]
    const transaction = new Transaction()
    for (const group of groups) {
      const batch = batchOf(group)
      for (let command = 0; command < batch.count; command++) transaction.add(batch, command)
    }
    const read: Array<ReadonlyArray<string>> = []
    const reader = transaction.read()
    const batch = new CommandBatch()
    while (reader.readInto(batch)) {
      for (let command = 0; command < batch.count; command++) read.push(wordsOf(batch, command))
    }
    assert.strictEqual(transaction.count, 7)
    assert.isTrue(transaction.isLong)
    assert.deepStrictEqual(
      read.map((words) => words.filter((word) => word.startsWith("[")).join("")),
      ["[a]", "[b]", "[c][d]", "[a]", "[e]", "[a][b]", "[f]"]
    )
    for (const [at, words] of groups.flat().entries()) {
      const its = read[at]?.slice(0, words.length) ?? []
      assert.isTrue(its.join(" ") === words.join(" "), words.join(" ").slice(0, 20))
    }
  })

  it("keeps a long command where it has come, and counts it once", () => {
    const both = batchOf([
      ["SET", "a", long],
      ["SET", "b", long]
    ])
    const transaction = new Transaction()
    const before = transaction.heldBytes
    for (const command of [0, 1]) transaction.add(both, command)
    assert.isAtLeast(transaction.heldBytes - before, 2 * LONG_COMMAND)
    assert.isBelow(transaction.heldBytes - before, 2 * LONG_COMMAND + 1000)
    const batch = new CommandBatch()
    assert.isTrue(transaction.read().readInto(batch))
    assert.strictEqual(batch.bytes, both.bytes)
    assert.strictEqual(batch.count, 2)
  })

  it("copies a short one", () => {
    const short = batchOf([["SET", "a", "v".repeat(LONG_COMMAND - 2)]])
    const transaction = new Transaction()
    transaction.add(short, 0)
    short.bytes.fill("x")
    const batch = new CommandBatch()
    assert.isTrue(transaction.read().readInto(batch))
    assert.strictEqual(batch.text(0, 1), "v".repeat(LONG_COMMAND - 2))
    assert.isFalse(transaction.isLong)
  })
})
