import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Command from "../../../src/domain/Command.ts"
import * as Reply from "../../../src/domain/Reply.ts"
import { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { type MalformedReply, Protocol } from "../../../src/protocol/Protocol.ts"
import { type Malformed, type Request, RequestReader } from "../../../src/protocol/RequestReader.ts"
import * as TextProtocol from "../../../src/protocol/text/TextProtocol.ts"
import { copyToWords, wordsOf } from "../../../src/engine/Words.ts"
import { decodeReplies, encodedReply, protocolContract, type ReplyCase, type RequestCase } from "../ProtocolContract.ts"

const protocol = TextProtocol.textProtocol

const put = (key: string, value: string, ttl = 0): Request => ({
  _tag: "Put",
  key: Command.Key.make(key),
  value: Command.Value.make(value),
  ttl: Command.Ttl.make(ttl)
})
const get = (key: string): Request => ({ _tag: "Get", key: Command.Key.make(key) })
const del = (key: string): Request => ({ _tag: "Delete", key: Command.Key.make(key) })
const exists = (key: string): Request => ({ _tag: "Exists", key: Command.Key.make(key) })
const stats: Request = { _tag: "Stats" }
const flush: Request = { _tag: "Flush" }
const quit: Request = { _tag: "Quit" }
const clock = (action: Command.ClockAction): Request => ({ _tag: "Clock", action })
const advance = (millis: number) => clock({ _tag: "Advance", millis })
const run = (factor: number) => clock({ _tag: "Run", factor })

const malformed = (message: string, reason: Malformed["reason"] = "syntax"): Request => ({
  _tag: "Malformed",
  message,
  reason
})

const blank = malformed("empty line: expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT")
const unknown = (shown: string) =>
  malformed(`unknown command '${shown}': expected PUT, GET, DELETE, EXISTS, EXPLAIN, STATS, FLUSH, or QUIT`)
const usage = (text: string) => malformed(`wrong number of arguments: usage ${text}`)
const tooManyForPut = usage("PUT <key> <value> [ttl]; values cannot hold spaces")
const restOfValue = (shown: string) =>
  malformed(`values cannot hold spaces, and '${shown}' is no ttl in whole seconds: usage PUT <key> <value> [ttl]`)
const badKey = malformed("key must be 1 to 256 printable ASCII characters without whitespace")
const badValue = malformed("value must be 1 to 256 printable ASCII characters without whitespace")
const badTtl = malformed("ttl must be a whole number of seconds from 0 to 2147483647")
const badClock = malformed(
  "wrong arguments: usage CLOCK NOW, CLOCK ADVANCE <ms>, CLOCK SET <ms>, CLOCK RUN [factor], CLOCK FREEZE, or CLOCK RESET"
)
const badMillis = malformed("ms must be a whole number of milliseconds from 0 to 2199023255552")
const badFactor = malformed("factor must be a number from 0.000001 to 1000000")
const tooLong = malformed("line too long: a request has fewer than 4096 bytes", "too-long")
const http = malformed("this server does not speak HTTP", "http")
const httpRequest = malformed(
  "This port speaks KV-Cache's protocol, not HTTP: lines such as PUT <key> <value> and GET <key>.",
  "http-request"
)

const PUT_USAGE = "PUT <key> <value> [ttl]"

const printable = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i)).join("")

/** A request that fills a line of `length` bytes, not counting the newline. */
const lineOf = (length: number, end = ""): string => `GET k${" ".repeat(length - "GET k".length - end.length)}${end}`

