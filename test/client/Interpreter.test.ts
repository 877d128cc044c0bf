/** A line in, an action out. */
import { assert, describe, it } from "@effect/vitest"
import { Key, NO_TTL, Ttl, Value } from "../../src/domain/Command.ts"
import * as Reply from "../../src/domain/Reply.ts"
import { type Action, formatNanos, grammar, interpret, type Peer, prompt, style } from "../../src/client/Interpreter.ts"
import { hint } from "../../src/client/LineEditor.ts"
import { textProtocol } from "../../src/protocol/text/TextProtocol.ts"

const action = (line: string, peer: Peer = "real") => interpret(line, textProtocol, peer)

const send = (command: Extract<Action, { readonly _tag: "Send" }>["command"], timed = false): Action => ({
  _tag: "Send",
  command,
  timed
})

const refuse = (message: string): Action => ({ _tag: "Refuse", reply: Reply.failed(message) })

const key = Key.make("foo")
const value = Value.make("bar")

describe("a line", () => {
  it.each<[string, Action]>([
    ["", { _tag: "Nothing" }],
    [" \t ", { _tag: "Nothing" }],
    ["PUT foo bar", send({ _tag: "Put", key, value, ttl: NO_TTL })],
    ["put  foo\tbar 10 ", send({ _tag: "Put", key, value, ttl: Ttl.make(10) })],
    ["GET foo", send({ _tag: "Get", key })],
    ["DELETE foo", send({ _tag: "Delete", key })],
    ["EXISTS foo", send({ _tag: "Exists", key })],
    ["QUIT", { _tag: "Leave" }],
    ["quit", { _tag: "Leave" }],
    ["exit", { _tag: "Leave" }],
    ["EXIT", { _tag: "Leave" }],
    ["status", { _tag: "Status" }],
    ["STATS", send({ _tag: "Stats" })],
    ["flush", send({ _tag: "Flush" })],
    ["reconnect", { _tag: "Reconnect" }],
    ["clear", { _tag: "Clear" }],
    ["time GET foo", send({ _tag: "Get", key }, true)],
    ["  Time  get foo", send({ _tag: "Get", key }, true)],
    ["time QUIT", { _tag: "Leave" }],
    // The server decides whether it accepts the command.
    ["CLOCK NOW", send({ _tag: "Clock", action: { _tag: "Now" } })],
    ["time clock run 1.5", send({ _tag: "Clock", action: { _tag: "Run", factor: 1.5 } }, true)]
  ])("'%s' is understood", (line, expected) => {
    assert.deepStrictEqual(action(line), expected)
  })

  it.each([
    ["GET", "wrong number of arguments: usage GET <key>"],
    ["QUIT now", "wrong number of arguments: usage QUIT"],
    ["FOO", "unknown command 'FOO': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT"],
    ["PUT foo bar 1.5", "ttl must be a whole number of seconds from 0 to 2147483647"],
    [
      'PUT foo "bar soon"',
      "values cannot hold spaces, and 'soon\"' is no ttl in whole seconds: usage PUT <key> <value> [ttl]"
    ],
    ["PUT caf\u00e9 bar", "key must be 1 to 256 printable ASCII characters without whitespace"],
    // The low byte of U+0141 is an `A`.
    ["PUT \u0141 bar", "key must be 1 to 256 printable ASCII characters without whitespace"],
    [`PUT foo ${"x".repeat(257)}`, "value must be 1 to 256 printable ASCII characters without whitespace"],
    [`GET ${"x".repeat(5000)}`, "line too long: a request has fewer than 4096 bytes"],
    ["POST / HTTP/1.1", "this server does not speak HTTP"],
    ["time", "wrong number of arguments: usage time <command>"],
    ["time help", "unknown command 'help': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT"],
    ["? PUT GET", "wrong number of arguments: usage help [command]"],
    ["help PUT GET", "wrong number of arguments: usage help [command]"],
    ["status now", "wrong number of arguments: usage status"],
    ["exit now", "wrong number of arguments: usage exit"],
    ["help caf\u00e9", "no help for 'caf?': type 'help' for all commands"]
  ])("'%s' is refused in the server's words", (line, message) => {
    assert.deepStrictEqual(action(line), refuse(message))
  })

  it("is not read as the first of a connection, so HTTP is left to the server", () => {
    assert.deepStrictEqual(
      action("PUT foo HTTP/1.1"),
      send({ _tag: "Put", key, value: Value.make("HTTP/1.1"), ttl: NO_TTL })
    )
  })
})

