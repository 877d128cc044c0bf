/** One connection to a server that does what servers do at bad moments. The time is the test's. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { monotonicMicros, monotonicMillis } from "../../../src/store/MemoryEngine.ts"
import {
  type EngineError,
  NodeConnection,
  type NodeOptions,
  type Request
} from "../../../src/store/redis/NodeConnection.ts"
import * as Changes from "../../server/Changes.ts"
import * as ScriptedRedis from "./ScriptedRedis.ts"

/** More than half of what may be owed at once. */
const LONG = "x".repeat(24 * 1024 * 1024)

/** What became of a connection, in order. */
interface Told {
  readonly lines: ReadonlyArray<string>
  readonly waitFor: (line: string, count?: number) => Effect.Effect<void>
  readonly options: NodeOptions
}

const listen = Effect.fnUntraced(function* (given: Partial<NodeOptions> = {}) {
  const now = yield* monotonicMillis
  const micros = yield* monotonicMicros
  const lines: Array<string> = []
  const changes = Changes.make()
  const tell = (line: string): void => {
    lines.push(line)
    changes.changed()
  }
  const told: Told = {
    lines,
    waitFor: (line, count = 1) => changes.until(() => lines.filter((each) => each === line).length >= count),
    options: {
      user: undefined,
      password: undefined,
      tls: undefined,
      timeout: 1000,
      now,
      micros,
      isTracking: false,
      onPush: (_, bytes, start, end) => tell(`push ${JSON.stringify(bytes.toString("latin1", start, end))}`),
      onNoTracking: (_, why) => tell(`no tracking: ${why}`),
      onReady: ({ generation }) => tell(`ready ${generation}`),
      onLost: (_, why, wasReady) => tell(`${wasReady ? "lost" : "failed"}: ${why}`),
      ...given
    }
  }
  return told
})

const connectionTo = (port: number, { options }: Told, database = 0): NodeConnection =>
  new NodeConnection({ host: "127.0.0.1", port }, database, 0, options)

/** What a request comes to. */
const ask = (node: NodeConnection, ...words: ReadonlyArray<string>) =>
  Effect.match(
    node.ask(words, (bytes, start, end) => bytes.toString("latin1", start, end)),
    { onFailure: ({ message }: EngineError) => message, onSuccess: (reply) => reply }
  )

const messageOf = Effect.match({
  onFailure: ({ isRefusal, message }: EngineError) => ({ isRefusal, message }),
  onSuccess: () => assert.fail("it is connected")
})

/** Sockets are seen to. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Lets time pass, and what it brings about, until something holds. */
const passesUntil = (holds: () => boolean): Effect.Effect<void> =>
  Effect.repeat(Effect.andThen(TestClock.adjust("50 millis"), turn), { until: holds })

/** A port that nobody listens on. */
const closedPort = Effect.scoped(Effect.map(ScriptedRedis.start(), ({ port }) => port))

/** A connection whose server owes an answer to a GET. */
const owing = Effect.gen(function* () {
  const server = yield* ScriptedRedis.start(({ words }) => (words[0] === "GET" ? "" : undefined))
  const told = yield* listen()
  const node = connectionTo(server.port, told)
  const running = yield* Effect.forkChild(node.run)
  yield* told.waitFor("ready 1")
  const owed = yield* Effect.forkChild(ask(node, "GET", "a"))
  yield* server.waitFor("GET")
  return { node, owed, running, server, told }
})

