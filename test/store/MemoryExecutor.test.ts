/** What the executor over this process's memory says of itself. What it executes is tested with the commands. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ValuesAhead } from "../../src/commands/LargeValue.ts"
import { CommandBatch } from "../../src/domain/CommandBatch.ts"
import { STORED } from "../../src/engine/Engine.ts"
import { EVICTED } from "../../src/engine/Limits.ts"
import { NEVER } from "../../src/engine/Wheel.ts"
import { RespReplyWriter } from "../../src/protocol/resp/RespReplyWriter.ts"
import { RespRequestDecoder } from "../../src/protocol/resp/RespRequestDecoder.ts"
import { Transaction } from "../../src/server/Transaction.ts"
import { Transactions } from "../../src/server/Transactions.ts"
import { MemoryExecutor } from "../../src/store/Executor.ts"
import * as MemoryEngine from "../../src/store/MemoryEngine.ts"

const MB = 2 ** 20

/** A batch of one command, which stores a value of so many bytes. */
const setOf = (length: number): CommandBatch => {
  const bytes = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${length}\r\n${"v".repeat(length)}\r\n`, "latin1")
  const commands = new CommandBatch()
  commands.begin(bytes)
  assert.strictEqual(new RespRequestDecoder().decode(commands, 0, bytes.length), bytes.length)
  return commands
}

describe("MemoryExecutor", () => {
  it.effect("never says that entries take more than is held, even if the index is as dense as it can be", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryEngine.make({ maxKeys: 1_000_000 })
      const { engine } = memory
      const executor = new MemoryExecutor(memory)
      const key = new DataView(new ArrayBuffer(4))
      let exceeded = 0
      for (let i = 0; i < 390_000; i++) {
        key.setInt32(0, i)
        const outcome = engine.set(key, 0, 4, engine.hashOf(key, 0, 4), 0, key, 0, 0, NEVER, 0)
        if (outcome !== STORED) assert.fail("there was no memory")
        if (i % 1000 !== 0) continue
        const { bytes, held } = executor.stats()
        if (engine.usedBytes > engine.heldBytes) exceeded++
        if (bytes > held) assert.fail(`${bytes} of ${held} bytes are used at ${i} keys`)
      }
      assert.isAbove(exceeded, 0)
    })
  )

  it.effect("makes room for a long value in slices, too", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryEngine.make({ maxKeys: 1_000_000, maxMemory: 16 * MB })
      const { engine } = memory
      const key = new DataView(new ArrayBuffer(16))
      const value = new DataView(new ArrayBuffer(64))
      for (let i = 0; engine.removed(EVICTED) === 0; i++) {
        key.setInt32(0, i)
        const outcome = engine.set(key, 0, 16, engine.hashOf(key, 0, 16), 0, value, 0, 64, NEVER, 0)
        if (outcome !== STORED) assert.fail("there was no memory")
      }
      // The time is asked for at the beginning of each slice.
      let before = engine.size
      let most = 0
      const now = (): number => {
        most = Math.max(most, before - engine.size)
        before = engine.size
        return 0
      }
      const executor = new MemoryExecutor({ ...memory, now })
      const commands = setOf(8 * MB)
      executor.prepare(commands)
      const replies = new RespReplyWriter(2)
      yield* executor.execute(commands, 0, 1, 0, { database: 0 }, replies) ?? Effect.void
      assert.strictEqual(replies.take().toString("latin1"), "+OK\r\n")
      assert.isAbove(engine.removed(EVICTED), 50_000)
      assert.isBelow(most, 1500)
    })
  )

  it.effect("stores what was written ahead, without another look at its bytes, and gives back what nobody stores", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryEngine.make({ maxKeys: 1000 })
      const { engine } = memory
      const executor = new MemoryExecutor(memory)
      const transaction = new Transaction()
      const commands = setOf(8 * MB)
      transaction.add(commands, 0)
      transaction.add(setOf(2 * MB), 0)
      const ahead = new ValuesAhead()
      const transactions = new Transactions(executor, () => 0)
      const pending = transactions.writeAhead(transaction, 0, ahead)
      if (pending === undefined) return assert.fail("nothing is written ahead")
      yield* pending
      assert.isAtLeast(engine.detachedBytes, 10 * MB)
      assert.strictEqual(engine.size, 0)
      const end = commands.argStart(0, 1) + 8 * MB
      commands.bytes.fill("x", commands.argStart(0, 1), end)
      const replies = new RespReplyWriter(2)
      executor.prepare(commands)
      assert.isUndefined(executor.execute(commands, 0, 1, 0, { database: 0, isAtomic: true, ahead }, replies))
      assert.strictEqual(replies.take().toString("latin1"), "+OK\r\n")
      assert.isBelow(engine.detachedBytes, 3 * MB)
      const value = Buffer.alloc(8 * MB)
      const key = { start: commands.keyStart(0), length: commands.keyLength(0), hash: commands.hash(0) }
      engine.copyValue(engine.find(commands.view, key.start, key.length, key.hash, 0, 0), 0, 8 * MB, value, 0)
      assert.isTrue(value.equals(Buffer.alloc(8 * MB, "v")))
      ahead.abandon()
      assert.strictEqual(engine.detachedBytes, 0)
    })
  )

  it.effect("writes nothing ahead that would not leave as much room as it takes", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryEngine.make({ maxKeys: 1000, maxMemory: 24 * MB })
      const executor = new MemoryExecutor(memory)
      const transaction = new Transaction()
      for (const length of [8, 2, 1]) transaction.add(setOf(length * MB), 0)
      const ahead = new ValuesAhead()
      yield* new Transactions(executor, () => 0).writeAhead(transaction, 0, ahead) ?? Effect.void
      assert.isBelow(memory.engine.detachedBytes, 9 * MB)
      ahead.abandon()
      assert.strictEqual(memory.engine.usedBytes, 0)
    })
  )

  for (const isAtomic of [false, true]) {
    it.effect(
      `gives back a long value that could not be stored to its end${isAtomic ? ", of a transaction, too" : ""}`,
      () =>
        Effect.gen(function* () {
          const memory = yield* MemoryEngine.make({ maxKeys: 1000 })
          const { engine } = memory
          const executor = new MemoryExecutor(memory)
          const value = "v".repeat(2 * 2 ** 20)
          const bytes = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value}\r\n`, "latin1")
          const commands = new CommandBatch()
          commands.begin(bytes)
          assert.strictEqual(new RespRequestDecoder().decode(commands, 0, bytes.length), bytes.length)
          executor.prepare(commands)
          const replies = new RespReplyWriter(2)
          const execute = Effect.suspend(
            () => executor.execute(commands, 0, 1, 0, { database: 0, isAtomic }, replies) ?? Effect.void
          )
          let slices = 0
          const write = engine.writeLarge.bind(engine)
          const written = vi.spyOn(engine, "writeLarge")
          written.mockImplementation((...args) => {
            if (++slices > 3) throw new Error("as if it were a defect")
            return write(...args)
          })
          const exit = yield* Effect.exit(execute)
          assert.isTrue(Exit.isFailure(exit))
          assert.strictEqual(slices, 4)
          assert.strictEqual(engine.detachedBytes, 0)
          assert.strictEqual(engine.usedBytes, 0)
          // All goes on as if it had not been asked for.
          written.mockRestore()
          replies.rewind()
          yield* execute
          assert.strictEqual(replies.take().toString("latin1"), "+OK\r\n")
          assert.strictEqual(engine.size, 1)
          assert.strictEqual(engine.detachedBytes, 0)
        })
    )
  }
})
