/** MULTI, EXEC, DISCARD, WATCH and UNWATCH over real sockets, byte for byte as Redis answers them. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { LARGE_VALUE } from "../../../src/commands/LargeValue.ts"
import * as Executors from "../Executors.ts"
import * as TestServer from "../TestServer.ts"
import { begin, bulk, converse, request, requests, wire } from "./Exchanges.ts"

const ABORTED = "-EXECABORT Transaction discarded because of previous errors."
const NESTED = "-ERR MULTI calls can not be nested"

const cases: ReadonlyArray<{ readonly name: string; readonly sent: ReadonlyArray<string>; readonly answer: string }> = [
  {
    name: "executes what was queued, in order",
    sent: ["MULTI", "SET a 1", "GET a", "PING", "EXEC", "GET a"],
    answer: wire("+OK", "+QUEUED", "+QUEUED", "+QUEUED", "*3", "+OK", "$1", "1", "+PONG", "$1", "1")
  },
  { name: "may be empty", sent: ["MULTI", "EXEC", "GET a"], answer: wire("+OK", "*0", "$-1") },
  {
    name: "is forgotten by DISCARD",
    sent: ["MULTI", "SET a 1", "DISCARD", "GET a", "EXEC"],
    answer: wire("+OK", "+QUEUED", "+OK", "$-1", "-ERR EXEC without MULTI")
  },
  {
    name: "is needed by EXEC and DISCARD",
    sent: ["EXEC", "DISCARD", "UNWATCH"],
    answer: wire("-ERR EXEC without MULTI", "-ERR DISCARD without MULTI", "+OK")
  },
  {
    name: "is not nested, and goes on",
    sent: ["MULTI", "MULTI", "SET a 1", "EXEC"],
    answer: wire("+OK", NESTED, "+QUEUED", "*1", "+OK")
  },
  {
    name: "takes no WATCH, and goes on",
    sent: ["MULTI", "WATCH a", "SET a 1", "EXEC"],
    answer: wire("+OK", "-ERR WATCH inside MULTI is not allowed", "+QUEUED", "*1", "+OK")
  },
  {
    name: "is aborted by an unknown command",
    sent: ["MULTI", "SET a 1", "NOTHING", "SET b 1", "EXEC", "GET a", "GET b"],
    answer: wire(
      "+OK",
      "+QUEUED",
      "-ERR unknown command 'NOTHING', with args beginning with: ",
      "+QUEUED",
      ABORTED,
      "$-1",
      "$-1"
    )
  },
  {
    name: "is aborted by a wrong number of arguments",
    sent: ["MULTI", "GET", "EXEC", "EXEC"],
    answer: wire("+OK", "-ERR wrong number of arguments for 'get' command", ABORTED, "-ERR EXEC without MULTI")
  },
  {
    name: "is aborted and over after an EXEC with arguments",
    sent: ["MULTI", "SET a 1", "EXEC now", "GET a"],
    answer: wire(
      "+OK",
      "+QUEUED",
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
      "$-1"
    )
  },
  {
    name: "goes on after an error at execution",
    sent: ["MULTI", "SET a 1", "SET a 2 NONSENSE", "SET b 2", "EXEC", "GET a", "GET b"],
    answer: wire("+OK", "+QUEUED", "+QUEUED", "+QUEUED", "*3", "+OK", "-ERR syntax error", "+OK", "$1", "1", "$1", "2")
  },
  {
    name: "chooses databases on its way, and stays there",
    sent: ["MULTI", "SET a 0", "SELECT 3", "SET a 3", "SELECT 99", "EXEC", "GET a", "SELECT 0", "GET a"],
    answer: wire(
      "+OK",
      "+QUEUED",
      "+QUEUED",
      "+QUEUED",
      "+QUEUED",
      "*4",
      "+OK",
      "+OK",
      "+OK",
      "-ERR DB index is out of range",
      "$1",
      "3",
      "+OK",
      "$1",
      "0"
    )
  },
  {
    name: "is not executed if a watched key has changed, even by the same client, and is over",
    sent: ["WATCH a b", "SET b 1", "MULTI", "SET c 1", "EXEC", "GET c", "MULTI", "SET c 2", "EXEC"],
    answer: wire("+OK", "+OK", "+OK", "+QUEUED", "*-1", "$-1", "+OK", "+QUEUED", "*1", "+OK")
  },
  {
    name: "is executed if nothing watched has changed",
    sent: ["WATCH a", "GET a", "SET b 1", "MULTI", "SET a 1", "EXEC", "SET a 2", "MULTI", "GET a", "EXEC"],
    answer: wire("+OK", "$-1", "+OK", "+OK", "+QUEUED", "*1", "+OK", "+OK", "+OK", "+QUEUED", "*1", "$1", "2")
  },
  {
    name: "is executed if what has changed is watched no more",
    sent: ["WATCH a", "SET a 1", "UNWATCH", "MULTI", "GET a", "EXEC"],
    answer: wire("+OK", "+OK", "+OK", "+OK", "+QUEUED", "*1", "$1", "1")
  },
  {
    name: "watches no more after a DISCARD",
    sent: ["WATCH a", "MULTI", "DISCARD", "SET a 1", "MULTI", "GET a", "EXEC"],
    answer: wire("+OK", "+OK", "+OK", "+OK", "+OK", "+QUEUED", "*1", "$1", "1")
  },
  {
    name: "UNWATCH is queued, and comes too late",
    sent: ["WATCH a", "SET a 1", "MULTI", "UNWATCH", "EXEC"],
    answer: wire("+OK", "+OK", "+OK", "+QUEUED", "*-1")
  },
  {
    name: "says that it was aborted even if a watched key has changed",
    sent: ["WATCH a", "SET a 1", "MULTI", "NOTHING", "EXEC"],
    answer: wire("+OK", "+OK", "+OK", "-ERR unknown command 'NOTHING', with args beginning with: ", ABORTED)
  },
  {
    name: "watches the keys of the database that it was in",
    sent: [
      "WATCH a",
      "SELECT 1",
      "SET a 1",
      "MULTI",
      "PING",
      "EXEC",
      "WATCH a",
      "SELECT 0",
      "SET a 1",
      "MULTI",
      "EXEC"
    ],
    answer: wire("+OK", "+OK", "+OK", "+OK", "+QUEUED", "*1", "+PONG", "+OK", "+OK", "+OK", "+OK", "*0")
  },
  {
    name: "is broken by a change in another database than the present one",
    sent: ["WATCH a", "SET a 1", "SELECT 1", "MULTI", "PING", "EXEC"],
    answer: wire("+OK", "+OK", "+OK", "+OK", "+QUEUED", "*-1")
  }
]

describe("a transaction", () => {
  it.effect.each(cases)("$name", ({ answer, sent }) =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      // In one piece, and piece by piece.
      yield* converse(yield* server.connect(), requests(...sent), answer)
      const other = yield* TestServer.start()
      const client = yield* other.connect()
      yield* client.send(requests(...sent).slice(0, 5))
      for (const byte of requests(...sent).slice(5)) {
        yield* client.send(byte)
        yield* other.quiet
      }
      yield* converse(client, "", answer)
    })
  )

  it.effect("has keys and values of any bytes, and more commands than a batch", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const any = "\r\n\0\xff*$"
      const count = 1000
      const values = Array.from({ length: count }, (_, i) => `${any}${i}${"v".repeat(i)}`)
      const sets = values.map((value, i) => request("SET", `${any}${i}`, value)).join("")
      yield* client.send(requests("MULTI") + sets + requests("EXEC"))
      const answer = wire("+OK") + wire("+QUEUED").repeat(count) + wire(`*${count}`) + wire("+OK").repeat(count)
      assert.strictEqual((yield* client.bytes(answer.length)).toString("latin1"), answer)
      for (const [i, value] of values.entries()) {
        yield* client.send(request("GET", `${any}${i}`))
        assert.strictEqual((yield* client.bytes(bulk(value).length)).toString("latin1"), bulk(value))
      }
    })
  )

  it.effect("lets others in only before and after it", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const other = yield* server.connect()
      yield* begin(client, requests("MULTI", "SET a mine", "GET a"), wire("+OK", "+QUEUED", "+QUEUED"))
      yield* converse(other, requests("SET a other", "GET a"), wire("+OK", "$5", "other"))
      yield* converse(client, requests("EXEC"), wire("*2", "+OK", "$4", "mine"))
    })
  )
})

describe("a client that is not answered", () => {
  it.effect("gets nothing of a transaction either", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const silent = requests("CLIENT REPLY OFF", "MULTI", "SET a 1", "GET a", "EXEC", "CLIENT REPLY ON")
      yield* converse(client, silent + requests("GET a"), wire("+OK", "$1", "1"))
    })
  )

  it.effect("may leave in the midst of a transaction", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* client.send(requests("MULTI", "SET a 1", "QUIT", "GET a"))
      assert.strictEqual((yield* client.untilEnd).text, wire("+OK", "+QUEUED", "+OK"))
    })
  )
})

describe("a watched key", () => {
  it.effect("has changed when its database was exchanged for one that has it, although neither has it later", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* converse(client, requests("SELECT 1", "SET a 1", "SELECT 0"), wire("+OK", "+OK", "+OK"))
      const swapped = ["WATCH a", "SWAPDB 0 1", "FLUSHALL", "MULTI", "EXEC"]
      yield* converse(client, requests(...swapped), wire("+OK", "+OK", "+OK", "+OK", "*-1"))
      yield* converse(client, requests(...swapped), wire("+OK", "+OK", "+OK", "+OK", "*0"))
    })
  )

  it.effect("has changed when another client has changed it, in either protocol", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const other = yield* server.connect()
      const text = yield* server.connect()
      const transaction = requests("MULTI", "GET a", "EXEC")
      yield* converse(client, requests("WATCH a"), wire("+OK"))
      yield* converse(other, requests("SET a 1"), wire("+OK"))
      yield* converse(client, transaction, wire("+OK", "+QUEUED", "*-1"))
      yield* converse(client, requests("WATCH a"), wire("+OK"))
      assert.strictEqual(yield* text.ask("DELETE a\n"), "OK deleted\n")
      yield* converse(client, transaction, wire("+OK", "+QUEUED", "*-1"))
      yield* converse(client, requests("WATCH a"), wire("+OK"))
      assert.strictEqual(yield* text.ask("DELETE a\nEXISTS a\n"), "ERROR key not found\nOK 0\n")
      yield* converse(client, transaction, wire("+OK", "+QUEUED", "*1", "$-1"))
    })
  )

  it.effect("has changed when it has expired, swept or not", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ expireInterval: Duration.seconds(30) })
      const client = yield* server.connect()
      yield* converse(client, requests("SET a 1 PX 1000", "WATCH a"), wire("+OK", "+OK"))
      yield* TestClock.adjust(999)
      yield* converse(client, requests("MULTI", "GET a", "EXEC"), wire("+OK", "+QUEUED", "*1", "$1", "1"))
      yield* converse(client, requests("WATCH a"), wire("+OK"))
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* server.stats).store.expired, 0)
      yield* converse(client, requests("MULTI", "GET a", "EXEC"), wire("+OK", "+QUEUED", "*-1"))
      yield* converse(client, requests("SET b 1 PX 1000", "WATCH b"), wire("+OK", "+OK"))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* server.stats).store.expired, 2)
      yield* converse(client, requests("MULTI", "GET b", "EXEC"), wire("+OK", "+QUEUED", "*-1"))
    })
  )

  it.effect("that has expired before it was watched has not changed", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      yield* converse(client, requests("SET a 1 PX 1000"), wire("+OK"))
      yield* TestClock.adjust(1000)
      yield* converse(client, requests("WATCH a", "GET a", "MULTI", "EXEC"), wire("+OK", "$-1", "+OK", "*0"))
    })
  )

  it.effect("has changed when it was evicted", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxKeys: 2 })
      const client = yield* server.connect()
      yield* converse(client, requests("SET a 1", "WATCH a", "SET b 1", "SET c 1"), wire("+OK", "+OK", "+OK", "+OK"))
      yield* converse(client, requests("MULTI", "EXEC"), wire("+OK", "*-1"))
    })
  )

  it.effect("has changed when all keys were removed, if it was there", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const missing = yield* server.connect()
      const text = yield* server.connect()
      yield* converse(client, requests("SET a 1", "WATCH a"), wire("+OK", "+OK"))
      yield* converse(missing, requests("WATCH b"), wire("+OK"))
      assert.strictEqual(yield* text.ask("FLUSH\n"), "OK flushed\n")
      yield* converse(client, requests("SET a 1", "MULTI", "EXEC"), wire("+OK", "+OK", "*-1"))
      yield* converse(missing, requests("MULTI", "EXEC"), wire("+OK", "*0"))
    })
  )
})

describe("long values of a transaction", () => {
  const long = (character: string): string => character.repeat(LARGE_VALUE + 10)

  it.effect("are stored by it, in order, among short ones", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const queue = [
        ["SET", "a", long("a")],
        ["GET", "a"],
        ["MSET", "b", long("b"), "c", "short", "d", long("d")],
        ["APPEND", "a", long("A")],
        ["SET", "b", long("x"), "NX"],
        ["SETNX", "e", long("e")],
        ["GETSET", "e", long("E")],
        ["SETRANGE", "f", "5", long("f")],
        ["SET", "a", long("y"), "NONSENSE"],
        ["STRLEN", "a"]
      ]
      const sent = requests("MULTI") + queue.map((words) => request(...words)).join("") + requests("EXEC")
      const length = LARGE_VALUE + 10
      const answer =
        wire("+OK") +
        wire("+QUEUED").repeat(queue.length) +
        wire(`*${queue.length}`, "+OK") +
        bulk(long("a")) +
        wire("+OK", `:${2 * length}`, "$-1", ":1") +
        bulk(long("e")) +
        wire(`:${length + 5}`, "-ERR syntax error", `:${2 * length}`)
      yield* converse(client, sent, answer)
      const values = {
        a: long("a") + long("A"),
        b: long("b"),
        d: long("d"),
        e: long("E"),
        f: `${"\0".repeat(5)}${long("f")}`
      }
      for (const [key, value] of Object.entries(values)) yield* converse(client, requests(`GET ${key}`), bulk(value))
    })
  )

  it.effect("are not stored where a watched key has changed, before EXEC or after", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start()
      const client = yield* server.connect()
      const other = yield* server.connect()
      const queued = requests("WATCH k", "MULTI") + request("SET", "a", long("a"))
      yield* begin(client, queued, wire("+OK", "+OK", "+QUEUED"))
      yield* converse(other, requests("SET k 1"), wire("+OK"))
      yield* converse(client, requests("EXEC"), wire("*-1"))
      yield* converse(client, requests("GET a"), wire("$-1"))
      yield* begin(client, requests("SET k 1 PX 1000") + queued, wire("+OK", "+OK", "+OK", "+QUEUED"))
      yield* TestClock.adjust(1000)
      yield* converse(client, requests("EXEC"), wire("*-1"))
      const { store } = yield* server.stats
      assert.deepInclude(store, { keys: 0 })
      // Nothing of the values is left.
      assert.isBelow(store.bytes, 1000)
    })
  )
})

describe("what a transaction holds", () => {
  it.effect("is the client's memory: a queue beyond the limit costs the client its connection", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxClientMemory: 1024 * 1024 })
      const greedy = yield* server.connect()
      const other = yield* server.connect()
      yield* begin(other, requests("MULTI", "SET a 1"), wire("+OK", "+QUEUED"))
      yield* greedy.send(requests("MULTI"))
      const value = "v".repeat(1000)
      for (let i = 0; i < 2000; i++) yield* greedy.send(requests(`SET b ${value}`))
      yield* greedy.untilEnd
      assert.deepInclude(yield* server.stats, { overMemory: 1 })
      yield* converse(other, requests("EXEC", "GET b"), wire("*1", "+OK", "$-1"))
    })
  )

  it.effect("is let go with the transaction, and with the connection", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ maxClientMemory: 1024 * 1024 })
      const value = "v".repeat(100_000)
      const keeping = yield* server.connect()
      for (let i = 0; i < 30; i++) {
        yield* converse(keeping, requests("MULTI", `SET a ${value}`, "EXEC"), wire("+OK", "+QUEUED", "*1", "+OK"))
        yield* converse(keeping, requests("MULTI", `SET a ${value}`, "DISCARD"), wire("+OK", "+QUEUED", "+OK"))
        const leaving = yield* server.connect()
        yield* begin(leaving, requests("WATCH a b c", "MULTI", `SET a ${value}`), wire("+OK", "+OK", "+QUEUED"))
        yield* leaving.destroy
        yield* server.quiet
      }
      assert.deepInclude(yield* server.stats, { overMemory: 0, open: 1 })
    })
  )
})

describe("an executor that takes its time", () => {
  it.effect("is waited for by WATCH and EXEC, and others are answered meanwhile", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.start({ executor: Executors.slow(() => 1000) })
      const client = yield* server.connect()
      const other = yield* server.connect()
      const sent = ["WATCH a", "MULTI", "SET a 1", "SELECT 1", "SET a 2", "GET a", "EXEC"]
      const answers = yield* Effect.forkChild(
        converse(
          client,
          requests(...sent),
          wire("+OK", "+OK", "+QUEUED", "+QUEUED", "+QUEUED", "+QUEUED", "*4", "+OK", "+OK", "+OK", "$1", "2")
        )
      )
      const others = yield* Effect.forkChild(converse(other, requests("GET a", "SELECT 1"), wire("$-1", "+OK")))
      yield* Effect.repeat(Effect.andThen(server.quiet, TestClock.adjust("1 second")), {
        while: () => answers.pollUnsafe() === undefined || others.pollUnsafe() === undefined
      })
      yield* Fiber.join(answers)
      yield* Fiber.join(others)
    })
  )
})
