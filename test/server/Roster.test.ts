import { assert, describe, it } from "@effect/vitest"
import { Roster } from "../../src/server/Roster.ts"

describe("Roster", () => {
  it("knows who is there, in the order in which they came, however many have come and gone", () => {
    const roster = new Roster<number, string>()
    const oracle = new Map<number, string>()
    for (let number = 0; number < 10_000; number++) {
      roster.set(number, `member ${number}`)
      oracle.set(number, `member ${number}`)
      // Between none and a few hundred are there.
      for (let gone = number - 300; gone <= number; gone++) {
        if ((gone * 7 + number) % 50 !== 0) continue
        assert.strictEqual(roster.delete(gone), oracle.delete(gone))
      }
      if (number % 2000 === 0) {
        for (const key of oracle.keys()) roster.delete(key)
        oracle.clear()
      }
      assert.strictEqual(roster.size, oracle.size)
      assert.strictEqual(roster.get(number), oracle.get(number))
    }
    assert.deepStrictEqual([...roster.values()], [...oracle.values()])
  })

  it("replaces a member without moving it", () => {
    const roster = new Roster<string, number>()
    for (let number = 0; number < 1000; number++) {
      roster.set("first", number)
      roster.set("second", number)
    }
    assert.deepStrictEqual([...roster.values()], [999, 999])
    assert.strictEqual(roster.size, 2)
  })
})
