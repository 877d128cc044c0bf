/** BITFIELD: numbers of some bits in a value. */
import { describe } from "@effect/vitest"
import * as Steps from "./Steps.ts"

const cases: Readonly<Record<string, Steps.Steps>> = {
  "reads what is not there as zero": [
    ["BITFIELD k", "*0\r\n"],
    ["BITFIELD k GET u8 0 GET i64 100", "*2\r\n:0\r\n:0\r\n"],
    ["GET k", "$-1\r\n"],
    ["BITFIELD_RO k GET u8 #1", "*1\r\n:0\r\n"]
  ],
  "sets and adds": [
    ["BITFIELD k SET u8 0 255 GET u4 0 GET i4 4", "*3\r\n:0\r\n:15\r\n:-1\r\n"],
    ["BITFIELD k SET i5 #1 -3 GET u5 #1 INCRBY i5 #1 4", "*3\r\n:-4\r\n:29\r\n:1\r\n"],
    ["GET k", "$2\r\n\xf8@\r\n"],
    ["BITFIELD k SET u63 1 9223372036854775807 INCRBY u63 1 1", "*2\r\n:8664925683060834304\r\n:0\r\n"],
    [
      "BITFIELD k SET i64 3 -9223372036854775808 GET i64 3 INCRBY i64 3 -1",
      "*3\r\n:0\r\n:-9223372036854775808\r\n:9223372036854775807\r\n"
    ],
    ["BITFIELD k SET u8 0 -1 GET u8 0", "*2\r\n:143\r\n:255\r\n"],
    ["BITFIELD k SET i8 0 200 GET i8 0", "*2\r\n:-1\r\n:-56\r\n"]
  ],
  "what does not fit": [
    ["BITFIELD k SET u2 100 3 OVERFLOW SAT INCRBY u2 100 5 INCRBY u2 100 -10", "*3\r\n:0\r\n:3\r\n:0\r\n"],
    [
      "BITFIELD k OVERFLOW FAIL SET u2 100 4 INCRBY u2 100 5 OVERFLOW WRAP INCRBY u2 100 5",
      "*3\r\n$-1\r\n$-1\r\n:1\r\n"
    ],
    [
      "BITFIELD k OVERFLOW SAT SET i8 0 1000 GET i8 0 SET i8 0 -1000 GET i8 0 INCRBY i8 0 -9223372036854775808",
      "*5\r\n:0\r\n:127\r\n:127\r\n:-128\r\n:-128\r\n"
    ],
    ["BITFIELD k OVERFLOW SAT SET i8 69 -9223372036854775808 GET i8 69", "*2\r\n:0\r\n:127\r\n"],
    ["BITFIELD k OVERFLOW SAT SET u8 0 -5 GET u8 0", "*2\r\n:128\r\n:255\r\n"],
    ["BITFIELD n OVERFLOW FAIL INCRBY u1 15 2", "*1\r\n$-1\r\n"],
    ["STRLEN n", ":2\r\n"]
  ],
  errors: [
    ["BITFIELD k GET", "-ERR syntax error\r\n"],
    ["BITFIELD k GET u8", "-ERR syntax error\r\n"],
    ["BITFIELD k FOO u8 1", "-ERR syntax error\r\n"],
    [
      "BITFIELD k GET u64 0",
      "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n"
    ],
    [
      "BITFIELD k GET i65 0",
      "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n"
    ],
    [
      "BITFIELD k GET i0 0",
      "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n"
    ],
    [
      "BITFIELD k GET x 0",
      "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n"
    ],
    ["BITFIELD k GET u8 -1", "-ERR bit offset is not an integer or out of range\r\n"],
    ["BITFIELD k GET u8 #-1", "-ERR bit offset is not an integer or out of range\r\n"],
    ["BITFIELD k GET u8 4294967296", "-ERR bit offset is not an integer or out of range\r\n"],
    ["BITFIELD k SET u8 0 x", "-ERR value is not an integer or out of range\r\n"],
    ["BITFIELD k SET u8 0", "-ERR syntax error\r\n"],
    ["BITFIELD k OVERFLOW X", "-ERR Invalid OVERFLOW type specified\r\n"],
    ["BITFIELD k OVERFLOW", "-ERR syntax error\r\n"],
    ["BITFIELD_RO k SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand\r\n"],
    [
      "BITFIELD_RO k INCRBY x 0 1",
      "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n"
    ],
    ["BITFIELD k GET u8 # SET u8 0 1", "-ERR bit offset is not an integer or out of range\r\n"],
    ["EXISTS k", ":0\r\n"]
  ]
}

describe("BitFields", () => {
  Steps.each(cases)
})
