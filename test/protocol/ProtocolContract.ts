/**
 * What every wire protocol must do, whatever its bytes look like: a suite that takes a protocol and tables of its
 * bytes. Each case is run whole, and cut in every way in which a network may cut it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Command from "../../src/domain/Command.ts"
import { BATCH_COMMANDS, CommandBatch } from "../../src/domain/CommandBatch.ts"
import * as Reply from "../../src/domain/Reply.ts"
import type { MalformedReply, ProtocolService, ReplyWriter } from "../../src/protocol/Protocol.ts"
import { type Request, requestOf, RequestReader } from "../../src/protocol/RequestReader.ts"
import { copyToWords, wordsOf } from "../../src/engine/Words.ts"

/** Bytes of a client and their requests. */
export interface RequestCase {
  readonly name: string
  /** One character for each byte. */
  readonly input: string
  readonly requests: ReadonlyArray<Request>
  /** The decoder's state afterwards, unless it simply awaits the next request. */
  readonly leaves?: "ended" | "unfinished"
  /** The case is about the first bytes of a connection, so it is not appended to another one. */
  readonly opensConnection?: boolean
}

/** Bytes of a server, the commands that await an answer, and the replies. */
export interface ReplyCase {
  readonly name: string
  readonly input: string
  readonly awaiting: ReadonlyArray<Command.Command["_tag"]>
  readonly replies: ReadonlyArray<Reply.Reply | MalformedReply>
}

export interface ProtocolTables {
  readonly requests: ReadonlyArray<RequestCase>
  readonly replies: ReadonlyArray<ReplyCase>
}

/** Every way to cut the bytes in two. */
const cuts = (text: string): Array<ReadonlyArray<string>> =>
  Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => [text.slice(0, i + 1), text.slice(i + 1)])

const decodeRequests = (
  protocol: ProtocolService,
  chunks: ReadonlyArray<string>,
  room?: number
): { readonly requests: Array<Request>; readonly reader: RequestReader } => {
  const reader = new RequestReader(protocol.makeRequestDecoder(), room)
  const requests: Array<Request> = []
  for (const chunk of chunks) requests.push(...reader.read(Buffer.from(chunk, "latin1")))
  return { requests, reader }
}

const requestsOf = (batch: CommandBatch): ReadonlyArray<Request> =>
  Array.from({ length: batch.count }, (_, command) => requestOf(batch, command))

export const decodeReplies = (
  protocol: ProtocolService,
  chunks: ReadonlyArray<string>,
  awaiting: ReadonlyArray<Command.Command["_tag"]>
): Array<Reply.Reply | MalformedReply> => {
  const decoder = protocol.makeReplyDecoder()
  const replies: Array<Reply.Reply | MalformedReply> = []
  for (const chunk of chunks) {
    decoder.decode(
      chunk,
      () => awaiting[replies.length],
      (reply) => replies.push(reply)
    )
  }
  return replies
}

/** A reply's bytes, one character for each byte. */
export const encodedReply = (protocol: ProtocolService, reply: Reply.Reply): string => {
  const text = protocol.encodeReply(reply)
  assert.isAtMost(text.length, LONGEST_REPLY)
  assert.match(text, /^[\u0000-\u00ff]+$/)
  return text
}

/** The most bytes of an answer. A batch of them must fit into the output. */
const LONGEST_REPLY = 512

/** Writes a value as a store does: from words with others before and after it. */
const writeFound = (writer: ReplyWriter, value: string): void => {
  const bytes = new Uint8Array(Buffer.from(value, "latin1"))
  const words = new Int32Array(wordsOf(value.length) + 6).fill(-1)
  copyToWords(words, 3, new DataView(bytes.buffer), 0, value.length)
  writer.bulkWords(words, 3, value.length)
}

const longest = Command.Value.make("~".repeat(Command.MAX_VALUE_LENGTH))

/** Replies that both sides understand in the same way, each with a command that it may answer. */
const exchanges: ReadonlyArray<readonly [Command.Command["_tag"], Reply.Reply]> = [
  ["Put", Reply.stored],
  ["Put", Reply.failed("ttl must be a number")],
  ["Get", Reply.found(Command.Value.make("hello"))],
  ["Get", Reply.found(Command.Value.make("1"))],
  ["Get", Reply.found(Command.Value.make("stored"))],
  ["Get", Reply.found(Command.Value.make("!~"))],
  ["Get", Reply.found(longest)],
  ["Get", Reply.notFound],
  ["Get", Reply.failed("key must be shorter")],
  ["Delete", Reply.deleted],
  ["Delete", Reply.notFound],
  ["Delete", Reply.failed("x")],
  ["Exists", Reply.present],
  ["Exists", Reply.absent],
  ["Exists", Reply.failed("y".repeat(Command.MAX_VALUE_LENGTH))],
  ["Stats", Reply.statistics({ version: "0.1.0", uptime: "0", keys: "12" })],
  ["Stats", Reply.failed("z")],
  ["Flush", Reply.flushed],
  ["Auth", Reply.authenticated],
  ["Auth", Reply.failed("wrong user or password")],
  ["Clock", Reply.time(0)],
  ["Clock", Reply.time(Command.MAX_CLOCK_MILLIS)],
  ["Clock", Reply.failed("the clock goes forward only")]
]