describe("NodeConnection", () => {
  it.effect(
    "says who it is before anything else",
    Effect.fnUntraced(function* () {
      const server = yield* ScriptedRedis.start()
      const told = yield* listen({ user: "app", password: Redacted.make("sécret"), isTracking: true })
      const node = connectionTo(server.port, told, 3)
      const asked = yield* Effect.forkChild(ask(node, "GET", "a"), { startImmediately: true })
      yield* node.first
      assert.strictEqual(yield* Fiber.join(asked), "+OK\r\n")
      assert.deepStrictEqual(
        server.asked.map(({ words }) => words.map((word) => Buffer.from(word, "latin1").toString())),
        [
          ["HELLO", "3", "AUTH", "app", "sécret", "SETNAME", "kv-cache"],
          ["SELECT", "3"],
          ["CLIENT", "TRACKING", "ON", "OPTIN"],
          ["PING"],
          ["GET", "a"]
        ]
      )
      assert.deepStrictEqual(told.lines, ["ready 1"])
    }, Effect.scoped)
  )

  for (const [what, answers, message] of [
    [
      "its name or password",
      { HELLO: "-WRONGPASS invalid username-password pair or user is disabled.\r\n" },
      "refuses us (HELLO 3): WRONGPASS invalid username-password pair or user is disabled."
    ],
    [
      "its version of the protocol",
      { HELLO: "-NOPROTO unsupported protocol version\r\n" },
      "refuses us (HELLO 3): NOPROTO"
    ],
    [
      "the database",
      { SELECT: "-ERR DB index is out of range\r\n" },
      "refuses database 3: ERR DB index is out of range"
    ],
    [
      "everything",
      { PING: "-NOPERM this user has no permissions\r\n" },
      "refuses us: NOPERM this user has no permissions"
    ]
  ] as const) {
    it.effect(
      `fails if the server refuses ${what}`,
      Effect.fnUntraced(function* () {
        const server = yield* ScriptedRedis.start(
          ({ words }) => Object.entries(answers).find(([name]) => name === words[0])?.[1]
        )
        const node = connectionTo(server.port, yield* listen(), 3)
        const failure = yield* messageOf(node.first)
        assert.isTrue(failure.isRefusal)
        assert.include(failure.message, `127.0.0.1:${server.port} ${message}`)
        assert.isFalse(node.isUsable)
      }, Effect.scoped)
    )
  }

  it.effect(
    "fails if nobody is there",
    Effect.fnUntraced(function* () {
      const node = connectionTo(yield* closedPort, yield* listen())
      assert.deepStrictEqual(yield* messageOf(node.first), {
        isRefusal: false,
        message: `${node.name} cannot be reached (ECONNREFUSED)`
      })
      assert.strictEqual(yield* ask(node, "GET", "a"), `${node.name} cannot be reached (ECONNREFUSED)`)
    }, Effect.scoped)
  )

  it.effect(
    "fails if the server is silent or leaves when it is greeted",
    Effect.fnUntraced(function* () {
      const silent = yield* ScriptedRedis.start(() => "")
      const told = yield* listen()
      const first = connectionTo(silent.port, told)
      const attempt = yield* Effect.forkChild(messageOf(first.first))
      yield* silent.waitFor("PING")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(attempt), {
        isRefusal: false,
        message: `${first.name} did not answer within 1s`
      })
      const leaving = yield* ScriptedRedis.start(() => ScriptedRedis.CLOSE)
      const second = connectionTo(leaving.port, told)
      assert.match(
        (yield* messageOf(second.first)).message,
        /(?:closed the connection|cannot be reached \(ECONNRESET\))$/
      )
      assert.strictEqual(told.lines[0], "failed: did not answer within 1s")
    }, Effect.scoped)
  )

  it.effect(
    "goes on without being told of changes where the server cannot",
    Effect.fnUntraced(function* () {
      const server = yield* ScriptedRedis.start(({ words }) =>
        words[0] === "CLIENT" ? "-ERR unknown subcommand 'TRACKING'\r\n" : undefined
      )
      const told = yield* listen({ isTracking: true })
      const node = connectionTo(server.port, told)
      yield* node.first
      assert.deepStrictEqual(told.lines, ["no tracking: ERR unknown subcommand 'TRACKING'", "ready 1"])
      assert.isTrue(node.isReady)
    }, Effect.scoped)
  )

  it.effect(
    "tells messages and answers apart",
    Effect.fnUntraced(function* () {
      const push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"
      const server = yield* ScriptedRedis.start(({ words }) =>
        words[0] === "GET" ? `${push}$1\r\nv\r\n${push}` : undefined
      )
      const told = yield* listen()
      const node = connectionTo(server.port, told)
      yield* node.first
      assert.strictEqual(yield* ask(node, "GET", "a"), "$1\r\nv\r\n")
      yield* told.waitFor(`push ${JSON.stringify(push)}`, 2)
      yield* server.say(push)
      yield* told.waitFor(`push ${JSON.stringify(push)}`, 3)
    }, Effect.scoped)
  )

  for (const [what, bytes, why] of [
    ["what is no reply", "HTTP/1.1 400\r\n", 'sent what is no reply (no reply begins with "HTTP/1.1 400\\r\\n")'],
    ["a reply too many", "+OK\r\n".repeat(3), "sent what is no reply (a reply that was not asked for)"]
  ] as const) {
    it.effect(
      `gives a server up that sends ${what}, and connects again`,
      Effect.fnUntraced(function* () {
        const server = yield* ScriptedRedis.start(({ connection, words }) =>
          connection > 1 ? undefined : words[0] === "GET" ? bytes : words[0] === "SLOWER" ? "" : undefined
        )
        const told = yield* listen()
        const node = connectionTo(server.port, told)
        yield* node.first
        yield* Effect.forkChild(node.run)
        const owed = yield* Effect.forkChild(
          Effect.all([ask(node, "GET", "a"), ask(node, "SLOWER", "b")], { concurrency: 2 })
        )
        yield* told.waitFor(`lost: ${why}`)
        const [first, second] = yield* Fiber.join(owed)
        assert.include([`${node.name} ${why}`, "+OK\r\n"], first)
        assert.include([`${node.name} ${why}`, "+OK\r\n"], second)
        assert.isFalse(node.isUsable)
        assert.strictEqual(node.reason, why)
        yield* passesUntil(() => node.generation === 2)
        assert.strictEqual(yield* ask(node, "GET", "a"), "+OK\r\n")
        assert.deepStrictEqual(told.lines, ["ready 1", `lost: ${why}`, "ready 2"])
      }, Effect.scoped)
    )
  }

  it.effect(
    "gives a server up that owes an answer for too long, and takes it back when it answers",
    Effect.fnUntraced(function* () {
      let isSilent = true
      const server = yield* ScriptedRedis.start(({ words }) =>
        isSilent && (words[0] === "GET" || words[0] === "SET") ? "" : undefined
      )
      const told = yield* listen()
      const node = connectionTo(server.port, told)
      yield* node.first
      yield* Effect.forkChild(node.run)
      const owed = yield* Effect.forkChild(
        Effect.all([ask(node, "GET", "a"), ask(node, "SET", "a", "b")], { concurrency: 2 })
      )
      yield* server.waitFor("SET")
      yield* TestClock.adjust("900 millis")
      assert.isTrue(node.isReady)
      yield* TestClock.adjust("500 millis")
      const message = `${node.name} did not answer within 1s`
      assert.deepStrictEqual(yield* Fiber.join(owed), [message, message])
      assert.strictEqual(yield* ask(node, "GET", "a"), message, "at once")
      isSilent = false
      yield* passesUntil(() => node.isReady)
      assert.strictEqual(yield* ask(node, "GET", "a"), "+OK\r\n")
    }, Effect.scoped)
  )

  it.effect(
    "does not take it for the server's silence that this process stood still",
    Effect.fnUntraced(function* () {
      let late = 0
      const server = yield* ScriptedRedis.start(({ words }) => (words[0] === "GET" ? "" : undefined))
      const now = yield* monotonicMillis
      const told = yield* listen({ now: () => now() + late })
      const node = connectionTo(server.port, told)
      yield* node.first
      yield* Effect.forkChild(node.run)
      const owed = yield* Effect.forkChild(ask(node, "GET", "a"))
      yield* server.waitFor("GET")
      // The time is another, and the answer is there, but has not been read.
      late = 60_000
      yield* TestClock.adjust("250 millis")
      assert.isTrue(node.isReady)
      yield* server.say("+late\r\n")
      assert.strictEqual(yield* Fiber.join(owed), "+late\r\n")
    }, Effect.scoped)
  )

  it.effect(
    "gives a server more time where there is more for it to read",
    Effect.fnUntraced(function* () {
      const server = yield* ScriptedRedis.start()
      const told = yield* listen()
      const node = connectionTo(server.port, told)
      yield* node.first
      yield* Effect.forkChild(node.run)
      const long = "x".repeat(12 * 1024 * 1024)
      yield* server.pause
      const first = yield* Effect.forkChild(ask(node, "SET", "a", long), { startImmediately: true })
      yield* turn
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(node.isReady)
      yield* server.resume
      assert.strictEqual(yield* Fiber.join(first), "+OK\r\n")
      yield* server.pause
      const second = yield* Effect.forkChild(ask(node, "SET", "a", long), { startImmediately: true })
      yield* turn
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(second), `${node.name} did not answer within 1s`)
    }, Effect.scoped)
  )

  it.effect(
    "asks for long values one after the other, and gives a server more time for them",
    Effect.fnUntraced(function* () {
      const long = `$${LONG.length}\r\n${LONG}\r\n`
      let isSilent = false
      const server = yield* ScriptedRedis.start(({ words }) =>
        words[0] !== "GET" ? undefined : isSilent ? "" : words[1] === "long" ? long : "+short\r\n"
      )
      const told = yield* listen()
      const node = connectionTo(server.port, told)
      yield* node.first
      yield* Effect.forkChild(node.run)
      assert.strictEqual((yield* ask(node, "GET", "long")).length, long.length)
      isSilent = true
      const ends: Array<string> = []
      const request = (key: string): Request => ({
        encode: (out) => {
          out.begin(2)
          out.text("GET")
          out.text(key)
        },
        answered: (_, start, end) => void ends.push(`${key}: ${end - start} bytes`),
        lost: (why, wasSent) => void ends.push(`${key}: ${why}, ${wasSent ? "sent" : "not sent"}`)
      })
      for (const key of ["a", "b", "c", "d", "e", "f"]) node.send(request(key))
      const keys = () => server.asked.flatMap(({ words }) => (words[0] === "GET" ? words.slice(1) : []))
      yield* server.waitFor("GET", 3)
      assert.deepStrictEqual(keys(), ["long", "a", "b"])
      // The third is sent when one of them is answered, and what was a long value once is forgotten by and by.
      yield* server.say(long)
      yield* server.waitFor("GET", 4)
      assert.deepStrictEqual(keys(), ["long", "a", "b", "c"])
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(node.isReady)
      yield* server.say("+short\r\n+short\r\n")
      yield* server.waitFor("GET", 6)
      assert.deepStrictEqual(keys(), ["long", "a", "b", "c", "d", "e"])
      yield* TestClock.adjust("1 minute")
      const silent = "did not answer within 1s"
      assert.deepStrictEqual(ends, [
        `a: ${long.length} bytes`,
        "b: 8 bytes",
        "c: 8 bytes",
        `d: ${silent}, sent`,
        `e: ${silent}, sent`,
        `f: ${silent}, not sent`
      ])
      assert.strictEqual(node.awaited, 0)
      isSilent = false
      yield* passesUntil(() => node.isReady)
      assert.strictEqual(yield* ask(node, "GET", "short"), "+short\r\n")
    }, Effect.scoped)
  )

  it.effect(
    "asks an idle server now and then whether it is there",
    Effect.fnUntraced(function* () {
      let isSilent = false
      const server = yield* ScriptedRedis.start(() => (isSilent ? "" : undefined))
      const told = yield* listen()
      const node = connectionTo(server.port, told)
      yield* node.first
      yield* Effect.forkChild(node.run)
      yield* TestClock.adjust("1250 millis")
      yield* server.waitFor("PING", 2)
      yield* Effect.repeat(turn, { until: () => node.awaited === 0 })
      isSilent = true
      yield* TestClock.adjust("1250 millis")
      yield* server.waitFor("PING", 3)
      yield* TestClock.adjust("1250 millis")
      yield* told.waitFor("lost: did not answer within 1s")
    }, Effect.scoped)
  )

  it.effect(
    "answers thousands that are under way, each with its own",
    Effect.fnUntraced(function* () {
      const server = yield* ScriptedRedis.start(({ words: [name, number] }) =>
        name === "ECHO" ? `:${number}\r\n` : undefined
      )
      const node = connectionTo(server.port, yield* listen())
      yield* node.first
      const numbers = Array.from({ length: 20_000 }, (_, number) => String(number))
      const answers = yield* Effect.all(
        numbers.map((number) => ask(node, "ECHO", number)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers,
        numbers.map((number) => `:${number}\r\n`)
      )
      assert.strictEqual(node.awaited, 0)
    }, Effect.scoped)
  )

  it.effect(
    "does not overwrite what the system has not taken yet",
    Effect.fnUntraced(function* () {
      const server = yield* ScriptedRedis.start()
      const node = connectionTo(server.port, yield* listen())
      yield* node.first
      const values = ["a", "b", "c", "d"].map((letter) => letter.repeat(4 * 1024 * 1024))
      // Each in a turn of its own, before the server has read the one before.
      const asked = yield* Effect.forEach(values, (value) =>
        Effect.tap(Effect.forkChild(ask(node, "SET", "key", value), { startImmediately: true }), () =>
          Effect.promise(() => Promise.resolve())
        )
      )
      yield* Effect.forEach(asked, Fiber.join)
      const arrived = server.asked.filter(({ words }) => words[0] === "SET").map(({ words }) => words[2])
      assert.isTrue(arrived.length === 4 && arrived.every((value, index) => value === values[index]))
    }, Effect.scoped)
  )

  it.effect(
    "answers what is under way when it is ended, and takes nothing more",
    Effect.fnUntraced(function* () {
      const { node, owed, running, server } = yield* owing
      node.end()
      assert.strictEqual(yield* ask(node, "GET", "b"), `${node.name} is not used any more`)
      yield* server.say("+late\r\n")
      assert.strictEqual(yield* Fiber.join(owed), "+late\r\n")
      yield* Fiber.join(running)
    }, Effect.scoped)
  )

  it.effect(
    "tells at once that it is ended, and not when its connection is closed: another one may have its number by then",
    Effect.fnUntraced(function* () {
      const { node, owed, running, server, told } = yield* owing
      node.end()
      assert.deepStrictEqual(told.lines, ["ready 1", "failed: is not used any more"])
      yield* server.say("+late\r\n")
      yield* Fiber.join(owed)
      yield* Fiber.join(running)
      yield* passesUntil(() => server.connected() === 0)
      assert.deepStrictEqual(told.lines, ["ready 1", "failed: is not used any more"])
    }, Effect.scoped)
  )

  it.effect(
    "fails what waits for it when it is ended before it is there",
    Effect.fnUntraced(function* () {
      const node = connectionTo(yield* closedPort, yield* listen())
      const waiting = yield* Effect.forkChild(ask(node, "GET", "a"), { startImmediately: true })
      node.end()
      assert.strictEqual(yield* Fiber.join(waiting), `${node.name} is not used any more`)
      yield* node.run
    }, Effect.scoped)
  )
})
