import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { array } from "../protocol/resp/Requests.ts"
import { Blocks, CHUNK_BYTES, LARGEST_BLOCK, SMALLEST_BLOCK } from "../../src/server/Blocks.ts"
import { seededRandom } from "../../src/domain/SeededRandom.ts"
import * as TestServer from "./TestServer.ts"

const KB = 1024

describe("Blocks", () => {
  it("have room, in chunks of a size that the system takes back", () => {
    const blocks = new Blocks()
    for (let bytes = SMALLEST_BLOCK; bytes <= LARGEST_BLOCK; bytes *= 2) {
      for (const length of [bytes / 2 + 1, bytes - 1, bytes]) {
        const memory = blocks.take(length)
        assert.strictEqual(memory.length, bytes)
        assert.strictEqual(memory.buffer.byteLength, CHUNK_BYTES)
      }
    }
    assert.strictEqual(blocks.take(LARGEST_BLOCK + 1).length, CHUNK_BYTES)
    assert.strictEqual(blocks.take(CHUNK_BYTES + 1).length, CHUNK_BYTES + 1)
  })

  it("are no part of a chunk where they are little, so that half a line keeps none", () => {
    const blocks = new Blocks()
    for (const length of [0, 1, 100, SMALLEST_BLOCK / 2]) {
      const memory = blocks.take(length)
      assert.strictEqual(memory.length, length)
      assert.strictEqual(memory.buffer.byteLength, length)
      blocks.give(memory)
    }
    assert.strictEqual(blocks.chunkCount, 0)
  })

  it("never overlap, and are used again, whatever is taken and given", () => {
    const blocks = new Blocks()
    const random = seededRandom(12)
    const taken: Array<{ readonly memory: Buffer; readonly mark: number }> = []
    const check = ({ mark, memory }: { readonly memory: Buffer; readonly mark: number }): void => {
      assert.strictEqual(memory.readDoubleLE(0), mark)
      assert.strictEqual(memory.readDoubleLE(memory.length - 8), mark)
    }
    for (let step = 0; step < 20_000; step++) {
      if (random() < (step < 10_000 ? 0.6 : 0.4)) {
        const memory = blocks.take(SMALLEST_BLOCK / 2 + 1 + Math.floor(2 ** (random() * 20)))
        memory.writeDoubleLE(step, 0)
        memory.writeDoubleLE(step, memory.length - 8)
        taken.push({ memory, mark: step })
      } else {
        const [given] = taken.splice(Math.floor(random() * taken.length), 1)
        if (given === undefined) continue
        check(given)
        blocks.give(given.memory)
      }
    }
    for (const each of taken) {
      check(each)
      blocks.give(each.memory)
    }
    blocks.trim()
    assert.strictEqual(blocks.chunkCount, 0)
  })

  it("are whole again where all of their parts were given", () => {
    const blocks = new Blocks()
    const parts = Array.from({ length: CHUNK_BYTES / SMALLEST_BLOCK }, () => blocks.take(SMALLEST_BLOCK))
    assert.strictEqual(blocks.chunkCount, 1)
    const [one] = parts
    for (const memory of parts) if (memory !== one) blocks.give(memory)
    for (let i = 0; i < 3; i++) blocks.take(LARGEST_BLOCK)
    assert.strictEqual(blocks.chunkCount, 1)
    blocks.take(LARGEST_BLOCK)
    assert.strictEqual(blocks.chunkCount, 2)
  })

  it("keep one chunk that is not in use, until they are trimmed", () => {
    const blocks = new Blocks()
    const all = Array.from({ length: 6000 }, () => blocks.take(38 * KB))
    assert.strictEqual(blocks.chunkCount, Math.ceil((6000 * 64 * KB) / CHUNK_BYTES))
    for (const memory of all) blocks.give(memory)
    assert.strictEqual(blocks.chunkCount, 1)
    const again = blocks.take(38 * KB)
    blocks.trim()
    assert.strictEqual(blocks.chunkCount, 1)
    blocks.give(again)
    blocks.trim()
    assert.strictEqual(blocks.chunkCount, 0)
  })

  it("that were dropped are given once, by whoever knows that nobody reads them", () => {
    const blocks = new Blocks()
    const memory = blocks.take(LARGEST_BLOCK)
    blocks.drop(memory)
    blocks.trim()
    assert.strictEqual(blocks.chunkCount, 1)
    blocks.giveDropped(memory)
    const other = blocks.take(LARGEST_BLOCK)
    blocks.giveDropped(memory)
    assert.notStrictEqual(blocks.take(LARGEST_BLOCK).byteOffset, other.byteOffset)
  })

  it("that are shared are not used again by whoever gives them, or gives them dropped", () => {
    const blocks = new Blocks()
    const given = blocks.take(LARGEST_BLOCK)
    const dropped = blocks.take(LARGEST_BLOCK)
    for (const memory of [given, dropped]) blocks.share(memory)
    blocks.give(given)
    blocks.drop(dropped)
    blocks.giveDropped(dropped)
    const places = Array.from({ length: 2 }, () => blocks.take(LARGEST_BLOCK).byteOffset)
    assert.strictEqual(blocks.chunkCount, 1)
    assert.strictEqual(new Set([given.byteOffset, dropped.byteOffset, ...places]).size, 4)
  })

  it.live("clients that share it have their own bytes", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const store = Effect.fnUntraced(function* (client: number) {
        const connection = yield* server.connect()
        for (let round = 0; round < 20; round++) {
          const length = [9000, 20_000, 140_000, 300_000][(client + round) % 4] ?? 0
          const value = `${client} ${round} `.repeat(length).slice(0, length)
          // In pieces, so that they wait in memory of their own.
          const request = array("SET", `key ${client}`, value) + array("GET", `key ${client}`)
          for (let at = 0; at < request.length; at += 70_000) {
            yield* connection.sendFlushed(request.slice(at, at + 70_000))
          }
          const reply = `+OK\r\n$${length}\r\n${value}\r\n`
          assert.isTrue(
            (yield* connection.bytes(reply.length)).equals(Buffer.from(reply, "latin1")),
            `${client} ${round}`
          )
        }
      })
      yield* Effect.forEach([0, 1, 2, 3, 4, 5], store, { concurrency: "unbounded", discard: true })
    })
  )
})
