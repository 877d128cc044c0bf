/** DUMP and RESTORE, against bytes that a Redis 7.0 has dumped, and OBJECT and MEMORY USAGE. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Crc64 } from "../../src/commands/Crc64.ts"
import { LARGE_VALUE } from "../../src/commands/LargeValue.ts"
import { Expansion } from "../../src/commands/Lzf.ts"
import { seededRandom } from "../../src/domain/SeededRandom.ts"
import { entryBytes } from "../../src/engine/Engine.ts"
import * as Redis from "./Redis.ts"

const OK = "+OK\r\n"
const NULL = "$-1\r\n"
const SYNTAX = "-ERR syntax error\r\n"
const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n"
const BUSY = "-BUSYKEY Target key name already exists.\r\n"
const NOT_INTACT = "-ERR DUMP payload version or checksum are wrong\r\n"
const BAD = "-ERR Bad data format\r\n"
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const latin1 = (hex: string): string => Buffer.from(hex, "hex").toString("latin1")

/** The bytes of a reply that is a bulk string. */
const content = (reply: string): string => {
  const start = reply.indexOf("\r\n") + 2
  assert.strictEqual(reply.slice(0, start), `$${reply.length - start - 2}\r\n`)
  return reply.slice(start, -2)
}

/** Adds the version and the checksum to what is dumped. */
const sealed = (bytes: Buffer): string => {
  const dump = Buffer.concat([bytes, Buffer.alloc(10)])
  dump.writeUInt16LE(9, bytes.length)
  const sum = new Crc64()
  sum.add(dump, 0, dump.length - 8)
  sum.write(dump, dump.length - 8)
  return dump.toString("latin1")
}

const hundred = Buffer.from(Uint8Array.from({ length: 100 }, (_, i) => (i * 7 + Math.floor(i / 3)) % 251))

/** What Redis 7.0.15 dumps of a value. */
const DUMPS: ReadonlyArray<readonly [value: string, hex: string]> = [
  ["5", "00c0050a00632f5f66832fb351"],
  ["-300", "00c1d4fe0a00c6c48623febede2e"],
  ["100000", "00c2a08601000a00f12403506f2fa674"],
  ["-2147483648", "00c2000000800a00c74f873e33558187"],
  ["hello", "000568656c6c6f0a006372df766534200a"],
  ["123456789012", "000c3132333435363738393031320a00911001b1d116e7ac"],
  [hundred.toString("latin1"), `004064${hundred.toString("hex")}0a00de95c7cdaa1dd119`]
]

/** What it compresses. */
const COMPRESSED: ReadonlyArray<readonly [value: string, hex: string]> = [
  ["abc".repeat(30), "00c30b405a0361626361e04b020162630a00238036f9e2d0c780"],
  [`${"x".repeat(20_000)}end`, `00c340eb8000004e23017878${"e0ff00".repeat(75)}e0bd0002656e640a00c9698567c01680ea`]
]

