/**
 * A server over one real redis-server, and over scripted ones that do what real ones do at bad moments. The time of those
 * is the test's, so that nothing is tried again before the test says so.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Peer from "../../differential/Peer.ts"
import * as RedisServers from "../../support/RedisServers.ts"
import type * as TestServer from "../../server/TestServer.ts"
import * as Engines from "./Engines.ts"
import * as ScriptedRedis from "./ScriptedRedis.ts"

const { bulk } = ScriptedRedis

type Words = ReadonlyArray<string>

/** A client that sends requests all at once. */
const clientOf = Effect.fnUntraced(function* (server: TestServer.TestServer) {
  const peer = yield* Peer.connect(server.address)
  return (...requests: ReadonlyArray<Words>) => Effect.map(peer.ask(requests), ({ replies }) => replies)
})

// Keys of slots in either half.
const LOW = "bar"
const HIGH = "foo"
const MIDDLE = 8192
const LAST = 16_383

/** Sockets are seen to. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Lets time pass, and what it brings about, until something holds. */
const passesUntil = (holds: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.repeat(Effect.andThen(TestClock.adjust("100 millis"), Effect.andThen(turn, holds)), { until: (it) => it })
  )

/** Two masters, each of which has one half of the slots. They answer as a test says, and else that all is well. */
const halves = Effect.fnUntraced(function* (
  low: (asked: ScriptedRedis.Asked, high: ScriptedRedis.ScriptedRedis, port: number) => ScriptedRedis.Answer,
  high: (asked: ScriptedRedis.Asked) => ScriptedRedis.Answer = () => undefined
) {
  let ports: readonly [low: number, high: number] = [0, 0]
  const table = (): string => ScriptedRedis.slots([0, MIDDLE - 1, ports[0]], [MIDDLE, LAST, ports[1]])
  const answers =
    (answer: (asked: ScriptedRedis.Asked, port: number) => ScriptedRedis.Answer) =>
    (asked: ScriptedRedis.Asked, port: number): ScriptedRedis.Answer =>
      answer(asked, port) ?? (asked.words[0] === "CLUSTER" ? table() : undefined)
  const upper = yield* ScriptedRedis.start(answers(high))
  const lower = yield* ScriptedRedis.start(answers((asked, port) => low(asked, upper, port)))
  ports = [lower.port, upper.port]
  return { lower, upper }
})

const named = (name: string, { words }: ScriptedRedis.Asked): boolean => words[0] === name