const anyTtl = Arbitrary.map(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Command.MAX_TTL_SECONDS }))),
  (seconds) => Command.Ttl.make(seconds)
)
const anyMillis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Command.MAX_CLOCK_MILLIS }))
// Numbers as people write them. JavaScript accepts `1e-7`, but not every wire does.
const anyFactor = Arbitrary.map(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000_000 }))),
  (thousandths) => thousandths / 1000
)
const anyChunkLength = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 700 }))

/** Words as long as the limits allow. */
const checkOptions = { arbitrary: { runs: 300, size: 300, seed: "kv-cache" } }

/** The suite that every implementation of the port runs. */
export const protocolContract = (name: string, protocol: ProtocolService, tables: ProtocolTables): void => {
  describe(`${name} as a Protocol`, () => {
    describe.each(tables.requests)("request: $name", ({ input, leaves, requests }) => {
      it("whole", () => {
        const decoded = decodeRequests(protocol, [input])
        assert.deepStrictEqual(decoded.requests, requests)
        if (leaves === "unfinished") assert.isAbove(decoded.reader.pending, 0)
        else assert.strictEqual(decoded.reader.pending, 0)
      })

      it("split at every byte", () => {
        for (const cut of cuts(input)) {
          const decoded = decodeRequests(protocol, cut)
          assert.deepStrictEqual(decoded.requests, requests, `split after ${cut[0]?.length} bytes`)
          assert.strictEqual(decoded.reader.pending > 0, leaves === "unfinished")
        }
      })

      it("byte by byte", () => {
        assert.deepStrictEqual(decodeRequests(protocol, [...input]).requests, requests)
      })

      it("one request per call", () => {
        assert.deepStrictEqual(decodeRequests(protocol, [input], 1).requests, requests)
        const middle = input.length >> 1
        const halves = [input.slice(0, middle), input.slice(middle)]
        assert.deepStrictEqual(decodeRequests(protocol, halves, 1).requests, requests)
      })

      it("in chunks of equal length", () => {
        for (const length of [1, 2, 3, 7, Math.ceil(input.length / 2)]) {
          const chunks = Array.from({ length: Math.ceil(input.length / length) }, (_, i) =>
            input.slice(i * length, (i + 1) * length)
          )
          assert.deepStrictEqual(decodeRequests(protocol, chunks).requests, requests, `chunks of ${length} bytes`)
        }
      })
    })

    it("requests: each case followed by the next", () => {
      let glued = 0
      for (const [index, first] of tables.requests.entries()) {
        const next = tables.requests[(index + 1) % tables.requests.length]
        if (first.leaves === "unfinished" || next === undefined || next.opensConnection === true) continue
        const expected = first.leaves === "ended" ? first.requests : [...first.requests, ...next.requests]
        const label = `${first.name} + ${next.name}`
        assert.deepStrictEqual(decodeRequests(protocol, [first.input + next.input]).requests, expected, label)
        assert.deepStrictEqual(decodeRequests(protocol, [first.input, next.input]).requests, expected, label)
        glued++
      }
      assert.isAbove(glued, 0)
    })

    it("requests: once the connection has ended, all bytes are taken and none are decoded", () => {
      const ordinary = protocol.encodeCommand({ _tag: "Get", key: Command.Key.make("a") })
      const ending = tables.requests.filter((each) => each.leaves === "ended")
      assert.isAbove(ending.length, 0)
      for (const each of ending) {
        const { reader } = decodeRequests(protocol, [each.input])
        for (const more of [ordinary.repeat(3), ordinary.slice(0, 2), ordinary.slice(2)]) {
          assert.deepStrictEqual(reader.read(Buffer.from(more, "latin1")), [], each.name)
          assert.strictEqual(reader.pending, 0, each.name)
        }
      }
    })

    it("requests: a batch takes as many as it has room for, and the next one continues there", () => {
      const keys = ["a", "b", "c", "d", "e"]
      const commands = keys.map((key) => ({ _tag: "Get" as const, key: Command.Key.make(key) }))
      const encoded = commands.map(protocol.encodeCommand)
      const bytes = Buffer.from(encoded.join(""), "latin1")
      const decoder = protocol.makeRequestDecoder()
      const batch = new CommandBatch()
      batch.begin(bytes, 2)
      const afterTwo = decoder.decode(batch, 0, bytes.length)
      assert.strictEqual(afterTwo, encoded.slice(0, 2).join("").length)
      assert.deepStrictEqual(requestsOf(batch), commands.slice(0, 2))
      assert.strictEqual(decoder.decode(batch, afterTwo, bytes.length), afterTwo)
      batch.begin(bytes, 3)
      assert.strictEqual(decoder.decode(batch, afterTwo, bytes.length), bytes.length)
      assert.deepStrictEqual(requestsOf(batch), commands.slice(2))
    })

    it("requests: bytes before the offset and after the end are left alone, and commands are added to the batch", () => {
      const encode = (key: string): string => protocol.encodeCommand({ _tag: "Get", key: Command.Key.make(key) })
      const [a, b, c] = [encode("a"), encode("b"), encode("c")]
      const bytes = Buffer.from(a + b + c + c, "latin1")
      const batch = new CommandBatch()
      batch.begin(bytes)
      const end = a.length + b.length + c.length
      assert.strictEqual(
        protocol.makeRequestDecoder().decode(batch, a.length, a.length + b.length),
        a.length + b.length
      )
      assert.strictEqual(protocol.makeRequestDecoder().decode(batch, a.length + b.length, end), end)
      assert.deepStrictEqual(
        requestsOf(batch),
        ["b", "c"].map((key) => ({ _tag: "Get", key: Command.Key.make(key) }))
      )
    })

    it("requests: the message for a malformed one is a line of printable ASCII and reaches the client whole", () => {
      const malformed = tables.requests.flatMap((each) =>
        each.requests.flatMap((request) => (request._tag === "Malformed" ? [request] : []))
      )
      assert.isAbove(malformed.length, 0)
      for (const { message } of malformed) {
        assert.match(message, /^[\x20-\x7e]+$/)
        const encoded = encodedReply(protocol, Reply.failed(message))
        assert.deepStrictEqual(decodeReplies(protocol, [encoded], ["Put"]), [Reply.failed(message)])
      }
    })

    it.prop(
      "requests: decode(encode(command)) is the command",
      {
        key: Command.Key,
        value: Command.Value,
        ttl: anyTtl,
        millis: anyMillis,
        factor: anyFactor,
        chunkLength: anyChunkLength
      },
      ({ chunkLength, factor, key, millis, ttl, value }) => {
        const commands: Array<Command.Command> = [
          { _tag: "Put", key, value, ttl },
          { _tag: "Put", key, value, ttl: Command.NO_TTL },
          { _tag: "Get", key },
          { _tag: "Delete", key },
          { _tag: "Exists", key },
          { _tag: "Clock", action: { _tag: "Now" } },
          { _tag: "Clock", action: { _tag: "Advance", millis } },
          { _tag: "Clock", action: { _tag: "Set", millis } },
          { _tag: "Clock", action: { _tag: "Run", factor } },
          { _tag: "Clock", action: { _tag: "Freeze" } },
          { _tag: "Clock", action: { _tag: "Reset" } },
          { _tag: "Stats" },
          { _tag: "Flush" },
          { _tag: "Quit" }
        ]
        for (const command of commands) {
          assert.deepStrictEqual(decodeRequests(protocol, [protocol.encodeCommand(command)]).requests, [command])
        }
        const bytes = commands.map(protocol.encodeCommand).join("")
        const chunks = Array.from({ length: Math.ceil(bytes.length / chunkLength) }, (_, i) =>
          bytes.slice(i * chunkLength, (i + 1) * chunkLength)
        )
        assert.deepStrictEqual(decodeRequests(protocol, chunks).requests, commands)
      },
      checkOptions
    )

    describe.each(tables.replies)("reply: $name", ({ awaiting, input, replies }) => {
      it("whole", () => {
        assert.deepStrictEqual(decodeReplies(protocol, [input], awaiting), replies)
      })

      it("split at every byte", () => {
        for (const cut of cuts(input)) {
          const label = `split after ${cut[0]?.length} bytes`
          assert.deepStrictEqual(decodeReplies(protocol, cut, awaiting), replies, label)
        }
      })

      it("byte by byte", () => {
        assert.deepStrictEqual(decodeReplies(protocol, [...input], awaiting), replies)
      })
    })

    it.each(exchanges)("replies: decode(encode(reply)) is the reply to a %s: %o", (awaiting, reply) => {
      const encoded = encodedReply(protocol, reply)
      assert.deepStrictEqual(decodeReplies(protocol, [encoded], [awaiting]), [reply])
      assert.deepStrictEqual(decodeReplies(protocol, [...encoded], [awaiting]), [reply])
    })

    it("replies: many in one buffer and in one chunk", () => {
      const text = exchanges.map(([, reply]) => protocol.encodeReply(reply)).join("")
      const awaiting = exchanges.map(([tag]) => tag)
      const replies = exchanges.map(([, reply]) => reply)
      assert.deepStrictEqual(decodeReplies(protocol, [text], awaiting), replies)
      assert.deepStrictEqual(decodeReplies(protocol, [...text], awaiting), replies)
    })

    it("replies: none exceeds the limit, however long its message", () => {
      assert.isAtMost(encodedReply(protocol, Reply.failed("z".repeat(10_000))).length, LONGEST_REPLY)
      assert.isAtMost(encodedReply(protocol, Reply.found(longest)).length, LONGEST_REPLY)
      const writer = protocol.makeReplyWriter()
      writer.refuseHttp("z".repeat(10_000))
      assert.isAtMost(writer.take().length, LONGEST_REPLY)
    })

    it.prop(
      "replies: a value comes back unchanged",
      { value: Command.Value },
      ({ value }) => {
        const encoded = encodedReply(protocol, Reply.found(value))
        assert.deepStrictEqual(decodeReplies(protocol, [encoded], ["Get"]), [Reply.found(value)])
      },
      checkOptions
    )

    it("reply writer: the bytes equal those of encodeReply, whichever way a reply comes and wherever it begins", () => {
      const writer = protocol.makeReplyWriter()
      const fixed = new Reply.FixedReply((sink) => sink.simple("stored"))
      let expected = ""
      for (let length = 1; length <= Command.MAX_VALUE_LENGTH; length++) {
        const value = "value".repeat(60).slice(length % 5, (length % 5) + length)
        const ways: ReadonlyArray<readonly [Reply.Reply, () => void]> = [
          [Reply.stored, () => writer.simple("stored")],
          [Reply.stored, () => writer.fixed(fixed)],
          [Reply.found(value), () => writeFound(writer, value)],
          [Reply.deleted, () => writer.simple("deleted")],
          [Reply.notFound, () => writer.null()],
          [Reply.present, () => writer.integer(1)],
          [Reply.absent, () => writer.integer(0)],
          [Reply.time(2_199_023_255_552), () => writer.integer(2_199_023_255_552)],
          [Reply.failed(value), () => writer.error("ERR", value)],
          [Reply.found(value), () => writer.bulk(Buffer.from(`-${value}-`, "latin1"), 1, value.length)],
          [Reply.found(value), () => Reply.write(Reply.found(value), writer)]
        ]
        for (const [reply, write] of ways) {
          write()
          expected += protocol.encodeReply(reply)
        }
        assert.strictEqual(writer.length, expected.length)
        // Writes replies now and then, so that they begin at all kinds of offsets.
        if (length % 3 !== 0) continue
        assert.strictEqual(writer.take().toString("latin1"), expected)
        assert.strictEqual(writer.length, 0)
        expected = ""
      }
    })

    it("reply writer: has room for as many of the longest replies as begin", () => {
      const writer = protocol.makeReplyWriter()
      const longReply = protocol.encodeReply(Reply.found(longest))
      for (const replies of [1, 2 * BATCH_COMMANDS, 10 * BATCH_COMMANDS]) {
        for (let i = 0; i < replies; i++) {
          writer.begin()
          writeFound(writer, longest)
        }
        assert.isAtLeast(writer.capacity, writer.length)
        assert.isTrue(writer.take().equals(Buffer.from(longReply.repeat(replies), "latin1")))
      }
      // What is given away was needed; what comes in its place is small again.
      const { capacity } = writer
      writer.renew()
      assert.isBelow(writer.capacity, capacity)
    })

    it("reply writer: takes back what came since the last reply began", () => {
      const writer = protocol.makeReplyWriter()
      const stored = protocol.encodeReply(Reply.stored)
      writer.begin()
      Reply.write(Reply.stored, writer)
      writer.begin()
      writer.rewind()
      assert.strictEqual(writer.length, stored.length)
      writer.begin()
      Reply.write(Reply.notFound, writer)
      writer.rewind()
      assert.strictEqual(writer.take().toString("latin1"), stored)
      writer.rewind()
      assert.strictEqual(writer.length, 0)
    })

    it("reply writer: later replies overwrite the bytes taken, but not after `renew`", () => {
      const writer = protocol.makeReplyWriter()
      const [deleted, notFound] = [Reply.deleted, Reply.notFound].map(protocol.encodeReply)
      Reply.write(Reply.deleted, writer)
      const first = writer.take()
      writer.renew()
      writer.null()
      const second = writer.take()
      assert.strictEqual(first.toString("latin1"), deleted)
      writer.null()
      assert.strictEqual(writer.take().buffer, second.buffer)
      assert.strictEqual(first.toString("latin1"), deleted)
      assert.strictEqual(second.toString("latin1"), notFound)
      assert.notStrictEqual(first.buffer, second.buffer)
    })
  })
}
