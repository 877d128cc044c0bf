import { assert, describe, it } from "@effect/vitest"
import { FixedReply, type ReplySink } from "../../../src/domain/Reply.ts"
import type { ValueReader } from "../../../src/domain/ValueReader.ts"
import { copyToWords, wordsOf } from "../../../src/engine/Words.ts"
import { formatDouble } from "../../../src/protocol/resp/Double.ts"
import { takeStream } from "../../../src/server/ReplyStream.ts"
import { RespReplyWriter } from "../../../src/protocol/resp/RespReplyWriter.ts"

const written = (version: 2 | 3, write: (sink: ReplySink) => void): string => {
  const writer = new RespReplyWriter(version)
  writer.begin()
  write(writer)
  return writer.take().toString("latin1")
}

const inWords = (value: Buffer): Int32Array => {
  const words = new Int32Array(wordsOf(value.length) + 2)
  copyToWords(words, 1, new DataView(value.buffer, value.byteOffset, value.length), 0, value.length)
  return words
}

/** A reader that gives at most `slice` bytes at a time. */
const readerOf = (value: Buffer, slice: number, onClose: () => void = () => {}): ValueReader => {
  let at = 0
  return {
    get remaining() {
      return value.length - at
    },
    read: (into, to, most) => {
      const count = Math.min(slice, most, value.length - at)
      into.set(value.subarray(at, at + count), to)
      at += count
      return count
    },
    close: onClose
  }
}

const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => (at * 7 + length) & 255))

type Write = (sink: ReplySink) => void

