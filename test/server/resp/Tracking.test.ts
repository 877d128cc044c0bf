/** CLIENT TRACKING over real sockets, byte for byte as Redis answers and invalidates. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as TestServer from "../TestServer.ts"
import type { RawClient } from "../RawClient.ts"
import { begin, bulk, converse, exchange, request, requests, wire } from "./Exchanges.ts"

/** An invalidation in RESP3. */
const invalidated = (...keys: ReadonlyArray<string>): string =>
  wire(">2") + bulk("invalidate") + wire(`*${keys.length}`) + keys.map(bulk).join("")

/** The same as a message in RESP2. */
const message = (...keys: ReadonlyArray<string>): string =>
  wire("*3") + bulk("message") + bulk("__redis__:invalidate") + wire(`*${keys.length}`) + keys.map(bulk).join("")

const ALL_INVALIDATED = wire(">2") + bulk("invalidate") + wire("_")

const subscribed = (kind: string, mark: string, channel: string, count: number): string =>
  wire(`${mark}3`) + bulk(kind) + bulk(channel) + wire(`:${count}`)

/** Chooses RESP3, and drops the answer. */
const speakResp3 = Effect.fnUntraced(function* (client: RawClient) {
  yield* client.send(request("HELLO", "3") + request("PING", "greeted"))
  let received = ""
  while (!received.endsWith(bulk("greeted"))) received += yield* client.lines(1)
})

const idOf = Effect.fnUntraced(function* (client: RawClient) {
  yield* client.send(request("CLIENT", "ID"))
  return Number((yield* client.lines(1)).slice(1))
})

const start = Effect.fnUntraced(function* (options?: TestServer.Options) {
  const server = yield* TestServer.start(options)
  const client = yield* server.connect()
  const other = yield* server.connect()
  yield* speakResp3(client)
  return { server, client, other }
})

const OK = wire("+OK")

/** What a client is told when it reads and others write. */
const cases: ReadonlyArray<{
  readonly name: string
  readonly tracking: string
  /** Requests of the client itself, or of the other one, and what the client receives. */
  readonly steps: ReadonlyArray<readonly ["self" | "other" | "text", string, string]>
}> = [
  {
    name: "of a key that it has read, once",
    tracking: "ON",
    steps: [
      ["other", "SET a 0", ""],
      ["self", "GET a", bulk("0")],
      ["other", "SET a 1", invalidated("a")],
      ["other", "SET a 2", ""],
      ["self", "GET a", bulk("2")],
      ["other", "DEL a", invalidated("a")]
    ]
  },
  {
    name: "of a key that it has missed",
    tracking: "ON",
    steps: [
      ["self", "GET a", wire("_")],
      ["other", "SET a 1", invalidated("a")]
    ]
  },
  {
    name: "of all keys of a command, and of each by itself",
    tracking: "ON",
    steps: [
      ["self", "MGET a b c", wire("*3", "_", "_", "_")],
      ["other", "MSET a 1 x 1 c 1", invalidated("a") + invalidated("c")],
      ["self", "STRLEN a", wire(":1")],
      ["self", "GETRANGE c 0 0", bulk("1")],
      ["other", "INCR a", invalidated("a")],
      ["other", "APPEND c 2", invalidated("c")]
    ]
  },
  {
    name: "of what it has changed itself, behind the answer",
    tracking: "ON",
    steps: [
      ["self", "GET a", wire("_")],
      ["self", "SET a 1", OK + invalidated("a")]
    ]
  },
  {
    name: "of nothing that it has changed itself with NOLOOP",
    tracking: "ON NOLOOP",
    steps: [
      ["self", "GET a", wire("_")],
      ["self", "SET a 1", OK],
      ["other", "SET a 2", ""],
      ["self", "GET a", bulk("2")],
      ["other", "SET a 3", invalidated("a")]
    ]
  },
  {
    name: "of nothing that was not changed",
    tracking: "ON",
    steps: [
      ["self", "GET a", wire("_")],
      ["other", "DEL a", ""],
      ["other", "SET a 1 XX", ""],
      ["other", "GET a", ""],
      ["other", "SET a 1 NX", invalidated("a")],
      ["self", "GET a", bulk("1")],
      ["other", "SET a 2 NX", ""]
    ]
  },
  {
    name: "that all keys have gone",
    tracking: "ON NOLOOP",
    steps: [
      ["self", "GET a", wire("_")],
      ["text", "FLUSH", ALL_INVALIDATED],
      ["other", "SET a 1", ""]
    ]
  },
  {
    name: "of keys after CLIENT CACHING YES alone with OPTIN",
    tracking: "ON OPTIN",
    steps: [
      ["self", "GET a", wire("_")],
      ["self", "CLIENT CACHING YES", OK],
      ["self", "GET b", wire("_")],
      ["self", "GET c", wire("_")],
      ["other", "MSET a 1 b 1 c 1", invalidated("b")]
    ]
  },
  {
    name: "of all keys but those after CLIENT CACHING NO with OPTOUT",
    tracking: "ON OPTOUT",
    steps: [
      ["self", "GET a", wire("_")],
      ["self", "CLIENT CACHING NO", OK],
      ["self", "CLIENT GETREDIR", wire(":0")],
      ["self", "GET b", wire("_")],
      ["self", "GET c", wire("_")],
      ["other", "MSET a 1 b 1 c 1", invalidated("a") + invalidated("c")]
    ]
  },
  {
    name: "of all keys with BCAST, all in one message",
    tracking: "ON BCAST",
    steps: [
      ["other", "MSET b 1 a 1", invalidated("b", "a")],
      ["self", "SET a 2", OK + invalidated("a")],
      ["text", "FLUSH", ALL_INVALIDATED]
    ]
  },
  {
    name: "of keys with its prefixes with BCAST, but not of its own changes with NOLOOP",
    tracking: "ON BCAST PREFIX a: PREFIX b: NOLOOP",
    steps: [
      ["other", "MSET a 1 a:1 1 c:1 1 b:1 1 a:2 1", invalidated("a:1", "a:2") + invalidated("b:1")],
      ["self", "SET a:1 2", OK]
    ]
  },
  {
    name: "of nothing any more after OFF",
    tracking: "ON",
    steps: [
      ["self", "GET a", wire("_")],
      ["self", "CLIENT TRACKING OFF", OK],
      ["other", "SET a 1", ""],
      ["self", "CLIENT TRACKING ON", OK],
      ["other", "SET a 2", ""]
    ]
  }
]

