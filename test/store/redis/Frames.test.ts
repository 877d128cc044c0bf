/** Replies in RESP3, read whole and byte by byte, and what of them reaches a sink. */
import { assert, describe, it } from "@effect/vitest"
import { RespReplyWriter } from "../../../src/protocol/resp/RespReplyWriter.ts"
import * as Frames from "../../../src/store/redis/Frames.ts"

/** The replies that are read from chunks. */
const read = (chunks: ReadonlyArray<string>): ReadonlyArray<string> => {
  const frames: Array<string> = []
  const reader = new Frames.FrameReader((bytes, start, end) => frames.push(bytes.toString("latin1", start, end)))
  for (const chunk of chunks) reader.push(Buffer.from(chunk, "latin1"))
  return frames
}

/** What a client of the third version gets of a reply. */
const relayed = (reply: string): string => {
  const bytes = Buffer.from(`before${reply}behind`, "latin1")
  const writer = new RespReplyWriter(3)
  writer.begin()
  assert.strictEqual(Frames.relay(bytes, 6, writer), 6 + reply.length, "where it ends")
  return writer.take().toString("latin1")
}

/** What arrives, and what of it is passed on if that is not the same. */
const replies: ReadonlyArray<readonly [name: string, reply: string, passedOn?: string]> = [
  ["a status", "+OK\r\n"],
  ["another status", "+QUEUED\r\n"],
  ["an error", "-WRONGTYPE Operation against a key\r\n"],
  ["an error of one word", "-LOADING\r\n", "-ERR LOADING\r\n"],
  ["an error with its length", "!11\r\nBUSY a\r\nb c\r\n", "-BUSY a  b c\r\n"],
  ["an integer", ":-12\r\n"],
  ["the greatest integer", ":9223372036854775807\r\n"],
  ["the least integer", ":-9223372036854775808\r\n"],
  ["a string", "$5\r\na\r\nbc\r\n"],
  ["no bytes", "$0\r\n\r\n"],
  ["nothing", "_\r\n"],
  ["nothing, as it was", "$-1\r\n", "_\r\n"],
  ["no array, as it was", "*-1\r\n", "_\r\n"],
  ["a double", ",1.5\r\n"],
  ["an infinity", ",inf\r\n"],
  ["the other infinity", ",-inf\r\n"],
  ["what is not a number", ",nan\r\n"],
  ["true", "#t\r\n", ":1\r\n"],
  ["false", "#f\r\n", ":0\r\n"],
  [
    "a great number",
    "(3492890328409238509324850943850943825024385\r\n",
    "$43\r\n3492890328409238509324850943850943825024385\r\n"
  ],
  ["a text", "=9\r\ntxt:a\r\nbc\r\n"],
  ["an empty array", "*0\r\n"],
  ["arrays in an array", "*3\r\n*2\r\n:1\r\n$1\r\na\r\n*0\r\n_\r\n"],
  ["a map", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n"],
  ["a set", "~2\r\n$1\r\na\r\n$1\r\nb\r\n"],
  ["a message", ">2\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n"],
  [
    "a reply with attributes",
    "|1\r\n+ttl\r\n:3600\r\n*2\r\n:1\r\n|1\r\n$1\r\na\r\n*1\r\n:5\r\n:2\r\n",
    "*2\r\n:1\r\n:2\r\n"
  ]
]

describe("FrameReader", () => {
  for (const [name, reply] of replies) {
    it(`reads ${name}, whole and byte by byte`, () => {
      assert.deepStrictEqual(read([reply]), [reply])
      assert.deepStrictEqual(read(reply.split("")), [reply])
    })
  }

  it("reads all of them however they are cut", () => {
    const all = replies.map(([, reply]) => reply)
    const stream = all.join("")
    assert.deepStrictEqual(read([stream]), all)
    for (const size of [2, 3, 7, 50, 113]) {
      const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, chunk) =>
        stream.slice(chunk * size, (chunk + 1) * size)
      )
      assert.deepStrictEqual(read(chunks), all, `${size} bytes at a time`)
    }
  })

  it("leaves what it has given away as it was", () => {
    const kept: Array<Buffer> = []
    const reader = new Frames.FrameReader((bytes, start, end) => kept.push(bytes.subarray(start, end)))
    const value = (letter: string): string => `$4000\r\n${letter.repeat(4000)}\r\n`
    const stream = Buffer.from(["a", "b", "c", "d"].map(value).join(""))
    for (let at = 0; at < stream.length; at += 1500) reader.push(stream.subarray(at, at + 1500))
    assert.deepStrictEqual(kept.map(String), ["a", "b", "c", "d"].map(value))
  })

  for (const [bytes, shown] of [
    ["HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request"],
    ["+OK\r\n?\r\n", "?"],
    ["$x\r\n", "$x"],
    ["*\r\n", "*"],
    ["%1.5\r\n", "%1.5"]
  ] as const) {
    it(`refuses ${JSON.stringify(bytes)}, and shows it`, () => {
      assert.throws(() => read([bytes]), `no reply begins with "${shown}`)
    })
  }
})