describe("DUMP and RESTORE", () => {
  for (const [value, hex] of [...DUMPS, ...COMPRESSED]) {
    it(`reads what Redis has dumped: ${hex.slice(0, 12)}`, () => {
      const redis = Redis.make()
      assert.strictEqual(redis.ask("RESTORE", "k", 0, latin1(hex)), OK)
      assert.strictEqual(redis.ask("GET", "k"), bulk(value))
      assert.deepStrictEqual(redis.changed(), ["0:k"])
    })
  }

  for (const [value, hex] of DUMPS) {
    it(`dumps what Redis does, with an older version: ${hex.slice(0, 12)}`, () => {
      const redis = Redis.make()
      redis.ask("SET", "k", value)
      const dump = Buffer.from(content(redis.ask("DUMP", "k")), "latin1").toString("hex")
      // The last ten bytes are the version and the checksum.
      assert.strictEqual(dump.slice(0, -20), hex.slice(0, -20))
      assert.strictEqual(dump.slice(-20, -16), "0900")
    })
  }

  for (const length of [0, 1, 63, 64, 16_383, 16_384, 100_000, 1_000_000]) {
    it(`gives a value of ${length} bytes back`, () => {
      const redis = Redis.make()
      const random = seededRandom(length)
      const value = Buffer.from(Uint8Array.from({ length }, () => random() * 256)).toString("latin1")
      redis.ask("SET", "a", value)
      const dump = content(redis.ask("DUMP", "a"))
      assert.strictEqual(redis.ask("RESTORE", "b", 0, dump), OK)
      assert.strictEqual(redis.ask("GET", "b") === bulk(value), true)
      assert.strictEqual(redis.engine.detachedBytes, 0)
    })
  }

  it("refuses bytes that are changed, cut short, or newer than known", () => {
    const redis = Redis.make()
    const [, hex] = DUMPS[4] ?? ["", ""]
    const dump = Buffer.from(hex, "hex")
    for (let at = 0; at < dump.length; at++) {
      const changed = Buffer.from(dump)
      changed[at] = (changed[at] ?? 0) ^ 4
      assert.strictEqual(redis.ask("RESTORE", "k", 0, changed.toString("latin1")), NOT_INTACT)
      assert.strictEqual(redis.ask("RESTORE", "k", 0, dump.toString("latin1", 0, at)), NOT_INTACT)
    }
    assert.strictEqual(redis.ask("EXISTS", "k"), ":0\r\n")
  })

  it("refuses what is intact and no string", () => {
    const redis = Redis.make()
    // Each with the version and the checksum that Redis would add.
    for (const [, hex] of [...DUMPS, ...COMPRESSED]) {
      const dump = Buffer.from(hex, "hex")
      for (let end = 0; end < Math.min(dump.length - 10, 40); end++) {
        const reply = redis.ask("RESTORE", "k", 0, sealed(dump.subarray(0, end)))
        assert.strictEqual(reply, BAD, `${hex.slice(0, 20)} cut at ${end}`)
      }
    }
    for (const hex of [
      "01010161",
      "00c4",
      "00c3016161",
      "00c304ff61616161",
      "0081ffffffffffffffff61",
      "00c30280ffffffff0061"
    ]) {
      assert.strictEqual(redis.ask("RESTORE", "k", 0, sealed(Buffer.from(hex, "hex"))), BAD, hex)
    }
    assert.strictEqual(redis.ask("RESTORE", "k", 0, sealed(Buffer.from("00016162", "hex"))), OK)
    assert.strictEqual(redis.ask("GET", "k"), bulk("a"))
  })

  it("takes its options as Redis does, in its order", () => {
    const redis = Redis.make({ epoch: 1_700_000_000_000 })
    const dump = latin1(DUMPS[4]?.[1] ?? "")
    const restore = (ttl: string | number, ...options: ReadonlyArray<string | number>): string =>
      redis.ask("RESTORE", "k", ttl, dump, ...options)
    redis.now = 100
    assert.strictEqual(redis.ask("DUMP", "k"), NULL)
    assert.strictEqual(restore(500), OK)
    assert.strictEqual(redis.ask("PTTL", "k"), ":500\r\n")
    assert.strictEqual(restore(500), BUSY)
    assert.strictEqual(redis.ask("RESTORE", "k", "x", "nonsense"), BUSY)
    assert.strictEqual(restore(0, "REPLACE"), OK)
    assert.strictEqual(redis.ask("PTTL", "k"), ":-1\r\n")
    assert.strictEqual(restore(1_700_000_000_300, "absttl", "replace"), OK)
    assert.strictEqual(redis.ask("PTTL", "k"), ":200\r\n")
    redis.changed()
    assert.strictEqual(restore(1_700_000_000_100, "ABSTTL", "REPLACE"), OK)
    assert.strictEqual(redis.ask("EXISTS", "k"), ":0\r\n")
    assert.deepStrictEqual(redis.changed(), ["0:k"])
    assert.strictEqual(restore(1, "ABSTTL"), OK)
    assert.strictEqual(redis.ask("EXISTS", "k"), ":0\r\n")
    assert.deepStrictEqual(redis.changed(), [])
    assert.strictEqual(restore("-1"), "-ERR Invalid TTL value, must be >= 0\r\n")
    assert.strictEqual(restore("1.5"), NOT_AN_INTEGER)
    assert.strictEqual(restore(0, "FOO"), SYNTAX)
    assert.strictEqual(restore(0, "IDLETIME"), SYNTAX)
    assert.strictEqual(restore(0, "IDLETIME", "x"), NOT_AN_INTEGER)
    assert.strictEqual(restore(0, "IDLETIME", -1), "-ERR Invalid IDLETIME value, must be >= 0\r\n")
    assert.strictEqual(restore(0, "FREQ", 256), "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n")
    assert.strictEqual(restore(0, "FREQ", -1), "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n")
    assert.strictEqual(restore(0, "FREQ", 1, "IDLETIME", 1), SYNTAX)
    assert.strictEqual(restore("9223372036854775807", "IDLETIME", 1, "IDLETIME", 2), OK)
    assert.strictEqual(redis.ask("EXISTS", "k"), ":1\r\n")
  })
})