describe("a client that tracks is told", () => {
  it.effect.each(cases)("$name", ({ steps, tracking }) =>
    Effect.gen(function* () {
      const { client, other, server } = yield* start()
      const text = yield* server.connect()
      yield* exchange(client, `CLIENT TRACKING ${tracking}`, OK)
      for (const [who, sent, received] of steps) {
        // A CLIENT CACHING holds for the next command.
        if (who === "self") yield* begin(client, requests(sent), received)
        else if (who === "text") {
          yield* text.ask(`${sent}\n`)
          yield* converse(client, "", received)
        } else {
          yield* other.send(requests(sent, "PING executed"))
          let answer = ""
          while (!answer.endsWith(bulk("executed"))) answer += yield* other.lines(1)
          yield* converse(client, "", received)
        }
      }
    })
  )

  it.effect("of what it has read in a transaction, behind the transaction's answer", () =>
    Effect.gen(function* () {
      const { client, other } = yield* start()
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* converse(
        client,
        requests("MULTI", "GET a", "SET a 1", "GET b", "EXEC"),
        wire("+OK", "+QUEUED", "+QUEUED", "+QUEUED", "*3", "_", "+OK", "_") + invalidated("a")
      )
      yield* exchange(other, "SET b 1", OK)
      yield* converse(client, "", invalidated("b"))
    })
  )

  it.effect("of keys of a whole transaction after CLIENT CACHING YES", () =>
    Effect.gen(function* () {
      const { client, other } = yield* start()
      yield* exchange(client, "CLIENT TRACKING ON OPTIN", OK)
      yield* converse(
        client,
        requests("CLIENT CACHING YES", "MULTI", "GET a", "PING", "GET b", "EXEC", "GET c"),
        wire("+OK", "+OK", "+QUEUED", "+QUEUED", "+QUEUED", "*3", "_", "+PONG", "_", "_")
      )
      yield* exchange(other, "MSET a 1 b 1 c 1", OK)
      yield* converse(client, "", invalidated("a") + invalidated("b"))
    })
  )

  it.effect("in the order of its commands, whatever it sends together", () =>
    Effect.gen(function* () {
      const { client, other } = yield* start()
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* converse(
        client,
        requests("GET a", "SET a 1", "SET b 1", "GET b", "GET c"),
        wire("_", "+OK", "+OK") + bulk("1") + wire("_") + invalidated("a")
      )
      yield* exchange(other, "MSET a 2 b 2 c 2", OK)
      yield* converse(client, "", invalidated("b") + invalidated("c"))
    })
  )

  it.effect("of a key that has expired, when it is swept or asked for", () =>
    Effect.gen(function* () {
      const { client, other } = yield* start({ expireInterval: Duration.seconds(30) })
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* converse(
        client,
        requests("SET a 1 PX 1000", "SET b 1 PX 1000", "MGET a b"),
        wire("+OK", "+OK", "*2") + bulk("1").repeat(2)
      )
      yield* TestClock.adjust(1000)
      yield* exchange(other, "GET a", wire("$-1"))
      yield* converse(client, "", invalidated("a"))
      yield* TestClock.adjust("1 minute")
      yield* begin(client, "", invalidated("b"))
    })
  )

  it.effect("of a key that was missed because it had expired, when it comes again", () =>
    Effect.gen(function* () {
      const { client, other } = yield* start({ expireInterval: Duration.minutes(1) })
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* exchange(other, "SET a 1 PX 1000", OK)
      yield* TestClock.adjust(1000)
      yield* converse(client, requests("GET a"), wire("_"))
      yield* exchange(other, "SET a 1", OK)
      yield* converse(client, "", invalidated("a"))
    })
  )

  it.effect("of a key that was evicted", () =>
    Effect.gen(function* () {
      const { client, other } = yield* start({ maxKeys: 2 })
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* converse(client, requests("SET a 1", "GET a"), OK + bulk("1"))
      yield* exchange(other, "MSET b 1 c 1", OK)
      yield* converse(client, "", invalidated("a"))
    })
  )

  it.effect("of what others change in the text protocol, of keys of any bytes", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      const text = yield* server.connect()
      const key = "\r\n\0\xff"
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* converse(client, request("MGET", key, "a"), wire("*2", "_", "_"))
      assert.strictEqual(yield* text.ask("PUT a 1\n"), "OK stored\n")
      yield* converse(client, request("SET", key, "1"), invalidated("a") + OK + invalidated(key))
    })
  )
})