describe("relay", () => {
  for (const [name, reply, passedOn = reply] of replies) {
    it(`passes on ${name}`, () => assert.strictEqual(relayed(reply), passedOn))
  }

  it("refuses what is no reply", () => assert.throws(() => relayed("?\r\n"), 'no reply begins with "?'))
})

describe("what is read from a reply", () => {
  const of = <A>(reply: string, read: (bytes: Buffer, start: number, end: number) => A): A =>
    read(Buffer.from(`__${reply}`, "latin1"), 2, 2 + reply.length)

  it("is the line of an error, in both of its forms", () => {
    assert.strictEqual(of("-MOVED 1 h:2\r\n", Frames.lineOf), "MOVED 1 h:2")
    assert.strictEqual(of("!11\r\nMOVED 1 h:2\r\n", Frames.lineOf), "MOVED 1 h:2")
    assert.isTrue(of("!11\r\nMOVED 1 h:2\r\n", Frames.isError))
  })

  it("is an integer, or 0", () => {
    assert.strictEqual(of(":42\r\n", Frames.integerOf), 42)
    assert.strictEqual(of("$2\r\n42\r\n", Frames.integerOf), 0)
  })

  it("is a string, or nothing", () => {
    assert.strictEqual(String(of("$2\r\n42\r\n", Frames.bulkOf)), "42")
    assert.isUndefined(of("$-1\r\n", Frames.bulkOf))
    assert.isUndefined(of(":42\r\n", Frames.bulkOf))
  })

  it("is the number of its parts, or none", () => {
    assert.deepStrictEqual(of("*12\r\n", Frames.partsIn), { count: 12, first: 7 })
    assert.deepStrictEqual(of("*-1\r\n", Frames.partsIn), { count: 0, first: 7 })
    assert.strictEqual(of("+OK\r\n", Frames.partsIn).count, 0)
  })

  it("is which keys have changed", () => {
    const keysIn = (message: string): ReadonlyArray<string> | "all" => {
      const keys = of(message, Frames.invalidatedKeys)
      return keys === "all" ? keys : keys.map(String)
    }
    assert.deepStrictEqual(keysIn(">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n"), ["a", ""])
    assert.deepStrictEqual(keysIn(">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n"), ["a"])
    assert.strictEqual(keysIn(">2\r\n$10\r\ninvalidate\r\n_\r\n"), "all")
    assert.strictEqual(keysIn(">2\r\n$10\r\ninvalidate\r\n*-1\r\n"), "all")
    assert.deepStrictEqual(keysIn(">2\r\n$7\r\nmessage\r\n$1\r\na\r\n"), [])
    assert.deepStrictEqual(keysIn(">1\r\n$10\r\nserver-bye\r\n"), [])
  })
})
