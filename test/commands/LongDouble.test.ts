/** Sums of floating-point numbers, as Redis 7.0.15 has given them on x86. */
import { assert, describe, it } from "@effect/vitest"
import * as LongDouble from "../../src/commands/LongDouble.ts"
import * as Redis from "./Redis.ts"

const sums: ReadonlyArray<readonly [value: string, increment: string, reply: string]> = [
  ["0.1", "0.2", "$3\r\n0.3\r\n"],
  ["10.50", "0.1", "$4\r\n10.6\r\n"],
  ["5.0e3", "2.0e2", "$4\r\n5200\r\n"],
  ["0", "1.23456789012345678901", "$19\r\n1.23456789012345679\r\n"],
  ["3", "-3", "$1\r\n0\r\n"],
  ["-1", "0.99999999999999999", "$20\r\n-0.00000000000000001\r\n"],
  ["1e17", "1", "$18\r\n100000000000000001\r\n"],
  ["9007199254740993", "0.5", "$18\r\n9007199254740993.5\r\n"],
  ["1", "5e-324", "$1\r\n1\r\n"],
  ["1", "1e-17", "$19\r\n1.00000000000000001\r\n"],
  ["1", "4.4e-18", "$1\r\n1\r\n"],
  ["1", "1e-4940", "$1\r\n1\r\n"],
  ["0", "1e-18", "$1\r\n0\r\n"],
  ["0", "-1e-18", "$1\r\n0\r\n"],
  ["0x1p4", "0x.8", "$4\r\n16.5\r\n"],
  ["0x1.fp-2", "1", "$8\r\n1.484375\r\n"],
  ["inf", "1", "-ERR increment would produce NaN or Infinity\r\n"],
  ["1", "-infinity", "-ERR increment would produce NaN or Infinity\r\n"],
  ["nan", "1", "-ERR value is not a valid float\r\n"],
  ["1", "nan", "-ERR value is not a valid float\r\n"],
  ["", "1", "-ERR value is not a valid float\r\n"],
  ["1e", "1", "-ERR value is not a valid float\r\n"],
  ["1", "--1", "-ERR value is not a valid float\r\n"],
  ["1", "+1", "$1\r\n2\r\n"],
  ["1", ".5", "$3\r\n1.5\r\n"],
  ["1", "5.", "$1\r\n6\r\n"],
  ["1", ".", "-ERR value is not a valid float\r\n"],
  ["1", "0x", "-ERR value is not a valid float\r\n"],
  ["1", "1e99999", "-ERR value is not a valid float\r\n"],
  ["1", "1e-99999", "-ERR value is not a valid float\r\n"],
  ["0e99999999999", "1", "$1\r\n1\r\n"],
  ["-0", "-0", "$1\r\n0\r\n"],
  ["1.189731495357231765e4932", "1.189731495357231765e4932", "-ERR increment would produce NaN or Infinity\r\n"],
  ["18446744073709551615", "1", "$20\r\n18446744073709551616\r\n"],
  ["18446744073709551617", "0", "$20\r\n18446744073709551616\r\n"],
  ["36893488147419103233", "0", "$20\r\n36893488147419103232\r\n"],
  ["0.30000000000000004", "0.1", "$19\r\n0.40000000000000004\r\n"],
  ["123456789.987654321", "1e-9", "$27\r\n123456789.98765432199434144\r\n"]
]

describe("LongDouble", () => {
  for (const [value, increment, reply] of sums) {
    it(`"${value}" + "${increment}"`, () => {
      const redis = Redis.make()
      redis.ask("SET", "k", value)
      assert.strictEqual(redis.ask("INCRBYFLOAT", "k", increment), reply)
      assert.strictEqual(redis.ask("GET", "k"), reply.startsWith("-") ? `$${value.length}\r\n${value}\r\n` : reply)
    })
  }

  it("a sum begins at 0, keeps a deadline, and reads no more than a number can have", () => {
    const redis = Redis.make()
    assert.strictEqual(redis.line("INCRBYFLOAT k 1.50"), "$3\r\n1.5\r\n")
    redis.line("GETEX k PX 100")
    redis.line("INCRBYFLOAT k 1")
    redis.now = 100
    assert.strictEqual(redis.line("GET k"), "$-1\r\n")
    redis.ask("SET", "k", "0".repeat(6000))
    assert.strictEqual(redis.line("INCRBYFLOAT k 1"), "-ERR value is not a valid float\r\n")
  })

  it("whole numbers of 64 bits are exact, and so is what is read back of them", () => {
    for (const number of ["18446744073709551615", "-18446744073709551613", "9223372036854775809"]) {
      const parsed = LongDouble.parse(number)
      assert.isTrue(parsed !== undefined && parsed !== "infinite")
      if (parsed !== undefined && parsed !== "infinite") assert.strictEqual(LongDouble.format(parsed), number)
    }
  })
})