describe("the table of tracked keys", () => {
  it.effect("forgets the key that was read first when it is full, and tells its clients", () =>
    Effect.gen(function* () {
      const { client, other } = yield* start()
      yield* exchange(client, "CONFIG SET tracking-table-max-keys 2", OK)
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* converse(client, requests("GET a", "GET b"), wire("_", "_"))
      yield* converse(client, requests("GET c"), wire("_") + invalidated("a"))
      yield* converse(client, requests("MGET d e"), wire("*2", "_", "_") + invalidated("b") + invalidated("c"))
      yield* exchange(other, "MSET a 1 b 1 c 1 d 1 e 1", OK)
      yield* converse(client, "", invalidated("d") + invalidated("e"))
    })
  )

  it.effect("is empty when those who tracked have gone", () =>
    Effect.gen(function* () {
      const { client, other, server } = yield* start()
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* converse(client, requests("MGET a b c"), wire("*3", "_", "_", "_"))
      const figures = Effect.gen(function* () {
        yield* other.send(requests("INFO"))
        const length = Number((yield* other.lines(1)).slice(1))
        const info = (yield* other.bytes(length + 2)).toString("latin1")
        return ["tracking_clients", "tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"].map(
          (name) => Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1])
        )
      })
      assert.deepStrictEqual(yield* figures, [1, 3, 3, 0])
      yield* client.destroy
      yield* server.quiet
      assert.deepStrictEqual(yield* figures, [0, 0, 0, 0])
      yield* exchange(other, "SET a 1", OK)
    })
  )
})

