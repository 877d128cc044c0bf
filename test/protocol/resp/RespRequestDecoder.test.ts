import { assert, describe, it } from "@effect/vitest"
import { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { RespRequestDecoder } from "../../../src/protocol/resp/RespRequestDecoder.ts"
import { array, type Decoded, read } from "./Requests.ts"

interface Case {
  readonly name: string
  readonly input: string
  readonly decoded: ReadonlyArray<Decoded>
  readonly leaves?: "ended" | "unfinished"
}

const get = (key: string): Decoded => ({ name: "GET", args: [key], keys: [0] })
const ping: Decoded = { name: "PING", args: [], keys: [] }
const refused = (message: string): Decoded => ({ refused: message })
const ended = (message: string): Decoded => ({ ended: `Protocol error: ${message}` })

const allBytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("")

const cases: ReadonlyArray<Case> = [
  // --- arrays
  { name: "no arguments", input: array("PING"), decoded: [ping] },
  { name: "a key", input: array("GET", "k"), decoded: [get("k")] },
  { name: "a key and a value", input: array("SET", "k", "v"), decoded: [{ name: "SET", args: ["k", "v"], keys: [0] }] },
  { name: "lower case", input: array("get", "k"), decoded: [get("k")] },
  { name: "mixed case", input: array("gEt", "K"), decoded: [get("K")] },
  { name: "an empty key", input: array("GET", ""), decoded: [get("")] },
  { name: "an empty value", input: array("SET", "k", ""), decoded: [{ name: "SET", args: ["k", ""], keys: [0] }] },
  {
    name: "all bytes",
    input: array("SET", allBytes, allBytes),
    decoded: [{ name: "SET", args: [allBytes, allBytes], keys: [0] }]
  },
  {
    name: "what looks like protocol",
    input: array("GET", "\r\n*1\r\n$4\r\nPING\r\n"),
    decoded: [get("\r\n*1\r\n$4\r\nPING\r\n")]
  },
  {
    name: "an argument that is no key",
    input: array("PING", "hello"),
    decoded: [{ name: "PING", args: ["hello"], keys: [] }]
  },
  { name: "a long key", input: array("GET", "k".repeat(65_535)), decoded: [get("k".repeat(65_535))] },
  { name: "an empty array", input: `*0\r\n${array("PING")}`, decoded: [ping] },
  { name: "a null array", input: `*-1\r\n${array("PING")}`, decoded: [ping] },
  { name: "an array of less than nothing", input: `*-5\r\n${array("PING")}`, decoded: [ping] },
  { name: "other bytes where a line feed is due", input: "*2\rX$3\rYGETZZ$1\rXkQQ", decoded: [get("k")] },
  { name: "half a request", input: "*2\r\n$3\r\nGET\r\n$5\r\nke", decoded: [], leaves: "unfinished" },
  { name: "all but a line feed", input: array("GET", "k").slice(0, -1), decoded: [], leaves: "unfinished" },
  { name: "half a length", input: "*2\r\n$3\r\nGET\r\n$1", decoded: [], leaves: "unfinished" },
  { name: "half a number", input: "*1", decoded: [], leaves: "unfinished" },

  // --- what is refused
  {
    name: "an unknown command",
    input: array("foo"),
    decoded: [refused("unknown command 'foo', with args beginning with: ")]
  },
  {
    name: "an unknown command with arguments",
    input: array("foo", "a", "b c"),
    decoded: [refused("unknown command 'foo', with args beginning with: 'a' 'b c' ")]
  },
  {
    name: "an unknown command with long arguments",
    input: array("f".repeat(200), "a".repeat(100), "b".repeat(100), "c"),
    decoded: [
      refused(
        `unknown command '${"f".repeat(128)}', with args beginning with: '${"a".repeat(100)}' '${"b".repeat(25)}' `
      )
    ]
  },
  {
    name: "an unknown command with a zero byte, which ends a text in C",
    input: array("fo\0o", "a\0b", "c"),
    decoded: [refused("unknown command 'fo', with args beginning with: 'a' 'c' ")]
  },
  { name: "an empty name", input: array(""), decoded: [refused("unknown command '', with args beginning with: ")] },
  { name: "too few arguments", input: array("GET"), decoded: [refused("wrong number of arguments for 'get' command")] },
  {
    name: "too many arguments",
    input: array("get", "a", "b"),
    decoded: [refused("wrong number of arguments for 'get' command")]
  },
  {
    name: "the server's own commands",
    input: array("(refuse)"),
    decoded: [refused("unknown command '(refuse)', with args beginning with: ")]
  },
  {
    name: "a name of other bytes that are alike without their case",
    input: array("\u0007ET", "k"),
    decoded: [refused("unknown command '\u0007ET', with args beginning with: 'k' ")]
  },
  {
    name: "a key that is too long",
    input: array("GET", "k".repeat(65_536)),
    decoded: [refused("key is too long: it has 65536 bytes, the most is 65535")]
  },

  // --- subcommands
  {
    name: "a subcommand",
    input: array("client", "SetName", "a"),
    decoded: [{ name: "CLIENT|SETNAME", args: ["a"], keys: [] }]
  },
  {
    name: "a subcommand with a wrong number of arguments",
    input: array("client", "setname"),
    decoded: [refused("wrong number of arguments for 'client|setname' command")]
  },
  {
    name: "an unknown subcommand",
    input: array("client", "foo\nbar"),
    decoded: [refused("unknown subcommand 'foo\nbar'. Try CLIENT HELP.")]
  },
  {
    name: "no subcommand",
    input: array("Client"),
    decoded: [refused("wrong number of arguments for 'client' command")]
  },
  {
    name: "both names of a subcommand as one word",
    input: array("CLIENT|ID"),
    decoded: [refused("unknown command 'CLIENT|ID', with args beginning with: ")]
  },

  // --- inline commands
  { name: "an inline command", input: "GET k\r\n", decoded: [get("k")] },
  { name: "an inline command without a carriage return", input: "get k\n", decoded: [get("k")] },
  { name: "an inline command among blanks", input: " \t GET \v\f  k \t\r\n", decoded: [get("k")] },
  { name: "an empty line", input: "\r\n\n \t \r\nPING\r\n", decoded: [ping] },
  { name: "double quotes", input: 'GET "a b"\r\n', decoded: [get("a b")] },
  { name: "single quotes", input: "GET 'a \"b'\r\n", decoded: [get('a "b')] },
  {
    name: "escapes",
    input: 'GET "\\n\\r\\t\\b\\a\\\\\\"\\x41\\xfF\\q"\r\n',
    decoded: [get('\n\r\t\b\u0007\\"A\u00ffq')]
  },
  { name: "what is no hexadecimal escape", input: 'GET "\\x4g\\x"\r\n', decoded: [get("x4gx")] },
  { name: "an escaped apostrophe", input: "GET 'it\\'s \\n'\r\n", decoded: [get("it's \\n")] },
  { name: "an empty word", input: 'GET ""\r\n', decoded: [get("")] },
  { name: "quotes within a word", input: 'GET a"b c"\r\n', decoded: [get("ab c")] },
  { name: "vertical tabs within a word", input: "GET a\vb\r\n", decoded: [get("a\vb")] },
  { name: "a backslash without quotes", input: "GET a\\n\r\n", decoded: [get("a\\n")] },
  { name: "other bytes", input: "GET \u0080\u00ff\u0001\r\n", decoded: [get("\u0080\u00ff\u0001")] },
  { name: "an array after an inline command", input: `PING\r\n${array("PING")}PING\n`, decoded: [ping, ping, ping] },
  {
    name: "an unknown inline command",
    input: "foo a\r\n",
    decoded: [refused("unknown command 'foo', with args beginning with: 'a' ")]
  },
  { name: "a long line", input: `GET ${"k".repeat(65_530)}\r\n`, decoded: [get("k".repeat(65_530))] },
  { name: "half a line", input: "GET k", decoded: [], leaves: "unfinished" },

  // --- what ends a connection
  { name: "a count that is no number", input: "*x\r\n", decoded: [ended("invalid multibulk length")], leaves: "ended" },
  { name: "no count", input: "*\r\n", decoded: [ended("invalid multibulk length")], leaves: "ended" },
  {
    name: "a count with a zero before it",
    input: "*01\r\n",
    decoded: [ended("invalid multibulk length")],
    leaves: "ended"
  },
  { name: "a count with a plus", input: "*+1\r\n", decoded: [ended("invalid multibulk length")], leaves: "ended" },
  {
    name: "a count that is too large",
    input: "*1048577\r\n",
    decoded: [ended("invalid multibulk length")],
    leaves: "ended"
  },
  {
    name: "a count of many digits",
    input: `*${"9".repeat(30)}\r\n`,
    decoded: [ended("invalid multibulk length")],
    leaves: "ended"
  },
  {
    name: "a count without an end",
    input: `*${"1".repeat(65_536)}`,
    decoded: [ended("too big mbulk count string")],
    leaves: "ended"
  },
  { name: "no bulk string", input: "*1\r\nPING\r\n", decoded: [ended("expected '$', got 'P'")], leaves: "ended" },
  {
    name: "a line feed in place of a bulk string",
    input: "*1\r\n\n\r\n",
    decoded: [ended("expected '$', got '\n'")],
    leaves: "ended"
  },
  { name: "a negative length", input: "*1\r\n$-1\r\n", decoded: [ended("invalid bulk length")], leaves: "ended" },
  {
    name: "a length that is no number",
    input: "*1\r\n$4 \r\nPING\r\n",
    decoded: [ended("invalid bulk length")],
    leaves: "ended"
  },
  { name: "no length", input: "*1\r\n$\r\n", decoded: [ended("invalid bulk length")], leaves: "ended" },
  {
    name: "a length that is too large",
    input: "*1\r\n$536870913\r\n",
    decoded: [ended("invalid bulk length")],
    leaves: "ended"
  },
  {
    name: "a length without an end",
    input: `*1\r\n$${"1".repeat(65_536)}`,
    decoded: [ended("too big bulk count string")],
    leaves: "ended"
  },
  {
    name: "a quote that is not closed",
    input: 'GET "a\r\n',
    decoded: [ended("unbalanced quotes in request")],
    leaves: "ended"
  },
  {
    name: "an apostrophe that is not closed",
    input: "GET 'a\r\n",
    decoded: [ended("unbalanced quotes in request")],
    leaves: "ended"
  },
  {
    name: "no blank behind a quote",
    input: 'GET "a"b\r\n',
    decoded: [ended("unbalanced quotes in request")],
    leaves: "ended"
  },
  {
    name: "a line without an end",
    input: "k".repeat(65_537),
    decoded: [ended("too big inline request")],
    leaves: "ended"
  },
  {
    name: "a request after another one that is wrong",
    input: `${array("PING")}*x\r\n`,
    decoded: [ping, ended("invalid multibulk length")],
    leaves: "ended"
  },
  { name: "a browser's POST", input: "POST / HTTP/1.1\r\n", decoded: [{ ended: "HTTP" }], leaves: "ended" },
  {
    name: "a browser's GET",
    input: "GET / HTTP/1.1\r\nHost: localhost\r\n",
    decoded: [refused("wrong number of arguments for 'get' command"), { ended: "HTTP" }],
    leaves: "ended"
  }
]

/** Cases that are long are cut here and there only. */
const MOST_CUTS = 300

const cutsOf = (input: string): ReadonlyArray<number> => {
  const all = Array.from({ length: input.length - 1 }, (_, cut) => cut + 1)
  return input.length <= MOST_CUTS ? all : [...all.slice(0, 20), ...all.slice(-20)]
}

describe("RespRequestDecoder", () => {
  describe.each(cases)("$name", ({ decoded, input, leaves }) => {
    const check = (chunks: ReadonlyArray<string>, isPatient: boolean, label: string): void => {
      const decoder = new RespRequestDecoder()
      const result = read(chunks, { decoder, isPatient })
      assert.deepStrictEqual(result.decoded, decoded, label)
      assert.strictEqual(result.rest, leaves === "unfinished" ? input : "", label)
      if (leaves === "unfinished") return
      const after = read([array("PING")], { decoder })
      assert.deepStrictEqual(after, { decoded: leaves === "ended" ? [] : [ping], rest: "" }, label)
    }

    it("whole", () => check([input], false, "whole"))

    it("cut in two", () => {
      for (const cut of cutsOf(input)) {
        for (const isPatient of [false, true]) {
          check([input.slice(0, cut), input.slice(cut)], isPatient, `cut at ${cut}`)
        }
      }
    })

    it("byte by byte", () => {
      if (input.length > 2000) return check(input.match(/.{1,1000}/gs) ?? [], false, "in pieces")
      check([...input], false, "byte by byte")
      check([...input], true, "byte by byte, patiently")
    })
  })

  it("each case followed by the next", () => {
    for (const [index, first] of cases.entries()) {
      const next = cases[(index + 1) % cases.length]
      if (first.leaves === "unfinished" || next === undefined) continue
      const expected = first.leaves === "ended" ? first.decoded : [...first.decoded, ...next.decoded]
      for (const chunks of [[first.input + next.input], [first.input, next.input]]) {
        assert.deepStrictEqual(read(chunks).decoded, expected, `${first.name} + ${next.name}`)
      }
    }
  })

  it("says how many bytes an unfinished request has at least", () => {
    const needed = (input: string): number => {
      const decoder = new RespRequestDecoder()
      const bytes = Buffer.from(`${array("PING")}${input}`, "latin1")
      const commands = new CommandBatch()
      commands.begin(bytes)
      assert.strictEqual(decoder.decode(commands, 0, bytes.length), array("PING").length)
      return decoder.needed
    }
    assert.strictEqual(needed("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000\r\nabc"), 29 + 500_000 + 2)
    assert.strictEqual(needed("*2\r\n$3\r\nGE"), 13)
    assert.strictEqual(needed("*2\r\n$3\r\nGET\r\n$1"), 0)
    assert.strictEqual(needed("GET"), 0)
  })

  it("does not walk again through what it has walked through", () => {
    const keys = Array.from({ length: 2000 }, (_, key) => `key:${key}`)
    const input = array("DEL_", ...keys)
    const decoder = new RespRequestDecoder()
    const bytes = Buffer.from(input, "latin1")
    const commands = new CommandBatch()
    commands.begin(bytes)
    let reads = 0
    const { view } = commands
    commands.view = new Proxy(view, {
      get: (target, property) => {
        if (property !== "getUint8" && property !== "getInt32") return Reflect.get(target, property, target)
        reads++
        return property === "getUint8" ? target.getUint8.bind(target) : target.getInt32.bind(target)
      }
    })
    for (let end = 1; end < bytes.length; end++) assert.strictEqual(decoder.decode(commands, 0, end), 0)
    // Some for each byte that comes, not some for each string before it.
    assert.isBelow(reads, 20 * bytes.length)
  })

  it("takes less from those who have not said who they are", () => {
    const stranger = (): RespRequestDecoder => {
      const decoder = new RespRequestDecoder()
      decoder.restrict(true)
      return decoder
    }
    const decode = (input: string) => read([input], { decoder: stranger() }).decoded
    assert.deepStrictEqual(decode("*11\r\n"), [ended("unauthenticated multibulk length")])
    assert.deepStrictEqual(decode(array("ECHO", ..."123456789")), [
      refused("wrong number of arguments for 'echo' command")
    ])
    assert.deepStrictEqual(decode("*2\r\n$4\r\nPING\r\n$513\r\n"), [ended("unauthenticated bulk length")])
    assert.deepStrictEqual(decode(array("GET", "k".repeat(512))), [get("k".repeat(512))])
    assert.deepStrictEqual(decode(array("GET", "k".repeat(513))), [ended("unauthenticated bulk length")])
    assert.deepStrictEqual(decode("k".repeat(512)), [])
    assert.deepStrictEqual(decode("k".repeat(513)), [ended("too big inline request")])
    assert.deepStrictEqual(decode(`*2\r\n$4\r\nPING\r\n$${"0".repeat(512)}`), [ended("too big bulk count string")])
    const known = stranger()
    known.restrict(false)
    assert.deepStrictEqual(read([array("GET", "k".repeat(513))], { decoder: known }).decoded, [get("k".repeat(513))])
  })

  it("takes no string that is longer than the server's limit", () => {
    const decode = (input: string) => read([input], { decoder: new RespRequestDecoder(100) }).decoded
    assert.deepStrictEqual(decode(array("GET", "k".repeat(100))), [get("k".repeat(100))])
    assert.deepStrictEqual(decode(array("GET", "k".repeat(101))), [ended("invalid bulk length")])
  })

  it("stops after each command if it is told to", () => {
    const decoder = new RespRequestDecoder()
    decoder.isStepped = true
    const bytes = Buffer.from(`${array("GET", "a")}${array("foo")}${array("PING")}`, "latin1")
    const commands = new CommandBatch()
    for (let offset = 0; offset < bytes.length;) {
      commands.begin(bytes)
      offset = decoder.decode(commands, offset, bytes.length)
      assert.strictEqual(commands.count, 1)
      assert.isTrue(commands.isStopped)
    }
  })

  it("a batch takes as many as it has room for, and the next one continues there", () => {
    const keys = ["a", "b", "c", "d", "e"]
    assert.deepStrictEqual(read([keys.map((key) => array("GET", key)).join("")], { room: 2 }).decoded, keys.map(get))
  })
})