describe("the words that are completed and hinted", () => {
  it("include CLOCK and its actions if time is virtual", () => {
    const words = (peer: Peer) => grammar(peer).map(({ name }) => name)
    assert.notInclude(words("real"), "CLOCK")
    assert.notInclude(words("none"), "CLOCK")
    assert.include(words("virtual"), "CLOCK")
    const hints = ["CLOCK", "CLOCK ADVANCE", "clock set", "CLOCK RUN", "CLOCK NOW", "time CLOCK ADVANCE"]
    assert.deepStrictEqual(
      hints.map((line) => hint(line, grammar("virtual"))),
      [" <action>", " <ms>", " <ms>", " [factor]", "", " <ms>"]
    )
  })
})

describe("help", () => {
  const text = (line: string, peer: Peer = "real") => {
    const result = action(line, peer)
    return result._tag === "Print" ? result.text : ""
  }

  it("lists every command in rows of at most 80 characters", () => {
    const help = text("help")
    assert.notInclude(help, "CLOCK")
    for (const { name } of grammar("real")) assert.include(help, `\n  ${name}`)
    for (const row of help.split("\n")) assert.isAtMost(row.length, 79)
  })

  it("is also shown for ?", () => {
    assert.notStrictEqual(text("help"), "")
    assert.deepStrictEqual(action("?"), action("help"))
    assert.deepStrictEqual(action(" ? put ", "virtual"), action("help PUT", "virtual"))
  })

  it("explains each command", () => {
    assert.strictEqual(
      text("help PUT"),
      [
        "PUT <key> <value> [ttl]",
        "  Store a value, for [ttl] seconds or for good",
        "  Key and value are 1 to 256 printable ASCII characters without whitespace.",
        "  A value that is there is replaced, and so is its ttl; 0 means no expiry.",
        "  Example: PUT greeting hello 60"
      ].join("\n")
    )
    for (const { name } of grammar("virtual")) assert.isTrue(text(`help ${name.toLowerCase()}`).startsWith(name))
  })

  it("lists CLOCK if time is virtual, and explains it in any case", () => {
    const help = text("help", "virtual")
    assert.include(help, "\n  CLOCK <action>")
    for (const { name } of grammar("virtual")) assert.include(help, `\n  ${name}`)
    for (const row of [...help.split("\n"), ...text("help CLOCK").split("\n")]) assert.isAtMost(row.length, 79)
    assert.deepStrictEqual(action("help CLOCK"), action("help clock", "virtual"))
  })
})

describe("text on the screen", () => {
  it("has the prompts of the transcript", () => {
    assert.strictEqual(prompt("real"), ">>> ")
    assert.strictEqual(prompt("none"), "not connected>>> ")
    assert.strictEqual(prompt("virtual"), "virtual>>> ")
  })

  it("has no escape sequences without colours", () => {
    const { dim, error, notice } = style(false)
    assert.strictEqual(error("a") + notice("b") + dim("c"), "abc")
    assert.strictEqual(style(true).error("a"), "\u001b[31ma\u001b[0m")
  })

  it("gives a time span in a fitting unit", () => {
    assert.deepStrictEqual([1n, 312_345n, 999_000_000n, 1_500_000_000n].map(formatNanos), [
      "0.00 ms",
      "0.31 ms",
      "999.00 ms",
      "1.50 s"
    ])
  })
})