describe("a redirection", () => {
  it.effect("sends messages to a client of RESP2 that listens, and to no other", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const data = yield* server.connect()
      const listening = yield* server.connect()
      const other = yield* server.connect()
      const id = yield* idOf(listening)
      yield* exchange(data, `CLIENT TRACKING ON REDIRECT ${id}`, OK)
      yield* exchange(data, "CLIENT GETREDIR", wire(`:${id}`))
      yield* converse(data, requests("GET a"), wire("$-1"))
      yield* exchange(other, "SET a 1", OK)
      yield* converse(listening, "", "")
      yield* begin(
        listening,
        requests("SUBSCRIBE __redis__:invalidate"),
        subscribed("subscribe", "*", "__redis__:invalidate", 1)
      )
      yield* converse(data, requests("GET a"), bulk("1"))
      yield* exchange(other, "SET a 2", OK)
      yield* begin(listening, "", message("a"))
      assert.strictEqual(yield* (yield* server.connect()).ask("FLUSH\n"), "OK flushed\n")
      yield* begin(listening, "", wire("*3") + bulk("message") + bulk("__redis__:invalidate") + wire("$-1"))
      yield* converse(data, "", "")
    })
  )

  it.effect("to a client that has gone is told to a client of RESP3", () =>
    Effect.gen(function* () {
      const { client, other, server } = yield* start()
      const listening = yield* server.connect()
      const id = yield* idOf(listening)
      yield* exchange(client, `CLIENT TRACKING ON REDIRECT ${id}`, OK)
      yield* converse(client, requests("GET a"), wire("_"))
      yield* listening.destroy
      yield* server.quiet
      yield* exchange(other, "SET a 1", OK)
      const info = (flags: ReadonlyArray<string>, redirect: number) =>
        wire("%3") +
        bulk("flags") +
        wire(`~${flags.length}`) +
        flags.map(bulk).join("") +
        bulk("redirect") +
        wire(`:${redirect}`) +
        bulk("prefixes") +
        wire("*0")
      yield* converse(client, "", wire(">2") + bulk("tracking-redir-broken") + wire(`:${id}`))
      yield* exchange(client, "CLIENT TRACKINGINFO", info(["on", "broken_redirect"], id))
      yield* exchange(client, "CLIENT TRACKING ON", OK)
      yield* exchange(client, "CLIENT TRACKINGINFO", info(["on"], 0))
    })
  )

  it.effect("to a client that has said QUIT is told likewise, while its peer has not closed yet", () =>
    Effect.gen(function* () {
      const { client, other, server } = yield* start()
      const listening = yield* server.connect({ keepOpen: true })
      const id = yield* idOf(listening)
      yield* exchange(client, `CLIENT TRACKING ON REDIRECT ${id}`, OK)
      yield* converse(client, requests("GET a"), wire("_"))
      yield* listening.send(requests("QUIT"))
      assert.deepStrictEqual(yield* listening.untilEnd, { text: OK, reset: false })
      yield* exchange(other, "SET a 1", OK)
      yield* converse(client, "", wire(">2") + bulk("tracking-redir-broken") + wire(`:${id}`))
    })
  )
})

const info = (flags: ReadonlyArray<string>, redirect: number, prefixes: ReadonlyArray<string> = []) =>
  [
    wire("*6") + bulk("flags") + wire(`*${flags.length}`) + flags.map(bulk).join(""),
    bulk("redirect") + wire(`:${redirect}`),
    bulk("prefixes") + wire(`*${prefixes.length}`) + prefixes.map(bulk).join("")
  ].join("")

const SWITCH = "before disabling tracking for this client, and then re-enabling it with a different mode."
const OVERLAP = "Prefixes for a single client must not overlap."
const NOT_CHOOSING =
  "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"

/** What follows what, and the answers. */
const conversations: ReadonlyArray<ReadonlyArray<readonly [sent: string, answer: string]>> = [
  [
    ["CLIENT TRACKINGINFO", info(["off"], -1)],
    ["CLIENT GETREDIR", wire(":-1")],
    ["CLIENT CACHING YES", wire(NOT_CHOOSING)],
    ["CLIENT TRACKING ON", OK],
    ["CLIENT TRACKINGINFO", info(["on"], 0)],
    ["CLIENT GETREDIR", wire(":0")],
    ["CLIENT CACHING YES", wire("-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")],
    ["CLIENT TRACKING ON OPTIN NOLOOP", OK],
    ["CLIENT TRACKINGINFO", info(["on", "optin", "noloop"], 0)],
    ["CLIENT CACHING NO", wire("-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")],
    ["CLIENT CACHING MAYBE", wire("-ERR syntax error")],
    ["CLIENT CACHING YES", OK],
    ["CLIENT TRACKINGINFO", info(["on", "optin", "caching-yes", "noloop"], 0)],
    ["GET a", wire("$-1")],
    ["CLIENT TRACKINGINFO", info(["on", "optin", "noloop"], 0)],
    ["CLIENT TRACKING ON OPTOUT", wire(`-ERR You can't switch OPTIN/OPTOUT mode ${SWITCH}`)],
    ["CLIENT TRACKING ON BCAST", wire(`-ERR You can't switch BCAST mode on/off ${SWITCH}`)],
    ["CLIENT TRACKING OFF", OK],
    ["CLIENT TRACKING OFF", OK],
    ["CLIENT TRACKINGINFO", info(["off"], -1)]
  ],
  [
    [
      "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab",
      wire(`-ERR Prefix 'a' overlaps with another provided prefix 'ab'. ${OVERLAP}`)
    ],
    ["CLIENT TRACKING ON PREFIX a", wire("-ERR PREFIX option requires BCAST mode to be enabled")],
    ["CLIENT TRACKING ON BCAST PREFIX b PREFIX a", OK],
    ["CLIENT TRACKING ON BCAST PREFIX bc", wire(`-ERR Prefix 'bc' overlaps with an existing prefix 'b'. ${OVERLAP}`)],
    ["CLIENT TRACKING ON BCAST PREFIX c", OK],
    ["CLIENT TRACKINGINFO", info(["on", "bcast"], 0, ["a", "b", "c"])],
    ["CLIENT TRACKING ON", wire(`-ERR You can't switch BCAST mode on/off ${SWITCH}`)],
    ["CLIENT TRACKING ON BCAST OPTIN", wire("-ERR OPTIN and OPTOUT are not compatible with BCAST")],
    ["RESET", wire("+RESET")],
    ["CLIENT TRACKINGINFO", info(["off"], -1)],
    ["CLIENT TRACKING ON BCAST", OK],
    ["CLIENT TRACKINGINFO", info(["on", "bcast"], 0, [""])]
  ],
  [
    ["CLIENT TRACKING ON OPTIN OPTOUT", wire("-ERR You can't specify both OPTIN mode and OPTOUT mode")],
    ["CLIENT TRACKING ON REDIRECT 99999", wire("-ERR The client ID you want redirect to does not exist")],
    ["CLIENT TRACKING ON REDIRECT 0", wire("-ERR The client ID you want redirect to does not exist")],
    ["CLIENT TRACKING ON REDIRECT x", wire("-ERR value is not an integer or out of range")],
    ["CLIENT TRACKING ON REDIRECT", wire("-ERR syntax error")],
    ["CLIENT TRACKING MAYBE", wire("-ERR syntax error")],
    ["CLIENT TRACKING ON NOTHING", wire("-ERR syntax error")],
    ["CLIENT TRACKING", wire("-ERR wrong number of arguments for 'client|tracking' command")],
    ["CLIENT CACHING", wire("-ERR wrong number of arguments for 'client|caching' command")],
    ["CLIENT CACHING MAYBE", wire(NOT_CHOOSING)]
  ]
]