describe("RESTORE of a long value", () => {
  const LENGTH = 3 * LARGE_VALUE + 5
  const header = Buffer.alloc(6, Buffer.from("0080", "hex"))
  header.writeUInt32BE(LENGTH, 2)
  const value = Buffer.alloc(LENGTH, hundred)
  const dump = sealed(Buffer.concat([header, value]))
  // A zero byte, and then 264 of the same as often as that.
  const runs = Math.floor(LENGTH / 264)
  const lzf = Buffer.concat([Buffer.from("0000", "hex"), Buffer.alloc(3 * runs, Buffer.from("e0ff00", "hex"))])
  const compressed = (bytes: Buffer, length: number): string => {
    const lengths = Buffer.alloc(12, Buffer.from("00c380", "hex"))
    lengths.writeUInt32BE(bytes.length, 3)
    lengths.writeUInt8(0x80, 7)
    lengths.writeUInt32BE(length, 8)
    return sealed(Buffer.concat([lengths, bytes]))
  }

  it.effect("is done in slices, with a time to live that begins at the last one", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      const reply = yield* Effect.forkChild(redis.later("RESTORE", "k", 1000, dump))
      while (redis.engine.detachedBytes === 0 && reply.pollUnsafe() === undefined) yield* Effect.yieldNow
      assert.isUndefined(reply.pollUnsafe(), "not in slices")
      redis.now = 10
      assert.strictEqual(yield* Fiber.join(reply), OK)
      assert.strictEqual(redis.line("PTTL k"), ":1000\r\n")
      assert.isTrue(redis.line("GET k") === bulk(value.toString("latin1")))
      assert.strictEqual(yield* redis.later("RESTORE", "k", 0, dump), BUSY)
      assert.isTrue(content(redis.line("DUMP k")) === dump)
      assert.strictEqual(redis.engine.detachedBytes, 0)
    })
  )

  it.effect("of a key that another client has stored meanwhile is refused", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      const reply = yield* Effect.forkChild(redis.later("RESTORE", "k", 0, dump))
      while (redis.engine.detachedBytes === 0 && reply.pollUnsafe() === undefined) yield* Effect.yieldNow
      redis.line("SET k v")
      assert.strictEqual(yield* Fiber.join(reply), BUSY)
      assert.strictEqual(redis.line("GET k"), bulk("v"))
      assert.strictEqual(redis.engine.detachedBytes, 0)
    })
  )

  it.effect("that is compressed is expanded in slices", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      const length = 264 * runs + 1
      assert.throws(() => redis.ask("RESTORE", "k", 0, compressed(lzf, length)), /in slices/)
      assert.strictEqual(yield* redis.later("RESTORE", "k", 0, compressed(lzf, length)), OK)
      assert.isTrue(redis.line("GET k") === bulk("\0".repeat(length)))
      assert.strictEqual(yield* redis.later("RESTORE", "other", 0, compressed(lzf, length + 1)), BAD)
      assert.strictEqual(yield* redis.later("RESTORE", "other", 0, compressed(lzf, length - 1)), BAD)
      assert.strictEqual(redis.line("EXISTS other"), ":0\r\n")
    })
  )

  it.effect("that is not intact is refused", () =>
    Effect.gen(function* () {
      const redis = Redis.make()
      const wrong = `${dump.slice(0, LARGE_VALUE)}x${dump.slice(LARGE_VALUE + 1)}`
      assert.strictEqual(yield* redis.later("RESTORE", "k", 0, wrong), NOT_INTACT)
      const short = Buffer.concat([header, value.subarray(1)])
      assert.strictEqual(yield* redis.later("RESTORE", "k", 0, sealed(short)), BAD)
      assert.strictEqual(redis.line("EXISTS k"), ":0\r\n")
      assert.strictEqual(redis.engine.detachedBytes, 0)
    })
  )
})