const requests: ReadonlyArray<RequestCase> = [
  // The commands.
  { name: "PUT", input: "PUT key value\n", requests: [put("key", "value")] },
  { name: "PUT with a ttl", input: "PUT key value 60\n", requests: [put("key", "value", 60)] },
  { name: "GET", input: "GET key\n", requests: [get("key")] },
  { name: "DELETE", input: "DELETE key\n", requests: [del("key")] },
  { name: "EXISTS", input: "EXISTS key\n", requests: [exists("key")] },
  { name: "STATS", input: "STATS\n", requests: [stats] },
  { name: "FLUSH", input: "FLUSH\n", requests: [flush] },
  { name: "STATS and FLUSH in lower case", input: "stats\r\n flush \n", requests: [stats, flush] },
  { name: "QUIT", input: "QUIT\n", requests: [quit], leaves: "ended" },
  { name: "lower case", input: "put Key VaLue\nget Key\n", requests: [put("Key", "VaLue"), get("Key")] },
  { name: "mixed case", input: "dElEtE k\nExistS K\nqUIt\n", requests: [del("k"), exists("K"), quit], leaves: "ended" },
  {
    name: "a pipeline",
    input: "PUT a 1\nGET a\nEXISTS a\nDELETE a\nGET a\n",
    requests: [put("a", "1"), get("a"), exists("a"), del("a"), get("a")]
  },

  // Line endings and blanks.
  { name: "CRLF", input: "PUT a 1\r\nGET a\r\n", requests: [put("a", "1"), get("a")] },
  { name: "CRLF and LF mixed", input: "GET a\nGET b\r\nGET c\n", requests: [get("a"), get("b"), get("c")] },
  { name: "QUIT with CRLF", input: "QUIT\r\n", requests: [quit], leaves: "ended" },
  { name: "leading and trailing blanks", input: " \t GET \t a \t \n", requests: [get("a")] },
  { name: "trailing blanks before CRLF", input: "GET a \t\r\n", requests: [get("a")] },
  { name: "tabs between words", input: "PUT\ta\t\tb\t5\n", requests: [put("a", "b", 5)] },
  { name: "runs of blanks", input: "PUT   a  \t  b    5\n", requests: [put("a", "b", 5)] },
  { name: "only one CR is dropped", input: "GET a\r\r\n", requests: [badKey] },
  { name: "CR within a line", input: "GET a\rb\n", requests: [badKey] },
  { name: "CR before blanks", input: "GET a\r \n", requests: [badKey] },
  { name: "empty line", input: "\n", requests: [blank] },
  { name: "empty line with CRLF", input: "\r\n", requests: [blank] },
  { name: "line of blanks", input: " \t  \n", requests: [blank] },
  { name: "many empty lines", input: "\n\r\n\nGET a\n", requests: [blank, blank, blank, get("a")] },
  { name: "vertical tab does not separate", input: "GET\x0ba\n", requests: [unknown("GET?a")] },
  { name: "form feed is no blank", input: "GET a\x0c\n", requests: [badKey] },
  { name: "no-break space is no blank", input: "GET\xa0a\n", requests: [unknown("GET?a")] },

  // Unfinished lines.
  { name: "nothing but a part", input: "GET a", requests: [], leaves: "unfinished" },
  { name: "QUIT without a newline", input: "QUIT", requests: [], leaves: "unfinished" },
  { name: "CR without a newline", input: "GET a\r", requests: [], leaves: "unfinished" },
  { name: "a last line without newline", input: "GET a\nDELETE a", requests: [get("a")], leaves: "unfinished" },
  { name: "HTTP without a newline", input: "GET / HTTP/1.1", requests: [], leaves: "unfinished" },

  // Argument counts.
  { name: "PUT alone", input: "PUT\n", requests: [usage(PUT_USAGE)] },
  { name: "PUT without a value", input: "PUT a\n", requests: [usage(PUT_USAGE)] },
  { name: "PUT with too much", input: "PUT a b 1 2\n", requests: [tooManyForPut] },
  { name: "PUT with far too much", input: `PUT${" a".repeat(100)}\n`, requests: [tooManyForPut] },
  { name: "PUT of three quoted words", input: 'PUT q "to be or"\n', requests: [tooManyForPut] },
  {
    name: "PUT of two quoted words",
    input: 'PUT q "hello world"\nGET q\n',
    requests: [restOfValue('world"'), get("q")]
  },
  { name: "PUT of two quoted words and a ttl", input: "PUT q 'hello world' 60\n", requests: [tooManyForPut] },
  { name: "PUT of two words", input: "PUT q hello world\n", requests: [restOfValue("world")] },
  { name: "PUT of a quoted number at the end", input: 'PUT q "room 5"\n', requests: [restOfValue('5"')] },
  {
    name: "PUT of two words, the second one long and not printable",
    input: `PUT q hello \x1b${"w".repeat(40)}\n`,
    requests: [restOfValue(`?${"w".repeat(31)}`)]
  },
  {
    name: "STATS of one",
    input: "STATS a\nGET a\n",
    requests: [malformed("the topic of STATS is CURVE, HOT or BIG"), get("a")]
  },
  { name: "FLUSH of one", input: "FLUSH a\nGET a\n", requests: [usage("FLUSH"), get("a")] },
  { name: "GET alone", input: "GET\n", requests: [usage("GET <key>")] },
  { name: "GET of two", input: "get a b\n", requests: [usage("GET <key>")] },
  { name: "DELETE alone", input: "DELETE\n", requests: [usage("DELETE <key>")] },
  { name: "DELETE of two", input: "DELETE a b\n", requests: [usage("DELETE <key>")] },
  { name: "EXISTS alone", input: "EXISTS\n", requests: [usage("EXISTS <key>")] },
  { name: "EXISTS of two", input: "EXISTS a b\n", requests: [usage("EXISTS <key>")] },
  { name: "QUIT x goes on", input: "QUIT x\nGET a\n", requests: [usage("QUIT"), get("a")] },
  { name: "QUIT with a lot goes on", input: "quit 1 2 3 4 5\nGET a\n", requests: [usage("QUIT"), get("a")] },

  // Unknown commands.
  { name: "unknown command", input: "FLUSHALL\n", requests: [unknown("FLUSHALL")] },
  { name: "unknown command with arguments", input: "Incr a 1\n", requests: [unknown("Incr")] },
  { name: "32 characters are shown", input: `${"a".repeat(32)} b\n`, requests: [unknown("a".repeat(32))] },
  { name: "the 33rd is not", input: `${"a".repeat(32)}b\n`, requests: [unknown("a".repeat(32))] },
  { name: "unprintable command", input: "G\x00T\x1b[1m\x7f a\n", requests: [unknown("G?T?[1m?")] },
  { name: "command of high bytes", input: "\xc3\x84\xff\n", requests: [unknown("???")] },
  {
    name: "names of Object's own",
    input: "__proto__\nconstructor a\n",
    requests: ["__proto__", "constructor"].map(unknown)
  },
  { name: "a prefix of a command", input: "GE a\nGETS a\n", requests: [unknown("GE"), unknown("GETS")] },
  { name: "quotes are not special", input: "PUT \"a 'b\n", requests: [put('"a', "'b")] },
  { name: "an error does not end it", input: "nope\nGET a\n", requests: [unknown("nope"), get("a")] },

  // Keys and values.
  { name: "key of 256", input: `GET ${"k".repeat(256)}\n`, requests: [get("k".repeat(256))] },
  { name: "key of 257", input: `GET ${"k".repeat(257)}\n`, requests: [badKey] },
  { name: "key of 257 in PUT", input: `PUT ${"k".repeat(257)} v\n`, requests: [badKey] },
  { name: "key of 257 in DELETE", input: `DELETE ${"k".repeat(257)}\n`, requests: [badKey] },
  { name: "key of 257 in EXISTS", input: `EXISTS ${"k".repeat(257)}\n`, requests: [badKey] },
  { name: "value of 256", input: `PUT k ${"v".repeat(256)}\n`, requests: [put("k", "v".repeat(256))] },
  { name: "value of 257", input: `PUT k ${"v".repeat(257)}\n`, requests: [badValue] },
  {
    name: "all at their limits",
    input: `PUT ${"k".repeat(256)} ${"v".repeat(256)} 2147483647\r\n`,
    requests: [put("k".repeat(256), "v".repeat(256), 2_147_483_647)]
  },
  {
    name: "every printable character",
    input: `PUT ${printable} ${printable}\n`,
    requests: [put(printable, printable)]
  },
  { name: "keys are case-sensitive", input: "GET a\nGET A\n", requests: [get("a"), get("A")] },
  { name: "key of a command's name", input: "PUT quit get\nGET QUIT\n", requests: [put("quit", "get"), get("QUIT")] },
  { name: "key of Object's own", input: "GET __proto__\n", requests: [get("__proto__")] },
  { name: "NUL in a key", input: "GET a\x00b\n", requests: [badKey] },
  { name: "NUL in a value", input: "PUT a \x00\n", requests: [badValue] },
  { name: "DEL in a key", input: "GET a\x7f\n", requests: [badKey] },
  { name: "control character in a value", input: "PUT a b\x1f\n", requests: [badValue] },
  { name: "high byte in a key", input: "GET caf\xe9\n", requests: [badKey] },
  { name: "UTF-8 in a key", input: "GET caf\xc3\xa9\n", requests: [badKey] },
  { name: "high byte in a value", input: "PUT k \xff\n", requests: [badValue] },
  { name: "first high byte", input: "PUT k \x80\n", requests: [badValue] },
  { name: "key and value bad: the key is named", input: "PUT \x01 \x02 x\n", requests: [badKey] },
  { name: "value and ttl bad: the value is named", input: "PUT k \x02 x\n", requests: [badValue] },

  // TTLs.
  { name: "ttl 0", input: "PUT k v 0\n", requests: [put("k", "v", 0)] },
  { name: "ttl 1", input: "PUT k v 1\n", requests: [put("k", "v", 1)] },
  { name: "largest ttl", input: "PUT k v 2147483647\n", requests: [put("k", "v", 2_147_483_647)] },
  { name: "ttl too large", input: "PUT k v 2147483648\n", requests: [badTtl] },
  { name: "ttl with leading zeros", input: "PUT k v 007\n", requests: [put("k", "v", 7)] },
  { name: "ttl with many leading zeros", input: `PUT k v ${"0".repeat(500)}42\n`, requests: [put("k", "v", 42)] },
  { name: "ttl of very many digits", input: `PUT k v ${"9".repeat(1000)}\n`, requests: [badTtl] },
  ...["+5", "-1", "-0", "1e3", "0x10", "0b1", "1.5", "5.", "1_000", "5s", "1\x00"].map((text): RequestCase => ({
    name: `ttl ${JSON.stringify(text)}`,
    input: `PUT k v ${text}\n`,
    requests: [badTtl]
  })),

  ...["abc", "NaN", "Infinity", "\xb2"].map((text): RequestCase => ({
    name: `no ttl at all: ${JSON.stringify(text)}`,
    input: `PUT k v ${text}\n`,
    requests: [restOfValue(text.replace("\xb2", "?"))]
  })),

  // The clock of a server in virtual time.
  { name: "CLOCK NOW", input: "CLOCK NOW\n", requests: [clock({ _tag: "Now" })] },
  { name: "CLOCK ADVANCE", input: "CLOCK ADVANCE 60000\n", requests: [advance(60_000)] },
  { name: "CLOCK SET", input: "CLOCK SET 0\n", requests: [clock({ _tag: "Set", millis: 0 })] },
  { name: "CLOCK RUN", input: "CLOCK RUN\n", requests: [run(1)] },
  { name: "CLOCK RUN with a factor", input: "CLOCK RUN 60\nCLOCK RUN 0.25\n", requests: [run(60), run(0.25)] },
  { name: "CLOCK FREEZE", input: "CLOCK FREEZE\n", requests: [clock({ _tag: "Freeze" })] },
  { name: "CLOCK RESET", input: "CLOCK RESET\n", requests: [clock({ _tag: "Reset" })] },
  {
    name: "CLOCK in lower case, with blanks and CRLF",
    input: " clock\tNow \r\nClock aDvAnCe  007\r\n",
    requests: [clock({ _tag: "Now" }), advance(7)]
  },
  {
    name: "CLOCK among others",
    input: "GET a\nCLOCK ADVANCE 1\nGET a\nQUIT\n",
    requests: [get("a"), advance(1), get("a"), quit],
    leaves: "ended"
  },
  { name: "longest step", input: "CLOCK ADVANCE 2199023255552\n", requests: [advance(2_199_023_255_552)] },
  ...[
    "",
    "NOW 1",
    "ADVANCE",
    "ADVANCE 1 2",
    "SET",
    "SET 1 2 3",
    "RUN 1 2",
    "FREEZE now",
    "RESET 0",
    "STOP",
    "5",
    "__proto__"
  ].map((text): RequestCase => ({ name: `CLOCK ${text}`, input: `CLOCK ${text}\n`, requests: [badClock] })),
  ...["-1", "+1", "1.5", "1e3", "0x10", "1s", "abc", "2199023255553", "9".repeat(400), "\xb2"].flatMap(
    (text): ReadonlyArray<RequestCase> => [
      { name: `CLOCK ADVANCE ${text}`, input: `CLOCK ADVANCE ${text}\n`, requests: [badMillis] },
      { name: `CLOCK SET ${text}`, input: `CLOCK SET ${text}\n`, requests: [badMillis] }
    ]
  ),
  ...["0", "0.0", "-1", "+1", ".5", "5.", "1e3", "1000000.1", "Infinity", "x"].map((text): RequestCase => ({
    name: `CLOCK RUN ${text}`,
    input: `CLOCK RUN ${text}\n`,
    requests: [badFactor]
  })),

  // Line lengths.
  { name: "line of 4095 bytes", input: `${lineOf(4095)}\n`, requests: [get("k")] },
  { name: "line of 4095 bytes, CR included", input: `${lineOf(4095, "\r")}\n`, requests: [get("k")] },
  { name: "line of 4096 bytes", input: `${lineOf(4096)}\n`, requests: [tooLong], leaves: "ended" },
  { name: "line of 4096 bytes, CR included", input: `${lineOf(4096, "\r")}\n`, requests: [tooLong], leaves: "ended" },
  { name: "4095 bytes without newline", input: lineOf(4095), requests: [], leaves: "unfinished" },
  { name: "4096 bytes without newline", input: lineOf(4096), requests: [tooLong], leaves: "ended" },
  { name: "4096 bytes of NUL", input: "\x00".repeat(4096), requests: [tooLong], leaves: "ended" },
  {
    name: "a long line behind short ones",
    input: `GET a\nGET b\n${lineOf(5000)}\nGET c\n`,
    requests: [get("a"), get("b"), tooLong],
    leaves: "ended"
  },

  // The end of a connection.
  { name: "nothing after QUIT", input: "GET a\nQUIT\nPUT b 1\nx\n", requests: [get("a"), quit], leaves: "ended" },
  { name: "nothing after QUIT, not even a part", input: "QUIT\nPUT b", requests: [quit], leaves: "ended" },

  // The HTTP guard.
  {
    name: "a browser's GET",
    input: "GET /PUT%20a%20b HTTP/1.1\r\nHost: localhost:7171\r\n\r\nPUT a b\r\n",
    requests: [httpRequest],
    leaves: "ended",
    opensConnection: true
  },
  { name: "HTTP/1.0", input: "GET / HTTP/1.0\r\n", requests: [httpRequest], leaves: "ended", opensConnection: true },
  {
    name: "HTTP/1.1 with blanks behind",
    input: "GET / HTTP/1.1 \t\n",
    requests: [httpRequest],
    leaves: "ended",
    opensConnection: true
  },
  {
    name: "a PUT with HTTP/1.1",
    input: "PUT / HTTP/1.1\r\n",
    requests: [httpRequest],
    leaves: "ended",
    opensConnection: true
  },
  {
    name: "an OPTIONS with HTTP/1.1",
    input: "OPTIONS * HTTP/1.1\n",
    requests: [httpRequest],
    leaves: "ended",
    opensConnection: true
  },
  {
    name: "HTTP/1.1 as fifth word",
    input: "GET a b c HTTP/1.1\n",
    requests: [httpRequest],
    leaves: "ended",
    opensConnection: true
  },
  {
    name: "PUT key HTTP/1.1 as second line",
    input: "GET a\nPUT key HTTP/1.1\n",
    requests: [get("a"), put("key", "HTTP/1.1")]
  },
  { name: "GET HTTP/1.1 behind an error", input: "x\nGET HTTP/1.1\n", requests: [unknown("x"), get("HTTP/1.1")] },
  { name: "HTTP/1.1 not at the end", input: "PUT HTTP/1.1 v\n", requests: [put("HTTP/1.1", "v")] },
  { name: "more than HTTP/1.1", input: "PUT a HTTP/1.1+\n", requests: [put("a", "HTTP/1.1+")] },
  { name: "less than HTTP/1.1", input: "PUT a HTTP/1.\n", requests: [put("a", "HTTP/1.")] },
  { name: "HTTP/2 is a word like any other", input: "PUT a HTTP/2\n", requests: [put("a", "HTTP/2")] },
  ...["POST", "post", "PoSt", "Host:", "HOST:", "host:", "hOsT:"].flatMap((word): ReadonlyArray<RequestCase> => [
    { name: `${word} first`, input: `${word} /\nPUT a b\n`, requests: [http], leaves: "ended" },
    {
      name: `${word} later`,
      input: `GET a\nx\n\t${word}\r\nPUT a b\n`,
      requests: [get("a"), unknown("x"), http],
      leaves: "ended"
    }
  ]),
  { name: "POST / and Host: as arguments", input: "PUT Host: POST\n", requests: [put("Host:", "POST")] },
  { name: "words that begin like HTTP's", input: "POSTS a\nHost a\n", requests: [unknown("POSTS"), unknown("Host")] }
]