describe.skipIf(!RedisServers.isInstalled)("a server over one redis-server", () => {
  it.live(
    "speaks both protocols, and keeps databases apart",
    Effect.fnUntraced(function* () {
      const engine = yield* RedisServers.single()
      const server = yield* Engines.serve({ ports: [engine.port] })
      const text = yield* server.connect()
      assert.strictEqual(
        yield* text.ask(
          "PUT a 1\nPUT b 2 100\nGET a\nGET nothing\nEXISTS b\nEXISTS nothing\nDELETE a\nDELETE a\nPUT c 3 2147483648\n"
        ),
        "OK stored\nOK stored\nOK 1\nERROR key not found\nOK 1\nOK 0\nOK deleted\nERROR key not found\n" +
          "ERROR ttl must be a whole number of seconds from 0 to 2147483647\n"
      )
      assert.match(engine.cli("ttl", "b"), /^(?:100|9[0-9])$/)

      const ask = yield* clientOf(server)
      assert.deepStrictEqual(
        yield* ask(
          ["PUT", "d", "any\r\nbytes", "50"],
          ["PUT", "d", "x", "never"],
          ["PUT", "e", "no ttl", "0"],
          ["TTL", "e"]
        ),
        ["+stored\r\n", "-ERR ttl must be a whole number of seconds from 0 to 2147483647\r\n", "+stored\r\n", ":-1\r\n"]
      )
      assert.match(engine.cli("ttl", "d"), /^(?:50|4[0-9])$/)

      // --- databases
      assert.deepStrictEqual(
        yield* ask(
          ["SELECT", "3"],
          ["SET", "f", "of 3"],
          ["DBSIZE"],
          ["GET", "f"],
          ["GET", "f"],
          ["KEYS", "*"],
          ["SCAN", "0"]
        ),
        [
          "+OK\r\n",
          "+OK\r\n",
          ":1\r\n",
          bulk("of 3"),
          bulk("of 3"),
          `*1\r\n${bulk("f")}`,
          `*2\r\n${bulk("0")}*1\r\n${bulk("f")}`
        ]
      )
      assert.deepStrictEqual(
        yield* ask(["SWAPDB", "0", "3"], ["GET", "f"], ["GET", "d"], ["SELECT", "0"], ["GET", "f"]),
        ["+OK\r\n", "$-1\r\n", bulk("any\r\nbytes"), "+OK\r\n", bulk("of 3")]
      )
      assert.deepStrictEqual(yield* ask(["RANDOMKEY"], ["FLUSHDB"], ["RANDOMKEY"], ["SELECT", "3"], ["EXISTS", "d"]), [
        bulk("f"),
        "+OK\r\n",
        "$-1\r\n",
        "+OK\r\n",
        ":1\r\n"
      ])
      assert.strictEqual(yield* text.ask("FLUSH\n"), "OK flushed\n")
      assert.deepStrictEqual(yield* ask(["DBSIZE"]), [":0\r\n"])

      // --- what is near is answered in its place, whatever else is asked
      yield* ask(["SELECT", "0"], ["MSET", "n1", "one", "n2", "two"])
      yield* ask(["GET", "n1"], ["GET", "n2"])
      const { calls: before } = yield* server.stats.pipe(
        Effect.map(() => ({ calls: engine.cli("info", "commandstats") }))
      )
      assert.include(before, "cmdstat_get:calls=")
      const mixed: ReadonlyArray<Words> = [
        ["GET", "nothing"],
        ["GET", "n1"],
        ["MGET", "n2", "n1"],
        ["EXISTS", "n1", "n1"],
        ["TYPE", "n2"],
        ["GETBIT", "n1", "-1"],
        ["SET", "n1", "other"],
        ["GET", "n1"]
      ]
      assert.deepStrictEqual(yield* ask(...mixed), [
        "$-1\r\n",
        bulk("one"),
        `*2\r\n${bulk("two")}${bulk("one")}`,
        ":2\r\n",
        "+string\r\n",
        "-ERR bit offset is not an integer or out of range\r\n",
        "+OK\r\n",
        bulk("other")
      ])
      assert.notInclude(engine.cli("info", "commandstats"), "cmdstat_type:")

      // --- what MGET has read is near, too, for as long as it lives
      engine.cli("mset", "m1", "one", "m2", "two")
      engine.cli("set", "m3", "three", "px", "1000000")
      engine.cli("lpush", "m4", "no string")
      const many = ["MGET", "m1", "m2", "m3", "m4", "m5"]
      const values = `*5\r\n${bulk("one")}${bulk("two")}${bulk("three")}$-1\r\n$-1\r\n`
      assert.deepStrictEqual(yield* ask(many), [values])
      const hits = /near_hits:(\d+)/
      const nearHits = Effect.map(ask(["INFO", "server"]), ([info = ""]) => Number(hits.exec(info)?.[1]))
      const hitsBefore = yield* nearHits
      assert.deepStrictEqual(yield* ask(["GET", "m1"], ["MGET", "m2", "m3"]), [
        bulk("one"),
        `*2\r\n${bulk("two")}${bulk("three")}`
      ])
      assert.strictEqual((yield* nearHits) - hitsBefore, 2)
      engine.cli("set", "m1", "changed")
      yield* Effect.repeat(ask(["MGET", "m1"]), { until: ([reply]) => reply === `*1\r\n${bulk("changed")}` })

      // --- what watches has connections of its own, of which some are kept
      const watchers = yield* Effect.forEach(Array.from({ length: 10 }), () => clientOf(server))
      for (let round = 0; round < 2; round++) {
        for (const watcher of watchers) assert.deepStrictEqual(yield* watcher(["WATCH", "n1"]), ["+OK\r\n"])
        yield* ask(["INCR", "n2"], ["SET", "n1", String(round)])
        for (const watcher of watchers) {
          assert.strictEqual((yield* watcher(["MULTI"], ["GET", "n1"], ["EXEC"])).at(-1), "*-1\r\n")
        }
      }
      // Two databases have one each; eight are kept for who watches next, and the others close once they are not needed.
      const open = Effect.sync(
        () =>
          engine
            .cli("client", "list")
            .split("\n")
            .filter((line) => line.includes("name=kv-cache")).length
      )
      yield* Effect.repeat(Effect.andThen(turn, open), { until: (count) => count <= 2 + 8 })

      assert.match(
        (yield* ask(["MULTI"], ["SELECT", "1"])).at(-1) ?? "",
        /^-ERR SELECT cannot be in a transaction here/
      )
      assert.strictEqual((yield* server.stats).defects, 0)
    }, Effect.scoped)
  )
})