/** A reply, and its bytes in both versions; the same if there is one. */
const replies: ReadonlyArray<readonly [string, Write, string, string?]> = [
  ["a status", (sink) => sink.simple("OK"), "+OK\r\n"],
  ["an error", (sink) => sink.error("WRONGTYPE", "no"), "-WRONGTYPE no\r\n"],
  ["an error of several lines", (sink) => sink.error("ERR", "\r\na\r\nb\n\n"), "-ERR a  b\r\n"],
  ["an error with any bytes", (sink) => sink.error("ERR", "\u00ff\u0001"), "-ERR \u00ff\u0001\r\n"],
  ["zero", (sink) => sink.integer(0), ":0\r\n"],
  ["a digit", (sink) => sink.integer(9), ":9\r\n"],
  ["two digits", (sink) => sink.integer(10), ":10\r\n"],
  ["minus one", (sink) => sink.integer(-1), ":-1\r\n"],
  ["a large integer", (sink) => sink.integer(2 ** 31), ":2147483648\r\n"],
  ["a large negative integer", (sink) => sink.integer(-1_234_567), ":-1234567\r\n"],
  ["the largest integer", (sink) => sink.integer(2n ** 63n - 1n), ":9223372036854775807\r\n"],
  ["the smallest integer", (sink) => sink.integer(-(2n ** 63n)), ":-9223372036854775808\r\n"],
  ["a double", (sink) => sink.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
  ["a whole double", (sink) => sink.double(3), "$1\r\n3\r\n", ",3\r\n"],
  ["infinity", (sink) => sink.double(Number.POSITIVE_INFINITY), "$3\r\ninf\r\n", ",inf\r\n"],
  ["bytes", (sink) => sink.bulk(Buffer.from("xabcx"), 1, 3), "$3\r\nabc\r\n"],
  ["no bytes", (sink) => sink.bulk(Buffer.from("x"), 0, 0), "$0\r\n\r\n"],
  ["words", (sink) => sink.bulkWords(inWords(Buffer.from("hello")), 1, 5), "$5\r\nhello\r\n"],
  ["no words", (sink) => sink.bulkWords(new Int32Array(0), 0, 0), "$0\r\n\r\n"],
  ["a value that is read", (sink) => sink.bulkReader(readerOf(Buffer.from("hello"), 2)), "$5\r\nhello\r\n"],
  ["a text", (sink) => sink.text("h\u00e4"), "$3\r\nh\u00c3\u00a4\r\n"],
  [
    "a text for people",
    (sink) => sink.verbatim("a\u00e4\r\n"),
    "$5\r\na\u00c3\u00a4\r\n\r\n",
    "=9\r\ntxt:a\u00c3\u00a4\r\n\r\n"
  ],
  ["null", (sink) => sink.null(), "$-1\r\n", "_\r\n"],
  ["no array", (sink) => sink.nullArray(), "*-1\r\n", "_\r\n"],
  ["an array", (sink) => sink.array(2), "*2\r\n"],
  ["a long array", (sink) => sink.array(1_000_000), "*1000000\r\n"],
  ["a map", (sink) => sink.map(7), "*14\r\n", "%7\r\n"],
  ["a set", (sink) => sink.set(3), "*3\r\n", "~3\r\n"],
  ["a push", (sink) => sink.push(2), "*2\r\n", ">2\r\n"],
  ["a browser's answer", (sink) => sink.error("ERR", "no"), "-ERR no\r\n"]
]

describe("RespReplyWriter", () => {
  it.each(replies.map(([name, write, two, three = two]) => ({ name, write, two, three })))("$name", (reply) => {
    const { three, two, write } = reply
    assert.strictEqual(written(2, write), two)
    assert.strictEqual(written(3, write), three)
  })

  it("replies follow each other, whatever they are and wherever they begin, also those that are always the same", () => {
    for (const version of [2, 3] as const) {
      const writer = new RespReplyWriter(version)
      const fixed = replies.map(([, write]): FixedReply => new FixedReply(write))
      let expected = ""
      for (let round = 0; round < 200; round++) {
        for (const [index, [, write, two, three = two]] of replies.entries()) {
          writer.begin()
          if ((index + round) % 3 === 0) writer.fixed(fixed[index] ?? assert.fail())
          else write(writer)
          expected += version === 2 ? two : three
          writer.begin()
          writer.integer(round % 12)
          expected += `:${round % 12}\r\n`
        }
        if (round % 7 !== 0) continue
        assert.strictEqual(writer.length, expected.length)
        assert.strictEqual(writer.take().toString("latin1"), expected)
        expected = ""
      }
    }
  })

  it("values of all lengths come as they are, from bytes, from words and from a reader", () => {
    const writer = new RespReplyWriter(2)
    const lengths = [...Array.from({ length: 400 }, (_, length) => length), 1024, 16_384, 65_537, 262_144, 1_000_001]
    for (const length of lengths) {
      const value = bytesOf(length)
      const expected = Buffer.concat([Buffer.from(`$${length}\r\n`), value, Buffer.from("\r\n")])
      writer.begin()
      writer.bulk(value, 0, length)
      assert.isTrue(writer.take().equals(expected), `${length} bytes`)
      writer.bulkWords(inWords(value), 1, length)
      assert.isTrue(writer.take().equals(expected), `${length} bytes of words`)
      let closed = 0
      writer.bulkReader(readerOf(value, 70_000, () => closed++))
      // A long one is not copied.
      assert.isAtMost(writer.length, 65_536 + 20)
      const stream = takeStream(writer)
      assert.isTrue(stream.next(Number.POSITIVE_INFINITY).equals(expected), `${length} bytes of a reader`)
      stream.close()
      assert.isAtLeast(closed, 1)
      assert.deepStrictEqual(writer.values, [])
    }
  })

  it("closes the long values of what it takes back, and of nothing else", () => {
    const writer = new RespReplyWriter(3)
    const closed: Array<string> = []
    const add = (name: string): void => {
      writer.begin()
      writer.array(2)
      writer.bulkReader(readerOf(bytesOf(70_000), 1000, () => closed.push(`${name}1`)))
      writer.bulkReader(readerOf(bytesOf(80_000), 1000, () => closed.push(`${name}2`)))
    }
    add("a")
    const { length } = writer
    add("b")
    writer.rewind()
    assert.deepStrictEqual(closed, ["b1", "b2"])
    assert.strictEqual(writer.length, length)
    assert.deepStrictEqual(
      writer.values.map(({ at }) => at),
      [12, 22]
    )
  })

  it("takes back what came since the last reply began", () => {
    const writer = new RespReplyWriter(3)
    writer.begin()
    writer.integer(1)
    writer.begin()
    writer.array(2)
    writer.bulk(bytesOf(100_000), 0, 100_000)
    writer.rewind()
    writer.begin()
    writer.null()
    assert.strictEqual(writer.take().toString("latin1"), ":1\r\n_\r\n")
    writer.rewind()
    assert.strictEqual(writer.length, 0)
  })

  it("later replies overwrite the bytes taken, but not after `renew`", () => {
    const writer = new RespReplyWriter(2)
    writer.simple("first")
    const first = writer.take()
    writer.renew()
    writer.simple("second")
    const second = writer.take()
    writer.simple("third!")
    assert.strictEqual(writer.take().buffer, second.buffer)
    assert.strictEqual(first.toString("latin1"), "+first\r\n")
  })

  it("a buffer that was large is small again when it has not been needed for a while", () => {
    const writer = new RespReplyWriter(2)
    const small = writer.capacity
    const value = bytesOf(500_000)
    writer.bulk(value, 0, value.length)
    writer.take()
    const large = writer.capacity
    assert.isAtLeast(large, value.length)
    // Replies of that size, now and then, do not have it made anew.
    for (let reply = 0; reply < 5000; reply++) {
      if (reply % 500 === 0) writer.bulk(value, 0, value.length)
      else writer.integer(reply)
      writer.take()
    }
    assert.strictEqual(writer.capacity, large)
    for (let reply = 0; reply < 5000; reply++) {
      writer.integer(12_345)
      assert.strictEqual(writer.take().toString("latin1"), ":12345\r\n")
    }
    assert.strictEqual(writer.capacity, small)
    writer.bulk(value, 0, value.length)
    assert.strictEqual(writer.take().length, value.length + "$500000\r\n\r\n".length)
  })
})

describe("formatDouble", () => {
  it.each([
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [-17, "-17"],
    [0.1, "0.1"],
    [-0.1, "-0.1"],
    [Math.PI, "3.141592653589793"],
    [100.25, "100.25"],
    [0.000123, "0.000123"],
    [0.000001, "0.000001"],
    [1e-7, "1e-7"],
    [1.5e-9, "1.5e-9"],
    [2 ** 52, "4503599627370496"],
    [1e15, "1000000000000000"],
    [1e21, "1e+21"],
    [123_456_789_012_345_680_000, "123456789012345680000"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [5e-324, "5e-324"],
    [Number.NaN, "nan"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"]
  ])("%d is %s", (value, text) => {
    assert.strictEqual(formatDouble(value), text)
    if (!Number.isNaN(value)) assert.strictEqual(Number(text.replace("inf", "Infinity")), value)
  })
})