const found = (value: string): Reply.Reply => Reply.found(Command.Value.make(value))
const notOurs = (received: string): MalformedReply => ({ _tag: "MalformedReply", received })

const replies: ReadonlyArray<ReplyCase> = [
  { name: "to a PUT", input: "OK stored\n", awaiting: ["Put"], replies: [Reply.stored] },
  { name: "to a GET that hit", input: "OK hello\n", awaiting: ["Get"], replies: [found("hello")] },
  { name: "to a GET that missed", input: "ERROR key not found\n", awaiting: ["Get"], replies: [Reply.notFound] },
  { name: "to a DELETE", input: "OK deleted\n", awaiting: ["Delete"], replies: [Reply.deleted] },
  { name: "to a DELETE that missed", input: "ERROR key not found\n", awaiting: ["Delete"], replies: [Reply.notFound] },
  { name: "to EXISTS", input: "OK 1\nOK 0\n", awaiting: ["Exists", "Exists"], replies: [Reply.present, Reply.absent] },
  {
    name: "to CLOCK",
    input: "OK 0\nOK 2199023255552\nERROR the clock goes forward only: it is 5 ms\n",
    awaiting: ["Clock", "Clock", "Clock"],
    replies: [Reply.time(0), Reply.time(2_199_023_255_552), Reply.failed("the clock goes forward only: it is 5 ms")]
  },
  {
    name: "to STATS, with more than this client knows",
    input: "OK version=1.2.3-rc.1 keys=0 shards=4=5\nERROR unknown command 'STATS'\n",
    awaiting: ["Stats", "Stats"],
    replies: [
      Reply.statistics({ version: "1.2.3-rc.1", keys: "0", shards: "4=5" }),
      Reply.failed("unknown command 'STATS'")
    ]
  },
  ...["OK ", "OK 1", "OK keys", "OK keys=", "OK =1", "OK keys=1  bytes=2", "OK keys=1 b"].map((line): ReplyCase => ({
    name: `to STATS: ${line}`,
    input: `${line}\n`,
    awaiting: ["Stats"],
    replies: [notOurs(line)]
  })),
  { name: "to FLUSH", input: "OK flushed\n", awaiting: ["Flush"], replies: [Reply.flushed] },
  { name: "another answer to FLUSH", input: "OK deleted\n", awaiting: ["Flush"], replies: [notOurs("OK deleted")] },
  ...["OK", "OK authenticated ", "OK stored"].map((line): ReplyCase => ({
    name: `another answer to AUTH: ${line}`,
    input: `${line}\n`,
    awaiting: ["Auth"],
    replies: [notOurs(line)]
  })),
  ...["OK ", "OK 1.5", "OK -1", "OK stored", "OK 1 2", "OK 0x1"].map((line): ReplyCase => ({
    name: `to CLOCK: ${line}`,
    input: `${line}\n`,
    awaiting: ["Clock"],
    replies: [notOurs(line)]
  })),
  { name: "with CRLF", input: "OK stored\r\nOK 1\r\n", awaiting: ["Put", "Get"], replies: [Reply.stored, found("1")] },
  {
    name: "values that look like other replies",
    input: "OK stored\nOK deleted\nOK 1\nOK OK\nOK ERROR\n",
    awaiting: ["Get", "Get", "Get", "Get", "Get"],
    replies: ["stored", "deleted", "1", "OK", "ERROR"].map(found)
  },
  { name: "a value of 256", input: `OK ${"v".repeat(256)}\n`, awaiting: ["Get"], replies: [found("v".repeat(256))] },
  { name: "an error", input: "ERROR ttl is bad\n", awaiting: ["Put"], replies: [Reply.failed("ttl is bad")] },
  {
    name: "a miss that nobody could have",
    input: "ERROR key not found\nERROR key not found\n",
    awaiting: ["Put", "Exists"],
    replies: [Reply.failed("key not found"), Reply.failed("key not found")]
  },
  {
    name: "an unsolicited error",
    input: "ERROR too many connections\n",
    awaiting: [],
    replies: [Reply.failed("too many connections")]
  },
  {
    name: "an unsolicited error behind the last answer",
    input: "OK stored\nERROR idle\n",
    awaiting: ["Put"],
    replies: [Reply.stored, Reply.failed("idle")]
  },
  { name: "unfinished", input: "OK stored\nOK hel", awaiting: ["Put", "Get"], replies: [Reply.stored] },
  { name: "OK where none is awaited", input: "OK stored\n", awaiting: [], replies: [notOurs("OK stored")] },
  { name: "OK to QUIT", input: "OK stored\n", awaiting: ["Quit"], replies: [notOurs("OK stored")] },
  { name: "another answer to a PUT", input: "OK deleted\n", awaiting: ["Put"], replies: [notOurs("OK deleted")] },
  { name: "another answer to a DELETE", input: "OK stored\n", awaiting: ["Delete"], replies: [notOurs("OK stored")] },
  { name: "another answer to EXISTS", input: "OK 2\n", awaiting: ["Exists"], replies: [notOurs("OK 2")] },
  { name: "two words for a value", input: "OK a b\n", awaiting: ["Get"], replies: [notOurs("OK a b")] },
  { name: "no value", input: "OK \n", awaiting: ["Get"], replies: [notOurs("OK ")] },
  { name: "OK alone", input: "OK\n", awaiting: ["Put"], replies: [notOurs("OK")] },
  { name: "ERROR alone", input: "ERROR\n", awaiting: ["Get"], replies: [notOurs("ERROR")] },
  { name: "lower case", input: "ok stored\n", awaiting: ["Put"], replies: [notOurs("ok stored")] },
  { name: "an empty line", input: "\n", awaiting: ["Put"], replies: [notOurs("")] },
  { name: "unprintable bytes", input: "OK a\x00\xff\x1b\n", awaiting: ["Get"], replies: [notOurs("OK a???")] },
  {
    name: "another server",
    input: "HTTP/1.1 400 Bad Request\r\n",
    awaiting: ["Put"],
    replies: [notOurs("HTTP/1.1 400 Bad Request")]
  },
  {
    name: "a value of 257",
    input: `OK ${"v".repeat(257)}\n`,
    awaiting: ["Get"],
    replies: [notOurs(`OK ${"v".repeat(61)}`)]
  },
  {
    name: "malformed behind well-formed",
    input: "OK stored\n-ERR\n",
    awaiting: ["Put", "Put"],
    replies: [Reply.stored, notOurs("-ERR")]
  }
]

