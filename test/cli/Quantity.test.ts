import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Quantity from "../../src/cli/Quantity.ts"

const decimal = (text: string) => Option.getOrUndefined(Quantity.decimal(0, 2e6)(text))
const whole = (text: string) => Option.getOrUndefined(Quantity.whole(1, 2e6)(text))

describe("a number", () => {
  it("may be followed by a unit for thousands, millions or per cent", () => {
    const texts = ["10k", "1m", "1M", "1.1k", "50%", "0.1%", "100%", ".5", "7"]
    assert.deepStrictEqual(texts.map(decimal), [10_000, 1e6, 1e6, 1100, 0.5, 0.001, 1, 0.5, 7])
  })

  it("must be nothing else, and within its bounds", () => {
    for (const text of ["", "k", "1 k", "-1", "1e3", "1kk", "10g", "0x10", "3m", "Infinity"]) {
      assert.isUndefined(decimal(text), text)
    }
  })

  it("may become whole by its unit", () => {
    assert.deepStrictEqual(["1.5k", "2m", "12", "100%"].map(whole), [1500, 2_000_000, 12, 1])
    for (const text of ["1.5", "0.0001k", "50%", "0", "3m", "1.0"]) assert.isUndefined(whole(text), text)
  })
})