describe("CLIENT TRACKING and its kin", () => {
  it.effect.each(conversations.map((steps) => ({ steps, first: steps[0]?.[0] })))(
    "answer as Redis does: $first",
    ({ steps }) =>
      Effect.gen(function* () {
        const server = yield* TestServer.start()
        const client = yield* server.connect()
        for (const [sent, answer] of steps) yield* exchange(client, sent, answer)
      })
  )
})

const FORBIDDEN = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"

describe("a client that listens", () => {
  it.effect("may send little else in RESP2, until it listens no more", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const steps: ReadonlyArray<readonly [string, string]> = [
        ["UNSUBSCRIBE", wire("*3") + bulk("unsubscribe") + wire("$-1", ":0")],
        [
          "SUBSCRIBE a b a",
          subscribed("subscribe", "*", "a", 1) +
            subscribed("subscribe", "*", "b", 2) +
            subscribed("subscribe", "*", "a", 2)
        ],
        ["GET a", wire(`-ERR Can't execute 'get': ${FORBIDDEN}`)],
        ["CLIENT ID", wire(`-ERR Can't execute 'client|id': ${FORBIDDEN}`)],
        ["MULTI", wire(`-ERR Can't execute 'multi': ${FORBIDDEN}`)],
        ["GET", wire("-ERR wrong number of arguments for 'get' command")],
        ["PING", wire("*2") + bulk("pong") + bulk("")],
        ["PING x", wire("*2") + bulk("pong") + bulk("x")],
        ["UNSUBSCRIBE c a", subscribed("unsubscribe", "*", "c", 2) + subscribed("unsubscribe", "*", "a", 1)],
        ["UNSUBSCRIBE", subscribed("unsubscribe", "*", "b", 0)],
        ["GET a", wire("$-1")],
        ["SUBSCRIBE a", subscribed("subscribe", "*", "a", 1)],
        ["RESET", wire("+RESET")],
        ["GET a", wire("$-1")],
        ["PING", wire("+PONG")]
      ]
      // One by one, and all at once.
      for (const [sent, answer] of steps) yield* exchange(client, sent, answer)
      yield* begin(client, requests(...steps.map(([sent]) => sent)), steps.map(([, answer]) => answer).join(""))
    })
  )

  it.effect("may send anything in RESP3", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      yield* exchange(client, "SUBSCRIBE a", subscribed("subscribe", ">", "a", 1))
      yield* exchange(client, "SET a 1", OK)
      yield* exchange(client, "PING", wire("+PONG"))
      yield* exchange(client, "UNSUBSCRIBE", subscribed("unsubscribe", ">", "a", 0))
    })
  )
})
