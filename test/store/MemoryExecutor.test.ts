/** What the executor over this process's memory says of itself. What it executes is tested with the commands. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { STORED } from "../../src/engine/Engine.ts"
import { NEVER } from "../../src/engine/Wheel.ts"
import { MemoryExecutor } from "../../src/store/Executor.ts"
import * as MemoryEngine from "../../src/store/MemoryEngine.ts"

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
})