protocolContract("the text protocol", protocol, { requests, replies })

describe("the text protocol", () => {
  it("leaves exactly the bytes of the unfinished line", () => {
    const reader = new RequestReader(protocol.makeRequestDecoder())
    const steps: ReadonlyArray<readonly [string, number, ReadonlyArray<Request>]> = [
      ["GET a\nGE", 2, [get("a")]],
      ["T ", 4, []],
      ["b", 5, []],
      ["\r", 6, []],
      ["\nx", 1, [get("b")]],
      ["\n", 0, [unknown("x")]]
    ]
    for (const [bytes, pending, requests] of steps) {
      assert.deepStrictEqual(reader.read(Buffer.from(bytes)), requests)
      assert.strictEqual(reader.pending, pending, JSON.stringify(bytes))
    }
  })

  it("keeps connections separate", () => {
    const one = protocol.makeRequestDecoder()
    const other = protocol.makeRequestDecoder()
    const decode = (decoder: typeof one, text: string): ReadonlyArray<number> => {
      const batch = new CommandBatch()
      batch.begin(Buffer.from(text))
      return [decoder.decode(batch, 0, text.length), batch.count]
    }
    assert.deepStrictEqual(decode(one, "GET on"), [0, 0])
    assert.deepStrictEqual(decode(other, "GET other\nQUIT\n"), [15, 2])
    assert.deepStrictEqual(decode(other, "GET a\n"), [6, 0])
    assert.deepStrictEqual(decode(one, "GET one\n"), [8, 1])
  })

  it.each(["a b", "", "\n", "caf\u00e9", "a\x7f", "\0", "v".repeat(257)])(
    "says that no line can hold the value %j, whichever way it comes",
    (value) => {
      const bytes = Buffer.from(value, "latin1")
      const words = new Int32Array(wordsOf(bytes.length) + 2).fill(-1)
      copyToWords(words, 1, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
      const writer = protocol.makeReplyWriter()
      writer.bulk(bytes, 0, bytes.length)
      writer.bulkWords(words, 1, bytes.length)
      writer.null()
      const refusal = "ERROR value cannot be shown as text\n"
      assert.strictEqual(writer.take().toString("latin1"), `${refusal}${refusal}ERROR key not found\n`)
    }
  )

  it("finds a byte that a line cannot hold at every place in a value", () => {
    const writer = protocol.makeReplyWriter()
    for (let length = 1; length <= 9; length++) {
      for (let at = 0; at < length; at++) {
        for (let byte = 0; byte < 256; byte++) {
          const bytes = Buffer.alloc(length, "v")
          bytes[at] = byte
          const words = new Int32Array(wordsOf(length))
          copyToWords(words, 0, new DataView(bytes.buffer, bytes.byteOffset, length), 0, length)
          writer.bulkWords(words, 0, length)
          const isShown = writer.take().toString("latin1").startsWith("OK ")
          if (isShown !== (byte >= 0x21 && byte <= 0x7e)) assert.fail(`${byte} at ${at} of ${length}`)
        }
      }
    }
  })

  it.each([
    [Reply.stored, "OK stored\n"],
    [Reply.deleted, "OK deleted\n"],
    [Reply.notFound, "ERROR key not found\n"],
    [Reply.present, "OK 1\n"],
    [Reply.absent, "OK 0\n"],
    [Reply.flushed, "OK flushed\n"],
    [Reply.statistics({ version: "0.1.0", uptime: "12" }), "OK version=0.1.0 uptime=12\n"],
    [Reply.time(0), "OK 0\n"],
    [Reply.time(Command.MAX_CLOCK_MILLIS), "OK 2199023255552\n"],
    [found("hello"), "OK hello\n"],
    [found("v".repeat(256)), `OK ${"v".repeat(256)}\n`],
    [Reply.failed("what was wrong"), "ERROR what was wrong\n"],
    [Reply.failed("m".repeat(256)), `ERROR ${"m".repeat(256)}\n`],
    [Reply.failed("m".repeat(257)), `ERROR ${"m".repeat(256)}\n`]
  ])("writes %o as the design says", (reply, text) => {
    assert.strictEqual(encodedReply(protocol, reply), text)
  })

  it("tells the kind of each error, prepared or not, and that a missing key is none", () => {
    const told: Array<string> = []
    const writer = protocol.makeReplyWriter((code) => told.push(code))
    const denied = new Reply.FixedReply((sink) => sink.error("NOPERM", "no"))
    const fine = new Reply.FixedReply((sink) => sink.simple("fine"))
    for (let round = 0; round < 2; round++) {
      writer.fixed(denied)
      writer.fixed(fine)
      writer.null()
      writer.error("ERR", "wrong")
      writer.bulk(Buffer.from("a b"), 0, 3)
    }
    assert.deepStrictEqual(told, ["NOPERM", "ERR", "ERR", "NOPERM", "ERR", "ERR"])
  })

  it("turns a browser away in HTTP", () => {
    const writer = protocol.makeReplyWriter()
    writer.refuseHttp("No.")
    assert.strictEqual(
      writer.take().toString("latin1"),
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\nNo.\n"
    )
  })

  it.each<[Command.Command, string]>([
    [{ _tag: "Put", key: Command.Key.make("k"), value: Command.Value.make("v"), ttl: Command.NO_TTL }, "PUT k v\n"],
    [
      { _tag: "Put", key: Command.Key.make("k"), value: Command.Value.make("v"), ttl: Command.Ttl.make(5) },
      "PUT k v 5\n"
    ],
    [{ _tag: "Get", key: Command.Key.make("k") }, "GET k\n"],
    [{ _tag: "Delete", key: Command.Key.make("k") }, "DELETE k\n"],
    [{ _tag: "Exists", key: Command.Key.make("k") }, "EXISTS k\n"],
    [{ _tag: "Stats" }, "STATS\n"],
    [{ _tag: "Flush" }, "FLUSH\n"],
    [{ _tag: "Quit" }, "QUIT\n"],
    [{ _tag: "Auth", password: "p" }, "AUTH p\n"],
    [{ _tag: "Auth", user: "u", password: "p" }, "AUTH u p\n"],
    [{ _tag: "Clock", action: { _tag: "Now" } }, "CLOCK NOW\n"],
    [{ _tag: "Clock", action: { _tag: "Advance", millis: 60_000 } }, "CLOCK ADVANCE 60000\n"],
    [{ _tag: "Clock", action: { _tag: "Set", millis: Command.MAX_CLOCK_MILLIS } }, "CLOCK SET 2199023255552\n"],
    [{ _tag: "Clock", action: { _tag: "Run", factor: 0.5 } }, "CLOCK RUN 0.5\n"],
    [{ _tag: "Clock", action: { _tag: "Run", factor: 0.000001 } }, "CLOCK RUN 0.000001\n"],
    [{ _tag: "Clock", action: { _tag: "Freeze" } }, "CLOCK FREEZE\n"],
    [{ _tag: "Clock", action: { _tag: "Reset" } }, "CLOCK RESET\n"]
  ])("writes the request %o", (command, text) => {
    assert.strictEqual(protocol.encodeCommand(command), text)
  })

  it("names both the received bytes and their kind when a reply is too long", () => {
    const line = `OK \x00${"v".repeat(4092)}`
    const whole = decodeReplies(protocol, [line], ["Get"])
    assert.deepStrictEqual(whole, [notOurs(`OK ?${"v".repeat(60)}`)])
    assert.deepStrictEqual(decodeReplies(protocol, [line.slice(0, 4095)], ["Get"]), [])
    const parts = decodeReplies(protocol, [line.slice(0, 4000), line.slice(4000)], ["Get"])
    assert.deepStrictEqual(
      parts.map((reply) => reply._tag),
      ["MalformedReply"]
    )
  })

  it("reads nothing after a malformed reply in the same chunk", () => {
    assert.deepStrictEqual(decodeReplies(protocol, ["nonsense\nOK stored\n"], ["Put", "Put"]), [notOurs("nonsense")])
  })

  it.effect("is provided by its layer", () =>
    Effect.gen(function* () {
      const provided = yield* Protocol
      assert.strictEqual(provided.encodeCommand({ _tag: "Quit" }), "QUIT\n")
    }).pipe(Effect.provide(TextProtocol.layer))
  )
})