describe("Lzf", () => {
  /** What the bytes stand for, in steps. */
  const expand = (bytes: Buffer, length: number, step: number): Buffer | undefined => {
    const expansion = new Expansion(bytes, 0, bytes.length, length)
    while (expansion.next(step));
    return expansion.isComplete ? expansion.into : undefined
  }

  it("never reads or writes beyond what it was given, whatever the bytes", () => {
    const random = seededRandom(7)
    let expanded = 0
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(
        Uint8Array.from({ length: 1 + random() * 12 }, () => random() * (random() < 0.7 ? 5 : 256))
      )
      for (let length = 0; length < 20; length++) {
        const whole = expand(bytes, length, length + 1)
        assert.deepStrictEqual(expand(bytes, length, 1), whole)
        if (whole === undefined) continue
        assert.strictEqual(whole.length, length)
        expanded++
      }
    }
    assert.isAbove(expanded, 20)
  })
})

describe("OBJECT and MEMORY USAGE", () => {
  it("ENCODING is how Redis would keep the value", () => {
    const redis = Redis.make()
    for (const [value, encoding] of [
      ["1", "int"],
      ["-9223372036854775808", "int"],
      ["9223372036854775808", "embstr"],
      ["01", "embstr"],
      ["", "embstr"],
      ["x".repeat(44), "embstr"],
      ["x".repeat(45), "raw"],
      ["x".repeat(100_000), "raw"]
    ] as const) {
      redis.ask("SET", "k", value)
      assert.strictEqual(redis.ask("OBJECT", "encoding", "k"), bulk(encoding), value.slice(0, 30))
    }
  })

  it("tells what is kept, and what is not", () => {
    const redis = Redis.make()
    redis.ask("SET", "k", "v")
    assert.strictEqual(redis.line("OBJECT REFCOUNT k"), ":1\r\n")
    assert.match(redis.line("OBJECT FREQ k"), /^-ERR An LFU maxmemory policy is not selected, .* adjust\.\r\n$/)
    redis.now = 4990
    assert.strictEqual(redis.line("OBJECT IDLETIME k"), ":4\r\n")
    redis.line("GET k")
    assert.strictEqual(redis.line("OBJECT IDLETIME k"), ":0\r\n")
    for (const name of ["ENCODING", "REFCOUNT", "FREQ", "IDLETIME"]) {
      assert.strictEqual(redis.ask("OBJECT", name, "none"), NULL)
    }
    assert.isTrue(redis.line("OBJECT HELP").startsWith("*15\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]."))
  })

  it("MEMORY USAGE is what the engine counts", () => {
    const redis = Redis.make()
    redis.ask("SET", "key", "v".repeat(1000))
    assert.strictEqual(redis.line("MEMORY USAGE key"), `:${redis.engine.usedBytes}\r\n`)
    redis.ask("SET", "key", "v", "EX", 10)
    assert.strictEqual(redis.line("MEMORY USAGE key SAMPLES 5"), `:${redis.engine.usedBytes}\r\n`)
    assert.strictEqual(redis.engine.usedBytes, entryBytes(3, 1, true))
    assert.strictEqual(redis.line("MEMORY USAGE none"), NULL)
    assert.strictEqual(redis.line("MEMORY USAGE key SAMPLES"), SYNTAX)
    assert.strictEqual(redis.line("MEMORY USAGE key SAMPLES x"), NOT_AN_INTEGER)
    assert.strictEqual(redis.line("MEMORY USAGE key SAMPLES -1"), SYNTAX)
    assert.strictEqual(redis.line("MEMORY USAGE key FOO 1"), SYNTAX)
  })
})