describe("a server over masters in trouble", () => {
  it.effect(
    "asks whom a server names, and passes on what it says for ever",
    Effect.fnUntraced(function* () {
      const { lower, upper } = yield* halves((asked, high, port) => {
        const [, key] = asked.words
        if (key === "{bar}moved") return `-MOVED 5061 127.0.0.1:${high.port}\r\n`
        if (key === "{bar}asked") return `-ASK 5061 127.0.0.1:${high.port}\r\n`
        if (key === "{bar}mine") return `-MOVED 5061 :${port}\r\n`
        if (key === "{bar}nowhere") return "-MOVED 5061 nowhere:at:all\r\n"
        return named("GET", asked) ? bulk("low") : undefined
      })
      const server = yield* Engines.serve({ ports: [lower.port] })
      const ask = yield* clientOf(server)
      const requests = (to: ScriptedRedis.ScriptedRedis): ReadonlyArray<string> =>
        to.asked.map(({ words }) => words.join(" ")).filter((line) => /^(?:GET|SET|ASKING)/.test(line))

      assert.deepStrictEqual(yield* ask(["GET", LOW], ["SET", HIGH, "1"]), [bulk("low"), "+OK\r\n"])
      assert.deepStrictEqual(yield* ask(["SET", "{bar}asked", "1"]), ["+OK\r\n"])
      assert.deepStrictEqual(requests(upper), [`SET ${HIGH} 1`, "ASKING", "SET {bar}asked 1"])
      assert.deepStrictEqual(yield* ask(["SET", "{bar}nowhere", "1"]), ["-MOVED 5061 nowhere:at:all\r\n"])

      const before = requests(lower).length
      assert.deepStrictEqual(yield* ask(["SET", "{bar}mine", "1"]), [`-MOVED 5061 :${lower.port}\r\n`])
      assert.strictEqual(requests(lower).length - before, 6, "five times more")

      assert.deepStrictEqual(yield* ask(["SET", "{bar}moved", "1"], ["SET", "{bar}moved", "2"]), ["+OK\r\n", "+OK\r\n"])
      assert.deepStrictEqual(yield* ask(["SET", "{bar}behind", "1"]), ["+OK\r\n"])
      assert.deepStrictEqual(requests(upper).slice(-3), ["SET {bar}moved 1", "SET {bar}moved 2", "SET {bar}behind 1"])

      // What the servers say of the slots, when they are asked again, holds.
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("200 millis"), ask(["GET", LOW])), {
        until: ([reply]) => reply === bulk("low")
      })
      assert.strictEqual((yield* server.stats).defects, 0)
    }, Effect.scoped)
  )

  it.effect(
    "says that nobody has a slot, and goes on with the others",
    Effect.fnUntraced(function* () {
      const half: ScriptedRedis.ScriptedRedis = yield* ScriptedRedis.start(({ words }, port) =>
        words[0] === "CLUSTER"
          ? ScriptedRedis.slots([MIDDLE, LAST, port])
          : words[1] === "{foo}down"
            ? "-CLUSTERDOWN The cluster is down\r\n"
            : words[0] === "SCAN"
              ? `*2\r\n${bulk("0")}*0\r\n`
              : undefined
      )
      const server = yield* Engines.serve({ ports: [half.port] })
      const ask = yield* clientOf(server)
      const notServed = "-CLUSTERDOWN Hash slot not served\r\n"
      assert.deepStrictEqual(
        yield* ask(["SET", LOW, "1"], ["SET", HIGH, "1"], ["MSET", LOW, "1", HIGH, "1"], ["GET", "{foo}down"]),
        [notServed, "+OK\r\n", notServed, "-CLUSTERDOWN The cluster is down\r\n"]
      )
      assert.deepStrictEqual(yield* ask(["EXPLAIN", LOW], ["EXPLAIN", "{foo}down"]), [
        "+unknown, the cluster does not serve its slot (Hash slot not served); a read is an error (--engine-down error); " +
          "not kept near\r\n",
        "+unknown, the cluster does not serve its slot (The cluster is down); a read is an error (--engine-down error); " +
          "not kept near: no GET has read it of late\r\n"
      ])
      assert.deepStrictEqual(yield* ask(["WATCH", LOW], ["MULTI"], ["GET", LOW], ["EXEC"]), [
        notServed,
        "+OK\r\n",
        "+QUEUED\r\n",
        "*-1\r\n"
      ])
      assert.deepStrictEqual(yield* ask(["MULTI"], ["GET", LOW], ["EXEC"]), ["+OK\r\n", "+QUEUED\r\n", notServed])
    }, Effect.scoped)
  )

  it.effect(
    "forgets the name that a server was given in the settings once the cluster has another one for it",
    Effect.fnUntraced(function* () {
      const { lower, upper } = yield* halves(() => undefined)
      const server = yield* Engines.serve({ url: `redis://localhost:${lower.port}`, ports: [] })
      const ask = yield* clientOf(server)
      yield* ask(["GET", LOW], ["GET", HIGH])
      const [told = ""] = yield* ask(["INFO", "server"])
      assert.sameMembers(
        [...told.matchAll(/^kv_cache_engine_node\d+:address=([^,]+),role=([a-z]+)/gm)].map(
          ([, at, role]) => `${at} ${role}`
        ),
        [`127.0.0.1:${lower.port} master`, `127.0.0.1:${upper.port} master`]
      )
      assert.strictEqual(lower.connected(), 2)
      yield* passesUntil(Effect.sync(() => lower.connected() === 1))
      assert.deepStrictEqual(yield* ask(["SET", LOW, "1"], ["SET", HIGH, "1"]), ["+OK\r\n", "+OK\r\n"])
    }, Effect.scoped)
  )

  it.effect(
    "says who has taken over",
    Effect.fnUntraced(function* () {
      let table = ""
      const answer = ({ words }: ScriptedRedis.Asked) => (words[0] === "CLUSTER" ? table : undefined)
      const [old, heir] = [yield* ScriptedRedis.start(answer), yield* ScriptedRedis.start(answer)]
      table = ScriptedRedis.slots([0, LAST, old.port])
      const server = yield* Engines.serve({ ports: [old.port] })
      // Servers are asked now and then though nothing has happened: that is no news.
      yield* passesUntil(Effect.sync(() => old.asked.filter((asked) => named("CLUSTER", asked)).length === 3))
      table = ScriptedRedis.slots([0, LAST, heir.port])
      const said = "the keys are in a Redis Cluster: "
      const passing = yield* Effect.forkChild(passesUntil(Effect.succeed(false)))
      yield* server.logs.waitFor(said, 2)
      yield* Fiber.interrupt(passing)
      assert.deepStrictEqual(
        server.logs.startingWith(said).map(({ message }) => message),
        [old, heir].map(({ port }) => `${said}127.0.0.1:${port}`)
      )
    }, Effect.scoped)
  )

  for (const [what, tracked, caching, reads] of [
    ["keeps what the server agrees to track", "+OK\r\n", "+OK\r\n", 1],
    ["keeps nothing that the server does not agree to track", "+OK\r\n", "-NOPERM not you\r\n", 2],
    ["keeps what is read from a server that does not track", "-ERR not here\r\n", "-ERR not here\r\n", 1]
  ] as const) {
    it.effect(
      what,
      Effect.fnUntraced(function* () {
        const engine = yield* ScriptedRedis.start((asked) => {
          const { words } = asked
          if (words[0] === "CLIENT") return words[1] === "TRACKING" ? tracked : caching
          return named("GET", asked) ? bulk("value") : named("PTTL", asked) ? ":-1\r\n" : undefined
        })
        const ask = yield* clientOf(yield* Engines.serve({ ports: [engine.port] }))
        assert.deepStrictEqual(yield* ask(["GET", "a"]), [bulk("value")])
        assert.deepStrictEqual(yield* ask(["GET", "a"]), [bulk("value")])
        const its = engine.asked
          .map(({ words }) => words.join(" "))
          .filter((line) => /^(CLIENT CACHING|PTTL|GET)/.test(line))
        const first = tracked.startsWith("+") ? ["CLIENT CACHING YES", "PTTL a", "GET a"] : ["PTTL a", "GET a"]
        assert.deepStrictEqual(its, Array.from({ length: reads }, () => first).flat())
      }, Effect.scoped)
    )
  }

  it.effect(
    "says once of each server that nothing of it is kept near if PTTL is forbidden there",
    Effect.fnUntraced(function* () {
      const forbidden = "NOPERM this user has no permissions to run the 'pttl' command"
      const unreadable = "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n"
      const answer = ({ words: [name, key] }: ScriptedRedis.Asked): ScriptedRedis.Answer => {
        if (name === "PTTL") return `-${forbidden}\r\n`
        // The value may be forbidden, too, which the client learns.
        if (name === "GET") return key === HIGH ? unreadable : bulk("value")
        return name === "MGET" ? `*1\r\n${bulk("value")}` : undefined
      }
      const { lower, upper } = yield* halves(answer, answer)
      const server = yield* Engines.serve({ ports: [lower.port] })
      const ask = yield* clientOf(server)
      const said = (port: number): string =>
        `nothing of 127.0.0.1:${port} is kept near, as it refuses CLIENT CACHING or PTTL: ${forbidden}`
      assert.deepStrictEqual(yield* ask(["GET", LOW], ["GET", LOW], ["GET", HIGH]), [
        bulk("value"),
        bulk("value"),
        unreadable
      ])
      yield* server.logs.waitFor(said(lower.port))
      assert.deepStrictEqual(server.logs.startingWith(said(upper.port)), [])
      yield* ask(["GET", `{${HIGH}}other`], ["MGET", LOW, `{${HIGH}}other`])
      yield* server.logs.waitFor(said(upper.port))
      for (const { port } of [lower, upper]) assert.lengthOf(server.logs.startingWith(said(port)), 1)
      assert.deepStrictEqual(yield* ask(["EXPLAIN", LOW]), [
        `+unknown, the engine (127.0.0.1:${lower.port}) answered PTTL with an error: this user has no permissions to run ` +
          "the 'pttl' command; nothing is kept near without it\r\n"
      ])
    }, Effect.scoped)
  )

  it.effect(
    "refuses to have clients listen to what never comes",
    Effect.fnUntraced(function* () {
      const engine = yield* ScriptedRedis.start()
      const server = yield* Engines.serve({ ports: [engine.port] })
      const ask = yield* clientOf(server)
      assert.deepStrictEqual(yield* ask(["SUBSCRIBE", "news"], ["CLIENT", "TRACKING", "ON"], ["PING"]), [
        "-ERR SUBSCRIBE is not possible with --engine: listen to the engine itself\r\n",
        "-ERR CLIENT TRACKING is not possible with --engine: others change its keys, too; values that are read often are " +
          "kept near\r\n",
        "+PONG\r\n"
      ])
    }, Effect.scoped)
  )

  it.effect(
    "tells how long ago all that was near was dropped",
    Effect.fnUntraced(function* () {
      const engine = yield* ScriptedRedis.start(({ words }) => (words[0] === "PTTL" ? ":-2\r\n" : undefined))
      const server = yield* Engines.serve({ ports: [engine.port] })
      const ask = yield* clientOf(server)
      yield* TestClock.adjust("1 minute")
      yield* ask(["FLUSHALL"])
      yield* TestClock.adjust("3 seconds")
      const [told = ""] = yield* ask(["EXPLAIN", "a"])
      assert.match(told, /; not kept near: all that came from its server was dropped \(.*\) 3 s ago\r\n$/)
    }, Effect.scoped)
  )

  it.effect(
    "goes through one master after the other with SCAN, RANDOMKEY and KEYS",
    Effect.fnUntraced(function* () {
      const answers = (key: string, inner: string) => (asked: ScriptedRedis.Asked) =>
        named("SCAN", asked)
          ? `*2\r\n${bulk(asked.words[1] === "0" ? inner : "0")}*1\r\n${bulk(`${key}${asked.words[1]}`)}`
          : named("RANDOMKEY", asked)
            ? key === "low"
              ? "_\r\n"
              : bulk(key)
            : named("KEYS", asked)
              ? `*1\r\n${bulk(key)}`
              : undefined
      const { lower } = yield* halves(answers("low", "17179869184"), answers("high", "0"))
      const ask = yield* clientOf(yield* Engines.serve({ ports: [lower.port] }))
      const found: Array<string> = []
      let cursor = "0"
      do {
        const [reply = ""] = yield* ask(["SCAN", cursor, "COUNT", "5"])
        const [, next = "", key = ""] = /^\*2\r\n\$[0-9]+\r\n([0-9]+)\r\n\*1\r\n\$[0-9]+\r\n(.*)\r\n$/.exec(reply) ?? []
        found.push(key)
        cursor = next
      } while (cursor !== "0")
      assert.deepStrictEqual(found, ["low0", "low17179869184", "high0"])
      assert.deepStrictEqual(yield* ask(["SCAN", "1023"]), ["-CLUSTERDOWN Hash slot not served\r\n"])
      assert.deepStrictEqual(yield* ask(["RANDOMKEY"], ["RANDOMKEY"]), [bulk("high"), bulk("high")])
      assert.deepStrictEqual(yield* ask(["KEYS", "*"]), [`*2\r\n${bulk("low")}${bulk("high")}`])
    }, Effect.scoped)
  )

  for (const [down, replies] of [
    ["error", { get: /^-UNAVAILABLE .*: no answer to GET\r\n$/, exists: /^-UNAVAILABLE /, mget: /^-UNAVAILABLE / }],
    ["miss", { get: /^\$-1\r\n$/, exists: /^:0\r\n$/, mget: /^\*2\r\n\$-1\r\n\$4\r\nhigh\r\n$/ }],
    ["stale", { get: /^\$3\r\nlow\r\n$/, exists: /^:1\r\n$/, mget: /^\*2\r\n\$3\r\nlow\r\n\$4\r\nhigh\r\n$/ }]
  ] as const) {
    it.effect(
      `answers reads while their server is gone with --engine-down ${down}, and refuses writes`,
      Effect.fnUntraced(function* () {
        let isGone = false
        const { lower } = yield* halves(
          (asked) =>
            isGone
              ? ScriptedRedis.CLOSE
              : named("GET", asked)
                ? bulk("low")
                : named("PTTL", asked)
                  ? ":-1\r\n"
                  : undefined,
          (asked) =>
            named("MGET", asked)
              ? `*1\r\n${bulk("high")}`
              : named("GET", asked)
                ? bulk("high")
                : named("PTTL", asked)
                  ? ":-1\r\n"
                  : undefined
        )
        const server = yield* Engines.serve({ ports: [lower.port], down, staleTtl: Duration.minutes(1) })
        const ask = yield* clientOf(server)
        // Once both are connected, values are kept.
        yield* ask(["SET", LOW, "low"], ["SET", HIGH, "high"])
        assert.deepStrictEqual(yield* ask(["GET", LOW], ["GET", HIGH]), [bulk("low"), bulk("high")])
        isGone = true
        const [lost = ""] = yield* ask(["SET", "{bar}other", "1"])
        assert.match(lost, /^-UNAVAILABLE 127\.0\.0\.1:\d+ .*: SET may have been executed, or not\r\n$/)
        const [get = "", exists = "", mget = "", set = "", incr = "", other = ""] = yield* ask(
          ["GET", LOW],
          ["EXISTS", LOW],
          ["MGET", LOW, HIGH],
          ["SET", "{bar}other", "1"],
          ["INCR", "{bar}other"],
          ["SET", "{foo}other", "1"]
        )
        assert.match(get, replies.get)
        assert.match(exists, replies.exists)
        assert.match(mget, replies.mget)
        assert.match(set, /^-UNAVAILABLE .*: SET was not executed\r\n$/)
        assert.match(incr, /^-UNAVAILABLE .*: INCR was not executed\r\n$/)
        assert.strictEqual(other, "+OK\r\n")
        yield* TestClock.adjust("3 minutes")
        assert.match((yield* ask(["GET", LOW]))[0] ?? "", down === "miss" ? /^\$-1/ : /^-UNAVAILABLE /, "not for ever")
        isGone = false
        yield* passesUntil(Effect.map(ask(["SET", LOW, "back"]), ([reply]) => reply === "+OK\r\n"))
      }, Effect.scoped)
    )
  }

  it.effect(
    "executes a transaction where its keys are, or not at all",
    Effect.fnUntraced(function* () {
      // What the lower master says of the commands in a transaction, and of EXEC.
      let says: (name: string, high: number) => ScriptedRedis.Answer = () => undefined
      const { lower, upper } = yield* halves(
        ({ words: [name = ""] }, high) => says(name, high.port) ?? (name === "EXEC" ? "*1\r\n:1\r\n" : undefined),
        ({ words: [name = ""] }) => (name === "EXEC" ? "*1\r\n:2\r\n" : undefined)
      )
      const server = yield* Engines.serve({ ports: [lower.port] })
      const ask = yield* clientOf(server)
      const transaction = (...before: ReadonlyArray<Words>) =>
        Effect.map(ask(...before, ["MULTI"], ["INCR", LOW], ["EXEC"]), (replies) => replies.at(-1) ?? "")
      assert.strictEqual(yield* transaction(), "*1\r\n:1\r\n")

      says = (name, high) =>
        name === "INCR"
          ? `-ASK 5061 127.0.0.1:${high}\r\n`
          : name === "EXEC"
            ? "-EXECABORT Transaction discarded\r\n"
            : undefined
      assert.strictEqual(
        yield* transaction(),
        "-TRYAGAIN the keys of the transaction are being moved to another server\r\n"
      )

      says = (name) =>
        name === "INCR"
          ? "-OOM command not allowed\r\n"
          : name === "EXEC"
            ? "-EXECABORT Transaction discarded\r\n"
            : undefined
      assert.strictEqual(
        yield* transaction(),
        "-EXECABORT Transaction discarded because of: OOM command not allowed\r\n"
      )

      says = (name) => (name === "EXEC" ? "-READONLY You can't write against a read only replica.\r\n" : undefined)
      assert.strictEqual(yield* transaction(), "-READONLY You can't write against a read only replica.\r\n")

      says = (name) => (name === "WATCH" ? "-LOADING Redis is loading the dataset in memory\r\n" : undefined)
      assert.deepStrictEqual(yield* ask(["WATCH", LOW]), ["-LOADING Redis is loading the dataset in memory\r\n"])
      yield* ask(["UNWATCH"])

      // A key whose slot has moved since is watched by nobody.
      says = (name, high) =>
        name === "INCR"
          ? `-MOVED 5061 127.0.0.1:${high}\r\n`
          : name === "EXEC"
            ? "-EXECABORT Transaction discarded\r\n"
            : undefined
      assert.strictEqual(yield* transaction(["WATCH", LOW]), "*-1\r\n")
      // That is known now, so what comes next goes there; so does what is watched.
      assert.strictEqual(yield* transaction(["WATCH", LOW]), "*1\r\n:2\r\n")
      assert.isAbove(upper.asked.filter((asked) => named("WATCH", asked)).length, 0)
      assert.strictEqual((yield* server.stats).defects, 0)
    }, Effect.scoped)
  )

  it.effect(
    "sends a transaction to whom it is told, and gives up when it is told so again and again",
    Effect.fnUntraced(function* () {
      const { lower, upper } = yield* halves(
        (asked, high, port) => {
          const to = asked.words[1] === "{bar}mine" ? port : high.port
          return named("INCR", asked) || named("WATCH", asked)
            ? `-MOVED 5061 127.0.0.1:${to}\r\n`
            : named("EXEC", asked)
              ? "-EXECABORT Transaction discarded\r\n"
              : undefined
        },
        (asked) => (named("EXEC", asked) ? "*1\r\n:2\r\n" : undefined)
      )
      const ask = yield* clientOf(yield* Engines.serve({ ports: [lower.port] }))
      const [, , mine] = yield* ask(["MULTI"], ["INCR", "{bar}mine"], ["EXEC"])
      assert.strictEqual(mine, `-EXECABORT Transaction discarded because of: MOVED 5061 127.0.0.1:${lower.port}\r\n`)
      assert.deepStrictEqual(yield* ask(["WATCH", "{bar}mine"]), [`-MOVED 5061 127.0.0.1:${lower.port}\r\n`])
      yield* ask(["UNWATCH"])
      assert.deepStrictEqual(yield* ask(["WATCH", LOW], ["MULTI"], ["INCR", LOW], ["EXEC"]), [
        "+OK\r\n",
        "+OK\r\n",
        "+QUEUED\r\n",
        "*1\r\n:2\r\n"
      ])
      const watches = upper.asked.filter((asked) => named("WATCH", asked))
      assert.strictEqual(watches.length, 1)
    }, Effect.scoped)
  )

  it.effect(
    "does not connect again for WATCH before somebody watches again",
    Effect.fnUntraced(function* () {
      // The second connection is the first one for WATCH. It is lost while nobody uses it.
      let isPinged = false
      const engine = yield* ScriptedRedis.start(({ connection, words }) => {
        if (connection !== 2 || words[0] !== "PING" || !isPinged) return undefined
        return ScriptedRedis.CLOSE
      })
      const server = yield* Engines.serve({ ports: [engine.port] })
      const ask = yield* clientOf(server)
      assert.deepStrictEqual(yield* ask(["WATCH", LOW], ["UNWATCH"]), ["+OK\r\n", "+OK\r\n"])
      yield* engine.waitFor("UNWATCH")
      isPinged = true
      yield* passesUntil(Effect.sync(() => engine.connected() === 1))
      const before = engine.asked.filter((one) => named("PING", one)).length
      yield* passesUntil(Effect.sync(() => engine.asked.filter((one) => named("PING", one)).length > before + 3))
      assert.strictEqual(Math.max(...engine.asked.map(({ connection }) => connection)), 2)
      assert.deepStrictEqual(yield* ask(["WATCH", LOW], ["UNWATCH"]), ["+OK\r\n", "+OK\r\n"])
      yield* engine.waitFor("UNWATCH", 2)
      assert.strictEqual(engine.connected(), 2)
    }, Effect.scoped)
  )

  it.effect(
    "watches with another connection when the one that watches is lost, and then executes nothing",
    Effect.fnUntraced(function* () {
      const engine = yield* ScriptedRedis.start(({ connection, words }) =>
        connection === 2 && words[1] === HIGH ? ScriptedRedis.CLOSE : undefined
      )
      const server = yield* Engines.serve({ ports: [engine.port] })
      const ask = yield* clientOf(server)
      assert.deepStrictEqual(yield* ask(["WATCH", LOW]), ["+OK\r\n"])
      assert.match((yield* ask(["WATCH", HIGH])).join(""), /^-UNAVAILABLE .*: no answer to WATCH\r\n$/)
      assert.deepStrictEqual(yield* ask(["WATCH", LOW], ["MULTI"], ["GET", LOW], ["EXEC"]), [
        "+OK\r\n",
        "+OK\r\n",
        "+QUEUED\r\n",
        "*-1\r\n"
      ])
    }, Effect.scoped)
  )

  it.effect(
    "says whether a transaction may have been executed when its server is lost",
    Effect.fnUntraced(function* () {
      let leavesAt = "EXEC"
      const { lower } = yield* halves((asked) => (named(leavesAt, asked) ? ScriptedRedis.CLOSE : undefined))
      const server = yield* Engines.serve({ ports: [lower.port] })
      const ask = yield* clientOf(server)
      const execute = Effect.map(ask(["MULTI"], ["INCR", LOW], ["EXEC"]), (replies) => replies.at(-1) ?? "")
      assert.match(yield* execute, /^-UNAVAILABLE .*: the transaction may have been executed, or not\r\n$/)
      assert.match(yield* execute, /^-UNAVAILABLE .*: the transaction was not executed\r\n$/)
      leavesAt = "WATCH"
      yield* passesUntil(Effect.map(ask(["SET", LOW, "1"]), ([reply]) => reply === "+OK\r\n"))
      const [watch = "", , , executed] = yield* ask(["WATCH", LOW], ["MULTI"], ["INCR", LOW], ["EXEC"])
      assert.match(watch, /^-UNAVAILABLE .*: no answer to WATCH\r\n$/)
      assert.strictEqual(executed, "*-1\r\n")
      assert.strictEqual((yield* server.stats).defects, 0)
    }, Effect.scoped)
  )

  it.effect(
    "is closed in time although commands are under way for ever",
    Effect.fnUntraced(function* () {
      // On the connection that all share nothing is answered once a value is asked for.
      let isSilent = false
      const { lower } = yield* halves((asked) => {
        isSilent ||= named("GET", asked)
        const isShared = asked.connection === 1
        return (isShared && isSilent) || named("EXEC", asked) || asked.words[1] === "{bar}slow" ? "" : undefined
      })
      const server = yield* Engines.serve({ ports: [lower.port], timeout: Duration.days(1) })
      const askers = yield* Effect.forEach(
        [
          [["GET", LOW]],
          [["WATCH", LOW], ["MULTI"], ["INCR", LOW], ["EXEC"]],
          [["WATCH", "{bar}slow"]],
          [["MULTI"], ["SET", LOW, "1"], ["EXEC"]]
        ],
        (requests) =>
          Effect.flatMap(clientOf(server), (ask) => Effect.forkChild(ask(...requests), { startImmediately: true }))
      )
      yield* Effect.all([lower.waitFor("GET"), lower.waitFor("EXEC", 2), lower.waitFor("WATCH", 2)])
      const closing = yield* Effect.forkChild(server.close)
      yield* passesUntil(Effect.sync(() => closing.pollUnsafe() !== undefined))
      const replies = yield* Effect.forEach(askers, Fiber.join)
      assert.deepStrictEqual(replies, [[], ["+OK\r\n", "+OK\r\n", "+QUEUED\r\n"], [], ["+OK\r\n", "+QUEUED\r\n"]])
      assert.deepStrictEqual(server.logs.startingWith("a defect"), [])
    }, Effect.scoped)
  )

  it.effect(
    "starts with any server that answers, and says why with none",
    Effect.fnUntraced(function* () {
      const closed = yield* Effect.scoped(Effect.map(ScriptedRedis.start(), ({ port }) => port))
      const server = yield* ScriptedRedis.start(({ words }) =>
        words[0] === "CLIENT" ? "-ERR unknown command 'CLIENT'\r\n" : undefined
      )
      const served = yield* Engines.serve({ ports: [closed, server.port] })
      const ask = yield* clientOf(served)
      assert.deepStrictEqual(yield* ask(["SELECT", "2"], ["SET", "a", "1"]), ["+OK\r\n", "+OK\r\n"])
      const start = `127.0.0.1:${server.port} does not tell which keys change (ERR unknown command 'CLIENT')`
      assert.deepStrictEqual(
        served.logs.startingWith(start).map(({ level, message }) => [level, message]),
        [["Warn", `${start}: values may be old for 1m (--near-ttl)`]],
        "once"
      )

      const refusing = yield* ScriptedRedis.start(({ words }) =>
        words[0] === "HELLO" ? "-NOAUTH Authentication required.\r\n" : undefined
      )
      const leaving = yield* ScriptedRedis.start(({ words }) =>
        words[0] === "CLUSTER" ? ScriptedRedis.CLOSE : undefined
      )
      const why = (...ports: ReadonlyArray<number>) =>
        Effect.map(Effect.flip(Engines.discover({ ports })), ({ message }) => message)
      assert.strictEqual(
        yield* why(closed, refusing.port, server.port),
        `127.0.0.1:${refusing.port} refuses us (HELLO 3): NOAUTH Authentication required.`
      )
      assert.match(
        yield* why(closed, leaving.port),
        /^127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\); 127\.0\.0\.1:\d+ (?:closed the connection|cannot be reached \(ECONNRESET\))$/
      )
    }, Effect.scoped)
  )
})
