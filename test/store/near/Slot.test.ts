import { assert, describe, it } from "@effect/vitest"
import { slotOf } from "../../../src/store/near/Slot.ts"

const slotOfText = (key: string): number => {
  const bytes = Buffer.from(`..${key}}`, "latin1")
  return slotOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 2, key.length)
}

// As `CLUSTER KEYSLOT` of Redis 7.0.15 answers; the first is the check value of CRC-16/XMODEM.
const slots: ReadonlyArray<readonly [key: string, slot: number]> = [
  ["123456789", 12_739],
  ["", 0],
  ["foo", 12_182],
  ["{user1000}.following", 3443],
  ["{user1000}.followers", 3443],
  ["foo{}{bar}", 8363],
  ["foo{{bar}}zap", 4015],
  ["foo{bar}{zap}", 5061],
  ["bar", 5061],
  ["{bar", 4015],
  ["foo{bar", 15_278],
  ["foo}{", 8134],
  ["\u00ff\u0000{", 159]
]

describe("the slot of a key", () => {
  for (const [key, slot] of slots) {
    it(`of ${JSON.stringify(key)} is ${slot}`, () => {
      assert.strictEqual(slotOfText(key), slot)
    })
  }
})
